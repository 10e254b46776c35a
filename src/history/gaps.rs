//! How long entities were quiet between two logs. Pure.

use std::collections::HashMap;

use compact_str::CompactString;

use super::waits::Waits;
use super::{Span, total};
use crate::config::Policy;
use crate::config::calendar::without;
use crate::source::Heard;

/// Who says nothing for longer than this, in milliseconds, while nobody else of a watch says anything
/// either, is not quiet by itself.
const ALL_QUIET: i64 = 5 * 60_000;

/// In milliseconds.
pub(super) const HOUR: i64 = 3_600_000;

/// The gaps of one entity.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Gaps {
    /// Its first log, in milliseconds.
    pub first: Option<i64>,
    last: Option<i64>,
    /// How many were too short to be told apart.
    pub short: usize,
    /// The others, from log to log.
    pub long: Vec<Span>,
    /// The hours since 1970 in which it logged, in order.
    pub hours: Vec<i64>,
}

impl Gaps {
    /// It logged at `at`, in milliseconds, not before the last time.
    fn hear(&mut self, at: i64, shortest: i64) {
        match self.last {
            Some(last) if at - last > shortest => self.long.push((last, at)),
            Some(_) => self.short += 1,
            None => self.first = Some(at),
        }
        if self.hours.last() != Some(&(at / HOUR)) {
            self.hours.push(at / HOUR);
        }
        self.last = Some(at);
    }

    /// The part of `asked` in which its habits are known. A longer silence than any between two logs is
    /// none of them: before its first log it was not there yet, after its last it is gone.
    #[must_use]
    pub fn known(&self, asked: Span) -> Span {
        let longest = self.long.iter().map(|(from, to)| to - from).max().unwrap_or_default();
        let first = self.first.filter(|first| first - asked.0 > longest);
        let last = self.last.filter(|last| asked.1 - last > longest);
        (first.unwrap_or(asked.0), last.unwrap_or(asked.1))
    }

    /// The longer gaps, each with how long it was, in milliseconds, in time in which logs were expected and
    /// somebody of the watch logged; the shortest first.
    #[must_use]
    pub fn lengths(&self, policy: &Policy, all_quiet: &[Span]) -> Vec<(i64, Span)> {
        let length = |span: &Span| (length(*span, policy, all_quiet), *span);
        let mut lengths: Vec<_> = self.long.iter().map(length).filter(|(length, _)| *length > 0).collect();
        lengths.sort_unstable();
        lengths
    }
}

/// How much of it logs were expected in and is not `quiet`, in milliseconds.
pub(super) fn length((from, to): Span, policy: &Policy, quiet: &[Span]) -> i64 {
    total(&without(policy.expected(from, to), quiet))
}

/// The gaps of a watch.
#[derive(Debug)]
pub struct Listener {
    shortest: i64,
    entities: HashMap<CompactString, Gaps>,
    /// Of whom more than one log is expected in each interval.
    waits: HashMap<CompactString, Waits>,
    all: Gaps,
}

impl Listener {
    /// Nobody has logged yet. Gaps of up to two steps (in milliseconds) are not told apart.
    #[must_use]
    pub fn new(step: i64) -> Self {
        Self { shortest: 2 * step, entities: HashMap::new(), waits: HashMap::new(), all: Gaps::default() }
    }

    /// Of this one so many logs are expected in each interval.
    pub fn expect(&mut self, key: &str, least: u64) {
        self.waits.insert(key.into(), Waits::new(least));
    }

    /// What is not told apart, in milliseconds.
    #[must_use]
    pub const fn shortest(&self) -> i64 {
        self.shortest
    }

    /// Takes in what was logged next, in order of time.
    pub fn hear(&mut self, heard: &[Heard]) {
        for Heard { key, newest, count } in heard {
            if let Some(waits) = self.waits.get_mut(key) {
                waits.hear(*newest, *count, self.shortest);
            }
            self.entities.entry(key.clone()).or_default().hear(*newest, self.shortest);
            self.all.hear(*newest, self.shortest.max(ALL_QUIET));
        }
    }

    /// When nobody logged at all, although there are at least `enough` who do.
    #[must_use]
    pub fn all_quiet(&self, enough: usize) -> &[Span] {
        if self.entities.len() >= enough { &self.all.long } else { &[] }
    }

    /// How long it took those of whom more than one log is expected.
    #[must_use]
    pub fn waits_of(&self, key: &str) -> Option<&Waits> {
        self.waits.get(key)
    }

    /// The gaps of an entity; none if it never logged.
    #[must_use]
    pub fn of(&self, key: &str) -> Gaps {
        self.entities.get(key).cloned().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::monitor::fixtures::watch;

    const MINUTE: i64 = 60_000;

    #[test]
    fn gaps_do_not_count_what_all_of_a_watch_did_not_log() {
        let watch = watch(&["001"]);
        let policy = watch.policy(&watch.agents[0]);
        let heard = |key: &str, minute: i64| Heard { key: key.into(), newest: minute * MINUTE, count: 9 };
        let mut listener = Listener::new(MINUTE);
        // 002 logs each minute, 001 each tenth; between 60 and 100 nobody does.
        let minutes = (0..=60).chain(100..=200);
        for minute in minutes {
            listener.hear(&[heard("002", minute)]);
            if minute % 10 == 0 {
                listener.hear(&[heard("001", minute)]);
            }
        }
        let gaps = listener.of("001");
        assert_eq!((gaps.short, gaps.long.len(), gaps.hours), (0, 17, vec![0, 1, 2, 3]));
        let longest =
            |enough| listener.of("001").lengths(&policy, listener.all_quiet(enough)).last().unwrap().0;
        assert_eq!((longest(2), longest(3)), (10 * MINUTE, 40 * MINUTE));
        // Up to 40 minutes of silence are nothing new.
        let known = |from, to| listener.of("001").known((from * MINUTE, to * MINUTE));
        assert_eq!((known(-40, 240), known(-41, 241)), ((-40 * MINUTE, 240 * MINUTE), (0, 200 * MINUTE)));
        assert!(listener.of("002").lengths(&policy, listener.all_quiet(2)).is_empty());
        assert_eq!((listener.of("002").short, listener.of("003")), (160, Gaps::default()));
    }
}
