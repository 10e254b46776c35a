//! How far messages have come: steps, timers, outcomes.

use rusqlite::{Connection, params};

use super::{Message, fallback_at, json};
use crate::config::Step;
use crate::journal::deliveries;

/// How many messages are neither settled, given up, nor held back beyond `now`.
///
/// # Errors
/// As the database.
pub fn unsettled(connection: &Connection, now: i64) -> rusqlite::Result<i64> {
    connection
        .prepare_cached(
            "SELECT COUNT(*) FROM message WHERE outcome IS NULL AND (held_by IS NULL OR send_at <= ?1)",
        )?
        .query_row([now], |row| row.get(0))
}

/// The messages whose next step is due at `now`.
///
/// # Errors
/// As the database.
pub fn fallbacks_due(connection: &Connection, now: i64) -> rusqlite::Result<Vec<i64>> {
    connection
        .prepare_cached("SELECT id FROM message WHERE fallback_at <= ?1 ORDER BY fallback_at LIMIT 500")?
        .query_map([now], |row| row.get(0))?
        .collect()
}

/// The earliest time at which a fallback, a reminder or an escalation is due.
///
/// # Errors
/// As the database.
pub fn next_timer(connection: &Connection) -> rusqlite::Result<Option<i64>> {
    let earliest = |column: &str| {
        connection
            .prepare_cached(&format!("SELECT MIN({column}) FROM message WHERE {column} IS NOT NULL"))?
            .query_row([], |row| row.get::<_, Option<i64>>(0))
    };
    let timers = [earliest("fallback_at")?, earliest("reminder_at")?, earliest("escalate_at")?];
    Ok(timers.into_iter().flatten().min())
}

/// Goes on to a later step: writes its deliveries and sets its timer.
///
/// # Errors
/// As the database.
pub fn start_step(connection: &Connection, message: &Message, step: usize, now: i64) -> rusqlite::Result<()> {
    deliveries::insert(connection, message.id, step, &message.steps[step].to, now)?;
    connection
        .prepare_cached("UPDATE message SET step = ?2, fallback_at = ?3 WHERE id = ?1")?
        .execute(params![message.id, step as i64, fallback_at(&message.steps, step, now)])
        .map(drop)
}

/// What nobody could try while log-monitor was away, and can be tried now, has its time from `now` on: what
/// follows it (the next step, a reminder, an escalation) is for when that was not enough.
///
/// # Errors
/// As the database.
pub fn begin_anew(connection: &Connection, now: i64) -> rusqlite::Result<()> {
    let untried: Vec<i64> = connection
        .prepare(
            "SELECT id FROM message
             WHERE outcome IS NULL AND (fallback_at <= ?1 OR reminder_at <= ?1 OR escalate_at <= ?1)
             AND NOT EXISTS (SELECT 1 FROM delivery
                             WHERE message = message.id AND step = message.step AND attempts > 0)
             AND EXISTS (SELECT 1 FROM delivery LEFT JOIN channel ON channel.name = delivery.channel
                         WHERE message = message.id AND step = message.step AND state = 'pending'
                         AND not_before <= ?1 AND COALESCE(held_until, 0) <= ?1)",
        )?
        .query_map([now], |row| row.get(0))?
        .collect::<rusqlite::Result<_>>()?;
    for id in untried {
        let message = super::get(connection, id)?;
        match message.step {
            0 => super::send_at(connection, id, now)?,
            step => set_fallback(connection, id, fallback_at(&message.steps, step, now))?,
        }
    }
    Ok(())
}

fn set_fallback(connection: &Connection, message: i64, at: Option<i64>) -> rusqlite::Result<()> {
    connection
        .prepare_cached("UPDATE message SET fallback_at = ?2 WHERE id = ?1")?
        .execute(params![message, at])
        .map(drop)
}

/// Replaces the steps of a message.
///
/// # Errors
/// As the database.
pub fn set_steps(connection: &Connection, message: i64, steps: &[Step]) -> rusqlite::Result<()> {
    connection
        .prepare_cached("UPDATE message SET steps = ?2 WHERE id = ?1")?
        .execute(params![message, json(&steps)?])
        .map(drop)
}

/// Stops the fallback timer, with the outcome where there is one. Accepted stays accepted.
///
/// # Errors
/// As the database.
pub fn settle(connection: &Connection, message: i64, outcome: Option<&str>) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "UPDATE message SET fallback_at = NULL,
                    outcome = CASE outcome WHEN 'accepted' THEN outcome ELSE COALESCE(?2, outcome) END
             WHERE id = ?1",
        )?
        .execute(params![message, outcome])
        .map(drop)
}
