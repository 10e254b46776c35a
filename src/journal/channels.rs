//! What is known of a channel beyond its configuration: how long it asked us to wait, and since when
//! it has failed.

use std::collections::BTreeMap;

use rusqlite::{Connection, params};

/// What is known of one channel. Times are in milliseconds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Known {
    /// It must not be called before this.
    pub held_until: Option<i64>,
    /// Since then every try has failed.
    pub failing_since: Option<i64>,
}

/// Every channel of which something is known.
///
/// # Errors
/// As the database.
pub fn all(connection: &Connection) -> rusqlite::Result<BTreeMap<String, Known>> {
    connection
        .prepare_cached("SELECT name, held_until, failing_since FROM channel")?
        .query_map([], |row| {
            Ok((row.get(0)?, Known { held_until: row.get(1)?, failing_since: row.get(2)? }))
        })?
        .collect()
}

/// Holds a channel until a time, unless it is held for longer already.
///
/// # Errors
/// As the database.
pub fn hold(connection: &Connection, channel: &str, until: i64) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "INSERT INTO channel (name, held_until) VALUES (?1, ?2)
             ON CONFLICT (name) DO UPDATE SET held_until = MAX(COALESCE(held_until, 0), excluded.held_until)",
        )?
        .execute(params![channel, until])
        .map(drop)
}

/// Notes since when a channel has failed; `None` when it accepts.
///
/// # Errors
/// As the database.
pub fn set_failing(connection: &Connection, channel: &str, since: Option<i64>) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "INSERT INTO channel (name, failing_since) VALUES (?1, ?2)
             ON CONFLICT (name) DO UPDATE SET failing_since = excluded.failing_since",
        )?
        .execute(params![channel, since])
        .map(drop)
}
