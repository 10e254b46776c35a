//! Whether a class can be told as soon as its `max_time_to_notify` promises.

use std::cmp::Reverse;
use std::collections::BTreeSet;
use std::time::Duration;

use log_monitor_channels::Severity;
use toml::Spanned;

use super::diagnostics::At;
use super::duration::written;
use super::latency;
use super::model::{Agent, ChannelTable, Class, Policy, Route, Watch};
use super::reading::Reading;
use crate::dispatch::router;
use crate::journal::events::time;

/// Monday, 2026-01-05 00:00 UTC, in milliseconds: one week stands for all.
const MONDAY: i64 = 1_767_571_200_000;

const MINUTE: i64 = 60_000;
const WEEK: i64 = 7 * 1440 * MINUTE;

/// Stands for whoever will be discovered.
const ANYBODY: &str = "*";

/// Tells of every agent's promise that cannot be kept, once for each class.
pub fn keep(reading: &mut Reading<'_>, watch: &Watch, routes: &[Route], channels: &[ChannelTable]) {
    for (number, class) in watch.classes.iter().enumerate() {
        let Some(limit) = &class.max_time_to_notify else { continue };
        let moments = moments(routes, class);
        // Who will be discovered is not known yet.
        let anybody = watch.discover.as_ref().map(|_| Agent::in_file(ANYBODY, ""));
        let of_class = watch.agents.iter().filter(|agent| watch.policy(agent).class == Some(number + 1));
        let waits = of_class.chain(&anybody).flat_map(|agent| {
            let policy = watch.policy_in(Some(number), agent);
            moments.iter().map(move |at| wait(watch, agent, &policy, (routes, channels), *at))
        });
        // Nobody at all is later than anybody.
        let last = waits.min_by_key(|wait| {
            Reverse(wait.parts.as_ref().map_or(Duration::MAX, |parts| latency::total(parts)))
        });
        if let Some(wait) = last {
            let when = if moments.len() > 1 { written_day(wait.at) } else { String::new() };
            match &wait.parts {
                Some(parts) => in_time(reading, limit, &wait, parts, &when),
                None => nobody(reading, limit, wait.agent, &when),
            }
        }
    }
}

/// How long it takes until a person is told of an agent.
struct Wait<'a> {
    agent: &'a Agent,
    /// Only time in which logs are expected counts.
    in_hours: bool,
    at: i64,
    /// `None` = no person is certain to be told.
    parts: Option<Vec<latency::Part>>,
}

fn wait<'a>(
    watch: &Watch,
    agent: &'a Agent,
    policy: &Policy,
    (routes, channels): (&[Route], &[ChannelTable]),
    at: i64,
) -> Wait<'a> {
    let event = latency::silence(watch, agent, policy, at);
    let soonest = latency::soonest(&router::select(routes, &event), channels, &event);
    let parts = soonest.map(|told| {
        let mut parts = latency::parts(watch, policy, Some(told), &event);
        parts.extend(latency::over_budget(told, channels));
        parts
    });
    Wait { agent, in_hours: policy.calendar.is_some(), at, parts }
}

/// The minutes of a week, in milliseconds, in which logs are expected of a class and routes begin or
/// cease to be in use or quiet: at no other one it takes longer. Of those that are alike, the first.
fn moments(routes: &[Route], class: &Class) -> Vec<i64> {
    if routes.iter().all(|route| route.active.is_none() && route.quiet.is_none()) {
        return vec![MONDAY];
    }
    let expects = |at| class.calendar.as_ref().is_none_or(|hours| hours.is_active(at));
    let quiet_until = |route: &Route, at| route.quiet.as_ref()?.until(Severity::Info, at);
    let way = |at| -> Option<Vec<(bool, Option<i64>)>> {
        let of_route = |route: &Route| (route.is_active(at), quiet_until(route, at));
        expects(at).then(|| routes.iter().map(of_route).collect())
    };
    let (mut last, mut known, mut moments) = (None, BTreeSet::new(), Vec::new());
    for at in (MONDAY..MONDAY + WEEK).step_by(MINUTE as usize) {
        let now = way(at);
        if let Some(new) = now.as_ref().filter(|_| now != last) {
            let alike: Vec<_> =
                new.iter().map(|(active, until)| (*active, until.map(|until| until - at))).collect();
            moments.extend(known.insert(alike).then_some(at));
        }
        last = now;
    }
    moments
}

/// ` (Sun 00:00 UTC)`.
fn written_day(at: i64) -> String {
    time(at).format(" (%a %H:%M UTC)").to_string()
}

fn in_time(
    reading: &mut Reading<'_>,
    limit: &Spanned<Duration>,
    wait: &Wait<'_>,
    parts: &[latency::Part],
    when: &str,
) {
    let total = latency::total(parts);
    if total > *limit.get_ref() {
        let sum: Vec<String> =
            parts.iter().map(|part| format!("{} {}", written(part.time), part.what)).collect();
        let hours = if wait.in_hours { " of the time in which logs are expected" } else { "" };
        let (whom, total) = (whom(wait.agent), written(total));
        let message = format!("the first message about {whom} may take {total}{hours}{when}");
        reading.findings.error(At::Place(limit.span()), message).help(sum.join(" + "));
    }
}

fn nobody(reading: &mut Reading<'_>, limit: &Spanned<Duration>, agent: &Agent, when: &str) {
    let message = format!("no person is certain to be told about {}{when}", whom(agent));
    let help = "a log or a program of yours is no person: name another channel in the first step of a route, or in one \
                with `after`";
    reading.findings.error(At::Place(limit.span()), message).help(help);
}

fn whom(agent: &Agent) -> String {
    match agent.id.as_str() {
        ANYBODY => "an agent of this class".to_owned(),
        id => format!("agent `{id}`"),
    }
}
