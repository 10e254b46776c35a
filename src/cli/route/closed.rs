//! Maintenance and hours: while no logs are expected of an agent, nothing is told of its silence.

use chrono::{DateTime, Utc};
use log_monitor_channels::{Event, EventKind};

use super::event::About;
use crate::cli::explain;
use crate::journal::events::millis;

/// No logs are expected.
#[derive(Debug, PartialEq, Eq)]
pub struct Closed {
    /// Why, for people.
    pub why: String,
    /// When they are expected again.
    pub until: DateTime<Utc>,
}

/// What keeps the silence of `event` from being told at its time.
#[must_use]
pub fn of(about: &About<'_>, event: &Event) -> Option<Closed> {
    if !matches!(event.kind, EventKind::AgentSilent | EventKind::AgentStillSilent) {
        return None;
    }
    let policy = about.watch.policy(&about.agent);
    let now = millis(event.at);
    (!policy.expects(now)).then(|| Closed {
        why: explain::closed(&about.watch, &policy, now),
        // Perhaps never.
        until: DateTime::from_timestamp_millis(policy.due(now, 0)).unwrap_or(event.at),
    })
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use chrono::NaiveTime;
    use chrono_tz::Tz;

    use super::*;
    use crate::config::Agent;
    use crate::config::calendar::{Pause, When, Window};
    use crate::config::matcher::Matcher;
    use crate::config::model::Maintenance;
    use crate::dispatch::fixtures::agent_silent;
    use crate::monitor::fixtures;

    #[test]
    fn a_silence_during_maintenance_of_its_watch_is_told_after_it() {
        let at = |hour| NaiveTime::from_hms_opt(hour, 0, 0).unwrap();
        let night = Window { days: [true; 7], from: at(0), to: at(4) };
        let mut watch = fixtures::watch(&["001", "002"]);
        watch.maintenance = vec![Maintenance {
            matcher: Matcher::new([("name", vec!["host-001", "web-*"])]),
            pauses: vec![Pause { zone: Tz::UTC, when: When::Days(night, None) }],
            behind: Vec::new(),
        }];
        let why = "maintenance; logs are expected again from 2026-01-01 04:00:00 UTC";
        let until = "2026-01-01T04:00:00Z".parse().unwrap();
        let of = |agent: Agent, kind| {
            let event = Event { kind, ..agent_silent("", "") };
            super::of(&About { watch: Cow::Borrowed(&watch), agent }, &event)
        };
        let web = || Agent { id: String::new(), label: "web-01".to_owned(), listed: None };
        let maintained = Some(Closed { why: why.to_owned(), until });
        assert_eq!(of(watch.agents[0].clone(), EventKind::AgentSilent), maintained);
        assert_eq!(of(web(), EventKind::AgentStillSilent), maintained, "nobody knows it yet");
        assert_eq!(of(watch.agents[1].clone(), EventKind::AgentSilent), None);
        assert_eq!(of(web(), EventKind::AgentRecovered), None, "an end is told all the same");
    }
}
