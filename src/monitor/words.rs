//! Events about entities and sources, in words. Pure.

use std::collections::BTreeMap;
use std::time::Duration;

use log_monitor_channels::text::one_line;
use log_monitor_channels::{Entity as Subject, Event, EventKind, Severity};

use super::cause::Cause;
use super::fleet::{self, Entity, Fleet};
use super::inventory::Changes;
use super::pipeline::{Common, Tally};
use super::verdict::Transition;
use crate::config::duration::human;
use crate::config::{Agent, Policy};
use crate::journal::entities::EntityRow;
use crate::journal::events::time;
use crate::source::SourceError;

/// How far back the last known time of a silent entity is looked for.
pub const LOOK_BACK: Duration = Duration::from_secs(7 * 86400);

const FIRST_CHECK: &str = "Check first: is the machine up, is its Wazuh agent running and connected, \
                           and do other agents of the same manager still log?";

/// How many entities are named in a list.
const NAMED: usize = 10;

const WAY: &str = "So it is hardly the agents, but the way of their logs: check first the manager (and its \
                   Filebeat), the network between, and the indexer's disk.";

const NEVER: &str = "Check first: is the id right, was the agent ever enrolled, and is its manager the one that \
                     this indexer belongs to?";

/// The event of an entity's change.
#[must_use]
pub fn changed(
    watch: &str,
    entity: &Entity,
    policy: &Policy,
    transition: Transition,
    reason: &Cause,
    now: i64,
) -> Event {
    let why = reason.sentence(now);
    let check = why.as_deref().unwrap_or(FIRST_CHECK);
    let since = match transition {
        Transition::Recovered { since, .. } => since,
        Transition::FellSilent | Transition::FoundSilent | Transition::StillSilent { .. } => entity.last_seen,
    };
    let silent_for = since.map(|seen| span(now - seen));
    let quiet = human(policy.interval);
    let hours = match policy.calendar {
        Some(_) => " in its hours and outside of maintenance",
        None => "",
    };
    let (kind, cause, detail) = match (transition, silent_for) {
        (Transition::FellSilent, Some(long)) => (
            EventKind::AgentSilent,
            "no_documents",
            format!("No logs for {long}; at most {quiet} without one is expected{hours}. {check}"),
        ),
        (Transition::FoundSilent, Some(long)) => (
            EventKind::AgentSilent,
            "silent_before_start",
            format!("It was silent already when log-monitor first looked: no logs for {long}. {check}"),
        ),
        (Transition::StillSilent { .. }, Some(long)) => (
            EventKind::AgentSilent,
            "silent_after_stall",
            format!("It fell silent with others, which log again; it does not: no logs for {long}. {check}"),
        ),
        (Transition::FellSilent | Transition::FoundSilent | Transition::StillSilent { .. }, None) => (
            EventKind::AgentSilent,
            "never_seen",
            format!(
                "The source has no log of it in the last {}. {}",
                human(LOOK_BACK),
                why.as_deref().unwrap_or(NEVER)
            ),
        ),
        (Transition::Recovered { .. }, _) => {
            (EventKind::AgentRecovered, "documents", "It logs again.".to_owned())
        }
    };
    Event {
        id: 0,
        incident: None,
        part_of: None,
        kind,
        at: time(now),
        severity: policy.severity,
        scope: watch.to_owned(),
        entity: Some(Subject { id: entity.key.to_string(), label: entity.label.to_string() }),
        since: since.map(time),
        threshold_seconds: Some(u64::try_from(fleet::threshold(policy) / 1000).unwrap_or_default()),
        cause: if kind == EventKind::AgentSilent { reason.name().unwrap_or(cause) } else { cause }.to_owned(),
        detail,
        labels: policy.labels.clone(),
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

/// The event of agents that left a source's list, were enrolled anew, or took another's name; `None`
/// where there are only newcomers.
#[must_use]
pub fn inventory_changed(watch: &str, changes: &Changes, now: i64) -> Option<Event> {
    let mut parts = Vec::new();
    if !changes.gone.is_empty() {
        let verb = if changes.gone.len() == 1 { "is" } else { "are" };
        let who = listing(changes.gone.iter().map(agent_name));
        parts.push(format!("No longer listed, and so not watched any more, {verb} {who}."));
    }
    if !changes.renamed.is_empty() {
        let pair = |(old, new): &(String, Agent)| format!("{} (was {old})", agent_name(new));
        let who = listing(changes.renamed.iter().map(pair));
        parts.push(format!("Enrolled anew under another id: {who}. The history goes on."));
    }
    if !changes.twins.is_empty() {
        let pair = |(new, other): &(Agent, String)| format!("{} (as {other})", agent_name(new));
        let who = listing(changes.twins.iter().map(pair));
        parts.push(format!("Has the name of another agent: {who}. Was a machine cloned or enrolled twice?"));
    }
    (!parts.is_empty()).then(|| Event {
        cause: "list_changed".to_owned(),
        detail: parts.join(" "),
        ..about(watch, EventKind::InventoryChanged, Severity::Info, now)
    })
}

fn agent_name(agent: &Agent) -> String {
    one_line(&format!("{} {}", agent.id, agent.label), 80)
}

/// The first of some names, and how many more there are.
fn listing(mut names: impl ExactSizeIterator<Item = String>) -> String {
    let listed: Vec<String> = names.by_ref().take(NAMED).collect();
    match names.len() {
        0 => listed.join(", "),
        more => format!("{} and {more} more", listed.join(", ")),
    }
}

/// The names of some entities, as a list for people: `001 web-01, 002 db-01 and 39 more`.
#[must_use]
pub fn names(fleet: &Fleet, places: &[usize]) -> String {
    let name = |at: &usize| {
        let entity = &fleet.entities()[*at];
        one_line(&format!("{} {}", entity.key, entity.label), 80)
    };
    listing(places.iter().map(name))
}

/// The event of many entities that fell silent at once: `names` are those that were due first.
#[must_use]
pub fn stalled(watch: &str, common: &Common, tally: &Tally, names: &str, now: i64) -> Event {
    let quiet =
        tally.newest.map(|newest| now - newest).filter(|quiet| *quiet >= tally.limit.unwrap_or(i64::MAX));
    let who = who(watch, common);
    let detail = match quiet {
        Some(quiet) => format!(
            "None of the {} agents of {who} has logged for {}. {WAY} They are not told one by one; the first to \
             be overdue: {names}.",
            tally.watched,
            span(quiet)
        ),
        None => format!(
            "{} of the {} agents of {who} fell silent at about the same time. {WAY} They are not told one by one: \
             {names}.",
            tally.lost, tally.watched
        ),
    };
    Event {
        since: tally.newest.map(time),
        cause: quiet.map_or("many_at_once", |_| "no_documents").to_owned(),
        entity: entity_of(common, tally),
        labels: labels_of(common),
        detail,
        ..about(watch, EventKind::PipelineStalled, Severity::High, now)
    }
}

/// The event of their coming back; `left` names those that have not yet.
#[must_use]
pub fn flows_again(watch: &str, common: &Common, tally: &Tally, left: &str, now: i64) -> Event {
    let rest = match left {
        "" if tally.watched == 0 => "Nobody is left who shares it.".to_owned(),
        "" => "Everybody is back.".to_owned(),
        left => format!("Not back yet, and told if it stays so: {left}."),
    };
    Event {
        cause: "documents".to_owned(),
        entity: entity_of(common, tally),
        labels: labels_of(common),
        detail: format!(
            "{} of the {} agents of {} log again. {rest}",
            tally.watched - tally.lost,
            tally.watched,
            who(watch, common)
        ),
        ..about(watch, EventKind::PipelineRecovered, Severity::Info, now)
    }
}

/// `node02`, `site=MIL`, or the watch.
fn who(watch: &str, common: &Common) -> String {
    match common {
        Common::Watch => format!("watch {}", one_line(watch, 80)),
        Common::Node(name) => format!("node {}", one_line(name, 80)),
        Common::Label(..) => one_line(&common.to_string(), 80),
    }
}

/// What they share stands where the name of an agent would.
fn entity_of(common: &Common, tally: &Tally) -> Option<Subject> {
    let label = format!("({} agents)", tally.watched);
    (*common != Common::Watch).then(|| Subject { id: common.to_string(), label })
}

fn labels_of(common: &Common) -> BTreeMap<String, String> {
    match common {
        Common::Watch => BTreeMap::new(),
        Common::Node(name) => BTreeMap::from([("node".to_owned(), name.clone())]),
        Common::Label(label, value) => BTreeMap::from([(label.clone(), value.clone())]),
    }
}

/// The event of a source that cannot be read; without `entities` it is one that only tells why.
#[must_use]
pub fn source_down(source: &str, error: &SourceError, entities: usize, now: i64) -> Event {
    let (severity, meaning) = match entities {
        0 => (
            Severity::Medium,
            "Until it can be read again messages may not say why an agent is silent, and a list of agents stays as \
             it is; who of them is silent is noticed all the same."
                .to_owned(),
        ),
        _ => (
            Severity::High,
            format!(
                "Until it can be read again nothing is known about its {entities} agents; that is no sign that they \
                 are silent."
            ),
        ),
    };
    Event {
        since: Some(time(now)),
        cause: error.reason.name().to_owned(),
        detail: format!("{} {meaning}", sentence(&error.detail)),
        ..about(source, EventKind::SourceDown, severity, now)
    }
}

/// The event of a source that can be read again.
#[must_use]
pub fn source_up(source: &str, down_since: Option<i64>, now: i64) -> Event {
    Event {
        since: down_since.map(time),
        cause: "answers".to_owned(),
        detail: "It answers again. What fell silent meanwhile is told separately.".to_owned(),
        ..about(source, EventKind::SourceUp, Severity::Info, now)
    }
}

/// The bare event about something that is no entity.
#[must_use]
pub fn about(scope: &str, kind: EventKind, severity: Severity, now: i64) -> Event {
    Event {
        id: 0,
        incident: None,
        part_of: None,
        kind,
        at: time(now),
        severity,
        scope: scope.to_owned(),
        entity: None,
        since: None,
        threshold_seconds: None,
        cause: String::new(),
        detail: String::new(),
        labels: BTreeMap::new(),
    }
}

/// With a capital and a full stop: errors are written to read after "failed to".
fn sentence(text: &str) -> String {
    let mut letters = text.trim_end_matches('.').chars();
    let first = letters.next().into_iter().flat_map(char::to_uppercase);
    first.chain(letters).chain(['.']).collect()
}

fn span(millis: i64) -> String {
    human(Duration::from_millis(u64::try_from(millis).unwrap_or_default()))
}
