//! Who a source lists, so that a restart knows them even when the source does not answer.

use rusqlite::{Connection, params};

/// One entry: its key and what is known of it, as JSON.
pub type Entry = (String, String);

/// Every entry of a watch.
///
/// # Errors
/// As the database.
pub fn of_watch(connection: &Connection, watch: &str) -> rusqlite::Result<Vec<Entry>> {
    connection
        .prepare_cached("SELECT key, facts FROM listed WHERE watch = ?1 ORDER BY key")?
        .query_map([watch], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect()
}

/// Puts a whole new list in the place of the old one.
///
/// # Errors
/// As the database.
pub fn replace(connection: &Connection, watch: &str, entries: &[Entry]) -> rusqlite::Result<()> {
    connection.prepare_cached("DELETE FROM listed WHERE watch = ?1")?.execute([watch])?;
    let mut insert =
        connection.prepare_cached("INSERT INTO listed (watch, key, facts) VALUES (?1, ?2, ?3)")?;
    entries.iter().try_for_each(|(key, facts)| insert.execute(params![watch, key, facts]).map(drop))
}
