//! What of a message's events is told when it goes: it may have changed since it was written.

use std::collections::{HashMap, HashSet};

use log_monitor_channels::{Event, MessageKind};
use rusqlite::Connection;

use crate::journal::deliveries::{self, Claim};
use crate::journal::events;
use crate::journal::incidents;
use crate::journal::messages::{self, Message};

/// What a message tells.
pub(super) struct Told {
    /// As what.
    pub kind: MessageKind,
    /// Its events.
    pub events: Vec<Event>,
    /// What was over before it could be told.
    pub over: Vec<Event>,
}

/// What a message tells of these events.
pub(super) fn told(message: &Message, mut events: Vec<Event>) -> Told {
    let mut kind = message.kind;
    if message.escalation.is_some() {
        // It tells others what they have not heard of, as it is by then.
        kind = MessageKind::Firing;
    }
    only_newest(&mut events);
    let over = over_already(&mut kind, &mut events);
    Told { kind, events, over }
}

/// The events of a claimed delivery: of its message and of those that go with it, which may be of several groups.
pub(super) fn of_claim(
    connection: &Connection,
    message: &mut Message,
    claim: &Claim,
) -> rusqlite::Result<Vec<Event>> {
    let mut events = match deliveries::accepted_by(connection, message.id, &claim.channel)? {
        // Whom that did not reach is told all that was told by it.
        Some(first) => of_messages(connection, &deliveries::told_by(connection, first)?)?,
        None => events::of_message(connection, message.id)?,
    };
    for other in &claim.with {
        events.extend(events::of_message(connection, other.message)?);
        if messages::get(connection, other.message)?.grouped != message.grouped {
            message.grouped.clear();
        }
    }
    if matches!(message.kind, MessageKind::Firing | MessageKind::Reminder) {
        only_open(connection, &mut events);
    }
    Ok(events)
}

/// The events of messages that were told together.
fn of_messages(connection: &Connection, messages: &[i64]) -> rusqlite::Result<Vec<Event>> {
    let each = messages.iter().map(|message| events::of_message(connection, *message));
    Ok(each.collect::<rusqlite::Result<Vec<_>>>()?.concat())
}

/// What a message is of may have ended since it was written. What it has the end of itself it tells: a night's news.
fn only_open(connection: &Connection, events: &mut Vec<Event>) {
    let ended: HashSet<i64> =
        events.iter().filter(|event| event.kind.closes()).filter_map(|event| event.incident).collect();
    let open = |event: &Event| {
        event.incident.is_none_or(|incident| {
            ended.contains(&incident) || incidents::is_open(connection, incident).unwrap_or(true)
        })
    };
    if events.iter().any(open) {
        events.retain(open);
    }
}

/// What got worse before it was told is told as it is, and what several messages say is said once.
fn only_newest(events: &mut Vec<Event>) {
    let mut newest: HashMap<i64, i64> = HashMap::new();
    for event in &*events {
        let Some(incident) = event.incident else { continue };
        newest.entry(incident).and_modify(|id| *id = event.id.max(*id)).or_insert(event.id);
    }
    let mut said = HashSet::new();
    events.retain(|event| match event.incident {
        Some(incident) => newest.get(&incident) == Some(&event.id) && said.insert(incident),
        None => true,
    });
}

/// Takes out of a firing what was over before it could be told. A firing of nothing else is an end.
fn over_already(kind: &mut MessageKind, events: &mut Vec<Event>) -> Vec<Event> {
    if *kind != MessageKind::Firing {
        return Vec::new();
    }
    if !events.is_empty() && events.iter().all(|event| event.kind.closes()) {
        *kind = MessageKind::Resolved;
        return Vec::new();
    }
    let (over, open) = std::mem::take(events).into_iter().partition(|event| event.kind.closes());
    *events = open;
    over
}
