//! Entities that are parts of one thing, such as the logs of an agent. Pure; times in milliseconds.

use std::collections::HashMap;

use compact_str::CompactString;

use super::{Fleet, threshold};
use crate::monitor::cause::Whole;

/// Who is part of what, by place in the fleet.
#[derive(Debug, Default)]
pub struct Parts {
    wholes: Vec<(CompactString, Vec<usize>)>,
    of: HashMap<usize, usize>,
}

impl Fleet {
    /// Notes what entities are parts of; `whole` tells it of a key.
    pub fn join_parts(&mut self, whole: impl Fn(&str) -> Option<&str>) {
        let mut parts = Parts::default();
        let mut known: HashMap<&str, usize> = HashMap::new();
        for (at, entity) in self.entities.iter().enumerate() {
            let Some(name) = whole(&entity.key) else { continue };
            let place = *known.entry(name).or_insert(parts.wholes.len());
            if place == parts.wholes.len() {
                parts.wholes.push((name.into(), Vec::new()));
            }
            parts.wholes[place].1.push(at);
            parts.of.insert(at, place);
        }
        self.parts = parts;
    }

    /// What a silent entity is part of, if the rest of that logs: had this part logged as lately, it would
    /// not be silent.
    pub(super) fn rest_of(&self, at: usize, now: i64) -> Option<Whole> {
        let (name, parts) = &self.parts.wholes[*self.parts.of.get(&at)?];
        let newest = parts.iter().filter_map(|part| self.entities[*part].last_seen).max()?;
        self.part_of(at, Whole { name: name.clone(), newest }, now)
    }

    /// The same of a whole of which others than its watched parts may have the newest log.
    #[must_use]
    pub fn part_of(&self, at: usize, whole: Whole, now: i64) -> Option<Whole> {
        let policy = self.policy(&self.entities[at]);
        (policy.due(whole.newest, threshold(policy)) > now).then_some(whole)
    }
}
