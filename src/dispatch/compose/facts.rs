//! What a message has to say beside its events: what still goes on, and why it came this way.

use std::collections::BTreeMap;

use log_monitor_channels::{Event, EventKind, MessageKind};
use rusqlite::Connection;

use super::{Composer, Way};
use crate::clock::written;
use crate::dispatch::posts::{self, Post};
use crate::dispatch::render::{Facts, Lost};
use crate::dispatch::{flapping, router};
use crate::journal::channels::{self, Known};
use crate::journal::deliveries::{Claim, Delivery, State};
use crate::journal::events::{self, time};
use crate::journal::incidents;
use crate::journal::lost;
use crate::journal::messages::{self, Merges, Message};

/// What is said beside the events of a message on its way, but for what else goes on.
pub(super) fn of<'m>(
    connection: &Connection,
    composer: &Composer,
    (message, events): (&'m Message, &[Event]),
    siblings: &[Delivery],
    way: &mut Way<'_>,
) -> rusqlite::Result<Facts<'m>> {
    let interval = composer.route(&message.route).map(|route| route.group.interval);
    Ok(Facts {
        group: Some(message.grouped.as_str()).filter(|group| !group.is_empty()),
        merging: interval.filter(|_| message.merges == Merges::Begins),
        reminder: reminder_number(connection, message)?,
        told_already: told_already(siblings, way.step),
        silent_again: silent_again(connection, message, events)?,
        possible_duplicate: way.uncertain,
        held_by: message.held_by.as_deref(),
        told_at: (message.held_by.is_some() || message.escalation.is_some()).then(|| time(message.send_at)),
        lost: way.lost.take(),
        max_items: composer.max_items(&message.route),
        ..Facts::of(message.kind)
    })
}

/// Why a message goes this way: it is an escalation, or the steps before were not enough.
pub(super) fn fallback_reason(
    connection: &Connection,
    message: &Message,
    siblings: &[Delivery],
    way: &Way<'_>,
) -> rusqlite::Result<Option<String>> {
    let known = if siblings.is_empty() { BTreeMap::new() } else { channels::all(connection)? };
    let failed = failed_before(siblings, way.step, (&known, way.now));
    let reasons = message.escalation.clone().into_iter().chain(failed);
    Ok(in_one(reasons))
}

/// How many messages that reached nobody are named.
const LOST_NAMED: usize = 3;

/// What a delivery says of earlier messages that reached nobody, in the words of its channel.
pub(super) fn lost(
    connection: &Connection,
    composer: &Composer,
    claim: &Claim,
) -> rusqlite::Result<Option<Lost>> {
    let lost = lost::said_by(connection, claim.delivery)?;
    let channel = Some(claim.channel.as_str());
    let title =
        |id: &i64| super::undelivered(connection, composer, *id, channel).map(|message| message.title);
    let titles = lost.iter().take(LOST_NAMED).map(title).collect::<rusqlite::Result<_>>()?;
    Ok((!lost.is_empty()).then_some(Lost { count: lost.len(), titles }))
}

/// Why the steps before were not enough: `soc failed: rate limited`. With what is `known` of channels at `now`.
#[must_use]
pub fn failed_before(
    siblings: &[Delivery],
    step: usize,
    (known, now): (&BTreeMap<String, Known>, i64),
) -> Option<String> {
    let before = siblings.iter().filter(|one| one.step < step && one.state != State::Accepted);
    let reason = |one: &Delivery| {
        let held = known.get(&one.channel).and_then(|known| known.held_until).filter(|until| *until > now);
        how_it_fared(one, held)
    };
    in_one(before.map(reason))
}

/// Reasons, if there are any.
fn in_one(reasons: impl Iterator<Item = String>) -> Option<String> {
    reasons.reduce(|all, reason| format!("{all}; {reason}"))
}

/// How a channel fared that has not accepted, and that asked for no message until a time.
fn how_it_fared(delivery: &Delivery, held_until: Option<i64>) -> String {
    let (channel, reason) = (&delivery.channel, delivery.reason.as_deref());
    match (delivery.state, reason, held_until) {
        (State::Pending | State::Sending, Some(reason), _) => format!("{channel} waits: {reason}"),
        (State::Pending, None, Some(until)) => {
            format!("{channel} waits: it asked for no message until {}", written(time(until)))
        }
        (State::Pending, None, None) => format!("{channel} was not tried yet"),
        (State::Sending, None, _) => format!("{channel} has not answered yet"),
        _ => format!("{channel} failed: {}", reason.unwrap_or("no answer")),
    }
}

/// Later steps that were accepted while this one was still being tried.
fn told_already(siblings: &[Delivery], step: usize) -> Vec<String> {
    let accepted = siblings.iter().filter(|sibling| sibling.step > step && sibling.state == State::Accepted);
    accepted.map(|sibling| sibling.channel.clone()).collect()
}

fn reminder_number(connection: &Connection, message: &Message) -> rusqlite::Result<u32> {
    if message.kind != MessageKind::Reminder {
        return Ok(0);
    }
    let firing = messages::reminded_of(connection, message.id)?.into_iter().next();
    firing.map_or(Ok(0), |firing| messages::reminder_number(connection, firing, message.id))
}

/// For a resolution of some members of a group: the others.
pub(super) fn still_open(
    connection: &Connection,
    message: &Message,
    posts: &[Post],
) -> rusqlite::Result<Vec<Event>> {
    let (MessageKind::Resolved, Some(firing)) = (message.kind, message.parent) else { return Ok(Vec::new()) };
    as_they_are(connection, posts::still_open(connection, firing, posts)?)
}

/// For a message of a group: what goes on of the group besides, as far as its channel was told of it. What is held
/// back is nobody's news yet, and may end without any.
pub(super) fn group_of(
    connection: &Connection,
    composer: &Composer,
    message: &Message,
    (events, channel): (&[Event], Option<&str>),
) -> rusqlite::Result<Option<Vec<Event>>> {
    let route = composer.route(&message.route).filter(|_| !message.grouped.is_empty());
    let topic = match (message.kind, message.parent) {
        (MessageKind::Firing, _) => Some(message.topic),
        (MessageKind::Resolved, Some(firing)) => Some(messages::get(connection, firing)?.topic),
        _ => None,
    };
    let Some((route, topic)) = route.zip(topic) else { return Ok(None) };
    let mut open = events::open_of_route(connection, (&route.name, topic), channel)?;
    open.retain(|event| {
        router::group_of(route, event) == message.grouped
            && events.iter().all(|told| told.incident != event.incident)
    });
    as_they_are(connection, open).map(Some)
}

/// What goes on, with what is known of it by now.
fn as_they_are(connection: &Connection, open: Vec<Event>) -> rusqlite::Result<Vec<Event>> {
    open.into_iter().map(|event| flapping::as_it_is(connection, event)).collect()
}

/// For a resolution that was held up: who has fallen silent again meanwhile.
fn silent_again(
    connection: &Connection,
    message: &Message,
    events: &[Event],
) -> rusqlite::Result<Vec<Event>> {
    let mut again = Vec::new();
    if message.topic == EventKind::AgentRecovered {
        for event in events {
            let Some(entity) = &event.entity else { continue };
            if let Some(since) = incidents::agent_silent_since(connection, &event.scope, &entity.id)? {
                again.push(Event { since: Some(time(since)), ..event.clone() });
            }
        }
    }
    Ok(again)
}
