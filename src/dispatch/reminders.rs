//! Saying again that it still goes on: per firing, further apart each time, across restarts. What is due
//! on a route at about the same time is one message.

use std::time::Duration;

use log_monitor_channels::{Event, EventKind, MessageKind};
use rusqlite::Connection;

use super::flapping;
use super::render::as_noticed;
use super::suppress::Suppression;
use crate::config::vocabulary::FLAPPING;
use crate::config::{Reminders, Route};
use crate::journal::deliveries;
use crate::journal::events::{self, time};
use crate::journal::incidents;
use crate::journal::messages::{self, Merges, Message, NewMessage};
use crate::journal::{notes, quiet};

/// What holds a reminder back may end sooner than it says (a silence is ended, an acknowledgement is
/// replaced), so it is looked at again after so many milliseconds.
const LOOK_AGAIN: i64 = 60_000;

/// Nobody is reminded so much earlier than is due, in milliseconds.
const LONGEST_EARLY: i64 = 86_400_000;

/// Writes the reminders that are due, with their events: those of one route and sort are one message,
/// together with those that would be due soon.
///
/// # Errors
/// As the database.
pub fn write_due(connection: &Connection, routes: &[Route], now: i64) -> rusqlite::Result<Vec<Event>> {
    let due = messages::reminders_due(connection, now)?;
    if due.is_empty() {
        return Ok(Vec::new());
    }
    let suppression = Suppression::read(connection, now)?;
    let mut digests: Vec<Vec<Part>> = Vec::new();
    for id in due {
        let firing = messages::get(connection, id)?;
        match look(connection, &suppression, route_of(routes, &firing), &firing, now)? {
            Look::Over => messages::set_reminder(connection, id, None, firing.reminded)?,
            Look::Later(until) => {
                let again = until.min(now + LOOK_AGAIN);
                messages::set_reminder(connection, id, Some(again), firing.reminded)?;
            }
            Look::Speak(policy, still) => {
                match digests.iter_mut().find(|digest| digest[0].goes_with(&firing)) {
                    Some(digest) => digest.push(Part { firing, policy, still }),
                    None => digests.push(vec![Part { firing, policy, still }]),
                }
            }
        }
    }
    let mut written = Vec::new();
    for mut digest in digests {
        come_along(connection, &suppression, routes, &mut digest, now)?;
        written.extend(write(connection, &digest, now)?);
    }
    Ok(written)
}

/// A firing of which something goes on.
struct Part {
    firing: Message,
    policy: Reminders,
    still: Vec<Event>,
}

impl Part {
    fn goes_with(&self, firing: &Message) -> bool {
        (&self.firing.route, self.firing.topic, &self.firing.steps)
            == (&firing.route, firing.topic, &firing.steps)
    }
}

/// What there is to say of a firing.
enum Look {
    /// Nothing, ever again.
    Over,
    /// Nothing before this time, in milliseconds.
    Later(i64),
    /// This.
    Speak(Reminders, Vec<Event>),
}

fn look(
    connection: &Connection,
    suppression: &Suppression,
    route: Option<&Route>,
    firing: &Message,
    now: i64,
) -> rusqlite::Result<Look> {
    let (open, mut later) = still_going_on(connection, firing, now)?;
    let mut still = Vec::new();
    for event in open {
        match suppression.of_reminder(connection, &event, route)? {
            Some(hold) => later = Some(later.map_or(hold.until, |first| first.min(hold.until))),
            None => still.push(event),
        }
    }
    Ok(match (firing.reminders, later) {
        (_, Some(until)) if still.is_empty() => Look::Later(until),
        (Some(policy), _) if !still.is_empty() && !firing.steps.is_empty() => Look::Speak(policy, still),
        _ => Look::Over,
    })
}

fn route_of<'a>(routes: &'a [Route], firing: &Message) -> Option<&'a Route> {
    routes.iter().find(|route| route.name == firing.route)
}

/// Adds those of which one would be reminded soon after.
fn come_along(
    connection: &Connection,
    suppression: &Suppression,
    routes: &[Route],
    digest: &mut Vec<Part>,
    now: i64,
) -> rusqlite::Result<()> {
    let (name, topic) = (digest[0].firing.route.clone(), digest[0].firing.topic);
    let route = route_of(routes, &digest[0].firing);
    let interval = route.map_or(Duration::ZERO, |route| route.group.interval);
    for firing in messages::reminders_soon(connection, (&name, topic), now, now + LONGEST_EARLY)? {
        let (Some(policy), Some(at)) = (firing.reminders, firing.reminder_at) else { continue };
        let early = early(wait(&policy, firing.reminded), interval).as_millis() as i64;
        if at - now > early || !digest[0].goes_with(&firing) {
            continue;
        }
        if let Look::Speak(policy, still) = look(connection, suppression, route, &firing, now)? {
            digest.push(Part { firing, policy, still });
        }
    }
    Ok(())
}

/// How much earlier than it is due a reminder may come with others, after a wait of so long: a quarter of
/// it, or the interval of its route, but never more than half. Pure.
fn early(wait: Duration, interval: Duration) -> Duration {
    (wait / 4).max(interval).min(wait / 2)
}

/// Writes one reminder of all parts, whoever has been silent for longest first.
fn write(connection: &Connection, digest: &[Part], now: i64) -> rusqlite::Result<Vec<Event>> {
    let mut still: Vec<Event> = Vec::new();
    for event in digest.iter().flat_map(|part| &part.still) {
        if !still.iter().any(|known| known.incident == event.incident) {
            still.push(event.clone());
        }
    }
    still.sort_by_key(|event| event.since);
    for event in &mut still {
        if event.kind == EventKind::AgentSilent {
            event.kind = EventKind::AgentStillSilent;
        }
        event.at = time(now);
        events::insert(connection, event)?;
    }
    let (first, several) = (&digest[0].firing, digest.len() > 1);
    let reminder = NewMessage {
        route: first.route.clone(),
        kind: MessageKind::Reminder,
        topic: still[0].kind,
        parent: (!several).then_some(first.id),
        created: now,
        send_at: now,
        steps: first.steps.clone(),
        reminders: None,
        events: still.iter().map(|event| event.id).collect(),
        held_by: None,
        escalation: None,
        grouped: String::new(),
        merges: Merges::No,
    };
    let firings: Vec<i64> = digest.iter().map(|part| part.firing.id).collect();
    let told: Vec<Option<i64>> = still.iter().map(|event| event.incident).collect();
    give_way(connection, &first.route, &told, "a newer reminder follows")?;
    let id = messages::insert(connection, &reminder)?;
    if several {
        messages::insert_digest(connection, id, &firings)?;
    }
    digest.iter().try_for_each(|part| schedule(connection, part, now))?;
    Ok(still)
}

/// Each firing goes on at its own pace, also where its reminder came early.
fn schedule(connection: &Connection, Part { firing, policy, .. }: &Part, now: i64) -> rusqlite::Result<()> {
    let reminded = firing.reminded + 1;
    let due = firing.reminder_at.map_or(now, |due| due.max(now));
    let next = due + wait(policy, reminded).as_millis() as i64;
    messages::set_reminder(connection, firing.id, Some(next), reminded)
}

/// Reminders of a route that still wait somewhere and of which all is told anew: whoever comes back after a
/// night wants one, not ten.
///
/// # Errors
/// As the database.
pub fn give_way(
    connection: &Connection,
    route: &str,
    told: &[Option<i64>],
    reason: &str,
) -> rusqlite::Result<()> {
    for incident in told.iter().flatten() {
        for earlier in messages::waiting_reminders(connection, route, *incident)? {
            let open = messages::incidents(connection, earlier, true)?;
            let all = open.iter().all(|one| told.contains(&Some(*one)));
            if all && deliveries::drop_unsent(connection, earlier, reason)? > 0 {
                messages::settle(connection, earlier, Some("dropped"))?;
            }
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
        let is_over = !incidents::is_open(connection, incident).unwrap_or(true);
        if is_over || messages::is_told_anew(connection, firing, incident)? {
            continue;
        }
        event = flapping::as_it_is(connection, event)?;
        if event.cause != FLAPPING {
            event.detail = as_noticed(&event);
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
            Some(quiet) if quiet.holds(now) => {
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
    Ok(notes::explained(connection, incident)?.map(until))
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
    fn a_reminder_comes_early_for_others_but_never_by_more_than_half_its_wait() {
        let minutes = |count: u64| Duration::from_secs(count * 60);
        assert_eq!(early(minutes(60), minutes(1)), minutes(15));
        assert_eq!(early(minutes(60), minutes(20)), minutes(20));
        assert_eq!(early(minutes(2), minutes(5)), minutes(1));
    }

    #[test]
    fn waits_grow_up_to_the_cap_and_never_overflow() {
        let policy =
            Reminders { first: Duration::from_secs(900), factor: 2.0, max: Duration::from_secs(7200) };
        let minutes: Vec<u64> = (0..5).map(|sent| wait(&policy, sent).as_secs() / 60).collect();
        assert_eq!(minutes, [15, 30, 60, 120, 120]);
        assert_eq!(wait(&policy, u32::MAX), policy.max);
    }
}
