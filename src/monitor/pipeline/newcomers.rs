//! Who was silent already when it was first looked at. Whoever stopped when the others of its group did is counted to
//! it; whoever was silent before that is told by itself. Pure; times in milliseconds.

use super::Common;
use super::common::commons;
use super::groups::Groups;
use super::tally::{Standing, Tally};
use crate::monitor::fleet::threshold;
use crate::monitor::verdict::State;

impl Groups<'_> {
    /// Counts those that were found silent to the groups that stopped when they did: that many did not fall silent
    /// lately, but say how long the newest log of the group may be ago.
    pub fn count_found(&mut self, found: &[usize]) {
        for at in found {
            let entity = &self.fleet.entities()[*at];
            let mut one = Tally::default();
            one.add(None, Standing::Held, || self.allowed(entity));
            let mut shared = commons(self.fleet, entity);
            shared.retain(|common| !self.was_silent_before(*at, common));
            for common in &shared {
                self.tallies.entry(common.clone()).or_default().merge(&one);
            }
            self.found.extend((!shared.is_empty()).then_some(*at));
        }
    }

    /// Whether it was found silent, and long before the newest log of what it shares: a stall does not explain that.
    pub fn was_silent_before(&self, at: usize, common: &Common) -> bool {
        let entity = &self.fleet.entities()[at];
        let policy = self.fleet.policy(entity);
        let newest = self.tallies.get(common).and_then(|tally| tally.newest);
        let ends = entity.last_seen.zip(newest);
        entity.state == State::New
            && ends.is_none_or(|(seen, newest)| policy.due(seen, threshold(policy)) < newest - self.window())
    }
}
