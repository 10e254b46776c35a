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
use crate::journal::entities;
use crate::journal::incidents::{self, Subject};
use crate::journal::quiet::Quiet;
use crate::journal::{JournalError, events, notes};
use crate::record::Recorder;
use crate::source::{Source, SourceError};
pub use letting_go::let_go;

use behind::Behind;
use beside::Beside;
use clock_guard::ClockGuard;
use fleet::{Fleet, Looked};
use gather::Gathered;
use maintenance::Windows;
use memory::Memory;
use pipeline::{Common, Doubts, Stalls};
use roster::Roster;
use source_health::{Asked, SourceHealth};

/// Deadlines this close together share a round.
const SHARED: TimeDelta = TimeDelta::seconds(1);

/// The next try after a refusal that asking again does not mend, such as a wrong password.
const REFUSED: Duration = Duration::from_secs(30);

/// Silences of so long ago may still be part of a flapping, in milliseconds.
const LATELY: i64 = 24 * 3_600_000;

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
    /// A monitor that goes on from what the journal knows of the watch. Entities that were taken
    /// off the list are let go, and whoever was told of their silence is told so.
    ///
    /// # Errors
    /// When the journal fails.
    pub async fn new(
        setup: Setup,
        recorder: Recorder,
        health: Arc<SourceHealth>,
    ) -> Result<Self, JournalError> {
        let now = events::millis(recorder.clock.now());
        let mut monitor = Self {
            fleet: Fleet::default(),
            roster: Roster::default(),
            clock_guard: ClockGuard::new(now),
            stalls: Stalls::default(),
            behind: Behind::default(),
            beside: Beside::default(),
            maintenance: Windows::default(),
            quiet: None,
            looked: None,
            last_round: None,
            began: Instant::now(),
            took: TimeDelta::zero(),
            catching_up: false,
            saved: None,
            lags: false,
            overtaken: false,
            setup,
            recorder,
            health,
        };
        monitor.load_roster().await?;
        monitor.load().await?;
        monitor.announce().await?;
        Ok(monitor)
    }

    /// Puts a new setup in force. Timers and incidents stay.
    ///
    /// # Errors
    /// When the journal fails; the monitor then works on as before.
    pub async fn replace(&mut self, setup: Setup) -> Result<(), JournalError> {
        self.checkpoint().await?;
        self.setup = setup;
        let Setup { watch, beside, lister, .. } = &self.setup;
        let named = beside.iter().chain(lister).map(|(name, _)| name.as_str());
        let documents: Vec<&str> = watch.documents().collect();
        self.health.keep(&watch.name, &documents, &named.collect::<Vec<_>>()).await;
        self.load_roster().await?;
        self.load().await
    }

    /// Says of which sources it will know how they are.
    async fn announce(&self) -> Result<(), JournalError> {
        let Setup { watch, lister, .. } = &self.setup;
        let documents = watch.documents().map(|source| (source, Asked::Documents));
        let lists = lister.iter().map(|(source, _)| (source.as_str(), Asked::Beside));
        for (source, asked) in documents.chain(lists) {
            self.health.expect(&self.recorder, source, (&watch.name, asked)).await?;
        }
        Ok(())
    }

    async fn load(&mut self) -> Result<(), JournalError> {
        let name = self.setup.watch.name.clone();
        let lately = events::millis(self.recorder.clock.now()) - LATELY;
        let (rows, ended, mut stalls, [silences, stalled], [returns, flowing], memory) = self
            .recorder
            .journal
            .write(move |connection| {
                let silences = |of| incidents::silences_since(connection, of, &name, lately);
                let returns = |of| notes::returns(connection, of, &name);
                Ok((
                    entities::of_watch(connection, &name)?,
                    incidents::silences_ended(connection, &name)?,
                    incidents::open_stalls(connection, &name)?,
                    [silences(Subject::Agent)?, silences(Subject::Pipeline)?],
                    [returns(Subject::Agent)?, returns(Subject::Pipeline)?],
                    Memory::read(connection, &name)?,
                ))
            })
            .await?;
        self.behind.open = self.take_open(&mut stalls);
        self.beside.begin_anew(&self.setup);
        let in_file = self.setup.watch.agents.clone();
        let agents = inventory::together(in_file, self.roster.listed.clone());
        let watch = self.setup.watch.with_agents(agents);
        self.maintenance = Windows::new(&watch.maintenance, &watch.agents);
        self.quiet = None;
        let (mut fleet, gone) = Fleet::new(&watch, rows);
        for (number, at) in &fleet.dependencies().circular {
            let (watch, id) = (&self.setup.watch.name, &fleet.entities()[*at].key);
            let number = number + 1;
            tracing::warn!(
                "watch {watch}: dependency {number} is left out where agent {id} would depend on itself"
            );
        }
        fleet.log_since(&ended);
        fleet.remember(&self.fleet, &silences, &returns);
        let shortest = fleet.shortest_threshold().unwrap_or_default();
        let stalls = stalls.into_iter().map(|(key, stall)| (Common::from_key(&key), stall));
        self.stalls = Stalls::new(stalls, Doubts::new(&stalled, &flowing, shortest));
        self.behind.doubts = Doubts::new(&stalled, &flowing, shortest);
        for (common, stall) in &self.stalls.open {
            if let Common::Node(node) = common {
                fleet.at_home(stall.incident, node);
            }
        }
        if let Some(memory) = memory {
            self.last_round = self.last_round.max(Some(memory.at));
            fleet.remember_lags(&memory.lags_at(events::millis(self.recorder.clock.now())));
        }
        fleet.join_parts(|key| self.setup.source.whole(key));
        let_go(&self.recorder, &self.setup.watch.name, gone).await?;
        (self.fleet, self.overtaken) = (fleet, false);
        // Newcomers have no history: the next round looks over the whole threshold.
        self.looked = None;
        Ok(())
    }

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
