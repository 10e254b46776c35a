//! The simulated source that keeps the list of agents.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use fastrand::Rng;
use log_monitor::clock::{Clock, TokioClock};
use log_monitor::source::{Listed, Query, Source, SourceError, SourceReason};

use crate::scenario::{Agent, SECOND, Scenario};

/// The longest that an answer takes, in milliseconds.
const SLOWEST: i64 = SECOND;

pub struct Lister {
    scenario: Arc<Scenario>,
    /// The true time.
    clock: TokioClock,
    chance: Mutex<Rng>,
}

impl Lister {
    pub fn new(scenario: Arc<Scenario>, clock: TokioClock) -> Self {
        let chance = Mutex::new(Rng::with_seed(scenario.seed));
        Self { scenario, clock, chance }
    }

    async fn takes_its_time(&self) {
        let wait = self.chance.lock().unwrap().i64(0..=SLOWEST);
        tokio::time::sleep(Duration::from_millis(wait.unsigned_abs())).await;
    }
}

#[async_trait::async_trait]
impl Source for Lister {
    async fn inventory(&self, _: &Query<'_>) -> Result<Vec<Listed>, SourceError> {
        self.takes_its_time().await;
        let now = self.clock.now().timestamp_millis();
        let register = self.scenario.register.as_ref().expect("a list");
        if register.unreadable.contains(now) {
            return Err(SourceError::new(SourceReason::Network, "broken on purpose"));
        }
        let listed =
            |(place, agent): &(usize, &Agent)| agent.listed.contains(now) && register.shows(*place, now);
        let entry = |(_, agent): (usize, &Agent)| Listed {
            key: agent.id.as_str().into(),
            name: agent.name().into(),
            ..Listed::default()
        };
        Ok(self.scenario.agents.iter().enumerate().filter(listed).map(entry).collect())
    }

    fn lists_all(&self) -> bool {
        true
    }

    async fn probe(&self) -> Result<(), SourceError> {
        self.takes_its_time().await;
        Ok(())
    }
}
