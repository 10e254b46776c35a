//! Groups of entities, counted at one moment, and how their documents come. Pure.

use std::fmt;

use crate::config::Pipeline;
use crate::monitor::fleet::Entity;

/// A group whose newest document is older than this, in milliseconds, is in doubt.
const DOUBT: i64 = 3 * 60_000;

/// And so is one that is quiet for this part of what its members are allowed.
const DOUBT_PART: i64 = 5;

/// What entities have in common.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Common {
    /// They are in the watch.
    Watch,
    /// They send through this node.
    Node(String),
    /// They have this label.
    Label(String, String),
}

impl Common {
    /// As the journal keeps it: empty for a watch, else `node=node02`, `site=MIL`.
    #[must_use]
    pub fn from_key(key: &str) -> Self {
        match key.split_once('=') {
            None => Self::Watch,
            Some(("node", name)) => Self::Node(name.to_owned()),
            Some((label, value)) => Self::Label(label.to_owned(), value.to_owned()),
        }
    }
}

impl fmt::Display for Common {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Watch => Ok(()),
            Self::Node(name) => write!(f, "node={name}"),
            Self::Label(label, value) => write!(f, "{label}={value}"),
        }
    }
}

/// A group of entities at one moment. Times in milliseconds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tally {
    /// Entities that log, or did until now.
    pub watched: usize,
    /// Those of them that fell silent now or lately.
    pub lost: usize,
    /// The newest life sign of any of its entities.
    pub newest: Option<i64>,
    /// The shortest silence that any of them is allowed.
    pub limit: Option<i64>,
}

/// How documents of a group come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flow {
    /// They do.
    Flowing,
    /// Too early to tell.
    Doubtful,
    /// They do not.
    Stalled,
}

impl Tally {
    /// How documents come at `now`.
    #[must_use]
    pub fn flow(&self, limits: &Pipeline, now: i64) -> Flow {
        let (Some(newest), Some(limit)) = (self.newest, self.limit) else { return Flow::Flowing };
        let many = self.lost >= limits.count && self.lost as f64 >= limits.share * self.watched as f64;
        match now - newest {
            _ if self.watched < limits.count => Flow::Flowing,
            quiet if many || quiet >= limit => Flow::Stalled,
            quiet if quiet >= DOUBT.max(limit / DOUBT_PART) => Flow::Doubtful,
            _ => Flow::Flowing,
        }
    }

    /// Takes in another group.
    pub fn merge(&mut self, other: &Self) {
        self.watched += other.watched;
        self.lost += other.lost;
        self.newest = self.newest.max(other.newest);
        self.limit = self.limit.into_iter().chain(other.limit).min();
    }

    /// Takes in an entity whose silence may last `threshold`.
    pub fn add(&mut self, entity: &Entity, threshold: i64, standing: Standing) {
        self.newest = self.newest.max(entity.last_seen);
        if standing != Standing::Aside {
            self.watched += 1;
            self.lost += usize::from(standing == Standing::Lost);
            self.limit = Some(self.limit.map_or(threshold, |limit| limit.min(threshold)));
        }
    }
}

/// How an entity counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// It logs.
    Logging,
    /// It fell silent now or lately.
    Lost,
    /// Silent for long, or never judged: it says nothing about now.
    Aside,
}
