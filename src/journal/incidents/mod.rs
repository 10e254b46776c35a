//! Incidents: from the first bad verdict to the end.

mod known;
mod rows;

use log_monitor_channels::Event;
use rusqlite::{Connection, params};

use super::entities::Logging;
use super::events::millis;

pub use known::*;
pub use rows::*;

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

/// It is not as its beginning said: as bad as `event` says, for its reason, and explained by what explains that,
/// and of as many as it names.
///
/// # Errors
/// As the database.
pub fn worsen(connection: &Connection, incident: i64, event: &Event) -> rusqlite::Result<()> {
    let label = event.entity.as_ref().map(|entity| entity.label.as_str());
    connection
        .prepare_cached(
            "UPDATE incident SET severity = ?2, cause = ?3, part_of = ?4, freed = NULL, label = COALESCE(?5, label)
             WHERE id = ?1",
        )?
        .execute(params![incident, event.severity.name(), event.cause, event.part_of, label])
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
                "UPDATE incident SET stopped = ?2, worsened = ?3
                 WHERE id = ?1 AND logging IS NOT NULL AND stopped IS NULL",
            )?
            .execute(params![incident, event.since.map(millis), millis(event.at)]),
        Some(name) => connection
            .prepare_cached("UPDATE incident SET logging = ?2 WHERE id = ?1")?
            .execute(params![incident, name]),
    }
    .map(drop)
}

/// Closes an incident with the event that ended it, which is written at `now`, in milliseconds.
///
/// # Errors
/// As the database.
pub fn close(connection: &Connection, incident: i64, event: &Event, now: i64) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "UPDATE incident SET closed = ?2, outcome = ?3, close_written = ?4 WHERE id = ?1 AND closed IS NULL",
        )?
        .execute(params![incident, millis(event.at), event.kind.name(), now])
        .map(drop)
}
