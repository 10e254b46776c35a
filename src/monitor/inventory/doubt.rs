//! When a list is not believed. Pure; times in milliseconds.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Doubt, Namesakes, names};
use crate::config::Agent;

/// A list that lacks at least so many known agents …
const MANY_MISSING: usize = 5;

/// … and this part of them, in percent, …
const SHARE_MISSING: usize = 20;

/// … or this many, however many there are, is a loss of rights rather than a removal. So is one that lacks
/// anybody who logs …
const MOST_MISSING: usize = 50;

/// … unless it stays so for a day. Each agent has its own day.
const BELIEVED_AFTER: i64 = 86_400_000;

/// Who logs so long after it was first missing was not removed. (Clocks differ.)
pub const STILL_LOGS: i64 = 2 * 60_000;

/// What is remembered from one list to the next, also over a restart.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Memory {
    /// Who was missing in the last list, and since when.
    missing: BTreeMap<String, i64>,
    /// Who was replaced by another of its name, with its last log, as long as it is listed because of it.
    replaced: BTreeMap<String, i64>,
    /// Newcomers with the name of others who came before them, and since when. As long as none of these logs, the
    /// newcomer may be one of them, enrolled anew before its old id was removed.
    namesakes: BTreeMap<String, i64>,
    /// There are too many, and that is told.
    full: bool,
    /// The rules want nobody on the list, and that is told.
    unwanted: bool,
}

/// Whether the newest life sign of an agent is later than its leaving.
#[must_use]
pub fn still_logs(seen: Option<i64>, missing_since: i64) -> bool {
    seen.is_some_and(|seen| seen > missing_since + STILL_LOGS)
}

impl Memory {
    /// Since when an agent was missing in the lists before.
    #[must_use]
    pub fn missing_since(&self, id: &str) -> Option<i64> {
        self.missing.get(id).copied()
    }

    /// These are missing in a list of `now`.
    pub fn note<'a>(&mut self, absent: impl Iterator<Item = &'a Agent>, now: i64) {
        let since = |agent: &Agent| (agent.id.clone(), self.missing_since(&agent.id).unwrap_or(now));
        self.missing = absent.map(since).collect();
    }

    /// When whoever was replaced logged last.
    #[must_use]
    pub fn last_log_of_replaced(&self, id: &str) -> Option<i64> {
        self.replaced.get(id).copied()
    }

    /// These have been replaced.
    pub fn note_replaced(&mut self, namesakes: &Namesakes) {
        self.replaced.retain(|id, _| namesakes.past.contains(id));
        let new = namesakes.replaced.iter().map(|(old, (_, last))| (old.clone(), *last));
        self.replaced.extend(new);
    }

    /// These newcomers have the name of another one in a list of `now`.
    pub fn note_twins(&mut self, twins: Vec<String>, now: i64) {
        self.namesakes.extend(twins.into_iter().map(|new| (new, now)));
    }

    /// Those of them of whom it is sure, each with another of its name: that one has logged after they came. Of these
    /// no more is remembered, nor of who is not listed any more.
    pub fn sure_twins(
        &mut self,
        listed: &BTreeMap<String, Agent>,
        last_seen: impl Fn(&str) -> Option<i64>,
    ) -> BTreeMap<String, String> {
        let sure = names::sure_twins(&self.namesakes, listed, last_seen);
        self.namesakes.retain(|new, _| listed.contains_key(new) && !sure.contains_key(new));
        sure
    }

    /// Whether an agent has been missing for so long that it is believed.
    #[must_use]
    pub fn is_believed(&self, id: &str, now: i64) -> bool {
        self.missing_since(id).is_some_and(|since| now - since >= BELIEVED_AFTER)
    }

    /// How many are left out because there are too many, if that was not so before.
    pub fn left_out(&mut self, too_many: usize) -> usize {
        let told = std::mem::replace(&mut self.full, too_many > 0);
        if told { 0 } else { too_many }
    }

    /// How many are on a list of which nobody is wanted, if that was not so before.
    pub fn unwanted(&mut self, unwanted: usize) -> usize {
        let told = std::mem::replace(&mut self.unwanted, unwanted > 0);
        if told { 0 } else { unwanted }
    }
}

impl Doubt {
    /// Whether a list that lacks so many is not believed.
    #[must_use]
    pub const fn is_serious(&self) -> bool {
        let share = self.missing >= MANY_MISSING && self.missing * 100 >= self.of * SHARE_MISSING;
        self.log > 0 || share || self.missing >= MOST_MISSING
    }
}
