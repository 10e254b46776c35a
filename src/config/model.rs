//! The resolved configuration: what the rest of the program works with. Every name in it is known
//! to exist, every number is in range.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use log_monitor_channels::Severity;
use serde::{Deserialize, Serialize};
use toml::Spanned;

use super::budget::Budget;
use super::calendar::{Calendar, Pause};
use super::matcher::Matcher;
use super::suspicion::Suspicion;
use crate::wording::{Voice, Wording};

/// A whole configuration, checked, its sources and channels not yet built.
pub struct Settings {
    /// The name of this installation in messages; the host name by default.
    pub installation: String,
    /// In the order of the configuration.
    pub sources: Vec<SourceTable>,
    /// In the order of the configuration.
    pub watches: Vec<Watch>,
    /// In the order of the configuration.
    pub channels: Vec<ChannelTable>,
    /// In the order of the configuration; the last one is the catch-all, which matches everything.
    pub routes: Vec<Route>,
    /// How messages are put into words.
    pub wording: Wording,
    /// The journal's file.
    pub journal: PathBuf,
    /// The log.
    pub log: LogSettings,
}

/// A `[sources.NAME]` table that has been read.
pub struct SourceTable {
    /// Its name.
    pub name: String,
    /// Its kind.
    pub kind: &'static str,
    /// What it can see.
    pub sees: crate::source::Sees,
    /// Ready to build.
    pub decoded: Box<dyn crate::source::registry::Decoded>,
}

/// A `[channels.NAME]` table that has been read.
pub struct ChannelTable {
    /// Its name.
    pub name: String,
    /// Its kind.
    pub kind: &'static str,
    /// Whether somebody reads what it takes.
    pub reaches_people: bool,
    /// Whether the vendor keeps a state of its own, which a resolution closes.
    pub resolve: bool,
    /// How many tries may be under way at once.
    pub max_in_flight: usize,
    /// How many tries there may be within a time.
    pub budgets: Vec<Budget>,
    /// How often it must hear that something goes on, if at all.
    pub keep_alive: Option<Duration>,
    /// How it wants its messages.
    pub voice: Voice,
    /// Ready to build.
    pub decoded: Box<dyn log_monitor_channels::registry::Decoded>,
}

/// A named set of entities with one source and one policy.
#[derive(Debug, Clone, PartialEq)]
pub struct Watch {
    /// Its name.
    pub name: String,
    /// The source that decides who is silent …
    pub source: String,
    /// … with these: what any of them has was logged.
    pub also: Vec<String>,
    /// Sources that tell why.
    pub beside: Vec<String>,
    /// The file with its agents, `id,label` lines.
    pub agent_file: Option<PathBuf>,
    /// The agents in it, and those that were discovered.
    pub agents: Vec<Agent>,
    /// Who else is watched.
    pub discover: Option<Discover>,
    /// Silent after this long without a log, unless a class or `intervals` says otherwise.
    pub interval: Duration,
    /// Plus this, for the way from agent to indexer.
    pub grace: Duration,
    /// The longest time between two rounds; a third of the shortest interval by default, held
    /// between 1 s and 60 s.
    pub poll: Duration,
    /// Intervals by agent id. They win over classes.
    pub intervals: BTreeMap<String, Duration>,
    /// First match wins.
    pub classes: Vec<Class>,
    /// When silence of some of the agents does not count.
    pub maintenance: Vec<Maintenance>,
    /// Who depends on whom.
    pub dependencies: Vec<Dependency>,
    /// When many silences are one stall of the pipeline.
    pub pipeline: Pipeline,
    /// What makes a silence suspicious.
    pub suspicion: Suspicion,
    /// At least so many logs in each interval.
    pub min_events: Option<u64>,
}

/// Maintenance of some agents.
#[derive(Debug, Clone, PartialEq)]
pub struct Maintenance {
    /// Which entities.
    pub matcher: Matcher,
    /// When.
    pub pauses: Vec<Pause>,
    /// And those that need them to log.
    pub behind: Vec<Dependency>,
}

/// When many silences count as one stall of the pipeline.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pipeline {
    /// At least so many agents of a watch, a node or a label …
    pub count: usize,
    /// … and this part of them, above 0 and up to 1 …
    pub share: f64,
    /// … within this time.
    pub window: Duration,
}

impl Default for Pipeline {
    fn default() -> Self {
        Self { count: 5, share: 0.5, window: Duration::from_secs(600) }
    }
}

/// Some agents cannot log while others do not.
#[derive(Debug, Clone, PartialEq)]
pub struct Dependency {
    /// Who depends …
    pub matcher: Matcher,
    /// … on whom …
    pub on: Matcher,
    /// … and how many of those have to log.
    pub need: Quorum,
}

/// How many of a group have to log.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Quorum {
    /// Each of them.
    All,
    /// So many, from 1.
    Count(usize),
    /// This part of them, above 0 and up to 1.
    Share(f64),
}

impl Quorum {
    /// How many of `size` that is; at least one, at most all.
    #[must_use]
    pub fn of(self, size: usize) -> usize {
        let wanted = match self {
            Self::All => size,
            Self::Count(count) => count,
            Self::Share(share) => (share * size as f64).ceil() as usize,
        };
        wanted.clamp(1, size.max(1))
    }
}

/// Whoever a source lists is watched.
#[derive(Debug, Clone, PartialEq)]
pub struct Discover {
    /// The source that lists them.
    pub source: String,
    /// Which of them; empty = all.
    pub include: Vec<Matcher>,
    /// Which of them not.
    pub exclude: Vec<Matcher>,
    /// How often the list is read.
    pub every: Duration,
    /// Who appears later is silent at the earliest after this long.
    pub probation: Duration,
    /// Who is listed only as long as it logs is forgotten after this much silence.
    pub forget_after: Duration,
}

/// Who is watched: a line of an agent file, or an entry of a source's list.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Agent {
    /// The agent's id, such as `001`.
    pub id: String,
    /// The name people know it by; empty when there is none.
    pub label: String,
    /// What a source's list says of it; `None` = it is in the agent file only.
    #[serde(default)]
    pub listed: Option<ListedAs>,
}

/// What a source's list says of an agent.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ListedAs {
    /// Its groups in Wazuh.
    pub groups: Vec<String>,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// The node it sends through.
    pub node: Option<String>,
    /// The version of its agent, such as `v4.14.5`.
    pub version: Option<String>,
    /// It is not silent before this time, in milliseconds: it has only just appeared.
    pub watched_from: Option<i64>,
}

impl Agent {
    /// A line of an agent file.
    #[must_use]
    pub fn in_file(id: &str, label: &str) -> Self {
        Self { id: id.to_owned(), label: label.to_owned(), listed: None }
    }

    /// The version of its Wazuh agent, where a list says it.
    #[must_use]
    pub fn version(&self) -> Option<&str> {
        self.listed.as_ref()?.version.as_deref()
    }

    /// What a matcher's key means for it.
    #[must_use]
    pub fn facts(&self, key: &str) -> Vec<&str> {
        let listed = self.listed.as_ref();
        match key {
            "id" => vec![&self.id],
            // Wazuh's own labels of an agent are in no list.
            "name" | "label" => vec![&self.label],
            "group" => listed.map(|l| l.groups.iter().map(String::as_str).collect()).unwrap_or_default(),
            "node" => listed.and_then(|listed| listed.node.as_deref()).into_iter().collect(),
            _ => Vec::new(),
        }
    }
}

/// A policy for some entities of a watch.
#[derive(Debug, Clone, PartialEq)]
pub struct Class {
    /// Which entities.
    pub matcher: Matcher,
    /// Replaces the watch's interval.
    pub interval: Option<Duration>,
    /// Replaces the watch's grace.
    pub grace: Option<Duration>,
    /// At least so many logs in each interval.
    pub min_events: Option<u64>,
    /// When logs are expected; `None` = always.
    pub calendar: Option<Arc<Calendar>>,
    /// How long it may take at most from a last log to the first person, and where that is set.
    pub max_time_to_notify: Option<Spanned<Duration>>,
    /// Put on every event of these entities; `severity` among them sets the severity.
    pub labels: BTreeMap<String, String>,
}

/// What holds for one entity, after classes and per-agent intervals.
#[derive(Debug, Clone, PartialEq)]
pub struct Policy {
    /// Silent after this long without a log.
    pub interval: Duration,
    /// Plus this.
    pub grace: Duration,
    /// How bad its silence is.
    pub severity: Severity,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// Its groups in Wazuh.
    pub groups: Vec<String>,
    /// Fewer logs than this in its interval are too few.
    pub min_events: Option<u64>,
    /// Which class, counted from 1; `None` = the watch's own values.
    pub class: Option<usize>,
    /// When logs are expected; `None` = always.
    pub calendar: Option<Arc<Calendar>>,
    /// Whether it depends on others.
    pub depends: bool,
}

impl Policy {
    /// What its events are labelled with: its labels, and its groups as Wazuh writes several.
    #[must_use]
    pub fn event_labels(&self) -> BTreeMap<String, String> {
        let mut labels = self.labels.clone();
        if !self.groups.is_empty() {
            labels.entry("group".to_owned()).or_insert_with(|| self.groups.join(","));
        }
        labels
    }

    /// When silence of `allowed` milliseconds since `seen` is over, counting only the times at which
    /// logs are expected. Milliseconds since 1970, UTC.
    #[must_use]
    pub fn due(&self, seen: i64, allowed: i64) -> i64 {
        match &self.calendar {
            Some(calendar) => calendar.after(seen, allowed),
            None => seen.saturating_add(allowed),
        }
    }

    /// The other way round: since when somebody who is due at `now` has been silent.
    #[must_use]
    pub fn since(&self, now: i64, allowed: i64) -> i64 {
        match &self.calendar {
            Some(calendar) => calendar.before(now, allowed),
            None => now.saturating_sub(allowed),
        }
    }

    /// The times within `from..to` at which logs are expected, in order.
    #[must_use]
    pub fn expected(&self, from: i64, to: i64) -> Vec<(i64, i64)> {
        match &self.calendar {
            Some(calendar) => calendar.spans(from, to),
            None => Vec::from_iter((from < to).then_some((from, to))),
        }
    }

    /// Whether logs are expected at `now`.
    #[must_use]
    pub fn expects(&self, now: i64) -> bool {
        self.calendar.as_ref().is_none_or(|calendar| calendar.is_active(now))
    }
}

impl Watch {
    /// The sources of documents.
    pub fn documents(&self) -> impl Iterator<Item = &str> {
        [&self.source].into_iter().chain(&self.also).map(String::as_str)
    }

    /// The shortest interval in use; where agents are not known yet, of those that could be.
    #[must_use]
    pub fn shortest_interval(&self) -> Duration {
        let in_use = self.agents.iter().map(|agent| self.policy(agent).interval).min();
        let by_class = self.classes.iter().filter_map(|class| class.interval);
        let any = by_class.chain(self.intervals.values().copied()).chain([self.interval]).min();
        in_use.filter(|_| self.discover.is_none()).or(any).unwrap_or(self.interval)
    }

    /// What holds for `agent`.
    #[must_use]
    pub fn policy(&self, agent: &Agent) -> Policy {
        let class = self.classes.iter().position(|class| class.matcher.matches(|key| agent.facts(key)));
        self.policy_in(class, agent)
    }

    /// What would hold for `agent` in a class, counted from 0.
    #[must_use]
    pub fn policy_in(&self, class: Option<usize>, agent: &Agent) -> Policy {
        let of_class = class.map(|at| &self.classes[at]);
        let mut labels = agent.listed.as_ref().map(|listed| listed.labels.clone()).unwrap_or_default();
        labels.extend(of_class.map(|class| class.labels.clone()).unwrap_or_default());
        let by_id = self.intervals.get(&agent.id).copied();
        Policy {
            interval: by_id.or(of_class.and_then(|class| class.interval)).unwrap_or(self.interval),
            grace: of_class.and_then(|class| class.grace).unwrap_or(self.grace),
            severity: labels.get("severity").and_then(|name| Severity::from_name(name)).unwrap_or_default(),
            min_events: of_class.and_then(|class| class.min_events).or(self.min_events),
            labels,
            groups: agent.listed.as_ref().map(|listed| listed.groups.clone()).unwrap_or_default(),
            class: class.map(|at| at + 1),
            calendar: self.calendar(of_class.and_then(|class| class.calendar.as_ref()), agent),
            depends: self.dependencies.iter().any(|one| one.holds_for(agent)),
        }
    }
}

impl Watch {
    /// The hours of a class, without the maintenance of `agent`.
    fn calendar(&self, of_class: Option<&Arc<Calendar>>, agent: &Agent) -> Option<Arc<Calendar>> {
        let matching = self.maintenance.iter().filter(|one| one.holds_for(agent));
        let pauses: Vec<Pause> = matching.flat_map(|maintenance| maintenance.pauses.clone()).collect();
        match (pauses.is_empty(), of_class) {
            (true, of_class) => of_class.cloned(),
            (false, Some(hours)) => Some(Arc::new(Calendar { pauses, ..Calendar::clone(hours) })),
            (false, None) => Some(Arc::new(Calendar::always_but(pauses))),
        }
    }
}

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
    #[serde(with = "super::duration::seconds")]
    pub fallback_after: Duration,
    /// It is told although a step before it was accepted. Never at the first step.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub escalation: Option<Escalation>,
}

/// When people are told of what others were told before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Escalation {
    /// This long after the firing.
    #[serde(with = "super::duration::seconds")]
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
    #[serde(with = "super::duration::seconds")]
    pub first: Duration,
    /// At least 1.
    pub factor: f64,
    /// The longest wait between two.
    #[serde(with = "super::duration::seconds")]
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

/// Where log-monitor's own log goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogSettings {
    /// The file, in the original's line format; `None` = standard error only.
    pub file: Option<PathBuf>,
    /// What is written.
    pub level: Level,
}

/// How much is logged (`LOGGING_LEVEL` 0–3 of the original, and `debug`).
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// Nothing.
    Off,
    /// Errors.
    Error,
    /// Errors and warnings.
    Warn,
    /// Errors, warnings and what happened.
    #[default]
    Info,
    /// Everything.
    Debug,
}
