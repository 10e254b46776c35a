//! What waits is looked at again: before it goes out, since quiet hours may have begun, and when somebody has
//! added a silence, or takes care of it. What may be told goes; what may not waits on, each for its own reason.

use log_monitor_channels::{Event, MessageKind};
use rusqlite::Connection;

use super::escalation;
use super::suppress::{Hold, Suppression};
use crate::config::Route;
use crate::journal::messages::{self, Merges, Message, NewMessage};
use crate::journal::{acks, deliveries, events, incidents, silences};

/// What people have added by some moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Seen {
    /// The newest silence.
    silence: i64,
    /// Changes with each acknowledgement.
    acks: i64,
}

/// Holds back what nobody has seen yet and what is not to be told now. `seen` is what there was at the last
/// look; returns what there is by now.
///
/// # Errors
/// As the database.
pub fn look_again(connection: &Connection, routes: &[Route], seen: Seen, now: i64) -> rusqlite::Result<Seen> {
    let newest = Seen { silence: silences::newest(connection)?, acks: acks::mark(connection)? };
    let mut waiting = messages::let_go(connection, now)?;
    if newest.silence > seen.silence {
        waiting.extend(messages::unseen(connection, false)?);
    }
    waiting.extend(after_budget(connection, &waiting, now)?);
    let reminders = if newest == seen { Vec::new() } else { messages::unseen(connection, true)? };
    if waiting.is_empty() && reminders.is_empty() {
        return Ok(newest);
    }
    let suppression = Suppression::read(connection, now)?;
    let route = |message: &Message| routes.iter().find(|route| route.name == message.route);
    for message in waiting.iter().filter(|message| !message.steps.is_empty()) {
        sort_out(connection, &suppression, route(message), message, now)?;
        is_news_only(connection, message.id, now)?;
    }
    for reminder in &reminders {
        take_out(connection, &suppression, route(reminder), reminder, now)?;
    }
    Ok(newest)
}

/// What begins, and notices, for which a channel's budget has room: quiet hours may have begun meanwhile. None of
/// those that are `known`.
fn after_budget(connection: &Connection, known: &[Message], now: i64) -> rusqlite::Result<Vec<Message>> {
    let mut free = deliveries::after_budget(connection, now)?;
    free.retain(|id| known.iter().all(|message| message.id != *id));
    let mut free: Vec<Message> =
        free.into_iter().map(|id| messages::get(connection, id)).collect::<rusqlite::Result<_>>()?;
    free.retain(|message| matches!(message.kind, MessageKind::Firing | MessageKind::Notice));
    Ok(free)
}

/// Takes out of a reminder or an escalation what is not to be told now. Its firings tell that when they may.
fn take_out(
    connection: &Connection,
    suppression: &Suppression,
    route: Option<&Route>,
    reminder: &Message,
    now: i64,
) -> rusqlite::Result<()> {
    let escalation = reminder.steps.first().and_then(|step| step.escalation);
    let reason = |event: &Event| match escalation {
        Some(step) => escalation::held_by(connection, suppression, route, step, event, now),
        None => Ok(suppression.of_reminder(connection, event, route)?.map(|hold| hold.held.reason)),
    };
    let (mut held, mut left, mut why) = (Vec::new(), Vec::new(), None);
    for event in events::of_message(connection, reminder.id)? {
        match reason(&event)? {
            Some(reason) => {
                held.push(event.id);
                why.get_or_insert(reason);
            }
            None => left.push(event.incident),
        }
    }
    let Some(why) = why else { return Ok(()) };
    if left.is_empty() {
        deliveries::drop_unsent(connection, reminder.id, &why)?;
        messages::settle(connection, reminder.id, Some("dropped"))?;
    } else {
        messages::remove_events(connection, reminder.id, &held)?;
    }
    for firing in messages::reminded_of(connection, reminder.id)? {
        let firing = messages::get(connection, firing)?;
        let open = messages::incidents(connection, firing.id, true)?;
        if escalation.is_some() {
            escalation::again(connection, &firing, reminder, now)?;
        } else if !open.iter().any(|incident| left.contains(&Some(*incident))) {
            messages::set_reminder(connection, firing.id, Some(now), firing.reminded)?;
        }
    }
    Ok(())
}

/// What may go stays in the message; the rest joins what waits for the same reason, or becomes a message that
/// does. Where nothing may go, the message itself waits.
fn sort_out(
    connection: &Connection,
    suppression: &Suppression,
    route: Option<&Route>,
    message: &Message,
    now: i64,
) -> rusqlite::Result<()> {
    let mut held: Vec<(Hold, Vec<i64>)> = Vec::new();
    let mut left = false;
    for event in events::of_message(connection, message.id)? {
        let Some(hold) = suppression.on(&event, route) else {
            left = true;
            continue;
        };
        if hold.held.silence.is_some() && is_over(connection, &event)? {
            messages::remove_events(connection, message.id, &[event.id])?;
            continue;
        }
        match held.iter_mut().find(|(known, _)| *known == hold) {
            Some((_, events)) => events.push(event.id),
            None => held.push((hold, vec![event.id])),
        }
    }
    for (hold, events) in held {
        let sort = (message.route.as_str(), message.topic, "");
        let same = messages::held_back(connection, sort, Some(&hold.held.reason), now)?;
        match same.first() {
            Some(same) => messages::move_events(connection, message.id, same.id, &events)?,
            None if left => set_apart(connection, message, hold, &events)?,
            None => {
                left = true;
                messages::hold(connection, message.id, hold.until, &hold.held)?;
            }
        }
    }
    if left { Ok(()) } else { is_told_with_others(connection, message) }
}

/// What goes out now and is over altogether needs neither a reminder nor an escalation. While it waits it may take
/// in what does.
fn is_news_only(connection: &Connection, message: i64, now: i64) -> rusqlite::Result<()> {
    let message = messages::get(connection, message)?;
    let goes_out = message.kind == MessageKind::Firing && message.send_at <= now;
    if goes_out && messages::incidents(connection, message.id, true)?.is_empty() {
        messages::set_escalations(connection, message.id, &[], None)?;
        messages::set_reminder(connection, message.id, None, message.reminded)?;
    }
    Ok(())
}

/// What is over is told after quiet hours, but never after a silence.
fn is_over(connection: &Connection, event: &Event) -> rusqlite::Result<bool> {
    let open = event.incident.map(|incident| incidents::is_open(connection, incident)).transpose()?;
    Ok(open == Some(false))
}

/// Moves events into a message of their own, which waits.
fn set_apart(connection: &Connection, message: &Message, hold: Hold, events: &[i64]) -> rusqlite::Result<()> {
    let apart = NewMessage {
        route: message.route.clone(),
        kind: message.kind,
        topic: message.topic,
        parent: message.parent,
        created: message.created,
        send_at: hold.until,
        steps: message.steps.iter().chain(&message.escalations).cloned().collect(),
        reminders: message.reminders,
        events: Vec::new(),
        held_by: Some(hold.held),
        escalation: None,
        grouped: String::new(),
        merges: Merges::No,
    };
    let apart = messages::insert(connection, &apart)?;
    messages::move_events(connection, message.id, apart, events)
}

/// Nothing of it is left.
fn is_told_with_others(connection: &Connection, message: &Message) -> rusqlite::Result<()> {
    deliveries::drop_unsent(connection, message.id, "it is told with others")?;
    messages::settle(connection, message.id, Some("dropped"))?;
    messages::set_escalations(connection, message.id, &[], None)?;
    messages::set_reminder(connection, message.id, None, message.reminded)
}
