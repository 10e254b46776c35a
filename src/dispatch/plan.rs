//! From events to messages. Runs inside the transaction that writes the events, so that nothing
//! can happen without somebody being owed the news of it.

use log_monitor_channels::{Event, EventKind, MessageKind};
use rusqlite::Connection;

use super::router;
use super::suppress::{Hold, Suppression};
use crate::config::{Group, Need, Route, Step};
use crate::journal::deliveries;
use crate::journal::messages::{self, Message, NewMessage, Sent};

/// Writes the messages that `events` call for.
///
/// # Errors
/// As the database.
pub fn plan(connection: &Connection, routes: &[Route], events: &[Event], now: i64) -> rusqlite::Result<()> {
    let (endings, beginnings): (Vec<&Event>, Vec<&Event>) =
        events.iter().partition(|event| event.kind.closes());
    let by_themselves: Vec<&Event> = beginnings.into_iter().filter(|event| event.part_of.is_none()).collect();
    let suppression = Suppression::read(connection, now)?;
    for (route, topic, events) in by_route(routes, &by_themselves) {
        for (hold, events) in by_hold(&suppression, route, events) {
            announce(connection, route, topic, hold.as_ref(), &events, now)?;
        }
    }
    resolve(connection, routes, &endings, now)
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

/// What goes out now, and what is held back for the same reason.
fn by_hold<'a>(
    suppression: &Suppression,
    route: &Route,
    events: Vec<&'a Event>,
) -> Vec<(Option<Hold>, Vec<&'a Event>)> {
    let mut groups: Vec<(Option<Hold>, Vec<&Event>)> = Vec::new();
    for event in events {
        let hold = suppression.of(event, route);
        match groups.iter_mut().find(|(known, _)| *known == hold) {
            Some((_, group)) => group.push(event),
            None => groups.push((hold, vec![event])),
        }
    }
    groups
}

fn announce(
    connection: &Connection,
    route: &Route,
    topic: EventKind,
    hold: Option<&Hold>,
    events: &[&Event],
    now: i64,
) -> rusqlite::Result<()> {
    let ids: Vec<i64> = events.iter().map(|event| event.id).collect();
    let reason = hold.map(|hold| hold.held.reason.as_str());
    if let Some(waiting) = messages::held_back(connection, &route.name, topic, reason, now)?.first() {
        return messages::add_events(connection, waiting.id, &ids);
    }
    let firing = events[0].incident.is_some();
    let steps = steps_for(route, topic, events);
    if steps.is_empty() {
        return Ok(());
    }
    let message = NewMessage {
        route: route.name.clone(),
        kind: if firing { MessageKind::Firing } else { MessageKind::Notice },
        topic,
        parent: None,
        created: now,
        send_at: match hold {
            Some(hold) => hold.until,
            None => send_at(connection, &route.name, topic, route.group, now)?,
        },
        steps,
        reminders: firing.then_some(route.reminders),
        events: ids,
        held_by: hold.map(|hold| hold.held.clone()),
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

/// When a message may go out, by what went out before it.
fn send_at(
    connection: &Connection,
    route: &str,
    topic: EventKind,
    group: Group,
    now: i64,
) -> rusqlite::Result<i64> {
    let since = now - group.interval.as_millis() as i64;
    Ok(within_budget(&messages::newest(connection, route, topic, since, group.burst)?, group, now))
}

/// Now, while the budget lasts. Then the message waits and takes in what comes meanwhile; and as
/// long as it goes on like that, there is one message an interval. Pure; `newest` holds what was
/// sent within the interval, newest first.
fn within_budget(newest: &[Sent], group: Group, now: i64) -> i64 {
    let interval = group.interval.as_millis() as i64;
    let full = newest.get(group.burst as usize - 1).map(|oldest| oldest.at + interval);
    let storm = newest.first().filter(|last| last.held).map(|last| last.at + interval);
    // What seems to be from later than an interval was sent before our clock was set back.
    [full, storm].into_iter().flatten().max().unwrap_or(now).clamp(now, now + interval)
}

/// Sends the end of incidents to every channel that accepted their beginning or may have, whatever the
/// routes say today; takes back what was not delivered yet.
fn resolve(connection: &Connection, routes: &[Route], endings: &[&Event], now: i64) -> rusqlite::Result<()> {
    let mut owed: Vec<(Message, EventKind, Vec<i64>)> = Vec::new();
    for event in endings {
        let Some(incident) = event.incident else { continue };
        for firing in messages::firings_of(connection, incident)? {
            match owed.iter_mut().find(|(known, topic, _)| known.id == firing.id && *topic == event.kind) {
                Some((_, _, events)) => events.push(event.id),
                None => owed.push((firing, event.kind, vec![event.id])),
            }
        }
    }
    for (firing, topic, events) in owed {
        let untold = deliveries::heard_by(connection, firing.id)?.is_empty();
        take_back(connection, &firing, untold)?;
        let told = deliveries::heard_by(connection, firing.id)?;
        if !told.is_empty() {
            let group = routes
                .iter()
                .find(|route| route.name == firing.route)
                .map_or_else(Group::default, |r| r.group);
            tell_end(connection, &firing, topic, told, events, group, now)?;
        }
    }
    Ok(())
}

/// What is over needs no firing any more. A try under way cannot be taken back; should it be
/// accepted, the resolution follows it.
fn take_back(connection: &Connection, firing: &Message, untold: bool) -> rusqlite::Result<()> {
    messages::mark_ended(connection, firing.id)?;
    if !messages::incidents(connection, firing.id, true)?.is_empty() {
        // Others in it are still going on. Nobody has read it yet, so it can still be shortened.
        if untold && deliveries::is_untried(connection, firing.id)? {
            messages::remove_closed(connection, firing.id)?;
        }
        return Ok(());
    }
    let reason = if untold { "it was over before it was delivered" } else { "it was over" };
    for message in messages::with_reminders(connection, firing.id)? {
        if deliveries::drop_unsent(connection, message, reason)? > 0 {
            messages::settle(connection, message, Some("dropped"))?;
        }
    }
    messages::set_reminder(connection, firing.id, None, firing.reminded)
}

fn tell_end(
    connection: &Connection,
    firing: &Message,
    topic: EventKind,
    told: Vec<String>,
    events: Vec<i64>,
    group: Group,
    now: i64,
) -> rusqlite::Result<()> {
    let steps = vec![to_all(told)];
    let waiting = messages::held_back(connection, &firing.route, topic, None, now)?;
    if let Some(waiting) = waiting.iter().find(|message| message.steps == steps) {
        return messages::add_events(connection, waiting.id, &events);
    }
    let send_at = send_at(connection, &firing.route, topic, group, now)?;
    write_resolution(connection, firing, topic, steps, events, now, send_at)
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
    let firing = match message.kind {
        MessageKind::Firing => message.clone(),
        MessageKind::Reminder => match message.parent {
            Some(parent) => messages::get(connection, parent)?,
            None => return Ok(()),
        },
        MessageKind::Resolved | MessageKind::Notice => return Ok(()),
    };
    if !firing.ended {
        return Ok(());
    }
    let (endings, kinds): (Vec<i64>, Vec<EventKind>) =
        messages::owed_endings(connection, firing.id, channel)?.into_iter().unzip();
    match kinds.first() {
        None => Ok(()),
        Some(topic) => {
            let steps = vec![to_all(vec![channel.to_owned()])];
            write_resolution(connection, &firing, *topic, steps, endings, now, now)
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
    send_at: i64,
) -> rusqlite::Result<()> {
    let message = NewMessage {
        route: firing.route.clone(),
        kind: MessageKind::Resolved,
        topic,
        parent: Some(firing.id),
        created,
        send_at,
        steps,
        reminders: None,
        events,
        held_by: None,
    };
    messages::insert(connection, &message).map(drop)
}

/// A resolution has no fallback: it is for these channels and no other.
fn to_all(channels: Vec<String>) -> Step {
    Step { to: channels, need: Need::All, fallback_after: std::time::Duration::ZERO }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    const GROUP: Group = Group { burst: 2, interval: Duration::from_secs(60), max_items: 20 };

    fn at(at: i64, held: bool) -> Sent {
        Sent { at, held }
    }

    #[test]
    fn a_budget_is_spent_at_once_and_then_there_is_one_message_an_interval() {
        let now = 100_000;
        assert_eq!(within_budget(&[], GROUP, now), now);
        assert_eq!(within_budget(&[at(90_000, false)], GROUP, now), now);
        assert_eq!(within_budget(&[at(95_000, false), at(90_000, false)], GROUP, now), 150_000);
        assert_eq!(within_budget(&[at(95_000, true)], GROUP, now), 155_000, "a storm that goes on");
    }

    #[test]
    fn a_clock_that_was_set_back_holds_nothing_longer_than_an_interval() {
        let tomorrow = 86_400_000;
        assert_eq!(within_budget(&[at(tomorrow, false), at(tomorrow, false)], GROUP, 100_000), 160_000);
    }
}
