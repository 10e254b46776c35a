//! What waits, and what went out lately.

use log_monitor_channels::EventKind;
use rusqlite::{Connection, params};

use super::{COLUMNS, Held, Message, read};

/// Whether somebody was told a message, a reminder or an escalation of it, or may have been: of what was tried in
/// vain nobody has heard.
const SEEN: &str = "EXISTS (
    SELECT 1 FROM delivery
    WHERE (message = message.id OR message IN (
        SELECT reminder_of.message FROM reminder_of WHERE reminder_of.firing = message.id))
    AND attempts > 0
    AND (state IN ('accepted', 'sending') OR uncertain
         OR EXISTS (SELECT 1 FROM attempt WHERE attempt.delivery = delivery.id AND attempt.outcome = 'accepted')))";

/// The messages of a route and topic that are held back at `now` for the same reason (`None`: to be
/// merged), newest first: of one group, or of all. They take in more, because nobody has been sent them yet.
///
/// # Errors
/// As the database.
pub fn held_back(
    connection: &Connection,
    (route, topic, grouped): (&str, EventKind, &str),
    held_by: Option<&str>,
    now: i64,
) -> rusqlite::Result<Vec<Message>> {
    connection
        .prepare_cached(&format!(
            "SELECT {COLUMNS} FROM message
             WHERE route = ?1 AND topic = ?2 AND send_at > ?3 AND send_at > created AND outcome IS NULL
             AND held_by IS ?4 AND grouped IN (?5, '')
             AND NOT EXISTS (SELECT 1 FROM delivery WHERE message = message.id AND attempts > 0)
             ORDER BY send_at DESC"
        ))?
        .query_map(params![route, topic.name(), now, held_by, grouped], read)?
        .collect()
}

/// When a message went or will go out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sent {
    /// In milliseconds.
    pub at: i64,
    /// It was held back, because many came before it.
    pub held: bool,
    /// It was of all groups of the route.
    pub whole: bool,
}

/// The newest messages of a route and topic since `since`, newest first; of one group, if that is asked for.
///
/// # Errors
/// As the database.
pub fn newest(
    connection: &Connection,
    (route, topic, grouped): (&str, EventKind, Option<&str>),
    since: i64,
    limit: u32,
) -> rusqlite::Result<Vec<Sent>> {
    connection
        .prepare_cached(
            "SELECT send_at, merges > 0, grouped = '' FROM message
             WHERE route = ?1 AND topic = ?2 AND send_at > ?3 AND held_by IS NULL AND grouped = COALESCE(?5, grouped)
             ORDER BY send_at DESC LIMIT ?4",
        )?
        .query_map(params![route, topic.name(), since, limit, grouped], |row| {
            Ok(Sent { at: row.get(0)?, held: row.get(1)?, whole: row.get(2)? })
        })?
        .collect()
}

/// The messages that were held back for a reason and may go out at `now`, and that nobody has seen; once each.
///
/// # Errors
/// As the database.
pub fn let_go(connection: &Connection, now: i64) -> rusqlite::Result<Vec<Message>> {
    connection
        .prepare_cached(&format!(
            "SELECT {COLUMNS} FROM message WHERE held_by IS NOT NULL AND outcome IS NULL AND send_at <= ?1
             AND NOT EXISTS (SELECT 1 FROM delivery WHERE message = message.id AND tried >= send_at)
             AND NOT {SEEN}"
        ))?
        .query_map([now], read)?
        .collect()
}

/// The messages that nobody has seen and that nothing but a budget holds back: reminders and escalations, or
/// what begins and notices.
///
/// # Errors
/// As the database.
pub fn unseen(connection: &Connection, reminders: bool) -> rusqlite::Result<Vec<Message>> {
    connection
        .prepare_cached(&format!(
            "SELECT {COLUMNS} FROM message
             WHERE outcome IS NULL AND held_by IS NULL AND kind <> 'resolved' AND (kind = 'reminder') = ?1
             AND NOT {SEEN}"
        ))?
        .query_map([reminders], read)?
        .collect()
}

/// Whether nobody has seen a message, a reminder or an escalation of it, and none of them is on its way.
///
/// # Errors
/// As the database.
pub fn is_unseen(connection: &Connection, message: i64) -> rusqlite::Result<bool> {
    connection
        .prepare_cached(&format!("SELECT NOT {SEEN} FROM message WHERE id = ?1"))?
        .query_row([message], |row| row.get(0))
}

/// Takes events out of a message that nobody has seen.
///
/// # Errors
/// As the database.
pub fn remove_events(connection: &Connection, message: i64, events: &[i64]) -> rusqlite::Result<()> {
    let mut statement =
        connection.prepare_cached("DELETE FROM message_event WHERE message = ?1 AND event = ?2")?;
    events.iter().try_for_each(|event| statement.execute([message, *event]).map(drop))
}

/// Takes an incident out of a message that nobody has seen.
///
/// # Errors
/// As the database.
pub fn remove_incident(connection: &Connection, message: i64, incident: i64) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "DELETE FROM message_event WHERE message = ?1
             AND event IN (SELECT id FROM event WHERE incident = ?2)",
        )?
        .execute([message, incident])
        .map(drop)
}

/// Whether quiet hours hold a message back that nobody has seen.
///
/// # Errors
/// As the database.
pub fn waits_for_morning(connection: &Connection, message: i64) -> rusqlite::Result<bool> {
    connection
        .prepare_cached(&format!(
            "SELECT EXISTS (SELECT 1 FROM message
             WHERE id = ?1 AND held_by IS NOT NULL AND silence IS NULL AND outcome IS NULL AND NOT {SEEN})"
        ))?
        .query_row([message], |row| row.get(0))
}

/// Moves events from a message that nobody has seen to another.
///
/// # Errors
/// As the database.
pub fn move_events(connection: &Connection, from: i64, to: i64, events: &[i64]) -> rusqlite::Result<()> {
    let mut statement = connection.prepare_cached(
        "UPDATE OR REPLACE message_event SET message = ?2 WHERE message = ?1 AND event = ?3",
    )?;
    events.iter().try_for_each(|event| statement.execute([from, to, *event]).map(drop))
}

/// Holds a message that nobody has seen back until later: it is of no group while it waits.
///
/// # Errors
/// As the database.
pub fn hold(connection: &Connection, message: i64, until: i64, held: &Held) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "UPDATE message SET held_by = ?2, silence = ?3, grouped = '', merges = 0 WHERE id = ?1",
        )?
        .execute(params![message, held.reason, held.silence])?;
    send_at(connection, message, until)
}

/// A message that nobody has seen goes out at another time, in milliseconds, and all that follows it moves
/// with it. What was over a budget waits for this instead.
///
/// # Errors
/// As the database.
pub fn send_at(connection: &Connection, message: i64, at: i64) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "UPDATE delivery SET not_before = ?2, deadline = deadline + ?2 - not_before,
                    reason = CASE WHEN reason LIKE 'over budget%' THEN NULL ELSE reason END
             WHERE message = ?1 AND state IN ('pending', 'waiting')",
        )?
        .execute([message, at])?;
    connection
        .prepare_cached(
            "UPDATE message SET send_at = ?2, fallback_at = fallback_at + ?2 - send_at,
                    reminder_at = reminder_at + ?2 - send_at, escalate_at = escalate_at + ?2 - send_at
             WHERE id = ?1",
        )?
        .execute([message, at])
        .map(drop)
}
