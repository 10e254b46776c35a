//! The simulated indexer: what is indexed by now, within the window that is asked for, unless it is
//! broken.

use std::sync::Arc;

use log_monitor::clock::{Clock, TokioClock};
use log_monitor::source::{Answer, Entities, Membership, Observation, Query, Source, SourceError};

use crate::scenario::{Agent, Document, Scenario};

pub struct Index {
    pub scenario: Arc<Scenario>,
    /// The true time.
    pub clock: TokioClock,
}

impl Index {
    fn now(&self) -> i64 {
        self.clock.now().timestamp_millis()
    }

    /// Whether it answers now.
    fn answers(&self) -> Result<(), SourceError> {
        let now = self.now();
        let broken = self.scenario.broken.iter().find(|broken| (broken.from..broken.to).contains(&now));
        broken.map_or(Ok(()), |broken| Err(SourceError::new(broken.reason, "broken on purpose")))
    }

    fn newest_of(&self, place: usize, query: &Query<'_>, now: i64) -> Option<Observation> {
        let agent = self.scenario.agents.get(place)?;
        let document = newest(&agent.documents, query.to.timestamp_millis(), now)?;
        let last_seen = Some(document.at).filter(|at| *at >= query.from.timestamp_millis())?;
        Some(Observation { key: agent.id.as_str().into(), last_seen })
    }
}

/// The newest document up to `to` that can be found at `now`.
pub fn newest(documents: &[Document], to: i64, now: i64) -> Option<&Document> {
    let until = documents.partition_point(|document| document.at <= to.min(now));
    documents[..until].iter().rev().find(|document| document.visible <= now)
}

#[async_trait::async_trait]
impl Source for Index {
    async fn newest(&self, query: &Query<'_>) -> Result<Answer, SourceError> {
        self.answers()?;
        let now = self.now();
        let seen = |place: usize| self.newest_of(place, query, now);
        let newest = match query.entities {
            Entities::All(_) => (0..self.scenario.agents.len()).filter_map(seen).collect(),
            Entities::Only(keys) => keys.iter().filter_map(|key| seen(Scenario::place(key))).collect(),
        };
        Ok(Answer { newest })
    }

    async fn nodes(&self, query: &Query<'_>) -> Result<Vec<Membership>, SourceError> {
        self.answers()?;
        let now = self.now();
        let home = |(place, agent): (usize, &Agent)| {
            let seen = self.newest_of(place, query, now)?;
            Some(Membership { key: seen.key, node: agent.node.as_deref()?.into() })
        };
        Ok(self.scenario.agents.iter().enumerate().filter_map(home).collect())
    }

    async fn probe(&self) -> Result<(), SourceError> {
        self.answers()
    }
}
