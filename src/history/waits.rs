//! How long it took entities to log as often as is expected of them in each interval. Pure; times in
//! milliseconds.

use std::collections::VecDeque;

use super::Span;
use super::gaps::length;
use crate::config::Policy;

/// How long it was until a log, from the last one before it or, where so many are expected, from the one so many before.
/// A shorter interval held too few.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Wait {
    /// Until that log, …
    pub long: i64,
    /// … and until the one before it: an interval that is not longer held too few then already.
    pub already: i64,
}

impl Wait {
    /// From one log to the next one.
    #[must_use]
    pub const fn for_one(long: i64) -> Self {
        Self { long, already: 0 }
    }

    /// Whether an interval of so long begins to hold too few.
    #[must_use]
    pub const fn alarms(self, interval: i64) -> bool {
        self.already < interval && interval <= self.long
    }
}

/// The waits of one entity.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Waits {
    least: u64,
    /// The last logs, as few as are enough: when, and how many.
    recent: VecDeque<(i64, u64)>,
    /// How many there are of these.
    held: u64,
    /// How many waits were too short to be told apart.
    pub short: usize,
    /// The others: from when, until the log before, until when.
    long: Vec<[i64; 3]>,
}

impl Waits {
    /// For so many logs.
    #[must_use]
    pub fn new(least: u64) -> Self {
        Self { least: least.max(1), ..Self::default() }
    }

    /// It logged so often at `at`, not before the last time.
    pub fn hear(&mut self, at: i64, count: u64, shortest: i64) {
        if let (Some((from, _)), Some((last, _))) = (self.recent.front(), self.recent.back())
            && self.held >= self.least
        {
            // Whether the first was too long already is not known.
            let last = if self.short == 0 && self.long.is_empty() { from } else { last };
            match at - from > shortest {
                true => self.long.push([*from, *last, at]),
                false => self.short += 1,
            }
        }
        self.recent.push_back((at, count));
        self.held += count;
        while let Some((_, oldest)) =
            self.recent.front().filter(|(_, oldest)| self.held - oldest >= self.least)
        {
            self.held -= oldest;
            self.recent.pop_front();
        }
    }

    /// The longer ones in time in which logs were expected and which is not `quiet`; the shortest first.
    #[must_use]
    pub fn lengths(&self, policy: &Policy, quiet: &[Span]) -> Vec<Wait> {
        let wait = |[from, last, to]: &[i64; 3]| Wait {
            long: length((*from, *to), policy, quiet),
            already: length((*from, *last), policy, quiet),
        };
        let mut waits: Vec<Wait> = self.long.iter().map(wait).filter(|wait| wait.long > 0).collect();
        waits.sort_unstable();
        waits
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::monitor::fixtures::watch;

    const MINUTE: i64 = 60_000;

    /// How often it would have been told that there are too few in `interval` minutes.
    fn alarms(least: u64, logs: &[(i64, u64)], interval: i64) -> usize {
        let watch = watch(&["001"]);
        let policy = watch.policy(&watch.agents[0]);
        let mut waits = Waits::new(least);
        logs.iter().for_each(|(minute, count)| waits.hear(minute * MINUTE, *count, 2 * MINUTE));
        let lengths = waits.lengths(&policy, &[]);
        lengths.iter().filter(|wait| wait.alarms(interval * MINUTE)).count()
    }

    #[test]
    fn a_time_with_too_few_logs_is_one_alarm_however_many_come_in_it() {
        // Ten a minute for an hour, then one a minute, then ten again.
        let rate = |minute: i64| if (60..90).contains(&minute) { 1 } else { 10 };
        let logs: Vec<(i64, u64)> = (0..150).map(|minute| (minute, rate(minute))).collect();
        let told = |least| [5, 10, 15, 30].map(|interval| alarms(least, &logs, interval));
        assert_eq!(told(20), [1, 1, 1, 0], "in half an hour there are enough");
        assert_eq!(told(1), [0; 4]);
        // It never logs enough: one alarm that goes on.
        let thin: Vec<(i64, u64)> = (0..150).map(|minute| (minute, 1)).collect();
        assert_eq!([5, 15, 30].map(|interval| alarms(20, &thin, interval)), [1, 1, 0]);
    }

    #[test]
    fn of_one_log_the_waits_are_the_gaps() {
        let logs = [(0, 1), (10, 7), (12, 1), (40, 1)];
        assert_eq!([5, 10, 11, 28, 29].map(|interval| alarms(1, &logs, interval)), [2, 2, 1, 1, 0]);
    }
}
