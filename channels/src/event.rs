//! Past facts, the only thing that notifications are made of.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

/// What happened. The snake-case name is the contract: it stands in routes, JSON and the journal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum EventKind {
    /// An entity stopped logging.
    AgentSilent,
    /// It still has not come back: the event of a reminder.
    AgentStillSilent,
    /// It logs again.
    AgentRecovered,
    /// It was taken off the list while silent; its incident is closed without a recovery.
    AgentUnwatched,
    /// A source cannot be read, so nothing is known about its entities.
    SourceDown,
    /// The source answers again.
    SourceUp,
    /// Many entities with something in common fell silent at once: the way their logs take is broken.
    PipelineStalled,
    /// Logs come that way again.
    PipelineRecovered,
    /// Agents were removed from a source's list, or enrolled anew.
    InventoryChanged,
    /// Documents are dated later than now.
    ClockSkewed,
    /// log-monitor itself was away for a while, and is back.
    MonitoringResumed,
    /// Something did not come up: a channel, an agent list, a reload.
    SetupFailed,
    /// A channel refuses for good, or a message reached nobody.
    ChannelUnhealthy,
    /// The channel accepts again.
    ChannelRecovered,
    /// The journal cannot be written; log-monitor goes on from memory.
    JournalFailed,
    /// The journal is written again.
    JournalRecovered,
}

impl EventKind {
    /// Every kind, for lists, validation and did-you-mean.
    pub const ALL: [Self; 16] = [
        Self::AgentSilent,
        Self::AgentStillSilent,
        Self::AgentRecovered,
        Self::AgentUnwatched,
        Self::SourceDown,
        Self::SourceUp,
        Self::PipelineStalled,
        Self::PipelineRecovered,
        Self::InventoryChanged,
        Self::ClockSkewed,
        Self::MonitoringResumed,
        Self::SetupFailed,
        Self::ChannelUnhealthy,
        Self::ChannelRecovered,
        Self::JournalFailed,
        Self::JournalRecovered,
    ];

    /// The contract name, such as `agent_silent`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::AgentSilent => "agent_silent",
            Self::AgentStillSilent => "agent_still_silent",
            Self::AgentRecovered => "agent_recovered",
            Self::AgentUnwatched => "agent_unwatched",
            Self::SourceDown => "source_down",
            Self::SourceUp => "source_up",
            Self::PipelineStalled => "pipeline_stalled",
            Self::PipelineRecovered => "pipeline_recovered",
            Self::InventoryChanged => "inventory_changed",
            Self::ClockSkewed => "clock_skewed",
            Self::MonitoringResumed => "monitoring_resumed",
            Self::SetupFailed => "setup_failed",
            Self::ChannelUnhealthy => "channel_unhealthy",
            Self::ChannelRecovered => "channel_recovered",
            Self::JournalFailed => "journal_failed",
            Self::JournalRecovered => "journal_recovered",
        }
    }

    /// The kind of that contract name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// Whether its entity is an agent, and not what agents share.
    #[must_use]
    pub const fn is_about_agent(self) -> bool {
        matches!(
            self,
            Self::AgentSilent | Self::AgentStillSilent | Self::AgentRecovered | Self::AgentUnwatched
        )
    }

    /// Whether it ends an incident (and so goes to whoever was told of the beginning).
    #[must_use]
    pub const fn closes(self) -> bool {
        matches!(
            self,
            Self::AgentRecovered
                | Self::AgentUnwatched
                | Self::SourceUp
                | Self::PipelineRecovered
                | Self::ChannelRecovered
                | Self::JournalRecovered
        )
    }
}

impl std::fmt::Display for EventKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

/// How bad it is, lowest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// For the record.
    Info,
    /// Somebody should look during the day.
    Low,
    /// The default of a silent agent.
    #[default]
    Medium,
    /// Somebody should look now.
    High,
    /// Everybody should look now.
    Critical,
}

impl Severity {
    /// Every severity, lowest first.
    pub const ALL: [Self; 5] = [Self::Info, Self::Low, Self::Medium, Self::High, Self::Critical];

    /// The contract name, such as `high`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }

    /// The severity of that contract name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|severity| severity.name() == name)
    }
}

/// What an event is about: an agent, or a device behind one.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Entity {
    /// The value that the watch keys on, an agent id by default. Hostile input: escape it.
    pub id: String,
    /// The name people know it by; empty when there is none. Hostile input: escape it.
    pub label: String,
}

/// One past fact. The journal gives it its `id`, and the order of ids is the order of truth.
///
/// ```
/// use log_monitor_channels::conformance::sample;
/// use log_monitor_channels::{Event, facts};
///
/// let event: Event = sample().events.remove(0);
/// let known = facts::of(&event, 40);
/// assert!(known.contains(&("event", "agent_silent".to_owned())));
/// assert!(known.contains(&("entity_label", "db-03".to_owned())));
/// assert_eq!(serde_json::from_str::<Event>(&serde_json::to_string(&event).unwrap()).unwrap(), event);
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// The journal's number, 0 before it is committed.
    pub id: i64,
    /// The incident it belongs to, where there is one.
    pub incident: Option<i64>,
    /// The incident that explains it, such as that of a stalled pipeline: it is told with that one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub part_of: Option<i64>,
    /// What happened.
    pub kind: EventKind,
    /// When it was noticed.
    pub at: DateTime<Utc>,
    /// How bad it is.
    pub severity: Severity,
    /// The watch, source or channel that it concerns.
    pub scope: String,
    /// The agent or device, where it is about one.
    pub entity: Option<Entity>,
    /// Since when: the last log before the silence, the start of an outage. `None` = never seen.
    pub since: Option<DateTime<Utc>>,
    /// When it logged again, of a recovery: before `at` where its end was doubted for a while.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub back: Option<DateTime<Utc>>,
    /// The part of the time from `since` to `back`, from 0 to 1, of which logs are there by now: they
    /// arrived late. `None` = nobody asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub arrived_late: Option<f64>,
    /// How long it may be quiet, in seconds, where that was what decided.
    pub threshold_seconds: Option<u64>,
    /// A word for programs, such as `no_documents`, `never_seen`, `auth`.
    pub cause: String,
    /// One plain sentence for people: what is known and what to check first. Free of secrets.
    pub detail: String,
    /// For routing, and for people; includes what classes add.
    pub labels: BTreeMap<String, String>,
}
