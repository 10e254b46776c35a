//! Whether silences have one cause: everything of a watch, a node or a label that falls silent at
//! once did not break one by one. Pure.
//!
//! Two signs of a stalled pipeline: a share of a group fell silent within a window, or the newest
//! document of the whole group is so old that many of its members would be overdue if it were theirs.
//! While the second is only in the making, verdicts wait, so that the first agents of a broken node are
//! not told one by one.
//!
//! A stall explains what falls silent within a window of its beginning, and whatever is silent while
//! nothing at all comes from its group. Where the others of the group log, who falls silent later does
//! so for reasons of its own.
//!
//! The end of one that comes again and again is believed later each time, as that of an agent is (`doubts`).

mod begun;
mod common;
mod doubts;
mod fate;
mod groups;
mod newcomers;
mod regroup;
mod stalls;
mod tally;
mod worse;

use std::collections::BTreeMap;

use super::fleet::{Changed, Fleet};
use crate::config::Pipeline;
use crate::journal::incidents::Stall;
use groups::Groups;

pub use common::Common;
pub use doubts::Doubts;
pub use regroup::regroup;
pub use stalls::Stalls;
pub use tally::{Flow, Standing, Tally};

/// What becomes of an entity that changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fate {
    /// It is told by itself.
    Told,
    /// It is part of this stall.
    PartOf(Common),
    /// Somebody on whom it depends is silent, with this incident.
    DependsOn(i64),
    /// It is judged later.
    Waits,
}

/// A stall that begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Begun {
    /// What its entities share.
    pub common: Common,
    /// All of those.
    pub tally: Tally,
    /// The places of those that fell silent now or lately.
    pub lost: Vec<usize>,
    /// The newest log of any of these, in milliseconds.
    pub last: Option<i64>,
    /// Others of the watch log on.
    pub others_log: bool,
}

/// What a round found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sorted {
    /// New stalls.
    pub stalled: Vec<Begun>,
    /// Stalls that have got worse: their agents logged less, and do not any more.
    pub worse: Vec<Begun>,
    /// Stalls that are over, with the groups as they are.
    pub over: Vec<(Common, Tally)>,
    /// What becomes of each change, in order.
    pub fates: Vec<Fate>,
    /// Every group as it is.
    pub tallies: BTreeMap<Common, Tally>,
}

impl Sorted {
    /// Nothing in common.
    #[must_use]
    pub fn all_told(changes: usize) -> Self {
        let fates = vec![Fate::Told; changes];
        let (stalled, worse, over) = (Vec::new(), Vec::new(), Vec::new());
        Self { stalled, worse, over, fates, tallies: BTreeMap::new() }
    }
}

/// Finds what the changes of a round have in common. `open` are the stalls that are known.
#[must_use]
pub fn sort(
    fleet: &Fleet,
    changed: &[Changed],
    open: &BTreeMap<Common, Stall>,
    limits: &Pipeline,
    now: i64,
) -> Sorted {
    let groups = Groups::of(fleet, changed, open, limits, now);
    let over: Vec<(Common, Tally)> =
        open.iter().filter_map(|(common, stall)| groups.is_over(common, stall)).collect();
    let ended = |common: &Common| over.iter().any(|(known, _)| known == common);
    let lasting = || open.iter().filter(|(common, _)| !ended(common));
    let mut known: BTreeMap<Common, i64> =
        lasting().map(|(common, stall)| (common.clone(), stall.noticed)).collect();
    let worse: Vec<Begun> = lasting().filter_map(|(common, stall)| groups.got_worse(common, stall)).collect();
    let stalled = groups.newly_stalled(&known);
    known.extend(worse.iter().chain(&stalled).map(|begun| (begun.common.clone(), now)));
    let fates = changed.iter().map(|changed| groups.fate(changed, &known)).collect();
    Sorted { stalled, worse, over, fates, tallies: groups.tallies }
}
