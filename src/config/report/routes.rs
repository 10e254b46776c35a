//! Where each message goes, and what it waits for.

use super::{times, with_header};
use crate::config::duration::written;
use crate::config::model::{ChannelTable, Group, Need, Route, Settings, Step, Unless};

/// Where each message goes, one line for each route.
#[must_use]
pub fn routes(settings: &Settings) -> String {
    let header = ["route", "takes", "tells", "waits", "reminds", "then"];
    let rows = settings.routes.iter().map(|route| {
        vec![
            route.name.clone(),
            takes(route, settings),
            tells(&route.steps, settings),
            waits(route),
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
        _ => route.matcher.to_string(),
    };
    let takes = match &route.active {
        Some(active) => format!("{takes}, {}", times(active)),
        None => takes,
    };
    if route.group.by.is_empty() { takes } else { format!("{takes}, by {}", route.group.by.join(", ")) }
}

/// `all of soc (slack) + oncall (email, 20 per 10m); after 3m: log`.
#[must_use]
pub fn tells(steps: &[Step], settings: &Settings) -> String {
    let one = |name: &String| match settings.channels.iter().find(|one| one.name == *name) {
        Some(channel) => about(channel),
        None => name.clone(),
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

/// Its name, and what that does not say: its kind, and how much it is sent at most.
fn about(channel: &ChannelTable) -> String {
    let kind = Some(channel.kind.to_owned()).filter(|kind| *kind != channel.name);
    let about: Vec<String> =
        kind.into_iter().chain(channel.budgets.iter().map(ToString::to_string)).collect();
    if about.is_empty() { channel.name.clone() } else { format!("{} ({})", channel.name, about.join(", ")) }
}

/// `below high in mon-sun 22:00-06:00 Europe/Rome; 30s for others; over 5 per 1m`.
fn waits(route: &Route) -> String {
    let Group { wait, burst, interval, storm, .. } = &route.group;
    let quiet = route.quiet.as_ref();
    let quiet = quiet.map(|quiet| format!("below {} in {}", quiet.below.name(), times(&quiet.hours)));
    let others = (!wait.is_zero()).then(|| format!("{} for others", written(*wait)));
    let of_all =
        if route.group.by.is_empty() { String::new() } else { format!(" of one group, {storm} in all") };
    let over = format!("over {burst} per {}{of_all}", written(*interval));
    quiet.into_iter().chain(others).chain([over]).collect::<Vec<_>>().join("; ")
}

fn reminds(route: &Route) -> String {
    let reminders = &route.reminders;
    format!("after {}, x{} up to {}", written(reminders.first), reminders.factor, written(reminders.max))
}
