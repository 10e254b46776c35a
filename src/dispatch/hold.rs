//! What waits is looked at again: before it goes out, since quiet hours may have begun, and when somebody has
//! added a silence. What may be told goes; what may not waits on, each for its own reason.

use rusqlite::Connection;

use super::suppress::{Hold, Suppression};
use crate::config::Route;
use crate::journal::messages::{self, Merges, Message, NewMessage};
use crate::journal::{deliveries, events, silences};

/// Holds back what nobody has seen yet and what is not to be told now. `seen` is the newest silence at the
/// last look; returns the newest by now.
///
/// # Errors
/// As the database.
pub fn look_again(connection: &Connection, routes: &[Route], seen: i64, now: i64) -> rusqlite::Result<i64> {
    let newest = silences::newest(connection)?;
    let mut waiting = messages::let_go(connection, now)?;
    if newest > seen {
        waiting.extend(messages::untried(connection)?);
    }
    if waiting.is_empty() {
        return Ok(newest);
    }
    let suppression = Suppression::read(connection, now)?;
    for message in waiting.iter().filter(|message| !message.steps.is_empty()) {
        let route = routes.iter().find(|route| route.name == message.route);
        sort_out(connection, &suppression, route, message, now)?;
    }
    Ok(newest)
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
