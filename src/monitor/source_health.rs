//! One incident for a source that cannot be read, however many watches read it.

use std::collections::{BTreeSet, HashMap};

use tokio::sync::Mutex;

use super::words;
use crate::journal::incidents::{self, Subject};
use crate::journal::{JournalError, events};
use crate::record::{Change, IncidentChange, Recorder};
use crate::source::SourceError;

/// What is known of every source.
#[derive(Debug, Default)]
pub struct SourceHealth {
    sources: Mutex<HashMap<String, Known>>,
}

#[derive(Debug, Default)]
struct Known {
    /// The watches whose last round failed.
    failing: BTreeSet<String>,
    /// The open incident and when it was opened, in milliseconds.
    incident: Option<(i64, i64)>,
}

impl SourceHealth {
    /// A round of `watch` failed. Opens the source's incident unless it is open.
    ///
    /// # Errors
    /// When it cannot be written down; the next failed round tries again.
    pub async fn failed(
        &self,
        recorder: &Recorder,
        source: &str,
        watch: &str,
        error: &SourceError,
        entities: usize,
    ) -> Result<(), JournalError> {
        let mut sources = self.sources.lock().await;
        forget(&mut sources, watch);
        let known = known(&mut sources, recorder, source).await?;
        known.failing.insert(watch.to_owned());
        if known.incident.is_none() {
            let now = events::millis(recorder.clock.now());
            let event = words::source_down(source, error, entities, now);
            let change = Change::event(IncidentChange::Open(Subject::Source), event);
            let opened = recorder.record(vec![change]).await?;
            known.incident = opened.first().copied().flatten().map(|incident| (incident, now));
        }
        Ok(())
    }

    /// A watch is gone: its failures stand in nobody's way any more.
    pub async fn forget(&self, watch: &str) {
        forget(&mut *self.sources.lock().await, watch);
    }

    /// Forgets everything: the journal knows what is open. For a reload, which may take sources away.
    pub async fn reset(&self) {
        self.sources.lock().await.clear();
    }

    /// A round of `watch` was good. Closes the source's incident when no other watch fails on it.
    ///
    /// # Errors
    /// When it cannot be written down; the next good round tries again.
    pub async fn good(&self, recorder: &Recorder, source: &str, watch: &str) -> Result<(), JournalError> {
        let mut sources = self.sources.lock().await;
        forget(&mut sources, watch);
        let known = known(&mut sources, recorder, source).await?;
        if let (true, Some((incident, since))) = (known.failing.is_empty(), known.incident) {
            let event = words::source_up(source, Some(since), events::millis(recorder.clock.now()));
            recorder.record(vec![Change::event(IncidentChange::Close(incident), event)]).await?;
            known.incident = None;
        }
        Ok(())
    }
}

/// Before a round's result counts, the one before does not any more; it may be of another source.
fn forget(sources: &mut HashMap<String, Known>, watch: &str) {
    sources.values_mut().for_each(|known| {
        known.failing.remove(watch);
    });
}

/// A source's state; the journal says whether an earlier run left an incident open.
async fn known<'a>(
    sources: &'a mut HashMap<String, Known>,
    recorder: &Recorder,
    source: &str,
) -> Result<&'a mut Known, JournalError> {
    if !sources.contains_key(source) {
        let name = source.to_owned();
        let incident = recorder
            .journal
            .write(move |connection| incidents::open_since(connection, Subject::Source, &name))
            .await?;
        sources.insert(source.to_owned(), Known { failing: BTreeSet::new(), incident });
    }
    Ok(sources.entry(source.to_owned()).or_default())
}
