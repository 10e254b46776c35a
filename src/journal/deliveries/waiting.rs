//! What is still to be sent.

use rusqlite::{Connection, OptionalExtension, params};

/// Drops what is not under way of a message. Returns how many.
///
/// # Errors
/// As the database.
pub fn drop_unsent(connection: &Connection, message: i64, reason: &str) -> rusqlite::Result<usize> {
    connection
        .prepare_cached(
            "UPDATE delivery SET state = 'dropped', reason = ?2
             WHERE message = ?1 AND state IN ('pending', 'waiting')",
        )?
        .execute(params![message, reason])
}

/// The channels that something waits for: from one to the next through the index, however much that
/// is.
///
/// # Errors
/// As the database.
pub fn waiting_channels(connection: &Connection) -> rusqlite::Result<Vec<String>> {
    connection
        .prepare_cached(
            "WITH RECURSIVE waiting (channel) AS (
                 SELECT MIN(channel) FROM delivery WHERE state IN ('pending', 'waiting')
                 UNION ALL
                 SELECT (SELECT MIN(channel) FROM delivery
                         WHERE state IN ('pending', 'waiting') AND delivery.channel > waiting.channel)
                 FROM waiting WHERE channel IS NOT NULL)
             SELECT channel FROM waiting WHERE channel IS NOT NULL",
        )?
        .query_map([], |row| row.get(0))?
        .collect()
}

/// What waits for a channel: the delivery and its message.
///
/// # Errors
/// As the database.
pub fn waiting_for(connection: &Connection, channel: &str) -> rusqlite::Result<Vec<(i64, i64)>> {
    connection
        .prepare_cached(
            "SELECT id, message FROM delivery WHERE channel = ?1 AND state IN ('pending', 'waiting')",
        )?
        .query_map([channel], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect()
}

/// What may be tried on a channel at `now`: the delivery and its message, in their order.
///
/// # Errors
/// As the database.
pub fn due(connection: &Connection, channel: &str, now: i64) -> rusqlite::Result<Vec<(i64, i64)>> {
    connection
        .prepare_cached(
            "SELECT id, message FROM delivery
             WHERE channel = ?1 AND state IN ('pending', 'waiting') AND not_before <= ?2
             ORDER BY not_before, id",
        )?
        .query_map(params![channel, now], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect()
}

/// The messages that nobody has seen, that waited for a channel's budget, and that may be tried at `now`.
///
/// # Errors
/// As the database.
pub fn after_budget(connection: &Connection, now: i64) -> rusqlite::Result<Vec<i64>> {
    connection
        .prepare_cached(
            "SELECT DISTINCT message FROM delivery
             WHERE state IN ('pending', 'waiting') AND reason IS NOT NULL AND not_before <= ?1
             AND reason LIKE 'over budget%' AND NOT EXISTS (SELECT 1 FROM delivery AS tried
                             WHERE tried.message = delivery.message AND tried.attempts > 0)",
        )?
        .query_map([now], |row| row.get(0))?
        .collect()
}

/// What `channel` refused of the ends that it is owed may be tried again at `now`.
///
/// # Errors
/// As the database.
pub fn wake_ends(connection: &Connection, channel: &str, now: i64) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "UPDATE delivery SET not_before = ?2 WHERE channel = ?1 AND state = 'waiting' AND not_before > ?2
             AND (SELECT kind FROM message WHERE id = delivery.message) = 'resolved'",
        )?
        .execute(params![channel, now])
        .map(drop)
}

/// The earliest time at which a delivery of `channel` may be tried.
///
/// # Errors
/// As the database.
pub fn next_due(connection: &Connection, channel: &str) -> rusqlite::Result<Option<i64>> {
    // Not MIN(): that would look at every row that waits.
    connection
        .prepare_cached(
            "SELECT not_before FROM delivery WHERE channel = ?1 AND state IN ('pending', 'waiting')
             ORDER BY not_before LIMIT 1",
        )?
        .query_row([channel], |row| row.get(0))
        .optional()
}

/// How many deliveries may still be accepted.
///
/// # Errors
/// As the database.
pub fn live(connection: &Connection) -> rusqlite::Result<i64> {
    connection
        .prepare_cached("SELECT COUNT(*) FROM delivery WHERE state IN ('pending', 'waiting', 'sending')")?
        .query_row([], |row| row.get(0))
}
