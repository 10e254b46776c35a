//! The parts of a watch: maintenance, dependencies, classes.

use std::sync::Arc;

use toml::Spanned;

use log_monitor_channels::Severity;

use crate::config::diagnostics::At;
use crate::config::hours;
use crate::config::matcher::Matcher;
use crate::config::model::{Agent, Class, Dependency, Maintenance, Quorum};
use crate::config::reading::Reading;
use crate::config::suggest;
use crate::config::tables;
use crate::monitor::fleet::dependencies::Dependencies;

pub(super) fn maintenance(
    reading: &mut Reading<'_>,
    table: &tables::Maintenance,
    discovers: bool,
) -> Maintenance {
    let matcher = matcher(reading, table.r#match.as_ref(), discovers);
    Maintenance { matcher, pauses: hours::pauses(reading, table), behind: Vec::new() }
}

/// Which agents; all of them where nothing is said. Groups and nodes are known only of those that a
/// source lists.
pub(super) fn matcher(
    reading: &mut Reading<'_>,
    on: Option<&tables::ClassMatch>,
    discovers: bool,
) -> Matcher {
    let default = tables::ClassMatch::default();
    let on = on.unwrap_or(&default);
    for (key, patterns) in [("group", &on.group), ("node", &on.node)] {
        if let Some(patterns) = patterns.as_ref().filter(|_| !discovers) {
            let message = format!("an agent file tells no `{key}`, so this matches no agent");
            reading.findings.warning(At::Place(patterns.span()), message);
        }
    }
    let (group, node) = (on.group.as_ref().map(Spanned::get_ref), on.node.as_ref().map(Spanned::get_ref));
    let keys = [
        ("id", on.id.as_ref()),
        ("name", on.name.as_ref()),
        ("group", group),
        ("label", on.label.as_ref()),
        ("node", node),
    ];
    keys.into_iter().filter_map(|(key, patterns)| Some(patterns?.condition(key))).collect()
}

pub(super) fn dependency(
    reading: &mut Reading<'_>,
    table: &tables::Dependency,
    agents: &[Agent],
    discovers: bool,
) -> Option<Dependency> {
    let on = matcher(reading, Some(table.on.get_ref()), discovers);
    let members = agents.iter().filter(|agent| on.matches(|key| agent.facts(key))).count();
    if members == 0 && !discovers {
        let message = "this matches no agent, so nobody depends on anybody";
        reading.findings.warning(At::Place(table.on.span()), message);
    }
    let need = match &table.need {
        None => Some(Quorum::All),
        Some(need) => need.get_ref().quorum(),
    };
    let place = table.need.as_ref().map_or_else(|| table.on.span(), Spanned::span);
    match need {
        None => {
            let help = "write a number from 1, or a part such as \"50%\"";
            reading.findings.error(At::Place(place), "this is no number of agents").help(help);
        }
        Some(Quorum::Count(count)) if count > members && !discovers && members > 0 => {
            let message = format!("{count} of the {members} agents of `on` are all of them");
            reading.findings.warning(At::Place(place), message);
        }
        Some(_) => {}
    }
    Some(Dependency { matcher: matcher(reading, table.r#match.as_ref(), discovers), on, need: need? })
}

/// Of discovered agents this is known only later: the monitor leaves circles out then.
pub(super) fn refuse_circles(
    reading: &mut Reading<'_>,
    tables: &[tables::Dependency],
    dependencies: &[Dependency],
    agents: &[Agent],
) {
    for (number, at) in Dependencies::new(dependencies, agents).circular {
        let id = crate::config::reading::shown_name(&agents[at].id);
        let message = format!("by this and others agent `{id}` depends on itself");
        reading.findings.error(At::Place(tables[number].on.span()), message).help(
            "each would explain the silence of the next; for a pair of which one must log, let others \
             depend on both with `need = 1`",
        );
    }
}

pub(super) fn class(reading: &mut Reading<'_>, table: &tables::Class, discovers: bool) -> Class {
    let matcher = matcher(reading, table.r#match.as_ref(), discovers);
    if let Some(severity) = table.labels.get("severity") {
        known_severity(reading, severity);
    }
    Class {
        matcher,
        interval: table.interval.map(|interval| interval.0),
        grace: table.grace.map(|grace| grace.0),
        min_events: table.min_events,
        calendar: hours::calendar(reading, table).map(Arc::new),
        max_time_to_notify: table
            .max_time_to_notify
            .as_ref()
            .map(|limit| Spanned::new(limit.span(), limit.get_ref().0)),
        labels: table.labels.iter().map(|(key, value)| (key.clone(), value.get_ref().clone())).collect(),
    }
}

fn known_severity(reading: &mut Reading<'_>, severity: &Spanned<String>) {
    if Severity::from_name(severity.get_ref()).is_none() {
        let message =
            format!("unknown severity `{}`", crate::config::reading::shown_name(severity.get_ref()));
        let help = suggest::help(severity.get_ref(), Severity::ALL.into_iter().map(Severity::name));
        reading.findings.error(At::Place(severity.span()), message).maybe_help(help);
    }
}
