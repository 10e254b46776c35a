//! When agents that flap logged although their silence went on: its end was not believed, and they
//! stopped again.

use rusqlite::{Connection, Row, params};

/// One such time. In milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Spell {
    /// The first log.
    pub begins: i64,
    /// The last.
    pub ends: i64,
    /// When it was noticed that no more came.
    pub noticed: i64,
}

/// Writes one down.
///
/// # Errors
/// As the database.
pub fn write(connection: &Connection, incident: i64, spell: &Spell) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "INSERT OR REPLACE INTO spell (incident, begins, ends, noticed) VALUES (?1, ?2, ?3, ?4)",
        )?
        .execute(params![incident, spell.begins, spell.ends, spell.noticed])
        .map(drop)
}

/// Those of an incident, in order.
///
/// # Errors
/// As the database.
pub fn of(connection: &Connection, incident: i64) -> rusqlite::Result<Vec<Spell>> {
    connection
        .prepare_cached("SELECT begins, ends, noticed FROM spell WHERE incident = ?1 ORDER BY begins")?
        .query_map([incident], read)?
        .collect()
}

fn read(row: &Row<'_>) -> rusqlite::Result<Spell> {
    Ok(Spell { begins: row.get(0)?, ends: row.get(1)?, noticed: row.get(2)? })
}
