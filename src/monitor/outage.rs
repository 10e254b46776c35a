//! How long what made many silent together lasted, and how much of it is there by now.

use std::collections::BTreeMap;

use super::Monitor;
use super::finding::{Blind, arrived};
use super::fleet::Changed;
use super::pipeline::Sorted;
use super::words::span;
use crate::clock::written;
use crate::journal::events::time;
use crate::journal::incidents::Stall;
use crate::journal::past::{self, Silence};
use crate::journal::{JournalError, incidents};

/// A stall that is over. Times in milliseconds.
#[derive(Debug, Clone, PartialEq)]
pub struct Outage {
    /// The last log before it.
    pub from: i64,
    /// The first log of whoever was back last.
    pub to: i64,
    /// The part of the time in which its agents did not log of which logs arrived late, from 0 to 1;
    /// `None` = not known.
    pub late: Option<f64>,
}

impl Outage {
    /// From the silences that were its `parts`: those that ended before, and those that end at `now`.
    #[must_use]
    pub fn of<'b>(from: i64, before: &[Silence], ending: impl Iterator<Item = &'b Blind>, now: i64) -> Self {
        let ended = before.iter().filter_map(|part| Some((part.to?, part.to? - part.from, part.late)));
        let ending = ending.map(|blind| (blind.to, blind.silent, blind.filled));
        let parts: Vec<(i64, i64, Option<f64>)> = ended.chain(ending).collect();
        let known = || parts.iter().filter_map(|(_, long, late)| Some((*long as f64, (*late)?)));
        let all: f64 = known().map(|(long, _)| long).sum();
        let late = known().map(|(long, late)| long * late).sum::<f64>() / all;
        Self {
            from,
            to: parts.iter().map(|(to, ..)| *to).max().unwrap_or(now),
            late: (all > 0.0).then_some(late),
        }
    }

    /// For people: `It lasted from … to …, 2 h 34 min; 41 % of that time arrived late.`
    #[must_use]
    pub fn sentence(&self) -> String {
        let (from, to) = (written(time(self.from)), written(time(self.to)));
        format!("It lasted from {from} to {to}, {}{}.", span(self.to - self.from), arrived(self.late))
    }
}

impl Monitor {
    /// How long each stall that is over lasted.
    pub(super) async fn outages(
        &self,
        changed: &[Changed],
        sorted: &Sorted,
        now: i64,
    ) -> Result<BTreeMap<i64, Outage>, JournalError> {
        let over = sorted.over.iter().filter_map(|(common, _)| self.stalls.of(common));
        let over: Vec<Stall> = over.collect();
        if over.is_empty() {
            return Ok(BTreeMap::new());
        }
        let read = move |connection: &_| {
            let known = |stall: &Stall| {
                let since = incidents::by_id(connection, stall.incident)?.and_then(|row| row.since);
                Ok((
                    stall.incident,
                    since.unwrap_or(stall.opened),
                    past::ended_parts(connection, stall.incident)?,
                ))
            };
            over.iter().map(known).collect::<rusqlite::Result<Vec<_>>>()
        };
        let known = self.recorder.journal.write(read).await?;
        let outage = |(incident, since, before): (i64, i64, Vec<Silence>)| {
            let parts = changed.iter().filter(|changed| {
                let silence = self.fleet.entities()[changed.at].silence();
                silence.is_some_and(|silence| silence.part.whole() == Some(incident))
            });
            let ending = parts.filter_map(|part| self.beside.findings.get(&part.at)?.blind.as_ref());
            (incident, Outage::of(since, &before, ending, now))
        };
        Ok(known.into_iter().map(outage).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_767_226_200_000;
    const MINUTE: i64 = 60_000;

    #[test]
    fn an_outage_ends_with_the_last_of_its_agents_and_each_counts_as_long_as_it_was_silent() {
        let part = |minutes: i64, late| Silence {
            watch: "default".to_owned(),
            key: "001".to_owned(),
            label: String::new(),
            few: false,
            from: NOW,
            to: Some(NOW + minutes * MINUTE),
            late,
        };
        let last = Blind::of(NOW + 10 * MINUTE, NOW + 40 * MINUTE, &[], Some(1.0));
        let outage =
            Outage::of(NOW, &[part(10, Some(0.0)), part(20, None)], [&last].into_iter(), NOW + 99 * MINUTE);
        assert_eq!(
            outage.sentence(),
            "It lasted from 2026-01-01 00:10:00 UTC to 2026-01-01 00:50:00 UTC, 40 min; 75 % of that time arrived late."
        );
        let nobody = Outage::of(NOW, &[], std::iter::empty(), NOW + MINUTE);
        assert!(nobody.sentence().ends_with(", 1 min."), "{}", nobody.sentence());
    }
}
