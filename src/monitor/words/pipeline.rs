//! The words for what many entities share. Pure.

use std::collections::BTreeMap;

use log_monitor_channels::text::one_line;
use log_monitor_channels::{Entity as Subject, Event, EventKind, Severity};

use super::way::Way;
use super::{about, span};
use crate::clock::written;
use crate::config::Pipeline;
use crate::config::vocabulary::{MANY_AT_ONCE, TOO_FEW};
use crate::journal::entities::Logging;
use crate::journal::events::time;
use crate::monitor::behind::{self, Lack};
use crate::monitor::outage::Outage;
use crate::monitor::pipeline::{Begun, Common, Flow, Tally};
use crate::source::Keeper;

/// The event of many entities that fell silent at once: `names` are those that were due first.
#[must_use]
pub fn stalled(watch: &str, begun: &Begun, limits: &Pipeline, names: &str, way: &Way, now: i64) -> Event {
    let way = whence(begun, watch, way);
    let Begun { common, tally, last, .. } = begun;
    let quiet = tally.newest.map(|newest| now - newest).filter(|_| tally.flow(limits.count) == Flow::Stopped);
    let who = who(watch, common);
    let detail = match quiet {
        Some(quiet) => format!(
            "None of the {} agents of {who} has logged for {}. {way} They are not told one by one; the first to \
             be overdue: {names}.",
            tally.watched,
            span(quiet)
        ),
        None => format!(
            "{} of the {} agents of {who} {} at about the same time. {way} From now on they are not told one by \
             one: {names}.",
            tally.lost,
            tally.watched,
            what_happened(tally)
        ),
    };
    Event {
        since: quiet.and(tally.newest).or(*last).map(time),
        cause: quiet.map_or(MANY_AT_ONCE, |_| "no_documents").to_owned(),
        entity: match quiet {
            Some(_) => entity_of(common, &tally.watched.to_string()),
            None => entity_of(common, &format!("{} of {}", tally.lost, tally.watched)),
        },
        labels: labels_of(common),
        detail,
        ..about(watch, EventKind::PipelineStalled, Severity::High, now)
    }
}

/// Where it comes from, and what to check: what has a label may send through any manager.
fn whence(Begun { common, others_log, .. }: &Begun, watch: &str, way: &Way) -> String {
    match common {
        Common::Label(..) if *others_log => format!(
            "Others log on, so check first what {} shares (its line, its gateway or firewall, its power); then {}.",
            who(watch, common),
            way.stalled
        ),
        _ => format!("So it is hardly the agents, but the way of their logs: check first {}.", way.stalled),
    }
}

/// To many at once.
const fn what_happened(tally: &Tally) -> &'static str {
    match (tally.thin, tally.lost - tally.thin) {
        (0, _) => "fell silent",
        (_, 0) => "began to log less than they should",
        _ => "fell silent, or began to log less than they should,",
    }
}

/// The event of their coming back, who `logged` like this all the same; `left` names those that have not yet, unless
/// they are told already.
#[must_use]
pub fn flows_again(
    watch: &str,
    common: &Common,
    (tally, logged): (&Tally, Logging),
    left: Option<&str>,
    outage: Option<&Outage>,
    now: i64,
) -> Event {
    let rest = match left {
        None => String::new(),
        Some("") => " Everybody is back.".to_owned(),
        Some(left) => format!(" Not back yet, and told if it stays so: {left}."),
    };
    let (logging, who) = (tally.logging(), who(watch, common));
    let lasted = outage.map_or_else(String::new, |outage| format!(" {}", outage.sentence()));
    let (cause, again) = match logged {
        Logging::TooFew => (TOO_FEW, "log as much as they should again"),
        Logging::No | Logging::Late => ("documents", "log again"),
    };
    let detail = match tally.watched {
        0 => format!("Nobody is left of {who} who is expected to log.{lasted}{rest}"),
        watched => format!("{logging} of the {watched} agents of {who} {again}.{lasted}{rest}"),
    };
    Event {
        since: outage.map(|outage| time(outage.from)),
        back: outage.map(|outage| time(outage.to)),
        arrived_late: outage.and_then(|outage| outage.late),
        cause: cause.to_owned(),
        entity: entity_of(common, &tally.watched.to_string()),
        labels: labels_of(common),
        detail,
        ..about(watch, EventKind::PipelineRecovered, Severity::Info, now)
    }
}

/// The event of a source that lacks what another one of the same watch has.
#[must_use]
pub fn lacks(watch: &str, lack: &Lack, now: i64) -> Event {
    let Lack { source, newest, other, others_newest, keepers } = lack;
    let (source, other) = (one_line(source, 80), one_line(other, 80));
    let none = newest.map_or_else(
        || format!("source {source} has none of them"),
        |newest| {
            format!("source {source} has none since {}, {} ago", written(time(newest)), span(now - newest))
        },
    );
    let has_logs = || format!("Source {other} has logs (the newest is {} old)", span(now - others_newest));
    let (what, check) = match keepers {
        (Keeper::Indexer, Keeper::Manager) => (
            format!(
                "The manager receives logs and writes alerts ({other}: the newest is {} old)",
                span(now - others_newest)
            ),
            "the manager's Filebeat, the network between, and the indexer's disk",
        ),
        (Keeper::IndexerOfFive, Keeper::Manager) => (
            format!(
                "The manager receives logs and writes them down ({other}: the newest is {} old)",
                span(now - others_newest)
            ),
            "the manager's connection to the indexer, the network between, and the indexer's disk",
        ),
        (Keeper::Manager, _) => (
            has_logs(),
            "does the manager still write that file, and is it the one of the node that agents send through",
        ),
        _ => (has_logs(), "do the logs still find their way there, and should they"),
    };
    Event {
        since: newest.map(time),
        cause: "not_indexed".to_owned(),
        entity: Some(Subject { id: behind::key(&source), label: String::new() }),
        detail: format!(
            "{what}, but {none}. Who is silent is told by what any of them has. Check first: {check}."
        ),
        ..about(watch, EventKind::PipelineStalled, Severity::High, now)
    }
}

/// The event of its having all of it.
#[must_use]
pub fn lacks_nothing(watch: &str, source: &str, now: i64) -> Event {
    Event {
        cause: "documents".to_owned(),
        entity: Some(Subject { id: behind::key(&one_line(source, 80)), label: String::new() }),
        detail: format!("Source {} has all again that others have.", one_line(source, 80)),
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
fn entity_of(common: &Common, count: &str) -> Option<Subject> {
    let label = format!("({count} agents)");
    (*common != Common::Watch).then(|| Subject { id: common.to_string(), label })
}

fn labels_of(common: &Common) -> BTreeMap<String, String> {
    match common {
        Common::Watch => BTreeMap::new(),
        Common::Node(name) => BTreeMap::from([("node".to_owned(), name.clone())]),
        Common::Label(label, value) => BTreeMap::from([(label.clone(), value.clone())]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_manager_has_and_its_indexer_lacks_is_held_up_between_them_with_filebeat_only_before_wazuh_5() {
        let told = |indexer| {
            let (source, other) = ("wazuh".to_owned(), "alerts".to_owned());
            let keepers = (indexer, Keeper::Manager);
            lacks("w", &Lack { source, newest: None, other, others_newest: 0, keepers }, 60_000).detail
        };
        for (indexer, filebeat) in [(Keeper::Indexer, true), (Keeper::IndexerOfFive, false)] {
            let told = told(indexer);
            assert!(
                told.contains("The manager receives logs") && told.contains("the indexer's disk"),
                "{told}"
            );
            assert_eq!(told.contains("Filebeat"), filebeat, "{told}");
        }
    }
}
