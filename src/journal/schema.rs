//! Opening the database: pragmas, schema, migrations forward only.

use rusqlite::Connection;
use rusqlite::config::DbConfig;

use super::JournalError;

/// The schema this program writes, kept in `PRAGMA user_version`.
const VERSION: i64 = 1;

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

fn migrate(connection: &Connection) -> Result<(), JournalError> {
    match version(connection)? {
        VERSION => Ok(()),
        0 => {
            let transaction = connection.unchecked_transaction()?;
            transaction.execute_batch(include_str!("schema.sql"))?;
            transaction.pragma_update(None, "user_version", VERSION)?;
            Ok(transaction.commit()?)
        }
        newer => Err(JournalError::Newer { found: newer, known: VERSION }),
    }
}

fn version(connection: &Connection) -> rusqlite::Result<i64> {
    connection.query_row("PRAGMA user_version", [], |row| row.get(0))
}
