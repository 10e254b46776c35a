//! Histories that are known, and what they would have told.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;
use crate::monitor::fixtures::watch;
use crate::monitor::pipeline::Common;

const MINUTE: i64 = 60_000;

/// Plays what agents logged, at these minutes, with a round each minute from minute 0.
fn played(logged: &[(&str, &[i64])], until: i64) -> Vec<Found> {
    let ids: Vec<&str> = logged.iter().map(|(id, _)| *id).collect();
    let watch = watch(&ids);
    let (fleet, _) = Fleet::new(&watch, Vec::new());
    let mut replay = Replay::new(&watch, fleet, 0, MINUTE);
    let of_one = |(id, minutes): &(&str, &[i64])| {
        let heard = |minute: &i64| Heard { key: (*id).into(), newest: minute * MINUTE - 1, count: 1 };
        minutes.iter().map(heard).collect::<Vec<_>>()
    };
    let mut heard: Vec<Heard> = logged.iter().flat_map(of_one).collect();
    heard.sort_by_key(|heard| heard.newest);
    // In two parts, as a long history comes.
    let half = heard.partition_point(|heard| heard.newest < until / 2 * MINUTE);
    replay.rounds(&heard[..half], until / 2 * MINUTE);
    replay.rounds(&heard[half..], until * MINUTE);
    replay.finish().1
}

/// Since, told and back, in minutes.
fn minutes(found: &Found) -> [Option<i64>; 3] {
    let minutes = |at: Option<i64>| at.map(|at| (at + 1) / MINUTE);
    [minutes(found.since), minutes(found.told), minutes(found.back)]
}

#[test]
fn known_gaps_fire_when_their_time_is_up_and_no_others_do() {
    let steady: Vec<i64> = (-20..=200).collect();
    let gaps: Vec<i64> = (-20..=200)
        .filter(|minute| {
            !(11..30).contains(minute) && !(51..66).contains(minute) && !(100..190).contains(minute)
        })
        .collect();
    let found = played(&[("001", &steady), ("002", &gaps)], 200);
    let shown: Vec<_> = found.iter().map(minutes).collect();
    assert_eq!(shown, [[Some(10), Some(26), Some(30)], [Some(99), Some(115), Some(190)]]);
    assert_eq!(found.iter().map(Found::is_false).collect::<Vec<_>>(), [true, false]);
}

#[test]
fn who_is_silent_from_the_start_is_told_by_nobody() {
    let found = played(&[("001", &[-30, 50]), ("002", &[])], 60);
    assert_eq!(
        found.iter().map(minutes).collect::<Vec<_>>(),
        [[Some(-30), None, Some(50)], [None, None, None]]
    );
    assert!(!found[0].is_false());
    let stall = played(&["001", "002", "003", "004", "005"].map(|id| (id, &[-30][..])), 10);
    assert_eq!(stall[0].common, Some(Common::Watch));
    assert!(stall.iter().all(|found| found.told.is_none()), "nor a stall of theirs: {stall:?}");
}

#[test]
fn all_at_once_are_one_stall_and_who_stays_away_is_told_afterwards() {
    let stopped: Vec<i64> = (-5..=10).chain(60..=120).collect();
    let lost: Vec<i64> = (-5..=10).collect();
    let ids = ["001", "002", "003", "004", "005"];
    let mut logged: Vec<(&str, &[i64])> = ids.iter().map(|id| (*id, &stopped[..])).collect();
    logged.push(("006", &lost));
    let found = played(&logged, 120);
    let told: Vec<&Found> = found.iter().filter(|found| found.told.is_some()).collect();
    assert_eq!((told.len(), found.len()), (2, 7));
    assert_eq!(told[0].common, Some(Common::Watch));
    assert_eq!(minutes(told[0])[1..], [Some(26), Some(60)]);
    // A threshold after the others came back.
    assert_eq!((told[1].agent, minutes(told[1])), (Some(5), [Some(10), Some(76), None]));
}

#[test]
fn who_flaps_is_back_from_its_first_log_on_although_its_end_is_believed_later() {
    let quiet = [11..30, 41..60, 71..90, 91..110];
    let flaps: Vec<i64> =
        (-20..=112).filter(|minute| !quiet.iter().any(|quiet| quiet.contains(minute))).collect();
    let found = played(&[("001", &flaps)], 112);
    let shown: Vec<_> = found.iter().map(minutes).collect();
    // The third end is doubted for 16 minutes: what comes in them is part of it.
    assert_eq!(shown[..2], [[Some(10), Some(26), Some(30)], [Some(40), Some(56), Some(60)]]);
    assert_eq!(shown[2..], [[Some(70), Some(86), Some(90)]]);
}

/// Plays two agents of whom so many logs are expected, with a round every so many minutes: 002 logs four times a
/// minute, 001 as often as `count` says.
fn counted(least: u64, step: i64, count: impl Fn(i64) -> u64) -> Vec<(bool, [Option<i64>; 3])> {
    let mut watch = watch(&["001", "002"]);
    watch.min_events = Some(least);
    let (fleet, _) = Fleet::new(&watch, Vec::new());
    let mut replay = Replay::new(&watch, fleet, 0, step * MINUTE);
    let heard = |id: &str, minute: i64, count| Heard { key: id.into(), newest: minute * MINUTE - 1, count };
    let both = |minute: i64| [heard("001", minute, count(minute)), heard("002", minute, 4)];
    let heard: Vec<Heard> = (-20..=120).flat_map(both).filter(|heard| heard.count > 0).collect();
    replay.rounds(&heard, 120 * MINUTE);
    let (_, found) = replay.finish();
    assert!(found.iter().all(|found| found.agent == Some(0)));
    found.iter().map(|found| (found.few, minutes(found))).collect()
}

#[test]
fn too_few_logs_are_told_as_the_monitor_tells_them() {
    let found = counted(30, 1, |minute| if (50..80).contains(&minute) { 1 } else { 4 });
    // From 61 to 84 they are under 30 in the quarter of an hour until a minute ago; they are counted
    // every other minute.
    assert_eq!(found, [(true, [Some(62), Some(62), Some(86)])]);
}

#[test]
fn too_few_logs_and_then_none_are_two_messages() {
    let found = counted(30, 1, |minute| match minute {
        50..70 => 1,
        70..100 => 0,
        _ => 4,
    });
    assert_eq!(found, [(true, [Some(62), Some(62), None]), (false, [Some(69), Some(85), Some(100)])]);
}

#[test]
fn a_silence_that_reaches_into_a_longer_step_is_no_want_of_logs_after_it() {
    let found = counted(50, 5, |minute| if (50..82).contains(&minute) { 0 } else { 4 });
    // As it begins there are too few, and then none.
    let few: Vec<_> = found.iter().filter(|(few, _)| *few).map(|(_, [since, ..])| since).collect();
    assert_eq!(few, [&Some(49)], "{found:?}");
}

#[test]
fn many_that_log_too_little_and_then_not_at_all_are_one_stall_that_gets_worse() {
    let ids = ["001", "002", "003", "004", "005"];
    let mut watch = watch(&ids);
    watch.min_events = Some(30);
    let (fleet, _) = Fleet::new(&watch, Vec::new());
    let mut replay = Replay::new(&watch, fleet, 0, MINUTE);
    let count = |minute: i64| match minute {
        50..80 => 1,
        80..120 => 0,
        _ => 4,
    };
    let all = |minute: i64| {
        ids.map(|id| Heard { key: id.into(), newest: minute * MINUTE - 1, count: count(minute) })
    };
    let heard: Vec<Heard> = (-20..=160).flat_map(all).filter(|heard| heard.count > 0).collect();
    replay.rounds(&heard, 160 * MINUTE);
    let (_, found) = replay.finish();
    let told: Vec<_> = found.iter().filter(|found| found.told.is_some()).collect();
    let [stall] = &told[..] else { panic!("{told:#?}") };
    assert_eq!((&stall.common, stall.few, stall.stopped), (&Some(Common::Watch), true, true));
    assert_eq!(minutes(stall)[1..], [Some(62), Some(120)]);
    let silent = found.iter().filter(|found| found.agent.is_some() && !found.few);
    assert_eq!(silent.map(minutes).collect::<Vec<_>>(), [[Some(79), None, Some(120)]; 5]);
}

#[test]
fn a_part_of_a_stall_that_logs_too_little_and_stays_away_is_silent_since_its_last_log() {
    let ids = ["001", "002", "003", "004", "005", "006"];
    let mut watch = watch(&ids);
    watch.min_events = Some(30);
    let (fleet, _) = Fleet::new(&watch, Vec::new());
    let mut replay = Replay::new(&watch, fleet, 0, MINUTE);
    let count = |id: &str, minute: i64| match minute {
        50..80 => 1,
        80.. if id == "006" => 0,
        _ => 4,
    };
    let all = |minute: i64| {
        ids.map(|id| Heard { key: id.into(), newest: minute * MINUTE - 1, count: count(id, minute) })
    };
    let heard: Vec<Heard> = (-20..=160).flat_map(all).filter(|heard| heard.count > 0).collect();
    replay.rounds(&heard, 160 * MINUTE);
    let (_, found) = replay.finish();
    let of_006: Vec<_> = found.iter().filter(|found| found.agent == Some(5)).collect();
    let shown: Vec<_> = of_006.iter().map(|found| (found.few, found.stopped, minutes(found))).collect();
    assert_eq!(shown, [(true, true, [Some(62), None, None]), (false, false, [Some(79), Some(102), None])]);
}

/// What should be told of an agent of [`watch`], which may be quiet for 16 minutes, that logged in
/// these minutes up to minute 600: since when, and when it was back.
fn told_of(logged: &[i64]) -> Vec<(i64, Option<i64>)> {
    let (mut told, mut fell, mut open, mut back_since) = (Vec::new(), Vec::new(), false, 0);
    for (before, after) in logged.iter().zip(logged.iter().skip(1).map(Some).chain([None])) {
        // A log is known from the round of its own minute on.
        let last_round = after.map_or(600, |after| after - 1);
        if last_round - before >= 16 {
            fell.push(before + 16);
            if !open {
                told.push((*before, after.copied()));
            }
            (open, back_since) = (true, *after.unwrap_or(&0));
        }
        let lately = fell.iter().filter(|fell| **fell >= back_since - 8 * 16).count();
        let hold = if lately < 3 { 0 } else { (16 << (lately - 3)).min(360) };
        open &= after.is_some_and(|after| after - back_since < hold);
    }
    told
}

proptest! {
    /// Two agents are too few for a stall, so that each gap stands for itself.
    #[test]
    fn exactly_the_gaps_that_last_longer_than_allowed_fire(
        logged in prop::collection::vec(prop::collection::btree_set(1_i64..600, 0..80), 2),
    ) {
        let of_one = |own: &BTreeSet<i64>| [0].into_iter().chain(own.iter().copied()).collect();
        let logged: Vec<Vec<i64>> = logged.iter().map(of_one).collect();
        let found = played(&[("001", &logged[0]), ("002", &logged[1])], 600);
        for (at, own) in logged.iter().enumerate() {
            let of_agent = found.iter().filter(|found| found.agent == Some(at)).map(minutes);
            let fired: Vec<_> = of_agent.map(|[since, _, back]| (since.unwrap(), back)).collect();
            prop_assert_eq!(fired, told_of(own));
        }
    }
}
