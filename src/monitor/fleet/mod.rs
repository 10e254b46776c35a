//! All entities of one watch in memory: who was last seen when, and whose deadline is next. Pure;
//! a quiet round touches each entity once and writes nothing.

mod deadlines;
pub mod dependencies;
pub mod flaps;
pub mod lag;
mod memory;
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
use super::verdict::{self, State, Transition, Verdict};
use crate::config::{Policy, Watch};
use crate::journal::entities::{EntityRow, Part, Silence};
use crate::source::Membership;

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

/// One entity.
#[derive(Debug, Clone)]
pub struct Entity {
    /// Its key.
    pub key: CompactString,
    /// The name people know it by.
    pub label: Box<str>,
    /// Newest life sign, in milliseconds.
    pub last_seen: Option<i64>,
    /// Where it stands.
    pub state: State,
    /// How late its newest document came, at least, in milliseconds.
    late_by: i64,
    /// All of its documents up to this time that were there then are known, in milliseconds.
    known_until: i64,
    /// How many documents it has in its interval; `None` = nobody asked.
    counted: Option<Count>,
    /// It is not silent before this time, in milliseconds.
    watched_from: i64,
    policy: u32,
    node: u32,
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
    /// The fleet of `watch`, with what the journal still knows of it. Also returns the rows of
    /// entities that are no longer on the list.
    #[must_use]
    pub fn new(watch: &Watch, rows: Vec<EntityRow>) -> (Self, Vec<EntityRow>) {
        let mut known: HashMap<String, EntityRow> =
            rows.into_iter().map(|row| (row.key.clone(), row)).collect();
        let mut fleet = Self {
            nodes: vec![CompactString::default()],
            lags: vec![Lag::default()],
            dependencies: Dependencies::new(&watch.dependencies, &watch.agents),
            ..Self::default()
        };
        for agent in &watch.agents {
            let row = known.remove(&agent.id);
            let policy = fleet.policy_index(watch.policy(agent));
            let listed = agent.listed.as_ref();
            let node = listed.and_then(|listed| listed.node.as_deref()).unwrap_or_default();
            let node = fleet.node_index(node);
            fleet.push(Entity {
                key: agent.id.as_str().into(),
                label: agent.label.as_str().into(),
                last_seen: row.as_ref().and_then(|row| row.last_seen),
                state: row.map_or(State::New, |row| match row.silence {
                    Some(silence) => State::Silent { silence, since: row.since },
                    None => State::Fresh,
                }),
                late_by: 0,
                known_until: 0,
                counted: None,
                watched_from: listed.and_then(|listed| listed.watched_from).unwrap_or(i64::MIN),
                policy,
                node,
            });
        }
        let mut gone: Vec<EntityRow> = known.into_values().collect();
        gone.sort_by(|a, b| a.key.cmp(&b.key));
        (fleet, gone)
    }

    /// A few policies serve thousands of entities.
    fn policy_index(&mut self, policy: Policy) -> u32 {
        let at = self.policies.iter().position(|known| *known == policy).unwrap_or_else(|| {
            self.policies.push(policy);
            self.policies.len() - 1
        });
        u32::try_from(at).unwrap_or(u32::MAX)
    }

    fn node_index(&mut self, node: &str) -> u32 {
        let at = self.nodes.iter().position(|known| known == node).unwrap_or_else(|| {
            self.nodes.push(node.into());
            self.lags.push(Lag::default());
            self.nodes.len() - 1
        });
        u32::try_from(at).unwrap_or_default()
    }

    fn push(&mut self, entity: Entity) {
        let at = u32::try_from(self.entities.len()).unwrap_or(u32::MAX);
        let (entities, hasher) = (&self.entities, &self.hasher);
        let hash = |at: &u32| hasher.hash_one(entities[*at as usize].key.as_str());
        self.index.insert_unique(hasher.hash_one(entity.key.as_str()), at, hash);
        self.newcomers |= entity.state == State::New;
        if !matches!(entity.state, State::Silent { .. }) {
            let early = entity.last_seen.map_or(entity.watched_from, |seen| self.due(&entity, seen));
            self.deadlines.push(early, at as usize);
        }
        self.entities.push(entity);
    }

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

    /// The node that an entity sends through, where it is known.
    #[must_use]
    pub fn node(&self, entity: &Entity) -> Option<&str> {
        Some(self.nodes.get(entity.node as usize)?.as_str()).filter(|node| !node.is_empty())
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

    /// Whether the source has told any node.
    #[must_use]
    pub const fn knows_nodes(&self) -> bool {
        self.nodes.len() > 1
    }

    /// Takes in who sends through which node. Who is not among them stays where it was.
    pub fn take_homes(&mut self, homes: &[Membership]) {
        for Membership { key, node } in homes {
            let Some(at) = self.place(key) else { continue };
            self.entities[at].node = self.node_index(node);
        }
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

    /// The nodes that are known, with how many entities send through each, and the newest life sign of any
    /// of them; where none is known, one without a name.
    #[must_use]
    pub fn nodes(&self) -> Vec<(&str, usize, Option<i64>)> {
        let mut nodes: Vec<_> = self.nodes.iter().map(|name| (name.as_str(), 0, None)).collect();
        for entity in &self.entities {
            let (_, count, newest) = &mut nodes[entity.node as usize];
            *count += 1;
            *newest = entity.last_seen.max(*newest);
        }
        let named = self.knows_nodes();
        nodes.retain(|(name, count, _)| *count > 0 && !(named && name.is_empty()));
        nodes
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

    /// The entities that are silent.
    #[must_use]
    pub fn silent(&self) -> Vec<usize> {
        let silent = |entity: &Entity| matches!(entity.state, State::Silent { .. });
        (0..self.entities.len()).filter(|at| silent(&self.entities[*at])).collect()
    }

    /// Judges entities at `now`. Changes no state: that waits until the journal has it.
    #[must_use]
    pub fn judge(&self, suspects: &[usize], now: i64) -> Vec<Changed> {
        let change = |at: &usize| {
            let entity = &self.entities[*at];
            let threshold = threshold(self.policy(entity));
            let free_until = self.free_until(entity);
            let transition = verdict::transition(entity.state, self.verdict(entity, now), free_until, now)?;
            let last_seen = entity.last_seen.unwrap_or(now);
            let held = matches!(transition, Transition::Recovered { .. })
                && self.flaps.holds(*at, last_seen, now, threshold);
            (!held).then_some(Changed { at: *at, transition })
        };
        suspects.iter().filter_map(change).collect()
    }

    /// Whether an entity is silent at `now`, in milliseconds.
    #[must_use]
    pub fn verdict(&self, entity: &Entity, now: i64) -> Verdict {
        // More time (another clock, a longer interval, the end of its hours) does not end a silence: a log
        // does.
        if matches!(entity.state, State::Silent { since, .. } if entity.last_seen <= since) {
            return Verdict::Silent { since: entity.last_seen };
        }
        match verdict::judge(entity.last_seen, self.due(entity, now), now) {
            Verdict::Fresh if self.is_thin(entity, now) => Verdict::Silent { since: entity.last_seen },
            verdict => verdict,
        }
    }

    /// After a round: the changed entities take their new state (silent ones with the incident that
    /// the journal gave them), and whoever is not silent goes back on the heap.
    pub fn settle(&mut self, suspects: &[usize], changed: &[(usize, Outcome)], now: i64) {
        let mut later = HashMap::new();
        for (at, outcome) in changed {
            let allowed = threshold(self.policy(&self.entities[*at]));
            let entity = &mut self.entities[*at];
            match *outcome {
                Outcome::Silent(silence) => {
                    let since = match entity.state {
                        State::Silent { since, .. } => since,
                        State::New | State::Fresh => entity.last_seen,
                    };
                    // What many share is no flapping of each of them.
                    if silence.part == Part::Alone {
                        self.flaps.fell(*at, silence.opened, allowed);
                    }
                    entity.state = State::Silent { silence, since };
                }
                Outcome::Fresh => {
                    self.flaps.recovered(*at);
                    entity.state = State::Fresh;
                }
                Outcome::Later(look) => drop(later.insert(*at, look)),
            }
        }
        self.welcome_newcomers(|at| later.contains_key(&at));
        for at in suspects {
            let entity = &self.entities[*at];
            if !matches!(entity.state, State::Silent { .. }) {
                let next = later.get(at).copied().unwrap_or_else(|| self.due(entity, now));
                self.deadlines.push(next, *at);
            }
        }
    }

    /// After a good round whoever is new and not silent is logging, unless that is judged later.
    fn welcome_newcomers(&mut self, is_later: impl Fn(usize) -> bool) {
        if std::mem::take(&mut self.newcomers) {
            for (at, entity) in self.entities.iter_mut().enumerate() {
                match entity.state {
                    State::New if is_later(at) => self.newcomers = true,
                    State::New => entity.state = State::Fresh,
                    State::Fresh | State::Silent { .. } => {}
                }
            }
        }
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
