//! Facts about this installation.

use rusqlite::{Connection, OptionalExtension, params};

/// The random id of this installation, made at the first start. Idempotency keys hang on it.
///
/// # Errors
/// As the database.
pub fn installation_id(connection: &Connection) -> rusqlite::Result<String> {
    let known = connection
        .query_row("SELECT value FROM meta WHERE key = 'installation'", [], |row| row.get(0))
        .optional()?;
    if let Some(id) = known {
        return Ok(id);
    }
    let id = format!("{:016x}", fastrand::u64(..));
    connection.execute("INSERT INTO meta (key, value) VALUES ('installation', ?1)", params![id])?;
    Ok(id)
}
