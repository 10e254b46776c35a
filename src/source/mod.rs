//! Sources: where observations come from. A source reads the outside and judges nothing; it knows
//! no channel, no journal and no threshold.

use std::collections::BTreeMap;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use compact_str::CompactString;

pub mod ca_file;
mod entity_field;
pub mod file;
pub mod indexer;
mod key;
pub mod manager;
pub mod registry;
pub mod server_api;
pub mod several;
pub mod tls;
pub mod wire;

pub use registry::{SourceContext, SourceKind, SourceRegistry};

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
    /// not tell, for whatever reason; one that it does not know is [`Link::NotEnrolled`].
    ///
    /// # Errors
    /// As [`newest`](Self::newest).
    async fn connections(&self, _keys: &[&str]) -> Result<Vec<Connection>, SourceError> {
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

    /// Whether its documents are those that the manager itself has written, before any of them is indexed.
    fn is_managers(&self) -> bool {
        false
    }

    /// Whether it has alerts only, and not every event: much is logged that it never sees.
    fn has_alerts_only(&self) -> bool {
        false
    }

    /// How many documents each entity has within the window. An entity without any is absent.
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

/// Whether an agent of Wazuh can have this id: three digits or more.
#[must_use]
pub fn is_agent_id(key: &str) -> bool {
    key.len() >= 3 && key.bytes().all(|byte| byte.is_ascii_digit())
}

/// What to ask. Times are absolute, so that an answer can be cached and repeated.
#[derive(Debug, Clone, Copy)]
pub struct Query<'a> {
    /// Oldest time that counts, inclusive.
    pub from: DateTime<Utc>,
    /// Newest time that counts, inclusive: beyond it a document is from the future.
    pub to: DateTime<Utc>,
    /// Which entities.
    pub entities: Entities<'a>,
}

/// Which entities a [`Query`] is about.
#[derive(Debug, Clone, Copy)]
pub enum Entities<'a> {
    /// Whatever the source has, about this many.
    All(usize),
    /// These only.
    Only(&'a [&'a str]),
}

/// A complete answer.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Answer {
    /// One observation for each entity that has a life sign in the window.
    pub newest: Vec<Observation>,
    /// Where several sources have answered, how far each of them is.
    pub frontiers: Vec<Frontier>,
}

/// How far one of several sources is. Times in milliseconds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Frontier {
    /// Its name.
    pub source: String,
    /// The newest life sign in its answer, if there is any.
    pub newest: Option<i64>,
    /// The newest one that another source has and that it should have, too, and the name of that source.
    pub elsewhere: Option<(i64, String)>,
    /// Whether its documents are those that the manager itself has written.
    pub is_managers: bool,
}

/// Entity `key` last logged at `last_seen`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Observation {
    /// The entity's key, such as the agent id `001`. Hostile input.
    pub key: CompactString,
    /// Milliseconds since 1970, UTC, by the clock of the Wazuh manager.
    pub last_seen: i64,
}

/// How an agent is connected. Times are milliseconds since 1970, UTC, by the manager's clock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Connection {
    /// The agent's id. Hostile input.
    pub key: CompactString,
    /// Whether it is.
    pub link: Link,
    /// Its last sign of being there.
    pub last_keepalive: Option<i64>,
    /// When the manager noticed that it went.
    pub lost_at: Option<i64>,
    /// The node it sends through. Hostile input.
    pub node: Option<CompactString>,
}

/// Whether an agent is connected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Link {
    /// It is.
    Connected,
    /// It said that it stops.
    Stopped,
    /// It went without a word.
    Lost,
    /// It is not, and how it went is not told.
    Disconnected,
    /// It is enrolled, and has never connected.
    NeverConnected,
    /// The server says that it knows no such agent.
    NotEnrolled,
    /// The server says something else.
    Unknown,
}

/// An entity that a source lists. All texts are hostile input.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Listed {
    /// The entity's key, such as the agent id `001`.
    pub key: CompactString,
    /// The name people know it by; empty where there is none.
    pub name: CompactString,
    /// Its groups in Wazuh.
    pub groups: Vec<CompactString>,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// The node it sends through.
    pub node: Option<CompactString>,
    /// The version of its agent, such as `v4.14.5`.
    pub version: Option<CompactString>,
}

/// Entity `key` has `count` documents.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Volume {
    /// The entity's key. Hostile input.
    pub key: CompactString,
    /// How many.
    pub count: u64,
}

/// What the manager has counted of an agent since it connected (or the manager was started). A
/// number that is smaller than before was set back; that is no silence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Counted {
    /// Events that came in.
    pub received: u64,
    /// Those of them that were read from logs; `None` where the manager does not tell them apart.
    pub logs: Option<u64>,
}

/// What is counted of entity `key`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Counters {
    /// The entity's key. Hostile input.
    pub key: CompactString,
    /// The numbers.
    pub counted: Counted,
}

/// One of the last documents of an entity. All texts are hostile input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Word {
    /// Milliseconds since 1970, UTC, by the clock of the Wazuh manager.
    pub at: i64,
    /// The rule's id.
    pub rule: String,
    /// The rule's level; 0 where there is none.
    pub level: u8,
    /// The rule's groups.
    pub groups: Vec<String>,
    /// The rule's description.
    pub description: String,
}

/// An entity logged within a step of time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Heard {
    /// The entity's key. Hostile input.
    pub key: CompactString,
    /// Its newest document of that step, in milliseconds.
    pub newest: i64,
    /// How many documents it has there.
    pub count: u64,
}

/// Entity `key` sends through `node`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Membership {
    /// The entity's key. Hostile input.
    pub key: CompactString,
    /// The node's name. Hostile input.
    pub node: CompactString,
}

/// Why nothing is known. The text is for people and free of secrets.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{detail}")]
pub struct SourceError {
    /// For programs and metrics.
    pub reason: SourceReason,
    /// What happened and what to check first.
    pub detail: String,
    /// Which of several sources failed, and how; empty where there is one.
    pub sources: Vec<(String, Self)>,
}

/// A closed set of reasons.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SourceReason {
    /// Cannot connect, or the connection broke.
    Network,
    /// No whole answer in time.
    Timeout,
    /// The certificate does not verify.
    Tls,
    /// User or password refused.
    Auth,
    /// The user may not read this.
    Rights,
    /// No index matches, or none that the user may see.
    NoIndex,
    /// The field cannot be aggregated, or the query is refused as such.
    Mapping,
    /// An answer that is not whole: failed shards, timed out inside, truncated lists.
    Incomplete,
    /// The server has trouble of its own: 429, 5xx.
    Overloaded,
    /// Not what the server documents: an HTML page, cut-off JSON, too large.
    Malformed,
}

impl SourceReason {
    /// The contract name, such as `no_index`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Network => "network",
            Self::Timeout => "timeout",
            Self::Tls => "tls",
            Self::Auth => "auth",
            Self::Rights => "rights",
            Self::NoIndex => "no_index",
            Self::Mapping => "mapping",
            Self::Incomplete => "incomplete",
            Self::Overloaded => "overloaded",
            Self::Malformed => "malformed",
        }
    }

    /// Whether asking again at once may help. A wrong password asked again only locks the user out.
    #[must_use]
    pub const fn may_pass(self) -> bool {
        matches!(self, Self::Network | Self::Timeout | Self::Incomplete | Self::Overloaded)
    }
}

impl SourceError {
    /// An error for people and programs.
    pub fn new(reason: SourceReason, detail: impl Into<String>) -> Self {
        Self { reason, detail: detail.into(), sources: Vec::new() }
    }

    /// What to say of these that failed, by name; `None` = none did.
    #[must_use]
    pub fn of(failed: Vec<(String, Self)>) -> Option<Self> {
        let lasting = failed.iter().find(|(_, error)| !error.reason.may_pass());
        let reason = lasting.or(failed.first())?.1.reason;
        let details: Vec<String> = failed.iter().map(|(name, error)| format!("{name}: {error}")).collect();
        Some(Self { reason, detail: details.join("; "), sources: failed })
    }

    /// The sources that failed, and how: `usual` where there is one only.
    pub fn by<'e>(&'e self, usual: &'e str) -> impl Iterator<Item = (&'e str, &'e Self)> {
        let one = self.sources.is_empty().then_some((usual, self));
        one.into_iter().chain(self.sources.iter().map(|(name, error)| (name.as_str(), error)))
    }
}
