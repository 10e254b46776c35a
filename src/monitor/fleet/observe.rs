//! What a fleet learns from the answers of its source, and how late the documents came. Pure; times in
//! milliseconds.

use std::cell::OnceCell;

use super::{Entity, Fleet, grace, interval, lag, threshold};
use crate::journal::entities::Part;
use crate::monitor::cause::Cause;
use crate::monitor::verdict::State;
use crate::source::Observation;

/// Whose newest document came within this part of the interval is taken to go on.
const STILL: i64 = 3;

/// What the last good round looked at: of that time it knows all that was there at its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Looked {
    /// Its beginning.
    pub from: i64,
    /// Its end.
    pub until: i64,
}

impl Entity {
    /// How late a new document of it came, at least.
    fn late(&self, looked: Looked, seen: i64) -> Option<i64> {
        let until = if looked.from <= seen { looked.until.max(self.known_until) } else { self.known_until };
        self.last_seen.map(|_| (until - seen).max(0))
    }

    /// When its newest document came at the earliest, in milliseconds.
    fn arrived(&self) -> Option<i64> {
        self.last_seen.map(|seen| seen + self.late_by)
    }

    /// From when on to look for it, if it should have logged since `since`.
    fn look_back(&self, since: i64) -> i64 {
        let told = match self.state {
            State::New | State::Fresh => false,
            State::Silent { silence, .. } => !matches!(silence.part, Part::FreeSince(_)),
        };
        let last_seen = self.last_seen.unwrap_or(since);
        // Who is told is looked for in documents that are too old to end its silence, too: they show a lag.
        since.min(if told { last_seen.max(since - lag::LONGEST) } else { last_seen })
    }
}

impl Fleet {
    /// Takes in what a source saw at `now`. Strangers are ignored, times beyond `horizon` are cut to it.
    /// What was not there when its time was `looked` at came late; without that nothing is known of it.
    pub fn observe(&mut self, newest: &[Observation], looked: Option<Looked>, now: i64, horizon: i64) {
        for Observation { key, last_seen } in newest {
            let Some(at) = self.place(key) else { continue };
            let (entity, seen) = (&mut self.entities[at], (*last_seen).min(horizon));
            if entity.last_seen.is_none_or(|before| before < seen) {
                let late = looked.and_then(|looked| entity.late(looked, seen));
                self.lags[entity.node as usize].note(late, (now - seen).max(0));
                entity.late_by = late.unwrap_or_default();
                match entity
                    .last_seen
                    .filter(|_| entity.late_by > grace(&self.policies[entity.policy as usize]))
                {
                    Some(before) => drop(self.late.entry(at).or_insert(before)),
                    // An empty map hashes what it looks for, too.
                    None if self.late.is_empty() => {}
                    None => drop(self.late.remove(&at)),
                }
                // What is newer than `seen` would have been seen.
                (entity.last_seen, entity.known_until, entity.found) = (Some(seen), now, Some(now));
            }
        }
    }

    /// The time of the documents of an entity that have come late, if the newest one did.
    #[must_use]
    pub fn late_since(&self, at: usize) -> Option<(i64, i64)> {
        Some((self.late.get(&at)? + 1, self.entities[at].last_seen?))
    }

    /// These were looked for at `now` in all documents since they were last seen.
    pub fn looked_at(&mut self, places: &[usize], now: i64) {
        for at in places {
            let entity = &mut self.entities[*at];
            (entity.known_until, entity.found) = (now, entity.found.or(Some(now)));
        }
    }

    /// Since when anybody who is due at `now` has been silent.
    #[must_use]
    pub fn look_back(&self, now: i64) -> i64 {
        let lag = self.longest_lag();
        let allowed = |policy| threshold(policy) + lag::stretch(policy, lag);
        self.policies.iter().map(|policy| policy.since(now, allowed(policy))).min().unwrap_or(now)
    }

    /// From when on to look for some, to know whether they are silent, and since when exactly those are
    /// who are not told yet.
    #[must_use]
    pub fn look_back_of(&self, some: &[usize], now: i64) -> i64 {
        // A calendar is asked once for what thousands share.
        let of_kind = vec![OnceCell::new(); self.kinds()];
        let since = |entity: &Entity| {
            let policy = self.policy(entity);
            let since = || policy.since(now, threshold(policy) + self.stretch(entity));
            *of_kind[self.kind(entity)].get_or_init(since)
        };
        let some = some.iter().map(|at| &self.entities[*at]);
        some.map(|entity| entity.look_back(since(entity))).min().unwrap_or(now)
    }

    /// Why an entity is silent, as far as its own documents tell.
    #[must_use]
    pub fn own_cause(&self, at: usize, now: i64) -> Option<Cause> {
        let entity = &self.entities[at];
        let policy = self.policy(entity);
        if self.due(entity, now) > now {
            let (least, count) = policy.min_events.zip(entity.counted.as_deref())?;
            return Some(Cause::TooFew { events: count.events, least, within: interval(policy) });
        }
        let arrives = entity.arrived().is_some_and(|arrived| now - arrived < interval(policy) / STILL);
        let late = arrives && entity.late_by >= threshold(policy) / 2;
        late.then_some(Cause::Late(entity.late_by)).or_else(|| self.rest_of(at, now).map(Cause::PartOnly))
    }
}
