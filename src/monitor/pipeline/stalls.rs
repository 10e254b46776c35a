//! The open stalls of a watch, and what of a round's findings is told of them. Pure; times in milliseconds.

use std::collections::BTreeMap;

use super::{Begun, Common, Doubts, Sorted, Tally};
use crate::journal::entities::Logging;
use crate::journal::incidents::Stall;
use crate::journal::notes::Note;
use crate::monitor::finding::Flapping;

/// The stalls of which an incident is open.
#[derive(Debug, Default)]
pub struct Stalls {
    /// Those that go on.
    pub open: BTreeMap<Common, Stall>,
    /// Those that are over, as far as can be seen, which is not believed yet.
    doubted: BTreeMap<Common, Stall>,
    doubts: Doubts,
}

impl Stalls {
    /// As the journal knows them.
    #[must_use]
    pub fn new(all: impl Iterator<Item = (Common, Stall)>, doubts: Doubts) -> Self {
        let began = |(common, stall): (Common, Stall)| {
            let again = doubts.began(&common.to_string()).unwrap_or(stall.opened);
            let opened = stall.opened.max(again);
            (common, Stall { opened, noticed: stall.noticed.max(opened), ..stall })
        };
        let (doubted, open) =
            all.map(began).partition(|(common, _)| doubts.over_since(&common.to_string()).is_some());
        Self { open, doubted, doubts }
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.open.is_empty() && self.doubted.is_empty()
    }

    /// The one of what entities share.
    #[must_use]
    pub fn of(&self, common: &Common) -> Option<Stall> {
        self.open.get(common).or_else(|| self.doubted.get(common)).copied()
    }

    /// What the journal does not know yet.
    #[must_use]
    pub fn notes(&self) -> Vec<(i64, Note)> {
        self.doubts.notes(self.incidents())
    }

    /// The journal knows it now.
    pub fn are_noted(&mut self) {
        self.doubts.are_noted();
    }

    /// All incidents, by what they are about.
    pub fn incidents(&self) -> impl Iterator<Item = (String, i64)> {
        let all = self.open.iter().chain(&self.doubted);
        all.map(|(common, stall)| (common.to_string(), stall.incident))
    }

    /// Whether its end is told long after it was seen.
    #[must_use]
    pub fn is_doubted(&self, common: &Common) -> bool {
        self.doubted.contains_key(common)
    }

    /// What there is to say of one that begins now, if that is too often.
    #[must_use]
    pub fn flapping(&self, common: &Common, now: i64) -> Option<Flapping> {
        self.doubts.flapping(&common.to_string(), now)
    }

    /// Leaves of what a round has found what is to be told: one that begins again before its end was believed
    /// goes on, and an end that is not believed yet is none. The incidents that explain nothing any more from
    /// now on, although they are open.
    pub fn doubt(&mut self, sorted: &mut Sorted, now: i64) -> Vec<i64> {
        let Self { open, doubted, doubts } = self;
        sorted.stalled.retain(|begun| {
            let Some(again) = doubted.remove(&begun.common) else { return true };
            doubts.goes_on(&begun.common.to_string(), now);
            open.insert(begun.common.clone(), Stall { opened: now, noticed: now, ..again });
            false
        });
        let mut over = Vec::new();
        sorted.over.retain(|(common, _)| {
            let held = doubts.holds(&common.to_string(), now);
            let stall = if held { open.remove(common) } else { None };
            over.extend(stall.map(|stall| stall.incident));
            doubted.extend(stall.map(|stall| (common.clone(), stall)));
            !held
        });
        let believed = doubted.keys().filter(|common| !doubts.holds(&common.to_string(), now));
        let tally = |common: &Common| sorted.tallies.get(common).cloned().unwrap_or_default();
        let believed: Vec<(Common, Tally)> = believed.map(|common| (common.clone(), tally(common))).collect();
        sorted.over.extend(believed);
        over
    }

    /// One has begun, and the journal has it.
    pub fn begin(&mut self, begun: &Begun, incident: i64, now: i64) {
        self.doubts.begins(&begun.common.to_string(), now);
        let stall = Stall { incident, opened: now, noticed: now, logging: begun.tally.logging_of_lost() };
        self.open.insert(begun.common.clone(), stall);
    }

    /// One has got worse, and the journal has it.
    pub fn worsen(&mut self, common: &Common, now: i64) {
        if let Some(stall) = self.open.get_mut(common) {
            (stall.noticed, stall.logging) = (now, Logging::No);
        }
    }

    /// The end of one is told; its incident.
    pub fn end(&mut self, common: &Common) -> Option<i64> {
        self.doubts.is_told(&common.to_string());
        let stall = self.open.remove(common).or_else(|| self.doubted.remove(common));
        stall.map(|stall| stall.incident)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn when_a_stall_got_worse_is_known_after_a_restart_too() {
        let stall = Stall { incident: 1, opened: 10, noticed: 90, logging: Logging::No };
        let stalls = Stalls::new([(Common::Watch, stall)].into_iter(), Doubts::default());
        assert_eq!(stalls.of(&Common::Watch), Some(stall));
    }
}
