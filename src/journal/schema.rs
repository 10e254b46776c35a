//! Opening the database: pragmas, schema, migrations forward only.

use std::path::Path;

use rusqlite::Connection;
use rusqlite::config::DbConfig;

use super::JournalError;

/// The schema, as it grew; `PRAGMA user_version` says how many of these steps a file has taken.
pub(super) const STEPS: [&str; 12] = [
    include_str!("schema.sql"),
    include_str!("schema.2.sql"),
    include_str!("schema.3.sql"),
    include_str!("schema.4.sql"),
    include_str!("schema.5.sql"),
    include_str!("schema.6.sql"),
    include_str!("schema.7.sql"),
    include_str!("schema.8.sql"),
    include_str!("schema.9.sql"),
    include_str!("schema.10.sql"),
    include_str!("schema.11.sql"),
    include_str!("schema.12.sql"),
];

/// Makes a connection ready: durable at every commit, readable by others at any time.
pub fn prepare(connection: &Connection) -> Result<(), JournalError> {
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.busy_timeout(std::time::Duration::from_secs(5))?;
    connection.set_prepared_statement_cache_capacity(128);
    // Otherwise a statement is compiled anew for each value bound to it, as one might suit the
    // partial indices better: most of a delivery's cost.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    migrate(connection)
}

/// Whether a file can be read as it is.
pub fn check(connection: &Connection) -> Result<(), JournalError> {
    let (found, known) = versions(connection)?;
    if found < known { Err(JournalError::Older { found, known }) } else { Ok(()) }
}

fn migrate(connection: &Connection) -> Result<(), JournalError> {
    let (found, known) = versions(connection)?;
    keep_older(connection);
    let transaction = connection.unchecked_transaction()?;
    for step in STEPS.iter().skip(usize::try_from(found).unwrap_or_default()) {
        transaction.execute_batch(step)?;
    }
    if found < known {
        transaction.pragma_update(None, "user_version", known)?;
    }
    Ok(transaction.commit()?)
}

/// Keeps a file of an earlier version as it is (`journal.db.before-12`), for whoever has to go back to that version.
/// Without a copy, for want of space say, the journal goes on all the same: watching matters more, and no step is
/// taken by half.
pub fn keep_older(connection: &Connection) {
    let Some(path) = connection.path().filter(|path| !path.is_empty()) else { return };
    let Ok((found, known)) = versions(connection) else { return };
    if found == 0 || found == known {
        return;
    }
    let copy = format!("{path}.before-{known}");
    match copied(connection, path, &copy) {
        Ok(()) => tracing::info!("the journal of the earlier version (schema {found}) is kept as {copy}"),
        Err(error) => tracing::warn!("the journal of the earlier version is not kept: {error}"),
    }
}

/// Copies the file under a name that nothing has yet. What is there under that name is whole.
fn copied(connection: &Connection, path: &str, copy: &str) -> Result<(), Box<dyn std::error::Error>> {
    if Path::new(copy).exists() {
        return Err(format!("there is a {copy} of an earlier time, which stays").into());
    }
    let part = format!("{copy}.part");
    // A crash may have left one.
    let _ = std::fs::remove_file(&part);
    let written = connection.execute("VACUUM INTO ?1", [&part]).map_err(Into::into);
    let named = written.and_then(|_| {
        std::fs::set_permissions(&part, std::fs::metadata(path)?.permissions())?;
        Ok(std::fs::rename(&part, copy)?)
    });
    if named.is_err() {
        let _ = std::fs::remove_file(&part);
    }
    named
}

/// That of the file, and that of this program.
fn versions(connection: &Connection) -> Result<(i64, i64), JournalError> {
    let found = connection.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    let known = STEPS.len() as i64;
    if found > known { Err(JournalError::Newer { found, known }) } else { Ok((found, known)) }
}
