//! What is worth knowing of whoever is back.

use std::collections::{BTreeMap, HashMap};

use chrono::{DateTime, Utc};
use compact_str::CompactString;
use tokio::time::Instant;

use super::{Beside, in_time};
use crate::journal::entities::Logging;
use crate::journal::events::time;
use crate::journal::{incidents, past, spells};
use crate::monitor::Setup;
use crate::monitor::finding::Blind;
use crate::monitor::fleet::Fleet;
use crate::monitor::words::UNREADABLE;
use crate::record::Recorder;
use crate::source::{Entities, Heard, Query};

/// A gap is looked at in so many steps, of at least a minute; …
const STEPS: i64 = 200;

/// … and each of many in fewer, so that there are no more than this in all, …
const STEPS_IN_ALL: i64 = 20_000;

/// … but not in fewer than this.
const FEWEST_STEPS: i64 = 10;

/// A silence that is over, by the place of whoever was silent. Times in milliseconds.
struct Gap {
    at: usize,
    since: i64,
    /// The newest log.
    to: i64,
}

impl Beside {
    /// How those that are back logged all the same (who logged too little had no time without logs), when those
    /// that flap have logged in between, and when nobody looked meanwhile.
    pub(super) async fn recall(
        &mut self,
        setup: &Setup,
        recorder: &Recorder,
        back: &[(usize, i64, Option<i64>)],
        now: i64,
    ) {
        self.unseen.clear();
        let told: Vec<i64> = back.iter().map(|(_, incident, _)| *incident).collect();
        if told.is_empty() {
            return;
        }
        let from = back.iter().filter_map(|(.., since)| *since).min().unwrap_or(now);
        let sources: Vec<String> = setup.watch.documents().map(str::to_owned).collect();
        let read = move |connection: &_| {
            let known = |incident: &i64| {
                Ok((incidents::by_id(connection, *incident)?, spells::of(connection, *incident)?))
            };
            let sources = sources.iter().map(String::as_str);
            let unseen = past::unseen(connection, sources, UNREADABLE, (from, now))?;
            Ok((told.iter().map(known).collect::<rusqlite::Result<Vec<_>>>()?, unseen))
        };
        match recorder.journal.write(read).await {
            Ok((rows, unseen)) => {
                for ((at, ..), (row, logged)) in back.iter().zip(rows) {
                    let finding = self.findings.entry(*at).or_default();
                    finding.logging = row.map(|row| row.logging).unwrap_or_default();
                    finding.logged = logged;
                }
                self.unseen = unseen;
            }
            Err(error) => tracing::error!("cannot read why agents were told to be silent: {error}"),
        }
    }

    /// Of who stays away, each with its incident, those whose silence a gateway explained until it was back.
    pub(super) async fn recall_gateways(&mut self, recorder: &Recorder, left: Vec<(usize, i64)>) {
        if left.is_empty() {
            return;
        }
        let read = move |connection: &_| {
            let behind = |(at, incident): &(usize, i64)| {
                Ok((*at, incidents::is_part_of_agent(connection, *incident)?))
            };
            left.iter().map(behind).collect::<rusqlite::Result<Vec<_>>>()
        };
        match recorder.journal.write(read).await {
            Ok(known) => {
                for (at, behind) in known {
                    self.findings.entry(at).or_default().behind_gateway = behind;
                }
            }
            Err(error) => tracing::error!("cannot read what explained silences: {error}"),
        }
    }

    /// How long the silences that are over lasted, and how much of each is filled by now with what was not written
    /// while nobody looked: one question for all of about the same length.
    pub(super) async fn ask_for_gaps(
        &mut self,
        setup: &Setup,
        fleet: &Fleet,
        back: &[(usize, i64, Option<i64>)],
        until: Instant,
        now: DateTime<Utc>,
    ) {
        for (step, gaps) in by_step(self.gaps(fleet, back)) {
            let keys: Vec<&str> = gaps.iter().map(|gap| &*fleet.entities()[gap.at].key).collect();
            let from = gaps.iter().map(|gap| gap.since).min().unwrap_or_default();
            let query = Query { from: time(from), to: now, entities: Entities::Only(&keys) };
            let mut heard: HashMap<CompactString, Vec<Heard>> = HashMap::new();
            let all = match in_time(until, setup.source.history(&query, step)).await {
                Ok(all) => all,
                Err(error) => return tracing::debug!("cannot look up what arrived late: {error}"),
            };
            for one in all {
                heard.entry(one.key.clone()).or_default().push(one);
            }
            let poll = setup.watch.poll.as_millis() as i64;
            for (gap, key) in gaps.iter().zip(&keys) {
                let heard = heard.get(*key).map_or(&[][..], Vec::as_slice);
                let to = self.first_log(gap, heard, poll, fleet.flaps().back_since(gap.at));
                self.fill(gap, to, heard, step);
            }
        }
    }

    /// The silences that are over, each with its length in its finding, even if the source knows no more.
    fn gaps(&mut self, fleet: &Fleet, back: &[(usize, i64, Option<i64>)]) -> Vec<Gap> {
        let mut gaps = Vec::with_capacity(back.len());
        for (at, _, since) in back {
            let finding = self.findings.entry(*at).or_default();
            let ends = since.zip(fleet.entities()[*at].last_seen);
            let Some((since, to)) = ends.filter(|_| finding.logging != Logging::TooFew) else { continue };
            let back = fleet.flaps().back_since(*at).unwrap_or(to).min(to);
            finding.blind = Some(Blind::of(since, back, &finding.logged, None));
            gaps.push(Gap { at: *at, since, to });
        }
        gaps
    }

    /// When its silence was over, by what was heard of it from its last log on.
    fn first_log(&self, Gap { since, to, .. }: &Gap, heard: &[Heard], poll: i64, back: Option<i64>) -> i64 {
        // What came since the round before is no late arrival, but the end.
        let end = (to - 2 * poll).min(self.last_round.map_or(*to, |last| last - poll));
        let first = heard.iter().map(|heard| heard.newest).filter(|newest| *newest > end.max(*since));
        first.chain(back).min().unwrap_or(*to)
    }

    /// What was heard until it was over.
    fn fill(&mut self, gap: &Gap, to: i64, heard: &[Heard], step: i64) {
        // What was written while nobody looked may have been there at once.
        let is_seen = |at: i64| !self.unseen.iter().any(|(from, to)| (*from..=*to).contains(&at));
        let seen: Vec<Heard> = heard.iter().filter(|heard| is_seen(heard.newest)).cloned().collect();
        let finding = self.findings.entry(gap.at).or_default();
        let filled = Blind::filled(gap.since, to, &finding.logged, &seen, step);
        finding.blind = Some(Blind::of(gap.since, to, &finding.logged, Some(filled)));
    }
}

/// The gaps by the step in which they are looked at: a minute, or as often doubled as they are long.
fn by_step(gaps: Vec<Gap>) -> BTreeMap<i64, Vec<Gap>> {
    let most = i64::try_from(gaps.len().max(1)).map_or(FEWEST_STEPS, |gaps| STEPS_IN_ALL / gaps);
    let steps = most.clamp(FEWEST_STEPS, STEPS);
    let mut by_step: BTreeMap<i64, Vec<Gap>> = BTreeMap::new();
    for gap in gaps {
        let mut step = 60_000;
        while step * steps < gap.to - gap.since {
            step *= 2;
        }
        by_step.entry(step).or_default().push(gap);
    }
    by_step
}
