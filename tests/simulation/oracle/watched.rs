//! Who is watched when: by the configuration at once, by a list that a source keeps within some readings of it.

use std::collections::BTreeSet;

use log_monitor_channels::EventKind;

use super::Wrong;
use super::truth::{SLACK, next_round};
use crate::scenario::register::Register;
use crate::scenario::{Agent, DAY, Scenario};
use crate::spans::Spans;
use crate::world::Told;

/// After this a message names who was removed.
pub const REMOVED: &str = "not watched any more, ";

/// So many names are in a message; the others are counted in it.
const AND: &str = " and ";

const NEVER: i64 = i64::MAX / 4;

/// When an agent is watched.
#[derive(Debug, Clone)]
pub struct Watched {
    /// For sure, and it has had its time to begin to log.
    pub surely: Spans,
    /// What was told of it may still be open.
    pub perhaps: Spans,
    /// A silence of it may begin: whoever comes to be on a list has time to begin to log, and before
    /// somebody is called silent the list is read once more. (What is open may be told to have got worse until
    /// the removal is in force: it should not be.)
    pub tellable: Spans,
    /// When its removal is in force, at the latest.
    pub removed: i64,
}

impl Watched {
    /// Of an agent; `good` is when the source of the documents answers.
    pub fn of(scenario: &Scenario, agent: &Agent, good: &Spans) -> Self {
        let (surely, perhaps) = (agent.listed.clone(), agent.listed.clone());
        let Some(register) = &scenario.register else {
            return Self { surely, tellable: perhaps.clone(), perhaps, removed: NEVER };
        };
        let (since, until) = agent.listed.iter().next().expect("each was on it once");
        let troubled = doubted(scenario, register);
        let good = &good.and(&troubled.gaps(scenario.from, scenario.to));
        let reading = register.every + next_round(scenario);
        // Whom the list lacks meanwhile loses the rest of its time. (It should not.)
        let lacks = register.lacking.touches(since, since.saturating_add(register.probation));
        let begins = match since <= scenario.from {
            true => i64::MIN,
            false if lacks => since,
            false => since + register.probation,
        };
        let known = match since <= scenario.from {
            true => since,
            false => within(good, since, reading) + register.probation,
        };
        // It has been missing for as long as the list is good for, by a second list; and between those it may
        // have been read early because somebody was in doubt, which puts the next one off.
        let removed = if until >= scenario.to { NEVER } else { within(good, until, 3 * reading) };
        // While the list is of no use it cannot be known.
        let gone = Spans::of([(until, removed)]);
        let unknown = gone.and(&Spans::of(troubled.iter().map(|(from, to)| (from, to + SLACK))));
        Self {
            surely: Spans::of([(known, until)]),
            perhaps: Spans::of([(begins, removed)]),
            tellable: Spans::of([(begins, until.saturating_add(SLACK))]).or(unknown.iter()),
            removed,
        }
    }
}

/// When a list may not be believed: whoever is removed while it lacks them anyhow has logged since then, for all
/// that it says, and that is believed after a day.
pub fn doubted(scenario: &Scenario, register: &Register) -> Spans {
    let reading = register.every + next_round(scenario);
    let removed = |from, to| {
        scenario.agents.iter().any(|agent| (from - reading..to + reading).contains(&agent.removed_at()))
    };
    let lacking = register.lacking.iter().filter(|(from, to)| removed(*from, *to));
    register.troubled().or(lacking.map(|(from, to)| (from, to + DAY + 2 * reading)))
}

/// When something is done that takes so long, and is begun anew when it is cut off.
fn within(good: &Spans, at: i64, long: i64) -> i64 {
    let whole = good.from(at).find(|(from, to)| to - from >= long);
    whole.map_or(NEVER, |(from, _)| from + long)
}

/// What was told of the list itself.
pub fn check(scenario: &Scenario, register: &Register, of: &[Watched], told: &[Told]) -> Result<(), Wrong> {
    let mut gone = BTreeSet::new();
    let wrong = |agent, at, what: &str| Err(Wrong { agent: Some(agent), at, what: what.to_owned() });
    for told in told.iter().filter(|told| told.event.kind == EventKind::InventoryChanged) {
        for place in removed_by(&told.event.detail) {
            if told.at < scenario.agents[place].removed_at() {
                return wrong(place, told.at, "it is told as removed, and is on the list");
            }
            let lacking = register.lacking.end_of(told.at - SLACK).is_some_and(|end| end > told.at);
            if lacking && told.at < scenario.agents[place].removed_at() + DAY {
                return wrong(place, told.at, "it is told as removed while the list lacks many");
            }
            if told.at > of[place].removed.saturating_add(SLACK) {
                return wrong(place, told.at, "that it was removed is told too late");
            }
            if !gone.insert(place) {
                return wrong(place, told.at, "that it was removed is told twice");
            }
        }
    }
    let missed =
        (0..of.len()).find(|place| of[*place].removed + SLACK < scenario.to && !gone.contains(place));
    missed.map_or(Ok(()), |place| wrong(place, of[place].removed, "nobody is told that it was removed"))
}

/// The places of those that a message names as not watched any more.
pub fn removed_by(detail: &str) -> Vec<usize> {
    let Some((_, names)) = detail.split_once(REMOVED) else { return Vec::new() };
    let names = names.split(". ").next().unwrap_or(names);
    let (_, names) = names.split_once(' ').expect("is, or are, and who");
    assert!(!names.contains(AND), "not all of them are named: {detail}");
    names.split(", ").map(|name| Scenario::place(name.split(' ').next().unwrap_or(name))).collect()
}
