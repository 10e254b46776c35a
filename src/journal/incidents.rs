//! Incidents: from the first bad verdict to the end.

use std::collections::BTreeMap;

use log_monitor_channels::Event;
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::entities::Logging;
use super::events::millis;

/// What [`read`] reads.
const COLUMNS: &str = "id, subject, scope, key, label, severity, cause, since, opened, closed, outcome, part_of, freed, led_to, \
     logging, stopped";

/// What an incident is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Subject {
    /// A watched entity.
    Agent,
    /// What many entities have in common, and fell silent with.
    Pipeline,
    /// A source.
    Source,
    /// A channel.
    Channel,
    /// The journal itself.
    Journal,
}

impl Subject {
    /// As it stands in the database.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Agent => "agent",
            Self::Pipeline => "pipeline",
            Self::Source => "source",
            Self::Channel => "channel",
            Self::Journal => "journal",
        }
    }
}

/// Opens the incident that `event` begins.
///
/// # Errors
/// As the database.
pub fn open(connection: &Connection, subject: Subject, event: &Event) -> rusqlite::Result<i64> {
    let (key, label) =
        event.entity.as_ref().map_or(("", ""), |entity| (entity.id.as_str(), entity.label.as_str()));
    connection
        .prepare_cached(
            "INSERT INTO incident (subject, scope, key, label, severity, cause, since, opened, part_of)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
        )?
        .insert(params![
            subject.name(),
            event.scope,
            key,
            label,
            event.severity.name(),
            event.cause,
            event.since.map(millis),
            millis(event.at),
            event.part_of,
        ])
}

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

/// It is not as its beginning said: as bad as `event` says, for its reason, and explained by what explains that.
///
/// # Errors
/// As the database.
pub fn worsen(connection: &Connection, incident: i64, event: &Event) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "UPDATE incident SET severity = ?2, cause = ?3, part_of = ?4, freed = NULL WHERE id = ?1",
        )?
        .execute(params![incident, event.severity.name(), event.cause, event.part_of])
        .map(drop)
}

/// Its agents log like this, as far as anybody is told at `event`. Once it has stopped altogether, that stays.
///
/// # Errors
/// As the database.
pub fn set_logging(
    connection: &Connection,
    incident: i64,
    logging: Logging,
    event: &Event,
) -> rusqlite::Result<()> {
    match logging.name() {
        None => connection
            .prepare_cached(
                "UPDATE incident SET stopped = ?2 WHERE id = ?1 AND logging IS NOT NULL AND stopped IS NULL",
            )?
            .execute(params![incident, event.since.map(millis)]),
        Some(name) => connection
            .prepare_cached("UPDATE incident SET logging = ?2 WHERE id = ?1")?
            .execute(params![incident, name]),
    }
    .map(drop)
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
            "SELECT key, id, opened, logging, stopped FROM incident
             WHERE subject = 'pipeline' AND scope = ?1 AND closed IS NULL ORDER BY id",
        )?
        .query_map([watch], |row| {
            let logging = Logging::of(row.get::<_, Option<String>>(3)?.as_deref(), row.get(4)?);
            let (incident, opened) = (row.get(1)?, row.get(2)?);
            Ok((row.get(0)?, Stall { incident, opened, noticed: opened, logging }))
        })?
        .collect()
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

/// Closes an incident with the event that ended it.
///
/// # Errors
/// As the database.
pub fn close(connection: &Connection, incident: i64, event: &Event) -> rusqlite::Result<()> {
    connection
        .prepare_cached("UPDATE incident SET closed = ?2, outcome = ?3 WHERE id = ?1 AND closed IS NULL")?
        .execute(params![incident, millis(event.at), event.kind.name()])
        .map(drop)
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
            "SELECT COALESCE(since, opened) FROM incident WHERE subject = 'agent' AND scope = ?1 AND key = ?2 AND closed IS NULL
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
    /// The last log before it, in milliseconds.
    pub since: Option<i64>,
    /// In milliseconds.
    pub opened: i64,
    /// In milliseconds.
    pub closed: Option<i64>,
    /// The event that ended it.
    pub outcome: Option<String>,
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

fn read(row: &Row<'_>) -> rusqlite::Result<IncidentRow> {
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
        logging: Logging::of(row.get::<_, Option<String>>(14)?.as_deref(), row.get(15)?),
    })
}
