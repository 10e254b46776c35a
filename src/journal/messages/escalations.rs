//! Who is told later of what others were told before.

use rusqlite::{Connection, params};

use super::{COLUMNS, Message, json, millis, read};
use crate::config::Step;

/// The firings whose escalations are to be looked at, at `now`.
///
/// # Errors
/// As the database.
pub fn escalations_due(connection: &Connection, now: i64) -> rusqlite::Result<Vec<Message>> {
    connection
        .prepare_cached(&format!(
            "SELECT {COLUMNS} FROM message WHERE escalate_at <= ?1 ORDER BY escalate_at LIMIT 500"
        ))?
        .query_map([now], read)?
        .collect()
}

/// Whether an escalation of a route to these steps tells an event. It is known by the first of them: others may
/// have come to it when one of its channels was no longer configured.
///
/// # Errors
/// As the database.
pub fn is_escalated(
    connection: &Connection,
    route: &str,
    event: i64,
    steps: &[Step],
) -> rusqlite::Result<bool> {
    connection
        .prepare_cached(
            "SELECT EXISTS (SELECT 1 FROM message_event JOIN message ON message.id = message_event.message
             WHERE event = ?1 AND route = ?2 AND escalation IS NOT NULL AND outcome IS NOT 'dropped'
             AND json_extract(steps, '$[0]') = json_extract(?3, '$[0]'))",
        )?
        .query_row(params![event, route, json(&steps)?], |row| row.get(0))
}

/// Whether a firing was told to these steps already, of some of its events at least.
///
/// # Errors
/// As the database.
pub fn is_begun(connection: &Connection, firing: i64, steps: &[Step]) -> rusqlite::Result<bool> {
    connection
        .prepare_cached(
            "SELECT EXISTS (SELECT 1 FROM message
             WHERE parent = ?1 AND escalation IS NOT NULL AND outcome IS NOT 'dropped'
             AND json_extract(steps, '$[0]') = json_extract(?2, '$[0]'))",
        )?
        .query_row(params![firing, json(&steps)?], |row| row.get(0))
}

/// Whether nobody has accepted a firing, its reminders or its escalations, and more of them were given up
/// than there are escalations that came early for that.
///
/// # Errors
/// As the database.
pub fn is_given_up(connection: &Connection, firing: &Message) -> rusqlite::Result<bool> {
    let given_up: bool = connection
        .prepare_cached(
            "SELECT COUNT(*) FILTER (WHERE outcome = 'exhausted') > COUNT(*) FILTER (
                 WHERE escalation IS NOT NULL
                 AND created < ?2 + 1000 * json_extract(steps, '$[0].escalation.after'))
             FROM message WHERE id = ?1 OR parent = ?1 AND escalation IS NOT NULL AND outcome IS NOT 'dropped'",
        )?
        .query_row([firing.id, firing.send_at], |row| row.get(0))?;
    Ok(given_up && !is_accepted(connection, firing.id)?)
}

/// Whether somebody has accepted a firing, a reminder or an escalation of it.
///
/// # Errors
/// As the database.
pub fn is_accepted(connection: &Connection, firing: i64) -> rusqlite::Result<bool> {
    connection
        .prepare_cached(
            "SELECT EXISTS (SELECT 1 FROM delivery WHERE state = 'accepted'
             AND (message = ?1 OR message IN (SELECT message FROM reminder_of WHERE firing = ?1)))",
        )?
        .query_row([firing], |row| row.get(0))
}

/// Sets which escalations of a firing are left, and when they are looked at next.
///
/// # Errors
/// As the database.
pub fn set_escalations(
    connection: &Connection,
    firing: i64,
    left: &[Step],
    at: Option<i64>,
) -> rusqlite::Result<()> {
    connection
        .prepare_cached("UPDATE message SET escalations = ?2, escalate_at = ?3 WHERE id = ?1")?
        .execute(params![firing, json(&left)?, at])
        .map(drop)
}

/// When the first of these escalations is due, where the firing went out at `sent`, in milliseconds.
#[must_use]
pub fn escalate_at(escalations: &[Step], sent: i64) -> Option<i64> {
    escalations.first()?.escalation.map(|escalation| sent + millis(escalation.after))
}
