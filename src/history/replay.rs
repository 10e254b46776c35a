//! What a watch would have told of a history: the verdicts of the monitor, with the time of then.
//! Pure.
//!
//! Each round stands at the end of a step and knows all that was logged until then. What is silent in
//! the first round fell silent before, and is told by nobody.

use super::counts::Counts;
use crate::config::{Pipeline, Watch};
use crate::journal::entities::{Logging, Part, Silence};
use crate::monitor::fleet::{Changed, Fleet, Outcome};
use crate::monitor::pipeline::{self, Doubts, Fate, Sorted, Stalls};
use crate::monitor::verdict::{State, Transition};
use crate::source::{Heard, Observation};

mod found;

pub use found::Found;

/// A watch in the past.
pub struct Replay {
    fleet: Fleet,
    limits: Pipeline,
    interval: i64,
    step: i64,
    /// The time of the next round.
    next: i64,
    stalls: Stalls,
    counts: Counts,
    /// The number of an incident is its place.
    found: Vec<Found>,
}

impl Replay {
    /// A watch whose first round is at `from`, and then one each `step` milliseconds.
    #[must_use]
    pub fn new(watch: &Watch, fleet: Fleet, from: i64, step: i64) -> Self {
        let doubts = Doubts::new(&[], &[], fleet.shortest_threshold().unwrap_or_default());
        Self {
            fleet,
            limits: watch.pipeline,
            interval: millis(watch.interval),
            step,
            next: from,
            stalls: Stalls::new(std::iter::empty(), doubts),
            counts: Counts::default(),
            found: Vec::new(),
        }
    }

    /// All rounds up to `until`, of which `heard` tells what was logged before, in order of time.
    pub fn rounds(&mut self, mut heard: &[Heard], until: i64) {
        while self.next <= until {
            let (new, later) = heard.split_at(heard.partition_point(|heard| heard.newest < self.next));
            self.round(new, self.next);
            (heard, self.next) = (later, self.next + self.step);
        }
        self.see(heard, until);
    }

    /// The fleet as it is now, and what was found.
    #[must_use]
    pub fn finish(self) -> (Fleet, Vec<Found>) {
        (self.fleet, self.found)
    }

    fn see(&mut self, heard: &[Heard], now: i64) {
        let seen = |heard: &Heard| Observation { key: heard.key.clone(), last_seen: heard.newest };
        self.fleet.observe(&heard.iter().map(seen).collect::<Vec<_>>(), None, now, now);
        self.counts.hear(&self.fleet, heard);
    }

    /// One round, as the monitor makes it.
    fn round(&mut self, heard: &[Heard], now: i64) {
        self.see(heard, now);
        self.counts.tell(&mut self.fleet, self.step, now);
        let mut suspects = self.fleet.take_due(now);
        suspects.extend(self.fleet.take_thin(now));
        suspects.extend(self.fleet.silent());
        self.fleet.watch_for_flapping(&suspects, now);
        self.note_returns(&suspects);
        let changed = self.fleet.judge(&suspects, now);
        let fell = changed.iter().any(|changed| !matches!(changed.transition, Transition::Recovered { .. }));
        let mut sorted = match fell || !self.stalls.is_empty() {
            true => pipeline::sort(&self.fleet, &changed, &self.stalls.open, &self.limits, now),
            false => Sorted::all_told(changed.len()),
        };
        for incident in self.stalls.doubt(&mut sorted, now) {
            self.found[place(incident)].back.get_or_insert(now);
            self.fleet.set_free(incident, now);
        }
        self.open_stalls(&sorted, now);
        let outcomes: Vec<(usize, Outcome)> = changed
            .iter()
            .zip(&sorted.fates)
            .filter_map(|(changed, fate)| self.outcome(changed, fate, now))
            .collect();
        self.fleet.settle(&suspects, &outcomes, now);
        self.close_stalls(&sorted, now);
        let parts = pipeline::regroup(&self.fleet, &self.stalls.open, &self.limits, now);
        self.fleet.regroup(&parts);
    }

    /// Whoever logs again is back from its first log on, even where its end is not believed yet.
    fn note_returns(&mut self, suspects: &[usize]) {
        for at in suspects {
            if let State::Silent { silence, .. } = self.fleet.entities()[*at].state
                && let Some(since) = self.fleet.flaps().back_since(*at)
            {
                self.found[place(silence.incident)].back.get_or_insert(since);
            }
        }
    }

    fn open_stalls(&mut self, sorted: &Sorted, now: i64) {
        for begun in &sorted.stalled {
            let fell = |at: &usize| self.fleet.entities()[*at].state != State::New;
            let found = Found {
                agent: None,
                common: Some(begun.common.clone()),
                since: begun.tally.newest,
                opened: now,
                told: begun.lost.iter().any(fell).then_some(now),
                back: None,
                few: begun.tally.logging_of_lost() == Logging::TooFew,
                stopped: false,
                patience: self.interval,
            };
            let incident = self.open(found);
            self.stalls.begin(begun, incident, now);
        }
        for worse in &sorted.worse {
            if let Some(stall) = self.stalls.of(&worse.common) {
                self.found[place(stall.incident)].stopped = true;
                self.stalls.worsen(&worse.common, now);
            }
        }
    }

    fn close_stalls(&mut self, sorted: &Sorted, now: i64) {
        for (common, _) in &sorted.over {
            if let Some(incident) = self.stalls.end(common) {
                self.found[place(incident)].back.get_or_insert(now);
                self.fleet.set_free(incident, now);
            }
        }
    }

    fn open(&mut self, found: Found) -> i64 {
        self.found.push(found);
        i64::try_from(self.found.len() - 1).unwrap_or(i64::MAX)
    }

    /// What becomes of an agent that changed, and of its incident.
    fn outcome(&mut self, changed: &Changed, fate: &Fate, now: i64) -> Option<(usize, Outcome)> {
        let outcome = match (fate, changed.transition) {
            (Fate::Waits, _) => Outcome::Later(now + self.step),
            (_, Transition::Recovered { .. }) => Outcome::Fresh,
            (Fate::PartOf(_) | Fate::DependsOn(_), Transition::StillSilent { .. }) => return None,
            (fate, Transition::Stopped { incident }) => {
                Outcome::Silent(self.stopped(changed.at, incident, fate, now))
            }
            (Fate::Told, Transition::StillSilent { incident }) => {
                Outcome::Silent(self.still_silent(changed.at, incident, now))
            }
            (fate, transition) => Outcome::Silent(self.fell_silent(changed.at, transition, fate, now)),
        };
        Some((changed.at, outcome))
    }

    /// How it logs all the same.
    fn logging(&self, at: usize, now: i64) -> Logging {
        self.fleet.own_cause(at, now).unwrap_or_default().logging()
    }

    /// Whoever was part of a stall, and is told by itself.
    fn still_silent(&mut self, at: usize, incident: i64, now: i64) -> Silence {
        let logging = self.logging(at, now);
        let found = &mut self.found[place(incident)];
        found.back = None;
        if found.few && logging == Logging::No {
            return self.stopped(at, incident, &Fate::Told, now);
        }
        found.told = Some(now);
        Silence { incident, opened: found.opened, worsened: None, part: Part::Alone, logging }
    }

    /// Whoever logged too little until its last log, and does not log at all since then.
    fn stopped(&mut self, at: usize, incident: i64, fate: &Fate, now: i64) -> Silence {
        let since = self.fleet.entities()[at].last_seen;
        let part = self.part(fate);
        let told = (part == Part::Alone).then_some(now);
        let logged = &mut self.found[place(incident)];
        let opened = logged.opened;
        let silent = Found { since, opened: now, told, back: None, few: false, ..logged.clone() };
        logged.stopped = true;
        let incident = self.open(silent);
        Silence { incident, opened, worsened: Some(now), part, logging: Logging::No }
    }

    fn part(&self, fate: &Fate) -> Part {
        match fate {
            Fate::PartOf(common) => {
                self.stalls.of(common).map_or(Part::Alone, |stall| Part::Of(stall.incident))
            }
            Fate::DependsOn(incident) => Part::Of(*incident),
            Fate::Told | Fate::Waits => Part::Alone,
        }
    }

    fn fell_silent(&mut self, at: usize, transition: Transition, fate: &Fate, now: i64) -> Silence {
        let part = self.part(fate);
        let told = (part == Part::Alone && transition == Transition::FellSilent).then_some(now);
        let entity = &self.fleet.entities()[at];
        let patience = millis(self.fleet.policy(entity).interval);
        let (since, agent) = (entity.last_seen, Some(at));
        let logging = self.logging(at, now);
        let few = logging == Logging::TooFew;
        let incident = self.open(Found {
            agent,
            common: None,
            since,
            opened: now,
            told,
            back: None,
            few,
            stopped: false,
            patience,
        });
        Silence { incident, opened: now, worsened: None, part, logging }
    }
}

fn place(incident: i64) -> usize {
    usize::try_from(incident).unwrap_or_default()
}

fn millis(duration: std::time::Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX / 4)
}

#[cfg(test)]
mod tests;
