//! Incidents as rows, for lists and for those who explain them.

use rusqlite::{Connection, OptionalExtension, Row, params};

use super::Subject;
use crate::journal::entities::Logging;

/// What [`read`] reads.
const COLUMNS: &str = "id, subject, scope, key, label, severity, cause, since, opened, closed, outcome, part_of, freed, led_to, \
     logging, stopped";

/// One incident, for lists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IncidentRow {
    /// Its number.
    pub id: i64,
    /// `agent`, `source`, …
    pub subject: String,
    /// The watch, source or channel.
    pub scope: String,
    /// The entity, else empty.
    pub key: String,
    /// Its label.
    pub label: String,
    /// How bad.
    pub severity: String,
    /// Why, as a word.
    pub cause: String,
    /// The incident that explains it.
    pub part_of: Option<i64>,
    /// Since when that does so no more, though it is not over, in milliseconds.
    pub freed: Option<i64>,
    /// The stall that explains it, though it was told by itself.
    pub led_to: Option<i64>,
    /// Whether its agents log all the same.
    pub logging: Logging,
    /// The last log of agents that logged too little and then stopped altogether, in milliseconds.
    pub stopped: Option<i64>,
    /// The last log before it, in milliseconds.
    pub since: Option<i64>,
    /// In milliseconds.
    pub opened: i64,
    /// In milliseconds.
    pub closed: Option<i64>,
    /// The event that ended it.
    pub outcome: Option<String>,
}

impl IncidentRow {
    /// The last log before it, or, of agents that logged too little, before they stopped; in milliseconds.
    #[must_use]
    pub fn last_log(&self) -> Option<i64> {
        self.stopped.or(self.since)
    }
}

/// The newest incidents first; the open ones only unless `all`.
///
/// # Errors
/// As the database.
pub fn list(connection: &Connection, all: bool, limit: usize) -> rusqlite::Result<Vec<IncidentRow>> {
    connection
        .prepare(&format!(
            "SELECT {COLUMNS} FROM incident
             WHERE ?1 OR closed IS NULL ORDER BY id DESC LIMIT ?2"
        ))?
        .query_map(params![all, limit as i64], read)?
        .collect()
}

/// One incident.
///
/// # Errors
/// As the database.
pub fn by_id(connection: &Connection, id: i64) -> rusqlite::Result<Option<IncidentRow>> {
    connection
        .prepare(&format!(
            "SELECT {COLUMNS} FROM incident
             WHERE id = ?1"
        ))?
        .query_row([id], read)
        .optional()
}

/// The last incident of a subject that was opened until `at`, in milliseconds. `key` is the agent's, or
/// empty.
///
/// # Errors
/// As the database.
pub fn last_at(
    connection: &Connection,
    subject: Subject,
    scope: &str,
    key: &str,
    at: i64,
) -> rusqlite::Result<Option<IncidentRow>> {
    connection
        .prepare(&format!(
            "SELECT {COLUMNS} FROM incident
             WHERE subject = ?1 AND scope = ?2 AND key = ?3 AND opened <= ?4 ORDER BY id DESC LIMIT 1"
        ))?
        .query_row(params![subject.name(), scope, key, at], read)
        .optional()
}

/// The incidents of a source that are open or were opened since `since`, in milliseconds, in order.
///
/// # Errors
/// As the database.
pub fn of_source_since(
    connection: &Connection,
    source: &str,
    since: i64,
) -> rusqlite::Result<Vec<IncidentRow>> {
    connection
        .prepare_cached(&format!(
            "SELECT {COLUMNS} FROM incident
             WHERE subject = 'source' AND scope = ?1 AND (closed IS NULL OR opened > ?2) ORDER BY id"
        ))?
        .query_map(params![source, since], read)?
        .collect()
}

fn read(row: &Row<'_>) -> rusqlite::Result<IncidentRow> {
    let (logged, stopped): (Option<String>, Option<i64>) = (row.get(14)?, row.get(15)?);
    let few = logged.as_deref() == Logging::TooFew.name();
    Ok(IncidentRow {
        id: row.get(0)?,
        subject: row.get(1)?,
        scope: row.get(2)?,
        key: row.get(3)?,
        label: row.get(4)?,
        severity: row.get(5)?,
        cause: row.get(6)?,
        since: row.get(7)?,
        opened: row.get(8)?,
        closed: row.get(9)?,
        outcome: row.get(10)?,
        part_of: row.get(11)?,
        freed: row.get(12)?,
        led_to: row.get(13)?,
        logging: Logging::of(logged.as_deref(), stopped),
        stopped: stopped.filter(|_| few),
    })
}
