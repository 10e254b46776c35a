//! All entities of one watch in memory: who was last seen when, and whose deadline is next. Pure;
//! a quiet round touches each entity once and writes nothing.

mod deadlines;
pub mod dependencies;
pub mod flaps;
mod judging;
pub mod lag;
mod making;
mod memory;
mod nodes;
mod observe;
mod parts;
#[cfg(test)]
mod tests;
mod together;
mod volume;

use std::collections::HashMap;
use std::hash::BuildHasher;

use compact_str::CompactString;
use hashbrown::{DefaultHashBuilder, HashTable};

use self::deadlines::Deadlines;
use self::dependencies::Dependencies;
use self::flaps::Flaps;
use self::lag::Lag;
pub use self::observe::Looked;
use self::parts::Parts;
use self::volume::Count;
use super::verdict::{State, Transition};
use crate::config::Policy;
use crate::journal::entities::{EntityRow, Silence};

/// The entities of a watch.
#[derive(Debug, Default)]
pub struct Fleet {
    entities: Vec<Entity>,
    /// Places by key. It holds no keys of its own: with 100,000 of them, what a look-up costs is the
    /// memory that it touches.
    index: HashTable<u32>,
    hasher: DefaultHashBuilder,
    policies: Vec<Policy>,
    /// Names of nodes; the first stands for "not known".
    nodes: Vec<CompactString>,
    /// How late documents come through each node.
    lags: Vec<Lag>,
    deadlines: Deadlines,
    /// Whether some entity was never judged.
    newcomers: bool,
    /// Who depends on whom.
    dependencies: Dependencies,
    /// Who falls silent again and again.
    flaps: Flaps,
    /// Who is part of what.
    parts: Parts,
    /// Whose documents come late, by place, and the newest of each that did not, in milliseconds.
    late: HashMap<usize, i64>,
}

/// One entity. What each life sign touches comes first: with 100,000 of them, a round costs the memory that it
/// touches.
#[derive(Debug, Clone)]
#[repr(C)]
pub struct Entity {
    /// Its key.
    pub key: CompactString,
    /// Newest life sign, in milliseconds.
    pub last_seen: Option<i64>,
    /// When that was found, in milliseconds; where that is not known, when it was looked for.
    found: Option<i64>,
    /// All of its documents up to this time that were there then are known, in milliseconds.
    known_until: i64,
    /// How late its newest document came, at least, in milliseconds.
    late_by: i64,
    policy: u32,
    node: u32,
    /// It is not silent before this time, in milliseconds.
    watched_from: i64,
    /// Where it stands.
    pub state: State,
    /// Since when it is not told because it is judged later, in milliseconds.
    waits_since: Option<i64>,
    /// That it has stopped altogether is not told before this time, in milliseconds.
    spared: i64,
    /// Since when it logs without a break, as far as is known, in milliseconds: only intervals that begin after it
    /// can have too few documents. `i64::MAX` = nobody asked.
    logs_since: i64,
    /// How many documents it has in its interval; `None` = nobody asked.
    counted: Option<Box<Count>>,
    /// The name people know it by.
    pub label: Box<str>,
}

/// What becomes of an entity that was judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It is silent, with this incident.
    Silent(Silence),
    /// It is logging.
    Fresh,
    /// Too early to tell: look again then, in milliseconds.
    Later(i64),
}

/// An entity whose state changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Changed {
    /// Its place in the fleet.
    pub at: usize,
    /// What changed.
    pub transition: Transition,
}

impl Entity {
    /// Its open incident, if it is silent.
    #[must_use]
    pub const fn silence(&self) -> Option<Silence> {
        match self.state {
            State::Silent { silence, .. } => Some(silence),
            State::New | State::Fresh => None,
        }
    }
}

impl Fleet {
    /// Every entity.
    #[must_use]
    pub fn entities(&self) -> &[Entity] {
        &self.entities
    }

    /// What holds for an entity.
    #[must_use]
    pub fn policy(&self, entity: &Entity) -> &Policy {
        &self.policies[entity.policy as usize]
    }

    /// How many combinations of policy and node there are.
    #[must_use]
    pub fn kinds(&self) -> usize {
        self.policies.len() * self.nodes.len()
    }

    /// Which combination of policy and node an entity has, below [`kinds`](Self::kinds).
    #[must_use]
    pub fn kind(&self, entity: &Entity) -> usize {
        entity.policy as usize * self.nodes.len() + entity.node as usize
    }

    /// When an entity is due, in milliseconds; one that was never seen when logs are expected next.
    #[must_use]
    pub fn due(&self, entity: &Entity, now: i64) -> i64 {
        let policy = self.policy(entity);
        let due = match (entity.last_seen, entity.state) {
            (Some(seen), _) => policy.due(seen, threshold(policy) + self.stretch(entity)),
            (None, State::Silent { .. }) => i64::MIN,
            (None, _) => policy.due(now, 0),
        };
        match entity.state {
            State::Silent { .. } => due,
            State::New | State::Fresh => due.max(entity.watched_from),
        }
    }

    /// The newest life sign of an entity; `None` = there is no such entity.
    #[must_use]
    pub fn last_seen_of(&self, key: &str) -> Option<Option<i64>> {
        self.place(key).map(|at| self.entities[at].last_seen)
    }

    /// The longest threshold of all, in milliseconds.
    #[must_use]
    pub fn longest_threshold(&self) -> i64 {
        self.policies.iter().map(threshold).max().unwrap_or_default()
    }

    /// Where an entity stands in the fleet.
    #[must_use]
    pub fn place(&self, key: &str) -> Option<usize> {
        let same = |at: &u32| self.entities[*at as usize].key == key;
        self.index.find(self.hasher.hash_one(key), same).map(|at| *at as usize)
    }

    /// The newest life signs of entities that logged after `since`.
    #[must_use]
    pub fn fresh_since(&self, since: i64) -> Vec<i64> {
        self.entities.iter().filter_map(|entity| entity.last_seen).filter(|seen| *seen > since).collect()
    }

    /// The rows for the journal's checkpoint.
    #[must_use]
    pub fn rows(&self) -> Vec<EntityRow> {
        self.entities.iter().map(row).collect()
    }
}

/// An entity as the journal keeps it.
#[must_use]
pub fn row(entity: &Entity) -> EntityRow {
    EntityRow {
        key: entity.key.to_string(),
        label: entity.label.to_string(),
        last_seen: entity.last_seen,
        silence: entity.silence(),
        since: match entity.state {
            State::Silent { since, .. } => since,
            State::New | State::Fresh => None,
        },
    }
}

/// The interval of a policy, in milliseconds.
fn interval(policy: &Policy) -> i64 {
    i64::try_from(policy.interval.as_millis()).unwrap_or(i64::MAX / 4)
}

/// The grace of a policy, in milliseconds.
fn grace(policy: &Policy) -> i64 {
    i64::try_from(policy.grace.as_millis()).unwrap_or(i64::MAX / 4)
}

/// How long an entity may be quiet, in milliseconds.
#[must_use]
pub fn threshold(policy: &Policy) -> i64 {
    let total = policy.interval.saturating_add(policy.grace);
    i64::try_from(total.as_millis()).unwrap_or(i64::MAX / 4)
}
