//! What is worth knowing of whoever is back.

use chrono::{DateTime, Utc};

use super::{Beside, patiently};
use crate::journal::entities::Logging;
use crate::journal::events::time;
use crate::journal::{incidents, spells};
use crate::monitor::Setup;
use crate::monitor::finding::Blind;
use crate::monitor::fleet::Fleet;
use crate::record::Recorder;
use crate::source::{Entities, Query};

/// A gap is looked at in so many steps, of at least a minute.
const STEPS: i64 = 200;

impl Beside {
    /// Who of those that are back was told to log too little: there was no time without logs; and when
    /// those that flap have logged in between.
    pub(super) async fn recall(&mut self, recorder: &Recorder, back: &[(usize, i64, Option<i64>)]) {
        let told: Vec<i64> = back.iter().map(|(_, incident, _)| *incident).collect();
        if told.is_empty() {
            return;
        }
        let read = move |connection: &_| {
            let known = |incident: &i64| {
                Ok((incidents::by_id(connection, *incident)?, spells::of(connection, *incident)?))
            };
            told.iter().map(known).collect::<rusqlite::Result<Vec<_>>>()
        };
        match recorder.journal.write(read).await {
            Ok(rows) => {
                for ((at, ..), (row, logged)) in back.iter().zip(rows) {
                    let finding = self.findings.entry(*at).or_default();
                    finding.logged_too_little = row.is_some_and(|row| row.logging == Logging::TooFew);
                    finding.logged = logged;
                }
            }
            Err(error) => tracing::error!("cannot read why agents were told to be silent: {error}"),
        }
    }

    /// How much of the silences that are over is filled by now.
    pub(super) async fn ask_for_gaps(
        &mut self,
        setup: &Setup,
        fleet: &Fleet,
        back: &[(usize, i64, Option<i64>)],
        now: DateTime<Utc>,
    ) {
        for (at, _, since) in back {
            let ends = since.as_ref().zip(fleet.entities()[*at].last_seen);
            let few = self.findings.get(at).is_some_and(|finding| finding.logged_too_little);
            let Some((since, to)) = ends.filter(|_| !few) else { continue };
            let step = ((to - since) / STEPS).max(60_000);
            let key: &str = &fleet.entities()[*at].key;
            let query = Query { from: time(*since), to: now, entities: Entities::Only(&[key]) };
            match patiently(setup.source.history(&query, step)).await {
                Ok(heard) => {
                    // What came since the round before is no late arrival, but the end.
                    let poll = setup.watch.poll.as_millis() as i64;
                    let end = (to - 2 * poll).min(self.last_round.map_or(to, |last| last - poll));
                    let first =
                        heard.iter().map(|heard| heard.newest).filter(|newest| *newest > end.max(*since));
                    let to = first.chain(fleet.flaps().back_since(*at)).min().unwrap_or(to);
                    let finding = self.findings.entry(*at).or_default();
                    finding.blind = Some(Blind::of(*since, to, &finding.logged, &heard, step));
                }
                Err(error) => return tracing::debug!("cannot look up what arrived late: {error}"),
            }
        }
    }
}
