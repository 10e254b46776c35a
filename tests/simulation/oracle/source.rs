//! The incident of the source.

use log_monitor_channels::EventKind;

use super::Wrong;
use super::truth::{SLACK, Truth, next_round};
use super::watched::doubted;
use crate::scenario::register::{KEEPER, Register};
use crate::scenario::{HOUR, MINUTE, Scenario};
use crate::spans::Spans;
use crate::world::Told;

pub fn check(scenario: &Scenario, truth: &Truth, told: &[Told]) -> Result<(), Wrong> {
    let (from, to) = (scenario.from, scenario.to);
    let wrong = |at, what: &str| Wrong { agent: None, at, what: what.to_owned() };
    let blind = truth.good.gaps(from, to).and(&truth.up);
    let down = down(scenario, told, |told| told.event.scope != KEEPER)?;
    for (begin, end) in down.iter() {
        if !blind.touches(begin - SLACK, begin) {
            return Err(wrong(begin, "source_down, but it answers"));
        }
        if end < to && !truth.good.touches(end - SLACK, end) {
            return Err(wrong(end, "source_up, but it does not answer"));
        }
    }
    let late = next_round(scenario);
    let missed = blind.after_the_first(late).and(&down.gaps(from, to));
    let back = truth.good.iter().map(|(begin, end)| (begin + late + doubt(scenario, &blind, begin), end));
    let stale = Spans::of(back).and(&down);
    let missed = missed.iter().next().map(|(at, _)| wrong(at, "the source is down, and nobody is told"));
    let stale = stale.iter().next().map(|(at, _)| wrong(at, "the source is up, and nobody is told"));
    missed.or(stale).map_or(Ok(()), Err)
}

/// The incident of the source that keeps the list: it is open only while that cannot be read or lacks many, is
/// begun when that lasts for longer than a list is good for, and ends by the list after that. What is asked for
/// again after a minute is, in a round.
pub fn check_list(
    scenario: &Scenario,
    register: &Register,
    truth: &Truth,
    told: &[Told],
) -> Result<(), Wrong> {
    let (from, to) = (scenario.from, scenario.to);
    let wrong = |at, what: &str| Err(Wrong { agent: None, at, what: what.to_owned() });
    let (troubled, doubted) = (register.troubled(), doubted(scenario, register));
    let down = down(scenario, told, |told| told.event.scope == KEEPER)?;
    for (begin, _) in down.iter() {
        if !doubted.touches(begin - SLACK, begin) {
            return wrong(begin, "source_down of the list, but it is there and whole");
        }
    }
    let (late, again) = (register.every + next_round(scenario), MINUTE + next_round(scenario));
    let missed = troubled.and(&truth.good).after_the_first(late).and(&down.gaps(from, to));
    let whole = doubted.gaps(from, to).and(&truth.good);
    let back = whole.iter().map(|(begin, end)| (begin + again + doubt(scenario, &troubled, begin), end));
    let stale = Spans::of(back).and(&down);
    match (missed.iter().next(), stale.iter().next()) {
        (Some((at, _)), _) => wrong(at, "the list is of no use, and nobody is told"),
        (_, Some((at, _))) => wrong(at, "the list is there and whole, and nobody is told"),
        _ => Ok(()),
    }
}

/// From its third outage in short time on, a source that answers is believed later each time.
fn doubt(scenario: &Scenario, blind: &Spans, back: i64) -> i64 {
    // By a clock that was set back, what came before that was lately, too.
    let lately = 80 * MINUTE + next_round(scenario) - scenario.clock_error(back).min(0);
    let outages = blind.iter().filter(|(from, _)| (back - lately..back).contains(from)).count();
    let hold = |more: usize| ((10 * MINUTE) << more.min(16)).min(6 * HOUR) + next_round(scenario);
    outages.checked_sub(3).map_or(0, hold)
}

/// When the source's incident is open.
fn down(scenario: &Scenario, told: &[Told], of_it: impl Fn(&&Told) -> bool) -> Result<Spans, Wrong> {
    let (mut spans, mut open) = (Vec::new(), None);
    for told in told.iter().filter(of_it) {
        match (told.event.kind, open) {
            (EventKind::SourceDown, None) => open = Some(told),
            (EventKind::SourceUp, Some(first)) if first.event.incident == told.event.incident => {
                spans.push((first.at, told.at));
                open = None;
            }
            (EventKind::SourceDown | EventKind::SourceUp, _) => {
                let what = format!("{} is told out of turn", told.event.kind);
                return Err(Wrong { agent: None, at: told.at, what });
            }
            _ => {}
        }
    }
    spans.extend(open.map(|open: &Told| (open.at, scenario.to)));
    Ok(Spans::of(spans))
}
