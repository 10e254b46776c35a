//! Messages: what a route has to say, and how far it has come.

use log_monitor_channels::{EventKind, MessageKind};
use rusqlite::{Connection, Row, params};

use crate::config::{Reminders, Step};

mod ends;
mod escalations;
mod held;
mod reminders;
mod steps;

pub use ends::*;
pub use escalations::*;
pub use held::*;
pub use reminders::*;
pub use steps::*;

/// A message to write.
#[derive(Debug, Clone, PartialEq)]
pub struct NewMessage {
    /// The route's name.
    pub route: String,
    /// Its part.
    pub kind: MessageKind,
    /// The kind of its events.
    pub topic: EventKind,
    /// The firing that it answers.
    pub parent: Option<i64>,
    /// Now, in milliseconds.
    pub created: i64,
    /// When it may be sent, in milliseconds; until then it takes in more events.
    pub send_at: i64,
    /// Where to, in order. Never empty. The escalations of a firing are kept for later.
    pub steps: Vec<Step>,
    /// For a firing.
    pub reminders: Option<Reminders>,
    /// What it is about.
    pub events: Vec<i64>,
    /// Why it waits for `send_at`, unless only to be merged with others.
    pub held_by: Option<Held>,
    /// Why its parent is told to further people, if it is that.
    pub escalation: Option<String>,
    /// Its group of the route; empty for all of them.
    pub grouped: String,
    /// Whether it waits because many came before it.
    pub merges: Merges,
}

/// Whether a message waits because many came before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Merges {
    /// It does not.
    #[default]
    No,
    /// It is the first that does.
    Begins,
    /// So did the one before it.
    GoesOn,
}

impl Merges {
    const fn number(self) -> i64 {
        match self {
            Self::No => 0,
            Self::Begins => 1,
            Self::GoesOn => 2,
        }
    }

    const fn from_number(number: i64) -> Self {
        match number {
            0 => Self::No,
            1 => Self::Begins,
            _ => Self::GoesOn,
        }
    }
}

/// What holds a message back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    /// For people.
    pub reason: String,
    /// The silence, if it is one.
    pub silence: Option<i64>,
}

/// A message under way.
#[derive(Debug, Clone, PartialEq)]
pub struct Message {
    /// Its number.
    pub id: i64,
    /// The route's name.
    pub route: String,
    /// Its part.
    pub kind: MessageKind,
    /// The kind of its events.
    pub topic: EventKind,
    /// The firing that it answers.
    pub parent: Option<i64>,
    /// In milliseconds.
    pub created: i64,
    /// In milliseconds.
    pub send_at: i64,
    /// Where to, in order. Empty when the journal's record of it is damaged.
    pub steps: Vec<Step>,
    /// The step it is at, counted from 0.
    pub step: usize,
    /// For a firing.
    pub reminders: Option<Reminders>,
    /// When the next reminder is due, in milliseconds.
    pub reminder_at: Option<i64>,
    /// How many reminders were written.
    pub reminded: u32,
    /// Some incident of this firing is over.
    pub ended: bool,
    /// Why it waited, unless only to be merged with others.
    pub held_by: Option<String>,
    /// Why its parent is told to further people, if it is that.
    pub escalation: Option<String>,
    /// For a firing: the steps from the next escalation on.
    pub escalations: Vec<Step>,
    /// Its group of the route; empty for all of them.
    pub grouped: String,
    /// Whether it waited because many came before it.
    pub merges: Merges,
}

const COLUMNS: &str = "id, route, kind, topic, parent, created, send_at, steps, step, reminders, reminder_at, reminded, ended, held_by, escalation,
    escalations, grouped, merges";

/// Writes a message, its events and the deliveries of its first step.
///
/// # Errors
/// As the database.
pub fn insert(connection: &Connection, new: &NewMessage) -> rusqlite::Result<i64> {
    let reminder_at = new.reminders.map(|policy| new.send_at + millis(policy.first));
    let (steps, escalations) = Step::chain(&new.steps);
    let escalations = Some(escalations).filter(|_| new.kind == MessageKind::Firing);
    let id = connection
        .prepare_cached(
            "INSERT INTO message (route, kind, topic, parent, created, send_at, steps, fallback_at, reminders,
                                  reminder_at, held_by, silence, escalation, escalations, escalate_at, grouped, merges)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17)",
        )?
        .insert(params![
            new.route,
            new.kind.name(),
            new.topic.name(),
            new.parent,
            new.created,
            new.send_at,
            json(&steps)?,
            fallback_at(steps, 0, new.send_at),
            new.reminders.as_ref().map(json).transpose()?,
            reminder_at,
            new.held_by.as_ref().map(|held| &held.reason),
            new.held_by.as_ref().and_then(|held| held.silence),
            new.escalation,
            escalations.map(|steps| json(&steps)).transpose()?,
            escalations.and_then(|steps| escalate_at(steps, new.send_at)),
            new.grouped,
            new.merges.number(),
        ])?;
    add_events(connection, id, &new.events)?;
    super::deliveries::insert(connection, id, 0, &steps[0].to, new.send_at)?;
    Ok(id)
}

/// Adds events to a message that is not sent yet.
///
/// # Errors
/// As the database.
pub fn add_events(connection: &Connection, message: i64, events: &[i64]) -> rusqlite::Result<()> {
    let mut statement =
        connection.prepare_cached("INSERT OR IGNORE INTO message_event (message, event) VALUES (?1, ?2)")?;
    events.iter().try_for_each(|event| statement.execute(params![message, event]).map(drop))
}

/// One message.
///
/// # Errors
/// As the database; also when there is none of that number.
pub fn get(connection: &Connection, id: i64) -> rusqlite::Result<Message> {
    connection.prepare_cached(&format!("SELECT {COLUMNS} FROM message WHERE id = ?1"))?.query_row([id], read)
}

/// The last step has no timer: there is nothing to fall back to.
fn fallback_at(steps: &[Step], step: usize, start: i64) -> Option<i64> {
    (step + 1 < steps.len()).then(|| start + millis(steps[step].fallback_after))
}

fn millis(duration: std::time::Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX / 4)
}

fn json<T: serde::Serialize>(value: &T) -> rusqlite::Result<String> {
    serde_json::to_string(value).map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))
}

/// `None` for what is damaged too: it must not stop everything else.
fn from_json<T: serde::de::DeserializeOwned>(text: Option<String>) -> Option<T> {
    serde_json::from_str(&text?).ok()
}

/// Reads [`COLUMNS`], in their order.
fn read(row: &Row<'_>) -> rusqlite::Result<Message> {
    let kind: String = row.get(2)?;
    let topic: String = row.get(3)?;
    Ok(Message {
        id: row.get(0)?,
        route: row.get(1)?,
        kind: MessageKind::from_name(&kind).unwrap_or(MessageKind::Notice),
        topic: EventKind::from_name(&topic).unwrap_or(EventKind::SetupFailed),
        parent: row.get(4)?,
        created: row.get(5)?,
        send_at: row.get(6)?,
        steps: from_json(row.get(7)?).unwrap_or_default(),
        step: row.get::<_, i64>(8)? as usize,
        reminders: from_json(row.get(9)?),
        reminder_at: row.get(10)?,
        reminded: row.get(11)?,
        ended: row.get(12)?,
        held_by: row.get(13)?,
        escalation: row.get(14)?,
        escalations: from_json(row.get(15)?).unwrap_or_default(),
        grouped: row.get(16)?,
        merges: Merges::from_number(row.get(17)?),
    })
}
