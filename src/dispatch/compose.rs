//! From a claimed delivery to the notification that a channel is handed: what the journal knows
//! about the message, put into words by [`Wording`].

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use log_monitor_channels::{Event, EventKind, MessageKind, Notification};
use rusqlite::Connection;

use super::budget::Limits;
use super::flapping;
use super::posts::{self, Post};
use super::render::{Facts, Lost};
use super::router;
use crate::clock::written;
use crate::config::{Group, Route};
use crate::journal::channels::{self, Known};
use crate::journal::deliveries::{self, Claim, Delivery, State};
use crate::journal::events::{self, time};
use crate::journal::incidents;
use crate::journal::lost;
use crate::journal::messages::{self, Merges, Message};
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
    let first = deliveries::accepted_by(connection, message.id, &claim.channel)?;
    let mut events = match first {
        // Whom that did not reach is told all that was told by it.
        Some(first) => events_of(connection, &deliveries::told_by(connection, first)?)?,
        None => events::of_message(connection, message.id)?,
    };
    for other in &claim.with {
        events.extend(events::of_message(connection, other.message)?);
        if messages::get(connection, other.message)?.grouped != message.grouped {
            message.grouped.clear();
        }
    }
    if message.kind == MessageKind::Reminder || (message.kind == MessageKind::Firing && first.is_some()) {
        only_open(connection, &mut events);
    }
    let parts = posts::parts(connection, limits, claim, message.kind, events)?;
    let key = composer.key(claim.delivery);
    let mut lost = lost(connection, composer, claim)?;
    let mut about = |events: Vec<Event>, posts: &[Post], key: String| -> rusqlite::Result<Notification> {
        let on = Way::on(&claim.channel, claim.step);
        let way = Way { uncertain: claim.uncertain, lost: lost.take(), now: claim.tried, ..on };
        let about = notification(connection, composer, &message, (events, posts), &siblings, way)?;
        // What a template wrote may be what was refused.
        let payload = about.payload.clone().filter(|_| !claim.short);
        let in_reply_to = posts.first().and_then(|post| post.receipt.clone());
        let answers = posts.first().map(|post| composer.key(post.delivery));
        let rest_of = deliveries::receipt(connection, claim.message, &claim.channel)?;
        let (attempt, short) = (claim.n, claim.short);
        Ok(Notification {
            idempotency_key: key,
            attempt,
            short,
            in_reply_to,
            answers,
            rest_of,
            payload,
            ..about
        })
    };
    let one = parts.len() < 2 && claim.posted.is_empty();
    let key_of = |posts: &[Post]| match posts {
        [post] if !one => format!("{key}-{}", post.delivery),
        _ => key.clone(),
    };
    parts.into_iter().map(|(events, posts)| about(events, &posts, key_of(&posts))).collect()
}

/// The events of messages that were told together.
fn events_of(connection: &Connection, messages: &[i64]) -> rusqlite::Result<Vec<Event>> {
    let each = messages.iter().map(|message| events::of_message(connection, *message));
    Ok(each.collect::<rusqlite::Result<Vec<_>>>()?.concat())
}

/// What a message is of may have ended since it was written.
fn only_open(connection: &Connection, events: &mut Vec<Event>) {
    let open = |event: &Event| {
        event.incident.is_none_or(|incident| incidents::is_open(connection, incident).unwrap_or(true))
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

/// How many messages that reached nobody are named.
const LOST_NAMED: usize = 3;

/// What a delivery says of earlier messages that reached nobody, in the words of its channel.
fn lost(connection: &Connection, composer: &Composer, claim: &Claim) -> rusqlite::Result<Option<Lost>> {
    let lost = lost::said_by(connection, claim.delivery)?;
    let channel = Some(claim.channel.as_str());
    let title = |id: &i64| undelivered(connection, composer, *id, channel).map(|message| message.title);
    let titles = lost.iter().take(LOST_NAMED).map(title).collect::<rusqlite::Result<_>>()?;
    Ok((!lost.is_empty()).then_some(Lost { count: lost.len(), titles }))
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
    let events = events::of_message(connection, message.id)?;
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
    let events = events::of_message(connection, message.id)?;
    let way = Way { channel, step: usize::MAX, uncertain: false, lost: None, now: i64::MAX };
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
}

impl<'a> Way<'a> {
    const fn on(channel: &'a str, step: usize) -> Self {
        Self { channel: Some(channel), step, uncertain: false, lost: None, now: i64::MAX }
    }
}

fn notification(
    connection: &Connection,
    composer: &Composer,
    message: &Message,
    (mut events, posts): (Vec<Event>, &[Post]),
    siblings: &[Delivery],
    Way { channel, step, uncertain, lost, now }: Way<'_>,
) -> rusqlite::Result<Notification> {
    let known = if siblings.is_empty() { BTreeMap::new() } else { channels::all(connection)? };
    let failed = failed_before(siblings, step, (&known, now));
    let reasons = message.escalation.clone().into_iter().chain(failed);
    let fallback_reason = reasons.reduce(|all, reason| format!("{all}; {reason}"));
    let mut kind = message.kind;
    if message.escalation.is_some() {
        // It tells others what they have not heard of, as it is by then.
        kind = MessageKind::Firing;
    }
    only_newest(&mut events);
    let over = over_already(&mut kind, &mut events);
    let still_open = still_open(connection, message, posts)?;
    // Of several posts only one can be answered.
    let all_over = message.kind == MessageKind::Resolved && still_open.is_empty() && posts.len() < 2;
    let group = group_of(connection, composer, message, (&events, channel))?;
    let interval = composer.route(&message.route).map(|route| route.group.interval);
    let facts = Facts {
        kind,
        group: Some(message.grouped.as_str()).filter(|group| !group.is_empty()),
        merging: interval.filter(|_| message.merges == Merges::Begins),
        reminder: reminder_number(connection, message)?,
        still_open: group.unwrap_or(still_open),
        fallback_reason: fallback_reason.as_deref(),
        told_already: told_already(siblings, step),
        over,
        silent_again: silent_again(connection, message, &events)?,
        possible_duplicate: uncertain,
        held_by: message.held_by.as_deref(),
        told_at: (message.held_by.is_some() || message.escalation.is_some()).then(|| time(message.send_at)),
        lost,
        max_items: composer.max_items(&message.route),
    };
    let links = composer.wording.links(&events, &composer.installation);
    let installation = &*composer.installation;
    let subject = Subject { events: &events, facts: &facts, links: &links, installation };
    let words = composer.wording.message(channel, &subject);
    let below = words.below.clone();
    let (title, body) = words.joined();
    let payload = composer.wording.payload(channel, &subject, &title, &body);
    Ok(Notification {
        idempotency_key: format!("{}-m{}", composer.installation_id, message.id),
        kind,
        test: false,
        severity: events.iter().map(|event| event.severity).max().unwrap_or_default(),
        title,
        body,
        below,
        installation: composer.installation.to_string(),
        created_at: time(message.created),
        events,
        attempt: 1,
        possible_duplicate: uncertain,
        fallback_reason,
        in_reply_to: None,
        answers: None,
        rest_of: None,
        all_over,
        links,
        short: false,
        payload,
    })
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
    before.map(reason).reduce(|all, reason| format!("{all}; {reason}"))
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
fn still_open(connection: &Connection, message: &Message, posts: &[Post]) -> rusqlite::Result<Vec<Event>> {
    let (MessageKind::Resolved, Some(firing)) = (message.kind, message.parent) else { return Ok(Vec::new()) };
    let open = posts::still_open(connection, firing, posts)?;
    open.into_iter().map(|event| flapping::as_it_is(connection, event)).collect()
}

/// For a message of a group: what goes on of the group besides, as far as its channel was told of it. What is held
/// back is nobody's news yet, and may end without any.
fn group_of(
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
    open.into_iter()
        .map(|event| flapping::as_it_is(connection, event))
        .collect::<rusqlite::Result<_>>()
        .map(Some)
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
