//! Writing down what happened: state, incident, event and the deliveries they call for are **one
//! transaction**; the bus hears of it only when that is on disk.

use std::sync::Arc;

use log_monitor_channels::Event;
use rusqlite::Connection;
use tokio::sync::watch;

use crate::bus::Bus;
use crate::clock::SharedClock;
use crate::config::{Route, vocabulary};
use crate::crash;
use crate::dispatch::plan;
use crate::journal::entities::{self, EntityRow, Logging, Part, Silence};
use crate::journal::incidents::{self, Subject};
use crate::journal::{Journal, JournalError, events};

/// One thing that changed.
#[derive(Debug, Clone)]
pub struct Change {
    /// What it does to incidents.
    pub incident: IncidentChange,
    /// The fact itself. Its `id` and `incident` are filled in.
    pub event: Event,
    /// What becomes of the entity's row.
    pub entity: EntityChange,
    /// The incident that explains it, and with which it is told.
    pub part_of: Option<Whole>,
    /// Whether the entity logs all the same.
    pub logging: Logging,
}

/// An incident that others are part of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Whole {
    /// That one.
    Incident(i64),
    /// The one that this change, counted from 0 in the same list and earlier in it, opens.
    OpenedBy(usize),
}

/// What a change does to incidents.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IncidentChange {
    /// Nothing.
    None,
    /// Opens one.
    Open(Subject),
    /// Closes this one.
    Close(i64),
    /// Leaves this one open, and tells that it is worse than was told: by itself, or with what the change is
    /// part of.
    Worsen(i64),
}

/// What a change does to a watched entity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EntityChange {
    /// Nothing: it is not about an entity.
    None,
    /// The entity now stands like this (the incident is filled in when one is opened).
    Save(EntityRow),
    /// It is no longer watched.
    Remove,
}

impl Change {
    /// A fact about something that is no entity.
    #[must_use]
    pub const fn event(incident: IncidentChange, event: Event) -> Self {
        Self { incident, event, entity: EntityChange::None, part_of: None, logging: Logging::No }
    }
}

/// Writes changes and tells the bus; clones share it.
#[derive(Clone)]
pub struct Recorder {
    /// Where it writes.
    pub journal: Journal,
    /// Whom it tells.
    pub bus: Bus,
    /// What time it is.
    pub clock: SharedClock,
    /// The routes in force.
    pub routes: watch::Receiver<Arc<Vec<Route>>>,
}

impl Recorder {
    /// Writes all changes in one transaction, then publishes their events. Returns the incident of
    /// each change, in order.
    ///
    /// # Errors
    /// When nothing was written.
    pub async fn record(&self, changes: Vec<Change>) -> Result<Vec<Option<i64>>, JournalError> {
        let routes = self.routes.borrow().clone();
        let clock = self.clock.clone();
        // The time is taken when the transaction runs, so that messages are written in its order.
        let work = move |connection: &Connection| {
            let written = apply(connection, &routes, changes.clone(), events::millis(clock.now()))?;
            crash::point("planned");
            Ok(written)
        };
        crash::point("judged");
        let written = self.journal.write(work).await?;
        crash::point("committed");
        let incidents = written.iter().map(|event| event.incident).collect();
        self.bus.publish(written);
        Ok(incidents)
    }
}

/// The transaction's body: also used by dispatch, whose own findings (a dead channel) are events
/// like any other.
///
/// # Errors
/// As the database.
pub fn apply(
    connection: &Connection,
    routes: &[Route],
    changes: Vec<Change>,
    now: i64,
) -> rusqlite::Result<Vec<Event>> {
    let mut written: Vec<Event> = Vec::with_capacity(changes.len());
    for mut change in changes {
        change.event.part_of = match change.part_of {
            None => None,
            Some(Whole::Incident(incident)) => Some(incident),
            Some(Whole::OpenedBy(at)) => written.get(at).and_then(|event| event.incident),
        };
        written.push(write(connection, change, now)?);
    }
    plan::plan(connection, routes, &written, now)?;
    Ok(written)
}

fn write(connection: &Connection, change: Change, now: i64) -> rusqlite::Result<Event> {
    let Change { incident, mut event, entity, logging, .. } = change;
    // Or no route could be for it.
    debug_assert!(vocabulary::causes().contains(event.cause.as_str()), "no such cause: {}", event.cause);
    event.incident = match incident {
        IncidentChange::None => event.incident,
        IncidentChange::Open(subject) => Some(incidents::open(connection, subject, &event)?),
        IncidentChange::Close(id) | IncidentChange::Worsen(id) => Some(id),
    };
    events::insert(connection, &mut event)?;
    match incident {
        IncidentChange::Close(id) => incidents::close(connection, id, &event, now)?,
        IncidentChange::Worsen(id) => incidents::worsen(connection, id, &event)?,
        IncidentChange::None | IncidentChange::Open(_) => {}
    }
    if let Some(id) =
        event.incident.filter(|_| !matches!(incident, IncidentChange::None | IncidentChange::Close(_)))
    {
        incidents::set_logging(connection, id, logging, &event)?;
    }
    match entity {
        EntityChange::None => {}
        EntityChange::Save(mut row) => {
            let incident = event.incident.filter(|_| !matches!(incident, IncidentChange::Close(_)));
            row.silence = incident.map(|incident| Silence {
                incident,
                opened: events::millis(event.at),
                worsened: None,
                part: Part::Alone,
                logging,
            });
            entities::save(connection, &event.scope, &[row])?;
        }
        EntityChange::Remove => {
            let key = event.entity.as_ref().map_or("", |entity| &entity.id);
            entities::remove(connection, &event.scope, key)?;
        }
    }
    Ok(event)
}
