//! Sources: where observations come from. A source reads the outside and judges nothing; it knows
//! no channel, no journal and no threshold.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use tokio::time::Instant;

mod answers;
pub mod ca_file;
mod entity_field;
mod error;
pub mod file;
mod handshake;
pub mod indexer;
mod key;
pub mod manager;
mod query;
pub mod registry;
pub mod server_api;
pub mod several;
pub mod tls;
pub mod wire;

pub use answers::{
    Answer, Connection, Counted, Counters, Frontier, Heard, Link, Listed, Membership, Observation, Volume,
    Word,
};
pub use error::{SourceError, SourceReason};
pub use query::{Entities, Query};
pub use registry::{Keys, SourceContext, SourceKind, SourceRegistry};

/// The registry with every kind that this program brings.
#[must_use]
pub fn default_sources() -> SourceRegistry {
    SourceRegistry::new().with::<indexer::Indexer>().with::<server_api::ServerApi>().with::<file::LogFile>()
}

/// What a kind of source can see.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sees {
    /// What entities log: it decides who is silent.
    Documents,
    /// How agents are connected: it tells why.
    Connections,
}

/// Who keeps the documents that a source reads: what logs have to pass until they are there.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Keeper {
    /// Wazuh's manager itself has written them, before any of them is indexed.
    Manager,
    /// An indexer, behind the manager and its Filebeat.
    Indexer,
    /// An indexer to which the manager writes itself (Wazuh 5).
    IndexerOfFive,
    /// Somebody else: of the way there nothing is known.
    #[default]
    Other,
}

/// Reads what is outside. It judges nothing.
#[async_trait]
pub trait Source: Send + Sync + 'static {
    /// The newest life sign of each entity within the window. An entity without any is absent.
    ///
    /// # Errors
    /// Whenever the answer is not known to be complete. An error is never evidence of silence.
    async fn newest(&self, _query: &Query<'_>) -> Result<Answer, SourceError> {
        Err(SourceError::new(SourceReason::Mapping, "this kind of source sees no documents"))
    }

    /// The id of the Wazuh agent that an entity is, or is a part of; `None` where its key tells none.
    fn agent_of<'k>(&self, key: &'k str) -> Option<&'k str> {
        is_agent_id(key).then_some(key)
    }

    /// How agents are connected to their manager, by their ids. An agent is absent when the server does
    /// not tell, for whatever reason; one that it does not know is [`Link::NotEnrolled`]. Of many, those are told of
    /// whom an answer came until then.
    ///
    /// # Errors
    /// As [`newest`](Self::newest).
    async fn connections(&self, _keys: &[&str], _until: Instant) -> Result<Vec<Connection>, SourceError> {
        Ok(Vec::new())
    }

    /// The node (the manager of a cluster) that each entity's newest document came through. Nothing
    /// where the source cannot tell: it only helps to say what silent entities have in common.
    ///
    /// # Errors
    /// As [`newest`](Self::newest).
    async fn nodes(&self, _query: &Query<'_>) -> Result<Vec<Membership>, SourceError> {
        Ok(Vec::new())
    }

    /// Who there is: every entity that the source knows of, complete. `query` bounds it where the
    /// source only knows who logged within a window.
    ///
    /// # Errors
    /// As [`newest`](Self::newest). A list that is not known to be whole is an error: who is absent
    /// from it would be taken for removed.
    async fn inventory(&self, _query: &Query<'_>) -> Result<Vec<Listed>, SourceError> {
        Err(SourceError::new(SourceReason::Mapping, "this kind of source keeps no list of agents"))
    }

    /// Whether whoever is not in the [`inventory`](Self::inventory) is not enrolled; if not, they only
    /// did not log within the window.
    fn lists_all(&self) -> bool {
        false
    }

    /// The name of what an entity is a part of: `001` for log `001|/var/log/auth.log`. `None` where entities
    /// are no parts of anything.
    fn whole<'k>(&self, _key: &'k str) -> Option<&'k str> {
        None
    }

    /// The newest life sign of each of those that entities are [parts of](Self::whole), by their names, whoever asks
    /// about the parts that have it. One without any is absent.
    ///
    /// # Errors
    /// As [`newest`](Self::newest).
    async fn wholes(&self, _query: &Query<'_>) -> Result<Vec<Observation>, SourceError> {
        Ok(Vec::new())
    }

    /// Who keeps its documents. Messages say by it what to check.
    fn keeper(&self) -> Keeper {
        Keeper::Other
    }

    /// Whether it has alerts only, and not every event: much is logged that it never sees.
    fn has_alerts_only(&self) -> bool {
        false
    }

    /// How many documents each entity has within the window. An entity without any is absent. A source that
    /// counts in steps tells it of [`whole_steps`], each as long as [`step_of`] says.
    ///
    /// # Errors
    /// As [`newest`](Self::newest).
    async fn volumes(&self, _query: &Query<'_>) -> Result<Vec<Volume>, SourceError> {
        Err(SourceError::new(SourceReason::Mapping, "this kind of source counts no documents"))
    }

    /// What the manager has counted of each agent so far: a second opinion, which costs a request for
    /// each. An agent that it cannot tell of is absent.
    ///
    /// # Errors
    /// As [`newest`](Self::newest).
    async fn counters(&self, _keys: &[&str]) -> Result<Vec<Counters>, SourceError> {
        Ok(Vec::new())
    }

    /// The last documents of one entity from `from` to `until`, both inclusive, the newest first, at most
    /// `count`; where entities are parts of agents, of a whole agent, too.
    ///
    /// # Errors
    /// As [`newest`](Self::newest).
    async fn last_words(
        &self,
        _key: &str,
        _from: DateTime<Utc>,
        _until: DateTime<Utc>,
        _count: usize,
    ) -> Result<Vec<Word>, SourceError> {
        Ok(Vec::new())
    }

    /// When entities logged within the window, in steps of so many milliseconds: one entry for each
    /// entity and step in which it did, in order of time.
    ///
    /// # Errors
    /// As [`newest`](Self::newest).
    async fn history(&self, _query: &Query<'_>, _step: i64) -> Result<Vec<Heard>, SourceError> {
        Err(SourceError::new(SourceReason::Mapping, "this kind of source remembers no history"))
    }

    /// Whether a real, empty-handed query would work: address, credentials, rights.
    ///
    /// # Errors
    /// As [`newest`](Self::newest).
    async fn probe(&self) -> Result<(), SourceError>;
}

/// The last whole steps until the end of a window that are as long together as it is: from when to when, both
/// inclusive. In milliseconds.
#[must_use]
pub const fn whole_steps((from, to): (i64, i64), step: i64) -> (i64, i64) {
    let end = to.div_euclid(step) * step;
    (end - (to - from), end - 1)
}

/// The longest step of a minute at most of which a window of this length is a whole number, in milliseconds;
/// `None` = it is not even one of whole seconds.
#[must_use]
pub const fn step_of(length: i64) -> Option<i64> {
    match common_divisor(60_000, length) {
        ..1000 => None,
        step => Some(step),
    }
}

const fn common_divisor(one: i64, other: i64) -> i64 {
    if other == 0 { one } else { common_divisor(other, one % other) }
}

/// Whether an agent of Wazuh can have this id: three digits or more.
#[must_use]
pub fn is_agent_id(key: &str) -> bool {
    key.len() >= 3 && key.bytes().all(|byte| byte.is_ascii_digit())
}
