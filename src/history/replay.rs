//! What a watch would have told of a history: the verdicts of the monitor, with the time of then.
//! Pure.
//!
//! Each round stands at the end of a step and knows all that was logged until then. What is silent in
//! the first round fell silent before, and is told by nobody.

use std::collections::BTreeMap;

use crate::config::{Pipeline, Watch};
use crate::journal::entities::{Part, Silence};
use crate::journal::incidents::Stall;
use crate::monitor::fleet::{Changed, Fleet, Outcome};
use crate::monitor::pipeline::{self, Begun, Common, Fate, Sorted};
use crate::monitor::verdict::Transition;
use crate::source::{Heard, Observation};

/// Something that would have been an incident. Times in milliseconds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// The agent's place in the fleet; `None` = a stall of the pipeline.
    pub agent: Option<usize>,
    /// What a stall's agents share.
    pub common: Option<Common>,
    /// The last log before; `None` = never seen.
    pub since: Option<i64>,
    /// When it would have been noticed.
    pub opened: i64,
    /// When a message would have told it; `None` = silent from the start, or told with a stall.
    pub told: Option<i64>,
    /// When it logged again; `None` = not within the history.
    pub back: Option<i64>,
    /// It comes again by itself within this after the message if that was false.
    pub patience: i64,
}

impl Found {
    /// Whether the message was false: whoever it was about logged again within one more interval.
    #[must_use]
    pub fn is_false(&self) -> bool {
        let soon = |told: i64| self.back.is_some_and(|back| back - told <= self.patience);
        self.told.is_some_and(soon)
    }
}

/// A watch in the past.
pub struct Replay {
    fleet: Fleet,
    limits: Pipeline,
    interval: i64,
    step: i64,
    /// The time of the next round.
    next: i64,
    stalls: BTreeMap<Common, Stall>,
    /// The number of an incident is its place.
    found: Vec<Found>,
}

impl Replay {
    /// A watch whose first round is at `from`, and then one each `step` milliseconds.
    #[must_use]
    pub fn new(watch: &Watch, fleet: Fleet, from: i64, step: i64) -> Self {
        let (limits, interval) = (watch.pipeline, millis(watch.interval));
        Self { fleet, limits, interval, step, next: from, stalls: BTreeMap::new(), found: Vec::new() }
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
        self.fleet.observe(&heard.iter().map(seen).collect::<Vec<_>>(), None, now);
    }

    /// One round, as the monitor makes it.
    fn round(&mut self, heard: &[Heard], now: i64) {
        self.see(heard, now);
        let mut suspects = self.fleet.take_due(now);
        suspects.extend(self.fleet.silent());
        self.fleet.watch_for_flapping(&suspects, now);
        let changed = self.fleet.judge(&suspects, now);
        let fell = changed.iter().any(|changed| !matches!(changed.transition, Transition::Recovered { .. }));
        let sorted = match fell || !self.stalls.is_empty() {
            true => pipeline::sort(&self.fleet, &changed, &self.stalls, &self.limits, now),
            false => Sorted::all_told(changed.len()),
        };
        self.open_stalls(&sorted, now);
        let outcomes: Vec<(usize, Outcome)> = changed
            .iter()
            .zip(&sorted.fates)
            .filter_map(|(changed, fate)| self.outcome(changed, fate, now))
            .collect();
        self.fleet.settle(&suspects, &outcomes, now);
        self.close_stalls(&sorted, now);
        let parts = pipeline::regroup(&self.fleet, &self.stalls, &self.limits, now);
        self.fleet.regroup(&parts);
    }

    fn open_stalls(&mut self, sorted: &Sorted, now: i64) {
        for Begun { common, tally, .. } in &sorted.stalled {
            let found = Found {
                agent: None,
                common: Some(common.clone()),
                since: tally.newest,
                opened: now,
                told: Some(now),
                back: None,
                patience: self.interval,
            };
            let incident = self.open(found);
            self.stalls.insert(common.clone(), Stall { incident, opened: now });
        }
    }

    fn close_stalls(&mut self, sorted: &Sorted, now: i64) {
        for (common, _) in &sorted.over {
            if let Some(stall) = self.stalls.remove(common) {
                self.found[place(stall.incident)].back = Some(now);
                self.fleet.set_free(stall.incident, now);
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
            (_, Transition::Recovered { incident, .. }) => {
                self.found[place(incident)].back = self.fleet.entities()[changed.at].last_seen;
                Outcome::Fresh
            }
            (Fate::PartOf(_) | Fate::DependsOn(_), Transition::StillSilent { .. }) => return None,
            (Fate::Told, Transition::StillSilent { incident }) => {
                let found = &mut self.found[place(incident)];
                found.told = Some(now);
                Outcome::Silent(Silence { incident, opened: found.opened, part: Part::Alone })
            }
            (fate, transition) => Outcome::Silent(self.fell_silent(changed.at, transition, fate, now)),
        };
        Some((changed.at, outcome))
    }

    fn fell_silent(&mut self, at: usize, transition: Transition, fate: &Fate, now: i64) -> Silence {
        let part = match fate {
            Fate::PartOf(common) => {
                self.stalls.get(common).map_or(Part::Alone, |stall| Part::Of(stall.incident))
            }
            Fate::DependsOn(incident) => Part::Of(*incident),
            Fate::Told | Fate::Waits => Part::Alone,
        };
        let told = (part == Part::Alone && transition == Transition::FellSilent).then_some(now);
        let entity = &self.fleet.entities()[at];
        let patience = millis(self.fleet.policy(entity).interval);
        let (since, agent) = (entity.last_seen, Some(at));
        let incident =
            self.open(Found { agent, common: None, since, opened: now, told, back: None, patience });
        Silence { incident, opened: now, part }
    }
}

fn place(incident: i64) -> usize {
    usize::try_from(incident).unwrap_or_default()
}

fn millis(duration: std::time::Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX / 4)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;
    use crate::monitor::fixtures::watch;

    const MINUTE: i64 = 60_000;
    /// Of [`watch`]: a quarter of an hour, and a minute of grace.
    const THRESHOLD: i64 = 16 * MINUTE;

    /// Plays what agents logged, at these minutes, with a round each minute from minute 0.
    fn played(logged: &[(&str, &[i64])], until: i64) -> Vec<Found> {
        let ids: Vec<&str> = logged.iter().map(|(id, _)| *id).collect();
        let watch = watch(&ids);
        let (fleet, _) = Fleet::new(&watch, Vec::new());
        let mut replay = Replay::new(&watch, fleet, 0, MINUTE);
        let of_one = |(id, minutes): &(&str, &[i64])| {
            let heard = |minute: &i64| Heard { key: (*id).into(), newest: minute * MINUTE - 1, count: 1 };
            minutes.iter().map(heard).collect::<Vec<_>>()
        };
        let mut heard: Vec<Heard> = logged.iter().flat_map(of_one).collect();
        heard.sort_by_key(|heard| heard.newest);
        // In two parts, as a long history comes.
        let half = heard.partition_point(|heard| heard.newest < until / 2 * MINUTE);
        replay.rounds(&heard[..half], until / 2 * MINUTE);
        replay.rounds(&heard[half..], until * MINUTE);
        replay.finish().1
    }

    /// Since, told and back, in minutes.
    fn minutes(found: &Found) -> [Option<i64>; 3] {
        let minutes = |at: Option<i64>| at.map(|at| (at + 1) / MINUTE);
        [minutes(found.since), minutes(found.told), minutes(found.back)]
    }

    #[test]
    fn known_gaps_fire_when_their_time_is_up_and_no_others_do() {
        let steady: Vec<i64> = (-20..=200).collect();
        let gaps: Vec<i64> = (-20..=200)
            .filter(|minute| {
                !(11..30).contains(minute) && !(51..66).contains(minute) && !(100..190).contains(minute)
            })
            .collect();
        let found = played(&[("001", &steady), ("002", &gaps)], 200);
        let shown: Vec<_> = found.iter().map(minutes).collect();
        assert_eq!(shown, [[Some(10), Some(26), Some(30)], [Some(99), Some(115), Some(190)]]);
        assert_eq!(found.iter().map(Found::is_false).collect::<Vec<_>>(), [true, false]);
    }

    #[test]
    fn who_is_silent_from_the_start_is_told_by_nobody() {
        let found = played(&[("001", &[-30, 50]), ("002", &[])], 60);
        assert_eq!(
            found.iter().map(minutes).collect::<Vec<_>>(),
            [[Some(-30), None, Some(50)], [None, None, None]]
        );
        assert!(!found[0].is_false());
    }

    #[test]
    fn all_at_once_are_one_stall_and_who_stays_away_is_told_afterwards() {
        let stopped: Vec<i64> = (-5..=10).chain(60..=120).collect();
        let lost: Vec<i64> = (-5..=10).collect();
        let ids = ["001", "002", "003", "004", "005"];
        let mut logged: Vec<(&str, &[i64])> = ids.iter().map(|id| (*id, &stopped[..])).collect();
        logged.push(("006", &lost));
        let found = played(&logged, 120);
        let told: Vec<&Found> = found.iter().filter(|found| found.told.is_some()).collect();
        assert_eq!((told.len(), found.len()), (2, 7));
        assert_eq!(told[0].common, Some(Common::Watch));
        assert_eq!(minutes(told[0])[1..], [Some(26), Some(60)]);
        // A threshold after the others came back.
        assert_eq!((told[1].agent, minutes(told[1])), (Some(5), [Some(10), Some(76), None]));
    }

    proptest! {
        /// Two agents are too few for a stall, so that each gap stands for itself.
        #[test]
        fn exactly_the_gaps_that_last_longer_than_allowed_fire(
            logged in prop::collection::vec(prop::collection::btree_set(1_i64..600, 0..80), 2),
        ) {
            let ids = ["001", "002"];
            let logged: Vec<Vec<i64>> = logged.iter().map(|own: &BTreeSet<i64>| [0].into_iter().chain(own.iter().copied()).collect()).collect();
            let pairs: Vec<(&str, &[i64])> = ids.iter().copied().zip(logged.iter().map(Vec::as_slice)).collect();
            let found = played(&pairs, 600);
            let mut fired: Vec<(usize, i64, Option<i64>)> = found
                .iter()
                .map(|found| (found.agent.unwrap(), minutes(found)[0].unwrap(), minutes(found)[2]))
                .collect();
            fired.sort_unstable();
            let mut expected = Vec::new();
            for (at, own) in logged.iter().enumerate() {
                for (before, after) in own.iter().zip(own.iter().skip(1).map(Some).chain([None])) {
                    // A log comes a millisecond before the round that first knows it.
                    let quiet = after.unwrap_or(&600) * MINUTE - (before * MINUTE - 1);
                    let rounds = if after.is_some() { quiet - MINUTE } else { quiet };
                    if rounds >= THRESHOLD {
                        expected.push((at, *before, after.copied()));
                    }
                }
            }
            // From its third silence in short time on an agent flaps, and its end is believed later.
            let first_two = |gaps: &[(usize, i64, Option<i64>)]| -> Vec<_> {
                let of = |at: usize| gaps.iter().filter(move |gap| gap.0 == at).take(2);
                of(0).chain(of(1)).copied().collect()
            };
            prop_assert_eq!(first_two(&fired), first_two(&expected));
        }
    }
}
