//! What can still be read of a database of which some pages are broken. A copy page by page would be as
//! broken as the file, and so would be the file that it returns to.

use rusqlite::types::Value;
use rusqlite::{Connection, params, params_from_iter};

use super::schema;

/// Whether every page can be read.
///
/// # Errors
/// When not even that can be asked.
pub fn is_sound(connection: &Connection) -> rusqlite::Result<bool> {
    let verdict: String = connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
    Ok(verdict == "ok")
}

/// A new journal in memory with every row that can be read from either end of its table, and the tables of which
/// that is not all.
///
/// # Errors
/// When there is no memory for it.
pub fn salvaged(from: &Connection) -> Result<(Connection, Vec<String>), super::JournalError> {
    let to = Connection::open_in_memory()?;
    schema::prepare(&to)?;
    // What a row refers to may be lost.
    to.pragma_update(None, "foreign_keys", false)?;
    let transaction = to.unchecked_transaction()?;
    let mut in_part = Vec::new();
    for table in tables(&to)? {
        if let Err(error) = rows(from, &to, &table) {
            tracing::error!("journal: what cannot be read of `{table}` is left out ({error})");
            in_part.push(table);
        }
    }
    sequences(from, &to)?;
    transaction.commit()?;
    to.pragma_update(None, "foreign_keys", true)?;
    Ok((to, in_part))
}

fn tables(connection: &Connection) -> rusqlite::Result<Vec<String>> {
    let sql = "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'";
    connection.prepare(sql)?.query_map([], |row| row.get(0))?.collect()
}

/// Copies up to the first row that cannot be read, then from the last row back to it.
fn rows(from: &Connection, to: &Connection, table: &str) -> rusqlite::Result<()> {
    let columns = names(from, table, "1")?;
    let order = names(from, table, "pk > 0 ORDER BY pk")?;
    match copied(from, to, table, &columns, &order.join(", ")) {
        Ok(()) => Ok(()),
        Err(error) => {
            // The other end may end in the same place: that was said already.
            let _ = copied(from, to, table, &columns, &(order.join(" DESC, ") + " DESC"));
            Err(error)
        }
    }
}

/// The table's columns of which `which` is true. A file of an earlier version has fewer of them.
fn names(from: &Connection, table: &str, which: &str) -> rusqlite::Result<Vec<String>> {
    let sql = format!("SELECT name FROM pragma_table_info(?1) WHERE {which}");
    from.prepare(&sql)?.query_map([table], |row| row.get(0))?.collect()
}

fn copied(
    from: &Connection,
    to: &Connection,
    table: &str,
    columns: &[String],
    order: &str,
) -> rusqlite::Result<()> {
    let (listed, marks) = (columns.join(", "), vec!["?"; columns.len()].join(", "));
    let mut insert = to.prepare(&format!("INSERT OR IGNORE INTO {table} ({listed}) VALUES ({marks})"))?;
    let mut select = from.prepare(&format!("SELECT {listed} FROM {table} NOT INDEXED ORDER BY {order}"))?;
    let mut found = select.query([])?;
    while let Some(row) = found.next()? {
        let values: Vec<Value> = (0..columns.len()).map(|at| row.get(at)).collect::<Result<_, _>>()?;
        insert.execute(params_from_iter(values))?;
    }
    Ok(())
}

/// Numbers that were given once are not given again, though their rows are lost.
fn sequences(from: &Connection, to: &Connection) -> rusqlite::Result<()> {
    let mut known = from.prepare("SELECT name, seq FROM sqlite_sequence")?;
    let mut found = known.query([])?;
    // Its page may be the broken one.
    while let Ok(Some(row)) = found.next() {
        let (name, last): (String, i64) = (row.get(0)?, row.get(1)?);
        to.execute("DELETE FROM sqlite_sequence WHERE name = ?1 AND seq < ?2", params![name, last])?;
        to.execute(
            "INSERT INTO sqlite_sequence (name, seq) SELECT ?1, ?2
             WHERE NOT EXISTS (SELECT 1 FROM sqlite_sequence WHERE name = ?1)",
            params![name, last],
        )?;
    }
    Ok(())
}
