//! Which groups have begun to stall. Pure.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use super::common::commons;
use super::groups::Groups;
use super::{Begun, Common, Flow, Tally};

/// So many of a watch, in percent, are all of it.
const ALL: usize = 90;

impl Groups<'_> {
    /// The stalls that explain what the `known` ones, with their beginnings, do not: the watch if it is
    /// all of it, else the groups that explain most, and the watch for many that share nothing else.
    pub fn newly_stalled(&self, known: &BTreeMap<Common, i64>) -> Vec<Begun> {
        if !self.tallies.keys().any(|common| self.begins(common, known)) {
            return Vec::new();
        }
        let explained = |at: &&usize| self.explained_by(**at, true, known).is_some();
        let silent = self.lost.iter().chain(&self.found);
        let mut left: Vec<usize> = silent.filter(|at| !explained(at)).copied().collect();
        if left.is_empty() {
            return Vec::new();
        }
        let watch = self.begins(&Common::Watch, known).then(|| &self.tallies[&Common::Watch]);
        if watch.is_some_and(|tally| self.is_all(tally)) {
            return vec![self.begun(Common::Watch)];
        }
        let mut found: Vec<Begun> = Vec::new();
        while let Some(common) = self.best(&left, known, &found) {
            left.retain(|at| !self.shares(*at, &common));
            found.push(self.begun(common));
        }
        if watch.is_some() && left.len() >= self.limits.count && found.is_empty() {
            found.push(self.begun(Common::Watch));
        }
        found
    }

    fn begins(&self, common: &Common, known: &BTreeMap<Common, i64>) -> bool {
        !known.contains_key(common) && self.tallies.get(common).is_some_and(|tally| tally.stalls(self.limits))
    }

    fn is_all(&self, watch: &Tally) -> bool {
        let silent = watch.lost + watch.held;
        silent * 100 >= watch.watched * ALL || self.flow(&Common::Watch) == Flow::Stopped
    }

    fn begun(&self, common: Common) -> Begun {
        let silent = self.lost.iter().chain(&self.found).copied();
        let of_it = |at: &usize| self.shares(*at, &common) && !self.was_silent_before(*at, &common);
        let lost: Vec<usize> = silent.filter(of_it).collect();
        let last = lost.iter().filter_map(|at| self.fleet.entities()[*at].last_seen).max();
        let others_log = self.others_log(&common, last);
        Begun { tally: self.tallies[&common].clone(), lost, last, others_log, common }
    }

    /// Whether logs of the watch come, and some that are not of a group are newer than the `last` of those of it that
    /// fell silent.
    pub fn others_log(&self, common: &Common, last: Option<i64>) -> bool {
        let mut entities = self.fleet.entities().iter().enumerate();
        self.flow(&Common::Watch) == Flow::Flowing
            && entities.any(|(at, entity)| entity.last_seen > last && !self.shares(at, common))
    }

    /// The stalled group, other than the watch, that explains most of `left`; of two equal ones the
    /// smaller.
    fn best(&self, left: &[usize], known: &BTreeMap<Common, i64>, found: &[Begun]) -> Option<Common> {
        let mut explains: BTreeMap<Common, usize> = BTreeMap::new();
        for common in left.iter().flat_map(|at| commons(self.fleet, &self.fleet.entities()[*at])) {
            *explains.entry(common).or_default() += 1;
        }
        let new = |common: &Common| {
            *common != Common::Watch
                && self.begins(common, known)
                && found.iter().all(|begun| begun.common != *common)
        };
        let enough =
            |common: &Common, count: usize| count >= self.limits.count || self.flow(common) == Flow::Stopped;
        explains
            .into_iter()
            .filter(|(common, count)| new(common) && enough(common, *count))
            .max_by_key(|(common, count)| (*count, Reverse(self.tallies[common].watched)))
            .map(|(common, _)| common)
    }
}
