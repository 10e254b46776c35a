//! Stalls of the watch and of its nodes.

use std::collections::BTreeMap;

use log_monitor_channels::{Event, EventKind};

use super::Wrong;
use super::truth::{SLACK, Truth, next_round};
use crate::scenario::{Agent, Document, MINUTE, Scenario, Stall};
use crate::spans::Spans;
use crate::world::Told;

/// Fewer than this are no stall, nor is less than half.
const MANY: usize = 5;

/// A stall that was told.
pub struct Stalled {
    pub incident: i64,
    pub from: i64,
    pub to: i64,
    /// The node; `None` = the watch.
    node: Option<String>,
}

impl Stalled {
    fn begun_by(told: &Told, scenario: &Scenario) -> Self {
        let incident = told.event.incident.unwrap_or_default();
        Self { incident, from: told.at, to: scenario.to, node: node_of(&told.event) }
    }

    /// Whether an agent is of what stalled.
    pub fn concerns(&self, agent: &Agent) -> bool {
        self.node.is_none() || self.node == agent.node
    }
}

fn node_of(event: &Event) -> Option<String> {
    event.entity.as_ref().and_then(|entity| entity.id.strip_prefix("node=")).map(str::to_owned)
}

/// The stalls that were told, if each of them was one and ended when it did.
pub fn check(scenario: &Scenario, truth: &Truth, told: &[Told]) -> Result<Vec<Stalled>, Wrong> {
    let stalls = stalls(scenario, told)?;
    for stall in &stalls {
        let wrong = |at, what: &str| Err(Wrong { agent: None, at, what: what.to_owned() });
        if let Err(so) = is_one(scenario, truth, stall) {
            return wrong(stall.from, &format!("pipeline_stalled, but {so}"));
        }
        if stall.to < scenario.to && everybody_is_silent(scenario, truth, stall, stall.to) {
            return wrong(stall.to, "pipeline_recovered, but nobody logs");
        }
        if let Some(at) = stale(scenario, truth, stall) {
            return wrong(at, "everybody logs, and the pipeline's incident is still open");
        }
    }
    scenario.stalls.iter().try_for_each(|stall| is_one_message(scenario, truth, stall, told))?;
    Ok(stalls)
}

fn stalls(scenario: &Scenario, told: &[Told]) -> Result<Vec<Stalled>, Wrong> {
    let mut open: BTreeMap<Option<String>, Stalled> = BTreeMap::new();
    let mut over = Vec::new();
    for told in told {
        let out_of_turn = || {
            let what = format!("{} is told out of turn", told.event.kind);
            Wrong { agent: None, at: told.at, what }
        };
        match told.event.kind {
            EventKind::PipelineStalled => {
                let begun = Stalled::begun_by(told, scenario);
                if open.insert(begun.node.clone(), begun).is_some() {
                    return Err(out_of_turn());
                }
            }
            EventKind::PipelineRecovered => {
                let begun = open.remove(&node_of(&told.event));
                let begun = begun.filter(|begun| Some(begun.incident) == told.event.incident);
                over.push(Stalled { to: told.at, ..begun.ok_or_else(out_of_turn)? });
            }
            _ => {}
        }
    }
    over.extend(open.into_values());
    Ok(over)
}

/// Who is of what stalled, and on the list at a time.
fn members<'a>(
    scenario: &'a Scenario,
    stall: &'a Stalled,
    at: i64,
) -> impl Iterator<Item = (usize, &'a Agent)> {
    let agents = scenario.agents.iter().enumerate();
    agents.filter(move |(_, agent)| stall.concerns(agent) && agent.listed.contains(at))
}

/// Half of its members are silent, or none of them has logged for as long as any may be quiet.
fn is_one(scenario: &Scenario, truth: &Truth, stall: &Stalled) -> Result<(), String> {
    let (at, before) = (stall.from, stall.from - SLACK);
    let silent = |place: usize| truth.overdue[place].touches(before, at);
    // Who was only just put on the list says nothing yet, nor who is not expected to log.
    let known = |agent: &Agent| agent.listed.contains(at - 2 * scenario.poll);
    let expected = |agent: &Agent| scenario.kind_of(agent).hours.expected.end_of(before) > Some(at);
    let says = |(place, agent): &(usize, &Agent)| known(agent) && (silent(*place) || expected(agent));
    let silents = members(scenario, stall, at).filter(|(place, _)| silent(*place)).count();
    let watched = members(scenario, stall, at).filter(says).count();
    let newest = members(scenario, stall, at).filter_map(|(_, agent)| newest_in_time(agent, before));
    let last = newest.max();
    let shortest = members(scenario, stall, at).map(|(_, agent)| scenario.kind_of(agent).threshold()).min();
    let quiet = last.zip(shortest).is_some_and(|(last, shortest)| at - last >= shortest);
    match watched >= MANY && (quiet || (silents >= MANY && silents * 2 >= watched)) {
        true => Ok(()),
        false => Err(format!(
            "{silents} of {watched} are silent, and {:?} ms ago one logged",
            last.map(|last| at - last)
        )),
    }
}

/// The newest document that did not come late: what comes late is looked for where it decides whether an
/// agent is silent, but not to see whether the pipeline flows.
fn newest_in_time(agent: &Agent, now: i64) -> Option<i64> {
    let until = agent.documents.partition_point(|document| document.at <= now);
    let in_time = |one: &&Document| one.visible - one.at <= MINUTE && one.visible <= now;
    agent.documents[..until].iter().rev().find(in_time).map(|document| document.at)
}

fn everybody_is_silent(scenario: &Scenario, truth: &Truth, stall: &Stalled, at: i64) -> bool {
    let mut members = members(scenario, stall, at).peekable();
    members.peek().is_some()
        && members.all(|(place, _)| !truth.overdue[place].gaps(at - SLACK, at + 1).touches(at - SLACK, at))
}

/// When everybody has been logging for so long that it should be over.
fn stale(scenario: &Scenario, truth: &Truth, stall: &Stalled) -> Option<i64> {
    let agents = scenario.agents.iter().enumerate().filter(|(_, agent)| stall.concerns(agent));
    let silent = Spans::of(
        agents.flat_map(|(place, agent)| truth.overdue[place].and(&agent.listed).iter().collect::<Vec<_>>()),
    );
    let logging =
        silent.gaps(scenario.from, scenario.to).and(&truth.good).after_the_first(next_round(scenario));
    logging.and(&Spans::of([(stall.from, stall.to)])).iter().next().map(|(at, _)| at)
}

/// Whoever is due while it is clear that something stalled, and nothing else happens, is told as a
/// part of it.
fn is_one_message(scenario: &Scenario, truth: &Truth, stall: &Stall, told: &[Told]) -> Result<(), Wrong> {
    let concerned = |agent: &&Agent| stall.node.is_none() || stall.node == agent.node;
    let thresholds =
        scenario.agents.iter().filter(concerned).map(|agent| scenario.kind_of(agent).threshold());
    let (Some(shortest), Some(longest)) = (thresholds.clone().min(), thresholds.max()) else { return Ok(()) };
    let agents = scenario.agents.iter().enumerate().filter(|(_, agent)| concerned(agent));
    let logging = |(place, agent): &(usize, &Agent)| {
        agent.listed.contains(stall.from) && !truth.overdue[*place].contains(stall.from)
    };
    let enough = agents.filter(logging).count() >= 2 * MANY;
    // Verdicts wait no longer than half an hour for the shortest silence of all to be over.
    let (clear, calm_from) = (stall.from + shortest / 3, stall.from - 2 * longest);
    let all_along = |spans: &Spans| spans.end_of(calm_from).is_some_and(|end| end >= stall.to);
    let calm = all_along(&truth.good) && scenario.kinds.iter().all(|kind| all_along(&kind.hours.expected));
    let other = |other: &&Stall| other.from != stall.from && other.from < stall.to && other.to > calm_from;
    if !calm || !enough || shortest > 60 * MINUTE || scenario.stalls.iter().any(|one| other(&one)) {
        return Ok(());
    }
    let alone = told.iter().find(|told| {
        let of = super::agents::about(&told.event).map(|place| &scenario.agents[place]);
        let since = told.event.since.map(|since| since.timestamp_millis());
        // Who stopped before it is none of it.
        let with_it = since.is_some_and(|since| since >= stall.from - shortest / 3);
        told.event.kind == EventKind::AgentSilent
            && told.event.part_of.is_none()
            && (clear..stall.to).contains(&told.at)
            && with_it
            && of.is_some_and(|agent| concerned(&agent))
    });
    alone.map_or(Ok(()), |told| {
        let agent = super::agents::about(&told.event);
        Err(Wrong { agent, at: told.at, what: "it is told alone while everybody is silent".to_owned() })
    })
}
