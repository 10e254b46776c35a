//! Events and routes for tests.

use std::collections::BTreeMap;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use log_monitor_channels::{Entity, Event, EventKind, Severity};

use crate::config::matcher::Matcher;
use crate::config::{Group, Need, Reminders, Route, Step};

/// 2026-01-01 00:00:00 UTC, when every test's world begins.
pub fn start() -> DateTime<Utc> {
    DateTime::from_timestamp(1_767_225_600, 0).unwrap_or_default()
}

/// An agent of watch `default` that last logged at [`start`], noticed 16 minutes later.
pub fn agent_silent(id: &str, label: &str) -> Event {
    Event {
        id: 0,
        incident: None,
        part_of: None,
        kind: EventKind::AgentSilent,
        at: start() + TimeDelta::minutes(16),
        severity: Severity::Medium,
        scope: "default".to_owned(),
        entity: Some(Entity { id: id.to_owned(), label: label.to_owned() }),
        since: Some(start()),
        back: None,
        arrived_late: None,
        threshold_seconds: Some(900),
        cause: "no_documents".to_owned(),
        detail: "It stopped.".to_owned(),
        labels: BTreeMap::new(),
    }
}

/// A route that matches everything, one step for each list of channels, 60 s between them.
pub fn route(name: &str, steps: &[&[&str]]) -> Route {
    let step = |to: &&[&str]| Step {
        to: to.iter().map(|channel| (*channel).to_owned()).collect(),
        need: Need::Any,
        fallback_after: Duration::from_secs(60),
        escalation: None,
    };
    Route {
        name: name.to_owned(),
        matcher: Matcher::default(),
        active: None,
        steps: steps.iter().map(step).collect(),
        reminders: Reminders::default(),
        group: Group::default(),
        quiet: None,
        stop: false,
    }
}
