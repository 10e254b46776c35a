//! The parts of a watch: maintenance, dependencies, classes.

use std::sync::Arc;

use toml::Spanned;

use log_monitor_channels::Severity;

use crate::config::diagnostics::At;
use crate::config::hours;
use crate::config::matcher::Matcher;
use crate::config::model::{Agent, Class, Dependency, Maintenance, Quorum, SourceTable};
use crate::config::reading::Reading;
use crate::config::suggest;
use crate::config::tables;
use crate::monitor::fleet::dependencies::Dependencies;

/// What is known of those whom a rule can be about.
#[derive(Clone, Copy)]
pub(super) struct Who<'a> {
    /// Those of the agent file.
    pub agents: &'a [Agent],
    /// Whether others are discovered …
    pub discovers: bool,
    /// … and by which source, if that is known.
    pub lister: Option<&'a SourceTable>,
}

impl Who<'_> {
    /// What tells no such key of anybody, if nothing does.
    fn untold(&self, key: &str) -> Option<String> {
        let key = if key == "label" { "name" } else { key };
        let lister = self.lister.filter(|lister| !lister.decoded.tells(key));
        let of_list = lister.map(|lister| format!("the list of source `{}`", lister.name));
        match key {
            "id" => None,
            "name" => of_list.filter(|_| self.agents.is_empty()),
            _ if self.discovers => of_list,
            _ => Some("an agent file".to_owned()),
        }
    }
}

pub(super) fn maintenance(
    reading: &mut Reading<'_>,
    table: &tables::Maintenance,
    who: Who<'_>,
) -> Maintenance {
    let matcher = matcher(reading, table.r#match.as_ref(), who);
    Maintenance { matcher, pauses: hours::pauses(reading, table), behind: Vec::new() }
}

/// Which agents; all of them where nothing is said.
fn matcher(reading: &mut Reading<'_>, on: Option<&Spanned<tables::ClassMatch>>, who: Who<'_>) -> Matcher {
    let Some(on) = on else { return Matcher::default() };
    let matcher = conditions(reading, on.get_ref(), who);
    let is_told = on.get_ref().keys().all(|(key, _)| who.untold(key).is_none());
    let is_whole = !who.discovers && !who.agents.is_empty();
    if is_told && is_whole && !who.agents.iter().any(|agent| matcher.matches(|key| agent.facts(key))) {
        reading.findings.warning(At::Place(on.span()), "this matches no agent of the agent file");
    }
    matcher
}

/// What each key must be.
pub(super) fn conditions(reading: &mut Reading<'_>, on: &tables::ClassMatch, who: Who<'_>) -> Matcher {
    let condition = |(key, patterns): (&str, &Spanned<tables::Patterns>)| {
        let condition = patterns.get_ref().condition(key);
        if let Some(who) = who.untold(key) {
            let what = if condition.any.is_empty() { "excepts" } else { "matches" };
            let message = format!("{who} tells no `{key}`, so this {what} no agent");
            reading.findings.warning(At::Place(patterns.span()), message);
        }
        condition
    };
    on.keys().map(condition).collect()
}

pub(super) fn dependency(
    reading: &mut Reading<'_>,
    table: &tables::Dependency,
    who: Who<'_>,
) -> Option<Dependency> {
    let on = matcher(reading, Some(&table.on), who);
    let members = who.agents.iter().filter(|agent| on.matches(|key| agent.facts(key))).count();
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
        Some(Quorum::Count(count)) if count > members && !who.discovers && members > 0 => {
            let message = format!("{count} of the {members} agents of `on` are all of them");
            reading.findings.warning(At::Place(place), message);
        }
        Some(_) => {}
    }
    Some(Dependency { matcher: matcher(reading, table.r#match.as_ref(), who), on, need: need? })
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

pub(super) fn class(reading: &mut Reading<'_>, table: &tables::Class, who: Who<'_>) -> Class {
    let matcher = matcher(reading, table.r#match.as_ref(), who);
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
