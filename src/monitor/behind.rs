//! Whether one of several sources of documents lacks what another one has: nobody is silent then, but
//! what is between them does not pass documents on.

use std::collections::BTreeMap;

use super::pipeline::Doubts;
use super::{Monitor, words};
use crate::journal::JournalError;
use crate::journal::incidents::{Stall, Subject};
use crate::journal::notes;
use crate::record::{Change, IncidentChange};
use crate::source::{Frontier, Keeper};

/// What several sources have. Times in milliseconds.
#[derive(Debug, Default)]
pub struct Behind {
    sources: BTreeMap<String, Known>,
    /// The open incidents, by source.
    pub open: BTreeMap<String, i64>,
    /// Which of them come again and again.
    pub doubts: Doubts,
}

#[derive(Debug, Default)]
struct Known {
    newest: Option<i64>,
    /// The newest that another one has and that it should have, too, and which one that is.
    elsewhere: Option<(i64, String)>,
    keeper: Keeper,
    /// The time of a document that another one has, and it does not.
    lacks: Option<i64>,
}

/// A source that has something, and one that lacks it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lack {
    /// The source that lacks it.
    pub source: String,
    /// Its newest document; `None` = it has shown none.
    pub newest: Option<i64>,
    /// Which one has newer ones.
    pub other: String,
    /// The newest one there.
    pub others_newest: i64,
    /// Who keeps the documents of the one, and of the other.
    pub keepers: (Keeper, Keeper),
}

impl Behind {
    /// Takes in how far these sources are.
    pub fn see(&mut self, names: &[&str], frontiers: &[Frontier]) {
        self.sources.retain(|name, _| names.contains(&name.as_str()));
        for name in names {
            self.sources.entry((*name).to_owned()).or_default();
        }
        for Frontier { source, newest, elsewhere, keeper } in frontiers {
            let known = self.sources.entry(source.clone()).or_default();
            known.newest = known.newest.max(*newest);
            known.elsewhere = known.elsewhere.take().max(elsewhere.clone());
            known.keeper = *keeper;
        }
        for known in self.sources.values_mut() {
            known.lacks = known.lacks.filter(|lacks| known.newest < Some(*lacks));
            let most = known.elsewhere.as_ref().map(|(newest, _)| *newest);
            known.lacks = known.lacks.or(most.filter(|most| known.newest < Some(*most)));
        }
    }

    /// Who has lacked for `limit` at `now` what another one has.
    #[must_use]
    pub fn lacking(&self, limit: i64, now: i64) -> Vec<Lack> {
        let lack = |(source, known): (&String, &Known)| {
            known.lacks.filter(|lacks| now - lacks >= limit)?;
            let (others_newest, other) = known.elsewhere.clone()?;
            let others = self.sources.get(&other).map(|other| other.keeper).unwrap_or_default();
            Some(Lack {
                source: source.clone(),
                newest: known.newest,
                keepers: (known.keeper, others),
                other,
                others_newest,
            })
        };
        self.sources.iter().filter_map(lack).collect()
    }

    /// Whether a source has all that any other one has shown.
    #[must_use]
    pub fn has_all(&self, source: &str) -> bool {
        self.sources.get(source).is_none_or(|known| known.newest.is_some() && known.lacks.is_none())
    }
}

/// What the incident of a source is about, among the stalls of its watch.
#[must_use]
pub fn key(source: &str) -> String {
    format!("source={source}")
}

impl Monitor {
    /// The open incidents of sources, taken out of the stalls of the watch.
    pub(super) fn take_open(&self, stalls: &mut Vec<(String, Stall)>) -> BTreeMap<String, i64> {
        let mut open = BTreeMap::new();
        if !self.setup.watch.also.is_empty() {
            for source in self.setup.watch.documents() {
                let mine = stalls.iter().position(|(known, _)| *known == key(source));
                open.extend(mine.map(|at| (source.to_owned(), stalls.swap_remove(at).1.incident)));
            }
        }
        open
    }

    /// Tells which of several sources lacks what another has for as long as its agents may be quiet, at least
    /// for the time within which a pipeline stalls, and of its end.
    ///
    /// # Errors
    /// When it cannot be written down; the next round tries again.
    pub(super) async fn compare_sources(
        &mut self,
        frontiers: &[Frontier],
        now: i64,
    ) -> Result<(), JournalError> {
        let watch = &self.setup.watch;
        if watch.also.is_empty() {
            return Ok(());
        }
        self.behind.see(&watch.documents().collect::<Vec<_>>(), frontiers);
        let window = i64::try_from(watch.pipeline.window.as_millis()).unwrap_or(i64::MAX);
        let limit = self.fleet.shortest_threshold().map_or(i64::MAX, |shortest| shortest.max(window));
        for lack in self.behind.lacking(limit, now) {
            let key = key(&lack.source);
            if self.behind.open.contains_key(&lack.source) {
                self.behind.doubts.goes_on(&key, now);
            } else {
                let mut event = words::lacks(&watch.name, &lack, now);
                let flapping = self.behind.doubts.flapping(&key, now);
                event.detail.extend(flapping.map(|flapping| format!(" {}", flapping.of_stall())));
                let change = Change::event(IncidentChange::Open(Subject::Pipeline), event);
                let opened = self.recorder.record(vec![change]).await?;
                self.behind.doubts.begins(&key, now);
                self.behind
                    .open
                    .extend(opened.first().copied().flatten().map(|opened| (lack.source, opened)));
            }
        }
        let over: Vec<String> =
            self.behind.open.keys().filter(|source| self.behind.has_all(source)).cloned().collect();
        for source in over {
            if self.behind.doubts.holds(&key(&source), now) {
                continue;
            }
            let event = words::lacks_nothing(&watch.name, &source, now);
            let Some(incident) = self.behind.open.get(&source) else { continue };
            self.recorder.record(vec![Change::event(IncidentChange::Close(*incident), event)]).await?;
            self.behind.open.remove(&source);
            self.behind.doubts.is_told(&key(&source));
        }
        let open = self.behind.open.iter().map(|(source, incident)| (key(source), *incident));
        let notes = self.behind.doubts.notes(open);
        if !notes.is_empty() {
            self.recorder.journal.write(move |connection| notes::write(connection, &notes)).await?;
            self.behind.doubts.are_noted();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn see(behind: &mut Behind, indexer: Option<i64>, file: Option<i64>) {
        let frontier = |(source, newest, other, there): (&str, _, &str, Option<i64>)| Frontier {
            source: source.to_owned(),
            newest,
            elsewhere: there.map(|there| (there, other.to_owned())),
            keeper: if source == "alerts" { Keeper::Manager } else { Keeper::Indexer },
        };
        let both = [("wazuh", indexer, "alerts", file), ("alerts", file, "wazuh", indexer)];
        behind.see(&["wazuh", "alerts"], &both.map(frontier));
    }

    #[test]
    fn a_source_lacks_what_another_one_has_had_for_long_and_not_what_is_on_its_way() {
        let mut behind = Behind::default();
        let lacking = |behind: &Behind, now| {
            behind.lacking(16, now).into_iter().map(|lack| lack.source).collect::<Vec<_>>()
        };
        see(&mut behind, Some(0), Some(10));
        see(&mut behind, Some(10), Some(40));
        assert_eq!(lacking(&behind, 41), [""; 0], "a fleet that logs rarely, and what is not indexed yet");
        see(&mut behind, None, Some(50));
        assert_eq!(lacking(&behind, 55), [""; 0]);
        assert_eq!((lacking(&behind, 56), behind.has_all("wazuh")), (vec!["wazuh".to_owned()], false));
        see(&mut behind, Some(45), Some(60));
        assert_eq!(lacking(&behind, 70), [""; 0], "late, but they come");
        see(&mut behind, Some(60), None);
        assert!(behind.has_all("wazuh"));
        see(&mut behind, Some(90), None);
        assert_eq!(lacking(&behind, 106), ["alerts"]);
    }

    #[test]
    fn after_a_restart_it_is_not_known_whether_it_is_over() {
        let mut behind = Behind::default();
        see(&mut behind, None, Some(50));
        assert!(!behind.has_all("wazuh") && behind.has_all("alerts"));
    }
}
