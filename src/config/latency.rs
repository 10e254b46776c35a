//! How long it takes at worst from an agent's last log to the first person, part by part. Pure.

use std::time::Duration;

use log_monitor_channels::{Entity, Event, EventKind, Severity};

use super::duration::written;
use super::model::{Agent, ChannelTable, Need, Policy, Route, Step, Watch};
use crate::monitor::words;

/// While an agent's node or watch may have stalled, its verdict waits no longer than this (nor than
/// its own threshold).
pub const LONGEST_DOUBT: Duration = Duration::from_secs(30 * 60);

/// One reason to wait.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// How long at most.
    pub time: Duration,
    /// Its name, as short as can be.
    pub what: String,
    /// What for.
    pub why: String,
}

/// A step of a route that comes whatever became of those before it: the first, or an escalation.
#[derive(Debug, Clone, Copy)]
pub struct Sure<'r> {
    /// The route.
    pub route: &'r Route,
    /// The step, counted from 0.
    pub at: usize,
}

impl<'r> Sure<'r> {
    /// The steps of a route that come for certain. Where one is `unless = "acked"`, a person knows already.
    fn of(route: &'r Route) -> impl Iterator<Item = Self> {
        let sure = |at: &usize| *at == 0 || route.steps[*at].escalation.is_some();
        (0..route.steps.len()).filter(sure).map(move |at| Self { route, at })
    }

    fn step(self) -> &'r Step {
        &self.route.steps[self.at]
    }
}

/// Every reason to wait, in order, where the silence is noticed as `event` says. What the source and the channel
/// themselves take comes on top.
#[must_use]
pub fn parts(watch: &Watch, policy: &Policy, told: Option<Sure<'_>>, event: &Event) -> Vec<Part> {
    let part = |time, what: &str, why: &str| Part { time, what: what.to_owned(), why: why.to_owned() };
    let threshold = policy.interval.saturating_add(policy.grace);
    let mut parts = vec![
        part(policy.interval, "interval", "it may be silent for this long (interval)"),
        part(policy.grace, "grace", "on their way logs may take this long (grace)"),
        part(watch.poll, "poll", "until the next round (poll)"),
    ];
    if policy.depends {
        parts.push(part(
            LONGEST_DOUBT,
            "dependencies",
            "if others, on whom it may depend, do not log either: is it the agent?",
        ));
    } else if watch.discover.is_some() || watch.agents.len() >= watch.pipeline.count {
        let doubt = threshold.min(LONGEST_DOUBT);
        parts.push(part(doubt, "pipeline", "if nobody else logs either: is it the agent, or the pipeline?"));
    }
    parts.extend(told.map(|told| at_step(told, event)).into_iter().flatten());
    parts
}

/// What a message waits for at a step: the end of its route's quiet hours, else its budget; and an escalation its
/// time.
fn at_step(told: Sure<'_>, event: &Event) -> Vec<Part> {
    let at = event.at.timestamp_millis();
    let quiet = |at: i64| until_quiet_is_over(told.route, event.severity, at);
    let mut parts = vec![quiet(at).unwrap_or_else(|| if_it_has_just_sent(told.route))];
    if let Some(escalation) = told.step().escalation {
        let what = format!("escalation to {}", told.step().to.join(", "));
        parts.push(Part { time: escalation.after, why: format!("until the {what}"), what });
        let due = at.saturating_add(i64::try_from(total(&parts).as_millis()).unwrap_or(i64::MAX));
        parts.extend(quiet(due));
    }
    parts
}

fn until_quiet_is_over(route: &Route, severity: Severity, at: i64) -> Option<Part> {
    let until = route.quiet.as_ref()?.until(severity, at)?;
    let time = Duration::from_millis((until - at).unsigned_abs());
    let what = format!("quiet hours of {}", route.name);
    Some(Part { time, why: format!("until the {what} are over"), what })
}

fn if_it_has_just_sent(route: &Route) -> Part {
    let why = format!("if the route has just sent {} such messages (group)", route.group.burst);
    Part { time: route.group.interval.max(route.group.wait), what: "group".to_owned(), why }
}

/// The event of an agent's silence at `at`, in milliseconds, as far as routes look at it.
#[must_use]
pub fn silence(watch: &Watch, agent: &Agent, policy: &Policy, at: i64) -> Event {
    let mut labels = policy.event_labels();
    let node = agent.listed.as_ref().and_then(|listed| listed.node.clone());
    if let Some(node) = node {
        labels.entry("node".to_owned()).or_insert(node);
    }
    Event {
        entity: Some(Entity { id: agent.id.clone(), label: agent.label.clone() }),
        labels,
        cause: "no_documents".to_owned(),
        ..words::about(&watch.name, EventKind::AgentSilent, policy.severity, at)
    }
}

/// The step by which a person is told soonest of `event`. Those that come only when others fail do not count:
/// where one before them is accepted, they are told nothing.
#[must_use]
pub fn soonest<'r>(routes: &[&'r Route], channels: &[ChannelTable], event: &Event) -> Option<Sure<'r>> {
    let sure = routes.iter().flat_map(|route| Sure::of(route));
    let told = sure.filter(|sure| !people(sure.step(), channels).is_empty());
    let budget = |sure| over_budget(sure, channels).map_or(Duration::ZERO, |part| part.time);
    told.min_by_key(|sure| total(&at_step(*sure, event)) + budget(*sure))
}

/// What a message waits for where each person's channel of the step is over its budget: until the longest time of
/// one is over.
#[must_use]
pub fn over_budget(told: Sure<'_>, channels: &[ChannelTable]) -> Option<Part> {
    let longest = |name: &str| {
        let channel = channels.iter().find(|channel| channel.name == name)?;
        Some((channel.budgets.iter().max_by_key(|budget| budget.per)?, channel))
    };
    let waits: Option<Vec<_>> = people(told.step(), channels).into_iter().map(longest).collect();
    let (budget, channel) = waits?.into_iter().min_by_key(|(budget, _)| budget.per)?;
    let why = format!("if channel {} has been sent more than {budget} (budget)", channel.name);
    Some(Part { time: budget.per, what: format!("budget of {}", channel.name), why })
}

/// What the sum hangs on: `if slack accepts; if it does not, up to 30s more until email`.
#[must_use]
pub fn condition(told: Sure<'_>, channels: &[ChannelTable]) -> String {
    let steps = &told.route.steps;
    let first = people(told.step(), channels).join(" or ");
    let starts = Step::starts(steps);
    // What a log accepts goes no further, unless all of the step must; but an escalation comes all the same.
    let goes_on = |at: usize| {
        let step = &steps[at - 1];
        step.need == Need::All || people(step, channels).len() == step.to.len()
    };
    let mut reached = true;
    let fallback = (told.at + 1..steps.len()).find_map(|at| {
        let (earlier, step) = (&steps[told.at..at], &steps[at]);
        reached = step.escalation.is_some() || reached && goes_on(at);
        let tried = |name: &str| earlier.iter().any(|step| step.to.iter().any(|known| known == name));
        let new: Vec<&str> = people(step, channels).into_iter().filter(|name| !tried(name)).collect();
        (reached && !new.is_empty()).then(|| (starts[at].saturating_sub(starts[told.at]), new.join(" or ")))
    });
    match fallback {
        Some((wait, next)) => {
            format!("if {first} accepts; if not, up to {} more until {next}", written(wait))
        }
        None => format!("if {first} accepts; if not, no other person is told"),
    }
}

/// The channels of a step that a person reads; one that could not be read itself is taken for one.
fn people<'s>(step: &'s Step, channels: &[ChannelTable]) -> Vec<&'s str> {
    let reaches = |name: &&str| channels.iter().all(|one| one.name != **name || one.reaches_people);
    step.to.iter().map(String::as_str).filter(reaches).collect()
}

/// All of them together.
#[must_use]
pub fn total(parts: &[Part]) -> Duration {
    parts.iter().fold(Duration::ZERO, |sum, part| sum.saturating_add(part.time))
}
