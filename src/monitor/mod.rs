//! The monitor of one watch: rounds of questions to its source, verdicts, and what they change.
//!
//! A round is everything or nothing. Only when the source has answered in full are the entities
//! that are due judged; their changes are written down in one transaction; only then does the fleet
//! in memory take its new state. The monitor knows of no channel.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use tokio::sync::watch as channel;
use tokio::time::Instant;

mod asking;
mod behind;
mod beside;
pub mod cause;
pub mod clock_guard;
mod closed;
mod conclude;
mod counting;
pub mod finding;
#[cfg(test)]
pub(crate) mod fixtures;
pub mod fleet;
pub mod gather;
pub mod inventory;
mod letting_go;
mod loading;
mod maintenance;
pub mod memory;
mod namesakes;
mod new_roll;
mod noted;
pub mod outage;
pub mod pipeline;
pub mod roll_call;
pub mod roster;
mod round;
pub mod source_health;
#[cfg(test)]
mod tests;
pub mod verdict;
mod window;
pub mod words;

use crate::config::Watch;
use crate::journal::events;
use crate::journal::quiet::Quiet;
use crate::record::Recorder;
use crate::source::{Source, SourceError};
pub use letting_go::let_go;

use behind::Behind;
use beside::Beside;
use clock_guard::ClockGuard;
use fleet::{Fleet, Looked};
use gather::Gathered;
use maintenance::Windows;
use pipeline::Stalls;
use roster::Roster;
use source_health::SourceHealth;

/// Deadlines this close together share a round.
const SHARED: TimeDelta = TimeDelta::seconds(1);

/// The next try after a refusal that asking again does not mend, such as a wrong password.
const REFUSED: Duration = Duration::from_secs(30);

/// What a reload replaces.
#[derive(Clone)]
pub struct Setup {
    /// The watch.
    pub watch: Watch,
    /// The source that decides who is silent.
    pub source: Arc<dyn Source>,
    /// Sources that tell why, by name.
    pub beside: Vec<(String, Arc<dyn Source>)>,
    /// The source that lists the agents, if they are discovered, with its name.
    pub lister: Option<(String, Arc<dyn Source>)>,
}

/// The monitor of one watch.
pub struct Monitor {
    setup: Setup,
    recorder: Recorder,
    health: Arc<SourceHealth>,
    fleet: Fleet,
    roster: Roster,
    clock_guard: ClockGuard,
    /// The open incidents of the pipeline.
    stalls: Stalls,
    /// Which of several sources lacks what another one has.
    behind: Behind,
    /// What helps to explain what the round tells.
    beside: Beside,
    /// When who is in maintenance.
    maintenance: Windows,
    /// Of which silences nothing is said for a while, as the journal knows it; `None` = not known.
    quiet: Option<BTreeMap<i64, Quiet>>,
    /// What the last good round looked at; `None` before the first.
    looked: Option<Looked>,
    /// When that was, also before a restart, in milliseconds.
    last_round: Option<i64>,
    /// When the round began, by a clock that stands still while the machine sleeps.
    began: Instant,
    /// How long the last good round took by that clock.
    took: TimeDelta,
    /// The last round was the first good one after a gap, and called nobody silent.
    catching_up: bool,
    saved: Option<DateTime<Utc>>,
    /// Whether documents come later than an interval is long.
    lags: bool,
    /// Another list of agents is written down, and the fleet is not of it yet.
    overtaken: bool,
}

impl Monitor {
    /// Rounds until `stop` says so or nobody is left to say it. A question that hangs holds up neither a stop nor a reload.
    pub async fn run(mut self, mut setups: channel::Receiver<Setup>, mut stop: channel::Receiver<bool>) {
        while !*stop.borrow() && stop.has_changed().is_ok() {
            let asked = tokio::select! {
                asked = self.ask(roll_call::PATIENCE) => Some(asked),
                Ok(()) = setups.changed() => None,
                _ = stop.changed() => None,
            };
            if let Some((now, answered)) = asked {
                let wait = match self.conclude(now, answered).await {
                    Ok(()) => self.until_next_round(),
                    Err(error) if error.reason.may_pass() => self.setup.watch.poll,
                    Err(_) => self.setup.watch.poll.max(REFUSED),
                };
                tokio::select! {
                    () = tokio::time::sleep(wait) => continue,
                    Ok(()) = setups.changed() => {}
                    _ = stop.changed() => {}
                }
            }
            if !*stop.borrow() {
                let setup = setups.borrow_and_update().clone();
                self.take_up(setup).await;
            }
        }
        if let Err(error) = self.checkpoint().await {
            tracing::error!("checkpoint of watch {}: {error}", self.setup.watch.name);
        }
    }

    async fn take_up(&mut self, setup: Setup) {
        if let Err(error) = self.replace(setup).await {
            tracing::error!("reload of watch {}: {error}", self.setup.watch.name);
        }
    }

    /// The earliest deadline, or `poll` after this round, whichever is first.
    fn until_next_round(&mut self) -> Duration {
        if self.looked.is_none() {
            // The clock was set, and nobody was judged.
            return Duration::from_secs(1);
        }
        if self.catching_up {
            return self.setup.watch.poll;
        }
        let now = events::time(self.clock_guard.believed(events::millis(self.recorder.clock.now())));
        let poll = self.setup.watch.poll;
        let deadline = self.fleet.next_deadline(events::millis(now), events::millis(now + poll));
        let wait = deadline.map(|at| (events::time(at) + SHARED - now).to_std().unwrap_or_default());
        wait.unwrap_or(poll).min(poll).max(Duration::from_secs(1))
    }

    /// One round, with the list of agents if that is due; after a gap the second one, which judges, too.
    ///
    /// # Errors
    /// When the source did not answer in full: then nobody was judged, and the source's incident is
    /// open.
    pub async fn round(&mut self) -> Result<(), SourceError> {
        let (now, answered) = self.ask(roll_call::LONGEST).await;
        self.conclude(now, answered).await?;
        if self.catching_up {
            let (now, answered) = self.ask(roll_call::LONGEST).await;
            self.conclude(now, answered).await?;
        }
        Ok(())
    }

    /// Asks the source; who must be judged, and at what time. Waits so long for a list of agents. Changes
    /// nothing but what the fleet was seen doing, so it can be cut off before a reload or a stop.
    async fn ask(&mut self, patience: Duration) -> (DateTime<Utc>, Result<Gathered, SourceError>) {
        self.began = Instant::now();
        self.beside.waited = Duration::ZERO;
        let wall = self.recorder.clock.now();
        let now = events::time(self.clock_guard.judging_time(events::millis(wall)));
        self.call_roll(now, patience).await;
        if self.fleet.entities().is_empty() {
            let looked = Looked { from: events::millis(now), until: events::millis(now) };
            let nobody = Gathered { suspects: Vec::new(), looked, frontiers: Vec::new() };
            return (now, self.setup.source.probe().await.map(|()| nobody));
        }
        let horizon = wall.max(now);
        let source = self.setup.source.clone();
        let mut answered = gather::gather(&*source, &mut self.fleet, self.looked, now, horizon).await;
        if let Ok(Gathered { suspects, .. }) = &answered
            && self.call_roll_of(suspects, now, patience).await
        {
            answered = gather::gather(&*source, &mut self.fleet, self.looked, now, horizon).await;
        }
        if let Ok(Gathered { suspects, .. }) = &answered {
            self.beside.last_round = self.last_round;
            self.beside.look(&self.setup, &self.recorder, &mut self.fleet, suspects, now).await;
            self.beside.name_maintenance(&self.maintenance, &self.fleet, events::millis(now));
        }
        (now, answered)
    }
}
