//! What has failed is sent again because somebody asks for it.

use rusqlite::{Connection, OptionalExtension, params};

use super::DEADLINE;

/// Why such a delivery waits. It is tried also on a channel that is left alone.
pub const ASKED_FOR: &str = "sent again by hand";

/// The message and the channel of a delivery that has failed.
///
/// # Errors
/// As the database.
pub fn failed(connection: &Connection, id: i64) -> rusqlite::Result<Option<(i64, String)>> {
    connection
        .prepare("SELECT message, channel FROM delivery WHERE id = ?1 AND state = 'failed'")?
        .query_row([id], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()
}

/// Since when all that a message tells the beginning of is over, in milliseconds; `None` where something goes on.
///
/// # Errors
/// As the database.
pub fn over_since(connection: &Connection, message: i64) -> rusqlite::Result<Option<i64>> {
    connection
        .prepare(
            "SELECT MAX(incident.closed) FROM message
             JOIN message_event ON message_event.message = message.id
             JOIN event ON event.id = message_event.event LEFT JOIN incident ON incident.id = event.incident
             WHERE message.id = ?1 AND message.kind IN ('firing', 'reminder')
             GROUP BY message.id HAVING COUNT(*) = COUNT(incident.closed)",
        )?
        .query_row([message], |row| row.get(0))
        .optional()
}

/// Sends a delivery that has failed again, as if it were new. Returns whether there is one.
///
/// # Errors
/// As the database.
pub fn retry(connection: &Connection, id: i64, now: i64) -> rusqlite::Result<bool> {
    let found = connection.execute(
        "UPDATE delivery SET state = 'pending', not_before = ?2, deadline = ?3, reason = ?4
         WHERE id = ?1 AND state = 'failed'",
        params![id, now, now + DEADLINE, ASKED_FOR],
    )?;
    connection.execute(
        "UPDATE message SET outcome = NULL WHERE outcome = 'exhausted'
         AND id = (SELECT message FROM delivery WHERE id = ?1 AND state = 'pending')",
        [id],
    )?;
    Ok(found > 0)
}

/// Whether a delivery waits because somebody asked for it, perhaps for its channel's budget.
///
/// # Errors
/// As the database.
pub fn is_asked_for(connection: &Connection, id: i64) -> rusqlite::Result<bool> {
    connection
        .prepare_cached("SELECT COALESCE(reason, '') LIKE '%' || ?2 FROM delivery WHERE id = ?1")?
        .query_row(params![id, ASKED_FOR], |row| row.get(0))
}
