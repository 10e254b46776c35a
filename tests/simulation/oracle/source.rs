//! The incident of the source.

use log_monitor_channels::EventKind;

use super::Wrong;
use super::truth::{SLACK, Truth, next_round};
use crate::scenario::{HOUR, MINUTE, Scenario};
use crate::spans::Spans;
use crate::world::Told;

pub fn check(scenario: &Scenario, truth: &Truth, told: &[Told]) -> Result<(), Wrong> {
    let (from, to) = (scenario.from, scenario.to);
    let wrong = |at, what: &str| Wrong { agent: None, at, what: what.to_owned() };
    let blind = truth.good.gaps(from, to).and(&truth.up);
    let down = down(scenario, told)?;
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

/// From its third outage in short time on, a source that answers is believed later each time.
fn doubt(scenario: &Scenario, blind: &Spans, back: i64) -> i64 {
    // By a clock that was set back, what came before that was lately, too.
    let lately = 80 * MINUTE + next_round(scenario) - scenario.clock_error(back).min(0);
    let outages = blind.iter().filter(|(from, _)| (back - lately..back).contains(from)).count();
    let hold = |more: usize| ((10 * MINUTE) << more.min(16)).min(6 * HOUR) + next_round(scenario);
    outages.checked_sub(3).map_or(0, hold)
}

/// When the source's incident is open.
fn down(scenario: &Scenario, told: &[Told]) -> Result<Spans, Wrong> {
    let (mut spans, mut open) = (Vec::new(), None);
    for told in told {
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
