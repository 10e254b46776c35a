//! What a source answers.

use std::collections::BTreeMap;

use compact_str::CompactString;

use super::Keeper;

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
    /// Who keeps its documents.
    pub keeper: Keeper,
}

/// Entity `key` last logged at `last_seen`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Observation {
    /// The entity's key, such as the agent id `001`. Hostile input.
    pub key: CompactString,
    /// Milliseconds since 1970, UTC, by the clock of the Wazuh manager.
    pub last_seen: i64,
}

/// How an agent is connected. Times are milliseconds since 1970, UTC: by our clock where the server tells what its
/// own says, else by the manager's.
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
    /// It said that it starts, and its manager has taken up no keepalive since. If it ever sent any sign, its
    /// [`last_keepalive`](Connection::last_keepalive) tells when.
    Pending,
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
