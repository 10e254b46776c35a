//! Stalls of the watch, of its nodes and of its sites.

use std::collections::{BTreeMap, BTreeSet};

use log_monitor_channels::{Event, EventKind};

use super::Wrong;
use super::truth::{SLACK, Truth, next_round};
use crate::scenario::{Agent, Common, DAY, Document, HOUR, MINUTE, Scenario, Stall};
use crate::spans::Spans;
use crate::world::Told;

/// Fewer than this are no stall, nor is less than half …
const MANY: usize = 5;

/// … within this time.
const WINDOW: i64 = 10 * MINUTE;

/// The end of one that flaps is told after so long at the latest: six hours, and the longest threshold.
const LONGEST_DOUBT: i64 = 8 * HOUR;

/// A stall that was told.
pub struct Stalled {
    pub incident: i64,
    pub from: i64,
    pub to: i64,
    common: Common,
    /// Many of it logged less at first …
    few: bool,
    /// … and since then do not log any more.
    worse: Option<i64>,
    /// Two others of the same were told within a day before: it may be believed to be over hours later, and
    /// goes on if many fall silent again until then.
    flaps: bool,
}

impl Stalled {
    fn begun_by(told: &Told, scenario: &Scenario, before: &[Self]) -> Self {
        let (incident, common) = (told.event.incident.unwrap_or_default(), common_of(&told.event));
        let lately = before.iter().filter(|one| one.common == common && one.from > told.at - DAY);
        let flaps = lately.count() >= 2;
        let few = told.event.detail.contains("began to log less");
        Self { incident, from: told.at, to: scenario.to, common, few, worse: None, flaps }
    }

    /// Whether an agent is of what stalled.
    pub fn concerns(&self, scenario: &Scenario, agent: &Agent) -> bool {
        scenario.has(agent, &self.common)
    }

    /// Whether it explains what is told as a part of it at `at`: that must be told soon after it began, or
    /// while nobody of it logs.
    pub fn explains(&self, scenario: &Scenario, truth: &Truth, at: i64) -> bool {
        let noticed = self.worse.filter(|worse| *worse <= at).unwrap_or(self.from);
        self.flaps || at <= noticed + WINDOW + SLACK || nobody_logs(scenario, truth, self, at)
    }
}

fn common_of(event: &Event) -> Common {
    match event.entity.as_ref().and_then(|entity| entity.id.split_once('=')) {
        None => Common::All,
        Some(("node", name)) => Common::Node(name.to_owned()),
        Some((_, name)) => Common::Site(name.to_owned()),
    }
}

/// The stalls that were told, if each of them was one and ended when it did.
pub fn check(scenario: &Scenario, truth: &Truth, told: &[Told]) -> Result<Vec<Stalled>, Wrong> {
    let stalls = stalls(scenario, truth, told)?;
    for stall in &stalls {
        let wrong = |at, what: &str| Err(Wrong { agent: None, at, what: what.to_owned() });
        if let Err(so) = is_one(scenario, truth, stall, told) {
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

fn stalls(scenario: &Scenario, truth: &Truth, told: &[Told]) -> Result<Vec<Stalled>, Wrong> {
    let mut open: BTreeMap<Common, Stalled> = BTreeMap::new();
    let mut over = Vec::new();
    for told in told {
        let out_of_turn = || {
            let what = format!("{} is told out of turn", told.event.kind);
            Wrong { agent: None, at: told.at, what }
        };
        match told.event.kind {
            EventKind::PipelineStalled => {
                let known = open.get_mut(&common_of(&told.event));
                if let Some(known) = known.filter(|one| got_worse(scenario, truth, one, told)) {
                    known.worse = Some(told.at);
                    continue;
                }
                let begun = Stalled::begun_by(told, scenario, &over);
                if open.insert(begun.common.clone(), begun).is_some() {
                    return Err(out_of_turn());
                }
            }
            EventKind::PipelineRecovered => {
                let begun = open.remove(&common_of(&told.event));
                let begun = begun.filter(|begun| Some(begun.incident) == told.event.incident);
                over.push(Stalled { to: told.at, ..begun.ok_or_else(out_of_turn)? });
            }
            _ => {}
        }
    }
    over.extend(open.into_values());
    Ok(over)
}

/// Whether many of what stalled do not log any more, of whom that was not told yet.
fn got_worse(scenario: &Scenario, truth: &Truth, stall: &Stalled, told: &Told) -> bool {
    let (from, to) = (told.at - SLACK, told.at);
    let silent =
        members(scenario, truth, stall, to).filter(|(place, _)| truth.overdue[*place].touches(from, to));
    let first = stall.few && stall.worse.is_none() && told.event.incident == Some(stall.incident);
    first && (silent.count() >= MANY || nobody_logs(scenario, truth, stall, to))
}

/// Who is of what stalled, and on the list at a time, or may still be watched.
fn members<'a>(
    scenario: &'a Scenario,
    truth: &'a Truth,
    stall: &'a Stalled,
    at: i64,
) -> impl Iterator<Item = (usize, &'a Agent)> {
    let agents = scenario.agents.iter().enumerate();
    let watched = move |(place, agent): &(usize, &Agent)| {
        agent.listed.contains(at) || truth.watched[*place].perhaps.contains(at)
    };
    agents.filter(move |one| stall.concerns(scenario, one.1) && watched(one))
}

/// Half of its members fell silent lately, or none of them has logged for as long as several may be quiet.
fn is_one(scenario: &Scenario, truth: &Truth, stall: &Stalled, told: &[Told]) -> Result<(), String> {
    let (at, before) = (stall.from, stall.from - SLACK);
    let lately = |told: &&Told| (at - WINDOW..=at + SLACK).contains(&told.at);
    let silent = told.iter().filter(lately).filter(|told| told.event.kind == EventKind::AgentSilent);
    let silent: BTreeSet<usize> = silent.filter_map(|told| super::agents::about(&told.event)).collect();
    let lost = members(scenario, truth, stall, at).filter(|(place, _)| silent.contains(place)).count();
    let logging = saying(scenario, truth, stall, at)
        .filter(|(place, _)| truth.watched[*place].surely.contains(at - 2 * scenario.poll))
        .filter(|(place, _)| !truth.overdue[*place].touches(before, at))
        // Of whom it was told long ago that it logs too little, that says nothing about now.
        .filter(|(place, _)| !truth.few[*place].perhaps.touches(before, at))
        .count();
    match nobody_logs(scenario, truth, stall, at) || (lost >= MANY && lost >= logging) {
        true => Ok(()),
        false => Err(format!("{lost} fell silent lately, and {logging} log")),
    }
}

/// Whoever says something about a group at `at`: not who was only just put on the list, nor who is neither
/// silent nor expected to log.
fn saying<'a>(
    scenario: &'a Scenario,
    truth: &'a Truth,
    stall: &'a Stalled,
    at: i64,
) -> impl Iterator<Item = (usize, &'a Agent)> {
    let known = move |agent: &Agent| agent.listed.contains(at - 2 * scenario.poll);
    let expected = move |agent: &Agent| scenario.kind_of(agent).hours.expected.end_of(at - SLACK) > Some(at);
    let silent = move |place: usize| truth.overdue[place].touches(at - SLACK, at);
    members(scenario, truth, stall, at)
        .filter(move |(place, agent)| known(agent) && (silent(*place) || expected(agent)))
}

/// Whether the newest document of all is so old that several would be overdue if it were theirs.
fn nobody_logs(scenario: &Scenario, truth: &Truth, stall: &Stalled, at: i64) -> bool {
    // Of who was only just put on a list nobody may know yet.
    let known =
        members(scenario, truth, stall, at).filter(|(place, _)| truth.watched[*place].surely.contains(at));
    let newest = known.filter_map(|(_, agent)| newest_in_time(agent, at - SLACK)).max();
    let overdue =
        |(_, agent): &(usize, &Agent)| newest.is_some_and(|newest| scenario.kind_of(agent).due(newest) <= at);
    saying(scenario, truth, stall, at).filter(overdue).count() >= MANY
}

/// The newest document that did not come late: what comes late is looked for where it decides whether an
/// agent is silent, but not to see whether the pipeline flows.
fn newest_in_time(agent: &Agent, now: i64) -> Option<i64> {
    let until = agent.documents.partition_point(|document| document.at <= now);
    let in_time = |one: &&Document| one.visible - one.at <= MINUTE && one.visible <= now;
    agent.documents[..until].iter().rev().find(in_time).map(|document| document.at)
}

fn everybody_is_silent(scenario: &Scenario, truth: &Truth, stall: &Stalled, at: i64) -> bool {
    let mut members = members(scenario, truth, stall, at).peekable();
    members.peek().is_some()
        && members.all(|(place, _)| !truth.overdue[place].gaps(at - SLACK, at + 1).touches(at - SLACK, at))
}

/// When everybody has been logging for so long that it should be over.
fn stale(scenario: &Scenario, truth: &Truth, stall: &Stalled) -> Option<i64> {
    let agents = scenario.agents.iter().enumerate();
    let agents = agents.filter(|(_, agent)| stall.concerns(scenario, agent));
    let silent = Spans::of(agents.flat_map(|(place, _)| {
        truth.amiss(place).and(&truth.watched[place].perhaps).iter().collect::<Vec<_>>()
    }));
    let doubt = if stall.flaps { LONGEST_DOUBT } else { 0 };
    let logging = silent
        .gaps(scenario.from, scenario.to)
        .and(&truth.good)
        .after_the_first(next_round(scenario) + doubt);
    logging.and(&Spans::of([(stall.from, stall.to)])).iter().next().map(|(at, _)| at)
}

/// Whoever is due while it is clear that something stalled, and nothing else happens, is told as a
/// part of it.
fn is_one_message(scenario: &Scenario, truth: &Truth, stall: &Stall, told: &[Told]) -> Result<(), Wrong> {
    let concerned = |agent: &&Agent| scenario.has(agent, &stall.common);
    let agents = scenario.agents.iter().enumerate().filter(|(_, agent)| concerned(agent));
    let logging = |(place, _): &(usize, &Agent)| {
        truth.watched[*place].surely.contains(stall.from) && !truth.overdue[*place].contains(stall.from)
    };
    let agents = agents.filter(logging);
    let mut thresholds: Vec<i64> = agents.map(|(_, agent)| scenario.kind_of(agent).threshold()).collect();
    thresholds.sort_unstable();
    if thresholds.len() < 2 * MANY {
        return Ok(());
    }
    let (shortest, longest) = (thresholds[0], thresholds[thresholds.len() - 1]);
    // The first verdicts wait no longer than this for several silences to last too long.
    let patience = shortest.min(30 * MINUTE);
    let waited_for = thresholds[MANY - 1] + 2 * scenario.poll <= shortest * 2 / 3 + patience;
    let (clear, calm_from) = (stall.from + shortest / 3, stall.from - 2 * longest);
    let all_along = |spans: &Spans| spans.end_of(calm_from).is_some_and(|end| end >= stall.to);
    let calm = all_along(&truth.good) && scenario.kinds.iter().all(|kind| all_along(&kind.hours.expected));
    let other = |other: &&Stall| other.from != stall.from && other.from < stall.to && other.to > calm_from;
    if stall.half || !calm || !waited_for || scenario.stalls.iter().any(|one| other(&one)) {
        return Ok(());
    }
    let alone = told.iter().find(|told| {
        let of = super::agents::about(&told.event).map(|place| &scenario.agents[place]);
        let since = told.event.since.map(|since| since.timestamp_millis());
        // Who stopped before it is none of it.
        let with_it = since.is_some_and(|since| since >= stall.from - shortest / 3);
        told.event.kind == EventKind::AgentSilent
            && told.event.part_of.is_none()
            && told.event.cause != super::agents::TOO_FEW
            && (clear..stall.to).contains(&told.at)
            && with_it
            && of.is_some_and(|agent| concerned(&agent))
    });
    alone.map_or(Ok(()), |told| {
        let agent = super::agents::about(&told.event);
        Err(Wrong { agent, at: told.at, what: "it is told alone while everybody is silent".to_owned() })
    })
}
