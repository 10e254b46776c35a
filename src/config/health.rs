//! The `[health]` table: who is told of channels that do not work and of a reload that was refused. It is a route
//! before all others.

use serde::de::Deserialize;
use toml::de::ValueDeserializer;

use log_monitor_channels::EventKind;

use super::diagnostics::At;
use super::family::table_of;
use super::matcher::{Condition, Matcher, Pattern};
use super::model::{Group, Need, Reminders, Route, Step};
use super::reading::Reading;
use super::routes::channel_names;
use super::tables;
use super::tree::Node;
use super::vocabulary::CRASHED;

/// The name of its route.
const NAME: &str = "health";

/// The route that it stands for, before `routes`, of which the last is the fallback.
pub fn route(
    reading: &mut Reading<'_>,
    node: Option<Node<'_>>,
    routes: &[Route],
    channels: &[String],
) -> Option<Route> {
    let table = table_of(reading, NAME, node)?;
    let schema = tables::schema_of::<tables::Health>();
    let read = reading
        .table(NAME, &schema, table, |value| tables::Health::deserialize(ValueDeserializer::from(value)));
    let tell = read.value?.tell?;
    if routes.iter().any(|route| route.name == NAME) {
        let message = "a route is named `health`, which is the name of the one that this makes";
        reading.findings.error(At::Place(tell.span()), message);
    }
    let first = Step {
        to: channel_names(reading, "tell", &tell, channels),
        need: Need::Any,
        fallback_after: tables::fallback_after().0,
        escalation: None,
    };
    let fallback = routes.last().map(|catch_all| Step::chain(&catch_all.steps).0).unwrap_or_default();
    let fallback = fallback.iter().filter_map(|step| without(step, &first.to));
    Some(Route {
        name: NAME.to_owned(),
        matcher: matcher(),
        active: None,
        steps: std::iter::once(first.clone()).chain(fallback).collect(),
        reminders: Reminders::default(),
        group: Group::default(),
        quiet: None,
        stop: true,
    })
}

/// Where a watch ended by a mistake of ours, those are told whom its silences are told.
fn matcher() -> Matcher {
    let events = [EventKind::ChannelUnhealthy, EventKind::SetupFailed].map(|kind| Pattern::glob(kind.name()));
    let event = Condition { key: "event".to_owned(), any: events.into(), none: Vec::new() };
    let crashed = Pattern::glob(CRASHED);
    [event, Condition { key: "cause".to_owned(), any: Vec::new(), none: vec![crashed] }].into_iter().collect()
}

/// A step for those who were not told before, if there are any.
fn without(step: &Step, told: &[String]) -> Option<Step> {
    let mut step = step.clone();
    step.to.retain(|channel| !told.contains(channel));
    (!step.to.is_empty()).then_some(step)
}
