//! Events, append only.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use log_monitor_channels::{Event, EventKind, Severity};
use rusqlite::{Connection, OptionalExtension, Row, params};

/// Milliseconds of a time, as the database keeps it.
#[must_use]
pub fn millis(time: DateTime<Utc>) -> i64 {
    time.timestamp_millis()
}

/// The time of so many milliseconds; the epoch for a number that is none.
#[must_use]
pub fn time(millis: i64) -> DateTime<Utc> {
    DateTime::from_timestamp_millis(millis).unwrap_or_default()
}

/// Appends an event and gives it its id.
///
/// # Errors
/// As the database.
pub fn insert(connection: &Connection, event: &mut Event) -> rusqlite::Result<()> {
    let body = serde_json::to_string(event)
        .map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))?;
    let mut statement =
        connection.prepare_cached("INSERT INTO event (incident, kind, at, body) VALUES (?1, ?2, ?3, ?4)")?;
    event.id = statement.insert(params![event.incident, event.kind.name(), millis(event.at), body])?;
    Ok(())
}

/// Every event after `id`, oldest first, at most `limit`.
///
/// # Errors
/// As the database.
pub fn after(connection: &Connection, id: i64, limit: usize) -> rusqlite::Result<Vec<Event>> {
    connection
        .prepare_cached("SELECT id, body, incident, kind, at FROM event WHERE id > ?1 ORDER BY id LIMIT ?2")?
        .query_map(params![id, limit as i64], read)?
        .collect()
}

/// The last event of a kind that an incident had until `at`, in milliseconds.
///
/// # Errors
/// As the database.
pub fn last_of(
    connection: &Connection,
    incident: i64,
    kind: EventKind,
    at: i64,
) -> rusqlite::Result<Option<Event>> {
    connection
        .prepare(
            "SELECT id, body, incident, kind, at FROM event
             WHERE incident = ?1 AND kind = ?2 AND at <= ?3 ORDER BY id DESC LIMIT 1",
        )?
        .query_row(params![incident, kind.name(), at], read)
        .optional()
}

/// The id of the newest event, 0 when there is none.
///
/// # Errors
/// As the database.
pub fn newest(connection: &Connection) -> rusqlite::Result<i64> {
    connection.query_row("SELECT COALESCE(MAX(id), 0) FROM event", [], |row| row.get(0))
}

/// The events of a message, oldest first.
///
/// # Errors
/// As the database.
pub fn of_message(connection: &Connection, message: i64) -> rusqlite::Result<Vec<Event>> {
    connection
        .prepare_cached(
            "SELECT event.id, event.body, event.incident, event.kind, event.at FROM message_event JOIN event ON event.id = message_event.event
             WHERE message_event.message = ?1 ORDER BY event.id",
        )?
        .query_map([message], read)?
        .collect()
}

/// The ends of what the messages told that a delivery was the post of, oldest first.
///
/// # Errors
/// As the database.
pub fn ends_of_post(connection: &Connection, delivery: i64) -> rusqlite::Result<Vec<Event>> {
    connection
        .prepare_cached(
            "SELECT DISTINCT ending.id, ending.body, ending.incident, ending.kind, ending.at FROM delivery
             JOIN message_event ON message_event.message = delivery.message
             JOIN event ON event.id = message_event.event
             JOIN incident ON incident.id = event.incident AND incident.closed IS NOT NULL
             JOIN event AS ending ON ending.incident = incident.id AND ending.kind = incident.outcome
             WHERE delivery.id = ?1 OR delivery.merged_into = ?1 ORDER BY ending.id",
        )?
        .query_map([delivery], read)?
        .collect()
}

/// The event by which the firings of a route told an incident last.
///
/// # Errors
/// As the database.
pub fn told_last(connection: &Connection, route: &str, incident: i64) -> rusqlite::Result<Option<Event>> {
    connection
        .prepare_cached(
            "SELECT event.id, event.body, event.incident, event.kind, event.at FROM event
             JOIN message_event ON message_event.event = event.id
             JOIN message ON message.id = message_event.message AND message.kind = 'firing' AND route = ?2
             WHERE event.incident = ?1 ORDER BY event.id DESC LIMIT 1",
        )?
        .query_row(params![incident, route], read)
        .optional()
}

/// What goes on of what a route's firings of a topic told, the first event of each incident; only of what
/// `channel`, or whoever it was where there is none, accepted a message.
///
/// # Errors
/// As the database.
pub fn open_of_route(
    connection: &Connection,
    (route, topic): (&str, EventKind),
    channel: Option<&str>,
) -> rusqlite::Result<Vec<Event>> {
    connection
        .prepare_cached(
            // From the few incidents that are open on, by their own index: a route has more messages.
            "SELECT MIN(event.id), event.body, event.incident, event.kind, event.at FROM incident
             CROSS JOIN event ON event.incident = incident.id
             CROSS JOIN message_event ON message_event.event = event.id
             CROSS JOIN message ON message.id = message_event.message AND message.kind = 'firing'
                  AND message.route = ?1 AND message.topic = ?2
             WHERE incident.closed IS NULL AND EXISTS (
                 SELECT 1 FROM event AS said
                 CROSS JOIN message_event AS told ON told.event = said.id
                 CROSS JOIN delivery ON delivery.message = told.message
                 WHERE said.incident = incident.id AND delivery.state = 'accepted'
                 AND delivery.channel = COALESCE(?3, delivery.channel))
             GROUP BY +incident.id ORDER BY 1",
        )?
        .query_map(params![route, topic.name(), channel], read)?
        .collect()
}

/// Reads `id, body, incident, kind, at`. A damaged body must not stop everything else: what the other
/// columns say is told all the same.
fn read(row: &Row<'_>) -> rusqlite::Result<Event> {
    let body = row.get_ref(1)?.as_str().ok().and_then(|body| serde_json::from_str(body).ok());
    let mut event: Event = match body {
        Some(event) => event,
        None => damaged(row)?,
    };
    event.id = row.get(0)?;
    Ok(event)
}

fn damaged(row: &Row<'_>) -> rusqlite::Result<Event> {
    let kind: String = row.get(3)?;
    Ok(Event {
        id: 0,
        incident: row.get(2)?,
        part_of: None,
        kind: EventKind::from_name(&kind).unwrap_or(EventKind::JournalFailed),
        at: time(row.get(4)?),
        severity: Severity::High,
        scope: "journal".to_owned(),
        entity: None,
        since: None,
        back: None,
        arrived_late: None,
        threshold_seconds: None,
        cause: "damaged".to_owned(),
        detail: "The journal's record of this event is damaged; `log-monitor incidents` may know more."
            .to_owned(),
        labels: BTreeMap::new(),
    })
}
