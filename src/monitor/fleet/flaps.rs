//! Entities that fall silent again and again. Their end is believed later each time, so that a
//! flapping one is told a few times, and not at every turn. Pure; times in milliseconds.

use std::collections::HashMap;

use super::{Fleet, threshold};
use crate::journal::notes::Note;
use crate::journal::spells::Spell;
use crate::monitor::verdict::{State, Verdict};

const HOUR: i64 = 3_600_000;

/// From this silence on …
const MANY: usize = 3;

/// … within so many thresholds, but an hour at least and a day at most, it flaps.
const WINDOW: i64 = 8;

/// An end is not doubted longer than this.
const LONGEST_HOLD: i64 = 6 * HOUR;

/// Who fell silent lately, by place in the fleet.
#[derive(Debug, Default)]
pub struct Flaps(HashMap<usize, Flapping>);

#[derive(Debug, Clone, Default)]
struct Flapping {
    /// When it fell silent.
    fell: Vec<i64>,
    /// Since when it has logged again without a pause.
    back_since: Option<i64>,
    /// What the journal knows of that.
    noted: Option<i64>,
    /// When it logged before and stopped again, as far as the journal does not know it yet.
    spells: Vec<Spell>,
}

impl Flaps {
    /// It fell silent.
    pub fn fell(&mut self, at: usize, when: i64, threshold: i64) {
        let flapping = self.0.entry(at).or_default();
        flapping.fell.retain(|fell| *fell > when - window(threshold));
        flapping.fell.push(when);
        flapping.back_since = None;
    }

    /// It is silent with an incident open, logged for the last time at `last`, and by that it `logs` again
    /// or does not.
    pub fn seen(&mut self, at: usize, last: i64, logs: bool, now: i64, threshold: i64) {
        match (logs, self.back_since(at)) {
            (true, None) => self.0.entry(at).or_default().back_since = Some(last),
            (false, Some(begins)) => {
                self.fell(at, now, threshold);
                let spell = Spell { begins, ends: last.max(begins), noticed: now };
                self.0.entry(at).or_default().spells.push(spell);
            }
            _ => {}
        }
    }

    /// As the journal knows, it logs again since then.
    pub fn is_back(&mut self, at: usize, since: i64) {
        let flapping = self.0.entry(at).or_default();
        (flapping.back_since, flapping.noted) = (Some(since), Some(since));
    }

    /// When it fell silent last.
    #[must_use]
    pub fn last(&self, at: usize) -> Option<i64> {
        self.0.get(&at)?.fell.last().copied()
    }

    /// Since when it logs again, if it does, and when it did before, where the journal does not know that yet.
    #[must_use]
    pub fn news(&self, at: usize) -> Option<(Option<i64>, &[Spell])> {
        let Flapping { back_since, noted, spells, .. } = self.0.get(&at)?;
        (back_since != noted || !spells.is_empty()).then_some((*back_since, spells))
    }

    /// The journal knows it now.
    pub fn is_noted(&mut self, at: usize) {
        if let Some(flapping) = self.0.get_mut(&at) {
            flapping.noted = flapping.back_since;
            flapping.spells.clear();
        }
    }

    /// Takes over what is known of an entity that stood at `before` there.
    pub fn keep(&mut self, at: usize, there: &Self, before: usize) {
        self.0.extend(there.0.get(&before).map(|flapping| (at, flapping.clone())));
    }

    /// Since when it has logged again without a pause, while its incident is still open.
    #[must_use]
    pub fn back_since(&self, at: usize) -> Option<i64> {
        self.0.get(&at)?.back_since
    }

    /// Its incident is over.
    pub fn recovered(&mut self, at: usize) {
        if let Some(flapping) = self.0.get_mut(&at) {
            (flapping.back_since, flapping.noted) = (None, None);
            flapping.spells.clear();
        }
    }

    /// How often it has fallen silent lately.
    #[must_use]
    pub fn count(&self, at: usize, now: i64, threshold: i64) -> usize {
        let lately = |fell: &&i64| **fell > now - window(threshold);
        self.0.get(&at).map_or(0, |flapping| flapping.fell.iter().filter(lately).count())
    }

    /// Whether its end is not believed yet: from its first log to its last it has not logged for long
    /// enough. (Its last log alone keeps it from being silent for a threshold, and proves nothing.)
    #[must_use]
    pub fn holds(&self, at: usize, last_seen: i64, now: i64, threshold: i64) -> bool {
        let back_since = self.back_since(at);
        let hold = hold(self.count(at, back_since.unwrap_or(now), threshold), threshold);
        hold > 0 && back_since.is_none_or(|since| last_seen - since < hold)
    }
}

impl Fleet {
    /// Notes who of the silent ones logs again, and who has stopped again.
    pub fn watch_for_flapping(&mut self, suspects: &[usize], now: i64) {
        for at in suspects {
            let entity = &self.entities[*at];
            if matches!(entity.state, State::Silent { .. }) {
                let logs = self.verdict(entity, now) == Verdict::Fresh;
                let threshold = threshold(self.policy(entity));
                let Some(last) = entity.last_seen else { continue };
                self.flaps.seen(*at, last, logs, now, threshold);
            }
        }
    }

    /// What the journal does not know yet of those that are silent: since when they log again, if they do, and
    /// when they did before.
    #[must_use]
    pub fn notes(&self) -> Vec<(i64, Note)> {
        let of_one = |at: &usize| {
            let incident = self.entities[*at].silence()?.incident;
            let (since, spells) = self.flaps.news(*at)?;
            Some(Note::of_return(since, spells).into_iter().map(move |note| (incident, note)))
        };
        self.flaps.0.keys().filter_map(of_one).flatten().collect()
    }

    /// The journal knows it now.
    pub fn are_noted(&mut self) {
        for at in self.silent() {
            self.flaps.is_noted(at);
        }
    }

    /// Who falls silent again and again, and how often lately.
    #[must_use]
    pub const fn flaps(&self) -> &Flaps {
        &self.flaps
    }
}

/// How long an entity must log without a pause before the end of its `count`th silence is believed.
#[must_use]
pub fn hold(count: usize, threshold: i64) -> i64 {
    match u32::try_from(count.saturating_sub(MANY)) {
        Ok(more) if count >= MANY => threshold.saturating_mul(1 << more.min(20)).min(LONGEST_HOLD),
        _ => 0,
    }
}

fn window(threshold: i64) -> i64 {
    threshold.saturating_mul(WINDOW).clamp(HOUR, 24 * HOUR)
}

#[cfg(test)]
mod tests;
