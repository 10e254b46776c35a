//! Who has what was told.

use log_monitor_channels::Receipt;
use rusqlite::{Connection, OptionalExtension, params};

use super::Claim;

/// A firing that a channel has accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Alive {
    /// The delivery.
    pub delivery: i64,
    /// Its message.
    pub message: i64,
}

/// The firings that a channel has accepted and of which something goes on; of one that it accepted
/// only as a reminder, the first reminder.
///
/// # Errors
/// As the database.
pub fn alive(connection: &Connection, channel: &str) -> rusqlite::Result<Vec<Alive>> {
    connection
        .prepare_cached(
            // From the few incidents that are open on: a channel has accepted more.
            "SELECT MIN(delivery.id), delivery.message FROM incident
             CROSS JOIN event ON event.incident = incident.id
             CROSS JOIN message_event ON message_event.event = event.id
             CROSS JOIN message ON message.id = message_event.message AND message.kind IN ('firing', 'reminder')
             CROSS JOIN delivery ON delivery.message = message.id AND delivery.channel = ?1
                  AND delivery.state = 'accepted'
             WHERE incident.closed IS NULL GROUP BY COALESCE(message.parent, message.id) ORDER BY 1",
        )?
        .query_map([channel], |row| Ok(Alive { delivery: row.get(0)?, message: row.get(1)? }))?
        .collect()
}

/// The channels that accepted a firing or any of its reminders, and those that may have: a try was cut off,
/// and there will be no other.
///
/// # Errors
/// As the database.
pub fn heard_by(connection: &Connection, firing: i64) -> rusqlite::Result<Vec<String>> {
    connection
        .prepare_cached(
            "SELECT DISTINCT delivery.channel FROM delivery JOIN message ON message.id = delivery.message
             WHERE (message.id = ?1 OR message.id IN (SELECT message FROM reminder_of WHERE firing = ?1))
             AND (delivery.state = 'accepted' OR delivery.uncertain AND delivery.state IN ('dropped', 'failed'))
             ORDER BY delivery.id",
        )?
        .query_map([firing], |row| row.get(0))?
        .collect()
}

/// Those of [`heard_by`] whom it told of an incident, or may have: a reminder does not name all of its firing.
///
/// # Errors
/// As the database.
pub fn heard_of_by(connection: &Connection, firing: i64, incident: i64) -> rusqlite::Result<Vec<String>> {
    connection
        .prepare_cached(
            "SELECT DISTINCT delivery.channel FROM event
             CROSS JOIN message_event ON message_event.event = event.id
             JOIN delivery ON delivery.message = message_event.message
             WHERE event.incident = ?2
             AND (message_event.message = ?1
                  OR message_event.message IN (SELECT message FROM reminder_of WHERE firing = ?1))
             AND (delivery.state = 'accepted' OR delivery.uncertain AND delivery.state IN ('dropped', 'failed'))
             ORDER BY delivery.id",
        )?
        .query_map([firing, incident], |row| row.get(0))?
        .collect()
}

/// What a channel answered to a message, last where it was in parts.
///
/// # Errors
/// As the database.
pub fn receipt(connection: &Connection, message: i64, channel: &str) -> rusqlite::Result<Option<Receipt>> {
    let text: Option<String> = connection
        .prepare_cached(
            "SELECT receipt FROM delivery WHERE message = ?1 AND channel = ?2 AND state = 'accepted'
             ORDER BY id DESC LIMIT 1",
        )?
        .query_row(params![message, channel], |row| row.get(0))
        .optional()?
        .flatten();
    Ok(text.and_then(|text| serde_json::from_str(&text).ok()))
}

/// The delivery by which a channel was told a message, the first where it was in parts.
///
/// # Errors
/// As the database.
pub fn accepted_by(connection: &Connection, message: i64, channel: &str) -> rusqlite::Result<Option<i64>> {
    connection
        .prepare_cached(
            "SELECT COALESCE(merged_into, id) FROM delivery
             WHERE message = ?1 AND channel = ?2 AND state = 'accepted' ORDER BY id LIMIT 1",
        )?
        .query_row(params![message, channel], |row| row.get(0))
        .optional()
}

/// The first post by which a channel was told of an incident: its delivery, and what the channel answered;
/// else one that may have told it, in a try that was cut off. None of `but`, the delivery of which that is asked.
///
/// # Errors
/// As the database.
pub fn post_of(
    connection: &Connection,
    incident: i64,
    channel: &str,
    but: i64,
) -> rusqlite::Result<Option<(i64, Option<Receipt>)>> {
    connection
        .prepare_cached(
            "SELECT COALESCE(merged_into, delivery.id) AS post, receipt FROM event
             JOIN message_event ON message_event.event = event.id
             JOIN message ON message.id = message_event.message AND message.kind IN ('firing', 'reminder')
             JOIN delivery ON delivery.message = message.id AND channel = ?2
                  AND (state = 'accepted' OR uncertain)
             WHERE event.incident = ?1 AND post <> ?3
             ORDER BY state <> 'accepted', message.kind, delivery.id LIMIT 1",
        )?
        .query_row(params![incident, channel, but], |row| {
            let receipt: Option<String> = row.get(1)?;
            Ok((row.get(0)?, receipt.and_then(|text| serde_json::from_str(&text).ok())))
        })
        .optional()
}

/// The posts by which firings and escalations told a channel of an incident, or may have, in tries that were cut
/// off: their deliveries, and what the channel answered.
///
/// # Errors
/// As the database.
pub fn firing_posts_of(
    connection: &Connection,
    incident: i64,
    channel: &str,
) -> rusqlite::Result<Vec<(i64, Option<Receipt>)>> {
    connection
        .prepare_cached(
            "SELECT COALESCE(merged_into, delivery.id) AS post, MAX(receipt) FROM event
             JOIN message_event ON message_event.event = event.id
             JOIN message ON message.id = message_event.message
                  AND (message.kind = 'firing' OR message.escalation IS NOT NULL)
             JOIN delivery ON delivery.message = message.id AND channel = ?2
                  AND (state = 'accepted' OR uncertain)
             WHERE event.incident = ?1 GROUP BY post ORDER BY post",
        )?
        .query_map(params![incident, channel], |row| {
            let receipt: Option<String> = row.get(1)?;
            Ok((row.get(0)?, receipt.and_then(|text| serde_json::from_str(&text).ok())))
        })?
        .collect()
}

/// The messages that a delivery was the post of.
///
/// # Errors
/// As the database.
pub fn told_by(connection: &Connection, delivery: i64) -> rusqlite::Result<Vec<i64>> {
    connection
        .prepare_cached("SELECT message FROM delivery WHERE id = ?1 OR merged_into = ?1 ORDER BY message")?
        .query_map([delivery], |row| row.get(0))?
        .collect()
}

/// The keys of the posts of a delivery that its channel has accepted, while there are more.
///
/// # Errors
/// As the database.
pub fn posted(connection: &Connection, claim: &Claim) -> rusqlite::Result<Vec<String>> {
    if claim.n == 1 {
        return Ok(Vec::new());
    }
    connection
        .prepare_cached(
            "SELECT post FROM attempt WHERE delivery = ?1 AND outcome = 'accepted' AND post IS NOT NULL ORDER BY id",
        )?
        .query_map([claim.delivery], |row| row.get(0))?
        .collect()
}
