//! From a claimed delivery to the notification that a channel is handed: what the journal knows
//! about the message, put into words by [`Wording`].

mod events;
mod facts;

use std::sync::Arc;

use log_monitor_channels::{Event, MessageKind, Notification};
use rusqlite::Connection;

use super::budget::Limits;
use super::posts::{self, Post};
use super::render::{Facts, Lost, Words};
use crate::config::{Group, Route};
use crate::journal::deliveries::{self, Claim, Delivery};
use crate::journal::events::{of_message, time};
use crate::journal::messages::{self, Message};
use crate::wording::{Subject, Wording};
use events::Told;

pub use facts::failed_before;

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
    /// What a delivery is known by to vendors.
    fn key(&self, delivery: i64) -> String {
        format!("{}-{delivery}", self.installation_id)
    }

    fn route(&self, name: &str) -> Option<&Route> {
        self.routes.iter().find(|known| known.name == name)
    }

    fn max_items(&self, route: &str) -> usize {
        self.route(route).map_or_else(|| Group::default().max_items, |route| route.group.max_items)
    }
}

/// What to send for a claimed delivery: one notification, or several where it goes on with several posts.
///
/// # Errors
/// As the database.
pub fn delivery(
    connection: &Connection,
    composer: &Composer,
    limits: &Limits,
    claim: &Claim,
) -> rusqlite::Result<Vec<Notification>> {
    let mut message = messages::get(connection, claim.message)?;
    message.held_by = message.held_by.or_else(|| claim.held.clone());
    // At its first step there is none before and none after.
    let siblings = match message.step {
        0 => Vec::new(),
        _ => deliveries::of_message(connection, message.id)?,
    };
    let events = events::of_claim(connection, &mut message, claim)?;
    let parts = posts::parts(connection, limits, claim, message.kind, events)?;
    let key = composer.key(claim.delivery);
    let mut lost = facts::lost(connection, composer, claim)?;
    let mut about = |events: Vec<Event>, posts: &[Post], key: String| -> rusqlite::Result<Notification> {
        let on = Way::on(&claim.channel, claim.step);
        let (uncertain, lost, now, short) = (claim.uncertain, lost.take(), claim.tried, claim.short);
        let way = Way { uncertain, lost, now, short, ..on };
        let about = notification(connection, composer, &message, (events, posts), &siblings, way)?;
        let in_reply_to = posts.first().and_then(|post| post.receipt.clone());
        let answers = posts.first().map(|post| composer.key(post.delivery));
        let rest_of = deliveries::receipt(connection, claim.message, &claim.channel)?;
        let attempt = claim.n;
        Ok(Notification { idempotency_key: key, attempt, in_reply_to, answers, rest_of, ..about })
    };
    let one = parts.len() < 2 && claim.posted.is_empty();
    let key_of = |posts: &[Post]| match posts {
        [post] if !one => format!("{key}-{}", post.delivery),
        _ => key.clone(),
    };
    parts.into_iter().map(|(events, posts)| about(events, &posts, key_of(&posts))).collect()
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
    let events = of_message(connection, message.id)?;
    let mut notification =
        notification(connection, composer, &message, (events, &[]), &[], Way::on(channel, 0))?;
    notification.idempotency_key = composer.key(delivery);
    notification.in_reply_to = deliveries::receipt(connection, message.id, channel)?;
    Ok(notification)
}

/// A message that reached nobody, in the words of a channel; without one, for the last resort.
///
/// # Errors
/// As the database.
pub fn undelivered(
    connection: &Connection,
    composer: &Composer,
    message: i64,
    channel: Option<&str>,
) -> rusqlite::Result<Notification> {
    let message = messages::get(connection, message)?;
    let siblings = deliveries::of_message(connection, message.id)?;
    let events = of_message(connection, message.id)?;
    let way = Way { channel, step: usize::MAX, uncertain: false, lost: None, now: i64::MAX, short: false };
    notification(connection, composer, &message, (events, &[]), &siblings, way)
}

/// By which way a message goes.
struct Way<'a> {
    /// The channel, if it is one.
    channel: Option<&'a str>,
    /// The step it is of.
    step: usize,
    /// An earlier try may have arrived.
    uncertain: bool,
    /// What it says of others that reached nobody.
    lost: Option<Lost>,
    /// When it goes, in milliseconds; without a time nothing waits any more.
    now: i64,
    /// In the short form.
    short: bool,
}

impl<'a> Way<'a> {
    const fn on(channel: &'a str, step: usize) -> Self {
        Self { channel: Some(channel), step, uncertain: false, lost: None, now: i64::MAX, short: false }
    }
}

fn notification(
    connection: &Connection,
    composer: &Composer,
    message: &Message,
    (events, posts): (Vec<Event>, &[Post]),
    siblings: &[Delivery],
    mut way: Way<'_>,
) -> rusqlite::Result<Notification> {
    let Told { kind, events, over } = events::told(message, events);
    let fallback_reason = facts::fallback_reason(connection, message, siblings, &way)?;
    let still_open = facts::still_open(connection, message, posts)?;
    // Of several posts only one can be answered.
    let all_over = message.kind == MessageKind::Resolved && still_open.is_empty() && posts.len() < 2;
    let group = facts::group_of(connection, composer, message, (&events, way.channel))?;
    let facts = Facts {
        kind,
        over,
        still_open: group.unwrap_or(still_open),
        fallback_reason: fallback_reason.as_deref(),
        ..facts::of(connection, composer, (message, &events), siblings, &mut way)?
    };
    Ok(Notification { all_over, ..in_words(composer, message, &way, events, &facts) })
}

/// A message as a channel is handed it, in its words.
fn in_words(
    composer: &Composer,
    message: &Message,
    &Way { channel, short, .. }: &Way<'_>,
    events: Vec<Event>,
    facts: &Facts<'_>,
) -> Notification {
    let links = composer.wording.links(&events, &composer.installation);
    let installation = &*composer.installation;
    let subject = Subject { events: &events, facts, links: &links, installation };
    let Words { title, body, below } = composer.wording.message(channel, &subject).joined();
    // What a template wrote may be what was refused.
    let payload = match short {
        true => None,
        false => composer.wording.payload(channel, &subject, &title, &body),
    };
    Notification {
        idempotency_key: format!("{}-m{}", composer.installation_id, message.id),
        kind: facts.kind,
        test: false,
        severity: events.iter().map(|event| event.severity).max().unwrap_or_default(),
        title,
        body,
        below,
        installation: installation.to_owned(),
        created_at: time(message.created),
        events,
        attempt: 1,
        possible_duplicate: facts.possible_duplicate,
        fallback_reason: facts.fallback_reason.map(str::to_owned),
        in_reply_to: None,
        answers: None,
        rest_of: None,
        all_over: false,
        links,
        short,
        payload,
    }
}
