//! A configuration as `check-config` prints it: every value with its origin, what is watched, and
//! where each message goes.

mod routes;

use std::time::Duration;

use comfy_table::{ContentArrangement, Table, presets};
use serde_json::{Value, json};

use super::calendar::Calendar;
use super::duration::written;
use super::model::{Route, Settings, Watch};
use super::resolved::Resolved;
use super::windows::sentence;

pub use routes::{routes, tells};

/// Every value with its origin, aligned.
#[must_use]
pub fn values(resolved: &[Resolved]) -> String {
    table(resolved.iter().map(|value| vec![value.path.clone(), value.value.clone(), origin(value)]))
}

fn origin(value: &Resolved) -> String {
    value.origin.as_ref().map_or_else(|| "default".to_owned(), ToString::to_string)
}

/// What is watched, one line for each watch.
#[must_use]
pub fn watches(settings: &Settings) -> String {
    let header = ["watch", "source", "agents", "silent after", "round every", "own intervals", "classes"];
    let rows = settings.watches.iter().map(|watch| {
        vec![
            watch.name.clone(),
            watch.documents().chain(watch.beside.iter().map(String::as_str)).collect::<Vec<_>>().join(", "),
            watch.agents.len().to_string(),
            silent_after(watch),
            written(watch.poll),
            watch.intervals.len().to_string(),
            watch.classes.len().to_string(),
        ]
    });
    with_header(&header, rows)
}

/// `5m to 15m + 1m`: the shortest and the longest interval in use, and the grace.
fn silent_after(watch: &Watch) -> String {
    let intervals: Vec<Duration> = watch.agents.iter().map(|agent| watch.policy(agent).interval).collect();
    let shortest = intervals.iter().min().copied().unwrap_or(watch.interval);
    let longest = intervals.iter().max().copied().unwrap_or(watch.interval);
    let interval = match shortest == longest {
        true => written(longest),
        false => format!("{} to {}", written(shortest), written(longest)),
    };
    format!("{interval} + {}", written(watch.grace))
}

/// The same for programs.
#[must_use]
pub fn to_json(resolved: &[Resolved], settings: Option<&Settings>) -> Value {
    let value = |value: &Resolved| json!({ "path": value.path, "value": value.value, "origin": value.origin.as_ref().map(ToString::to_string) });
    let watch = |watch: &Watch| {
        json!({
            "name": watch.name, "source": watch.source, "also": watch.also, "beside": watch.beside, "agents": watch.agents.len(),
            "interval_seconds": watch.interval.as_secs_f64(), "grace_seconds": watch.grace.as_secs_f64(),
            "poll_seconds": watch.poll.as_secs_f64(), "own_intervals": watch.intervals.len(),
            "classes": watch.classes.len(),
        })
    };
    let quiet = |route: &Route| {
        let quiet = route.quiet.as_ref();
        quiet.map(|quiet| json!({ "hours": times(&quiet.hours), "below": quiet.below }))
    };
    let group = |route: &Route| {
        let group = &route.group;
        json!({
            "wait_seconds": group.wait.as_secs_f64(), "burst": group.burst, "storm": group.storm,
            "interval_seconds": group.interval.as_secs_f64(),
        })
    };
    let route = |route: &Route| {
        json!({
            "name": route.name, "match": route.matcher.to_string(), "steps": route.steps,
            "active": route.active.as_deref().map(times), "quiet": quiet(route),
            "group_by": route.group.by, "group": group(route), "reminders": route.reminders, "stop": route.stop,
        })
    };
    json!({
        "values": resolved.iter().map(value).collect::<Vec<_>>(),
        "watches": settings.map(|settings| settings.watches.iter().map(watch).collect::<Vec<_>>()),
        "routes": settings.map(|settings| settings.routes.iter().map(route).collect::<Vec<_>>()),
    })
}

/// `mon-fri 08:00-18:00 Europe/Rome`.
fn times(calendar: &Calendar) -> String {
    format!("{} {}", sentence(&calendar.windows), calendar.zone)
}

fn with_header(header: &[&str], rows: impl Iterator<Item = Vec<String>>) -> String {
    let header = header.iter().map(|&word| word.to_owned()).collect();
    table(std::iter::once(header).chain(rows))
}

/// Columns without lines, two spaces from the left, each as wide as its widest value.
fn table(rows: impl Iterator<Item = Vec<String>>) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
    table.add_rows(rows);
    let lines = table.to_string();
    lines.lines().map(|line| format!(" {}\n", line.trim_end())).collect()
}
