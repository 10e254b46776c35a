//! Which stalls have got worse: many that logged less than they should do not log at all any more. Pure.

use super::groups::Groups;
use super::tally::is_many;
use super::{Begun, Common, Flow};
use crate::journal::entities::Logging;
use crate::journal::incidents::Stall;

impl Groups<'_> {
    /// The group of a stall whose agents were said to log less, if nothing or too little comes of it now to say so.
    pub fn got_worse(&self, common: &Common, stall: &Stall) -> Option<Begun> {
        let tally = self.tallies.get(common).filter(|_| stall.logging == Logging::TooFew)?;
        let of_it = |at: &usize| self.shares(*at, common) || self.is_of(*at, common, stall);
        let entities = self.fleet.entities();
        let silent = |at: &usize| of_it(at) && self.is_due(&entities[*at]);
        let lost: Vec<usize> = self.lost.iter().chain(&self.held).copied().filter(silent).collect();
        // A known lag may be all there is of it.
        if lost.is_empty() {
            return None;
        }
        let many = is_many(lost.len(), tally.watched, self.limits.count, self.limits.share);
        if !many && self.flow(common) != Flow::Stopped {
            return None;
        }
        let last = lost.iter().filter_map(|at| entities[*at].last_seen).max();
        let mut tally = tally.clone();
        (tally.lost, tally.thin, tally.held) = (lost.len(), 0, 0);
        let others_log = self.others_log(common, last);
        Some(Begun { common: common.clone(), tally, lost, last, others_log })
    }
}
