//! How many logs entities had: what a source would have answered at a moment of the past. Pure.

use std::collections::{HashMap, VecDeque};

use crate::monitor::fleet::Fleet;
use crate::source::{Heard, Volume, whole_steps};

/// What was heard of those of whom a number of logs is expected, by their place in the fleet: the time
/// of each step's newest, in milliseconds, and how many there were.
#[derive(Debug, Default)]
pub struct Counts(HashMap<usize, VecDeque<(i64, u64)>>);

impl Counts {
    /// Takes in what was logged next, in order of time.
    pub fn hear(&mut self, fleet: &Fleet, heard: &[Heard]) {
        if !fleet.counts() {
            return;
        }
        for Heard { key, newest, count } in heard {
            let Some(at) = fleet.place(key) else { continue };
            if fleet.policy(&fleet.entities()[at]).min_events.is_some() {
                self.0.entry(at).or_default().push_back((*newest, *count));
            }
        }
    }

    /// Tells the fleet what it wants to know at `now` of steps of so long, both in milliseconds, and forgets
    /// what is older.
    pub fn tell(&mut self, fleet: &mut Fleet, step: i64, now: i64) {
        for (window, places) in fleet.to_count(now) {
            let steps = whole_steps(window, step);
            let volume = |at: &usize| {
                let count = self.0.get_mut(at).map_or(0, |heard| within(heard, steps));
                Volume { key: fleet.entities()[*at].key.clone(), count }
            };
            let volumes: Vec<Volume> = places.iter().map(volume).collect();
            fleet.take_volumes(&places, &volumes, steps.1 + 1, now);
        }
    }
}

/// How many are in `from..=to`; those before are taken out.
fn within(steps: &mut VecDeque<(i64, u64)>, (from, to): (i64, i64)) -> u64 {
    while steps.front().is_some_and(|(newest, _)| *newest < from) {
        steps.pop_front();
    }
    steps.iter().take_while(|(newest, _)| *newest <= to).map(|(_, count)| count).sum()
}
