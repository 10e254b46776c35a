//! Reminders of firings, and which firings each is of.

use log_monitor_channels::EventKind;
use rusqlite::{Connection, params};

use super::{COLUMNS, Message, read};

/// A firing, its reminders and its escalations.
///
/// # Errors
/// As the database.
pub fn with_reminders(connection: &Connection, firing: i64) -> rusqlite::Result<Vec<i64>> {
    connection
        .prepare_cached(
            "SELECT id FROM message WHERE id = ?1 UNION SELECT message FROM reminder_of WHERE firing = ?1 ORDER BY 1",
        )?
        .query_map([firing], |row| row.get(0))?
        .collect()
}

/// The reminders of a route that tell an incident and still wait for some channel.
///
/// # Errors
/// As the database.
pub fn waiting_reminders(connection: &Connection, route: &str, incident: i64) -> rusqlite::Result<Vec<i64>> {
    connection
        .prepare_cached(
            // From the incident on: a route has more messages than an incident.
            "SELECT message.id FROM event
             CROSS JOIN message_event ON message_event.event = event.id
             CROSS JOIN message ON message.id = message_event.message AND message.kind = 'reminder'
                  AND escalation IS NULL AND route = ?2
             WHERE event.incident = ?1 AND EXISTS (
                 SELECT 1 FROM delivery WHERE message = message.id AND state IN ('pending', 'waiting'))",
        )?
        .query_map(params![incident, route], |row| row.get(0))?
        .collect()
}

/// Which reminder of its firing a message is, from 1.
///
/// # Errors
/// As the database.
pub fn reminder_number(connection: &Connection, firing: i64, reminder: i64) -> rusqlite::Result<u32> {
    connection
        .prepare_cached(
            "SELECT COUNT(*) FROM reminder_of JOIN message ON message.id = reminder_of.message
             WHERE firing = ?1 AND escalation IS NULL AND message.id <= ?2",
        )?
        .query_row([firing, reminder], |row| row.get(0))
}

/// The firings that a reminder is of, oldest first.
///
/// # Errors
/// As the database.
pub fn reminded_of(connection: &Connection, reminder: i64) -> rusqlite::Result<Vec<i64>> {
    connection
        .prepare_cached(
            "SELECT parent FROM message WHERE id = ?1 AND parent IS NOT NULL
             UNION SELECT firing FROM digest WHERE message = ?1 ORDER BY 1",
        )?
        .query_map([reminder], |row| row.get(0))?
        .collect()
}

/// Notes that a reminder is of several firings.
///
/// # Errors
/// As the database.
pub fn insert_digest(connection: &Connection, reminder: i64, firings: &[i64]) -> rusqlite::Result<()> {
    let mut statement = connection.prepare_cached("INSERT INTO digest (firing, message) VALUES (?1, ?2)")?;
    firings.iter().try_for_each(|firing| statement.execute([*firing, reminder]).map(drop))
}

/// The firings whose next reminder is due at `now`.
///
/// # Errors
/// As the database.
pub fn reminders_due(connection: &Connection, now: i64) -> rusqlite::Result<Vec<i64>> {
    connection
        .prepare_cached("SELECT id FROM message WHERE reminder_at <= ?1 ORDER BY reminder_at LIMIT 500")?
        .query_map([now], |row| row.get(0))?
        .collect()
}

/// The firings of a route and topic whose next reminder is due after `now`, but until `until`.
///
/// # Errors
/// As the database.
pub fn reminders_soon(
    connection: &Connection,
    (route, topic): (&str, EventKind),
    now: i64,
    until: i64,
) -> rusqlite::Result<Vec<Message>> {
    connection
        .prepare_cached(&format!(
            "SELECT {COLUMNS} FROM message WHERE reminder_at > ?3 AND reminder_at <= ?4
             AND route = ?1 AND topic = ?2 ORDER BY reminder_at LIMIT 500"
        ))?
        .query_map(params![route, topic.name(), now, until], read)?
        .collect()
}

/// Sets when the next reminder is due; `None` when there is nothing left to remind of.
///
/// # Errors
/// As the database.
pub fn set_reminder(
    connection: &Connection,
    message: i64,
    at: Option<i64>,
    reminded: u32,
) -> rusqlite::Result<()> {
    connection
        .prepare_cached("UPDATE message SET reminder_at = ?2, reminded = ?3 WHERE id = ?1")?
        .execute(params![message, at, reminded])
        .map(drop)
}
