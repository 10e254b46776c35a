//! Why an agent is silent, as far as its connection to the manager tells. Pure.

use compact_str::CompactString;
use log_monitor_channels::text::one_line;

use super::words::span;
use crate::clock::written;
use crate::journal::events::time;
use crate::source::{Connection, Counted, Link};

/// An agent sends a keepalive every 10 to 20 s (Wazuh 4.x, `notify_time`); one that is older than
/// this, in milliseconds, is stale, even if the manager has not noticed yet: that takes it up to twice
/// `agents_disconnection_time`, which is half an hour.
const STALE: i64 = 3 * 60_000;

/// The name of [`Cause::TooFew`]: it is not silent, but logs less than it should.
pub const TOO_FEW: &str = "volume_too_low";

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
            Link::Connected if stale => Self::Lost(*last_keepalive),
            Link::Connected => Self::ConnectedButSilent(*last_keepalive, Received::Unknown),
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
            Self::Late(_) => Some("late"),
            Self::TooFew { .. } => Some(TOO_FEW),
            Self::PartOnly(_) => Some("part_silent"),
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

    /// Two or three sentences for people: what is known, and what to check first.
    #[must_use]
    pub fn sentence(&self, now: i64) -> Option<String> {
        let (known, check) = self.known_and_check(now)?;
        Some(format!("{known}. Check first: {check}?"))
    }

    fn known_and_check(&self, now: i64) -> Option<(String, &'static str)> {
        Some(match self {
            Self::NotAsked => return None,
            Self::CannotTell => (
                "Whether its Wazuh agent is connected cannot be told: the Wazuh server did not say"
                    .to_owned(),
                "is the machine up, and is its agent running and connected",
            ),
            Self::NotEnrolled => (
                "The Wazuh server knows no agent of this id".to_owned(),
                "is the id right, or was the agent removed or enrolled anew under another one",
            ),
            Self::NeverConnected => (
                "It is enrolled, but its Wazuh agent has never connected".to_owned(),
                "is the agent installed and started, and can it reach the manager",
            ),
            Self::Stopped(since) => {
                let at = since.map_or_else(String::new, |at| format!(" at {}", written(time(at))));
                let check = "was it meant to (a shutdown, an update, an uninstallation)";
                (format!("Its Wazuh agent said that it stops{at}"), check)
            }
            Self::Lost(seen) => (
                format!("Its Wazuh agent is disconnected and did not say goodbye; {}", keepalive(*seen, now)),
                "is the machine up, and can it reach the manager (port 1514)",
            ),
            Self::Disconnected(seen) => (
                format!("Its Wazuh agent is disconnected; {}", keepalive(*seen, now)),
                "is the machine up, is its agent running, and can it reach the manager (port 1514)",
            ),
            Self::ConnectedButSilent(seen, received) => connected(&keepalive(*seen, now), *received),
            Self::Late(by) => (
                format!(
                    "Its logs arrive late: the newest one came at least {} after it was written",
                    span(*by)
                ),
                "is the manager's queue full, and are its Filebeat and the indexer behind",
            ),
            Self::TooFew { events, least, within } => (
                format!(
                    "It has only {events} logs of the last {}; at least {least} are expected",
                    span(*within)
                ),
                "which of its logs have stopped, and does its agent still read all of them",
            ),
            Self::PartOnly(Whole { name, newest }) => (
                format!(
                    "Only this log has stopped: the rest of {} flows, its newest log came {} ago",
                    one_line(name, 80),
                    span(now - newest)
                ),
                "is this log still written, rotated under another name, or not readable any more",
            ),
        })
    }
}

fn connected(keepalive: &str, received: Received) -> (String, &'static str) {
    let and = |what: String| format!("Its Wazuh agent is connected ({keepalive}), {what}");
    match received {
        Received::Unknown => (
            and("but no logs arrive".to_owned()),
            "does the host still write them, can the agent read them (its ossec.log), and do they raise alerts at all",
        ),
        Received::Nothing(within) => (
            and(format!("but its manager has received nothing but keepalives for {}", span(within))),
            "does the host still write logs, and can the agent read them (its ossec.log)",
        ),
        Received::NoLogs(events, within) => (
            and(format!(
                "and its manager received {events} events of the last {}, but none from its logs: only that module \
                 has stopped",
                span(within)
            )),
            "does the host still write its logs, and can the agent's logcollector read them (its ossec.log)",
        ),
        Received::Events(events, within) => (
            and(format!(
                "and its manager received {events} events of the last {}, but the indexer has none of them",
                span(within)
            )),
            "do they raise alerts at all (level 3 and more), and does the manager's Filebeat keep up",
        ),
    }
}

fn keepalive(seen: Option<i64>, now: i64) -> String {
    seen.map_or_else(
        || "its last keepalive is not known".to_owned(),
        |seen| format!("its last keepalive is {} old", span(now - seen)),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_767_226_200_000;

    fn connection(link: Link, keepalive: i64) -> Connection {
        let (key, lost_at) = ("001".into(), Some(NOW - 60_000));
        Connection { key, link, last_keepalive: Some(NOW - keepalive), lost_at, node: None }
    }

    #[test]
    fn the_keepalive_says_more_than_the_status() {
        let cause = |link, keepalive| Cause::of(Some(&connection(link, keepalive)), NOW);
        assert_eq!(cause(Link::Connected, 12_000).name(), Some("connected_but_silent"));
        let stale = cause(Link::Connected, 4 * 60_000);
        assert_eq!(stale, Cause::Lost(Some(NOW - 240_000)), "the manager has not noticed yet");
        assert!(stale.sentence(NOW).unwrap().contains("last keepalive is 4 min old"));
        assert_eq!(cause(Link::Stopped, 12_000), Cause::Stopped(Some(NOW - 60_000)));
        let plain = cause(Link::Disconnected, 240_000).sentence(NOW).unwrap();
        assert!(
            plain.starts_with("Its Wazuh agent is disconnected; its last keepalive is 4 min old."),
            "{plain}"
        );
        assert_eq!(cause(Link::NotEnrolled, 0).name(), Some("not_enrolled"));
        assert_eq!(Cause::of(None, NOW), Cause::CannotTell, "absence is no answer");
        assert_eq!(Cause::default().sentence(NOW), None);
    }

    #[test]
    fn of_several_servers_the_one_that_knows_the_agent_is_believed() {
        let mut cause = Cause::default();
        for (told, known) in [
            (Cause::CannotTell, Cause::CannotTell),
            (Cause::NotEnrolled, Cause::NotEnrolled),
            (Cause::CannotTell, Cause::NotEnrolled),
            (Cause::NeverConnected, Cause::NeverConnected),
            (Cause::NotEnrolled, Cause::NeverConnected),
        ] {
            cause.learn(told);
            assert_eq!(cause, known);
        }
    }

    #[test]
    fn counters_tell_which_link_broke_and_nothing_once_they_were_set_back() {
        let counted = |received, logs| Counted { received, logs };
        let between = |before, after| Received::between(before, after, 300_000);
        assert_eq!(between(counted(500, Some(20)), counted(500, Some(20))), Received::Nothing(300_000));
        assert_eq!(between(counted(500, Some(20)), counted(540, Some(20))), Received::NoLogs(40, 300_000));
        assert_eq!(between(counted(500, None), counted(540, None)), Received::Events(40, 300_000));
        assert_eq!(between(counted(500, Some(20)), counted(40, Some(1))), Received::Unknown);
        let said = Cause::ConnectedButSilent(Some(NOW), Received::Events(40, 300_000)).sentence(NOW).unwrap();
        assert!(said.contains("received 40 events of the last 5 min, but the indexer has none"), "{said}");
    }
}
