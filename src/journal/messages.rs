//! Messages: what a route has to say, and how far it has come.

use log_monitor_channels::{EventKind, MessageKind};
use rusqlite::{Connection, Row, params};

use crate::config::{Reminders, Step};

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

/// The messages of a route and topic that are held back at `now` for the same reason (`None`: to be
/// merged), newest first: of one group, or of all. They take in more, because nobody has been sent them yet.
///
/// # Errors
/// As the database.
pub fn held_back(
    connection: &Connection,
    (route, topic, grouped): (&str, EventKind, &str),
    held_by: Option<&str>,
    now: i64,
) -> rusqlite::Result<Vec<Message>> {
    connection
        .prepare_cached(&format!(
            "SELECT {COLUMNS} FROM message
             WHERE route = ?1 AND topic = ?2 AND send_at > ?3 AND send_at > created AND outcome IS NULL
             AND held_by IS ?4 AND grouped IN (?5, '')
             AND NOT EXISTS (SELECT 1 FROM delivery WHERE message = message.id AND attempts > 0)
             ORDER BY send_at DESC"
        ))?
        .query_map(params![route, topic.name(), now, held_by, grouped], read)?
        .collect()
}

/// When a message went or will go out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sent {
    /// In milliseconds.
    pub at: i64,
    /// It was held back, because many came before it.
    pub held: bool,
    /// It was of all groups of the route.
    pub whole: bool,
}

/// The newest messages of a route and topic since `since`, newest first; of one group, if that is asked for.
///
/// # Errors
/// As the database.
pub fn newest(
    connection: &Connection,
    (route, topic, grouped): (&str, EventKind, Option<&str>),
    since: i64,
    limit: u32,
) -> rusqlite::Result<Vec<Sent>> {
    connection
        .prepare_cached(
            "SELECT send_at, merges > 0, grouped = '' FROM message
             WHERE route = ?1 AND topic = ?2 AND send_at > ?3 AND held_by IS NULL AND grouped = COALESCE(?5, grouped)
             ORDER BY send_at DESC LIMIT ?4",
        )?
        .query_map(params![route, topic.name(), since, limit, grouped], |row| {
            Ok(Sent { at: row.get(0)?, held: row.get(1)?, whole: row.get(2)? })
        })?
        .collect()
}

/// One message.
///
/// # Errors
/// As the database; also when there is none of that number.
pub fn get(connection: &Connection, id: i64) -> rusqlite::Result<Message> {
    connection.prepare_cached(&format!("SELECT {COLUMNS} FROM message WHERE id = ?1"))?.query_row([id], read)
}

/// The firings that an incident was in, oldest first.
///
/// # Errors
/// As the database.
pub fn firings_of(connection: &Connection, incident: i64) -> rusqlite::Result<Vec<Message>> {
    connection
        .prepare_cached(&format!(
            "SELECT DISTINCT {} FROM event JOIN message_event ON message_event.event = event.id
             JOIN message ON message.id = message_event.message
             WHERE event.incident = ?1 AND message.kind = 'firing' ORDER BY message.id",
            COLUMNS.split(", ").map(|column| format!("message.{column}")).collect::<Vec<_>>().join(", ")
        ))?
        .query_map([incident], read)?
        .collect()
}

/// A firing, its reminders and its escalations.
///
/// # Errors
/// As the database.
pub fn with_reminders(connection: &Connection, firing: i64) -> rusqlite::Result<Vec<i64>> {
    connection
        .prepare_cached(
            "SELECT id FROM message WHERE id = ?1 UNION SELECT message FROM reminder_of WHERE firing = ?1 ORDER BY 1",
        )?
        .query_map([firing], |row| row.get(0))?
        .collect()
}

/// The reminders of a firing.
///
/// # Errors
/// As the database.
pub fn reminders_of(connection: &Connection, firing: i64) -> rusqlite::Result<Vec<i64>> {
    connection
        .prepare_cached(
            "SELECT id FROM reminder_of JOIN message ON message.id = reminder_of.message
             WHERE firing = ?1 AND escalation IS NULL ORDER BY id",
        )?
        .query_map([firing], |row| row.get(0))?
        .collect()
}

/// Which reminder of its firing a message is, from 1.
///
/// # Errors
/// As the database.
pub fn reminder_number(connection: &Connection, firing: i64, reminder: i64) -> rusqlite::Result<u32> {
    connection
        .prepare_cached(
            "SELECT COUNT(*) FROM reminder_of JOIN message ON message.id = reminder_of.message
             WHERE firing = ?1 AND escalation IS NULL AND message.id <= ?2",
        )?
        .query_row([firing, reminder], |row| row.get(0))
}

/// The firings that a reminder is of, oldest first.
///
/// # Errors
/// As the database.
pub fn reminded_of(connection: &Connection, reminder: i64) -> rusqlite::Result<Vec<i64>> {
    connection
        .prepare_cached(
            "SELECT parent FROM message WHERE id = ?1 AND parent IS NOT NULL
             UNION SELECT firing FROM digest WHERE message = ?1 ORDER BY 1",
        )?
        .query_map([reminder], |row| row.get(0))?
        .collect()
}

/// Notes that a reminder is of several firings.
///
/// # Errors
/// As the database.
pub fn insert_digest(connection: &Connection, reminder: i64, firings: &[i64]) -> rusqlite::Result<()> {
    let mut statement = connection.prepare_cached("INSERT INTO digest (firing, message) VALUES (?1, ?2)")?;
    firings.iter().try_for_each(|firing| statement.execute([*firing, reminder]).map(drop))
}

/// How many messages are neither settled nor given up.
///
/// # Errors
/// As the database.
pub fn unsettled(connection: &Connection) -> rusqlite::Result<i64> {
    connection
        .prepare_cached("SELECT COUNT(*) FROM message WHERE outcome IS NULL")?
        .query_row([], |row| row.get(0))
}

/// The incidents of a message that are open (`true`) or closed (`false`).
///
/// # Errors
/// As the database.
pub fn incidents(connection: &Connection, message: i64, open: bool) -> rusqlite::Result<Vec<i64>> {
    connection
        .prepare_cached(
            "SELECT DISTINCT incident.id FROM message_event JOIN event ON event.id = message_event.event
             JOIN incident ON incident.id = event.incident
             WHERE message_event.message = ?1 AND (incident.closed IS NULL) = ?2 ORDER BY incident.id",
        )?
        .query_map(params![message, open], |row| row.get(0))?
        .collect()
}

/// The ends that `channel` has not been and will not be told, of the incidents that it was, or may have been,
/// told by a firing or its reminders. (A reminder says nothing of what was over when it was sent.)
///
/// # Errors
/// As the database.
pub fn owed_endings(
    connection: &Connection,
    firing: i64,
    channel: &str,
) -> rusqlite::Result<Vec<(i64, EventKind)>> {
    connection
        .prepare_cached(
            "SELECT DISTINCT ending.id, ending.kind FROM message_event
             JOIN event ON event.id = message_event.event
             JOIN incident ON incident.id = event.incident AND incident.closed IS NOT NULL
             JOIN event AS ending ON ending.incident = incident.id AND ending.kind = incident.outcome
             WHERE message_event.message IN (
                 SELECT message.id FROM message
                 JOIN delivery ON delivery.message = message.id AND delivery.channel = ?2
                      AND (delivery.state = 'accepted'
                           OR delivery.uncertain AND delivery.state IN ('dropped', 'failed'))
                 WHERE message.id = ?1 OR message.id IN (SELECT message FROM reminder_of WHERE firing = ?1))
             AND incident.id IN (
                 SELECT event.incident FROM message_event JOIN event ON event.id = message_event.event
                 WHERE message_event.message = ?1)
             AND (message_event.message = ?1 OR EXISTS (
                 SELECT 1 FROM delivery JOIN attempt ON attempt.delivery = delivery.id
                 WHERE delivery.message = message_event.message AND delivery.channel = ?2
                 AND attempt.started <= incident.closed))
             AND NOT EXISTS (
                 SELECT 1 FROM message_event AS told
                 JOIN message ON message.id = told.message AND message.kind = 'resolved'
                 JOIN delivery ON delivery.message = message.id AND delivery.channel = ?2
                 WHERE told.event = ending.id)
             ORDER BY ending.id",
        )?
        .query_map(params![firing, channel], |row| {
            let kind: String = row.get(1)?;
            Ok((row.get(0)?, EventKind::from_name(&kind).unwrap_or(EventKind::AgentRecovered)))
        })?
        .collect()
}

/// Notes that an incident of a firing, and so of its reminders, is over.
///
/// # Errors
/// As the database.
pub fn mark_ended(connection: &Connection, firing: i64) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "UPDATE message SET ended = 1
             WHERE id = ?1 OR id IN (SELECT message FROM reminder_of WHERE firing = ?1)",
        )?
        .execute([firing])
        .map(drop)
}

/// Takes out of an unsent firing what is over already.
///
/// # Errors
/// As the database.
pub fn remove_closed(connection: &Connection, message: i64) -> rusqlite::Result<usize> {
    connection
        .prepare_cached(
            "DELETE FROM message_event WHERE message = ?1 AND event IN
             (SELECT event.id FROM event JOIN incident ON incident.id = event.incident
              WHERE incident.closed IS NOT NULL)",
        )?
        .execute([message])
}

/// The messages whose next step is due at `now`.
///
/// # Errors
/// As the database.
pub fn fallbacks_due(connection: &Connection, now: i64) -> rusqlite::Result<Vec<i64>> {
    connection
        .prepare_cached("SELECT id FROM message WHERE fallback_at <= ?1 ORDER BY fallback_at LIMIT 500")?
        .query_map([now], |row| row.get(0))?
        .collect()
}

/// The firings whose next reminder is due at `now`.
///
/// # Errors
/// As the database.
pub fn reminders_due(connection: &Connection, now: i64) -> rusqlite::Result<Vec<i64>> {
    connection
        .prepare_cached("SELECT id FROM message WHERE reminder_at <= ?1 ORDER BY reminder_at LIMIT 500")?
        .query_map([now], |row| row.get(0))?
        .collect()
}

/// The firings of a route and topic whose next reminder is due after `now`, but until `until`.
///
/// # Errors
/// As the database.
pub fn reminders_soon(
    connection: &Connection,
    (route, topic): (&str, EventKind),
    now: i64,
    until: i64,
) -> rusqlite::Result<Vec<Message>> {
    connection
        .prepare_cached(&format!(
            "SELECT {COLUMNS} FROM message WHERE reminder_at > ?3 AND reminder_at <= ?4
             AND route = ?1 AND topic = ?2 ORDER BY reminder_at LIMIT 500"
        ))?
        .query_map(params![route, topic.name(), now, until], read)?
        .collect()
}

/// The firings whose next escalation is due at `now`.
///
/// # Errors
/// As the database.
pub fn escalations_due(connection: &Connection, now: i64) -> rusqlite::Result<Vec<Message>> {
    connection
        .prepare_cached(&format!(
            "SELECT {COLUMNS} FROM message WHERE escalate_at <= ?1 ORDER BY escalate_at LIMIT 500"
        ))?
        .query_map([now], read)?
        .collect()
}

/// The events of a firing that an escalation to these steps has told.
///
/// # Errors
/// As the database.
pub fn escalated(connection: &Connection, firing: i64, steps: &[Step]) -> rusqlite::Result<Vec<i64>> {
    connection
        .prepare_cached(
            "SELECT event FROM message_event JOIN message ON message.id = message_event.message
             WHERE parent = ?1 AND escalation IS NOT NULL AND steps = ?2",
        )?
        .query_map(params![firing, json(&steps)?], |row| row.get(0))?
        .collect()
}

/// Sets which escalations of a firing are left, and when it is the first one's turn.
///
/// # Errors
/// As the database.
pub fn set_escalations(
    connection: &Connection,
    firing: i64,
    left: &[Step],
    at: Option<i64>,
) -> rusqlite::Result<()> {
    connection
        .prepare_cached("UPDATE message SET escalations = ?2, escalate_at = ?3 WHERE id = ?1")?
        .execute(params![firing, json(&left)?, at])
        .map(drop)
}

/// When the first of these escalations is due, where the firing went out at `sent`, in milliseconds.
#[must_use]
pub fn escalate_at(escalations: &[Step], sent: i64) -> Option<i64> {
    escalations.first()?.escalation.map(|escalation| sent + millis(escalation.after))
}

/// The earliest time at which a fallback, a reminder or an escalation is due.
///
/// # Errors
/// As the database.
pub fn next_timer(connection: &Connection) -> rusqlite::Result<Option<i64>> {
    let earliest = |column: &str| {
        connection
            .prepare_cached(&format!("SELECT MIN({column}) FROM message WHERE {column} IS NOT NULL"))?
            .query_row([], |row| row.get::<_, Option<i64>>(0))
    };
    let timers = [earliest("fallback_at")?, earliest("reminder_at")?, earliest("escalate_at")?];
    Ok(timers.into_iter().flatten().min())
}

/// Goes on to a later step: writes its deliveries and sets its timer.
///
/// # Errors
/// As the database.
pub fn start_step(connection: &Connection, message: &Message, step: usize, now: i64) -> rusqlite::Result<()> {
    super::deliveries::insert(connection, message.id, step, &message.steps[step].to, now)?;
    connection
        .prepare_cached("UPDATE message SET step = ?2, fallback_at = ?3 WHERE id = ?1")?
        .execute(params![message.id, step as i64, fallback_at(&message.steps, step, now)])
        .map(drop)
}

/// The messages that were held back for a reason and may go out at `now`, and that nobody has seen.
///
/// # Errors
/// As the database.
pub fn let_go(connection: &Connection, now: i64) -> rusqlite::Result<Vec<Message>> {
    connection
        .prepare_cached(&format!(
            "SELECT {COLUMNS} FROM message WHERE held_by IS NOT NULL AND outcome IS NULL AND send_at <= ?1
             AND NOT EXISTS (SELECT 1 FROM delivery WHERE message = message.id AND attempts > 0)"
        ))?
        .query_map([now], read)?
        .collect()
}

/// Holds a message that nobody has seen back until later.
///
/// # Errors
/// As the database.
pub fn hold(connection: &Connection, message: &Message, until: i64, held: &Held) -> rusqlite::Result<()> {
    let later = until - message.send_at;
    connection
        .prepare_cached(
            "UPDATE message SET send_at = ?2, held_by = ?3, silence = ?4, fallback_at = fallback_at + ?5,
                    reminder_at = reminder_at + ?5, escalate_at = escalate_at + ?5 WHERE id = ?1",
        )?
        .execute(params![message.id, until, held.reason, held.silence, later])?;
    connection
        .prepare_cached("UPDATE delivery SET not_before = ?2 WHERE message = ?1 AND state = 'pending'")?
        .execute([message.id, until])
        .map(drop)
}

/// Stops the fallback timer, with the outcome where there is one. Accepted stays accepted.
///
/// # Errors
/// As the database.
pub fn settle(connection: &Connection, message: i64, outcome: Option<&str>) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "UPDATE message SET fallback_at = NULL,
                    outcome = CASE outcome WHEN 'accepted' THEN outcome ELSE COALESCE(?2, outcome) END
             WHERE id = ?1",
        )?
        .execute(params![message, outcome])
        .map(drop)
}

/// Sets when the next reminder is due; `None` when there is nothing left to remind of.
///
/// # Errors
/// As the database.
pub fn set_reminder(
    connection: &Connection,
    message: i64,
    at: Option<i64>,
    reminded: u32,
) -> rusqlite::Result<()> {
    connection
        .prepare_cached("UPDATE message SET reminder_at = ?2, reminded = ?3 WHERE id = ?1")?
        .execute(params![message, at, reminded])
        .map(drop)
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

fn read(row: &Row<'_>) -> rusqlite::Result<Message> {
    let kind: String = row.get("kind")?;
    let topic: String = row.get("topic")?;
    Ok(Message {
        id: row.get("id")?,
        route: row.get("route")?,
        kind: MessageKind::from_name(&kind).unwrap_or(MessageKind::Notice),
        topic: EventKind::from_name(&topic).unwrap_or(EventKind::SetupFailed),
        parent: row.get("parent")?,
        created: row.get("created")?,
        send_at: row.get("send_at")?,
        steps: from_json(row.get("steps")?).unwrap_or_default(),
        step: row.get::<_, i64>("step")? as usize,
        reminders: from_json(row.get("reminders")?),
        reminder_at: row.get("reminder_at")?,
        reminded: row.get("reminded")?,
        ended: row.get("ended")?,
        held_by: row.get("held_by")?,
        escalation: row.get("escalation")?,
        escalations: from_json(row.get("escalations")?).unwrap_or_default(),
        grouped: row.get("grouped")?,
        merges: Merges::from_number(row.get("merges")?),
    })
}
