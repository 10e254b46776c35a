//! A monitor as it begins, or begins anew with another setup: from what the journal knows of the watch.

use std::sync::Arc;

use chrono::TimeDelta;
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
use crate::journal::entities;
use crate::journal::incidents::{self, Subject};
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
}
