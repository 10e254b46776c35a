//! `deliveries`: what was sent, by whom it was accepted, and each try.

mod retry;

use std::path::Path;

use chrono::{DateTime, Utc};
use comfy_table::Table;
use rusqlite::{Connection, params};
use serde::Serialize;

use super::Session;
use super::exit::Exit;
use super::table::{print, table};
use crate::clock::written;
use crate::journal::events::time;
use crate::journal::{JournalError, open_read_only};

/// Arguments of `deliveries`.
#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct Args {
    #[command(subcommand)]
    command: Option<Command>,
    /// Only what failed and reached nobody: no other channel took the message, or its escalation
    #[arg(long)]
    failed: bool,
    /// At most this many, the newest first
    #[arg(long, default_value_t = 50, value_name = "N")]
    limit: usize,
    /// Every try of each, too
    #[arg(long)]
    attempts: bool,
    /// As JSON
    #[arg(long)]
    json: bool,
}

/// Subcommands of `deliveries`.
#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Send a failed delivery again; a daemon that runs does it within seconds
    Retry {
        /// Its number
        id: i64,
    },
}

/// A delivery as `--json` prints it.
#[derive(Debug, Serialize)]
struct Shown {
    id: i64,
    message: i64,
    route: String,
    kind: String,
    topic: String,
    events: i64,
    step: i64,
    channel: String,
    state: String,
    reason: Option<String>,
    receipt: Option<String>,
    next_try: Option<DateTime<Utc>>,
    /// The delivery as whose part it was sent.
    merged_into: Option<i64>,
    created: DateTime<Utc>,
    attempts: Vec<Attempt>,
}

#[derive(Debug, Serialize)]
struct Attempt {
    n: i64,
    started: DateTime<Utc>,
    ended: Option<DateTime<Utc>>,
    outcome: Option<String>,
    reason: Option<String>,
}

/// Lists deliveries.
pub fn run(session: &Session<'_>, args: &Args) -> Exit {
    let settings = match session.settings() {
        Ok(settings) => settings,
        Err(exit) => return exit,
    };
    if let Some(Command::Retry { id }) = args.command {
        let channels: Vec<&str> = settings.channels.iter().map(|channel| channel.name.as_str()).collect();
        return retry::run(&settings.journal, id, &channels);
    }
    match read(&settings.journal, args) {
        Ok(shown) => show(&shown, args),
        Err(error) => {
            eprintln!("error: journal {}: {error}", settings.journal.display());
            Exit::Failed
        }
    }
}

fn read(path: &Path, args: &Args) -> Result<Vec<Shown>, JournalError> {
    if !path.exists() {
        return Ok(Vec::new());
    }
    let connection = open_read_only(path)?;
    let mut deliveries = list(&connection, args)?;
    for delivery in &mut deliveries {
        delivery.attempts = attempts(&connection, delivery.id)?;
    }
    Ok(deliveries)
}

fn list(connection: &Connection, args: &Args) -> rusqlite::Result<Vec<Shown>> {
    connection
        .prepare(
            "SELECT delivery.id, message.id AS message, route, topic, delivery.step + 1 AS step, channel, state,
                    IIF(escalation IS NULL, kind, 'escalation') AS kind,
                    COALESCE(reason, held_by, escalation) AS reason,
                    json_extract(receipt, '$.line') AS receipt, not_before, merged_into, message.created,
                    (SELECT COUNT(*) FROM message_event WHERE message_event.message = message.id) AS events
             FROM delivery JOIN message ON message.id = delivery.message
             WHERE NOT ?2 OR state = 'failed' AND NOT EXISTS (
                 SELECT 1 FROM delivery AS other JOIN message AS told ON told.id = other.message
                 WHERE other.state = 'accepted'
                 AND (told.id = message.id OR told.parent = message.id AND told.escalation IS NOT NULL)
             ) ORDER BY delivery.id DESC LIMIT ?1",
        )?
        .query_map(params![args.limit as i64, args.failed], |row| {
            let state: String = row.get("state")?;
            let waits = matches!(state.as_str(), "pending" | "waiting");
            Ok(Shown {
                id: row.get("id")?,
                message: row.get("message")?,
                route: row.get("route")?,
                kind: row.get("kind")?,
                topic: row.get("topic")?,
                events: row.get("events")?,
                step: row.get("step")?,
                channel: row.get("channel")?,
                state,
                reason: row.get("reason")?,
                receipt: row.get("receipt")?,
                next_try: waits.then_some(time(row.get("not_before")?)),
                merged_into: row.get("merged_into")?,
                created: time(row.get("created")?),
                attempts: Vec::new(),
            })
        })?
        .collect()
}

fn attempts(connection: &Connection, delivery: i64) -> rusqlite::Result<Vec<Attempt>> {
    connection
        .prepare_cached(
            "SELECT n, started, ended, outcome, reason FROM attempt WHERE delivery = ?1 ORDER BY id",
        )?
        .query_map([delivery], |row| {
            Ok(Attempt {
                n: row.get(0)?,
                started: time(row.get(1)?),
                ended: row.get::<_, Option<i64>>(2)?.map(time),
                outcome: row.get(3)?,
                reason: row.get(4)?,
            })
        })?
        .collect()
}

/// What the channel said, or why it waits and when it goes.
fn answer(delivery: &Shown) -> String {
    let said = delivery.receipt.as_ref().or(delivery.reason.as_ref()).map_or("", String::as_str);
    match (delivery.merged_into, delivery.next_try) {
        (_, Some(next)) if !said.is_empty() => format!("{said}; next try {}", written(next)),
        (Some(with), None) => format!("with {with}: {said}"),
        _ => said.to_owned(),
    }
}

fn show(shown: &[Shown], args: &Args) -> Exit {
    if args.json {
        return super::exit::print_json(shown);
    }
    let nothing = if args.failed { "nothing failed that nobody else took" } else { "nothing was sent yet" };
    print(rows(shown, args), nothing);
    Exit::Ok
}

fn rows(shown: &[Shown], args: &Args) -> Table {
    let mut rows =
        table(&["id", "message", "created", "route", "step", "channel", "state", "tries", "answer"]);
    for delivery in shown {
        rows.add_row([
            delivery.id.to_string(),
            format!("{} {} ({})", delivery.message, delivery.topic, delivery.events),
            written(delivery.created),
            delivery.route.clone(),
            delivery.step.to_string(),
            delivery.channel.clone(),
            delivery.state.clone(),
            delivery.attempts.len().to_string(),
            answer(delivery),
        ]);
        for attempt in delivery.attempts.iter().filter(|_| args.attempts) {
            let outcome = attempt.outcome.clone().unwrap_or_else(|| "under way".to_owned());
            let blank = String::new;
            rows.add_row([
                blank(),
                format!("try {}", attempt.n),
                written(attempt.started),
                blank(),
                blank(),
                blank(),
                outcome,
                blank(),
                attempt.reason.clone().unwrap_or_default(),
            ]);
        }
    }
    rows
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::*;
    use crate::dispatch::fixtures::{agent_silent, route, start};
    use crate::journal::events::{self, millis};
    use crate::journal::{Journal, deliveries};

    /// A journal of an event that `soc` refused and `mail` took, and of one that nobody took.
    async fn journal(path: &Path) {
        let write = |db: &Connection| {
            let now = millis(start());
            let soc_then_mail = [route("catch_all", &[&["soc", "mail"]])];
            for id in ["001", "002"] {
                let mut event = agent_silent(id, "web");
                event.incident = None;
                events::insert(db, &mut event)?;
                crate::dispatch::plan::plan(db, &soc_then_mail, &[event], now)?;
            }
            db.execute(
                "UPDATE delivery SET state = 'accepted', receipt = '{\"line\":\"250 ok\"}' WHERE id = 2",
                [],
            )?;
            for failed in [1, 3, 4] {
                deliveries::fail(db, failed, "refused")?;
            }
            Ok(())
        };
        Journal::open_inline(path).unwrap().write(write).await.unwrap();
    }

    fn lines(path: &Path, args: &Args) -> Vec<String> {
        let shown = read(path, args).unwrap();
        let squeezed = |line: String| line.split_whitespace().collect::<Vec<_>>().join(" ");
        super::super::table::lines(rows(&shown, args)).into_iter().skip(1).map(squeezed).collect()
    }

    #[tokio::test]
    async fn what_failed_is_what_no_channel_took() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal.db");
        journal(&path).await;
        let args = Args { command: None, failed: false, limit: 50, attempts: false, json: false };
        let of = |id, message, channel, rest| {
            format!("{id} {message} agent_silent (1) 2026-01-01 00:00:00 UTC catch_all 1 {channel} {rest}")
        };
        let lost = [of(4, 2, "mail", "failed 0 refused"), of(3, 2, "soc", "failed 0 refused")];
        let told = [of(2, 1, "mail", "accepted 0 250 ok"), of(1, 1, "soc", "failed 0 refused")];
        assert_eq!(lines(&path, &args), [lost.clone(), told].concat());
        assert_eq!(lines(&path, &Args { failed: true, ..args }), lost);
    }

    #[test]
    fn a_delivery_that_waits_says_why_and_until_when() {
        let shown = Shown {
            id: 1,
            message: 1,
            route: "catch_all".to_owned(),
            kind: "firing".to_owned(),
            topic: "agent_silent".to_owned(),
            events: 1,
            step: 1,
            channel: "soc".to_owned(),
            state: "waiting".to_owned(),
            reason: Some("rate limited".to_owned()),
            receipt: None,
            next_try: Some(start() + TimeDelta::minutes(1)),
            merged_into: None,
            created: start(),
            attempts: Vec::new(),
        };
        assert_eq!(answer(&shown), "rate limited; next try 2026-01-01 00:01:00 UTC");
        let merged = Shown { next_try: None, merged_into: Some(7), ..shown };
        assert_eq!(answer(&merged), "with 7: rate limited");
    }
}
