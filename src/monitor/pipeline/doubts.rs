//! Incidents of a pipeline that come again and again. Their end is believed later each time. Pure; times in
//! milliseconds.

use std::collections::BTreeMap;

use crate::journal::notes::Note;
use crate::monitor::finding::Flapping;
use crate::monitor::fleet::flaps::Flaps;

/// The only place in the [`Flaps`] of one of them.
const SELF: usize = 0;

/// How they began and ended lately, by what they are about, as the journal keeps that.
#[derive(Debug, Default)]
pub struct Doubts {
    flaps: BTreeMap<String, Flaps>,
    /// The shortest time for which an agent may be quiet: nothing is noticed sooner.
    threshold: i64,
}

impl Doubts {
    /// As the journal knows them: when each began, and since when those that are open are over, if they are.
    #[must_use]
    pub fn new(began: &[(String, i64)], over: &[(String, i64)], threshold: i64) -> Self {
        let mut doubts = Self { flaps: BTreeMap::new(), threshold };
        began.iter().for_each(|(key, when)| doubts.begins(key, *when));
        over.iter().for_each(|(key, since)| doubts.of(key).is_back(SELF, *since));
        doubts
    }

    fn of(&mut self, key: &str) -> &mut Flaps {
        self.flaps.entry(key.to_owned()).or_default()
    }

    /// One begins.
    pub fn begins(&mut self, key: &str, now: i64) {
        let threshold = self.threshold;
        self.of(key).fell(SELF, now, threshold);
    }

    /// What there is to say of one that begins now, if that is too often.
    #[must_use]
    pub fn flapping(&self, key: &str, now: i64) -> Option<Flapping> {
        let before = self.flaps.get(key).map_or(0, |flaps| flaps.count(SELF, now, self.threshold));
        let flapping = Flapping::of(before + 1, self.threshold)?;
        Some(Flapping { hold: flapping.hold + self.threshold, ..flapping })
    }

    /// One that is open goes on, or does again.
    pub fn goes_on(&mut self, key: &str, now: i64) {
        let threshold = self.threshold;
        self.of(key).seen(SELF, now, false, now, threshold);
    }

    /// One is over as far as can be seen; whether that is not believed yet. What happens now is seen a
    /// threshold later.
    pub fn holds(&mut self, key: &str, now: i64) -> bool {
        let threshold = self.threshold;
        let flaps = self.of(key);
        flaps.seen(SELF, now, true, now, threshold);
        flaps.holds(SELF, now - threshold, now, threshold)
    }

    /// Since when it is over, if that is not believed yet.
    #[must_use]
    pub fn over_since(&self, key: &str) -> Option<i64> {
        self.flaps.get(key)?.back_since(SELF)
    }

    /// When it began last, or again.
    #[must_use]
    pub fn began(&self, key: &str) -> Option<i64> {
        self.flaps.get(key)?.last(SELF)
    }

    /// Its end is told.
    pub fn is_told(&mut self, key: &str) {
        self.of(key).recovered(SELF);
    }

    /// What the journal does not know yet of those that are `open`, and of whose end it is not believed.
    #[must_use]
    pub fn notes(&self, open: impl Iterator<Item = (String, i64)>) -> Vec<(i64, Note)> {
        let notes = |(key, incident): (String, i64)| {
            let news = self.flaps.get(&key).and_then(|flaps| flaps.news(SELF));
            let notes = news.map(|(since, spells)| Note::of_return(since, spells)).unwrap_or_default();
            notes.into_iter().map(move |note| (incident, note)).collect::<Vec<_>>()
        };
        open.flat_map(notes).collect()
    }

    /// The journal knows all of it now.
    pub fn are_noted(&mut self) {
        self.flaps.values_mut().for_each(|flaps| flaps.is_noted(SELF));
    }
}
