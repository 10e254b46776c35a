//! Deliveries (one message on one channel) and their attempts.

use rusqlite::{Connection, params};

mod again;
mod told;
mod tries;
mod waiting;

pub use again::*;
pub use told::*;
pub use tries::*;
pub use waiting::*;

/// How long a delivery is tried, in milliseconds.
pub const DEADLINE: i64 = 24 * 3600 * 1000;

/// How long after a part was accepted the rest is tried, in milliseconds: what greylists usually want.
const REST: i64 = 60 * 1000;

/// Where a delivery stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Not tried yet.
    Pending,
    /// A try is under way.
    Sending,
    /// A try failed; there will be another.
    Waiting,
    /// The channel has it.
    Accepted,
    /// It never will.
    Failed,
    /// Overtaken by events.
    Dropped,
}

impl State {
    /// As it stands in the database.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Sending => "sending",
            Self::Waiting => "waiting",
            Self::Accepted => "accepted",
            Self::Failed => "failed",
            Self::Dropped => "dropped",
        }
    }

    fn from_name(name: &str) -> Self {
        [Self::Pending, Self::Sending, Self::Waiting, Self::Accepted, Self::Dropped]
            .into_iter()
            .find(|state| state.name() == name)
            .unwrap_or(Self::Failed)
    }

    /// Whether it may still be accepted.
    #[must_use]
    pub const fn is_live(self) -> bool {
        matches!(self, Self::Pending | Self::Sending | Self::Waiting)
    }
}

/// One delivery as its siblings see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// Its number.
    pub id: i64,
    /// The step of the message that it belongs to.
    pub step: usize,
    /// The channel's name.
    pub channel: String,
    /// Where it stands.
    pub state: State,
    /// Why it waits, failed or was dropped.
    pub reason: Option<String>,
}

/// Writes the deliveries of a step, but not to a channel that this message is on its way to
/// already (or that has it).
///
/// # Errors
/// As the database.
pub fn insert(
    connection: &Connection,
    message: i64,
    step: usize,
    channels: &[String],
    not_before: i64,
) -> rusqlite::Result<()> {
    // Two statements: for one with a condition the database would copy what it changes, to take it back.
    let mut known = connection
        .prepare_cached("SELECT EXISTS (SELECT 1 FROM delivery WHERE message = ?1 AND channel = ?2)")?;
    let mut insert = connection.prepare_cached(
        "INSERT INTO delivery (message, step, channel, state, not_before, deadline)
         VALUES (?1, ?2, ?3, 'pending', ?4, ?5)",
    )?;
    for channel in channels {
        if !known.query_row(params![message, channel], |row| row.get(0))? {
            insert.execute(params![message, step as i64, channel, not_before, not_before + DEADLINE])?;
        }
    }
    Ok(())
}

/// Writes another delivery for those whom one that was accepted did not reach.
///
/// # Errors
/// As the database.
pub fn insert_rest(connection: &Connection, of: &Claim, now: i64) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "INSERT INTO delivery (message, step, channel, state, not_before, deadline)
             VALUES (?1, ?2, ?3, 'waiting', ?4, ?5)",
        )?
        .execute(params![of.message, of.step as i64, of.channel, now + REST, now + DEADLINE])
        .map(drop)
}

/// All deliveries of a message, in order.
///
/// # Errors
/// As the database.
pub fn of_message(connection: &Connection, message: i64) -> rusqlite::Result<Vec<Delivery>> {
    connection
        .prepare_cached(
            "SELECT id, step, channel, state, reason FROM delivery WHERE message = ?1 ORDER BY id",
        )?
        .query_map([message], |row| {
            Ok(Delivery {
                id: row.get(0)?,
                step: row.get::<_, i64>(1)? as usize,
                channel: row.get(2)?,
                state: State::from_name(&row.get::<_, String>(3)?),
                reason: row.get(4)?,
            })
        })?
        .collect()
}

/// Ends a delivery that has no try under way.
///
/// # Errors
/// As the database.
pub fn fail(connection: &Connection, delivery: i64, reason: &str) -> rusqlite::Result<()> {
    connection
        .prepare_cached("UPDATE delivery SET state = 'failed', reason = ?2 WHERE id = ?1")?
        .execute(params![delivery, reason])
        .map(drop)
}
