//! The event of the arguments: what they say, and what is known besides of the agent that they name.

use std::borrow::Cow;

use chrono::{DateTime, Datelike, Days, NaiveTime, Utc, Weekday};
use log_monitor_channels::{Entity, Event, EventKind, Severity};

use super::Args;
use crate::cli::explain::moment_of;
use crate::cli::watched::watched;
use crate::config::vocabulary;
use crate::config::{Agent, ListedAs, Settings, Watch, latency};
use crate::journal::JournalError;
use crate::journal::events::millis;
use crate::monitor::words;
use crate::wording::samples;

/// The agent that an event is about, and who watches it.
#[derive(Debug)]
pub struct About<'s> {
    /// The watch with everybody in it.
    pub watch: Cow<'s, Watch>,
    /// As it is known, else as the event says.
    pub agent: Agent,
}

/// `KEY=VALUE`.
pub fn pair(text: &str) -> Result<(String, String), String> {
    let (key, value) = text.split_once('=').ok_or("write KEY=VALUE")?;
    Ok((key.trim().to_owned(), value.trim().to_owned()))
}

/// The event of the arguments, at `now` unless they say otherwise.
///
/// # Errors
/// What is wrong with them.
pub fn of_args(args: &Args, now: DateTime<Utc>) -> Result<Event, String> {
    let at = args.at.as_ref().map_or(Ok(now), |text| moment(text, now))?;
    let kind = kind(args)?;
    let mut event = words::about("", kind, samples::severity(kind), millis(at));
    event.entity = kind.is_about_agent().then(nobody);
    args.labels.iter().try_for_each(|(key, value)| take(&mut event, key, value))?;
    Ok(event)
}

/// What happened: routes match it as `event`, so it may stand among the labels, too.
fn kind(args: &Args) -> Result<EventKind, String> {
    let among = args.labels.iter().rfind(|(key, _)| key == "event");
    let name = among.map_or(&args.event, |(_, name)| name);
    let unknown = || vocabulary::unheard_of("event", name).map_or_else(String::new, |slip| slip.to_string());
    EventKind::from_name(name).ok_or_else(unknown)
}

const fn nobody() -> Entity {
    Entity { id: String::new(), label: String::new() }
}

fn take(event: &mut Event, key: &str, value: &str) -> Result<(), String> {
    if let Some(slip) = vocabulary::unheard_of(key, value) {
        return Err(slip.to_string());
    }
    match key {
        "severity" => event.severity = Severity::from_name(value).unwrap_or(event.severity),
        // It says which event this is.
        "event" => {}
        "cause" => value.clone_into(&mut event.cause),
        "watch" | "source" | "channel" => value.clone_into(&mut event.scope),
        "id" | "agent" => value.clone_into(&mut entity_of(event, key)?.id),
        "name" | "label" => value.clone_into(&mut entity_of(event, key)?.label),
        _ => drop(event.labels.insert(key.to_owned(), value.to_owned())),
    }
    Ok(())
}

/// What a stall is about has an id and a name too, unless it is the whole watch.
fn entity_of<'e>(event: &'e mut Event, key: &str) -> Result<&'e mut Entity, String> {
    let stall = matches!(event.kind, EventKind::PipelineStalled | EventKind::PipelineRecovered);
    match stall || event.entity.is_some() {
        true => Ok(event.entity.get_or_insert_with(nobody)),
        false => Err(format!("{} is about no agent, so it has no `{key}`", event.kind)),
    }
}

/// The agent that an event is about, in the watch that it names, else in the first that knows the agent, else in
/// the only one.
///
/// # Errors
/// When the journal, which knows whom a source listed, cannot be read.
pub fn about<'s>(settings: &'s Settings, event: &Event) -> Result<Option<About<'s>>, JournalError> {
    let Some(entity) = event.entity.as_ref().filter(|_| event.kind.is_about_agent()) else { return Ok(None) };
    let named = |watch: &&Watch| event.scope.is_empty() || watch.name == event.scope;
    let mut watches: Vec<Cow<'s, Watch>> = Vec::new();
    for watch in settings.watches.iter().filter(named) {
        let watch = watched(settings, watch)?;
        if let Some(agent) = known(&watch, entity).cloned() {
            return Ok(Some(About { watch, agent }));
        }
        watches.push(watch);
    }
    let only = watches.pop().filter(|_| watches.is_empty());
    Ok(only.map(|watch| About { watch, agent: somebody(event) }))
}

fn known<'w>(watch: &'w Watch, entity: &Entity) -> Option<&'w Agent> {
    watch.agents.iter().find(|agent| match entity.id.is_empty() {
        true => !entity.label.is_empty() && agent.label == entity.label,
        false => agent.id == entity.id,
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

/// What the arguments leave open is as it is of the agent that they name.
///
/// # Errors
/// What is wrong with the arguments.
pub fn filled(event: Event, about: &About<'_>, args: &Args) -> Result<Event, String> {
    if event.entity == Some(nobody()) {
        return Ok(event);
    }
    let policy = about.watch.policy(&about.agent);
    let known = latency::silence(&about.watch, &about.agent, &policy, millis(event.at));
    let mut filled = Event { kind: event.kind, ..known };
    args.labels.iter().try_for_each(|(key, value)| take(&mut filled, key, value))?;
    Ok(filled)
}

/// `Sun 03:00` is the next Sunday, today included.
pub fn moment(text: &str, now: DateTime<Utc>) -> Result<DateTime<Utc>, String> {
    let of_week = text.split_once(' ').and_then(|(day, time)| {
        Some((day.parse::<Weekday>().ok()?, NaiveTime::parse_from_str(time.trim(), "%H:%M").ok()?))
    });
    let Some((day, time)) = of_week else { return moment_of(text) };
    let ahead = now.weekday().days_since(Weekday::Mon) as i64;
    let days = (i64::from(day.num_days_from_monday()) - ahead).rem_euclid(7);
    let date = now.date_naive() + Days::new(days.unsigned_abs());
    Ok(date.and_time(time).and_utc())
}
