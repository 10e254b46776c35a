//! The simulated indexer: what is indexed by now, within the window that is asked for, after some
//! seconds, unless it is broken. Now and then a single question fails.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use fastrand::Rng;
use log_monitor::clock::{Clock, TokioClock};
use log_monitor::source::{Answer, Entities, Membership, Observation, Query, Source, SourceError, Volume};

use crate::scenario::{Agent, Document, REASONS, SECOND, Scenario};

/// The longest that an answer takes, in milliseconds.
const SLOWEST: i64 = 3 * SECOND;

/// The longest that a count takes: there is one for each node and class, in one round.
const SLOWEST_COUNT: i64 = SECOND / 4;

/// One question of so many fails.
const FAILS: u32 = 300;

pub struct Index {
    pub scenario: Arc<Scenario>,
    /// The true time.
    pub clock: TokioClock,
    chance: Mutex<Rng>,
    /// How many documents of each agent are of the past: time only goes on.
    passed: Vec<AtomicUsize>,
    /// When single questions failed.
    pub failed: Mutex<Vec<i64>>,
}

impl Index {
    pub fn new(scenario: Arc<Scenario>, clock: TokioClock) -> Self {
        let chance = Mutex::new(Rng::with_seed(scenario.seed));
        let passed = scenario.agents.iter().map(|_| AtomicUsize::new(0)).collect();
        Self { scenario, clock, chance, passed, failed: Mutex::default() }
    }

    fn now(&self) -> i64 {
        self.clock.now().timestamp_millis()
    }

    /// Waits for the answer to be there; fails if it breaks meanwhile, or by chance.
    async fn answers(&self) -> Result<(), SourceError> {
        self.answers_within(SLOWEST).await
    }

    async fn answers_within(&self, slowest: i64) -> Result<(), SourceError> {
        self.works()?;
        let (wait, fails) = {
            let mut chance = self.chance.lock().unwrap();
            let reason = REASONS[chance.usize(..REASONS.len())];
            (chance.i64(0..=slowest), (chance.u32(..FAILS) == 0).then_some(reason))
        };
        tokio::time::sleep(Duration::from_millis(wait.unsigned_abs())).await;
        if let Some(reason) = fails {
            self.failed.lock().unwrap().push(self.now());
            return Err(SourceError::new(reason, "failed on purpose"));
        }
        self.works()
    }

    fn works(&self) -> Result<(), SourceError> {
        let now = self.now();
        let broken = self.scenario.broken.iter().find(|broken| (broken.from..broken.to).contains(&now));
        broken.map_or(Ok(()), |broken| Err(SourceError::new(broken.reason, "broken on purpose")))
    }

    fn newest_of(&self, place: usize, query: &Query<'_>, now: i64) -> Option<Observation> {
        let agent = self.scenario.agents.get(place)?;
        let (from, to) = (query.from.timestamp_millis(), query.to.timestamp_millis());
        let past = self.past(place, now).iter().rev().skip_while(|document| document.at > to);
        let mut found = past.take_while(|document| document.at >= from);
        let document = found.find(|document| document.visible <= now)?;
        Some(Observation { key: agent.id.as_str().into(), last_seen: document.at })
    }

    /// The documents of an agent up to now.
    fn past(&self, place: usize, now: i64) -> &[Document] {
        let (documents, passed) = (&self.scenario.agents[place].documents, &self.passed[place]);
        let before = passed.load(Ordering::Relaxed);
        let since = documents[before..].iter().take_while(|document| document.at <= now).count();
        passed.store(before + since, Ordering::Relaxed);
        &documents[..before + since]
    }
}

/// The newest document up to `to` that can be found at `now`.
pub fn newest(documents: &[Document], to: i64, now: i64) -> Option<&Document> {
    let until = documents.partition_point(|document| document.at <= to.min(now));
    documents[..until].iter().rev().find(|document| document.visible <= now)
}

/// The documents from one time to another, both inclusive.
fn within(documents: &[Document], from: i64, to: i64) -> impl Iterator<Item = &Document> {
    let first = documents.partition_point(|document| document.at < from);
    documents[first..].iter().take_while(move |document| document.at <= to)
}

#[async_trait::async_trait]
impl Source for Index {
    async fn newest(&self, query: &Query<'_>) -> Result<Answer, SourceError> {
        self.answers().await?;
        let now = self.now();
        let seen = |place: usize| self.newest_of(place, query, now);
        let newest = match query.entities {
            Entities::All(_) => (0..self.scenario.agents.len()).filter_map(seen).collect(),
            Entities::Only(keys) => keys.iter().filter_map(|key| seen(Scenario::place(key))).collect(),
        };
        Ok(Answer { newest, ..Answer::default() })
    }

    async fn volumes(&self, query: &Query<'_>) -> Result<Vec<Volume>, SourceError> {
        self.answers_within(SLOWEST_COUNT).await?;
        let now = self.now();
        let (from, to) = (query.from.timestamp_millis(), query.to.timestamp_millis());
        let volume = |place: usize| {
            let agent = &self.scenario.agents[place];
            let count = within(&agent.documents, from, to).filter(|document| document.visible <= now).count();
            (count > 0).then(|| Volume { key: agent.id.as_str().into(), count: count as u64 })
        };
        Ok(match query.entities {
            Entities::All(_) => (0..self.scenario.agents.len()).filter_map(volume).collect(),
            Entities::Only(keys) => keys.iter().filter_map(|key| volume(Scenario::place(key))).collect(),
        })
    }

    async fn nodes(&self, query: &Query<'_>) -> Result<Vec<Membership>, SourceError> {
        self.answers().await?;
        let now = self.now();
        let home = |(place, agent): (usize, &Agent)| {
            let seen = self.newest_of(place, query, now)?;
            Some(Membership { key: seen.key, node: agent.node.as_deref()?.into() })
        };
        Ok(self.scenario.agents.iter().enumerate().filter_map(home).collect())
    }

    async fn probe(&self) -> Result<(), SourceError> {
        self.answers().await
    }
}
