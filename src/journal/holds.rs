//! What is known of a channel beyond its configuration: how long it asked us to wait.

use rusqlite::{Connection, params};

/// Every channel that must not be called before a time, in milliseconds.
///
/// # Errors
/// As the database.
pub fn all(connection: &Connection, now: i64) -> rusqlite::Result<Vec<(String, i64)>> {
    connection
        .prepare_cached("SELECT name, held_until FROM channel WHERE held_until > ?1")?
        .query_map([now], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect()
}

/// Holds a channel until a time, unless it is held for longer already.
///
/// # Errors
/// As the database.
pub fn set(connection: &Connection, channel: &str, until: i64) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "INSERT INTO channel (name, held_until) VALUES (?1, ?2)
             ON CONFLICT (name) DO UPDATE SET held_until = MAX(COALESCE(held_until, 0), excluded.held_until)",
        )?
        .execute(params![channel, until])
        .map(drop)
}
