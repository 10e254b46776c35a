//! The report as Markdown tables, aligned for those who read it as it is.

use std::fmt::Write as _;
use std::time::Duration;

use log_monitor_channels::text::{defuse_mentions, one_line};

use super::Report;
use crate::clock::written;
use crate::config::duration::human;
use crate::history::report::{Kind, Row};
use crate::journal::events::time;

/// What is told of everybody.
const NUMBERS: [&str; 6] = ["watched", "silent", "arrived late", "too few logs", "coverage", "silences"];

/// These columns are left out where they have nothing to say.
const SELDOM: [&str; 2] = ["arrived late", "too few logs"];

/// The whole report.
#[must_use]
pub fn text(report: &Report) -> String {
    let (of_agents, of_groups): (Vec<&Row>, Vec<&Row>) =
        report.rows.iter().partition(|row| matches!(row.kind, Kind::Agent | Kind::Former));
    let mut out = format!("# Log coverage, {}\n\n", report.month.name());
    let (from, to) = (written(time(report.window.0)), written(time(report.window.1)));
    let _ = writeln!(out, "From {from} to {to}.\n");
    table(
        &mut out,
        &[&["watch", "agents of", "agents"], &NUMBERS[..], &["longest"]].concat(),
        2,
        &of_groups.into_iter().map(group).collect::<Vec<_>>(),
    );
    let _ = writeln!(out, "\n## Agents\n");
    let header = [&["watch", "id", "label"], &NUMBERS[..], &["longest", "from", "to"]].concat();
    table(&mut out, &header, 3, &of_agents.into_iter().map(agent).collect::<Vec<_>>());
    if !report.notes.is_empty() {
        let _ = writeln!(out, "\n## What this cannot know\n");
        for note in &report.notes {
            let _ = writeln!(out, "- {}", tame(note, 400));
        }
    }
    out
}

fn group(row: &Row) -> Vec<String> {
    let coverage = &row.coverage;
    let longest = coverage.longest.as_ref();
    let longest = longest.map(|((from, to), id)| format!("{} ({})", long(to - from), tame(id, 40)));
    let of = if row.kind == Kind::Watch {
        "all".to_owned()
    } else {
        format!("{} {}", row.kind.name(), tame(&row.name, 60))
    };
    let start = [tame(&row.watch, 40), of, coverage.agents.to_string()];
    start.into_iter().chain(numbers(row)).chain([longest.unwrap_or_else(nothing)]).collect()
}

fn agent(row: &Row) -> Vec<String> {
    let longest = row.coverage.longest.as_ref().map(|(span, _)| *span);
    let span = longest.map_or_else(
        || [nothing(), nothing(), nothing()],
        |(from, to)| [long(to - from), written(time(from)), written(time(to))],
    );
    let start = [tame(&row.watch, 40), tame(&row.name, 40), tame(&row.label, 40)];
    start.into_iter().chain(numbers(row)).chain(span).collect()
}

/// As in [`NUMBERS`].
fn numbers(row: &Row) -> [String; 6] {
    let coverage = &row.coverage;
    let watched = match row.kind {
        Kind::Former => "no longer".to_owned(),
        _ => long(coverage.watched),
    };
    let percent = coverage.percent().map_or_else(nothing, |percent| format!("{percent:.2} %"));
    let some = |millis: i64| if millis == 0 { nothing() } else { long(millis) };
    let [silent, late, few] = [coverage.silent, coverage.late, coverage.few].map(some);
    [watched, silent, late, few, percent, coverage.silences.to_string()]
}

fn nothing() -> String {
    "-".to_owned()
}

fn long(millis: i64) -> String {
    human(Duration::from_millis(u64::try_from(millis).unwrap_or_default()))
}

/// A table whose columns are as wide as they need be; those after the first `texts` are numbers, up to
/// the last that is named `longest`.
fn table(out: &mut String, header: &[&str], texts: usize, rows: &[Vec<String>]) {
    let says = |column: &usize| {
        !SELDOM.contains(&header[*column]) || rows.iter().any(|row| row[*column] != nothing())
    };
    let columns: Vec<usize> = (0..header.len()).filter(says).collect();
    let of_columns = |row: &Vec<String>| columns.iter().map(|column| row[*column].clone()).collect();
    let rows: Vec<Vec<String>> = rows.iter().map(of_columns).collect();
    let header: Vec<String> = columns.iter().map(|column| header[*column].to_owned()).collect();
    let numbers = texts..header.iter().position(|title| title == "longest").unwrap_or(header.len());
    let wide = |column: usize| {
        let cells = rows.iter().map(|row| &row[column]).chain([&header[column]]);
        cells.map(|cell| cell.chars().count()).max().unwrap_or_default().max(3)
    };
    let widths: Vec<usize> = (0..header.len()).map(wide).collect();
    let rule = |column: usize| match numbers.contains(&column) {
        true => format!("{}:", "-".repeat(widths[column] - 1)),
        false => "-".repeat(widths[column]),
    };
    let rule: Vec<String> = (0..header.len()).map(rule).collect();
    for row in [&header, &rule].into_iter().chain(&rows) {
        let cells = row.iter().enumerate().map(|(column, cell)| match numbers.contains(&column) {
            true => format!(" {cell:>width$} |", width = widths[column]),
            false => format!(" {cell:<width$} |", width = widths[column]),
        });
        let _ = writeln!(out, "|{}", cells.collect::<String>());
    }
}

/// One line that is nothing but text to Markdown, and calls nobody.
fn tame(text: &str, max: usize) -> String {
    let mut out = String::new();
    for c in defuse_mentions(&one_line(text, max)).chars() {
        match c {
            '<' => out.push_str("&lt;"),
            '|' | '\\' | '`' | '[' | ']' | '*' | '~' | '#' => out.extend(['\\', c]),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::coverage::Coverage;
    use crate::history::month::Month;

    #[test]
    fn hostile_labels_stay_in_their_cell() {
        assert_eq!(tame("a|b\r\n# c", 40), "a\\|b \\# c");
        assert_eq!(tame("<img src=x> [x](http://y)", 40), "&lt;img src=x> \\[x\\](http://y)");
        let longest = Some(((0, 90_000), "001".to_owned()));
        let row = |kind, name: &str| Row {
            kind,
            watch: "default".to_owned(),
            name: name.to_owned(),
            label: "a|b\nc @everyone".to_owned(),
            coverage: Coverage {
                agents: 1,
                watched: 180_000,
                silent: 90_000,
                late: 0,
                few: 0,
                silences: 1,
                longest: longest.clone(),
            },
        };
        let month: Month = "1970-01".parse().unwrap();
        let rows = vec![row(Kind::Watch, "default"), row(Kind::Agent, "001")];
        let text = text(&Report { month, window: month.span(), rows, notes: vec!["A note.".to_owned()] });
        let expected = "# Log coverage, January 1970\n\n\
            From 1970-01-01 00:00:00 UTC to 1970-02-01 00:00:00 UTC.\n\n\
            | watch   | agents of | agents | watched |     silent | coverage | silences | longest          |\n\
            | ------- | --------- | -----: | ------: | ---------: | -------: | -------: | ---------------- |\n\
            | default | all       |      1 |   3 min | 1 min 30 s |  50.00 % |        1 | 1 min 30 s (001) |\n\n";
        assert!(text.starts_with(expected), "{text}");
        let agent = text.lines().find(|line| line.contains("a\\|b c @\u{200b}everyone")).unwrap();
        assert_eq!(agent.replace("\\|", "").matches('|').count(), 11, "{agent}");
    }

    #[test]
    fn what_arrived_late_has_a_column_where_anything_did() {
        let rows =
            [["a", "3 s", "-", "1 s"], ["b", "-", "-", "2 s"]].map(|row| row.map(str::to_owned).to_vec());
        let mut out = String::new();
        table(&mut out, &["id", "arrived late", "too few logs", "longest"], 1, &rows);
        assert_eq!(
            out,
            "| id  | arrived late | longest |\n\
             | --- | -----------: | ------- |\n\
             | a   |          3 s | 1 s     |\n\
             | b   |            - | 2 s     |\n"
        );
    }
}
