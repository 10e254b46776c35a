//! The fleet by itself.

use super::*;
use crate::config::Watch;
use crate::journal::entities::{Logging, Part};
use crate::monitor::fixtures::watch;
use crate::source::{Membership, Observation};

const MINUTE: i64 = 60_000;

fn seen(key: &str, last_seen: i64) -> Observation {
    Observation { key: key.into(), last_seen }
}

const fn alone(incident: i64) -> Silence {
    Silence { incident, opened: 0, worsened: None, part: Part::Alone, logging: Logging::No }
}

fn round(fleet: &mut Fleet, newest: &[Observation], now: i64) -> Vec<(String, Transition)> {
    fleet.observe(newest, None, now, now);
    let mut suspects = fleet.take_due(now);
    suspects.extend(fleet.silent());
    let changed = fleet.judge(&suspects, now);
    let named = changed.iter().map(|c| (fleet.entities()[c.at].key.to_string(), c.transition)).collect();
    let outcome = |(n, changed): (usize, Changed)| match changed.transition {
        Transition::Recovered { .. } => (changed.at, Outcome::Fresh),
        _ => (changed.at, Outcome::Silent(alone(n as i64))),
    };
    fleet.settle(&suspects, &changed.into_iter().enumerate().map(outcome).collect::<Vec<_>>(), now);
    named
}

#[test]
fn one_of_two_stops_is_told_once_and_comes_back() {
    let (mut fleet, _) = Fleet::new(&watch(&["001", "002"]), Vec::new());
    assert_eq!(round(&mut fleet, &[seen("001", 0), seen("002", 0)], 0), []);
    for minute in 1..16 {
        assert_eq!(round(&mut fleet, &[seen("002", minute * MINUTE)], minute * MINUTE), []);
    }
    let fell = round(&mut fleet, &[seen("002", 16 * MINUTE)], 16 * MINUTE);
    assert_eq!(fell, [("001".to_owned(), Transition::FellSilent)]);
    for minute in 17..117 {
        assert_eq!(round(&mut fleet, &[seen("002", minute * MINUTE)], minute * MINUTE), []);
    }
    let back = round(&mut fleet, &[seen("001", 117 * MINUTE), seen("002", 117 * MINUTE)], 117 * MINUTE);
    assert_eq!(back, [("001".to_owned(), Transition::Recovered { incident: 0, since: Some(0) })]);
}

#[test]
fn a_clock_that_is_set_back_ends_no_silence() {
    let (mut fleet, _) = Fleet::new(&watch(&["001"]), Vec::new());
    round(&mut fleet, &[seen("001", 0)], 0);
    assert_eq!(round(&mut fleet, &[], 16 * MINUTE), [("001".to_owned(), Transition::FellSilent)]);
    fleet.set_clock(11 * MINUTE);
    assert_eq!(round(&mut fleet, &[], 12 * MINUTE), []);
    let back = round(&mut fleet, &[seen("001", 13 * MINUTE)], 13 * MINUTE);
    assert_eq!(back, [("001".to_owned(), Transition::Recovered { incident: 0, since: Some(0) })]);
}

#[test]
fn the_heap_holds_one_entry_for_each_entity_that_logs() {
    let (mut fleet, _) = Fleet::new(&watch(&["001", "002", "003"]), Vec::new());
    for minute in 0..500 {
        round(&mut fleet, &[seen("001", minute * MINUTE), seen("002", minute * MINUTE)], minute * MINUTE);
    }
    assert_eq!(fleet.deadline_count(), 2);
    assert_eq!(fleet.silent(), [2]);
}

#[test]
fn who_is_due_is_not_taken_once_more_for_logging_too_little() {
    let watch = Watch { min_events: Some(1), ..watch(&["001", "002"]) };
    let (mut fleet, _) = Fleet::new(&watch, Vec::new());
    fleet.observe(&[seen("001", 0)], None, 0, 0);
    for ((from, until), places) in fleet.to_count(0) {
        fleet.take_volumes(&places, &[], until, 0);
        let (_, few) = fleet.perhaps_begun(&places, from).unwrap();
        fleet.take_earlier(&few, &[seen("001", from)], from, 0);
    }
    assert_eq!((fleet.take_due(0), fleet.take_thin(0)), (vec![1], vec![0]));
}

#[test]
fn a_time_from_the_future_keeps_nobody_alive_for_ever() {
    let (mut fleet, _) = Fleet::new(&watch(&["001"]), Vec::new());
    round(&mut fleet, &[seen("001", i64::MAX)], 0);
    let fell = round(&mut fleet, &[], 16 * MINUTE);
    assert_eq!(fell, [("001".to_owned(), Transition::FellSilent)]);
}

#[test]
fn the_journal_says_what_was_silent_and_who_is_gone() {
    let row = |key: &str, incident: Option<i64>| EntityRow {
        key: key.to_owned(),
        label: String::new(),
        last_seen: Some(0),
        silence: incident.map(alone),
        since: incident.map(|_| 0),
    };
    let (mut fleet, gone) =
        Fleet::new(&watch(&["001", "002"]), vec![row("001", Some(9)), row("002", None), row("003", None)]);
    assert_eq!(gone.iter().map(|row| row.key.as_str()).collect::<Vec<_>>(), ["003"]);
    let later = 20 * MINUTE;
    let fell = round(&mut fleet, &[], later);
    assert_eq!(fell, [("002".to_owned(), Transition::FellSilent)], "001 is silent already: nothing new");
}

#[test]
fn what_was_remembered_of_everybodys_lag_is_forgotten_when_homes_are_known_and_deadlines_are_counted_anew() {
    let (mut fleet, _) = Fleet::new(&watch(&["001"]), Vec::new());
    let late = lag::Measured { known: 40 * MINUTE, at_most: 41 * MINUTE };
    fleet.remember_lags(&[(String::new(), late)].into());
    assert_eq!((fleet.longest_lag(), fleet.longest_reach(0)), (late.known, late.at_most));
    assert_eq!(round(&mut fleet, &[seen("001", 0)], 0), []);
    fleet.take_homes(&[Membership { key: "001".into(), node: "node01".into() }]);
    assert_eq!((fleet.longest_lag(), fleet.longest_reach(0)), (0, 0));
    fleet.catch_up(MINUTE);
    assert_eq!(fleet.take_due(16 * MINUTE), [0]);
}
