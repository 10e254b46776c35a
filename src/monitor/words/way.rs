//! What stands between an agent and log-monitor, in words: by the kind of source that a watch reads.

use crate::source::{Keeper, Source};

/// The words that name a part of the way of logs. Questions end without their mark.
#[derive(Debug, PartialEq, Eq)]
pub struct Way {
    /// What to check of whoever is silent, where nothing else is known.
    pub first: &'static str,
    /// What to check of whoever was never seen.
    pub never: &'static str,
    /// What to check where logs come late.
    pub late: &'static str,
    /// Who has nothing of what the manager received.
    pub keeper: &'static str,
    /// What to check then.
    pub lost: &'static str,
    /// What to check of a group of which nothing comes.
    pub stalled: &'static str,
    /// Who dates them, where the time of their hosts is not meant.
    pub clock: &'static str,
}

const FIRST: &str = "is the machine up, is its Wazuh agent running and connected, and do other agents of the same manager still log";

const MANAGER: &str = "the Wazuh manager";

/// Filebeat takes them from the manager to an indexer, perhaps beside a file that is read, too.
pub static INDEXED: Way = Way {
    first: FIRST,
    never: "is the id right, was the agent ever enrolled, and is its manager the one that this indexer belongs to",
    late: "is the manager's queue full, and are its Filebeat and the indexer behind",
    keeper: "the indexer",
    lost: "do they raise alerts at all (level 3 and more), and does the manager's Filebeat keep up",
    stalled: "the manager (and its Filebeat), the network between, and the indexer's disk",
    clock: MANAGER,
};

/// The manager writes them into the files that are read.
pub static IN_FILE: Way = Way {
    first: FIRST,
    never: "is the id right, was the agent ever enrolled, and is its manager the one that writes this file",
    late: "is the manager's queue full, and does it keep up with writing its file",
    keeper: "its file",
    lost: "do they raise alerts at all (level 3 and more), and is the file that of the node that it sends through",
    stalled: "the manager, its disk (does it still write its file), and the network between it and the agents",
    clock: MANAGER,
};

/// Somebody else has them, of entities that may be no agents.
pub static ELSEWHERE: Way = Way {
    first: "is it up and running, and is anything else of the same source still heard",
    never: "is it known to this source by this name, and was it ever heard",
    late: "what holds them up on their way to this source",
    keeper: "the source",
    lost: "do they still find their way from the manager to this source",
    stalled: "whatever brings them to this source, and the network between",
    clock: "whatever dates them",
};

impl Way {
    /// That of the documents of a source.
    #[must_use]
    pub fn of(source: &dyn Source) -> &'static Self {
        match source.keeper() {
            Keeper::Manager => &IN_FILE,
            Keeper::Indexer => &INDEXED,
            Keeper::Other => &ELSEWHERE,
        }
    }
}
