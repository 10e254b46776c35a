//! Telling further people of what goes on although others were told: some time after the firing, and
//! where a step says so only unless somebody takes care of it.

use log_monitor_channels::{Event, MessageKind, Severity};
use rusqlite::Connection;

use super::compose;
use super::suppress::{Suppression, taken_care_of};
use crate::config::duration::human;
use crate::config::{Escalation, Route, Step, Unless};
use crate::journal::acks::{self, Ack};
use crate::journal::channels;
use crate::journal::deliveries::{self, Delivery, State};
use crate::journal::messages::{self, Merges, Message, NewMessage};
use crate::journal::{events, incidents, notes, quiet};
use crate::wording::language::Language;

/// What keeps an escalation back may end sooner than it says (an acknowledgement is pierced, a silence
/// ended), so it is looked at again after so many milliseconds.
const AGAIN: i64 = 60_000;

/// Writes the escalations that are due.
///
/// # Errors
/// As the database.
pub fn write_due(connection: &Connection, routes: &[Route], now: i64) -> rusqlite::Result<()> {
    let due = messages::escalations_due(connection, now)?;
    if due.is_empty() {
        return Ok(());
    }
    let suppression = Suppression::read(connection, now)?;
    for firing in due {
        let route = routes.iter().find(|route| route.name == firing.route);
        write(connection, &suppression, route, &firing, now)?;
    }
    Ok(())
}

/// What the firing tells is told to whoever's turn it is, one escalation after the other, as far as nothing holds
/// it back; the rest of each follows when it may.
fn write(
    connection: &Connection,
    suppression: &Suppression,
    route: Option<&Route>,
    firing: &Message,
    now: i64,
) -> rusqlite::Result<()> {
    let mut hurries = messages::is_given_up(connection, firing)?;
    let (mut left, mut next) = (Vec::new(), None);
    for steps in chains(&firing.escalations) {
        let Some(own) = messages::escalate_at(steps, firing.send_at) else { continue };
        let begun = messages::is_begun(connection, firing.id, steps)?;
        let turn = begun || std::mem::take(&mut hurries) || own <= now;
        let at = if turn { now + AGAIN } else { own };
        if !turn || tell(connection, suppression, route, (firing, steps), now)? {
            left.extend_from_slice(steps);
            next = Some(next.map_or(at, |next: i64| next.min(at)));
        }
    }
    messages::set_escalations(connection, firing.id, &left, next)
}

/// The escalations, each with its fallbacks.
fn chains(mut left: &[Step]) -> impl Iterator<Item = &[Step]> {
    std::iter::from_fn(move || {
        let (steps, later) = Step::chain(left);
        left = later;
        Some(steps).filter(|steps| !steps.is_empty())
    })
}

/// Tells one escalation. Returns whether something of the firing waits still.
fn tell(
    connection: &Connection,
    suppression: &Suppression,
    route: Option<&Route>,
    (firing, steps): (&Message, &[Step]),
    now: i64,
) -> rusqlite::Result<bool> {
    let Some(escalation) = steps.first().and_then(|step| step.escalation) else { return Ok(false) };
    let (mut ready, mut waits) = (Vec::new(), false);
    for event in untold(connection, firing, steps)? {
        match held_by(connection, suppression, route, escalation, &event, now)? {
            Some(_) => waits = true,
            None => ready.push(event),
        }
    }
    if !ready.is_empty() {
        let why = why(connection, (firing, steps), escalation, &ready, now)?;
        messages::insert(connection, &message(firing, steps, &ready, why, now))?;
    }
    Ok(waits)
}

/// What is open of a firing and was not told to these steps, as its route told it last: what got worse has
/// several firings, and one escalation.
fn untold(connection: &Connection, firing: &Message, steps: &[Step]) -> rusqlite::Result<Vec<Event>> {
    let mut untold: Vec<Event> = Vec::new();
    for event in events::of_message(connection, firing.id)? {
        let Some(incident) = event.incident else { continue };
        if !incidents::is_open(connection, incident).unwrap_or(true) {
            continue;
        }
        let event = events::told_last(connection, &firing.route, incident)?.unwrap_or(event);
        let known = untold.iter().any(|known| known.id == event.id);
        if !known && !messages::is_escalated(connection, &firing.route, event.id, steps)? {
            untold.push(event);
        }
    }
    Ok(untold)
}

/// Why it is not to be said now, if so: silenced, in quiet hours or maintenance, about to be over, or taken care of.
///
/// # Errors
/// As the database.
pub fn held_by(
    connection: &Connection,
    suppression: &Suppression,
    route: Option<&Route>,
    escalation: Escalation,
    event: &Event,
    now: i64,
) -> rusqlite::Result<Option<String>> {
    let hold = suppression.on(event, route);
    let Some(incident) = event.incident.filter(|_| hold.is_none()) else {
        return Ok(hold.map(|hold| hold.held.reason));
    };
    if let Some(quiet) = quiet::of(connection, incident)?.filter(|quiet| quiet.holds(now)) {
        return Ok(Some(quiet.why));
    }
    if notes::back_since(connection, incident)?.is_some() {
        return Ok(Some("it logs again".to_owned()));
    }
    let Some(Unless::Acked) = escalation.unless else { return Ok(None) };
    let ack = acks::of(connection, incident, now)?;
    let severity = incidents::severity_of_open(connection, incident)?;
    let severity = severity.and_then(|name| Severity::from_name(&name)).unwrap_or(event.severity);
    let ack = ack.filter(|ack| ack.covers(events::millis(event.at), severity));
    Ok(ack.as_ref().map(taken_care_of))
}

/// The turn of an escalation that has not told all it should comes again.
///
/// # Errors
/// As the database.
pub fn again(connection: &Connection, firing: &Message, told: &Message, now: i64) -> rusqlite::Result<()> {
    let mut left = firing.escalations.clone();
    let after = |step: &Step| step.escalation.map(|escalation| escalation.after);
    if let Some(first) = told.steps.first().filter(|first| !left.contains(first)) {
        let later = left.iter().position(|step| after(step) > after(first)).unwrap_or(left.len());
        left.splice(later..later, told.steps.iter().cloned());
    }
    let own = chains(&left).filter_map(|steps| messages::escalate_at(steps, firing.send_at));
    let next = own.filter(|own| *own > now).fold(now + AGAIN, i64::min);
    messages::set_escalations(connection, firing.id, &left, Some(next))
}

/// Whoever was to be told later of what was given up is told now, unless somebody else knows of it. Returns whether
/// others are told of it still.
///
/// # Errors
/// As the database.
pub fn hurry(connection: &Connection, given_up: &Message, now: i64) -> rusqlite::Result<bool> {
    let firing = match given_up.parent.filter(|_| given_up.escalation.is_some()) {
        Some(firing) => messages::get(connection, firing)?,
        None => given_up.clone(),
    };
    let mut next = false;
    for steps in chains(&firing.escalations) {
        next |= !messages::is_begun(connection, firing.id, steps)?;
    }
    let hurries = next && messages::is_given_up(connection, &firing)?;
    if hurries {
        messages::set_escalations(connection, firing.id, &firing.escalations, Some(now))?;
    }
    Ok(hurries || next && firing.id == given_up.id)
}

/// Who is told at once, should nobody accept a message: the escalations of a firing, and, as long as nobody has
/// accepted anything of it, those that follow one of them.
///
/// # Errors
/// As the database.
pub fn hurried(connection: &Connection, message: &Message) -> rusqlite::Result<Vec<Step>> {
    let Some(firing) = message.parent.filter(|_| message.escalation.is_some()) else {
        return Ok(message.escalations.clone());
    };
    let mut hurried = Vec::new();
    if !messages::is_accepted(connection, firing)? {
        for steps in chains(&messages::get(connection, firing)?.escalations) {
            if !messages::is_begun(connection, firing, steps)? {
                hurried.extend_from_slice(steps);
            }
        }
    }
    Ok(hurried)
}

/// Why these people are told, for them, as the journal keeps it.
fn why(
    connection: &Connection,
    (firing, steps): (&Message, &[Step]),
    escalation: Escalation,
    ready: &[Event],
    now: i64,
) -> rusqlite::Result<String> {
    let said = &Language::En.sentences().written;
    let due = messages::escalate_at(steps, firing.send_at);
    let unheard = escalation.unless.is_none() && !messages::is_accepted(connection, firing.id)?;
    if due > Some(now) || unheard {
        let known = channels::all(connection)?;
        let failed = compose::failed_before(&tried(connection, firing)?, usize::MAX, (&known, now));
        return Ok(failed.unwrap_or_else(|| said.nobody_else.with([])));
    }
    let long = human(std::time::Duration::from_millis((now - firing.send_at).unsigned_abs()));
    if escalation.unless.is_none() {
        return Ok(said.goes_on.with([("long", &long)]));
    }
    let mut acknowledged = None;
    for incident in ready.iter().filter_map(|event| event.incident) {
        acknowledged = acknowledged.or(acks::of(connection, incident, i64::MIN)?);
    }
    Ok(match acknowledged {
        None => said.unacknowledged.with([("long", &long)]),
        Some(Ack { author, until, .. }) if until <= now => said.ack_ended.with([("author", &author)]),
        Some(Ack { author, .. }) => said.worse.with([("author", &author)]),
    })
}

/// How the channels fared that were to be told of a firing so far, each once.
fn tried(connection: &Connection, firing: &Message) -> rusqlite::Result<Vec<Delivery>> {
    let mut tried: Vec<Delivery> = Vec::new();
    for id in messages::with_reminders(connection, firing.id)? {
        if id != firing.id && messages::get(connection, id)?.escalation.is_none() {
            continue;
        }
        for delivery in deliveries::of_message(connection, id)? {
            let known = tried.iter().any(|known| known.channel == delivery.channel);
            if !known && delivery.state != State::Dropped {
                tried.push(delivery);
            }
        }
    }
    Ok(tried)
}

fn message(firing: &Message, steps: &[Step], ready: &[Event], why: String, now: i64) -> NewMessage {
    NewMessage {
        route: firing.route.clone(),
        kind: MessageKind::Reminder,
        topic: firing.topic,
        parent: Some(firing.id),
        created: now,
        send_at: now,
        steps: steps.to_vec(),
        reminders: None,
        events: ready.iter().map(|event| event.id).collect(),
        held_by: None,
        grouped: firing.grouped.clone(),
        merges: Merges::No,
        escalation: Some(why),
    }
}
