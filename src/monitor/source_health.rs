//! One incident for a source that cannot be read, however many watches read it, and whatever they ask of
//! it.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use log_monitor_channels::Severity;
use tokio::sync::Mutex;

use super::finding::Flapping;
use super::fleet::flaps::Flaps;
use super::words;
use crate::journal::incidents::{self, Subject};
use crate::journal::{JournalError, events};
use crate::record::{Change, IncidentChange, Recorder};
use crate::source::SourceError;

/// The end of an outage that comes too often is believed after so long without another, in milliseconds,
/// and after twice as long each time more.
const QUIET: i64 = 10 * 60_000;

/// Outages of so long ago may still be part of a flapping, in milliseconds.
const LATELY: i64 = 24 * 3_600_000;

/// The only place in a source's own [`Flaps`].
const SELF: usize = 0;

/// What a watch asks of a source, which may fail at the one and not at the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Asked {
    /// Who logged when.
    Documents,
    /// Who there is, and why agents are silent.
    Beside,
}

/// What is known of every source.
#[derive(Debug, Default)]
pub struct SourceHealth {
    sources: Mutex<HashMap<String, Known>>,
}

#[derive(Debug, Default)]
struct Known {
    /// Whose last question failed, and how bad that is.
    failing: BTreeMap<(String, Asked), Severity>,
    /// Of whom it is not known whether it answers them: they have not asked since a restart.
    awaited: BTreeSet<(String, Asked)>,
    told: Option<Told>,
    flaps: Flaps,
}

/// The open incident.
#[derive(Debug, Clone)]
struct Told {
    incident: i64,
    /// When it was opened, in milliseconds.
    since: i64,
    severity: Severity,
    /// What the trouble is.
    cause: String,
}

impl SourceHealth {
    /// `watch` will ask, and has not: what is open is not over because the source answers others.
    ///
    /// # Errors
    /// When the journal fails.
    pub async fn expect(
        &self,
        recorder: &Recorder,
        source: &str,
        (watch, asked): (&str, Asked),
    ) -> Result<(), JournalError> {
        let mut sources = self.sources.lock().await;
        let known = known(&mut sources, recorder, source).await?;
        if known.told.is_some() {
            known.awaited.insert((watch.to_owned(), asked));
        }
        Ok(())
    }

    /// A question of `watch`, which has so many agents, failed. Opens the source's incident unless it is
    /// open, and tells it once more when it is worse than was told.
    ///
    /// # Errors
    /// When it cannot be written down; the next failed round tries again.
    pub async fn failed(
        &self,
        recorder: &Recorder,
        source: &str,
        (watch, asked): (&str, Asked),
        error: &SourceError,
        agents: usize,
    ) -> Result<(), JournalError> {
        let mut sources = self.sources.lock().await;
        let known = known(&mut sources, recorder, source).await?;
        let now = events::millis(recorder.clock.now());
        known.flaps.seen(SELF, now, false, now, QUIET);
        let flapping = Flapping::of(known.flaps.count(SELF, now, QUIET) + 1, QUIET);
        let mut event = words::source_down(source, error, asked, agents, now);
        let severity = event.severity;
        known.awaited.remove(&(watch.to_owned(), asked));
        known.failing.insert((watch.to_owned(), asked), severity);
        let change = match &known.told {
            Some(told) if told.severity >= severity => return Ok(()),
            Some(told) => IncidentChange::Worsen(told.incident),
            None => {
                event.detail.extend(flapping.map(|flapping| format!(" {}", flapping.of_source())));
                IncidentChange::Open(Subject::Source)
            }
        };
        let cause = event.cause.clone();
        let written = recorder.record(vec![Change::event(change, event)]).await?;
        if known.told.is_none() {
            known.flaps.fell(SELF, now, QUIET);
        }
        let since = known.told.as_ref().map_or(now, |told| told.since);
        let incident = written.first().copied().flatten();
        known.told = incident.map(|incident| Told { incident, since, severity, cause });
        Ok(())
    }

    /// A question of `watch` was answered. Closes the source's incident when nothing fails any more that
    /// is as bad as what was told, and nobody is left who has not asked.
    ///
    /// # Errors
    /// When it cannot be written down; the next good round tries again.
    pub async fn good(
        &self,
        recorder: &Recorder,
        source: &str,
        (watch, asked): (&str, Asked),
    ) -> Result<(), JournalError> {
        let mut sources = self.sources.lock().await;
        let known = known(&mut sources, recorder, source).await?;
        known.awaited.remove(&(watch.to_owned(), asked));
        known.failing.remove(&(watch.to_owned(), asked));
        let Some(told) = known.told.clone() else { return Ok(()) };
        let now = events::millis(recorder.clock.now());
        let fails = known.failing.values().any(|severity| *severity >= told.severity);
        if fails || !known.awaited.is_empty() || known.is_doubted(now) {
            return Ok(());
        }
        let event = words::source_up(source, Some(told.since), &told.cause, now);
        recorder.record(vec![Change::event(IncidentChange::Close(told.incident), event)]).await?;
        known.flaps.recovered(SELF);
        known.told = None;
        Ok(())
    }

    /// A watch is gone, or asks `documents` and `beside` only from now on: what failed elsewhere stands in
    /// nobody's way any more.
    pub async fn keep(&self, watch: &str, documents: &[&str], beside: &[&str]) {
        for (source, known) in &mut *self.sources.lock().await {
            let asks = |of: &str, asked: Asked| {
                of != watch
                    || match asked {
                        Asked::Documents => documents.contains(&source.as_str()),
                        Asked::Beside => beside.contains(&source.as_str()),
                    }
            };
            known.failing.retain(|(of, asked), _| asks(of, *asked));
            known.awaited.retain(|(of, asked)| asks(of, *asked));
        }
    }

    /// Forgets the other sources: their incidents are closed.
    pub async fn keep_sources(&self, configured: impl Fn(&str) -> bool) {
        self.sources.lock().await.retain(|source, _| configured(source));
    }
}

impl Known {
    /// Notes that it answers at `now`, in milliseconds; whether that is not believed to last yet.
    fn is_doubted(&mut self, now: i64) -> bool {
        self.flaps.seen(SELF, now, true, now, QUIET);
        self.flaps.holds(SELF, now, now, QUIET)
    }
}

/// A source's state; the journal says what an earlier run left.
async fn known<'a>(
    sources: &'a mut HashMap<String, Known>,
    recorder: &Recorder,
    source: &str,
) -> Result<&'a mut Known, JournalError> {
    if !sources.contains_key(source) {
        let (name, lately) = (source.to_owned(), events::millis(recorder.clock.now()) - LATELY);
        let read = move |connection: &_| incidents::of_source_since(connection, &name, lately);
        let mut known = Known::default();
        for row in recorder.journal.write(read).await? {
            known.flaps.fell(SELF, row.opened, QUIET);
            let severity = Severity::from_name(&row.severity).unwrap_or_default();
            let open = row.closed.is_none();
            let (incident, since, cause) = (row.id, row.opened, row.cause);
            known.told = open.then_some(Told { incident, since, severity, cause });
        }
        sources.insert(source.to_owned(), known);
    }
    Ok(sources.entry(source.to_owned()).or_default())
}
