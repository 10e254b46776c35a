//! What a watch would have told of a history: the verdicts of the monitor, with the time of then.
//! Pure.
//!
//! Each round stands at the end of a step and knows all that was logged until then. What is silent in
//! the first round fell silent before, and is told by nobody.

use std::collections::BTreeMap;

use super::counts::Counts;
use crate::config::{Pipeline, Watch};
use crate::journal::entities::{Part, Silence};
use crate::journal::incidents::Stall;
use crate::monitor::cause::Cause;
use crate::monitor::fleet::{Changed, Fleet, Outcome};
use crate::monitor::pipeline::{self, Begun, Common, Fate, Sorted};
use crate::monitor::verdict::{State, Transition};
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
    /// Its first log after that; `None` = not within the history.
    pub back: Option<i64>,
    /// It was not silent, but logged less than `min_events`.
    pub few: bool,
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
    counts: Counts,
    /// The number of an incident is its place.
    found: Vec<Found>,
}

impl Replay {
    /// A watch whose first round is at `from`, and then one each `step` milliseconds.
    #[must_use]
    pub fn new(watch: &Watch, fleet: Fleet, from: i64, step: i64) -> Self {
        Self {
            fleet,
            limits: watch.pipeline,
            interval: millis(watch.interval),
            step,
            next: from,
            stalls: BTreeMap::new(),
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
        self.counts.tell(&mut self.fleet, now);
        let mut suspects = self.fleet.take_due(now);
        suspects.extend(self.fleet.take_thin(now));
        suspects.extend(self.fleet.silent());
        self.fleet.watch_for_flapping(&suspects, now);
        self.note_returns(&suspects);
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
        for Begun { common, tally, .. } in &sorted.stalled {
            let found = Found {
                agent: None,
                common: Some(common.clone()),
                since: tally.newest,
                opened: now,
                told: Some(now),
                back: None,
                few: false,
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
            (_, Transition::Recovered { .. }) => Outcome::Fresh,
            (Fate::PartOf(_) | Fate::DependsOn(_), Transition::StillSilent { .. }) => return None,
            (Fate::Told, Transition::StillSilent { incident }) => {
                let found = &mut self.found[place(incident)];
                (found.told, found.back) = (Some(now), None);
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
        let few = matches!(self.fleet.own_cause(at, now), Some(Cause::TooFew { .. }));
        let found = Found { agent, common: None, since, opened: now, told, back: None, few, patience };
        let incident = self.open(found);
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

    #[test]
    fn who_flaps_is_back_from_its_first_log_on_although_its_end_is_believed_later() {
        let quiet = [11..30, 41..60, 71..90, 91..110];
        let flaps: Vec<i64> =
            (-20..=112).filter(|minute| !quiet.iter().any(|quiet| quiet.contains(minute))).collect();
        let found = played(&[("001", &flaps)], 112);
        let shown: Vec<_> = found.iter().map(minutes).collect();
        // The third end is doubted for 16 minutes: what comes in them is part of it.
        assert_eq!(shown[..2], [[Some(10), Some(26), Some(30)], [Some(40), Some(56), Some(60)]]);
        assert_eq!(shown[2..], [[Some(70), Some(86), Some(90)]]);
    }

    #[test]
    fn too_few_logs_are_told_as_the_monitor_tells_them() {
        let mut watch = watch(&["001", "002"]);
        watch.min_events = Some(30);
        let (fleet, _) = Fleet::new(&watch, Vec::new());
        let mut replay = Replay::new(&watch, fleet, 0, MINUTE);
        // Four a minute; from 50 to 79 one a minute; 002 always.
        let count = |id: &str, minute: i64| if id == "001" && (50..80).contains(&minute) { 1 } else { 4 };
        let log = |minute: i64| {
            ["001", "002"].map(|id| Heard {
                key: id.into(),
                newest: minute * MINUTE - 1,
                count: count(id, minute),
            })
        };
        let heard: Vec<Heard> = (-20..=120).flat_map(log).collect();
        replay.rounds(&heard, 120 * MINUTE);
        let (_, found) = replay.finish();
        let shown: Vec<_> = found.iter().map(|found| (found.agent, found.few, minutes(found))).collect();
        // From 61 to 84 they are under 30 in the quarter of an hour until a minute ago; they are counted
        // every other minute.
        assert_eq!(shown, [(Some(0), true, [Some(62), Some(62), Some(86)])]);
    }

    /// What should be told of an agent of [`watch`], which may be quiet for 16 minutes, that logged in
    /// these minutes up to minute 600: since when, and when it was back.
    fn told_of(logged: &[i64]) -> Vec<(i64, Option<i64>)> {
        let (mut told, mut fell, mut open, mut back_since) = (Vec::new(), Vec::new(), false, 0);
        for (before, after) in logged.iter().zip(logged.iter().skip(1).map(Some).chain([None])) {
            // A log is known from the round of its own minute on.
            let last_round = after.map_or(600, |after| after - 1);
            if last_round - before >= 16 {
                fell.push(before + 16);
                if !open {
                    told.push((*before, after.copied()));
                }
                (open, back_since) = (true, *after.unwrap_or(&0));
            }
            let lately = fell.iter().filter(|fell| **fell >= back_since - 8 * 16).count();
            let hold = if lately < 3 { 0 } else { (16 << (lately - 3)).min(360) };
            open &= after.is_some_and(|after| after - back_since < hold);
        }
        told
    }

    proptest! {
        /// Two agents are too few for a stall, so that each gap stands for itself.
        #[test]
        fn exactly_the_gaps_that_last_longer_than_allowed_fire(
            logged in prop::collection::vec(prop::collection::btree_set(1_i64..600, 0..80), 2),
        ) {
            let of_one = |own: &BTreeSet<i64>| [0].into_iter().chain(own.iter().copied()).collect();
            let logged: Vec<Vec<i64>> = logged.iter().map(of_one).collect();
            let found = played(&[("001", &logged[0]), ("002", &logged[1])], 600);
            for (at, own) in logged.iter().enumerate() {
                let of_agent = found.iter().filter(|found| found.agent == Some(at)).map(minutes);
                let fired: Vec<_> = of_agent.map(|[since, _, back]| (since.unwrap(), back)).collect();
                prop_assert_eq!(fired, told_of(own));
            }
        }
    }
}
