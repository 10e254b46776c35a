//! Messages as they could come, of every kind: templates are tried with them, and previews show them.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use log_monitor_channels::{Entity, Event, EventKind, Link, MessageKind, Severity};

use crate::dispatch::render::{Facts, as_noticed};
use crate::monitor::words;

/// A message that could come.
#[derive(Debug, Clone)]
pub struct Sample {
    /// What it tells. Never empty.
    pub events: Vec<Event>,
    /// Its part.
    pub kind: MessageKind,
    /// Where people see more.
    pub links: Vec<Link>,
    /// How many of its events it lists.
    pub max_items: usize,
}

impl Sample {
    /// What is to be said beside its events.
    #[must_use]
    pub fn facts(&self) -> Facts<'static> {
        let reminder = u32::from(self.kind == MessageKind::Reminder);
        Facts { reminder, max_items: self.max_items, ..Facts::of(self.kind) }
    }
}

/// The everyday message of a kind of event.
#[must_use]
pub fn sample(kind: EventKind, now: DateTime<Utc>) -> Sample {
    let message = match kind {
        EventKind::AgentStillSilent => MessageKind::Reminder,
        EventKind::InventoryChanged | EventKind::ClockSkewed | EventKind::MonitoringResumed => {
            MessageKind::Notice
        }
        kind if kind.closes() => MessageKind::Resolved,
        _ => MessageKind::Firing,
    };
    Sample { events: vec![event(kind, now)], kind: message, links: Vec::new(), max_items: 20 }
}

/// Messages of a kind that differ in what is known, how many events they tell and list, how severe those
/// are, and whether they have links; the everyday one first.
#[must_use]
pub fn all_of(kind: EventKind, now: DateTime<Utc>) -> Vec<Sample> {
    let everyday = sample(kind, now);
    let first = everyday.events[0].clone();
    let bare = Event {
        since: None,
        back: None,
        incident: None,
        entity: None,
        labels: BTreeMap::new(),
        ..first.clone()
    };
    let second = Event { entity: first.entity.as_ref().map(|_| agent("002", "db-01")), ..first.clone() };
    let several = Sample { events: vec![first, second], ..everyday.clone() };
    let mut all = vec![everyday.clone(), Sample { events: vec![bare], ..everyday.clone() }, several.clone()];
    for severity in Severity::ALL {
        for kind in [everyday.kind, MessageKind::Reminder] {
            all.extend([&everyday, &several].map(|sample| severe(sample, severity, kind)));
        }
    }
    all
}

/// The same with links, of this severity, and with only its first event listed.
fn severe(sample: &Sample, severity: Severity, kind: MessageKind) -> Sample {
    let events = sample.events.iter().map(|event| Event { severity, ..event.clone() }).collect();
    let link = Link { title: "Dashboard".to_owned(), url: "https://wazuh.example.org/".to_owned() };
    Sample { events, kind, links: vec![link], max_items: 1 }
}

/// An event of a kind.
#[must_use]
pub fn event(kind: EventKind, now: DateTime<Utc>) -> Event {
    match kind {
        EventKind::AgentStillSilent => {
            let noticed = as_told(EventKind::AgentSilent, now - TimeDelta::hours(1));
            Event { kind, at: now, detail: as_noticed(&noticed), ..noticed }
        }
        kind => as_told(kind, now),
    }
}

fn as_told(kind: EventKind, now: DateTime<Utc>) -> Event {
    let (scope, cause, detail) = told(kind);
    let about_agent = kind.is_about_agent();
    let entity = match kind {
        EventKind::PipelineStalled | EventKind::PipelineRecovered => Some(agent("node02", "(40 agents)")),
        _ => about_agent.then(|| agent("001", "web-01")),
    };
    let event = words::about(scope, kind, severity(kind), now.timestamp_millis());
    Event {
        incident: Some(7),
        since: Some(event.at - TimeDelta::minutes(16)),
        threshold_seconds: about_agent.then_some(960),
        entity,
        cause: cause.to_owned(),
        detail: detail.to_owned(),
        ..event
    }
}

fn agent(id: &str, label: &str) -> Entity {
    Entity { id: id.to_owned(), label: label.to_owned() }
}

/// How severe what tells this kind usually is; of an agent, where its class says nothing else.
#[must_use]
pub const fn severity(kind: EventKind) -> Severity {
    match kind {
        EventKind::SourceDown
        | EventKind::PipelineStalled
        | EventKind::SetupFailed
        | EventKind::ChannelUnhealthy
        | EventKind::JournalFailed => Severity::High,
        EventKind::MonitoringResumed => Severity::Low,
        EventKind::SourceUp
        | EventKind::PipelineRecovered
        | EventKind::InventoryChanged
        | EventKind::AgentUnwatched
        | EventKind::ChannelRecovered
        | EventKind::JournalRecovered => Severity::Info,
        _ => Severity::Medium,
    }
}

/// The scope, the cause and the sentences.
const fn told(kind: EventKind) -> (&'static str, &'static str, &'static str) {
    match kind {
        EventKind::AgentSilent | EventKind::AgentStillSilent => (
            "default",
            "disconnected",
            "No logs for 16 min; at most 15 min without one is expected. Its Wazuh agent is disconnected and did not \
             say goodbye; its last keepalive is 16 min old. Check first: is the machine up, and can it reach the \
             manager (port 1514)?",
        ),
        EventKind::AgentRecovered => ("default", "documents", "It logs again."),
        EventKind::AgentUnwatched => (
            "default",
            "no_longer_watched",
            "It was taken off the agent list while it was silent, so its recovery will not be noticed.",
        ),
        EventKind::SourceDown => (
            "wazuh",
            "network",
            "Cannot connect: connection refused. Until it can be read again nothing is known about its 40 agents; that \
             is no sign that they are silent.",
        ),
        EventKind::SourceUp => {
            ("wazuh", "answers", "It answers again. What fell silent meanwhile is told separately.")
        }
        EventKind::PipelineStalled => (
            "default",
            "no_documents",
            "None of the 40 agents of node node02 has logged for 16 min. So it is hardly the agents, but the way of \
             their logs: check first the manager (and its Filebeat), the network between, and the indexer's disk.",
        ),
        EventKind::PipelineRecovered => {
            ("default", "documents", "40 of the 40 agents of node node02 log again. Everybody is back.")
        }
        EventKind::InventoryChanged => {
            ("default", "list_changed", "No longer listed, and so not watched any more, is 009 old-01.")
        }
        EventKind::ClockSkewed => (
            "default",
            "future_documents",
            "The newest of them is 2 h ahead of the clock of log-monitor. Check first: the time of the Wazuh manager, \
             and of this machine.",
        ),
        EventKind::MonitoringResumed => ("log-monitor", "downtime", "Nothing was noticed meanwhile."),
        EventKind::SetupFailed => ("reload", "setup", "The configuration was not taken over."),
        EventKind::ChannelUnhealthy => ("oncall", "auth", "It refuses for good: the token is not valid."),
        EventKind::ChannelRecovered => ("oncall", "accepted", "It accepts messages again."),
        EventKind::JournalFailed => ("journal", "storage", "The journal cannot be written."),
        EventKind::JournalRecovered => ("journal", "written", "The journal is written again."),
        // Kinds to come have a name at least.
        _ => ("log-monitor", "", "Something happened."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dispatch::fixtures::start;
    use crate::dispatch::render::message;
    use crate::monitor::source_health::Asked;
    use crate::monitor::words::way::INDEXED;
    use crate::source::{SourceError, SourceReason};

    #[test]
    fn a_reminder_reads_as_one_that_is_sent() {
        let reminder = sample(EventKind::AgentStillSilent, start() + TimeDelta::hours(1));
        let (title, body) = message(&reminder.events, &reminder.facts());
        assert_eq!(title, "Still silent: 001 web-01, no logs for 1 h 16 min (disconnected) (reminder 1)");
        let known = "As it was noticed at 2026-01-01 00:00:00 UTC: No logs for 16 min; at most 15 min ";
        assert!(body.starts_with(known) && body.contains("\nLast log before: 2025-12-31 23:44:00"), "{body}");
    }

    #[test]
    fn what_is_said_to_be_usual_is_what_the_monitor_makes() {
        let error = SourceError::new(SourceReason::Network, "Cannot connect.");
        let made = [
            words::source_down("wazuh", &error, Asked::Documents, 4, 0),
            words::source_up("wazuh", None, "network", 0),
            words::skewed("default", "001", 9_000_000, &INDEXED, 0),
            words::lacks_nothing("default", "wazuh", 0),
        ];
        for event in made {
            assert_eq!(event.severity, severity(event.kind), "{}", event.kind);
        }
    }
}
