//! Agents behind gateways: when too few of those work, nothing comes from them.

use fastrand::Rng;
use log_monitor::config::{Dependency, Quorum, matcher::Matcher};

use super::hours::without;
use super::{Agent, Kind, Scenario};
use crate::spans::Spans;

pub struct Gateways {
    /// Their places among the agents.
    pub places: Vec<usize>,
    pub quorum: Quorum,
    /// What the ids of those behind them begin with.
    letter: char,
    /// How those are: maintenance that leaves too few gateways is theirs, too.
    pub behind: Kind,
}

impl Gateways {
    /// Whether an agent is behind them.
    pub fn are_before(&self, agent: &Agent) -> bool {
        agent.id.starts_with(self.letter) && !self.places.contains(&Scenario::place(&agent.id))
    }

    pub fn dependency(&self, agents: &[Agent]) -> Dependency {
        let ids = self.places.iter().map(|place| agents[*place].id.clone()).collect();
        Dependency {
            matcher: Matcher::new([("id", vec![format!("{}*", self.letter)])]),
            on: Matcher::new([("id", ids)]),
            need: self.quorum,
        }
    }

    /// How many of them must work.
    fn need(&self) -> usize {
        match self.quorum {
            Quorum::All => self.places.len(),
            Quorum::Count(count) => count.min(self.places.len()),
            Quorum::Share(_) => self.places.len().div_ceil(2),
        }
    }

    /// Takes the maintenance of each kind of which they cannot do without out of the hours of those behind them.
    fn pause(&mut self, kinds: &[Kind], agents: &[Agent]) {
        for (number, kind) in kinds.iter().enumerate() {
            let left = self.places.iter().filter(|place| agents[**place].kind != number).count();
            if left < self.need() {
                self.behind.hours.expected = without(&self.behind.hours.expected, &kind.hours.paused);
            }
        }
    }

    /// When too few of them work, by when each does not.
    pub fn down<'a>(&self, broken: impl Iterator<Item = &'a Spans>) -> Spans {
        let need = self.need();
        let spans = broken.flat_map(Spans::iter);
        let mut steps: Vec<(i64, i32)> = spans.flat_map(|(from, to)| [(from, 1), (to, -1)]).collect();
        steps.sort_unstable();
        let (mut out, mut down) = (0, Vec::new());
        for (n, (at, step)) in steps.iter().enumerate() {
            out += step;
            let next = steps.get(n + 1).map_or(i64::MAX, |(next, _)| *next);
            if self.places.len() < need + out as usize {
                down.push((*at, next));
            }
        }
        Spans::of(down)
    }
}

/// Some of the agents become gateways, which stay on the list, and others are behind them.
pub fn gateways(scenario: &mut Scenario, rng: &mut Rng) -> Gateways {
    let quorum = [Quorum::All, Quorum::Count(1), Quorum::Share(0.5)][rng.usize(..3)];
    let count = rng.usize(1..5);
    let mut places: Vec<usize> = (0..count).map(|_| rng.usize(..scenario.agents.len())).collect();
    places.sort_unstable();
    places.dedup();
    let behind = scenario.kinds[rng.usize(..2)].clone();
    let mut gateways = Gateways { places, quorum, letter: behind.letter, behind };
    gateways.pause(&scenario.kinds, &scenario.agents);
    for outage in common_outages(scenario, rng) {
        for place in gateways.places.iter().filter(|_| rng.u8(0..5) > 0) {
            scenario.agents[*place].breaks(&Spans::of([outage]));
        }
    }
    let down = gateways.down(gateways.places.iter().map(|place| &scenario.agents[*place].outages));
    for (place, agent) in scenario.agents.iter_mut().enumerate() {
        if gateways.places.contains(&place) {
            agent.listed = Spans::of([(i64::MIN, i64::MAX)]);
        } else if gateways.are_before(agent) {
            agent.breaks(&down);
        }
    }
    gateways
}

/// For some times as long as agents may be quiet.
fn common_outages(scenario: &Scenario, rng: &mut Rng) -> Vec<(i64, i64)> {
    let threshold = scenario.kinds.iter().map(Kind::threshold).max().unwrap_or_default();
    let count = rng.usize(2..5);
    let outage = |_| {
        let begin = rng.i64(scenario.from..scenario.to);
        (begin, begin + rng.i64(threshold..5 * threshold))
    };
    (0..count).map(outage).collect()
}

impl Agent {
    /// It does not log then, either.
    pub(super) fn breaks(&mut self, outages: &Spans) {
        self.outages = self.outages.or(outages.iter());
        self.documents.retain(|document| !outages.contains(document.at));
    }
}
