//! Aligned tables, and times as people read them.

use std::io::Write;
use std::time::Duration;

use chrono::{DateTime, Utc};
use comfy_table::{ContentArrangement, Table, presets};

use crate::config::duration::human;
use crate::dispatch::render::written;

/// A table without lines, to be read by eye or by `awk`.
#[must_use]
pub fn table(header: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.set_content_arrangement(ContentArrangement::Disabled);
    table.set_header(header.iter().map(|title| title.to_uppercase()));
    table
}

/// Prints a line of data. Whoever stops reading early (`| head`) is no error of ours.
pub fn say(line: impl std::fmt::Display) {
    let _ = writeln!(std::io::stdout(), "{line}");
}

/// Prints a table, or a sentence when it has no rows.
pub fn print(mut table: Table, nothing: &str) {
    if table.is_empty() {
        say(nothing);
        return;
    }
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    for line in table.lines() {
        say(line.trim_end());
    }
}

/// `2026-11-23 02:13:05 UTC (16 min ago)`, or `never`.
#[must_use]
pub fn moment(time: Option<DateTime<Utc>>, now: DateTime<Utc>) -> String {
    time.map_or_else(|| "never".to_owned(), |time| format!("{} ({})", written(time), distance(time, now)))
}

fn distance(time: DateTime<Utc>, now: DateTime<Utc>) -> String {
    match (now - time).to_std() {
        Ok(ago) => format!("{} ago", human(ago)),
        Err(_) => format!("in {}", human((time - now).to_std().unwrap_or(Duration::ZERO))),
    }
}
