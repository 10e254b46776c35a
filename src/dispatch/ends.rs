//! The ends of what was told, for whoever was told it: planned with the events that end it, or owed later, when it
//! becomes known that a channel accepted the beginning.

use std::time::Duration;

use log_monitor_channels::{Event, EventKind, MessageKind};
use rusqlite::Connection;

use super::slot::{self, Slot};
use crate::config::{Group, Need, Route, Step};
use crate::journal::deliveries;
use crate::journal::events;
use crate::journal::messages::{self, Merges, Message, NewMessage};

/// The end of some incidents, owed to whoever accepted their beginning.
struct Owed {
    firing: Message,
    topic: EventKind,
    told: Vec<String>,
    events: Vec<i64>,
}

/// An end, and its incident.
type End = (i64, i64);

/// The ends of one kind that each firing has.
fn by_firing(
    connection: &Connection,
    endings: &[&Event],
) -> rusqlite::Result<Vec<(Message, EventKind, Vec<End>)>> {
    let mut firings: Vec<(Message, EventKind, Vec<End>)> = Vec::new();
    for event in endings {
        let Some(incident) = event.incident else { continue };
        for firing in messages::firings_of(connection, incident)? {
            let end = (event.id, incident);
            match firings.iter_mut().find(|(one, topic, _)| one.id == firing.id && *topic == event.kind) {
                Some((_, _, ends)) => ends.push(end),
                None => firings.push((firing, event.kind, vec![end])),
            }
        }
    }
    Ok(firings)
}

/// The ends of a firing, those together of which the same channels were told the beginning: nobody else is told
/// an end, also since vendors accept the end of what they do not know.
fn by_who_was_told(
    connection: &Connection,
    firing: &Message,
    topic: EventKind,
    ends: Vec<End>,
) -> rusqlite::Result<Vec<Owed>> {
    let mut owed: Vec<Owed> = Vec::new();
    for (event, incident) in ends {
        let told = deliveries::heard_of_by(connection, firing.id, incident)?;
        match owed.iter_mut().find(|one| one.told == told) {
            Some(one) => one.events.push(event),
            None => owed.push(Owed { firing: firing.clone(), topic, told, events: vec![event] }),
        }
    }
    Ok(owed)
}

/// Sends the end of incidents to every channel that accepted their beginning or may have, whatever the
/// routes say today; takes back what was not delivered yet, unless only quiet hours hold it back.
///
/// # Errors
/// As the database.
pub fn resolve(
    connection: &Connection,
    routes: &[Route],
    endings: &[&Event],
    now: i64,
) -> rusqlite::Result<()> {
    let mut owed = Vec::new();
    let mut perhaps = Vec::new();
    for (firing, topic, ends) in by_firing(connection, endings)? {
        let told = deliveries::heard_by(connection, firing.id)?;
        if told.is_empty() && is_told_in_the_morning(connection, &firing, &ends)? {
            continue;
        }
        take_back(connection, &firing, told.is_empty())?;
        let taken = deliveries::heard_by(connection, firing.id)?.into_iter();
        perhaps
            .extend(taken.filter(|channel| !told.contains(channel)).map(|channel| (firing.clone(), channel)));
        owed.extend(by_who_was_told(connection, &firing, topic, ends)?);
    }
    let mut by_group: Vec<(Group, Owed)> = Vec::new();
    while let Some(mut one) = (!owed.is_empty()).then(|| owed.remove(0)) {
        let told = std::mem::take(&mut one.told).into_iter();
        one.told = told
            .filter(|channel| {
                let others = owed.iter().chain(by_group.iter().map(|(_, kept)| kept));
                !others.into_iter().any(|other| other.says_all_of(&one, channel))
            })
            .collect();
        if one.told.is_empty() {
            continue;
        }
        let known = routes.iter().find(|route| route.name == one.firing.route);
        let group = known.map_or_else(Group::default, |route| route.group.clone());
        match by_group.iter_mut().find(|(_, known)| !group.by.is_empty() && known.goes_with(&one)) {
            Some((_, known)) => known.events.extend(one.events),
            None => by_group.push((group, one)),
        }
    }
    by_group.into_iter().try_for_each(|(group, one)| tell_end(connection, one, &group, now))?;
    // A try that was cut off may have told what was over while it was to be made again.
    perhaps.iter().try_for_each(|(firing, channel)| settle_debt_of(connection, firing, channel, now))
}

impl Owed {
    /// Whether a channel is told by this, too, what another one of the same route would tell it: what got worse
    /// has several firings, and one end.
    fn says_all_of(&self, other: &Self, channel: &str) -> bool {
        let same = self.firing.route == other.firing.route && self.told.iter().any(|told| told == channel);
        same && other.events.iter().all(|event| self.events.contains(event))
    }

    /// Whether both are of one group, and for the same channels.
    fn goes_with(&self, other: &Self) -> bool {
        let sort = |one: &Self| (one.firing.route.clone(), one.firing.grouped.clone(), one.topic);
        sort(self) == sort(other) && self.told == other.told
    }
}

/// What began and ended in quiet hours is told after them, in one message with what goes on: its end joins it.
/// Returns whether the firing waits on for that.
fn is_told_in_the_morning(connection: &Connection, firing: &Message, ends: &[End]) -> rusqlite::Result<bool> {
    if !messages::waits_for_morning(connection, firing.id)? {
        return Ok(false);
    }
    for (end, incident) in ends {
        // It got worse, and was told then.
        if is_told_otherwise(connection, firing, *incident)? {
            messages::remove_incident(connection, firing.id, *incident)?;
        } else {
            messages::add_events(connection, firing.id, &[*end])?;
        }
    }
    Ok(!events::of_message(connection, firing.id)?.is_empty())
}

/// Whether another firing of the same route has told an incident.
fn is_told_otherwise(connection: &Connection, firing: &Message, incident: i64) -> rusqlite::Result<bool> {
    let mut others = messages::firings_of(connection, incident)?;
    others.retain(|other| other.route == firing.route && other.id != firing.id);
    for other in others {
        if !deliveries::heard_of_by(connection, other.id, incident)?.is_empty() {
            return Ok(true);
        }
    }
    Ok(false)
}

/// What is over needs no firing any more. A try under way cannot be taken back; should it be
/// accepted, the resolution follows it.
fn take_back(connection: &Connection, firing: &Message, untold: bool) -> rusqlite::Result<()> {
    messages::mark_ended(connection, firing.id)?;
    if !messages::incidents(connection, firing.id, true)?.is_empty() {
        // Others in it are still going on. Nobody has read it yet, so it can still be shortened.
        if untold && messages::is_unseen(connection, firing.id)? {
            messages::remove_closed(connection, firing.id)?;
        }
        return Ok(());
    }
    let reason = if untold { "it was over before it was delivered" } else { "it was over" };
    for message in messages::with_reminders(connection, firing.id)? {
        // A reminder of several may be of something else, too, that goes on.
        if !messages::incidents(connection, message, true)?.is_empty() {
            continue;
        }
        // While a try is under way there is no outcome yet, but nobody else is told either.
        let dropped = deliveries::drop_unsent(connection, message, reason)? > 0;
        messages::settle(connection, message, dropped.then_some("dropped"))?;
    }
    messages::set_escalations(connection, firing.id, &[], None)?;
    messages::set_reminder(connection, firing.id, None, firing.reminded)
}

fn tell_end(connection: &Connection, owed: Owed, group: &Group, now: i64) -> rusqlite::Result<()> {
    let Owed { firing, topic, told, events } = owed;
    let steps = vec![to_all(told)];
    let sort = (firing.route.as_str(), topic, firing.grouped.as_str());
    let waiting = messages::held_back(connection, sort, None, now)?;
    if let Some(waiting) = waiting.iter().find(|message| message.steps == steps) {
        return messages::add_events(connection, waiting.id, &events);
    }
    let slot = slot::of(connection, sort, group, now)?;
    write_resolution(connection, &firing, topic, steps, events, now, slot)
}

/// Sends a channel the ends of what it was told, where it is known only after the end was planned that it
/// accepted the beginning, or may have.
///
/// # Errors
/// As the database.
pub fn settle_debt(
    connection: &Connection,
    message: &Message,
    channel: &str,
    now: i64,
) -> rusqlite::Result<()> {
    match message.kind {
        MessageKind::Firing if message.ended => settle_debt_of(connection, message, channel, now),
        MessageKind::Reminder => {
            for firing in messages::reminded_of(connection, message.id)? {
                let firing = messages::get(connection, firing)?;
                if firing.ended {
                    settle_debt_of(connection, &firing, channel, now)?;
                }
            }
            Ok(())
        }
        MessageKind::Firing | MessageKind::Resolved | MessageKind::Notice => Ok(()),
    }
}

/// The same for a firing of which something is over.
fn settle_debt_of(
    connection: &Connection,
    firing: &Message,
    channel: &str,
    now: i64,
) -> rusqlite::Result<()> {
    let (endings, kinds): (Vec<i64>, Vec<EventKind>) =
        messages::owed_endings(connection, firing.id, channel, now)?.into_iter().unzip();
    match kinds.first() {
        None => Ok(()),
        Some(topic) => {
            let steps = vec![to_all(vec![channel.to_owned()])];
            let slot = Slot { at: now, merges: Merges::No, grouped: firing.grouped.clone() };
            write_resolution(connection, firing, *topic, steps, endings, now, slot)
        }
    }
}

fn write_resolution(
    connection: &Connection,
    firing: &Message,
    topic: EventKind,
    steps: Vec<Step>,
    events: Vec<i64>,
    created: i64,
    slot: Slot,
) -> rusqlite::Result<()> {
    let message = NewMessage {
        route: firing.route.clone(),
        kind: MessageKind::Resolved,
        topic,
        parent: Some(firing.id),
        created,
        send_at: slot.at,
        steps,
        reminders: None,
        events,
        held_by: None,
        escalation: None,
        grouped: slot.grouped,
        merges: slot.merges,
    };
    messages::insert(connection, &message).map(drop)
}

/// A resolution has no fallback: it is for these channels and no other.
fn to_all(channels: Vec<String>) -> Step {
    Step { to: channels, need: Need::All, fallback_after: Duration::ZERO, escalation: None }
}
