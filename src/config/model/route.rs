//! Who is told of what, and how often.

use std::sync::Arc;
use std::time::Duration;

use log_monitor_channels::Severity;
use serde::{Deserialize, Serialize};

use crate::config::calendar::Calendar;
use crate::config::matcher::Matcher;

/// Who is told of which events, and what happens when that fails.
#[derive(Debug, Clone, PartialEq)]
pub struct Route {
    /// Its name; `catch_all` for the last.
    pub name: String,
    /// Which events.
    pub matcher: Matcher,
    /// Only at these times; `None` = always.
    pub active: Option<Arc<Calendar>>,
    /// Tried in order. Never empty.
    pub steps: Vec<Step>,
    /// When to say again that it still goes on.
    pub reminders: Reminders,
    /// How many messages at most, and what a grouped one shows.
    pub group: Group,
    /// When what is less severe waits.
    pub quiet: Option<Quiet>,
    /// Later routes are not used for an event that this one matched.
    pub stop: bool,
}

/// Quiet hours: what is not severe enough waits for their end, and is one message then.
#[derive(Debug, Clone, PartialEq)]
pub struct Quiet {
    /// When.
    pub hours: Arc<Calendar>,
    /// What is at least this severe goes out all the same.
    pub below: Severity,
}

impl Quiet {
    /// Until when something of this severity waits at `at`, in milliseconds; `None` = it does not.
    #[must_use]
    pub fn until(&self, severity: Severity, at: i64) -> Option<i64> {
        (severity < self.below && self.hours.is_active(at)).then(|| self.hours.end_of(at))
    }
}

impl Route {
    /// Whether it is used at a time, in milliseconds.
    #[must_use]
    pub fn is_active(&self, at: i64) -> bool {
        self.active.as_ref().is_none_or(|active| active.is_active(at))
    }
}

/// One step of a route: channels that are told together.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// Names of channels. Never empty.
    pub to: Vec<String>,
    /// How many of them must accept.
    pub need: Need,
    /// The next step starts after this long without the acceptance that `need` asks for.
    #[serde(with = "crate::config::duration::seconds")]
    pub fallback_after: Duration,
    /// It is told although a step before it was accepted. Never at the first step.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub escalation: Option<Escalation>,
}

/// When people are told of what others were told before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Escalation {
    /// This long after the firing.
    #[serde(with = "crate::config::duration::seconds")]
    pub after: Duration,
    /// What keeps it from them.
    pub unless: Option<Unless>,
}

/// What keeps an escalation from those it is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Unless {
    /// An acknowledgement of the incident, as long as it holds.
    Acked,
}

impl Step {
    /// The steps that are each other's fallback, and the rest, which begins with an escalation.
    #[must_use]
    pub fn chain(steps: &[Self]) -> (&[Self], &[Self]) {
        let end = steps.iter().skip(1).position(|step| step.escalation.is_some());
        steps.split_at(end.map_or(steps.len(), |at| at + 1))
    }

    /// When each step begins, counted from the first try, if none before it was enough.
    #[must_use]
    pub fn starts(steps: &[Self]) -> Vec<Duration> {
        let mut next = Duration::ZERO;
        let start = |step: &Self| {
            let start = step.escalation.map_or(next, |escalation| escalation.after);
            next = start.saturating_add(step.fallback_after);
            start
        };
        steps.iter().map(start).collect()
    }
}

/// When a step has done its duty.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Need {
    /// One channel accepted.
    #[default]
    Any,
    /// Every channel accepted.
    All,
}

/// Reminders of an incident: `first`, then each wait `factor` times the one before, up to `max`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Reminders {
    /// From the firing to the first reminder.
    #[serde(with = "crate::config::duration::seconds")]
    pub first: Duration,
    /// At least 1.
    pub factor: f64,
    /// The longest wait between two.
    #[serde(with = "crate::config::duration::seconds")]
    pub max: Duration,
}

impl Default for Reminders {
    fn default() -> Self {
        Self { first: Duration::from_secs(3600), factor: 2.0, max: Duration::from_secs(86400) }
    }
}

/// Keeps a route from flooding: what goes over the budget waits and is sent as one message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// What is alike in these is a group of its own; none = all that the route takes is one.
    pub by: Vec<String>,
    /// A message waits this long for others of its group.
    pub wait: Duration,
    /// At most this many messages of one sort and group …
    pub burst: u32,
    /// … within this time.
    pub interval: Duration,
    /// More messages of one sort than this within `interval` are a storm: what follows is one message of all
    /// groups.
    pub storm: u32,
    /// How many agents a grouped message lists before "+N more".
    pub max_items: usize,
}

impl Default for Group {
    fn default() -> Self {
        Self {
            by: Vec::new(),
            wait: Duration::ZERO,
            burst: 5,
            interval: Duration::from_secs(60),
            storm: 10,
            max_items: 20,
        }
    }
}
