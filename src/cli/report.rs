//! `report`: how well agents were covered in a month, by the journal's incidents.

use chrono::{DateTime, Utc};
use serde::Serialize;

use super::Session;
use super::exit::Exit;
use super::table::say;
use super::watched::watched;
use crate::clock::written;
use crate::config::{Settings, Watch};
use crate::history::coverage::Coverage;
use crate::history::month::Month;
use crate::history::report::{Past, Row, rows};
use crate::history::{Span, unknown};
use crate::journal::events::time;
use crate::journal::past::{self, Silence};
use crate::journal::{JournalError, meta, open_read_only};
use crate::monitor::words::UNREADABLE;

mod csv;
mod markdown;

/// Without a sign of life for longer than this, in milliseconds, log-monitor does not run.
const AWAY: i64 = 15 * 60_000;

/// Arguments of `report`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The month, in UTC, such as 2026-11 [default: the last one that is over]
    #[arg(long, value_name = "YYYY-MM")]
    month: Option<Month>,
    /// How it is written
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    /// As JSON
    #[arg(long, conflicts_with = "format")]
    json: bool,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// Tables for a ticket or a wiki
    #[default]
    Markdown,
    /// One table for a spreadsheet; what is not known is on standard error
    Csv,
}

/// A whole report.
pub struct Report {
    /// The month.
    pub month: Month,
    /// The part of it that is known.
    pub window: Span,
    /// Its lines.
    pub rows: Vec<Row>,
    /// What it does not know.
    pub notes: Vec<String>,
}

/// Prints the report.
pub fn run(session: &Session<'_>, args: &Args) -> Exit {
    let settings = match session.settings() {
        Ok(settings) => settings,
        Err(exit) => return exit,
    };
    let now = Utc::now();
    let month = args.month.unwrap_or_else(|| Month::last_whole(now));
    let report = match read(&settings, month, now.timestamp_millis()) {
        Ok(Ok(report)) => report,
        Ok(Err(nothing)) => {
            eprintln!("error: {nothing}");
            return Exit::Failed;
        }
        Err(error) => {
            eprintln!("error: journal {}: {error}", settings.journal.display());
            return Exit::Failed;
        }
    };
    match (args.json, args.format) {
        (true, _) => return super::exit::print_json(&shown(&report)),
        (false, Format::Markdown) => say(markdown::text(&report).trim_end()),
        (false, Format::Csv) => {
            use std::io::Write as _;
            let _ = std::io::stdout().write_all(csv::text(&report.rows).as_bytes());
            report.notes.iter().for_each(|note| eprintln!("note: {note}"));
        }
    }
    Exit::Ok
}

/// Reads the journal. `Err` of the inner result says why nothing is known of the month.
fn read(settings: &Settings, month: Month, now: i64) -> Result<Result<Report, String>, JournalError> {
    let span = month.span();
    if span.0 >= now {
        return Ok(Err(format!("{} has not begun", month.name())));
    }
    if !settings.journal.exists() {
        return Ok(Err(format!("there is no journal {} yet: nothing is known", settings.journal.display())));
    }
    let connection = open_read_only(&settings.journal)?;
    let Some(reach) = past::reach(&connection, now)? else {
        return Ok(Err("the journal is empty: nothing is known".to_owned()));
    };
    // Nothing is known of the time since log-monitor stopped.
    let until = meta::alive(&connection)?.filter(|alive| now - alive > AWAY).unwrap_or(now);
    let window = (span.0.max(reach), span.1.min(until));
    if window.0 >= window.1 {
        let (from, to) = (written(time(reach)), written(time(until)));
        return Ok(Err(format!(
            "the journal reaches from {from} to {to}: nothing is known of {}",
            month.name()
        )));
    }
    let watches =
        settings.watches.iter().map(|watch| watched(settings, watch)).collect::<Result<Vec<_>, _>>()?;
    let silences = past::silences(&connection, window.0, window.1)?;
    let past = |watch| -> Result<Past<'_>, JournalError> {
        let watch: &Watch = watch;
        let blind = past::unseen(&connection, watch.documents(), UNREADABLE, window)?;
        let own = |silence: &&Silence| silence.watch == watch.name;
        Ok(Past { watch, silences: silences.iter().filter(own).collect(), blind })
    };
    let pasts = watches.iter().map(|watch| past(watch)).collect::<Result<Vec<_>, _>>()?;
    let rows: Vec<Row> = pasts.iter().flat_map(|past| rows(past, window)).collect();
    let notes = unknown::notes(&pasts, &rows, span, window);
    Ok(Ok(Report { month, window, rows, notes }))
}

/// The report as `--json` prints it.
#[derive(Debug, Serialize)]
struct Shown {
    month: String,
    from: DateTime<Utc>,
    to: DateTime<Utc>,
    rows: Vec<ShownRow>,
    notes: Vec<String>,
}

#[derive(Debug, Serialize)]
struct ShownRow {
    kind: &'static str,
    watch: String,
    name: String,
    label: String,
    agents: usize,
    watched_seconds: f64,
    silent_seconds: f64,
    arrived_late_seconds: f64,
    too_few_logs_seconds: f64,
    coverage_percent: Option<f64>,
    silences: usize,
    longest: Option<Longest>,
}

#[derive(Debug, Serialize)]
struct Longest {
    agent: String,
    from: DateTime<Utc>,
    to: DateTime<Utc>,
    seconds: f64,
}

fn shown(report: &Report) -> Shown {
    Shown {
        month: report.month.to_string(),
        from: time(report.window.0),
        to: time(report.window.1),
        rows: report.rows.iter().map(shown_row).collect(),
        notes: report.notes.clone(),
    }
}

fn shown_row(row: &Row) -> ShownRow {
    let Coverage { agents, watched, silent, late, few, silences, longest } = row.coverage.clone();
    let seconds = |millis: i64| millis as f64 / 1000.0;
    ShownRow {
        kind: row.kind.name(),
        watch: row.watch.clone(),
        name: row.name.clone(),
        label: row.label.clone(),
        agents,
        watched_seconds: seconds(watched),
        silent_seconds: seconds(silent),
        arrived_late_seconds: seconds(late),
        too_few_logs_seconds: seconds(few),
        coverage_percent: row.coverage.percent(),
        silences,
        longest: longest.map(|((from, to), agent)| Longest {
            agent,
            from: time(from),
            to: time(to),
            seconds: seconds(to - from),
        }),
    }
}
