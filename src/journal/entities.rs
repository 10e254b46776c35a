//! What is watched, as far as it must survive a restart.

use rusqlite::{Connection, Row, params};

/// The open incident of an entity.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Silence {
    /// Its number.
    pub incident: i64,
    /// When it was opened, in milliseconds.
    pub opened: i64,
    /// When it was noticed that it has stopped altogether, if it logged all the same before, in milliseconds.
    pub worsened: Option<i64>,
    /// Whether it is told by itself.
    pub part: Part,
    /// Whether it logs all the same.
    pub logging: Logging,
}

impl Silence {
    /// When it was noticed, or that it got worse, in milliseconds.
    #[must_use]
    pub fn noticed(&self) -> i64 {
        self.worsened.unwrap_or(self.opened)
    }
}

/// How an entity logs of which an incident is open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Logging {
    /// Not at all.
    #[default]
    No,
    /// Its logs arrive late.
    Late,
    /// Less than it should.
    TooFew,
}

impl Logging {
    /// As it stands in the database.
    #[must_use]
    pub const fn name(self) -> Option<&'static str> {
        match self {
            Self::No => None,
            Self::Late => Some("late"),
            Self::TooFew => Some("too_few"),
        }
    }

    /// What the database says of an incident: how its entity logged, and the last log before it stopped
    /// altogether.
    #[must_use]
    pub fn of(name: Option<&str>, stopped: Option<i64>) -> Self {
        let all = [Self::Late, Self::TooFew].into_iter();
        all.filter(|_| stopped.is_none()).find(|one| one.name() == name).unwrap_or_default()
    }
}

/// Whether a silence is told by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// It is.
    Alone,
    /// It is, and this incident, which is open and was noticed shortly after it, explains it.
    Led(i64),
    /// It is explained by this incident, which is open.
    Of(i64),
    /// It was; that incident is over since then, in milliseconds.
    FreeSince(i64),
}

impl Part {
    /// Whether a message has told it by itself.
    #[must_use]
    pub const fn is_told(self) -> bool {
        matches!(self, Self::Alone | Self::Led(_))
    }

    /// The open incident that explains it, if any does.
    #[must_use]
    pub const fn whole(self) -> Option<i64> {
        match self {
            Self::Led(whole) | Self::Of(whole) => Some(whole),
            Self::Alone | Self::FreeSince(_) => None,
        }
    }
}

/// One entity's row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EntityRow {
    /// Its key in the watch.
    pub key: String,
    /// Its label.
    pub label: String,
    /// Newest life sign, in milliseconds. A checkpoint: it may be some minutes behind.
    pub last_seen: Option<i64>,
    /// The open incident: the entity is silent.
    pub silence: Option<Silence>,
    /// Its newest life sign before that, in milliseconds; only read.
    pub since: Option<i64>,
}

/// Every entity of a watch.
///
/// # Errors
/// As the database.
pub fn of_watch(connection: &Connection, watch: &str) -> rusqlite::Result<Vec<EntityRow>> {
    connection
        .prepare_cached(
            "SELECT entity.key, entity.label, entity.last_seen, incident.id, incident.opened, parent.id,
                    COALESCE(incident.freed, parent.closed),
                    CASE incident.logging WHEN 'too_few' THEN COALESCE(incident.stopped, incident.since)
                                          ELSE incident.since END,
                    led.id, incident.logging, incident.stopped, incident.worsened
             FROM entity LEFT JOIN incident ON incident.id = entity.incident
             LEFT JOIN incident AS parent ON parent.id = incident.part_of
             LEFT JOIN incident AS led ON led.id = incident.led_to AND led.closed IS NULL
             WHERE entity.watch = ?1 ORDER BY entity.key",
        )?
        .query_map([watch], |row| {
            Ok(EntityRow {
                key: row.get(0)?,
                label: row.get(1)?,
                last_seen: row.get(2)?,
                silence: silence(row)?,
                since: row.get(7)?,
            })
        })?
        .collect()
}

fn silence(row: &Row<'_>) -> rusqlite::Result<Option<Silence>> {
    let Some(incident) = row.get(3)? else { return Ok(None) };
    let part = match (row.get(5)?, row.get(6)?) {
        (None, _) => row.get::<_, Option<i64>>(8)?.map_or(Part::Alone, Part::Led),
        (Some(parent), None) => Part::Of(parent),
        (Some(_), Some(since)) => Part::FreeSince(since),
    };
    let logging = Logging::of(row.get::<_, Option<String>>(9)?.as_deref(), row.get(10)?);
    Ok(Some(Silence { incident, opened: row.get(4)?, worsened: row.get(11)?, part, logging }))
}

/// Writes rows, new or known.
///
/// # Errors
/// As the database.
pub fn save(connection: &Connection, watch: &str, rows: &[EntityRow]) -> rusqlite::Result<()> {
    let mut statement = connection.prepare_cached(
        "INSERT INTO entity (watch, key, label, last_seen, incident) VALUES (?1, ?2, ?3, ?4, ?5)
         ON CONFLICT (watch, key) DO UPDATE
         SET label = excluded.label, last_seen = excluded.last_seen, incident = excluded.incident",
    )?;
    for row in rows {
        let incident = row.silence.map(|silence| silence.incident);
        statement.execute(params![watch, row.key, row.label, row.last_seen, incident])?;
    }
    Ok(())
}

/// Forgets an entity that is no longer watched.
///
/// # Errors
/// As the database.
pub fn remove(connection: &Connection, watch: &str, key: &str) -> rusqlite::Result<()> {
    connection
        .prepare_cached("DELETE FROM entity WHERE watch = ?1 AND key = ?2")?
        .execute(params![watch, key])
        .map(drop)
}

/// The names of all watches that have entities.
///
/// # Errors
/// As the database.
pub fn watches(connection: &Connection) -> rusqlite::Result<Vec<String>> {
    connection.prepare_cached("SELECT DISTINCT watch FROM entity")?.query_map([], |row| row.get(0))?.collect()
}
