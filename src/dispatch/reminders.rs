//! Saying again that it still goes on: per firing, further apart each time, across restarts.

use std::time::Duration;

use log_monitor_channels::{Event, EventKind, MessageKind};
use rusqlite::Connection;

use super::flapping;
use super::render::FLAPPING;
use super::suppress::Suppression;
use crate::clock::written;
use crate::config::Reminders;
use crate::journal::deliveries;
use crate::journal::events::{self, time};
use crate::journal::incidents;
use crate::journal::messages::{self, Message, NewMessage};
use crate::journal::{notes, quiet};

/// Whether what explains a silence is over is looked at so often, in milliseconds.
const LOOK_AGAIN: i64 = 60_000;

/// Writes the reminders that are due, with their events.
///
/// # Errors
/// As the database.
pub fn write_due(connection: &Connection, now: i64) -> rusqlite::Result<Vec<Event>> {
    let mut written = Vec::new();
    let due = messages::reminders_due(connection, now)?;
    if due.is_empty() {
        return Ok(written);
    }
    let suppression = Suppression::read(connection, now)?;
    for id in due {
        written.extend(write(connection, &suppression, &messages::get(connection, id)?, now)?);
    }
    Ok(written)
}

fn write(
    connection: &Connection,
    suppression: &Suppression,
    firing: &Message,
    now: i64,
) -> rusqlite::Result<Vec<Event>> {
    let (mut still, quiet_until) = still_going_on(connection, firing, now)?;
    if let Some(until) = quiet_until.filter(|_| still.is_empty()) {
        messages::set_reminder(connection, firing.id, Some(until), firing.reminded)?;
        return Ok(Vec::new());
    }
    let Some(policy) = firing.reminders.filter(|_| !still.is_empty() && !firing.steps.is_empty()) else {
        messages::set_reminder(connection, firing.id, None, firing.reminded)?;
        return Ok(Vec::new());
    };
    if let Some(until) = suppression.of_reminder(connection, &still)? {
        messages::set_reminder(connection, firing.id, Some(until), firing.reminded)?;
        return Ok(Vec::new());
    }
    for event in &mut still {
        if event.kind == EventKind::AgentSilent {
            event.kind = EventKind::AgentStillSilent;
        }
        event.at = time(now);
        events::insert(connection, event)?;
    }
    let topic = still[0].kind;
    let reminder = NewMessage {
        route: firing.route.clone(),
        kind: MessageKind::Reminder,
        topic,
        parent: Some(firing.id),
        created: now,
        send_at: now,
        steps: firing.steps.clone(),
        reminders: None,
        events: still.iter().map(|event| event.id).collect(),
        held_by: None,
        escalation: None,
    };
    give_way(connection, firing.id)?;
    messages::insert(connection, &reminder)?;
    let reminded = firing.reminded + 1;
    let next = now + wait(&policy, reminded).as_millis() as i64;
    messages::set_reminder(connection, firing.id, Some(next), reminded)?;
    Ok(still)
}

/// Earlier reminders that still wait somewhere: whoever comes back after a night wants one, not ten.
fn give_way(connection: &Connection, firing: i64) -> rusqlite::Result<()> {
    for earlier in messages::reminders_of(connection, firing)? {
        if deliveries::drop_unsent(connection, earlier, "a newer reminder follows")? > 0 {
            messages::settle(connection, earlier, Some("dropped"))?;
        }
    }
    Ok(())
}

/// What is open of a firing and may be spoken of, and when the first of the rest may be.
fn still_going_on(
    connection: &Connection,
    firing: &Message,
    now: i64,
) -> rusqlite::Result<(Vec<Event>, Option<i64>)> {
    let (mut open, mut quiet_until) = (Vec::new(), None::<i64>);
    for mut event in events::of_message(connection, firing.id)? {
        let Some(incident) = event.incident else { continue };
        if !incidents::is_open(connection, incident).unwrap_or(true) {
            continue;
        }
        event = flapping::as_it_is(connection, event)?;
        if event.cause != FLAPPING {
            event.detail = format!("As it was noticed at {}: {}", written(event.at), event.detail);
        }
        let mut wait = |until: i64| quiet_until = Some(quiet_until.map_or(until, |first| first.min(until)));
        match explained_until(connection, &event, incident, now)? {
            Some(until) if until > now => {
                wait(until);
                continue;
            }
            Some(until) if (firing.reminder_at..=Some(now)).contains(&Some(until)) => {
                event.detail = format!("Most of those that fell silent after it log again. {}", event.detail);
            }
            _ => {}
        }
        match quiet::of(connection, incident)? {
            Some(quiet) if (quiet.from..quiet.until).contains(&now) => {
                wait(quiet.until);
                continue;
            }
            // This reminder has waited for its end.
            Some(quiet) if (firing.reminder_at..=Some(now)).contains(&Some(quiet.until)) => {
                event.detail = format!("{} {}", quiet.why, event.detail);
            }
            _ => {}
        }
        open.push(event);
    }
    Ok((open, quiet_until))
}

/// Until when nothing is said of a silence that was told before it was clear that many have one cause:
/// while that goes on, and then until it has had its time anew. `None` = it is one by itself.
fn explained_until(
    connection: &Connection,
    event: &Event,
    incident: i64,
    now: i64,
) -> rusqlite::Result<Option<i64>> {
    let anew = event.threshold_seconds.map_or(0, |seconds| i64::try_from(seconds).unwrap_or_default() * 1000);
    let until = |over: Option<i64>| over.map_or(now + LOOK_AGAIN, |over| over + anew);
    Ok(notes::led_to(connection, incident)?.map(until))
}

/// The wait after the `sent`-th reminder: `first` times `factor` for each, capped. Pure.
#[must_use]
pub fn wait(policy: &Reminders, sent: u32) -> Duration {
    let factor = policy.factor.powi(i32::try_from(sent).unwrap_or(i32::MAX));
    let seconds = policy.first.as_secs_f64() * factor;
    if seconds < policy.max.as_secs_f64() { Duration::from_secs_f64(seconds) } else { policy.max }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_up_to_the_cap_and_never_overflow() {
        let policy =
            Reminders { first: Duration::from_secs(900), factor: 2.0, max: Duration::from_secs(7200) };
        let minutes: Vec<u64> = (0..5).map(|sent| wait(&policy, sent).as_secs() / 60).collect();
        assert_eq!(minutes, [15, 30, 60, 120, 120]);
        assert_eq!(wait(&policy, u32::MAX), policy.max);
    }
}
