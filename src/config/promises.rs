//! Whether a class can be told as soon as its `max_time_to_notify` promises.

use log_monitor_channels::{Entity, EventKind};

use super::diagnostics::At;
use super::duration::written;
use super::latency;
use super::model::{Agent, Route, Watch};
use super::reading::Reading;
use crate::dispatch::router;
use crate::monitor::words;

/// Tells of every agent's promise that cannot be kept, once for each class.
pub fn keep(reading: &mut Reading<'_>, watch: &Watch, routes: &[Route]) {
    for (number, class) in watch.classes.iter().enumerate() {
        let Some(limit) = &class.max_time_to_notify else { continue };
        // Who will be discovered is not known yet.
        let anybody = watch.discover.as_ref().map(|_| Agent::in_file("*", ""));
        let of_class = watch.agents.iter().filter(|agent| watch.policy(agent).class == Some(number + 1));
        let waits = of_class.chain(&anybody).map(|agent| {
            let policy = watch.policy_in(Some(number), agent);
            let mut event = words::about(&watch.name, EventKind::AgentSilent, policy.severity, 0);
            event.entity = Some(Entity { id: agent.id.clone(), label: agent.label.clone() });
            event.labels.clone_from(&policy.labels);
            (agent, latency::parts(watch, &policy, router::select(routes, &event).first().copied()))
        });
        let Some((agent, parts)) = waits.max_by_key(|(_, parts)| latency::total(parts)) else { continue };
        let total = latency::total(&parts);
        if total > *limit.get_ref() {
            let sum: Vec<String> = parts.iter().map(|part| written(part.time)).collect();
            let message = format!("the first message about agent `{}` may take {}", agent.id, written(total));
            let help = format!("{}; `log-monitor explain {}` says why", sum.join(" + "), agent.id);
            reading.findings.error(At::Place(limit.span()), message).help(help);
        }
    }
}
