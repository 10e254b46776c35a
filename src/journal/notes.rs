//! What is learnt of open incidents without anything being told.

use rusqlite::{Connection, OptionalExtension, params};

use super::incidents::Subject;
use super::spells::{self, Spell};

/// One thing that is learnt of an incident.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Note {
    /// This one, which is open, explains it.
    PartOf(i64),
    /// This one, which is open, explains it, too; it was told before.
    LedTo(i64),
    /// What explained it does so no more, since then, in milliseconds.
    FreeSince(i64),
    /// Whom it is about logs again since then, in milliseconds, which is not believed yet; or has stopped again.
    BackSince(Option<i64>),
    /// Whom it is about logged in between.
    Logged(Spell),
}

impl Note {
    /// That it is over since then, which is not believed yet, or goes on, and when it was over before.
    #[must_use]
    pub fn of_return(since: Option<i64>, spells: &[Spell]) -> Vec<Self> {
        let logged = spells.iter().map(|spell| Self::Logged(*spell));
        std::iter::once(Self::BackSince(since)).chain(logged).collect()
    }
}

/// Writes notes, each of an incident.
///
/// # Errors
/// As the database.
pub fn write(connection: &Connection, notes: &[(i64, Note)]) -> rusqlite::Result<()> {
    for (incident, note) in notes {
        let (sql, value) = match *note {
            Note::PartOf(whole) => {
                ("UPDATE incident SET part_of = ?2, freed = NULL WHERE id = ?1", Some(whole))
            }
            Note::LedTo(whole) => ("UPDATE incident SET led_to = ?2 WHERE id = ?1", Some(whole)),
            Note::FreeSince(since) => ("UPDATE incident SET freed = ?2 WHERE id = ?1", Some(since)),
            Note::BackSince(since) => ("UPDATE incident SET back_since = ?2 WHERE id = ?1", since),
            Note::Logged(spell) => {
                spells::write(connection, *incident, &spell)?;
                continue;
            }
        };
        connection.prepare_cached(sql)?.execute(params![incident, value])?;
    }
    Ok(())
}

/// When that was over which explained an incident that was told before, in milliseconds, also where it is not
/// believed yet; the inner `None` = it is not over, the outer that there is none.
///
/// # Errors
/// As the database.
pub fn explained(connection: &Connection, incident: i64) -> rusqlite::Result<Option<Option<i64>>> {
    connection
        .prepare_cached(
            "SELECT COALESCE(incident.freed, whole.closed, whole.back_since) FROM incident
             JOIN incident AS whole ON whole.id = COALESCE(incident.part_of, incident.led_to)
             WHERE incident.id = ?1",
        )?
        .query_row([incident], |row| row.get(0))
        .optional()
}

/// Since when the agent of an incident logs again, in milliseconds, where that is not believed yet.
///
/// # Errors
/// As the database.
pub fn back_since(connection: &Connection, incident: i64) -> rusqlite::Result<Option<i64>> {
    let mut statement =
        connection.prepare_cached("SELECT back_since FROM incident WHERE id = ?1 AND closed IS NULL")?;
    statement.query_row([incident], |row| row.get(0)).optional().map(Option::flatten)
}

/// The same of all agents of a watch, or of all that its agents share, by key.
///
/// # Errors
/// As the database.
pub fn returns(
    connection: &Connection,
    subject: Subject,
    watch: &str,
) -> rusqlite::Result<Vec<(String, i64)>> {
    connection
        .prepare_cached(
            "SELECT key, back_since FROM incident
             WHERE subject = ?1 AND scope = ?2 AND closed IS NULL AND back_since IS NOT NULL",
        )?
        .query_map([subject.name(), watch], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect()
}
