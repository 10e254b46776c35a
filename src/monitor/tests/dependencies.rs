//! Agents behind a gateway.

use super::*;
use crate::config::{Dependency, Quorum};

/// 001 and 002 are an active and a passive firewall; 003 to 005 are behind them.
async fn site(need: Quorum) -> World {
    behind(&["001", "002"], need).await
}

/// The others of five are behind these.
async fn behind(gateways: &[&str], need: Quorum) -> World {
    let ids = ["001", "002", "003", "004", "005"];
    let on = Matcher::new([("id", gateways.to_vec())]);
    let watched = Watch {
        dependencies: vec![Dependency { matcher: Matcher::default(), on, need }],
        // The site alone would be a stall of the pipeline.
        pipeline: crate::config::Pipeline { count: 50, ..crate::config::Pipeline::default() },
        ..default_watch(&ids)
    };
    let mut world = World::new(&ids).await;
    let setup = Setup { watch: watched, source: world.index.clone(), beside: Vec::new(), lister: None };
    world.monitor.replace(setup).await.unwrap();
    world.minutes(20, &ids).await;
    world
}

/// One of its own, of these.
fn class(ids: &[&str]) -> Class {
    Class {
        matcher: Matcher::new([("id", ids.to_vec())]),
        interval: None,
        grace: None,
        min_events: None,
        calendar: None,
        max_time_to_notify: None,
        labels: BTreeMap::new(),
    }
}

async fn told(world: &World) -> Vec<String> {
    let alone = |event: &Event| event.part_of.is_none();
    let events = world.events().await.into_iter().filter(alone);
    events.map(|event| format!("{} {}", event.kind, event.entity.unwrap().id)).collect()
}

#[tokio::test(start_paused = true)]
async fn behind_a_gateway_that_is_down_nobody_is_told_and_who_stays_away_is_told_then() {
    let mut world = site(Quorum::Count(1)).await;
    // The last logs of those behind it are older than its own.
    world.minutes(2, &["001", "002"]).await;
    world.minutes(40, &[]).await;
    let mut firewalls = told(&world).await;
    firewalls.sort();
    assert_eq!(firewalls, ["agent_silent 001", "agent_silent 002"]);
    let events = world.events().await;
    let held: Vec<&Event> = events.iter().filter(|event| event.part_of.is_some()).collect();
    assert_eq!(held.len(), 3);
    assert!(held.iter().all(|event| event.cause == "dependency"), "{held:?}");
    world.minutes(10, &["001", "003", "004"]).await;
    assert_eq!(
        told(&world).await[2..],
        ["agent_recovered 001", "agent_recovered 003", "agent_recovered 004"]
    );
    world.minutes(10, &["001", "003", "004"]).await;
    assert_eq!(told(&world).await[5..], ["agent_silent 005"], "its time began anew");
    let left = world.events().await.pop().unwrap();
    assert_eq!(left.cause, "silent_after_gateway", "there was no stall");
    assert!(
        left.detail.starts_with("Its gateway, which explained its silence, logs again"),
        "{}",
        left.detail
    );
}

#[tokio::test(start_paused = true)]
async fn a_gateway_that_may_be_quiet_for_three_minutes_only_is_waited_for() {
    let mut world = site(Quorum::Count(1)).await;
    let setup = world.monitor.setup.clone();
    let watch = Watch { interval: Duration::from_secs(120), ..setup.watch };
    world.monitor.replace(Setup { watch, ..setup }).await.unwrap();
    world.minutes(2, &["001", "002", "003", "004", "005"]).await;
    world.minutes(1, &["001", "002"]).await;
    world.minutes(10, &[]).await;
    let mut firewalls = told(&world).await;
    firewalls.sort();
    assert_eq!(firewalls, ["agent_silent 001", "agent_silent 002"]);
}

#[tokio::test(start_paused = true)]
async fn one_firewall_of_two_is_enough_where_one_is_needed_and_not_where_both_are() {
    let mut world = site(Quorum::Count(1)).await;
    world.minutes(30, &["001", "004", "005"]).await;
    let mut both = told(&world).await;
    both.sort();
    assert_eq!(both, ["agent_silent 002", "agent_silent 003"]);
    let mut world = site(Quorum::All).await;
    world.minutes(30, &["001", "004", "005"]).await;
    assert_eq!(told(&world).await, ["agent_silent 002"], "003 is explained by it");
}

#[tokio::test(start_paused = true)]
async fn one_of_two_firewalls_back_is_enough_and_who_stays_away_is_told_whatever_the_other_does() {
    let mut world = site(Quorum::Count(1)).await;
    world.minutes(2, &["001", "002"]).await;
    world.minutes(40, &[]).await;
    let silent = ["agent_silent 001", "agent_silent 002"];
    let mut firewalls = told(&world).await;
    firewalls.sort();
    assert_eq!(firewalls, silent, "003 to 005 are told with 001");
    world.minutes(10, &["002", "004", "005"]).await;
    let setup = world.monitor.setup.clone();
    world.monitor.replace(setup.clone()).await.unwrap();
    world.minutes(4, &["002", "004", "005"]).await;
    assert!(!told(&world).await.contains(&"agent_silent 003".to_owned()), "its time began anew");
    let mut world = world.restarted(&["001", "002", "003", "004", "005"]).await;
    world.monitor.replace(setup).await.unwrap();
    world.minutes(4, &["002", "004", "005"]).await;
    assert_eq!(told(&world).await.last().unwrap(), "agent_silent 003");
}

#[tokio::test(start_paused = true)]
async fn who_is_behind_a_firewall_that_fails_again_is_explained_by_it_again() {
    let mut world = site(Quorum::All).await;
    world.minutes(2, &["001", "002"]).await;
    world.minutes(30, &["002"]).await;
    world.minutes(2, &["001", "002"]).await;
    world.minutes(2, &["001"]).await;
    // 002 is silent when the time is up that 003 to 005 have anew.
    world.minutes(60, &["001"]).await;
    assert_eq!(told(&world).await, ["agent_silent 001", "agent_recovered 001", "agent_silent 002"]);
    world.minutes(14, &["001", "002"]).await;
    assert_eq!(told(&world).await[3..], ["agent_recovered 002"]);
    world.minutes(4, &["001", "002"]).await;
    assert_eq!(told(&world).await[4..], ["agent_silent 003", "agent_silent 004", "agent_silent 005"]);
}

#[tokio::test(start_paused = true)]
async fn half_of_three_gateways_are_two() {
    let (half, gateways) = (Quorum::Share(0.5), ["001", "002", "003"]);
    let mut world = behind(&gateways, half).await;
    world.minutes(30, &["001", "002", "005"]).await;
    let mut silent = told(&world).await;
    silent.sort();
    assert_eq!(silent, ["agent_silent 003", "agent_silent 004"], "two are enough");
    let mut world = behind(&gateways, half).await;
    world.minutes(2, &gateways).await;
    world.minutes(30, &["001"]).await;
    let mut silent = told(&world).await;
    silent.sort();
    assert_eq!(silent, ["agent_silent 002", "agent_silent 003"], "004 and 005 are explained by them");
}

#[tokio::test(start_paused = true)]
async fn who_was_never_seen_waits_for_its_gateway_no_longer_than_others() {
    let mut world = super::hours::office(&["001", "002"]).await;
    let id = |id| Matcher::new([("id", vec![id])]);
    let mut setup = world.monitor.setup.clone();
    setup.watch.dependencies = vec![Dependency { matcher: id("001"), on: id("002"), need: Quorum::All }];
    setup.watch.intervals.insert("002".into(), Duration::from_secs(4 * 3600));
    world.monitor.replace(setup).await.unwrap();
    world.minutes(7 * 60 + 40, &["002"]).await;
    world.minutes(49, &[]).await;
    assert_eq!(told(&world).await, [""; 0], "08:29: it is not known whether its gateway works");
    world.minutes(3, &[]).await;
    assert_eq!(told(&world).await, ["agent_silent 001"]);
}

#[tokio::test(start_paused = true)]
async fn who_logs_too_little_does_not_wait_for_ever_for_a_gateway_that_may_be_quiet_for_a_day() {
    let mut world = site(Quorum::Count(1)).await;
    let ids = ["001", "002", "003", "004", "005"];
    world.index.log_many(&ids, world.now(), 20);
    let setup = world.monitor.setup.clone();
    let day = Duration::from_secs(86_400);
    let gateways = Class { interval: Some(day), ..class(&["001", "002"]) };
    let watch = Watch { min_events: Some(10), classes: vec![gateways], ..setup.watch };
    world.monitor.replace(Setup { watch, ..setup }).await.unwrap();
    for minute in 0..60 {
        world.minutes(1, if minute % 5 == 0 { &ids[2..] } else { &[] }).await;
    }
    let few = ["003", "004", "005"].map(|id| format!("agent_silent {id}"));
    assert_eq!(told(&world).await, few);
}

#[tokio::test(start_paused = true)]
async fn a_gateway_that_logs_explains_no_silence_though_it_is_told() {
    let ids = ["001", "002", "003", "004", "005"];
    let mut thin = behind(&ids[..1], Quorum::All).await;
    let setup = thin.monitor.setup.clone();
    let classes = vec![Class { min_events: Some(10), ..class(&ids[..1]) }];
    thin.monitor.replace(Setup { watch: Watch { classes, ..setup.watch }, ..setup }).await.unwrap();
    for minute in 0..60 {
        let logging = if minute < 30 { &ids[1..] } else { &ids[2..] };
        let gateway = if minute % 2 == 0 { &ids[..1] } else { &[] };
        thin.minutes(1, &[gateway, logging].concat()).await;
    }
    assert_eq!(told(&thin).await, ["agent_silent 001", "agent_silent 002"], "too few logs are some");

    let mut flapping = behind(&ids[..1], Quorum::All).await;
    for _ in 0..5 {
        flapping.minutes(17, &ids[1..]).await;
        flapping.minutes(4, &ids).await;
    }
    flapping.minutes(20, &[&ids[..1], &ids[2..]].concat()).await;
    let told = told(&flapping).await;
    assert_eq!(told[told.len() - 2..], ["agent_silent 001", "agent_silent 002"], "its end is only doubted");
}

#[tokio::test(start_paused = true)]
async fn a_longer_interval_does_not_bring_a_gateway_back() {
    let mut world = behind(&["001"], Quorum::All).await;
    world.minutes(2, &["001"]).await;
    world.minutes(20, &[]).await;
    let mut setup = world.monitor.setup.clone();
    setup.watch.intervals.insert("001".into(), Duration::from_secs(4 * 3600));
    world.monitor.replace(setup).await.unwrap();
    world.minutes(60, &[]).await;
    assert_eq!(told(&world).await, ["agent_silent 001"]);
}

#[tokio::test(start_paused = true)]
async fn whoever_is_behind_a_gateway_is_told_in_time_where_all_logs_come_late() {
    let ids = ["001", "002", "003", "004", "005"];
    let mut world = behind(&ids[..1], Quorum::All).await;
    for minute in 0..46 {
        let logging = if minute < 30 { &ids[..] } else { &ids[..4] };
        super::lateness::minute_behind(&mut world, logging, 8).await;
    }
    assert_eq!(told(&world).await, ["agent_silent 005"]);
}

#[tokio::test(start_paused = true)]
async fn a_gateway_that_stops_with_those_behind_it_explains_them_where_logs_come_later_than_they_may() {
    let ids = ["001", "002", "003", "004", "005"];
    let mut world = behind(&ids[..1], Quorum::All).await;
    let setup = world.monitor.setup.clone();
    let minutes = |minutes: u64| Duration::from_secs(60 * minutes);
    let watch = Watch { interval: minutes(2), grace: minutes(5), ..setup.watch };
    world.monitor.replace(Setup { watch, ..setup }).await.unwrap();
    for minute in 0..40 {
        super::lateness::minute_behind(&mut world, &ids, minute.min(6)).await;
    }
    world.minutes(12, &[]).await;
    assert_eq!(told(&world).await, ["agent_silent 001"]);
}
