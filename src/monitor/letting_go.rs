//! Entities that are no longer watched.

use super::words;
use crate::journal::entities::{self, EntityRow, Silence};
use crate::journal::{JournalError, events};
use crate::record::{Change, EntityChange, IncidentChange, Recorder};

/// Closes the incidents of entities that are no longer watched and forgets them.
///
/// # Errors
/// When the journal fails.
pub async fn let_go(recorder: &Recorder, watch: &str, gone: Vec<EntityRow>) -> Result<(), JournalError> {
    let now = events::millis(recorder.clock.now());
    let (silent, healthy): (Vec<_>, Vec<_>) = gone.into_iter().partition(|row| row.silence.is_some());
    let name = watch.to_owned();
    recorder
        .journal
        .write(move |connection| {
            healthy.iter().try_for_each(|row| entities::remove(connection, &name, &row.key))
        })
        .await?;
    let change = |row: &EntityRow| {
        let close = |silence: Silence| IncidentChange::Close(silence.incident);
        let incident = row.silence.map_or(IncidentChange::None, close);
        Change { entity: EntityChange::Remove, ..Change::event(incident, words::unwatched(watch, row, now)) }
    };
    let changes: Vec<Change> = silent.iter().map(change).collect();
    if !changes.is_empty() {
        recorder.record(changes).await?;
    }
    Ok(())
}
