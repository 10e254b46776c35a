//! Who is watched, by which rules.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use log_monitor_channels::Severity;
use toml::Spanned;

use super::agent::Agent;
use crate::config::calendar::{Calendar, Pause};
use crate::config::matcher::Matcher;
use crate::config::suspicion::Suspicion;

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
        let by_id = agent.ids().find_map(|id| self.intervals.get(id)).copied();
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
