//! What becomes of an entity that changed. Pure.

use std::collections::BTreeMap;

use super::common::commons;
use super::groups::Groups;
use super::{Common, Fate, Flow};
use crate::config::latency::LONGEST_DOUBT;
use crate::monitor::fleet::dependencies::Upstream;
use crate::monitor::fleet::{Changed, Entity, threshold};
use crate::monitor::verdict::Transition;

/// A verdict waits no longer than this, in milliseconds.
pub const LONGEST_WAIT: i64 = LONGEST_DOUBT.as_millis() as i64;

impl Groups<'_> {
    /// What becomes of it, with the stalls that are `known` and their beginnings.
    pub fn fate(&self, changed: &Changed, known: &BTreeMap<Common, i64>) -> Fate {
        let entity = &self.fleet.entities()[changed.at];
        let (new, due) = match changed.transition {
            Transition::Recovered { .. } => return Fate::Told,
            // Who was never seen is due whenever anything is expected of it: that it has been for so long is enough.
            Transition::FellSilent | Transition::FoundSilent | Transition::Stopped { .. } => {
                (true, self.fleet.due(entity, self.now - LONGEST_WAIT))
            }
            Transition::StillSilent { .. } => (false, self.fleet.free_until(entity)),
        };
        let waited = self.fleet.waited(entity, due, self.now);
        let may_wait = waited < LONGEST_WAIT;
        let may_doubt = waited < LONGEST_WAIT.min(threshold(self.fleet.policy(entity)));
        match (self.explained_by(changed.at, new, known), self.fleet.upstream(changed.at, self.now)) {
            (Some(common), _) => Fate::PartOf(common),
            (None, Upstream::Down(incident)) => Fate::DependsOn(incident),
            (None, Upstream::Unknown) if may_wait => Fate::Waits,
            (None, _) if may_doubt && self.is_doubtful(entity) => Fate::Waits,
            (None, _) => Fate::Told,
        }
    }

    /// The known stall that explains a silence: one from the group of which nothing comes, or, for a
    /// `new` silence, one that has only just begun.
    pub fn explained_by(&self, at: usize, new: bool, known: &BTreeMap<Common, i64>) -> Option<Common> {
        let explains = |common: &Common| {
            known.get(common).is_some_and(|opened| {
                let begins = *opened == self.now && self.was_silent_before(at, common);
                !begins && (self.flow(common) == Flow::Stopped || (new && self.now <= opened + self.window()))
            })
        };
        commons(self.fleet, &self.fleet.entities()[at]).into_iter().find(explains)
    }

    /// Whether it should not be judged yet, since something that it shares may be stalling.
    fn is_doubtful(&self, entity: &Entity) -> bool {
        commons(self.fleet, entity).iter().any(|common| self.flow(common) == Flow::Doubtful)
    }
}
