//! Maintenance and hours: while no logs are expected of an agent, nothing is told of its silence.

use chrono::{DateTime, Utc};
use log_monitor_channels::{Event, EventKind};

use crate::cli::explain;
use crate::cli::watched::watched;
use crate::config::{Agent, ListedAs, Settings, Watch};
use crate::journal::JournalError;
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
///
/// # Errors
/// When the journal, which knows whom a source listed, cannot be read.
pub fn of(settings: &Settings, event: &Event) -> Result<Option<Closed>, JournalError> {
    let only = event.scope.is_empty() && settings.watches.len() == 1;
    let watch = settings.watches.iter().find(|watch| only || watch.name == event.scope);
    Ok(watch.map(|watch| watched(settings, watch)).transpose()?.and_then(|watch| of_watch(&watch, event)))
}

fn of_watch(watch: &Watch, event: &Event) -> Option<Closed> {
    if !matches!(event.kind, EventKind::AgentSilent | EventKind::AgentStillSilent) {
        return None;
    }
    let entity = event.entity.as_ref()?;
    let is_it = |agent: &&Agent| match entity.id.is_empty() {
        true => !entity.label.is_empty() && agent.label == entity.label,
        false => agent.id == entity.id,
    };
    let policy = match watch.agents.iter().find(is_it) {
        Some(agent) => watch.policy(agent),
        None => watch.policy(&somebody(event)),
    };
    let now = millis(event.at);
    (!policy.expects(now)).then(|| Closed {
        why: explain::closed(watch, &policy, now),
        // Perhaps never.
        until: DateTime::from_timestamp_millis(policy.due(now, 0)).unwrap_or(event.at),
    })
}

/// An agent of which no more is known than the event says.
fn somebody(event: &Event) -> Agent {
    let label = |key: &str| event.labels.get(key).cloned();
    let groups = label("group").map(|all| all.split(',').map(str::to_owned).collect()).unwrap_or_default();
    let listed = ListedAs { groups, node: label("node"), ..ListedAs::default() };
    let (id, label) = event.entity.clone().map(|one| (one.id, one.label)).unwrap_or_default();
    Agent { id, label, listed: Some(listed) }
}

#[cfg(test)]
mod tests {
    use chrono::NaiveTime;
    use chrono_tz::Tz;

    use super::*;
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
        let maintained = Some(Closed { why: why.to_owned(), until });
        let of = |id: &str, label: &str| of_watch(&watch, &agent_silent(id, label));
        assert_eq!(of("", "host-001"), maintained);
        assert_eq!(of("001", ""), maintained, "its name is in the agent file");
        assert_eq!(of("", "web-01"), maintained, "nobody knows it yet");
        assert_eq!(of("002", ""), None);
        let stall = Event { kind: EventKind::PipelineStalled, ..agent_silent("001", "") };
        assert_eq!(of_watch(&watch, &stall), None, "the way is broken all the same");
    }
}
