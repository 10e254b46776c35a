//! How much entities log, where a number is expected of them. Pure; times in milliseconds.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::{Entity, Fleet, grace, interval};
use crate::journal::entities::Logging;
use crate::monitor::verdict::State;
use crate::source::{Observation, Volume, step_of};

/// A count is good for this part of the interval that it covers.
const GOOD_FOR: i64 = 10;

/// How many documents an entity had within one interval.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Count {
    /// So many …
    pub events: u64,
    /// … of an interval that ended then …
    until: i64,
    /// … were there at this time.
    at: i64,
}

impl Fleet {
    /// Whether a number of documents is expected of anybody.
    #[must_use]
    pub fn counts(&self) -> bool {
        self.policies.iter().any(|policy| policy.min_events.is_some())
    }

    /// Whose documents are to be counted now: entities with the window in which they should have some. It
    /// ends a grace before the newest document of their node, with a step in which a source may count: what is
    /// newer may not be indexed yet.
    #[must_use]
    pub fn to_count(&self, now: i64) -> Vec<((i64, i64), Vec<usize>)> {
        if !self.counts() {
            return Vec::new();
        }
        let newest = self.newest_by_node();
        let mut windows: BTreeMap<(i64, i64), Vec<usize>> = BTreeMap::new();
        for (at, entity) in self.entities.iter().enumerate() {
            let policy = self.policy(entity);
            let Some(newest) = newest[entity.node as usize] else { continue };
            if policy.min_events.is_some() && !self.is_counted(entity, now) {
                let known = newest.min(now - self.stretch(entity)) - grace(policy);
                let until = known - known.rem_euclid(step_of(interval(policy)).unwrap_or(1));
                windows.entry((until - interval(policy), until)).or_default().push(at);
            }
        }
        windows.into_iter().collect()
    }

    /// Takes in how many documents these entities have at `now` in the interval until `until`; who is not
    /// among `volumes` has none.
    pub fn take_volumes(&mut self, places: &[usize], volumes: &[Volume], until: i64, now: i64) {
        let counts: HashMap<&str, u64> = volumes.iter().map(|one| (one.key.as_str(), one.count)).collect();
        for at in places {
            let entity = &mut self.entities[*at];
            let events = counts.get(entity.key.as_str()).copied().unwrap_or(0);
            entity.counted = Some(Box::new(Count { events, until, at: now }));
        }
    }

    /// Which of these have too few documents of the time after `from`, but may only have begun to log in it, and
    /// since when they should have logged if they did before.
    #[must_use]
    pub fn perhaps_begun(&self, places: &[usize], from: i64) -> Option<(i64, Vec<usize>)> {
        let few = |at: &usize| {
            let entity = &self.entities[*at];
            let events = entity.counted.as_ref().map(|count| count.events);
            entity.logs_since == i64::MAX
                && entity.silence().is_none()
                && events < self.policy(entity).min_events
        };
        let few: Vec<usize> = places.iter().copied().filter(few).collect();
        let policies = few.iter().map(|at| self.policy(&self.entities[*at]));
        let since = policies.map(|policy| policy.since(from, interval(policy))).min()?;
        Some((since, few))
    }

    /// Takes in who of these logged before `from`; the others are taken to have begun by `now`.
    pub fn take_earlier(&mut self, places: &[usize], earlier: &[Observation], from: i64, now: i64) {
        let logged: HashSet<&str> = earlier.iter().map(|one| one.key.as_str()).collect();
        for at in places {
            let entity = &mut self.entities[*at];
            entity.logs_since = if logged.contains(entity.key.as_str()) { from } else { now };
        }
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
        let Some(least) = policy.min_events else { return false };
        let told = match entity.state {
            // Of who did not log at all, any document is the end.
            State::Silent { silence, .. } if silence.logging != Logging::TooFew => return false,
            State::Silent { .. } => true,
            State::New | State::Fresh => false,
        };
        // Before it is counted anew, as after a restart, nothing says that it is over.
        let Some(count) = entity.counted.as_deref() else { return told };
        // Most have enough, and need no calendar.
        if count.events >= least {
            return false;
        }
        let begin = count.until - interval(policy);
        let whole = policy.since(count.until, interval(policy)) == begin
            && begin >= entity.logs_since.max(entity.watched_from);
        // That its hours are over, or that nothing new is indexed, is no end of it.
        let thin_now = policy.expects(now) && whole && self.is_counted(entity, now);
        told || thin_now
    }

    /// Whether its last count is still good.
    fn is_counted(&self, entity: &Entity, now: i64) -> bool {
        let policy = self.policy(entity);
        let age = entity.counted.as_ref().map(|count| now - count.at);
        age.is_some_and(|age| (0..(interval(policy) / GOOD_FOR).max(1)).contains(&age))
    }

    /// The newest life sign of any entity of each node.
    fn newest_by_node(&self) -> Vec<Option<i64>> {
        let mut newest = vec![None; self.nodes.len()];
        for entity in &self.entities {
            let of_node = &mut newest[entity.node as usize];
            *of_node = entity.last_seen.max(*of_node);
        }
        newest
    }
}
