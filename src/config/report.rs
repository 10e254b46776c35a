//! A configuration as `check-config` prints it: every value with its origin, what is watched, and
//! where each message goes.

use std::time::Duration;

use comfy_table::{ContentArrangement, Table, presets};
use serde_json::{Value, json};

use super::duration::written;
use super::model::{Need, Route, Settings, Step, Unless, Watch};
use super::resolved::Resolved;

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

/// Where each message goes, one line for each route.
#[must_use]
pub fn routes(settings: &Settings) -> String {
    let header = ["route", "takes", "tells", "reminds", "then"];
    let rows = settings.routes.iter().map(|route| {
        vec![
            route.name.clone(),
            takes(route, settings),
            tells(&route.steps, settings),
            reminds(route),
            if route.stop { "stops" } else { "" }.to_owned(),
        ]
    });
    with_header(&header, rows)
}

/// The last of several routes takes what the others leave.
fn takes(route: &Route, settings: &Settings) -> String {
    let takes = match settings.routes.last() {
        Some(last) if settings.routes.len() > 1 && std::ptr::eq(last, route) => {
            "what no route took".to_owned()
        }
        _ if route.active.is_some() => format!("{}, at its times", route.matcher),
        _ => route.matcher.to_string(),
    };
    if route.group.by.is_empty() { takes } else { format!("{takes}, by {}", route.group.by.join(", ")) }
}

/// `all of soc (slack) + oncall (email); after 3m: log`.
#[must_use]
pub fn tells(steps: &[Step], settings: &Settings) -> String {
    let kind = |name: &str| settings.channels.iter().find(|one| one.name == name).map(|one| one.kind);
    let one = |name: &String| match kind(name) {
        Some(kind) if kind != name => format!("{name} ({kind})"),
        _ => name.clone(),
    };
    let mut text = String::new();
    for (at, step) in steps.iter().enumerate() {
        if let Some(escalation) = step.escalation {
            let unless = escalation.unless.map_or("", |Unless::Acked| " unless acked");
            text.push_str(&format!("; in any case after {}{unless}: ", written(escalation.after)));
        } else if at > 0 {
            text.push_str(&format!("; after {}: ", written(steps[at - 1].fallback_after)));
        }
        if step.need == Need::All && step.to.len() > 1 {
            text.push_str("all of ");
        }
        text.push_str(&step.to.iter().map(one).collect::<Vec<_>>().join(" + "));
    }
    text
}

fn reminds(route: &Route) -> String {
    let reminders = &route.reminders;
    format!("after {}, x{} up to {}", written(reminders.first), reminders.factor, written(reminders.max))
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
    let route = |route: &Route| {
        json!({
            "name": route.name, "match": route.matcher.to_string(), "steps": route.steps,
            "group_by": route.group.by, "reminders": route.reminders, "stop": route.stop,
        })
    };
    json!({
        "values": resolved.iter().map(value).collect::<Vec<_>>(),
        "watches": settings.map(|settings| settings.watches.iter().map(watch).collect::<Vec<_>>()),
        "routes": settings.map(|settings| settings.routes.iter().map(route).collect::<Vec<_>>()),
    })
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
