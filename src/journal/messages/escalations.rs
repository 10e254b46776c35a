//! Who is told later of what others were told before.

use rusqlite::{Connection, params};

use super::{COLUMNS, Message, json, millis, read};
use crate::config::Step;

/// The firings whose next escalation is due at `now`.
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

/// Sets which escalations of a firing are left, and when it is the first one's turn.
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
