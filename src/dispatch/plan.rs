//! From events to messages. Runs inside the transaction that writes the events, so that nothing
//! can happen without somebody being owed the news of it.

use log_monitor_channels::{Event, EventKind, MessageKind};
use rusqlite::Connection;

use super::ends;
use super::reminders;
use super::router;
use super::slot::{self, Slot};
use super::suppress::{Hold, Suppression};
use crate::config::{Route, Step};
use crate::journal::messages::{self, Merges, NewMessage};

/// Writes the messages that `events` call for.
///
/// # Errors
/// As the database.
pub fn plan(connection: &Connection, routes: &[Route], events: &[Event], now: i64) -> rusqlite::Result<()> {
    let (endings, beginnings): (Vec<&Event>, Vec<&Event>) =
        events.iter().partition(|event| event.kind.closes());
    let by_themselves: Vec<&Event> = beginnings.into_iter().filter(|event| event.part_of.is_none()).collect();
    // What is over is told first: it may begin again.
    ends::resolve(connection, routes, &endings, now)?;
    let suppression = Suppression::read(connection, now)?;
    for (route, topic, events) in by_route(routes, &by_themselves) {
        for (apart, events) in apart(&suppression, route, events) {
            announce(connection, route, topic, apart, &events, now)?;
        }
    }
    Ok(())
}

/// What each route has to say: its events, those of one kind together.
fn by_route<'a>(routes: &'a [Route], events: &[&'a Event]) -> Vec<(&'a Route, EventKind, Vec<&'a Event>)> {
    let mut groups: Vec<(&Route, EventKind, Vec<&Event>)> = Vec::new();
    for event in events {
        for route in router::select(routes, event) {
            match groups.iter_mut().find(|(known, topic, _)| known.name == route.name && *topic == event.kind)
            {
                Some((_, _, group)) => group.push(event),
                None => groups.push((route, event.kind, vec![event])),
            }
        }
    }
    groups
}

/// What keeps events of one route out of the same message.
#[derive(Debug, PartialEq, Eq)]
struct Apart {
    /// Why it waits.
    hold: Option<Hold>,
    /// Its group; none while it waits, for then it is one message.
    grouped: String,
}

/// What goes out now, group by group, and what is held back for the same reason.
fn apart<'a>(
    suppression: &Suppression,
    route: &Route,
    events: Vec<&'a Event>,
) -> Vec<(Apart, Vec<&'a Event>)> {
    let mut groups: Vec<(Apart, Vec<&Event>)> = Vec::new();
    for event in events {
        let hold = suppression.of(event, route);
        let grouped = if hold.is_some() { String::new() } else { router::group_of(route, event) };
        let apart = Apart { hold, grouped };
        match groups.iter_mut().find(|(known, _)| *known == apart) {
            Some((_, group)) => group.push(event),
            None => groups.push((apart, vec![event])),
        }
    }
    groups
}

fn announce(
    connection: &Connection,
    route: &Route,
    topic: EventKind,
    Apart { hold, grouped }: Apart,
    events: &[&Event],
    now: i64,
) -> rusqlite::Result<()> {
    let ids: Vec<i64> = events.iter().map(|event| event.id).collect();
    let told: Vec<Option<i64>> = events.iter().map(|event| event.incident).collect();
    reminders::give_way(connection, &route.name, &told, "it got worse")?;
    let reason = hold.as_ref().map(|hold| hold.held.reason.as_str());
    let sort = (route.name.as_str(), topic, grouped.as_str());
    if let Some(waiting) = messages::held_back(connection, sort, reason, now)?.first() {
        return messages::add_events(connection, waiting.id, &ids);
    }
    let firing = events[0].incident.is_some();
    let steps = steps_for(route, topic, events);
    if steps.is_empty() {
        return Ok(());
    }
    let slot = match &hold {
        Some(hold) => Slot { at: hold.until, merges: Merges::No, grouped },
        None => slot::of(connection, sort, &route.group, now)?,
    };
    let message = NewMessage {
        route: route.name.clone(),
        kind: if firing { MessageKind::Firing } else { MessageKind::Notice },
        topic,
        parent: None,
        created: now,
        send_at: slot.at,
        steps,
        reminders: firing.then_some(route.reminders),
        events: ids,
        held_by: hold.map(|hold| hold.held),
        escalation: None,
        grouped: slot.grouped,
        merges: slot.merges,
    };
    messages::insert(connection, &message).map(drop)
}

/// The route's steps; the news that a channel is dead does not go through that channel.
fn steps_for(route: &Route, topic: EventKind, events: &[&Event]) -> Vec<Step> {
    let mut steps = route.steps.clone();
    if topic == EventKind::ChannelUnhealthy {
        for step in &mut steps {
            step.to.retain(|channel| events.iter().all(|event| event.scope != *channel));
        }
        steps.retain(|step| !step.to.is_empty());
    }
    steps
}
