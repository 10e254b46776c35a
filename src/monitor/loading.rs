//! A monitor as it begins, or begins anew with another setup: from what the journal knows of the watch.

use std::sync::Arc;

use chrono::TimeDelta;
use rusqlite::Connection;
use tokio::time::Instant;

use super::behind::Behind;
use super::beside::Beside;
use super::clock_guard::ClockGuard;
use super::fleet::Fleet;
use super::maintenance::Windows;
use super::memory::Memory;
use super::pipeline::{Common, Doubts, Stalls};
use super::roster::Roster;
use super::source_health::{Asked, SourceHealth};
use super::{Monitor, Setup, inventory, let_go};
use crate::journal::entities::{self, EntityRow};
use crate::journal::incidents::{self, Stall, Subject};
use crate::journal::{JournalError, events, notes};
use crate::record::Recorder;

/// Silences of so long ago may still be part of a flapping, in milliseconds.
const LATELY: i64 = 24 * 3_600_000;

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

    /// Takes up what the journal knows of the watch: the fleet is another one from now on, and the next round looks over
    /// the whole threshold.
    ///
    /// # Errors
    /// When the journal fails.
    pub(super) async fn load(&mut self) -> Result<(), JournalError> {
        let now = events::millis(self.recorder.clock.now());
        let name = self.setup.watch.name.clone();
        let read = move |connection: &_| Known::read(connection, &name, now - LATELY);
        let mut known = self.recorder.journal.write(read).await?;
        self.behind.open = self.take_open(&mut known.stalls);
        self.beside.begin_anew(&self.setup);
        let in_file = self.setup.watch.agents.clone();
        let agents = inventory::together(in_file, self.roster.listed.clone());
        let watch = self.setup.watch.with_agents(agents);
        self.maintenance = Windows::new(&watch.maintenance, &watch.agents);
        self.quiet = None;
        let (mut fleet, gone) = Fleet::new(&watch, known.entities);
        warn_of_circles(&watch.name, &fleet);
        fleet.log_since(&known.ended);
        fleet.remember(&self.fleet, &known.silences, &known.returns);
        let shortest = fleet.shortest_threshold().unwrap_or_default();
        let doubts = || Doubts::new(&known.stalled, &known.flowing, shortest);
        let stalls = known.stalls.into_iter().map(|(key, stall)| (Common::from_key(&key), stall));
        (self.stalls, self.behind.doubts) = (Stalls::new(stalls, doubts()), doubts());
        for (common, stall) in &self.stalls.open {
            if let Common::Node(node) = common {
                fleet.at_home(stall.incident, node);
            }
        }
        if let Some(memory) = known.memory {
            self.last_round = self.last_round.max(Some(memory.at));
            fleet.remember_lags(&memory.lags_at(now));
        }
        fleet.join_parts(|key| self.setup.source.whole(key));
        let_go(&self.recorder, &self.setup.watch.name, gone).await?;
        (self.fleet, self.overtaken) = (fleet, false);
        // Newcomers have no history: the next round looks over the whole threshold.
        self.looked = None;
        Ok(())
    }
}

/// What the journal knows of a watch. Times in milliseconds.
struct Known {
    entities: Vec<EntityRow>,
    /// When the last silence of each was over.
    ended: Vec<(String, i64)>,
    /// The stalls that are open.
    stalls: Vec<(String, Stall)>,
    /// When who fell silent lately, and what stalled.
    silences: Vec<(String, i64)>,
    stalled: Vec<(String, i64)>,
    /// Since when who is back, and what flows, of which the end is not believed yet.
    returns: Vec<(String, i64)>,
    flowing: Vec<(String, i64)>,
    memory: Option<Memory>,
}

impl Known {
    fn read(connection: &Connection, watch: &str, lately: i64) -> rusqlite::Result<Self> {
        let silences = |of| incidents::silences_since(connection, of, watch, lately);
        let returns = |of| notes::returns(connection, of, watch);
        Ok(Self {
            entities: entities::of_watch(connection, watch)?,
            ended: incidents::silences_ended(connection, watch)?,
            stalls: incidents::open_stalls(connection, watch)?,
            silences: silences(Subject::Agent)?,
            stalled: silences(Subject::Pipeline)?,
            returns: returns(Subject::Agent)?,
            flowing: returns(Subject::Pipeline)?,
            memory: Memory::read(connection, watch)?,
        })
    }
}

fn warn_of_circles(watch: &str, fleet: &Fleet) {
    for (number, at) in &fleet.dependencies().circular {
        let (number, id) = (number + 1, &fleet.entities()[*at].key);
        tracing::warn!(
            "watch {watch}: dependency {number} is left out where agent {id} would depend on itself"
        );
    }
}
