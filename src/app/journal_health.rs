//! The journal's own incident: it is open while the journal is in memory only.

use log_monitor_channels::{EventKind, Severity};

use crate::journal::incidents::{self, Subject};
use crate::journal::{Health, JournalError, events};
use crate::monitor::words;
use crate::record::{Change, IncidentChange, Recorder};

/// A journal that is not on disk is an incident like any other.
pub(super) async fn watch(recorder: Recorder) {
    let mut health = recorder.journal.health();
    loop {
        health.borrow_and_update();
        if let Err(error) = tell(&recorder).await {
            tracing::error!("journal health: {error}");
        }
        if health.changed().await.is_err() {
            return;
        }
    }
}

/// Opens or closes the journal's own incident. Returns whether it is in memory only.
///
/// # Errors
/// When the journal fails altogether.
pub async fn tell(recorder: &Recorder) -> Result<bool, JournalError> {
    let now = events::millis(recorder.clock.now());
    let current = recorder.journal.health().borrow().clone();
    match current {
        Health::InMemory(reason) => tell_failed(recorder, &reason, now).await.map(|()| true),
        Health::OnDisk => tell_recovered(recorder, now).await.map(|()| false),
    }
}

async fn tell_failed(recorder: &Recorder, reason: &str, now: i64) -> Result<(), JournalError> {
    if incident_of_it(recorder).await?.is_some() {
        return Ok(());
    }
    let mut event = words::about("journal", EventKind::JournalFailed, Severity::High, now);
    "storage".clone_into(&mut event.cause);
    event.detail = format!(
        "The journal cannot be written ({reason}). Detection and delivery go on from memory; what happens now is \
         lost if log-monitor stops. Check first: free space and rights of that folder."
    );
    recorder.record(vec![Change::event(IncidentChange::Open(Subject::Journal), event)]).await.map(drop)
}

async fn tell_recovered(recorder: &Recorder, now: i64) -> Result<(), JournalError> {
    let Some((incident, since)) = incident_of_it(recorder).await? else { return Ok(()) };
    let mut event = words::about("journal", EventKind::JournalRecovered, Severity::Info, now);
    event.since = Some(events::time(since));
    "written".clone_into(&mut event.cause);
    "The journal is written to disk again; nothing of it was lost.".clone_into(&mut event.detail);
    recorder.record(vec![Change::event(IncidentChange::Close(incident), event)]).await.map(drop)
}

async fn incident_of_it(recorder: &Recorder) -> Result<Option<(i64, i64)>, JournalError> {
    recorder.journal.write(|connection| incidents::open_since(connection, Subject::Journal, "journal")).await
}
