//! What was so, from the scenario alone.

use super::volume::TooFew;
use super::watched::Watched;
use crate::scenario::{Agent, MINUTE, SECOND, Scenario};
use crate::spans::Spans;

/// A source that refuses is asked again after this, or after `poll` if that is longer.
const REFUSED: i64 = 30 * SECOND;

/// A round has some questions, each of which takes some seconds; asking again takes some more, and
/// deadlines share rounds.
pub const SLACK: i64 = 25 * SECOND;

/// Verdicts wait no longer than this while the pipeline is in doubt.
const DOUBT: i64 = 30 * MINUTE;

pub struct Truth {
    /// When log-monitor runs.
    pub up: Spans,
    /// When it runs and its source answers. What is asked in a moment that is not within fails.
    pub good: Spans,
    /// When each agent is watched.
    pub watched: Vec<Watched>,
    /// When each agent has been quiet for too long, as far as can be seen in the index.
    pub overdue: Vec<Spans>,
    /// When each logs less than it should.
    pub few: Vec<TooFew>,
}

impl Truth {
    pub fn of(scenario: &Scenario, failed: &[i64]) -> Self {
        let (from, to) = (scenario.from, scenario.to);
        let up = Spans::of(scenario.down.iter().map(|down| (down.from, down.to))).gaps(from, to);
        let broken = scenario.broken.iter().map(|broken| (broken.from, broken.to));
        let broken = Spans::of(broken.chain(failed.iter().map(|at| (*at, at + 1))));
        let good = up.and(&broken.gaps(from, to));
        let overdue = scenario.agents.iter().map(|agent| overdue(scenario, agent)).collect();
        let watched: Vec<Watched> =
            scenario.agents.iter().map(|agent| Watched::of(scenario, agent, &good)).collect();
        Self { few: TooFew::of_all(scenario, &watched), up, good, overdue, watched }
    }
}

impl Truth {
    /// When an agent may be thought to be silent, or to log less than it should.
    pub fn amiss(&self, place: usize) -> Spans {
        self.overdue[place].or(self.few[place].perhaps.iter())
    }
}

/// A document says that its agent logs from when it can be found until its time is up.
fn overdue(scenario: &Scenario, agent: &Agent) -> Spans {
    let kind = scenario.kind_of(agent);
    let fresh = agent.documents.iter().map(|document| (document.visible, kind.due(document.at)));
    Spans::of(fresh).gaps(scenario.from, scenario.to)
}

/// When there is a next round at the latest.
pub fn next_round(scenario: &Scenario) -> i64 {
    scenario.poll.max(REFUSED) + SLACK
}

/// When an overdue agent is told at the latest. Those behind gateways wait as long for whether these work.
pub fn told_within(scenario: &Scenario, agent: &Agent) -> i64 {
    let gateways = scenario.gateways.as_ref();
    let doubt = match gateways.is_some_and(|gateways| gateways.are_before(agent)) {
        true => DOUBT,
        false => scenario.kind_of(agent).threshold().min(DOUBT),
    };
    next_round(scenario) + doubt + scenario.poll
}
