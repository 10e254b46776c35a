//! What a round concludes from the answers, and writes down in one transaction.

use chrono::{DateTime, TimeDelta, Utc};

use super::Monitor;
use super::fleet::{self, Outcome};
use super::gather::Gathered;
use super::pipeline::{self, Sorted};
use super::round::Round;
use super::source_health::Asked;
use super::verdict::{State, Transition};
use crate::journal::{JournalError, events, quiet};
use crate::source::SourceError;

impl Monitor {
    /// Judges what was answered, and notes how the source is.
    pub(super) async fn conclude(
        &mut self,
        now: DateTime<Utc>,
        answered: Result<Gathered, SourceError>,
    ) -> Result<(), SourceError> {
        let entities = self.fleet.entities().len();
        if let Err(error) = &answered {
            tracing::warn!("watch {}: {error}", self.setup.watch.name);
        }
        if let Err(error) = self.tell_health(answered.as_ref().err(), entities).await {
            tracing::error!("watch {}: {error}", self.setup.watch.name);
        }
        self.beside.tell(&self.recorder, &self.health, &self.setup, entities).await;
        if let Err(error) = self.beside.tell_of_skew(&self.recorder, &self.setup, &self.fleet).await {
            tracing::error!("watch {}: {error}", self.setup.watch.name);
        }
        let Gathered { suspects, looked, frontiers } = answered?;
        if self.clock_guard.doubts() && self.follows_the_clock() {
            // By the new time: the next round looks over the whole threshold first.
            self.looked = None;
            self.last_round = Some(events::millis(self.recorder.clock.now()));
            return Ok(());
        }
        self.catching_up = self.was_away(looked.until);
        if let Err(error) = self.write_down(&suspects, events::millis(now)).await {
            // Nothing was written, so nothing has changed: the next round judges them again.
            tracing::error!("watch {}: {error}", self.setup.watch.name);
            self.fleet.put_back(&self.not_silent(&suspects), events::millis(now));
        }
        (self.looked, self.last_round) = (Some(looked), Some(looked.until));
        self.log_lag();
        if let Err(error) = self.compare_sources(&frontiers, events::millis(now)).await {
            tracing::error!("watch {}: {error}", self.setup.watch.name);
        }
        if let Err(error) = self.keep_quiet(events::millis(now)).await {
            tracing::error!("watch {}: {error}", self.setup.watch.name);
        }
        self.checkpoint_if_due(now).await;
        self.took = TimeDelta::from_std(self.began.elapsed()).unwrap_or_default();
        Ok(())
    }

    /// Whether the sources of documents answered this time.
    async fn tell_health(&self, error: Option<&SourceError>, agents: usize) -> Result<(), JournalError> {
        let watch = &self.setup.watch;
        let asker = (watch.name.as_str(), Asked::Documents);
        for source in watch.documents() {
            let failed = error.and_then(|error| error.by(&watch.source).find(|(name, _)| *name == source));
            match failed {
                None => self.health.good(&self.recorder, source, asker).await?,
                Some((_, error)) => {
                    self.health.failed(&self.recorder, source, asker, error, agents).await?;
                }
            }
        }
        Ok(())
    }

    /// Whether the documents of the last rounds follow the clock as it was set; then it is in force.
    fn follows_the_clock(&mut self) -> bool {
        let wall = events::millis(self.recorder.clock.now());
        // It may have been set right while the source was asked.
        let believed = self.clock_guard.judging_time(wall);
        if !self.clock_guard.doubts() {
            return false;
        }
        let recent = wall.min(believed) - self.setup.watch.poll.as_millis() as i64 * 2;
        let convinced = self.clock_guard.convinced(&self.fleet.fresh_since(recent), wall);
        if convinced {
            self.fleet.set_clock(wall);
        }
        convinced
    }

    fn not_silent(&self, suspects: &[usize]) -> Vec<usize> {
        let silent = |at: &usize| matches!(self.fleet.entities()[*at].state, State::Silent { .. });
        suspects.iter().copied().filter(|at| !silent(at)).collect()
    }

    /// Judges the suspects and writes down what changed, in one transaction.
    async fn write_down(&mut self, suspects: &[usize], now: i64) -> Result<(), JournalError> {
        let changed = self.fleet.judge(suspects, now);
        // After a gap who is back is told at once, and who is silent by the next round.
        let is_back = |changed: &fleet::Changed| matches!(changed.transition, Transition::Recovered { .. });
        let (changed, held): (Vec<_>, Vec<_>) =
            changed.into_iter().partition(|changed| !self.catching_up || is_back(changed));
        let fell = !changed.iter().all(is_back);
        let mut sorted = match fell || !self.stalls.is_empty() {
            true => pipeline::sort(&self.fleet, &changed, &self.stalls.open, &self.setup.watch.pipeline, now),
            false => Sorted::all_told(changed.len()),
        };
        for incident in self.stalls.doubt(&mut sorted, now) {
            self.fleet.set_free(incident, now);
        }
        let outages = self.outages(&changed, &sorted, now).await?;
        let round = Round {
            setup: &self.setup,
            fleet: &self.fleet,
            findings: &self.beside.findings,
            stalls: &self.stalls,
            outages: &outages,
            now,
        };
        let changes = round.changes(&changed, &sorted);
        let incidents = match changes.is_empty() {
            true => Vec::new(),
            false => self.recorder.record(changes).await?,
        };
        let mut outcomes = round.outcomes(&changed, &sorted, &incidents);
        let new_stalls = round.of_stalls(&sorted, &incidents).to_vec();
        outcomes.extend(held.iter().map(|held| (held.at, Outcome::Later(now))));
        self.fleet.settle(suspects, &outcomes, now);
        self.take_stalls(&sorted, &new_stalls, now);
        if let Err(error) = self.take_notes(now).await {
            tracing::error!("watch {}: {error}", self.setup.watch.name);
        }
        Ok(())
    }

    fn take_stalls(&mut self, sorted: &Sorted, new: &[Option<i64>], now: i64) {
        for (common, _) in &sorted.over {
            if let Some(incident) = self.stalls.end(common) {
                self.fleet.set_free(incident, now);
            }
        }
        for (begun, incident) in sorted.stalled.iter().zip(new) {
            incident.iter().for_each(|incident| self.stalls.begin(begun, *incident, now));
        }
        sorted.worse.iter().for_each(|worse| self.stalls.worsen(&worse.common, now));
    }

    /// Writes down when nothing is to be said of which silences, where that has changed.
    async fn keep_quiet(&mut self, now: i64) -> Result<(), JournalError> {
        let stalls = self.stalls.incidents().map(|(_, incident)| incident);
        let quiet = self.maintenance.quiet(&self.fleet, stalls, now);
        if self.quiet.as_ref() == Some(&quiet) {
            return Ok(());
        }
        let (watch, all) = (self.setup.watch.name.clone(), quiet.values().cloned().collect::<Vec<_>>());
        self.recorder.journal.write(move |connection| quiet::replace(connection, &watch, &all)).await?;
        self.quiet = Some(quiet);
        Ok(())
    }
}
