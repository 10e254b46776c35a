//! The incidents of messages, and their ends.

use log_monitor_channels::EventKind;
use rusqlite::{Connection, params};

use super::{COLUMNS, Message, read};

/// The firings that an incident was in, oldest first.
///
/// # Errors
/// As the database.
pub fn firings_of(connection: &Connection, incident: i64) -> rusqlite::Result<Vec<Message>> {
    connection
        .prepare_cached(&format!(
            "SELECT DISTINCT {} FROM event JOIN message_event ON message_event.event = event.id
             JOIN message ON message.id = message_event.message
             WHERE event.incident = ?1 AND message.kind = 'firing' ORDER BY message.id",
            COLUMNS.split(", ").map(|column| format!("message.{column}")).collect::<Vec<_>>().join(", ")
        ))?
        .query_map([incident], read)?
        .collect()
}

/// Whether the route of a firing has told an incident once more since: it got worse.
///
/// # Errors
/// As the database.
pub fn is_told_anew(connection: &Connection, firing: &Message, incident: i64) -> rusqlite::Result<bool> {
    connection
        .prepare_cached(
            "SELECT EXISTS (SELECT 1 FROM event JOIN message_event ON message_event.event = event.id
             JOIN message ON message.id = message_event.message
             WHERE event.incident = ?1 AND message.kind = 'firing' AND message.route = ?2 AND message.id > ?3)",
        )?
        .query_row(params![incident, firing.route, firing.id], |row| row.get(0))
}

/// The incidents of a message that are open (`true`) or closed (`false`).
///
/// # Errors
/// As the database.
pub fn incidents(connection: &Connection, message: i64, open: bool) -> rusqlite::Result<Vec<i64>> {
    connection
        .prepare_cached(
            "SELECT DISTINCT incident.id FROM message_event JOIN event ON event.id = message_event.event
             JOIN incident ON incident.id = event.incident
             WHERE message_event.message = ?1 AND (incident.closed IS NULL) = ?2 ORDER BY incident.id",
        )?
        .query_map(params![message, open], |row| row.get(0))?
        .collect()
}

/// The ends that `channel` has not been and will not be told since it was, or may have been, told of those incidents
/// by a firing or its reminders. (A try says nothing of what was over when it began; one that began after `now`, in
/// milliseconds, did so before the clock was set. What a resolution closes or answers was known when that was tried:
/// not a firing that was accepted later. A firing that waited for the end of quiet hours has the ends of that itself.)
///
/// # Errors
/// As the database.
pub fn owed_endings(
    connection: &Connection,
    firing: i64,
    channel: &str,
    now: i64,
) -> rusqlite::Result<Vec<(i64, EventKind)>> {
    connection
        .prepare_cached(
            "WITH told AS (
                 SELECT event.incident,
                        MAX(CASE WHEN delivery.message = ?1 THEN attempt.ended ELSE 0 END) AS at
                 FROM delivery
                 JOIN attempt ON attempt.delivery = delivery.id
                 JOIN message_event ON message_event.message = delivery.message
                 JOIN event ON event.id = message_event.event
                 JOIN incident ON incident.id = event.incident
                      AND (attempt.started <= COALESCE(incident.close_written, incident.closed)
                           OR attempt.started > ?3)
                 WHERE delivery.channel = ?2
                 AND delivery.message IN (SELECT ?1 UNION SELECT message FROM reminder_of WHERE firing = ?1)
                 AND (attempt.outcome = 'accepted'
                      OR delivery.uncertain AND delivery.state IN ('accepted', 'dropped', 'failed'))
                 GROUP BY event.incident)
             SELECT ending.id, ending.kind FROM told
             JOIN incident ON incident.id = told.incident
             JOIN event AS ending ON ending.incident = incident.id AND ending.kind = incident.outcome
             WHERE incident.id IN (
                 SELECT event.incident FROM message_event JOIN event ON event.id = message_event.event
                 WHERE message_event.message = ?1)
             AND NOT EXISTS (
                 SELECT 1 FROM message_event AS said
                 JOIN message ON message.id = said.message AND (message.kind = 'resolved' OR message.id = ?1)
                 JOIN delivery ON delivery.message = message.id AND delivery.channel = ?2
                 WHERE said.event = ending.id
                 AND (message.id = ?1 OR delivery.state IN ('pending', 'waiting') OR delivery.tried >= told.at))
             ORDER BY ending.id",
        )?
        .query_map(params![firing, channel, now], |row| {
            let kind: String = row.get(1)?;
            Ok((row.get(0)?, EventKind::from_name(&kind).unwrap_or(EventKind::AgentRecovered)))
        })?
        .collect()
}

/// Notes that an incident of a firing, and so of its reminders, is over.
///
/// # Errors
/// As the database.
pub fn mark_ended(connection: &Connection, firing: i64) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "UPDATE message SET ended = 1
             WHERE id = ?1 OR id IN (SELECT message FROM reminder_of WHERE firing = ?1)",
        )?
        .execute([firing])
        .map(drop)
}

/// Takes out of an unsent firing what is over already.
///
/// # Errors
/// As the database.
pub fn remove_closed(connection: &Connection, message: i64) -> rusqlite::Result<usize> {
    connection
        .prepare_cached(
            "DELETE FROM message_event WHERE message = ?1 AND EXISTS
             (SELECT 1 FROM event JOIN incident ON incident.id = event.incident
              WHERE event.id = message_event.event AND incident.closed IS NOT NULL)",
        )?
        .execute([message])
}
