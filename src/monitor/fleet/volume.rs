//! How much entities log, where a number is expected of them. Pure; times in milliseconds.

use std::collections::{BTreeMap, HashMap};

use super::{Entity, Fleet, interval, threshold};
use crate::config::Policy;
use crate::monitor::verdict::State;
use crate::source::Volume;

impl Fleet {
    /// Whether a number of documents is expected of anybody.
    #[must_use]
    pub fn counts(&self) -> bool {
        self.policies.iter().any(|policy| policy.min_events.is_some())
    }

    /// Whose documents are to be counted now: entities with the window, in milliseconds, in which they
    /// should have some. A count is good for a tenth of the shortest of these windows.
    #[must_use]
    pub fn to_count(&self, now: i64) -> Vec<((i64, i64), Vec<usize>)> {
        let counted = |policy: &&Policy| policy.min_events.is_some();
        let Some(shortest) = self.policies.iter().filter(counted).map(interval).min() else {
            return Vec::new();
        };
        if self.counted_at.is_some_and(|at| (0..shortest / 10).contains(&(now - at))) {
            return Vec::new();
        }
        let mut windows: BTreeMap<(i64, i64), Vec<usize>> = BTreeMap::new();
        for (at, entity) in self.entities.iter().enumerate() {
            let policy = self.policy(entity);
            if policy.min_events.is_some() {
                let until = now - (threshold(policy) - interval(policy));
                windows.entry((until - interval(policy), until)).or_default().push(at);
            }
        }
        windows.into_iter().collect()
    }

    /// Takes in how many documents these entities have; who is not among `volumes` has none.
    pub fn take_volumes(&mut self, places: &[usize], volumes: &[Volume], now: i64) {
        let counts: HashMap<&str, u64> = volumes.iter().map(|one| (one.key.as_str(), one.count)).collect();
        for at in places {
            let entity = &mut self.entities[*at];
            entity.events = Some(counts.get(entity.key.as_str()).copied().unwrap_or(0));
        }
        self.counted_at = Some(now);
    }

    /// Takes those that log too little, and are neither silent nor due, off the heap.
    pub fn take_thin(&mut self, now: i64) -> Vec<usize> {
        let told = |entity: &Entity| matches!(entity.state, State::Silent { .. });
        let thin = |at: &usize| {
            let entity = &self.entities[*at];
            !told(entity) && self.is_thin(entity, now) && self.due(entity, now) > now
        };
        let thin: Vec<usize> = (0..self.entities.len()).filter(thin).collect();
        self.deadlines.remove(&thin);
        thin
    }

    /// Whether it logs less than it should, over an interval in which all of the time counts.
    pub(super) fn is_thin(&self, entity: &Entity, now: i64) -> bool {
        let policy = self.policy(entity);
        let few = policy.min_events.zip(entity.events).is_some_and(|(least, events)| events < least);
        let whole = |policy: &Policy| policy.since(now, interval(policy)) == now - interval(policy);
        // That its hours are over is no end of its silence.
        let silent = matches!(entity.state, State::Silent { .. });
        few && entity.watched_from <= now && (silent || (policy.expects(now) && whole(policy)))
    }
}
