//! The `[[routes]]` and the `[catch_all]`: who is told of what.

mod unused;

use std::collections::BTreeSet;
use std::sync::Arc;

use serde::de::Deserialize;
use toml::Spanned;
use toml::de::{DeValue, ValueDeserializer};

use super::diagnostics::At;
use super::family::{article, table_of};
use super::hours;
use super::matcher::Matcher;
use super::model::{Escalation, Group, Need, Quiet, Reminders, Route, Step};
use super::reading::{Reading, shown_name};
use super::source_map::Place;
use super::suggest;
use super::tables;
use super::tree::{Node, Table};
use super::vocabulary::{self, Slip};

pub use unused::for_nobody;

/// The name of the last route, and of its table.
pub const CATCH_ALL: &str = "catch_all";

/// A route, and where it stands; `None` = nowhere, since there is no TOML with one.
pub type Placed = (Route, Option<Place>);

/// Reads the routes and the catch-all. `channels` are the names there are, in their order, and `keys` what events can
/// be matched by.
pub fn routes(
    reading: &mut Reading<'_>,
    routes: Option<Node<'_>>,
    catch_all: Option<Node<'_>>,
    channels: &[String],
    keys: &BTreeSet<&str>,
) -> Vec<Placed> {
    let mut placed: Vec<(Route, Place)> = Vec::new();
    let mut first = None;
    let mut names: Vec<String> = Vec::new();
    for (at, table) in list_of(reading, routes).into_iter().enumerate() {
        first.get_or_insert_with(|| table.span());
        let place = table.span();
        let route = route(reading, at + 1, table, (channels, keys), &mut names);
        placed.extend(route.map(|route| (route, place)));
    }
    unused::never_used(reading, &placed);
    let mut out: Vec<Placed> = placed.into_iter().map(|(route, place)| (route, Some(place))).collect();
    let table = table_of(reading, CATCH_ALL, catch_all);
    match (table, first) {
        (Some(table), _) => {
            let place = table.span();
            out.extend(self::catch_all(reading, table, (channels, keys)).map(|route| (route, Some(place))));
        }
        (None, None) => out.push((default_route(channels), None)),
        (None, Some(place)) => {
            reading
                .findings
                .error(At::Place(place), "there are routes, but no `[catch_all]` for what none of them takes")
                .help("add [catch_all] with steps = [{ to = [\"CHANNEL\"] }]");
        }
    }
    out
}

fn list_of<'t>(reading: &mut Reading<'_>, node: Option<Node<'t>>) -> Vec<Table<'t>> {
    let Some(node) = node else { return Vec::new() };
    let place = node.span();
    match node.into_inner() {
        DeValue::Array(items) => {
            items.into_iter().filter_map(|item| table_of(reading, "routes", Some(item))).collect()
        }
        other => {
            let message = format!("`routes`: expected a list of tables, found {}", article(other.type_str()));
            reading.findings.error(At::Place(place), message).help("write [[routes]]");
            Vec::new()
        }
    }
}

fn route(
    reading: &mut Reading<'_>,
    number: usize,
    table: Table<'_>,
    (channels, keys): (&[String], &BTreeSet<&str>),
    names: &mut Vec<String>,
) -> Option<Route> {
    let path = format!("routes[{number}]");
    let schema = tables::schema_of::<tables::Route>();
    let read = reading
        .table(&path, &schema, table, |value| tables::Route::deserialize(ValueDeserializer::from(value)));
    let table = read.value?;
    if let Some(name) = &table.name {
        own_name(reading, name, names);
    }
    known_words(reading, &table.r#match);
    let by = table.group.by.iter().map(|key| (key.get_ref().0.as_str(), key.span()));
    let matched = table.r#match.keys().map(|key| (key.get_ref().as_str(), key.span()));
    known_keys(reading, matched.chain(by), keys);
    let steps = steps(reading, table.steps.as_ref(), channels);
    let active = hours::weekly(reading, &table.active, table.time_zone.as_ref());
    Some(Route {
        name: table.name?.into_inner(),
        matcher: table
            .r#match
            .iter()
            .map(|(key, patterns)| patterns.get_ref().condition(key.get_ref()))
            .collect(),
        active: active.map(Arc::new),
        steps: steps?,
        reminders: Reminders::from(&table.reminders),
        group: Group::from(&table.group),
        quiet: table.quiet.as_ref().and_then(|table| quiet(reading, table)),
        stop: table.stop,
    })
}

fn catch_all(
    reading: &mut Reading<'_>,
    table: Table<'_>,
    (channels, keys): (&[String], &BTreeSet<&str>),
) -> Option<Route> {
    let schema = tables::schema_of::<tables::CatchAll>();
    let read = reading.table(CATCH_ALL, &schema, table, |value| {
        tables::CatchAll::deserialize(ValueDeserializer::from(value))
    });
    let table = read.value?;
    known_keys(reading, table.group.by.iter().map(|key| (key.get_ref().0.as_str(), key.span())), keys);
    let steps = steps(reading, table.steps.as_ref(), channels)?;
    Some(Route {
        name: CATCH_ALL.to_owned(),
        matcher: Matcher::default(),
        active: None,
        steps,
        reminders: Reminders::from(&table.reminders),
        group: Group::from(&table.group),
        quiet: table.quiet.as_ref().and_then(|table| quiet(reading, table)),
        stop: false,
    })
}

fn quiet(reading: &mut Reading<'_>, table: &tables::Quiet) -> Option<Quiet> {
    let hours = hours::weekly(reading, &table.windows, table.time_zone.as_ref())?;
    Some(Quiet { hours: Arc::new(hours), below: table.below })
}

/// Without any route: each channel after the other, Slack and mail first.
fn default_route(channels: &[String]) -> Route {
    let first = ["slack", "email"];
    let rank = |name: &&String| first.iter().position(|known| known == name).unwrap_or(first.len());
    let mut order: Vec<&String> = channels.iter().collect();
    order.sort_by_key(rank);
    let step = |name: &String| Step {
        to: vec![name.clone()],
        need: Need::Any,
        fallback_after: tables::fallback_after().0,
        escalation: None,
    };
    Route {
        name: CATCH_ALL.to_owned(),
        matcher: Matcher::default(),
        active: None,
        steps: order.into_iter().map(step).collect(),
        reminders: Reminders::default(),
        group: Group::default(),
        quiet: None,
        stop: false,
    }
}

fn own_name(reading: &mut Reading<'_>, name: &Spanned<String>, names: &mut Vec<String>) {
    let text = name.get_ref();
    let shown = shown_name(text);
    let at = At::Place(name.span());
    if text.is_empty() || text.len() > 200 || text.chars().any(char::is_control) {
        reading.findings.error(at, "a route's name has 1 to 200 characters, and no control characters");
    } else if text == CATCH_ALL {
        reading.findings.error(at, "`catch_all` is the name of the last route");
    } else if names.contains(text) {
        reading.findings.error(at, format!("a second route is named `{shown}`"));
    }
    names.push(text.clone());
}

/// A glob of a closed set must match one of its words.
fn known_words(reading: &mut Reading<'_>, conditions: &tables::Match) {
    for (key, patterns) in conditions {
        for (glob, place) in patterns.get_ref().globs(&patterns.span()) {
            if let Some(Slip { message, help }) = vocabulary::unknown(key.get_ref(), glob) {
                reading.findings.error(At::Place(place), message).maybe_help(help);
            }
        }
    }
}

/// Any label may be asked for, and only whoever gives labels knows them all; but one that is nearly a key that there is
/// is probably that.
fn known_keys<'k>(
    reading: &mut Reading<'_>,
    keys: impl Iterator<Item = (&'k str, Place)>,
    known: &BTreeSet<&str>,
) {
    for (key, place) in keys {
        if let Some(Slip { message, help }) = vocabulary::misspelt(key, known) {
            reading.findings.warning(At::Place(place), message).maybe_help(help);
        }
    }
}

fn steps(
    reading: &mut Reading<'_>,
    steps: Option<&Spanned<Vec<tables::Step>>>,
    channels: &[String],
) -> Option<Vec<Step>> {
    let steps = steps?;
    if steps.get_ref().is_empty() {
        if reading.findings.has_error_in(&steps.span()) {
            return None;
        }
        reading.findings.error(At::Place(steps.span()), "`steps` is empty, so nobody would be told");
        return None;
    }
    in_order(reading, steps.get_ref());
    steps.get_ref().iter().map(|step| self::step(reading, step, channels)).collect()
}

/// The first step is told at once, and each escalation later than the one before.
fn in_order(reading: &mut Reading<'_>, steps: &[tables::Step]) {
    let mut last = None;
    for (at, step) in steps.iter().enumerate() {
        let wrong = match (&step.after, &step.unless) {
            (None, None) => None,
            (None, Some(unless)) => Some((unless.span(), "`unless` is for a step that has an `after`")),
            (Some(after), _) if at == 0 => Some((after.span(), "the first step is told at once")),
            (Some(after), _) => {
                let earlier = last.replace(after.get_ref().0) >= Some(after.get_ref().0);
                earlier.then(|| (after.span(), "it is not later than an `after` above it"))
            }
        };
        if let Some((place, message)) = wrong {
            reading.findings.error(At::Place(place), message);
        }
    }
}

fn step(reading: &mut Reading<'_>, step: &tables::Step, channels: &[String]) -> Option<Step> {
    let to = step.to.as_ref()?;
    let names = channel_names(reading, "to", to, channels);
    let escalation = step.after.as_ref().map(|after| Escalation {
        after: after.get_ref().0,
        unless: step.unless.as_ref().map(|unless| *unless.get_ref()),
    });
    Some(Step { to: names, need: step.need, fallback_after: step.fallback_after.0, escalation })
}

/// The channels that a key names to be told together; mistakes are told.
pub fn channel_names(
    reading: &mut Reading<'_>,
    key: &str,
    list: &Spanned<Vec<Spanned<String>>>,
    channels: &[String],
) -> Vec<String> {
    if list.get_ref().is_empty() && !reading.findings.has_error_in(&list.span()) {
        reading.findings.error(At::Place(list.span()), format!("`{key}` is empty, so nobody would be told"));
    }
    let mut names: Vec<String> = Vec::new();
    for name in list.get_ref() {
        if !channels.contains(name.get_ref()) {
            unknown_channel(reading, name.get_ref(), name.span(), channels);
        } else if names.contains(name.get_ref()) {
            let message = format!("channel `{}` is in this step twice", shown_name(name.get_ref()));
            reading.findings.error(At::Place(name.span()), message);
        }
        names.push(name.get_ref().clone());
    }
    names
}

fn unknown_channel(reading: &mut Reading<'_>, name: &str, place: Place, channels: &[String]) {
    let help = suggest::help(name, channels.iter().map(String::as_str));
    let help = help.unwrap_or_else(|| "add a [channels.NAME] table".to_owned());
    let message = format!("unknown channel `{}`", shown_name(name));
    reading.findings.error(At::Place(place), message).help(help);
}
