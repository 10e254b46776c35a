//! The words for the silence and the recovery of one entity. Pure.

use std::iter;

use log_monitor_channels::text::one_line;
use log_monitor_channels::{Entity as Subject, Event, EventKind, Severity};

use super::way::Way;
use super::{LOOK_BACK, about, span};
use crate::config::Policy;
use crate::config::duration::human;
use crate::config::vocabulary::{ENROLLED_ANEW, LATE, TOO_FEW};
use crate::journal::entities::{EntityRow, Logging};
use crate::journal::events::time;
use crate::monitor::finding::{Finding, Flapping, Suspicion};
use crate::monitor::fleet::{self, Entity};
use crate::monitor::verdict::Transition;
use crate::monitor::window::Window;

/// The event of an entity's change, by what was found out about it and the way that its logs take.
#[must_use]
pub fn changed(
    watch: &str,
    entity: &Entity,
    policy: &Policy,
    transition: Transition,
    (finding, way): (&Finding, &Way),
    now: i64,
) -> Event {
    let event = match transition {
        Transition::Recovered { since, .. } => recovered(watch, policy, since, finding, now),
        Transition::FellSilent
        | Transition::FoundSilent
        | Transition::StillSilent { .. }
        | Transition::Stopped { .. } => silent(watch, entity, policy, transition, (finding, way), now),
    };
    Event {
        entity: Some(Subject { id: entity.key.to_string(), label: entity.label.to_string() }),
        threshold_seconds: Some(u64::try_from(fleet::threshold(policy) / 1000).unwrap_or_default()),
        labels: policy.event_labels(),
        ..event
    }
}

fn silent(
    watch: &str,
    entity: &Entity,
    policy: &Policy,
    transition: Transition,
    (finding, way): (&Finding, &Way),
    now: i64,
) -> Event {
    let (usual, what) = what(entity, policy, transition, (finding, way), now);
    let suspicion = finding.suspicion.as_ref();
    let flapping = finding.flapping.map(Flapping::sentence);
    let maintenance = finding.maintenance.as_ref().map(Window::sentence);
    let late = finding.late.map(|late| format!("{late} logs have come late so far."));
    let ahead = finding.ahead.map(|by| {
        let by = span(by);
        format!(
            "But it has logs that are dated {by} ahead of now: is the clock of {} fast, or this one slow?",
            way.clock
        )
    });
    let parts = [Some(what), maintenance, ahead, late, flapping, suspicion.map(Suspicion::sentence)];
    let severity = suspicion.map_or(policy.severity, |suspicion| policy.severity.max(suspicion.severity));
    Event {
        since: entity.last_seen.map(time),
        cause: finding.cause.name().unwrap_or(usual).to_owned(),
        detail: parts.into_iter().flatten().collect::<Vec<_>>().join(" "),
        ..about(watch, EventKind::AgentSilent, severity, now)
    }
}

/// The cause where nobody tells another one, and what is known of the silence.
fn what(
    entity: &Entity,
    policy: &Policy,
    transition: Transition,
    (finding, way): (&Finding, &Way),
    now: i64,
) -> (&'static str, String) {
    let why = finding.cause.sentence(way, now);
    let check = |else_what: &str| why.clone().unwrap_or_else(|| format!("Check first: {else_what}?"));
    let Some(long) = entity.last_seen.map(|seen| span(now - seen)) else {
        let check = check(way.never);
        let detail = format!("The source has no log of it in the last {}. {check}", human(LOOK_BACK));
        return ("never_seen", detail);
    };
    let check = check(way.first);
    match transition {
        _ if finding.cause.says_all() => ("no_documents", check),
        Transition::FoundSilent => (
            "silent_before_start",
            format!("It was silent already when log-monitor first looked: no logs for {long}. {check}"),
        ),
        Transition::StillSilent { .. } if finding.behind_gateway => (
            "silent_after_gateway",
            format!(
                "Its gateway, which explained its silence, logs again; it does not: no logs for {long}. {check}"
            ),
        ),
        Transition::StillSilent { .. } => (
            "silent_after_stall",
            format!("It fell silent with others, which log again; it does not: no logs for {long}. {check}"),
        ),
        Transition::Stopped { .. } => (
            "no_documents",
            format!("Since it was told it has stopped altogether: no logs for {long}. {check}"),
        ),
        Transition::FellSilent | Transition::Recovered { .. } => {
            let hours = policy.calendar.as_ref().map_or("", |_| " in its hours and outside of maintenance");
            let quiet = human(policy.interval);
            (
                "no_documents",
                format!("No logs for {long}; at most {quiet} without one is expected{hours}. {check}"),
            )
        }
    }
}

fn recovered(watch: &str, policy: &Policy, since: Option<i64>, finding: &Finding, now: i64) -> Event {
    let (cause, again) = match finding.logging {
        Logging::TooFew => (TOO_FEW, "It logs as much as it should again."),
        Logging::Late => (LATE, "Its logs arrive in time again."),
        Logging::No if since.is_none() => ("documents", "It logs. No log of it was found before."),
        Logging::No => ("documents", "It logs again."),
    };
    let blind = finding.blind.as_ref().map(|blind| match finding.logging {
        Logging::Late => blind.of_late(),
        _ => blind.sentence(),
    });
    Event {
        since: since.map(time),
        back: finding.blind.as_ref().map(|blind| blind.to).or(finding.back).map(time),
        arrived_late: finding.blind.as_ref().and_then(|blind| blind.filled),
        cause: cause.to_owned(),
        detail: iter::once(again.to_owned()).chain(blind).collect::<Vec<_>>().join(" "),
        ..about(watch, EventKind::AgentRecovered, policy.severity, now)
    }
}

/// The event of an entity that was taken off the list while silent.
#[must_use]
pub fn unwatched(watch: &str, row: &EntityRow, now: i64) -> Event {
    Event {
        entity: Some(Subject { id: row.key.clone(), label: row.label.clone() }),
        since: row.last_seen.map(time),
        cause: "no_longer_watched".to_owned(),
        detail: "It was taken off the agent list while it was silent, so its recovery will not be noticed."
            .to_owned(),
        ..about(watch, EventKind::AgentUnwatched, Severity::Info, now)
    }
}

/// The event of an agent that was silent under two ids: it goes on as the silence of the `old` one.
#[must_use]
pub fn enrolled_anew(watch: &str, row: &EntityRow, old: &str, now: i64) -> Event {
    let old = one_line(old, 80);
    Event {
        cause: ENROLLED_ANEW.to_owned(),
        detail: format!("It is the agent that was {old} before, whose silence goes on as one."),
        ..unwatched(watch, row, now)
    }
}
