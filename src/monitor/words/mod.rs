//! Events about entities and sources, in words. Pure.

mod agent;
mod pipeline;
pub mod way;

use std::collections::BTreeMap;
use std::time::Duration;

use log_monitor_channels::text::one_line;
use log_monitor_channels::{Event, EventKind, Severity};

use super::fleet::Fleet;
use super::inventory::{Changes, MOST_WHO_LOG};
use super::source_health::Asked;
use crate::config::Agent;
use crate::config::duration::human;
use crate::journal::events::time;
use crate::source::{SourceError, SourceReason};
use way::Way;

pub use agent::{changed, enrolled_anew, unwatched};
pub use pipeline::{flows_again, lacks, lacks_nothing, stalled};

/// How far back the last known time of a silent entity is looked for.
pub const LOOK_BACK: Duration = Duration::from_secs(7 * 86400);

/// How bad it is that a source's documents cannot be read.
pub const UNREADABLE: Severity = Severity::High;

/// How many entities are named in a list.
const NAMED: usize = 10;

/// The event of agents that left a source's list, were enrolled anew, took another's name, or are too many;
/// `None` where there are only newcomers.
#[must_use]
pub fn inventory_changed(watch: &str, changes: &Changes, now: i64) -> Option<Event> {
    let mut parts = Vec::new();
    if !changes.gone.is_empty() {
        let verb = if changes.gone.len() == 1 { "is" } else { "are" };
        let who = listing(changes.gone.iter().map(agent_name));
        parts.push(format!("No longer listed, and so not watched any more, {verb} {who}."));
    }
    if !changes.kept.is_empty() {
        let (them, verb) = if changes.kept.len() == 1 { ("it", "is") } else { ("them", "are") };
        let who = listing(changes.kept.iter().map(|(_, in_file)| agent_name(in_file)));
        parts.push(format!(
            "No longer listed, but watched on, since the agent file names {them}, {verb} {who}."
        ));
    }
    if !changes.renamed.is_empty() {
        let pair = |(old, new): &(String, Agent)| format!("{} (was {})", agent_name(new), one_line(old, 80));
        let who = listing(changes.renamed.iter().map(pair));
        parts.push(format!("Enrolled anew under another id: {who}. The history goes on."));
        if changes.renamed.iter().any(|(_, new)| new.ids().nth(1).is_some()) {
            parts
                .push("Where the agent file has the old id, the new one is watched in its place.".to_owned());
        }
    }
    if !changes.twins.is_empty() {
        let pair = |(new, other): &(Agent, String)| format!("{} (as {other})", agent_name(new));
        let who = listing(changes.twins.iter().map(pair));
        parts.push(format!("Has the name of another agent: {who}. Was a machine cloned or enrolled twice?"));
    }
    if changes.left_out > 0 {
        parts.push(format!(
            "More than {MOST_WHO_LOG} log: {} of them are not watched. Check first: does `entity_field` name what tells \
             agents apart, and does somebody invent names?",
            changes.left_out
        ));
    }
    if changes.unwanted > 0 {
        parts.push(unwanted(changes.unwanted));
    }
    (!parts.is_empty()).then(|| Event {
        cause: "list_changed".to_owned(),
        detail: parts.join(" "),
        ..about(watch, EventKind::InventoryChanged, Severity::Info, now)
    })
}

/// What to say of a list of so many of whom the rules want nobody.
#[must_use]
pub fn unwanted(listed: usize) -> String {
    format!(
        "`include` and `exclude` want none of those on the list, {listed} in all, so nobody is watched for being on it. \
         Check first: is a pattern there misspelt?"
    )
}

/// The event of documents that are dated ahead of now, by up to `most` milliseconds, and took this way.
#[must_use]
pub fn skewed(watch: &str, names: &str, most: i64, way: &Way, now: i64) -> Event {
    Event {
        cause: "future_documents".to_owned(),
        detail: format!(
            "The newest of them is {} ahead of the clock of log-monitor. Documents from the future do not count as \
             signs of life. Check first: the time of {}, and of this machine. They are of: {names}.",
            span(most),
            way.clock
        ),
        ..about(watch, EventKind::ClockSkewed, Severity::Medium, now)
    }
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

/// The event of a source that cannot be read, by a watch that has so many `agents`.
#[must_use]
pub fn source_down(source: &str, error: &SourceError, asked: Asked, agents: usize, now: i64) -> Event {
    let (severity, meaning) = match (asked, agents) {
        (Asked::Documents, 0) => {
            (UNREADABLE, "Until it can be read again nothing is known about its agents.".to_owned())
        }
        (Asked::Documents, agents) => (
            UNREADABLE,
            format!(
                "Until it can be read again nothing is known about its {agents} agents; that is no sign that they \
                 are silent."
            ),
        ),
        // Only the list is asked for then.
        (Asked::Beside, 0) => (
            Severity::High,
            "Until it can be read nobody is watched: there is no list of agents from before.".to_owned(),
        ),
        (Asked::Beside, _) => (
            Severity::Medium,
            "Until it can be read again messages may not say why an agent is silent, and a list of agents stays as \
             it is; who of them is silent is noticed all the same."
                .to_owned(),
        ),
    };
    Event {
        since: Some(time(now)),
        cause: error.reason.name().to_owned(),
        detail: format!("{} {meaning}", sentence(&error.detail)),
        ..about(source, EventKind::SourceDown, severity, now)
    }
}

/// The event of a source that is as it should be again, after trouble of this `cause`. One that was doubted lacks
/// nothing any more, or has done so for long enough.
#[must_use]
pub fn source_up(source: &str, down_since: Option<i64>, cause: &str, now: i64) -> Event {
    let again = match SourceReason::from_name(cause) {
        Some(SourceReason::Doubted) => "What it shows is taken for whole again.",
        Some(SourceReason::Rights) => "It may be read again.",
        Some(SourceReason::Timeout) => "It answers in time again.",
        _ => "It answers again.",
    };
    Event {
        since: down_since.map(time),
        cause: "answers".to_owned(),
        detail: format!("{again} What fell silent meanwhile is told separately."),
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
        back: None,
        arrived_late: None,
        threshold_seconds: None,
        cause: String::new(),
        detail: String::new(),
        labels: BTreeMap::new(),
    }
}

/// With a capital and a full stop, unless it ends with a question: errors are written to read after "failed
/// to".
fn sentence(text: &str) -> String {
    let text = text.trim_end_matches('.');
    let mut letters = text.chars();
    let first = letters.next().into_iter().flat_map(char::to_uppercase);
    let end = (!text.ends_with('?')).then_some('.');
    first.chain(letters).chain(end).collect()
}

/// A time in milliseconds, as one says it.
#[must_use]
pub fn span(millis: i64) -> String {
    human(Duration::from_millis(u64::try_from(millis).unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sentence_ends_once() {
        assert_eq!(sentence("it is gone.."), "It is gone.");
        assert_eq!(sentence("is it gone?"), "Is it gone?");
    }
}
