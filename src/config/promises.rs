//! Whether a class can be told as soon as its `max_time_to_notify` promises.

use std::time::Duration;

use toml::Spanned;

use super::diagnostics::At;
use super::duration::written;
use super::latency;
use super::model::{Agent, ChannelTable, Policy, Route, Watch};
use super::reading::Reading;
use crate::dispatch::router;

/// Tells of every agent's promise that cannot be kept, once for each class.
pub fn keep(reading: &mut Reading<'_>, watch: &Watch, routes: &[Route], channels: &[ChannelTable]) {
    for (number, class) in watch.classes.iter().enumerate() {
        let Some(limit) = &class.max_time_to_notify else { continue };
        // Who will be discovered is not known yet.
        let anybody = watch.discover.as_ref().map(|_| Agent::in_file("*", ""));
        let of_class = watch.agents.iter().filter(|agent| watch.policy(agent).class == Some(number + 1));
        let waits = of_class.chain(&anybody).map(|agent| {
            let policy = watch.policy_in(Some(number), agent);
            let routes = router::select(routes, &latency::silence(watch, agent, &policy));
            let route = latency::soonest(&routes, channels);
            let parts = route.map(|route| latency::parts(watch, &policy, Some(route)));
            (agent, policy, parts)
        });
        // Nobody at all is later than anybody.
        let last = waits
            .max_by_key(|(.., parts)| parts.as_ref().map_or(Duration::MAX, |parts| latency::total(parts)));
        match last {
            Some((agent, policy, Some(parts))) => in_time(reading, limit, agent, &policy, &parts),
            Some((agent, _, None)) => nobody(reading, limit, agent),
            None => {}
        }
    }
}

fn in_time(
    reading: &mut Reading<'_>,
    limit: &Spanned<Duration>,
    agent: &Agent,
    policy: &Policy,
    parts: &[latency::Part],
) {
    let total = latency::total(parts);
    if total > *limit.get_ref() {
        let sum: Vec<String> = parts.iter().map(|part| written(part.time)).collect();
        let hours = policy.calendar.as_ref().map_or("", |_| " of the time in which logs are expected");
        let message =
            format!("the first message about agent `{}` may take {}{hours}", agent.id, written(total));
        let help = format!("{}; `log-monitor explain {}` says why", sum.join(" + "), agent.id);
        reading.findings.error(At::Place(limit.span()), message).help(help);
    }
}

fn nobody(reading: &mut Reading<'_>, limit: &Spanned<Duration>, agent: &Agent) {
    let message = format!("no channel that a person reads is told first about agent `{}`", agent.id);
    let help = "a log or a program of yours is no person: name another channel in the first step of a route";
    reading.findings.error(At::Place(limit.span()), message).help(help);
}
