//! What stands between an agent and log-monitor, in words: by the kind of source that a watch reads.

use crate::source::Source;

/// The words that name a part of the way of logs. Questions end without their mark.
#[derive(Debug, PartialEq, Eq)]
pub struct Way {
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
}

/// Filebeat takes them from the manager to an indexer, perhaps beside a file that is read, too.
pub static INDEXED: Way = Way {
    never: "is the id right, was the agent ever enrolled, and is its manager the one that this indexer belongs to",
    late: "is the manager's queue full, and are its Filebeat and the indexer behind",
    keeper: "the indexer",
    lost: "do they raise alerts at all (level 3 and more), and does the manager's Filebeat keep up",
    stalled: "the manager (and its Filebeat), the network between, and the indexer's disk",
};

/// The manager writes them into the files that are read.
pub static IN_FILE: Way = Way {
    never: "is the id right, was the agent ever enrolled, and is its manager the one that writes this file",
    late: "is the manager's queue full, and does it keep up with writing its file",
    keeper: "its file",
    lost: "do they raise alerts at all (level 3 and more), and is the file that of the node that it sends through",
    stalled: "the manager, its disk (does it still write its file), and the network between it and the agents",
};

impl Way {
    /// That of the documents of a source.
    #[must_use]
    pub fn of(source: &dyn Source) -> &'static Self {
        if source.is_managers() { &IN_FILE } else { &INDEXED }
    }
}
