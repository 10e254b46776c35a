//! Why an agent is silent, as far as its connection to the manager tells. Pure.

use compact_str::CompactString;

use crate::config::vocabulary::{LATE, TOO_FEW};
use crate::journal::entities::Logging;
use crate::source::{Connection, Counted, Link};

/// An agent sends a keepalive every 10 to 20 s (Wazuh 4.x, `notify_time`); one that is older than
/// this, in milliseconds, is stale, even if the manager has not noticed yet: that takes it up to twice
/// `agents_disconnection_time`, which is half an hour.
const STALE: i64 = 3 * 60_000;

/// What is known of the reason. Times and spans in milliseconds.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Cause {
    /// Nothing: no source tells.
    #[default]
    NotAsked,
    /// The source that would tell could not be asked.
    CannotTell,
    /// The manager knows no such agent.
    NotEnrolled,
    /// It is enrolled, and has never connected.
    NeverConnected,
    /// It said that it stops; at this time.
    Stopped(Option<i64>),
    /// It went without a word; its last keepalive.
    Lost(Option<i64>),
    /// It is not connected, and how it went is not known; its last keepalive.
    Disconnected(Option<i64>),
    /// It is connected; its last keepalive, and what its manager received meanwhile.
    ConnectedButSilent(Option<i64>, Received),
    /// Its newest log came so long after it was written.
    Late(i64),
    /// It logs less than it should.
    TooFew {
        /// How many logs it has …
        events: u64,
        /// … of at least so many …
        least: u64,
        /// … within this time.
        within: i64,
    },
    /// It is part of an agent whose other parts log.
    PartOnly(Whole),
}

/// What a silent entity is part of, such as the agent of a log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Whole {
    /// Its name. Hostile input.
    pub name: CompactString,
    /// The newest log of any of its parts, in milliseconds.
    pub newest: i64,
}

/// What the manager received of a silent agent, by its own counters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Received {
    /// Not known.
    #[default]
    Unknown,
    /// Nothing within this time.
    Nothing(i64),
    /// So many events within this time, none of them from logs.
    NoLogs(u64, i64),
    /// So many events within this time.
    Events(u64, i64),
}

impl Received {
    /// What came between two looks at the counters, `within` apart. Counters that went back were set to
    /// zero, and tell nothing.
    #[must_use]
    pub fn between(before: Counted, after: Counted, within: i64) -> Self {
        let Some(events) = after.received.checked_sub(before.received) else { return Self::Unknown };
        let logs = after.logs.zip(before.logs).map(|(after, before)| after.checked_sub(before));
        match (events, logs) {
            (0, _) => Self::Nothing(within),
            (events, Some(Some(0))) => Self::NoLogs(events, within),
            (events, _) => Self::Events(events, within),
        }
    }
}

impl Cause {
    /// What the manager's view of an agent says at `now`; `None` = it said nothing of the agent, which
    /// may be enrolled all the same.
    #[must_use]
    pub fn of(connection: Option<&Connection>, now: i64) -> Self {
        let Some(Connection { link, last_keepalive, lost_at, .. }) = connection else {
            return Self::CannotTell;
        };
        let stale = last_keepalive.is_some_and(|last| now - last >= STALE);
        match link {
            Link::Pending if last_keepalive.is_none() => Self::NeverConnected,
            Link::Pending if stale => Self::Disconnected(*last_keepalive),
            Link::Connected if stale => Self::Lost(*last_keepalive),
            Link::Connected | Link::Pending => Self::ConnectedButSilent(*last_keepalive, Received::Unknown),
            Link::Stopped => Self::Stopped(lost_at.or(*last_keepalive)),
            Link::Lost => Self::Lost(*last_keepalive),
            Link::Disconnected => Self::Disconnected(*last_keepalive),
            Link::NeverConnected => Self::NeverConnected,
            Link::NotEnrolled => Self::NotEnrolled,
            Link::Unknown => Self::CannotTell,
        }
    }

    /// Takes what another source says, if that is more: one that does not know an agent says little
    /// when another one has it.
    pub fn learn(&mut self, other: Self) {
        let weight = |cause: &Self| match cause {
            Self::NotAsked => 0,
            Self::CannotTell => 1,
            Self::NotEnrolled => 2,
            Self::NeverConnected => 3,
            Self::Stopped(_) | Self::Lost(_) | Self::Disconnected(_) => 4,
            Self::ConnectedButSilent(..) | Self::Late(_) | Self::TooFew { .. } | Self::PartOnly(_) => 5,
        };
        if weight(&other) > weight(self) {
            *self = other;
        }
    }

    /// For programs and routes; `None` where nothing is known.
    #[must_use]
    pub const fn name(&self) -> Option<&'static str> {
        match self {
            Self::NotAsked | Self::CannotTell => None,
            Self::NotEnrolled => Some("not_enrolled"),
            Self::NeverConnected => Some("never_connected"),
            Self::Stopped(_) | Self::Lost(_) | Self::Disconnected(_) => Some("disconnected"),
            Self::ConnectedButSilent(..) => Some("connected_but_silent"),
            Self::Late(_) => Some(LATE),
            Self::TooFew { .. } => Some(TOO_FEW),
            Self::PartOnly(_) => Some("part_silent"),
        }
    }

    /// How an entity logs that is told for this reason.
    #[must_use]
    pub const fn logging(&self) -> Logging {
        match self {
            Self::TooFew { .. } => Logging::TooFew,
            Self::Late(_) => Logging::Late,
            _ => Logging::No,
        }
    }

    /// Whether a cause of that name is what a source of connections said.
    #[must_use]
    pub fn is_of_connection(name: &str) -> bool {
        matches!(name, "not_enrolled" | "never_connected" | "disconnected" | "connected_but_silent")
    }

    /// Whether its sentence leaves nothing to say about how long it has been silent: it is not.
    #[must_use]
    pub const fn says_all(&self) -> bool {
        matches!(self, Self::TooFew { .. } | Self::Late(_))
    }
}

#[cfg(test)]
mod tests;
mod words;
