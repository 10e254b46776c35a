//! From a claimed delivery to the notification that a channel is handed: what the journal knows
//! about the message, put into words by [`Wording`].

use std::sync::Arc;

use log_monitor_channels::{Event, EventKind, MessageKind, Notification};
use rusqlite::Connection;

use super::flapping;
use super::render::Facts;
use crate::config::{Group, Route};
use crate::journal::deliveries::{self, Claim, Delivery, State};
use crate::journal::events::{self, time};
use crate::journal::incidents;
use crate::journal::messages::{self, Message};
use crate::wording::{Subject, Wording};

/// What every message of this installation has in common.
#[derive(Debug, Clone)]
pub struct Composer {
    /// The random id of the installation, for idempotency keys.
    pub installation_id: Arc<str>,
    /// Its name for people.
    pub installation: Arc<str>,
    /// The routes in force, which say how long a list may be.
    pub routes: Arc<Vec<Route>>,
    /// How messages are put into words.
    pub wording: Arc<Wording>,
}

impl Composer {
    fn max_items(&self, route: &str) -> usize {
        let known = self.routes.iter().find(|known| known.name == route);
        known.map_or_else(Group::default, |route| route.group).max_items
    }
}

/// The notification for a claimed delivery.
///
/// # Errors
/// As the database.
pub fn delivery(
    connection: &Connection,
    composer: &Composer,
    claim: &Claim,
) -> rusqlite::Result<Notification> {
    let message = messages::get(connection, claim.message)?;
    // At its first step there is none before and none after.
    let siblings = match message.step {
        0 => Vec::new(),
        _ => deliveries::of_message(connection, message.id)?,
    };
    let way = Way { channel: Some(&claim.channel), step: claim.step, uncertain: claim.uncertain };
    let mut notification = notification(connection, composer, &message, &siblings, way)?;
    notification.idempotency_key = format!("{}-{}", composer.installation_id, claim.delivery);
    notification.attempt = claim.n;
    notification.short = claim.short;
    if let Some(parent) = message.parent {
        notification.in_reply_to = deliveries::receipt(connection, parent, &claim.channel)?;
    }
    Ok(notification)
}

/// What `channel` accepted with a delivery, with what it said then.
///
/// # Errors
/// As the database.
pub fn accepted(
    connection: &Connection,
    composer: &Composer,
    message: i64,
    delivery: i64,
    channel: &str,
) -> rusqlite::Result<Notification> {
    let message = messages::get(connection, message)?;
    let way = Way { channel: Some(channel), step: 0, uncertain: false };
    let mut notification = notification(connection, composer, &message, &[], way)?;
    notification.idempotency_key = format!("{}-{delivery}", composer.installation_id);
    notification.in_reply_to = deliveries::receipt(connection, message.id, channel)?;
    Ok(notification)
}

/// A message that reached nobody, for the last resort.
///
/// # Errors
/// As the database.
pub fn undelivered(
    connection: &Connection,
    composer: &Composer,
    message: i64,
) -> rusqlite::Result<Notification> {
    let message = messages::get(connection, message)?;
    let siblings = deliveries::of_message(connection, message.id)?;
    notification(
        connection,
        composer,
        &message,
        &siblings,
        Way { channel: None, step: usize::MAX, uncertain: false },
    )
}

/// By which way a message goes.
#[derive(Clone, Copy)]
struct Way<'a> {
    /// The channel, if it is one.
    channel: Option<&'a str>,
    /// The step it is of.
    step: usize,
    /// An earlier try may have arrived.
    uncertain: bool,
}

fn notification(
    connection: &Connection,
    composer: &Composer,
    message: &Message,
    siblings: &[Delivery],
    Way { channel, step, uncertain }: Way<'_>,
) -> rusqlite::Result<Notification> {
    let events = events::of_message(connection, message.id)?;
    let fallback_reason = failed_before(siblings, step);
    let still_open = still_open(connection, message)?;
    let all_over = message.kind == MessageKind::Resolved && still_open.is_empty();
    let facts = Facts {
        kind: message.kind,
        reminder: reminder_number(connection, message)?,
        still_open,
        fallback_reason: fallback_reason.as_deref(),
        told_already: told_already(siblings, step),
        silent_again: silent_again(connection, message, &events)?,
        possible_duplicate: uncertain,
        held_by: message.held_by.as_deref(),
        max_items: composer.max_items(&message.route),
    };
    let links = composer.wording.links(&events, &composer.installation);
    let installation = &*composer.installation;
    let subject = Subject { events: &events, facts: &facts, links: &links, installation };
    let (title, body) = composer.wording.message(channel, &subject);
    Ok(Notification {
        idempotency_key: format!("{}-m{}", composer.installation_id, message.id),
        kind: message.kind,
        test: false,
        severity: events.iter().map(|event| event.severity).max().unwrap_or_default(),
        title,
        body,
        installation: composer.installation.to_string(),
        created_at: time(message.created),
        events,
        attempt: 1,
        possible_duplicate: uncertain,
        fallback_reason,
        in_reply_to: None,
        all_over,
        links,
        short: false,
    })
}

/// Why the steps before were not enough: `soc failed: rate limited`.
fn failed_before(siblings: &[Delivery], step: usize) -> Option<String> {
    let reasons: Vec<String> = siblings
        .iter()
        .filter(|sibling| sibling.step < step && sibling.state != State::Accepted)
        .map(|sibling| {
            let (channel, reason) = (&sibling.channel, sibling.reason.as_deref());
            match sibling.state {
                State::Pending | State::Sending => format!("{channel} has not answered yet"),
                _ => format!("{channel} failed: {}", reason.unwrap_or("no answer")),
            }
        })
        .collect();
    (!reasons.is_empty()).then(|| reasons.join("; "))
}

/// Later steps that were accepted while this one was still being tried.
fn told_already(siblings: &[Delivery], step: usize) -> Vec<String> {
    let accepted = siblings.iter().filter(|sibling| sibling.step > step && sibling.state == State::Accepted);
    accepted.map(|sibling| sibling.channel.clone()).collect()
}

fn reminder_number(connection: &Connection, message: &Message) -> rusqlite::Result<u32> {
    match (message.kind, message.parent) {
        (MessageKind::Reminder, Some(parent)) => messages::reminder_number(connection, parent, message.id),
        _ => Ok(0),
    }
}

/// For a resolution of some members of a group: the others.
fn still_open(connection: &Connection, message: &Message) -> rusqlite::Result<Vec<Event>> {
    let (MessageKind::Resolved, Some(firing)) = (message.kind, message.parent) else { return Ok(Vec::new()) };
    let mut open = events::of_message(connection, firing)?;
    open.retain(|event| {
        event.incident.is_some_and(|incident| incidents::is_open(connection, incident).unwrap_or(false))
    });
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
