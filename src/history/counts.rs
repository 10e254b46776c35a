//! How many logs entities had: what a source would have answered at a moment of the past. Pure.

use std::collections::{HashMap, VecDeque};

use crate::monitor::fleet::Fleet;
use crate::source::{Heard, Observation, Volume, whole_steps};

/// What was heard of those of whom a number of logs is expected, by their place in the fleet.
#[derive(Debug, Default)]
pub struct Counts {
    steps: HashMap<usize, Steps>,
    /// The first log of all, in milliseconds: what was before it nobody knows.
    begin: Option<i64>,
}

/// What was heard of one.
#[derive(Debug)]
struct Steps {
    /// The time of its first log, in milliseconds.
    first: i64,
    /// The time of each step's newest, in milliseconds, and how many there were.
    recent: VecDeque<(i64, u64)>,
}

impl Counts {
    /// Takes in what was logged next, in order of time.
    pub fn hear(&mut self, fleet: &Fleet, heard: &[Heard]) {
        if !fleet.counts() {
            return;
        }
        for Heard { key, newest, count } in heard {
            let Some(at) = fleet.place(key) else { continue };
            self.begin.get_or_insert(*newest);
            if fleet.policy(&fleet.entities()[at]).min_events.is_some() {
                let new = || Steps { first: *newest, recent: VecDeque::new() };
                self.steps.entry(at).or_insert_with(new).recent.push_back((*newest, *count));
            }
        }
    }

    /// Tells the fleet what it wants to know at `now` of steps of so long, both in milliseconds, and forgets
    /// what is older.
    pub fn tell(&mut self, fleet: &mut Fleet, step: i64, now: i64) {
        for (window, places) in fleet.to_count(now) {
            let steps = whole_steps(window, step);
            let volume = |at: &usize| {
                let count = self.steps.get_mut(at).map_or(0, |heard| heard.within(steps));
                Volume { key: fleet.entities()[*at].key.clone(), count }
            };
            let volumes: Vec<Volume> = places.iter().map(volume).collect();
            let (until, length) = (steps.1 + 1, window.1 - window.0);
            fleet.take_volumes(&places, &volumes, until, now);
            let from = until - length;
            if let Some((_, few)) = fleet.perhaps_begun(&places, from) {
                fleet.take_earlier(&few, &self.before(fleet, &few, (from, length)), from, now);
            }
        }
    }

    /// Who of these logged before a time, or as early as is known.
    fn before(&self, fleet: &Fleet, places: &[usize], (from, length): (i64, i64)) -> Vec<Observation> {
        let time = from.max(self.begin.map_or(i64::MIN, |begin| begin.saturating_add(length)));
        let first = |at: &usize| {
            let last_seen = self.steps.get(at).map(|steps| steps.first).filter(|first| *first < time)?;
            Some(Observation { key: fleet.entities()[*at].key.clone(), last_seen })
        };
        places.iter().filter_map(first).collect()
    }
}

impl Steps {
    /// How many are in `from..=to`; those before are taken out.
    fn within(&mut self, (from, to): (i64, i64)) -> u64 {
        while self.recent.front().is_some_and(|(newest, _)| *newest < from) {
            self.recent.pop_front();
        }
        self.recent.iter().take_while(|(newest, _)| *newest <= to).map(|(_, count)| count).sum()
    }
}
