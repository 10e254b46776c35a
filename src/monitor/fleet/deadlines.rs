//! Whose deadline is next. Pure; times in milliseconds.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::Fleet;
use super::lag::Lag;
use crate::monitor::verdict::State;

/// Deadlines, the earliest first. An entry may be early (the entity was seen since): it is put back
/// when it comes up. One entry for each entity that is not silent.
#[derive(Debug, Default)]
pub struct Deadlines(BinaryHeap<Reverse<(i64, u32)>>);

impl Deadlines {
    /// An entity, by its place, comes up at this time.
    pub fn push(&mut self, early: i64, at: usize) {
        self.0.push(Reverse((early, u32::try_from(at).unwrap_or(u32::MAX))));
    }

    /// Takes entities off; `places` are in order.
    pub fn remove(&mut self, places: &[usize]) {
        if !places.is_empty() {
            self.0.retain(|Reverse((_, at))| places.binary_search(&(*at as usize)).is_err());
        }
    }

    /// Takes the earliest entry off, if it is at or before `until`.
    fn pop_until(&mut self, until: i64) -> Option<(i64, usize)> {
        let first = self.0.peek().filter(|Reverse((early, _))| *early <= until).copied();
        first.map(|Reverse((early, at))| {
            self.0.pop();
            (early, at as usize)
        })
    }

    /// The places of those that come up at or before `until`.
    fn until(&self, until: i64) -> impl Iterator<Item = usize> {
        let early = self.0.iter().filter(move |Reverse((early, _))| *early <= until);
        early.map(|Reverse((_, at))| *at as usize)
    }
}

impl Fleet {
    /// Takes the entities whose deadline is at or before `now` off the heap.
    pub fn take_due(&mut self, now: i64) -> Vec<usize> {
        let mut taken = Vec::new();
        while let Some((_, at)) = self.deadlines.pop_until(now) {
            match self.due(&self.entities[at], now) {
                real if real > now => self.deadlines.push(real, at),
                _ => taken.push(at),
            }
        }
        taken
    }

    /// Puts entities back on the heap, after a round that could not judge them.
    pub fn put_back(&mut self, taken: &[usize], now: i64) {
        for at in taken {
            self.deadlines.push(self.due(&self.entities[*at], now), *at);
        }
    }

    /// The earliest time before `until` at which an entity is due.
    pub fn next_deadline(&mut self, now: i64, until: i64) -> Option<i64> {
        while let Some((early, at)) = self.deadlines.pop_until(until - 1) {
            // If it was seen since, there need be no round for its sake.
            let real = self.due(&self.entities[at], now);
            self.deadlines.push(real.max(early), at);
            if real <= early {
                return Some(early);
            }
        }
        None
    }

    /// Those whose deadline is after `now` and at or before `until`.
    #[must_use]
    pub fn soon_due(&self, now: i64, until: i64) -> Vec<usize> {
        let soon = |at: &usize| (now + 1..=until).contains(&self.due(&self.entities[*at], now));
        self.deadlines.until(until).filter(soon).collect()
    }

    /// Puts another clock in force: nothing is newer than its `now`, and deadlines are counted anew.
    pub fn set_clock(&mut self, now: i64) {
        for entity in &mut self.entities {
            entity.last_seen = entity.last_seen.map(|seen| seen.min(now));
            entity.known_until = 0;
        }
        self.lags.fill(Lag::default());
        self.count_deadlines_anew(now);
    }

    /// Deadlines are later than they were: they are counted anew.
    pub(super) fn count_deadlines_anew(&mut self, now: i64) {
        self.deadlines = Deadlines::default();
        let silent = |at: &usize| matches!(self.entities[*at].state, State::Silent { .. });
        let others: Vec<usize> = (0..self.entities.len()).filter(|at| !silent(at)).collect();
        self.put_back(&others, now);
    }

    /// How many entries there are.
    #[cfg(test)]
    pub(super) fn deadline_count(&self) -> usize {
        self.deadlines.0.len()
    }
}
