//! How long it takes at worst from an agent's last log to the first message, part by part. Pure.

use std::time::Duration;

use super::model::{Policy, Route, Watch};

/// While an agent's node or watch may have stalled, its verdict waits no longer than this (nor than
/// its own threshold).
pub const LONGEST_DOUBT: Duration = Duration::from_secs(30 * 60);

/// One reason to wait.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// How long at most.
    pub time: Duration,
    /// What for.
    pub why: String,
}

/// Every reason to wait, in order. What the source and the channel themselves take comes on top.
#[must_use]
pub fn parts(watch: &Watch, policy: &Policy, route: Option<&Route>) -> Vec<Part> {
    let part = |time: Duration, why: &str| Part { time, why: why.to_owned() };
    let threshold = policy.interval.saturating_add(policy.grace);
    let mut parts = vec![
        part(policy.interval, "it may be silent for this long (interval)"),
        part(policy.grace, "on their way logs may take this long (grace)"),
        part(watch.poll, "until the next round (poll)"),
    ];
    if !watch.dependencies.is_empty() {
        parts.push(part(
            LONGEST_DOUBT,
            "if others, on whom it may depend, do not log either: is it the agent?",
        ));
    } else if watch.discover.is_some() || watch.agents.len() >= watch.pipeline.count {
        let doubt = threshold.min(LONGEST_DOUBT);
        parts.push(part(doubt, "if nobody else logs either: is it the agent, or the pipeline?"));
    }
    if let Some(route) = route {
        let why = format!("if the route has just sent {} such messages (group)", route.group.burst);
        parts.push(Part { time: route.group.interval, why });
    }
    parts
}

/// All of them together.
#[must_use]
pub fn total(parts: &[Part]) -> Duration {
    parts.iter().fold(Duration::ZERO, |sum, part| sum.saturating_add(part.time))
}
