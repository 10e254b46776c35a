//! What the oracle must refuse: runs that it finds right, in which one thing is changed.

use std::sync::Arc;

use chrono::DateTime;
use log_monitor_channels::{Event, EventKind};

use super::agents::{TOO_FEW, about};
use super::truth::{SLACK, Truth, told_within};
use super::watched::{REMOVED, removed_by};
use crate::scenario::{Agent, HOUR, Pace, Scenario};
use crate::spans::Spans;
use crate::world::{self, Played, Told};

/// A run, and what was so.
struct Run {
    scenario: Arc<Scenario>,
    truth: Truth,
    played: Played,
}

impl Run {
    fn new(seed: u64) -> Self {
        let scenario = Arc::new(Scenario::new(seed, Pace::Fast));
        let played = world::play(&scenario);
        Self { truth: Truth::of(&scenario, &played.failed), scenario, played }
    }

    /// What the oracle says if this were what was told.
    fn judged(&self, mut told: Vec<Told>) -> Result<(), String> {
        told.sort_by_key(|told| told.at);
        super::judge(&self.scenario, &self.truth, &told, &[]).map_err(|wrong| wrong.what)
    }

    fn told(&self) -> &[Told] {
        &self.played.told
    }

    /// The event that ends what the `n`-th begins.
    fn end_of(&self, n: usize) -> Option<&Told> {
        let incident = self.told()[n].event.incident;
        self.told()[n..].iter().find(|told| told.event.incident == incident && told.event.kind.closes())
    }

    /// What is told when all of one incident is not.
    fn without(&self, incident: Option<i64>) -> Vec<Told> {
        self.told().iter().filter(|told| told.event.incident != incident).cloned().collect()
    }

    fn with(&self, more: impl IntoIterator<Item = Told>) -> Vec<Told> {
        self.told().iter().cloned().chain(more).collect()
    }

    /// What is told when the `n`-th is something else.
    fn but(&self, n: usize, other: Told) -> Vec<Told> {
        let mut told = self.told().to_vec();
        told[n] = other;
        told
    }

    /// The `n`-th, as if it were about another agent.
    fn of_other(&self, n: usize, other: usize) -> Told {
        let id = &self.scenario.agents[other].id;
        changed(&self.told()[n], |event| event.entity.as_mut().expect("an agent").id.clone_from(id))
    }

    /// A time at which the silence that the `n`-th begins should have been told long ago, and lasts.
    fn too_late(&self, n: usize) -> Option<i64> {
        let told = &self.told()[n];
        // What is told once more may be told by that.
        let same = |one: &&Told| {
            one.event.incident == told.event.incident && one.event.kind == EventKind::AgentSilent
        };
        let begins =
            told.event.kind == EventKind::AgentSilent && self.told().iter().filter(same).count() == 1;
        let place = about(&told.event).filter(|_| begins)?;
        let agent = &self.scenario.agents[place];
        let expected = &self.scenario.kind_of(agent).hours.expected;
        let must = self.truth.overdue[place]
            .and(&self.truth.good)
            .and(&self.truth.watched[place].surely)
            .and(expected);
        let must = must.after_the_first(told_within(&self.scenario, agent));
        let open = Spans::of([(told.at, self.end_of(n)?.at - 1)]);
        must.and(&open).iter().next().map(|(from, to)| (from + to) / 2)
    }

    /// Whether an agent logs, and nobody could think otherwise.
    fn logs(&self, place: usize, at: i64) -> bool {
        self.truth.watched[place].surely.contains(at)
            && !self.truth.overdue[place].touches(at - HOUR, at + HOUR)
    }
}

/// The same with something else in it.
fn changed(told: &Told, change: impl FnOnce(&mut Event)) -> Told {
    let mut event = Event::clone(&told.event);
    change(&mut event);
    Told { at: told.at, event: Arc::new(event) }
}

/// Told at that time, and an end of it told a second later.
fn pair(told: &Told, at: i64, kinds: [EventKind; 2]) -> [Told; 2] {
    let begun = changed(told, |event| (event.kind, event.incident) = (kinds[0], Some(i64::MAX)));
    let over = changed(&begun, |event| event.kind = kinds[1]);
    [Told { at, ..begun }, Told { at: at + 1000, ..over }]
}

type Mutation = fn(&Run, usize) -> Option<Vec<Told>>;

/// Each takes a run and the place of an event in it, and changes something about that if it can.
const MUTATIONS: [(&str, Mutation); 14] = [
    ("a silence is not told", |run, n| run.too_late(n).map(|_| run.without(run.told()[n].event.incident))),
    ("a silence is told too late", |run, n| {
        run.too_late(n).map(|at| run.but(n, Told { at, ..run.told()[n].clone() }))
    }),
    ("something is told twice", |run, n| {
        let known = !matches!(run.told()[n].event.kind, EventKind::ClockSkewed);
        known.then(|| run.with([run.told()[n].clone()]))
    }),
    ("an end is forgotten", |run, n| {
        let told = &run.told()[n];
        let place = about(&told.event)?;
        let long = told.at + 12 * HOUR < run.scenario.to && run.logs(place, told.at + 9 * HOUR);
        let mut left = run.told().to_vec();
        left.remove(n);
        (told.event.kind == EventKind::AgentRecovered && long).then_some(left)
    }),
    ("something is told of another agent", |run, n| {
        let other = (about(&run.told()[n].event)? + 1) % run.scenario.agents.len();
        run.end_of(n)?;
        Some(run.but(n, run.of_other(n, other)))
    }),
    ("a false silence is told", |run, n| {
        let at = run.told()[n].at;
        about(&run.told()[n].event)?;
        let other = (0..run.scenario.agents.len()).find(|place| run.logs(*place, at))?;
        let kinds = [EventKind::AgentSilent, EventKind::AgentRecovered];
        Some(run.with(pair(&run.of_other(n, other), at, kinds)))
    }),
    ("what gateways explain is told alone", |run, n| {
        let told = &run.told()[n];
        let whole = run.told().iter().find(|one| one.event.incident == told.event.part_of)?;
        let clear = about(&whole.event).is_some() && whole.at < told.at - SLACK;
        clear.then(|| run.but(n, changed(told, |event| event.part_of = None)))
    }),
    ("a silence names another last log", |run, n| {
        let told = &run.told()[n];
        about(&told.event)?;
        let stopped = told.event.cause != TOO_FEW && told.event.part_of.is_none();
        let since = told.event.since.filter(|_| stopped)?.timestamp_millis() - 1;
        Some(run.but(n, changed(told, |event| event.since = DateTime::from_timestamp_millis(since))))
    }),
    ("that too few logs come is not told", |run, n| {
        let told = &run.told()[n];
        let place = about(&told.event)?;
        let agent = &run.scenario.agents[place];
        let behind = run.scenario.gateways.as_ref().is_some_and(|gateways| gateways.are_before(agent));
        let lasts = told.at + 2 * told_within(&run.scenario, agent);
        let surely = run.truth.few[place].surely.and(&run.truth.good).and(&run.truth.watched[place].surely);
        let lasts = surely.end_of(told.at + SLACK).is_some_and(|end| end > lasts);
        (told.event.cause == TOO_FEW && lasts && !behind).then(|| run.without(told.event.incident))
    }),
    ("too few logs are told of who logs enough", |run, n| {
        let told = &run.told()[n];
        let logs =
            |place: &usize| run.logs(*place, told.at) && !run.truth.few[*place].perhaps.contains(told.at);
        let other = (0..run.scenario.agents.len()).find(logs)?;
        about(&told.event)?;
        let few = changed(&run.of_other(n, other), |event| TOO_FEW.clone_into(&mut event.cause));
        Some(run.with(pair(&few, told.at, [EventKind::AgentSilent, EventKind::AgentRecovered])))
    }),
    ("an end of too few logs is told too early", |run, n| {
        let told = &run.told()[n];
        let end = run.end_of(n)?;
        let surely = run.truth.few[about(&told.event)?].surely.gaps(told.at, end.at);
        let begins = told.event.kind == EventKind::AgentSilent && told.event.cause == TOO_FEW;
        let early = begins && end.event.cause == TOO_FEW && !surely.touches(told.at, told.at + 2 * SLACK);
        let place = run.told().iter().position(|one| std::ptr::eq(one, end))?;
        early.then(|| run.but(place, Told { at: told.at + SLACK, ..end.clone() }))
    }),
    ("that an agent stopped altogether is not told", |run, n| {
        let told = &run.told()[n];
        let before = run.told()[..n].iter().rfind(|one| one.event.incident == told.event.incident)?;
        let agent = &run.scenario.agents[about(&told.event)?];
        let expected = &run.scenario.kind_of(agent).hours.expected;
        let lasts = told.at + told_within(&run.scenario, agent);
        let calm = [expected, &run.truth.good, &run.truth.overdue[about(&told.event)?]];
        let calm = calm.iter().all(|spans| spans.end_of(told.at).is_some_and(|end| end > lasts));
        let around = told.at - 6 * HOUR..lasts;
        let stalls = |one: &Told| one.event.kind == EventKind::PipelineStalled && around.contains(&one.at);
        let skewed = run.scenario.clock.iter().any(|wrong| wrong.from < lasts && wrong.to > told.at - HOUR);
        let behind = run.scenario.gateways.as_ref().is_some_and(|gateways| gateways.are_before(agent));
        let calm = calm && !skewed && !behind && !run.told().iter().any(stalls);
        let more = told.event.kind == EventKind::AgentSilent && before.event.cause == TOO_FEW;
        let mut left = run.told().to_vec();
        left.remove(n);
        (more && before.event.part_of.is_none() && calm).then_some(left)
    }),
    ("a false outage of the source is told", |run, n| {
        let at = run.told()[n].at + HOUR;
        let good = run.truth.good.end_of(at - SLACK) > Some(at);
        good.then(|| run.with(pair(&run.told()[n], at, [EventKind::SourceDown, EventKind::SourceUp])))
    }),
    ("a false stall is told", |run, n| {
        let at = run.told()[n].at;
        let agents = run.scenario.agents.len();
        let logging = (0..agents).filter(|place| run.logs(*place, at)).count();
        let lately = (at - HOUR / 4)..(at + HOUR / 4);
        let silent = |told: &&Told| told.event.kind == EventKind::AgentSilent && lately.contains(&told.at);
        let calm = run.told().iter().filter(silent).count() < 5;
        let all = changed(&run.told()[n], |event| event.entity = None);
        let stall = pair(&all, at, [EventKind::PipelineStalled, EventKind::PipelineRecovered]);
        (calm && logging > agents * 2 / 3).then(|| run.with(stall))
    }),
];

/// The same, where agents are discovered.
const OF_LISTS: [(&str, Mutation); 4] = [
    ("a removal is not told", |run, n| {
        let mut left = run.told().to_vec();
        let told = left.remove(n);
        let known = |place: &usize| run.truth.watched[*place].removed + SLACK < run.scenario.to;
        removed_by(&told.event.detail).iter().any(known).then_some(left)
    }),
    ("a removal is told twice", |run, n| {
        run.told()[n].event.detail.contains(REMOVED).then(|| run.with([run.told()[n].clone()]))
    }),
    ("somebody on the list is told as removed", |run, n| {
        let told = &run.told()[n];
        let other = run.scenario.agents.iter().find(|agent| agent.removed_at() > told.at)?;
        let detail = format!("{REMOVED}is {} {}.", other.id, other.name());
        told.event.detail.contains(REMOVED).then(|| run.but(n, changed(told, |event| event.detail = detail)))
    }),
    ("who was removed is told as silent", |run, n| {
        let told = &run.told()[n];
        about(&told.event)?;
        let gone = |agent: &Agent| agent.removed_at() < told.at - HOUR;
        let gone = run.scenario.agents.iter().position(gone)?;
        let kinds = [EventKind::AgentSilent, EventKind::AgentUnwatched];
        Some(run.with(pair(&run.of_other(n, gone), told.at, kinds)))
    }),
];

#[test]
fn a_right_run_in_which_one_thing_is_changed_is_refused() {
    // Of the second and the last three a number of logs is expected.
    are_refused(&[0, 1, 2, 4, 10, 13].map(Run::new), &MUTATIONS);
}

#[test]
fn a_right_run_with_a_list_in_which_one_thing_is_changed_is_refused() {
    are_refused(&[3, 7, 11].map(Run::new), &OF_LISTS);
}

fn are_refused(runs: &[Run], mutations: &[(&str, Mutation)]) {
    for run in runs {
        assert_eq!(run.judged(run.told().to_vec()), Ok(()));
    }
    for (name, mutation) in mutations {
        let mut tried = 0;
        for run in runs {
            // From here and there in the run.
            let places = (0..run.told().len()).map(|n| n * 37 % run.told().len());
            let changed = places.filter_map(|n| Some((n, mutation(run, n)?)));
            for (n, told) in changed.take(5) {
                assert!(run.judged(told).is_err(), "{name}: {:?}", run.told()[n]);
                tried += 1;
            }
        }
        assert!(tried >= 3, "{name}: only {tried} times");
    }
}
