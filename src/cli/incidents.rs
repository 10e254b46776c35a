//! `incidents`: what is open, and what was.

use chrono::{DateTime, Utc};
use serde::Serialize;

use super::Session;
use super::exit::Exit;
use super::table::{moment, print, table};
use crate::clock::written;
use crate::journal::acks::{self, Ack};
use crate::journal::events::{millis, time};
use crate::journal::incidents::{self, IncidentRow, Subject};
use crate::journal::{JournalError, open_read_only};

/// Arguments of `incidents`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Closed ones too
    #[arg(long)]
    all: bool,
    /// At most this many, the newest first
    #[arg(long, default_value_t = 100, value_name = "N")]
    limit: usize,
    /// As JSON
    #[arg(long)]
    json: bool,
}

/// An incident as `--json` prints it.
#[derive(Debug, Serialize)]
struct Shown {
    id: i64,
    subject: String,
    scope: String,
    agent: Option<String>,
    label: Option<String>,
    severity: String,
    cause: String,
    /// The incident that explains it and with which it is told.
    part_of: Option<i64>,
    since: Option<DateTime<Utc>>,
    opened: DateTime<Utc>,
    closed: Option<DateTime<Utc>>,
    outcome: Option<String>,
    /// Who takes care of it, until when, and why.
    acknowledged: Option<Acknowledged>,
}

#[derive(Debug, Serialize)]
struct Acknowledged {
    by: String,
    until: DateTime<Utc>,
    reason: String,
}

/// Lists incidents.
pub fn run(session: &Session<'_>, args: &Args) -> Exit {
    let settings = match session.settings() {
        Ok(settings) => settings,
        Err(exit) => return exit,
    };
    match read(&settings.journal, args) {
        Ok(shown) => show(&shown, args),
        Err(error) => {
            eprintln!("error: journal {}: {error}", settings.journal.display());
            Exit::Failed
        }
    }
}

fn read(path: &std::path::Path, args: &Args) -> Result<Vec<Shown>, JournalError> {
    if !path.exists() {
        return Ok(Vec::new());
    }
    let db = open_read_only(path)?;
    let now = millis(Utc::now());
    let rows = incidents::list(&db, args.all, args.limit)?;
    let shown = |row: IncidentRow| {
        let ack = if row.closed.is_none() { acks::of(&db, row.id, now)? } else { None };
        Ok(shown(row, ack))
    };
    Ok(rows.into_iter().map(shown).collect::<rusqlite::Result<_>>()?)
}

fn shown(row: IncidentRow, ack: Option<Ack>) -> Shown {
    let some = |text: String| (!text.is_empty()).then_some(text);
    let since = row.last_log().map(time);
    Shown {
        id: row.id,
        subject: row.subject,
        scope: row.scope,
        agent: some(row.key),
        label: some(row.label),
        severity: row.severity,
        cause: row.cause,
        part_of: row.part_of,
        since,
        opened: time(row.opened),
        closed: row.closed.map(time),
        outcome: row.outcome,
        acknowledged: ack.map(|ack| Acknowledged {
            by: ack.author,
            until: time(ack.until),
            reason: ack.reason,
        }),
    }
}

fn show(shown: &[Shown], args: &Args) -> Exit {
    if args.json {
        return super::exit::print_json(shown);
    }
    let now = Utc::now();
    let mut rows =
        table(&["id", "about", "severity", "cause", "last log / since", "opened", "closed", "care"]);
    for incident in shown {
        let name = |text: &Option<String>| text.clone().unwrap_or_default();
        let about = format!(
            "{} {} {} {}",
            incident.subject,
            incident.scope,
            name(&incident.agent),
            name(&incident.label)
        );
        rows.add_row([
            incident.id.to_string(),
            log_monitor_channels::text::one_line(&about, 80),
            incident.severity.clone(),
            incident.part_of.map_or_else(|| incident.cause.clone(), |whole| format!("part of {whole}")),
            last_log(incident, now),
            written(incident.opened),
            incident.closed.map_or_else(|| "open".to_owned(), written),
            incident.acknowledged.as_ref().map(|ack| ack.by.clone()).unwrap_or_default(),
        ]);
    }
    print(rows, if args.all { "no incidents" } else { "no open incidents" });
    Exit::Ok
}

/// Of what logs nothing by itself, such as a channel, it is not said that it never did.
fn last_log(incident: &Shown, now: DateTime<Utc>) -> String {
    let logs = incident.subject == Subject::Agent.name();
    if logs || incident.since.is_some() { moment(incident.since, now) } else { "-".to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dispatch::fixtures::{agent_silent, start};
    use crate::journal::Journal;
    use crate::journal::entities::Logging;
    use chrono::TimeDelta;

    #[tokio::test]
    async fn the_last_log_of_who_logged_too_little_and_stopped_is_that_before_it_stopped() {
        let journal = Journal::in_memory().unwrap();
        let since = |connection: &rusqlite::Connection| {
            let rows = incidents::list(connection, false, 1)?;
            Ok(rows.into_iter().map(|row| shown(row, None).since).next().flatten())
        };
        let few = agent_silent("001", "web");
        let last = Some(start() + TimeDelta::minutes(20));
        let stopped = log_monitor_channels::Event { since: last, ..few.clone() };
        let fill = move |connection: &rusqlite::Connection| {
            let id = incidents::open(connection, Subject::Agent, &few)?;
            incidents::set_logging(connection, id, Logging::TooFew, &few)?;
            assert_eq!(since(connection)?, few.since);
            incidents::set_logging(connection, id, Logging::No, &stopped)?;
            since(connection)
        };
        assert_eq!(journal.write(fill).await.unwrap(), last);
    }

    #[tokio::test]
    async fn of_a_channel_it_is_not_said_that_it_never_logged() {
        let journal = Journal::in_memory().unwrap();
        let said = |subject: Subject| {
            let never = log_monitor_channels::Event { since: None, ..agent_silent("001", "web") };
            let fill = move |connection: &rusqlite::Connection| {
                incidents::open(connection, subject, &never)?;
                let newest = incidents::list(connection, false, 1)?.remove(0);
                Ok(last_log(&shown(newest, None), start()))
            };
            journal.write(fill)
        };
        assert_eq!(said(Subject::Agent).await.unwrap(), "never");
        assert_eq!(said(Subject::Channel).await.unwrap(), "-");
    }
}
