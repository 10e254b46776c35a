//! `deliveries`: what was sent, by whom it was accepted, and each try.

use std::path::Path;

use chrono::{DateTime, Utc};
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
pub struct Args {
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
    match read(&settings.journal, args.limit) {
        Ok(shown) => show(&shown, args),
        Err(error) => {
            eprintln!("error: journal {}: {error}", settings.journal.display());
            Exit::Failed
        }
    }
}

fn read(path: &Path, limit: usize) -> Result<Vec<Shown>, JournalError> {
    if !path.exists() {
        return Ok(Vec::new());
    }
    let connection = open_read_only(path)?;
    let mut deliveries = list(&connection, limit)?;
    for delivery in &mut deliveries {
        delivery.attempts = attempts(&connection, delivery.id)?;
    }
    Ok(deliveries)
}

fn list(connection: &Connection, limit: usize) -> rusqlite::Result<Vec<Shown>> {
    connection
        .prepare(
            "SELECT delivery.id, message.id AS message, route, kind, topic, delivery.step + 1 AS step, channel, state, reason,
                    json_extract(receipt, '$.line') AS receipt, not_before, message.created,
                    (SELECT COUNT(*) FROM message_event WHERE message_event.message = message.id) AS events
             FROM delivery JOIN message ON message.id = delivery.message
             ORDER BY delivery.id DESC LIMIT ?1",
        )?
        .query_map(params![limit as i64], |row| {
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
            delivery.receipt.clone().or(delivery.reason.clone()).unwrap_or_default(),
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
