//! What is known of incidents: which are open and since when, and those of lately.

use std::collections::BTreeMap;

use rusqlite::{Connection, OptionalExtension, params};

use super::Subject;
use crate::journal::entities::Logging;

/// How bad an incident is; `None` = there is none of that number, or it is over.
///
/// # Errors
/// As the database.
pub fn severity_of_open(connection: &Connection, incident: i64) -> rusqlite::Result<Option<String>> {
    connection
        .prepare_cached("SELECT severity FROM incident WHERE id = ?1 AND closed IS NULL")?
        .query_row([incident], |row| row.get(0))
        .optional()
}

/// An open incident of a pipeline.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stall {
    /// Its number.
    pub incident: i64,
    /// When it was opened, in milliseconds.
    pub opened: i64,
    /// When it was noticed last, or got worse, in milliseconds.
    pub noticed: i64,
    /// Whether its agents were said to log all the same.
    pub logging: Logging,
}

/// The open incidents of a watch's pipeline, by what their entities share.
///
/// # Errors
/// As the database.
pub fn open_stalls(connection: &Connection, watch: &str) -> rusqlite::Result<Vec<(String, Stall)>> {
    connection
        .prepare_cached(
            "SELECT key, id, opened, logging, stopped, COALESCE(worsened, opened) FROM incident
             WHERE subject = 'pipeline' AND scope = ?1 AND closed IS NULL ORDER BY id",
        )?
        .query_map([watch], |row| {
            let logging = Logging::of(row.get::<_, Option<String>>(3)?.as_deref(), row.get(4)?);
            let (incident, opened, noticed) = (row.get(1)?, row.get(2)?, row.get(5)?);
            Ok((row.get(0)?, Stall { incident, opened, noticed, logging }))
        })?
        .collect()
}

/// When the agents of a watch, or what they share, fell silent by themselves since `since`, in milliseconds, in
/// order: again within an incident, too.
///
/// # Errors
/// As the database.
pub fn silences_since(
    connection: &Connection,
    subject: Subject,
    watch: &str,
    since: i64,
) -> rusqlite::Result<Vec<(String, i64)>> {
    connection
        .prepare_cached(
            "SELECT key, opened FROM incident
             WHERE subject = ?1 AND scope = ?2 AND opened > ?3 AND part_of IS NULL
             UNION ALL SELECT key, noticed FROM spell JOIN incident ON incident.id = spell.incident
             WHERE subject = ?1 AND scope = ?2 AND noticed > ?3 AND part_of IS NULL ORDER BY 2",
        )?
        .query_map(params![subject.name(), watch, since], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect()
}

/// When the last silence of each agent of a watch ended, in milliseconds, of those that have had one.
///
/// # Errors
/// As the database.
pub fn silences_ended(connection: &Connection, watch: &str) -> rusqlite::Result<Vec<(String, i64)>> {
    connection
        .prepare_cached(
            "SELECT key, MAX(closed) FROM incident
             WHERE subject = 'agent' AND scope = ?1 AND closed IS NOT NULL GROUP BY key",
        )?
        .query_map([watch], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect()
}

/// The open incidents of a subject that has no entities, by scope.
///
/// # Errors
/// As the database.
pub fn open_of(connection: &Connection, subject: Subject) -> rusqlite::Result<BTreeMap<String, i64>> {
    connection
        .prepare_cached("SELECT scope, id FROM incident WHERE subject = ?1 AND closed IS NULL")?
        .query_map([subject.name()], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect()
}

/// The last log of an agent that is silent, or when that was noticed, in milliseconds.
///
/// # Errors
/// As the database.
pub fn agent_silent_since(connection: &Connection, watch: &str, key: &str) -> rusqlite::Result<Option<i64>> {
    connection
        .prepare_cached(
            "SELECT COALESCE(stopped, since, opened) FROM incident WHERE subject = 'agent' AND scope = ?1 AND key = ?2 AND closed IS NULL
             ORDER BY id DESC LIMIT 1",
        )?
        .query_row(params![watch, key], |row| row.get(0))
        .optional()
}

/// The open incident of a subject that has no entity (a source, the journal), and when it was opened,
/// in milliseconds.
///
/// # Errors
/// As the database.
pub fn open_since(
    connection: &Connection,
    subject: Subject,
    scope: &str,
) -> rusqlite::Result<Option<(i64, i64)>> {
    connection
        .prepare_cached(
            "SELECT id, opened FROM incident WHERE subject = ?1 AND scope = ?2 AND key = '' AND closed IS NULL",
        )?
        .query_row(params![subject.name(), scope], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()
}

/// Whether the silence of another agent explained an incident, and that one logs again.
///
/// # Errors
/// As the database.
pub fn is_part_of_agent(connection: &Connection, incident: i64) -> rusqlite::Result<bool> {
    connection
        .prepare_cached(
            "SELECT EXISTS (SELECT 1 FROM incident JOIN incident AS whole ON whole.id = incident.part_of
             WHERE incident.id = ?1 AND whole.subject = 'agent' AND whole.outcome = 'agent_recovered')",
        )?
        .query_row([incident], |row| row.get(0))
}

/// Whether it is still open.
///
/// # Errors
/// As the database.
pub fn is_open(connection: &Connection, incident: i64) -> rusqlite::Result<bool> {
    connection
        .prepare_cached("SELECT closed IS NULL FROM incident WHERE id = ?1")?
        .query_row([incident], |row| row.get(0))
        .optional()
        .map(Option::unwrap_or_default)
}
