//! What is watched, as far as it must survive a restart.

use rusqlite::{Connection, params};

/// One entity's row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EntityRow {
    /// Its key in the watch.
    pub key: String,
    /// Its label.
    pub label: String,
    /// Newest life sign, in milliseconds. A checkpoint: it may be some minutes behind.
    pub last_seen: Option<i64>,
    /// The open incident: the entity is silent.
    pub incident: Option<i64>,
}

/// Every entity of a watch.
///
/// # Errors
/// As the database.
pub fn of_watch(connection: &Connection, watch: &str) -> rusqlite::Result<Vec<EntityRow>> {
    connection
        .prepare_cached("SELECT key, label, last_seen, incident FROM entity WHERE watch = ?1 ORDER BY key")?
        .query_map([watch], |row| {
            Ok(EntityRow {
                key: row.get(0)?,
                label: row.get(1)?,
                last_seen: row.get(2)?,
                incident: row.get(3)?,
            })
        })?
        .collect()
}

/// Writes rows, new or known.
///
/// # Errors
/// As the database.
pub fn save(connection: &Connection, watch: &str, rows: &[EntityRow]) -> rusqlite::Result<()> {
    let mut statement = connection.prepare_cached(
        "INSERT INTO entity (watch, key, label, last_seen, incident) VALUES (?1, ?2, ?3, ?4, ?5)
         ON CONFLICT (watch, key) DO UPDATE
         SET label = excluded.label, last_seen = excluded.last_seen, incident = excluded.incident",
    )?;
    for row in rows {
        statement.execute(params![watch, row.key, row.label, row.last_seen, row.incident])?;
    }
    Ok(())
}

/// Forgets an entity that is no longer watched.
///
/// # Errors
/// As the database.
pub fn remove(connection: &Connection, watch: &str, key: &str) -> rusqlite::Result<()> {
    connection
        .prepare_cached("DELETE FROM entity WHERE watch = ?1 AND key = ?2")?
        .execute(params![watch, key])
        .map(drop)
}

/// The names of all watches that have entities.
///
/// # Errors
/// As the database.
pub fn watches(connection: &Connection) -> rusqlite::Result<Vec<String>> {
    connection.prepare_cached("SELECT DISTINCT watch FROM entity")?.query_map([], |row| row.get(0))?.collect()
}
