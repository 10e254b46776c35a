//! A fleet from a watch and from what the journal knows of it. Pure; times in milliseconds.

use std::collections::HashMap;
use std::hash::BuildHasher;

use compact_str::CompactString;

use super::dependencies::Dependencies;
use super::lag::Lag;
use super::{Entity, Fleet};
use crate::config::{Policy, Watch};
use crate::journal::entities::EntityRow;
use crate::monitor::verdict::State;

impl Fleet {
    /// The fleet of `watch`, with what the journal still knows of it. Also returns the rows of
    /// entities that are no longer on the list.
    #[must_use]
    pub fn new(watch: &Watch, rows: Vec<EntityRow>) -> (Self, Vec<EntityRow>) {
        let mut known: HashMap<String, EntityRow> =
            rows.into_iter().map(|row| (row.key.clone(), row)).collect();
        let mut fleet = Self {
            entities: Vec::with_capacity(watch.agents.len()),
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
                found: None,
                known_until: 0,
                logs_since: i64::MAX,
                counted: None,
                watched_from: listed
                    .and_then(|listed| listed.watched_from.max(listed.spared_until))
                    .unwrap_or(i64::MIN),
                spared: i64::MIN,
                waits_since: None,
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
}
