//! Causes in words, for people. Pure; times and spans in milliseconds.

use log_monitor_channels::text::one_line;

use super::{Cause, Received, Whole};
use crate::clock::written;
use crate::journal::events::time;
use crate::monitor::words::span;
use crate::monitor::words::way::Way;

impl Cause {
    /// Two or three sentences for people: what is known, and what to check first on the way of its logs.
    #[must_use]
    pub fn sentence(&self, way: &Way, now: i64) -> Option<String> {
        let (known, check) = self.known_and_check(way, now)?;
        Some(format!("{known}. Check first: {check}?"))
    }

    fn known_and_check(&self, way: &Way, now: i64) -> Option<(String, &'static str)> {
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
                format!(
                    "Its Wazuh agent is disconnected and did not say goodbye; {}",
                    last_keepalive(*seen, now)
                ),
                "is the machine up, and can it reach the manager (port 1514)",
            ),
            Self::Disconnected(seen) => (
                format!("Its Wazuh agent is disconnected; {}", last_keepalive(*seen, now)),
                "is the machine up, is its agent running, and can it reach the manager (port 1514)",
            ),
            Self::ConnectedButSilent(seen, received) => connected(&keepalive(*seen, now), *received, way),
            Self::Late(by) => (
                format!(
                    "Its logs arrive late: the newest one came at least {} after it was written",
                    span(*by)
                ),
                way.late,
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

fn connected(keepalive: &str, received: Received, way: &Way) -> (String, &'static str) {
    let and = |what: String| format!("Its Wazuh agent is connected ({keepalive}), {what}");
    match received {
        Received::Unknown => (and("but no logs arrive".to_owned()), way.unheard),
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
                "and its manager received {events} events of the last {}, but {} has none of them",
                span(within),
                way.keeper
            )),
            way.lost,
        ),
    }
}

/// The same with its time, for it is the last one.
fn last_keepalive(seen: Option<i64>, now: i64) -> String {
    let time = seen.map_or_else(String::new, |seen| format!(" ({})", written(time(seen))));
    keepalive(seen, now) + &time
}

fn keepalive(seen: Option<i64>, now: i64) -> String {
    seen.map_or_else(
        || "its last keepalive is not known".to_owned(),
        |seen| format!("its last keepalive is {} old", span(now - seen)),
    )
}
