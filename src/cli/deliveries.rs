//! `deliveries`: what was sent, by whom it was accepted, and each try.

use std::path::Path;

use chrono::{DateTime, Utc};
use rusqlite::{Connection, params};
use serde::Serialize;

use super::Session;
use super::exit::Exit;
use super::table::{print, say, table};
use crate::clock::written;
use crate::journal::events::{millis, time};
use crate::journal::{JournalError, deliveries, edit, open_read_only};

/// Arguments of `deliveries`.
#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct Args {
    #[command(subcommand)]
    command: Option<Command>,
    /// Only what no channel took
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
        return retry(&settings.journal, id);
    }
    match read(&settings.journal, args) {
        Ok(shown) => show(&shown, args),
        Err(error) => {
            eprintln!("error: journal {}: {error}", settings.journal.display());
            Exit::Failed
        }
    }
}

fn retry(journal: &Path, id: i64) -> Exit {
    let now = millis(Utc::now());
    match edit(journal, |db| deliveries::retry(db, id, now)) {
        Ok(true) => say(format!("delivery {id} is sent again")),
        Ok(false) => {
            eprintln!("error: no delivery {id} has failed; `deliveries --failed` lists those that have");
            return Exit::Failed;
        }
        Err(error) => {
            eprintln!("error: journal {}: {error}", journal.display());
            return Exit::Failed;
        }
    }
    Exit::Ok
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
             WHERE state = 'failed' OR NOT ?2 ORDER BY delivery.id DESC LIMIT ?1",
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
    print(rows, "nothing was sent yet");
    Exit::Ok
}
