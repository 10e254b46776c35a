//! Acknowledgements: who takes care of an incident, so that nobody is reminded of it.

use log_monitor_channels::Severity;
use rusqlite::{Connection, OptionalExtension, params};

/// Somebody takes care of an incident.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ack {
    /// The incident.
    pub incident: i64,
    /// Who.
    pub author: String,
    /// Why, or what is done; may be empty.
    pub reason: String,
    /// How bad it was then.
    pub severity: Severity,
    /// In milliseconds.
    pub created: i64,
    /// It holds until then, in milliseconds, or until the incident is over.
    pub until: i64,
}

impl Ack {
    /// Whether it is of what was told at `at`, in milliseconds, and so bad: not of what got worse after it.
    #[must_use]
    pub fn covers(&self, at: i64, severity: Severity) -> bool {
        self.severity >= severity && self.created >= at
    }
}

/// Takes an acknowledgement down, in place of an earlier one.
///
/// # Errors
/// As the database.
pub fn set(connection: &Connection, ack: &Ack) -> rusqlite::Result<()> {
    connection
        .execute(
            "INSERT OR REPLACE INTO ack (incident, author, reason, severity, created, until)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            params![ack.incident, ack.author, ack.reason, ack.severity.name(), ack.created, ack.until],
        )
        .map(drop)
}

/// The acknowledgement of an incident that holds at `now`.
///
/// # Errors
/// As the database.
pub fn of(connection: &Connection, incident: i64, now: i64) -> rusqlite::Result<Option<Ack>> {
    connection
        .prepare_cached(
            "SELECT author, reason, severity, created, until FROM ack WHERE incident = ?1 AND until > ?2",
        )?
        .query_row([incident, now], |row| {
            let severity: String = row.get("severity")?;
            Ok(Ack {
                incident,
                author: row.get("author")?,
                reason: row.get("reason")?,
                severity: Severity::from_name(&severity).unwrap_or_default(),
                created: row.get("created")?,
                until: row.get("until")?,
            })
        })
        .optional()
}

/// A number that is another one whenever somebody has acknowledged something.
///
/// # Errors
/// As the database.
pub fn mark(connection: &Connection) -> rusqlite::Result<i64> {
    connection.prepare_cached("SELECT COALESCE(SUM(created), 0) FROM ack")?.query_row([], |row| row.get(0))
}
