//! What was explained, for people.

use std::fmt::Write as _;

use log_monitor_channels::text::one_line;

use super::Explained;
use crate::clock::written as written_time;
use crate::config::duration::written;

/// One agent.
pub fn text(explained: &Explained) -> String {
    let version = explained.version.as_ref().map(|version| format!(", agent {}", one_line(version, 20)));
    let mut out = format!(
        "{} {} of watch {}{}\n",
        explained.id,
        one_line(&explained.label, 80),
        one_line(&explained.watch, 80),
        version.unwrap_or_default()
    );
    let _ = writeln!(out, "  {}", explained.state);
    for line in explained.told.iter().chain(&explained.suppressions) {
        let _ = writeln!(out, "  {line}");
    }
    let _ = writeln!(out, "\nWhat holds at {}", written_time(explained.at));
    let width = |column: usize| explained.values.iter().map(|row| row[column].chars().count()).max();
    let (keys, values) = (width(0).unwrap_or_default().max(12), width(1).unwrap_or_default().max(10));
    for [key, value, origin] in &explained.values {
        let _ = writeln!(out, "  {key:<keys$} {value:<values$} {origin}");
    }
    let _ = writeln!(out, "\nSources");
    for source in &explained.sources {
        let _ = writeln!(out, "  {} ({}: {})", source.name, source.kind, source.does.join(", "));
        for said in &source.said {
            let _ = writeln!(out, "    {said}");
        }
    }
    let _ = writeln!(out, "\nWho is told of its silence");
    for [name, steps] in &explained.routes {
        let _ = writeln!(out, "  {name}: {steps}");
    }
    waits(&mut out, explained);
    out
}

fn waits(out: &mut String, explained: &Explained) {
    let _ = writeln!(out, "\nFrom its last log to the first person, at worst");
    let seconds = |seconds: &u64| written(std::time::Duration::from_secs(*seconds));
    for (time, why) in &explained.waits {
        let _ = writeln!(out, "  {:>8}  {why}", seconds(time));
    }
    let total = seconds(&explained.at_worst_seconds);
    let _ = match &explained.first_told {
        Some(condition) => writeln!(out, "  {total:>8}  in all, {condition}"),
        None => {
            let only = "what comes first is a log or a program of yours";
            writeln!(out, "  {total:>8}  in all, but no person is certain to be told: {only}")
        }
    };
    if explained.expected_time_only {
        let _ = writeln!(out, "            Only time in which logs are expected counts.");
    }
    if explained.differs_by_time {
        let _ = writeln!(
            out,
            "            Routes are not the same at all times of the week: `--at` shows another."
        );
    }
    let _ = writeln!(out, "            What the source and the channel themselves take comes on top.");
}
