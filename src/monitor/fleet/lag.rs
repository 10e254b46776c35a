//! How far behind the documents of a node come, and what that changes for those who send through it. Pure;
//! times in milliseconds.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Entity, Fleet, grace, interval, threshold};
use crate::config::Policy;

/// No verdict waits longer than this for what is known to come late.
pub const LONGEST: i64 = 3_600_000;

/// Where nothing has come for this long, in milliseconds, and for as long as documents come late, …
const DOUBT: i64 = 3 * 60_000;

/// … and for this part of what silence is allowed, or for half of what of that is left, it is in doubt whether
/// anything still comes.
const DOUBT_PART: i64 = 5;

/// How late documents come. It is known of what was looked for and not there at first: so one document
/// that comes late by itself counts only if the next one does, too.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Lag {
    /// How late the earliest of each of the last two rounds that brought any came, at least; the last first.
    last: [i64; 2],
    /// How late it came at most.
    at_most: Option<i64>,
    /// Whether this round has brought any.
    this_round: bool,
    /// Whether it has brought any of which it is known how late they came at least.
    known_this_round: bool,
    /// The longest that it was known to be since deadlines were counted.
    counted: i64,
    /// When the round ended that brought some last; `None` = remembered from before.
    brought: Option<i64>,
}

/// A lag, as the journal keeps it and people read it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Measured {
    /// Documents are known to come so late.
    pub known: i64,
    /// And no later than this.
    pub at_most: i64,
}

impl Lag {
    /// How late documents are known to come.
    #[must_use]
    pub fn known(&self) -> i64 {
        self.last[0].min(self.last[1]).min(LONGEST)
    }

    /// A document came, so late at least (if that is known) and at most.
    pub fn note(&mut self, at_least: Option<i64>, at_most: i64) {
        let earlier = self.at_most.filter(|_| self.this_round);
        self.at_most = Some(earlier.map_or(at_most, |earlier| earlier.min(at_most)));
        self.this_round = true;
        if let Some(late) = at_least {
            self.last = match self.known_this_round {
                true => [self.last[0].min(late), self.last[1]],
                false => [late, self.last[0]],
            };
            self.known_this_round = true;
            self.counted = self.counted.max(self.known());
        }
    }

    /// The next round begins at `now`.
    pub const fn next_round(&mut self, now: i64) {
        if self.this_round || self.brought.is_none() {
            self.brought = Some(now);
        }
        (self.this_round, self.known_this_round) = (false, false);
    }

    /// How old the newest of the documents that came last were, where any did in the last hour.
    fn reach(&self, now: i64) -> i64 {
        let is_recent = self.brought.is_none_or(|brought| now - brought < LONGEST);
        self.at_most.filter(|_| is_recent).map_or(0, |at_most| at_most.min(LONGEST))
    }

    /// Nothing is known of it any more.
    pub(super) fn forget(&mut self) {
        *self = Self { counted: self.counted, ..Self::default() };
    }

    /// What is known of it, if anything.
    #[must_use]
    pub fn measured(&self) -> Option<Measured> {
        Some(Measured { known: self.known(), at_most: self.at_most? })
    }
}

impl From<Measured> for Lag {
    fn from(Measured { known, at_most }: Measured) -> Self {
        Self { last: [known; 2], at_most: Some(at_most), counted: known, ..Self::default() }
    }
}

/// How much longer than it should an entity may be quiet whose documents come so late: its grace is for the
/// same.
#[must_use]
pub fn stretch(policy: &Policy, lag: i64) -> i64 {
    (lag - grace(policy)).max(0)
}

/// After what silence, beyond the `lag` with which documents come, it is in doubt whether they still do.
#[must_use]
pub fn doubt(policy: &Policy, lag: i64) -> i64 {
    let left = threshold(policy) + stretch(policy, lag) - lag;
    DOUBT.max(threshold(policy) / DOUBT_PART).min(left / 2)
}

impl Fleet {
    /// A round begins at `now`.
    pub fn next_round(&mut self, now: i64) {
        self.lags.iter_mut().for_each(|lag| lag.next_round(now));
    }

    /// Deadlines that were put off too far are counted anew.
    pub fn catch_up(&mut self, now: i64) {
        if self.lags.iter().any(|lag| lag.counted > lag.known()) {
            self.lags.iter_mut().for_each(|lag| lag.counted = lag.known());
            self.count_deadlines_anew(now);
        }
    }

    /// How late documents of an entity are known to come.
    #[must_use]
    pub fn lag_of(&self, entity: &Entity) -> i64 {
        self.lags.get(entity.node as usize).map_or(0, Lag::known)
    }

    /// How much later than it should an entity is silent, since its documents are known to come late.
    pub(super) fn stretch(&self, entity: &Entity) -> i64 {
        stretch(self.policy(entity), self.lag_of(entity))
    }

    /// How late documents are known to come where they come latest.
    #[must_use]
    pub fn longest_lag(&self) -> i64 {
        self.lags.iter().map(Lag::known).max().unwrap_or_default()
    }

    /// How old the newest of the documents that came last were, where they were oldest: the next may be, too. What
    /// brought none in the hour before `now` does not count.
    #[must_use]
    pub fn longest_reach(&self, now: i64) -> i64 {
        self.lags.iter().map(|lag| lag.reach(now)).max().unwrap_or_default()
    }

    /// The shortest interval of any entity.
    #[must_use]
    pub fn shortest_interval(&self) -> Option<i64> {
        self.policies.iter().map(interval).min()
    }

    /// The shortest time for which any entity may be quiet.
    #[must_use]
    pub fn shortest_threshold(&self) -> Option<i64> {
        self.policies.iter().map(threshold).min()
    }

    /// What is known of the lag of each node, by its name; the empty name is of those whose node is not.
    #[must_use]
    pub fn lags(&self) -> BTreeMap<String, Measured> {
        let named = self.nodes.iter().zip(&self.lags);
        named.filter_map(|(name, lag)| Some((name.to_string(), lag.measured()?))).collect()
    }

    /// Takes up what was known. Until it is known who sends through which node, everybody may be late.
    pub fn remember_lags(&mut self, lags: &BTreeMap<String, Measured>) {
        for (name, measured) in lags {
            let node = self.node_index(name) as usize;
            self.lags[node] = Lag::from(*measured);
        }
        if let Some(latest) = lags.values().max_by_key(|measured| measured.known) {
            self.lags[0] = Lag::from(*latest);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: i64 = 60_000;

    /// The lag that is known after rounds that each brought documents so late, in minutes.
    fn known(rounds: &[&[i64]]) -> i64 {
        let mut lag = Lag::default();
        for round in rounds {
            lag.next_round(0);
            round.iter().for_each(|late| lag.note(Some(late * MINUTE), (late + 1) * MINUTE));
        }
        lag.known() / MINUTE
    }

    #[test]
    fn a_lag_is_what_the_earliest_of_two_rounds_have_in_common_and_is_over_with_the_first_in_time() {
        assert_eq!(known(&[&[0, 0], &[20]]), 0, "one late document is no lag");
        assert_eq!(known(&[&[], &[20], &[], &[18, 25]]), 18);
        assert_eq!(known(&[&[20], &[20], &[20, 0]]), 0);
        assert_eq!(known(&[&[900], &[900]]), 60, "bounded");
    }

    #[test]
    fn without_a_round_before_only_the_most_is_known() {
        let mut lag = Lag::default();
        for (minutes, at_most) in [(9, 9), (7, 7), (41, 7)] {
            lag.note(None, minutes * MINUTE);
            assert_eq!(lag.measured(), Some(Measured { known: 0, at_most: at_most * MINUTE }));
        }
        lag.next_round(0);
        lag.note(None, 8 * MINUTE);
        assert_eq!(lag.measured(), Some(Measured { known: 0, at_most: 8 * MINUTE }));
    }
}
