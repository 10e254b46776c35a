//! Why an agent is silent, as far as its connection to the manager tells. Pure.

use crate::config::duration::human;
use crate::journal::events::time;
use crate::source::{Connection, Link};

/// An agent sends a keepalive every 10 to 20 s (Wazuh 4.x, `notify_time`); one that is older than
/// this, in milliseconds, is stale, even if the manager has not noticed yet: that takes it up to twice
/// `agents_disconnection_time`, which is half an hour.
const STALE: i64 = 3 * 60_000;

/// What is known of the reason.
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
    /// It said that it stops; at this time, in milliseconds.
    Stopped(Option<i64>),
    /// It went without a word; its last keepalive, in milliseconds.
    Lost(Option<i64>),
    /// It is connected; its last keepalive, in milliseconds.
    ConnectedButSilent(Option<i64>),
}

impl Cause {
    /// What the manager's view of an agent says at `now`; `None` = it does not know the agent.
    #[must_use]
    pub fn of(connection: Option<&Connection>, now: i64) -> Self {
        let Some(Connection { link, last_keepalive, lost_at, .. }) = connection else {
            return Self::NotEnrolled;
        };
        let stale = last_keepalive.is_some_and(|last| now - last >= STALE);
        match link {
            Link::Connected if stale => Self::Lost(*last_keepalive),
            Link::Connected => Self::ConnectedButSilent(*last_keepalive),
            Link::Stopped => Self::Stopped(lost_at.or(*last_keepalive)),
            Link::Lost => Self::Lost(*last_keepalive),
            Link::NeverConnected => Self::NeverConnected,
            Link::Unknown => Self::CannotTell,
        }
    }

    /// For programs and routes; `None` where nothing is known.
    #[must_use]
    pub const fn name(&self) -> Option<&'static str> {
        match self {
            Self::NotAsked | Self::CannotTell => None,
            Self::NotEnrolled => Some("not_enrolled"),
            Self::NeverConnected => Some("never_connected"),
            Self::Stopped(_) | Self::Lost(_) => Some("disconnected"),
            Self::ConnectedButSilent(_) => Some("connected_but_silent"),
        }
    }

    /// Two or three sentences for people: what is known, and what to check first.
    #[must_use]
    pub fn sentence(&self, now: i64) -> Option<String> {
        let at =
            |time_of: &Option<i64>| time_of.map_or_else(String::new, |at| format!(" at {}", written(at)));
        let last = |seen: &Option<i64>| {
            seen.map_or_else(
                || "its last keepalive is not known".to_owned(),
                |seen| format!("its last keepalive is {} old", ago(now - seen)),
            )
        };
        Some(match self {
            Self::NotAsked => return None,
            Self::CannotTell => {
                "Whether its Wazuh agent is connected cannot be told: the Wazuh server did not \
                                 say. Check first: is the machine up, and is its agent running and connected?"
                    .to_owned()
            }
            Self::NotEnrolled => {
                "The Wazuh server knows no agent of this id. Check first: is the id right, or \
                                  was the agent removed or enrolled anew under another one?"
                    .to_owned()
            }
            Self::NeverConnected => {
                "It is enrolled, but its Wazuh agent has never connected. Check first: is the \
                                     agent installed and started, and can it reach the manager?"
                    .to_owned()
            }
            Self::Stopped(since) => format!(
                "Its Wazuh agent said that it stops{}. Check first: was it meant to (a shutdown, an update, an \
                 uninstallation)?",
                at(since)
            ),
            Self::Lost(seen) => format!(
                "Its Wazuh agent is disconnected and did not say goodbye; {}. Check first: is the machine up, and \
                 can it reach the manager (port 1514)?",
                last(seen)
            ),
            Self::ConnectedButSilent(seen) => format!(
                "Its Wazuh agent is connected ({}), but no logs arrive. Check first: does the host still write \
                 them, can the agent read them (its ossec.log), and do they raise alerts at all?",
                last(seen)
            ),
        })
    }
}

fn written(at: i64) -> String {
    time(at).format("%Y-%m-%d %H:%M:%S UTC").to_string()
}

fn ago(millis: i64) -> String {
    human(std::time::Duration::from_millis(u64::try_from(millis).unwrap_or_default()))
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
        assert_eq!(Cause::of(None, NOW).name(), Some("not_enrolled"));
        assert_eq!(Cause::default().sentence(NOW), None);
    }
}
