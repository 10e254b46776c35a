//! Aligned tables, and times as people read them.

use std::io::Write;
use std::time::Duration;

use anstyle::{AnsiColor, Style};
use chrono::{DateTime, Utc};
use comfy_table::{ContentArrangement, Table, presets};

use crate::clock::written;
use crate::config::duration::human;

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
    spread(&mut table);
    // Colours and their removal where nobody sees them (a pipe, NO_COLOR) are anstream's.
    let mut out = anstream::stdout();
    let mut lines = table.lines();
    let header = lines.next().unwrap_or_default();
    let words = columns_of_words(&header);
    let _ = writeln!(out, "{BOLD}{}{BOLD:#}", header.trim_end());
    for line in lines {
        let _ = writeln!(out, "{}", painted(line.trim_end(), &words));
    }
}

/// The lines of a table, for a text.
#[must_use]
pub fn lines(mut table: Table) -> Vec<String> {
    spread(&mut table);
    table.lines().map(|line| line.trim_end().to_owned()).collect()
}

fn spread(table: &mut Table) {
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
}

const BOLD: Style = Style::new().bold();

/// Where the columns begin whose words have a colour, in characters.
fn columns_of_words(header: &str) -> Vec<usize> {
    let titles = ["STATE", "SEVERITY"];
    titles.iter().filter_map(|title| header.find(title)).map(|at| header[..at].chars().count()).collect()
}

/// A line with its words of state in their colours. A line in which nothing known stands there stays
/// as it is.
fn painted(line: &str, columns: &[usize]) -> String {
    let mut out = line.to_owned();
    for column in columns {
        let Some((at, _)) = line.char_indices().nth(*column) else { continue };
        let word = line[at..].split(' ').next().unwrap_or_default();
        if let Some(color) = color_of(word) {
            let style = color.on_default();
            out =
                out.replacen(&line[at..], &format!("{style}{word}{style:#}{}", &line[at + word.len()..]), 1);
        }
    }
    out
}

fn color_of(word: &str) -> Option<AnsiColor> {
    match word {
        "silent" | "failed" | "critical" | "high" => Some(AnsiColor::Red),
        "pending" | "waiting" | "sending" | "medium" | "new" | "late" => Some(AnsiColor::Yellow),
        "logging" | "accepted" | "ok" => Some(AnsiColor::Green),
        _ => None,
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_word_in_its_column_has_a_colour() {
        let columns = columns_of_words("ID   LABEL   STATE");
        assert_eq!(painted("001  silent  silent  x", &columns), "001  silent  \u{1b}[31msilent\u{1b}[0m  x");
        assert_eq!(painted("001  silent", &columns), "001  silent");
        assert_eq!(painted("001  silent  odd", &columns), "001  silent  odd");
    }
}
