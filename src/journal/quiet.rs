//! Silences of which nothing is said for a while, and why.

use rusqlite::{Connection, OptionalExtension, params};

/// Nothing is said of an incident between these times, in milliseconds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quiet {
    /// The incident.
    pub incident: i64,
    /// From then …
    pub from: i64,
    /// … until then.
    pub until: i64,
    /// A sentence for people, true once it has ended.
    pub why: String,
}

impl Quiet {
    /// Whether nothing is said at `now`, in milliseconds.
    #[must_use]
    pub fn holds(&self, now: i64) -> bool {
        (self.from..self.until).contains(&now)
    }
}

/// Puts these in the place of what was known of a watch.
///
/// # Errors
/// As the database.
pub fn replace(connection: &Connection, watch: &str, all: &[Quiet]) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "DELETE FROM quiet WHERE incident IN
             (SELECT id FROM incident WHERE subject IN ('agent', 'pipeline') AND scope = ?1)",
        )?
        .execute([watch])?;
    let mut insert = connection.prepare_cached(
        "INSERT OR REPLACE INTO quiet (incident, begins, ends, why) VALUES (?1, ?2, ?3, ?4)",
    )?;
    all.iter().try_for_each(|quiet| {
        insert.execute(params![quiet.incident, quiet.from, quiet.until, quiet.why]).map(drop)
    })
}

/// What is known of an incident.
///
/// # Errors
/// As the database.
pub fn of(connection: &Connection, incident: i64) -> rusqlite::Result<Option<Quiet>> {
    connection
        .prepare_cached("SELECT begins, ends, why FROM quiet WHERE incident = ?1")?
        .query_row([incident], |row| {
            Ok(Quiet { incident, from: row.get(0)?, until: row.get(1)?, why: row.get(2)? })
        })
        .optional()
}
