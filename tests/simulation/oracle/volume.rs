//! How much an agent logs of which a number is expected.

use std::collections::BTreeMap;

use super::truth::SLACK;
use super::watched::Watched;
use crate::scenario::{Agent, Document, Kind, MINUTE, Scenario};
use crate::spans::Spans;

/// A count is taken to be good for this part of the interval that it covers.
const GOOD_FOR: i64 = 10;

/// When an agent logs less than it should, as far as can be seen in the index.
#[derive(Debug, Default)]
pub struct TooFew {
    /// When one may think so: in some interval that may have been counted there were too few at its end.
    pub perhaps: Spans,
    /// When it is so: in every such interval there are too few, even of what was indexed later, and logs were
    /// expected in all of it.
    pub surely: Spans,
    /// An interval that is counted began no longer ago than this.
    pub reach: i64,
}

impl TooFew {
    /// Of each agent.
    pub fn of_all(scenario: &Scenario, watched: &[Watched]) -> Vec<Self> {
        let mut flows: BTreeMap<(&Option<String>, usize), Spans> = BTreeMap::new();
        let of_agent = |agent| match scenario.kind_of(agent) {
            Kind { least: None, .. } => Self::default(),
            kind @ Kind { least: Some(least), .. } => {
                let flows = flows
                    .entry((&agent.node, agent.kind))
                    .or_insert_with(|| flows_of(scenario, watched, &agent.node, stale(kind)));
                Self::of(scenario, agent, *least, flows)
            }
        };
        scenario.agents.iter().map(of_agent).collect()
    }

    fn of(scenario: &Scenario, agent: &Agent, least: u64, flows: &Spans) -> Self {
        let kind = scenario.kind_of(agent);
        let count = |until: fn(&Document, i64) -> i64| {
            let counts =
                agent.documents.iter().map(|one| (until(one, kind.grace), one.at + kind.interval + 1));
            below(counts, least)
        };
        let at_its_end = count(|one, grace| one.at.max(one.visible - grace));
        let at_last = count(|one, _| one.at);
        let whole = Spans::of(kind.hours.expected.after_the_first(kind.interval).iter());
        // What is counted ends a grace before now, or before the newest document of the node.
        let (sooner, later) = (kind.grace, kind.grace + stale(kind) + kind.interval / GOOD_FOR + SLACK);
        let stopped = flows.gaps(scenario.from, scenario.to);
        let perhaps = at_its_end.iter().map(|(from, to)| (from + sooner, to + later));
        let surely = Spans::of(at_last.and(&whole).iter().map(|(from, to)| (from + later, to + sooner)));
        Self {
            perhaps: Spans::of(perhaps.chain(stopped.iter())),
            surely: surely.and(flows),
            reach: later + kind.interval,
        }
    }
}

/// How old the newest document of a node is at most, while they come.
fn stale(kind: &Kind) -> i64 {
    (kind.interval / 4).max(2 * MINUTE)
}

/// When the newest document of a node is no older than this.
fn flows_of(scenario: &Scenario, watched: &[Watched], node: &Option<String>, stale: i64) -> Spans {
    let agents = scenario.agents.iter().zip(watched);
    let beside = agents.filter(|(one, _)| one.node == *node);
    let come = beside.map(|(one, watched)| {
        let fresh = one.documents.iter().map(|document| (document.visible, document.at + stale));
        Spans::of(fresh).and(&watched.surely)
    });
    Spans::of(come.flat_map(|spans| spans.iter().collect::<Vec<_>>()))
}

/// When there are fewer than so many of these at once.
fn below(spans: impl Iterator<Item = (i64, i64)>, least: u64) -> Spans {
    let spans = spans.filter(|(from, to)| from < to);
    let mut steps: Vec<(i64, i64)> = spans.flat_map(|(from, to)| [(from, 1), (to, -1)]).collect();
    steps.sort_unstable();
    let (mut there, mut since, mut few) = (0, Some(i64::MIN / 4), Vec::new());
    for (at, step) in steps {
        there += step;
        match since {
            None if there < least as i64 => since = Some(at),
            Some(from) if there >= least as i64 => {
                few.push((from, at));
                since = None;
            }
            _ => {}
        }
    }
    few.extend(since.map(|from| (from, i64::MAX / 4)));
    Spans::of(few)
}
