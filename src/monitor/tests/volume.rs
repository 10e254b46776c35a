//! Agents of which a number of logs is expected.

use super::hours::office;
use super::*;
use crate::journal::past;

/// The watch asks for at least so many logs in each interval.
async fn ask_for(world: &mut World, least: u64) {
    let mut setup = world.monitor.setup.clone();
    setup.watch.min_events = Some(least);
    world.monitor.replace(setup).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn fewer_logs_than_expected_are_told_although_some_come() {
    let ids = ["001", "002"];
    let mut world = World::new(&ids).await;
    world.index.log_many(&ids, world.now(), 20);
    ask_for(&mut world, 10).await;
    world.minutes(30, &ids).await;
    assert_eq!(world.story().await, [""; 0], "fifteen in fifteen minutes");
    for _ in 0..4 {
        world.minutes(1, &ids).await;
        world.minutes(4, &["002"]).await;
    }
    let few = world.events().await.pop().unwrap();
    assert_eq!((few.cause.as_str(), few.entity.unwrap().id.as_str()), ("volume_too_low", "001"));
    assert!(few.detail.starts_with("It has only 8 logs of the last 15 min; at least 10"), "{}", few.detail);
    world.minutes(15, &ids).await;
    assert_eq!(world.story().await, ["agent_silent 001", "agent_recovered 001"]);
    world.minutes(17, &["002"]).await;
    assert_eq!(world.story().await[2..], ["agent_silent 001"; 2], "too few at first, and then none at all");
}

#[tokio::test(start_paused = true)]
async fn the_time_before_the_hours_open_does_not_make_the_first_interval_thin() {
    let ids = ["001", "002"];
    let mut world = office(&ids).await;
    ask_for(&mut world, 15).await;
    world.minutes(1, &ids).await;
    world.minutes(8 * 60 - 1, &[]).await;
    world.minutes(60, &ids).await;
    assert_eq!(world.story().await, [""; 0], "fifteen in each interval that counts as a whole");
    for _ in 0..6 {
        world.minutes(1, &ids).await;
        world.minutes(4, &["002"]).await;
    }
    assert_eq!(world.story().await, ["agent_silent 001"]);
}

#[tokio::test(start_paused = true)]
async fn what_is_not_indexed_yet_is_not_missing() {
    let ids = ["001", "002"];
    let mut world = World::new(&ids).await;
    ask_for(&mut world, 14).await;
    world.index.log_many(&ids, world.now(), 20);
    world.minutes(30, &ids).await;
    for _ in 0..60 {
        tokio::time::sleep(Duration::from_secs(60)).await;
        let late = world.now() - TimeDelta::minutes(5);
        ids.iter().for_each(|id| world.index.log(id, late));
        world.monitor.round().await.unwrap();
    }
    assert_eq!(world.story().await, [""; 0], "all of it is there, five minutes later");
}

/// Every five minutes 001 logs once and 002 ten times, and something is done when nothing new is there.
async fn few_of_001(world: World, least: u64, mut then: impl AsyncFnMut(World) -> World) -> World {
    let mut world = world;
    world.index.log_many(&["001", "002"], world.now(), 20);
    ask_for(&mut world, least).await;
    world.minutes(20, &["001", "002"]).await;
    for _ in 0..8 {
        world.index.log_many(&["002"], world.now(), 10);
        world.index.log("001", world.now());
        world.minutes(2, &[]).await;
        world = then(world).await;
        world.minutes(3, &[]).await;
    }
    world
}

#[tokio::test(start_paused = true)]
async fn neither_a_reload_nor_a_restart_ends_that_an_agent_logs_too_little() {
    let ids = ["001", "002"];
    let reloaded = few_of_001(World::new(&ids).await, 10, async |mut world| {
        ask_for(&mut world, 10).await;
        world
    });
    assert_eq!(reloaded.await.story().await, ["agent_silent 001"]);
    let restarted = few_of_001(World::new(&ids).await, 10, async |world| {
        let World { index, clock, recorder, .. } = world;
        let watched = Watch { min_events: Some(10), ..default_watch(&["001", "002"]) };
        World::with(watched, index, recorder.journal, clock).await
    });
    let mut world = restarted.await;
    assert_eq!(world.story().await, ["agent_silent 001"]);
    world.minutes(12, &ids).await;
    assert_eq!(world.story().await, ["agent_silent 001", "agent_recovered 001"]);
}

#[tokio::test(start_paused = true)]
async fn too_few_logs_and_their_end_are_told_where_all_come_later_than_the_grace() {
    let ids = ["001", "002"];
    let mut world = World::new(&ids).await;
    ask_for(&mut world, 10).await;
    world.index.log_many(&ids, world.now(), 20);
    world.minutes(20, &ids).await;
    for minute in 0..90 {
        tokio::time::sleep(Duration::from_secs(60)).await;
        let late = world.now() - TimeDelta::minutes(5);
        world.index.log("002", late);
        if minute % 5 == 0 || minute > 45 {
            world.index.log("001", late);
        }
        world.monitor.round().await.unwrap();
    }
    assert_eq!(world.story().await, ["agent_silent 001", "agent_recovered 001"]);
}

#[tokio::test(start_paused = true)]
async fn who_logs_too_little_and_then_not_at_all_is_told_to_be_silent_in_time() {
    let ids = ["001", "002"];
    let mut world = few_of_001(World::new(&ids).await, 10, async |world| world).await;
    let last = world.now() - TimeDelta::minutes(5);
    world.minutes(8, &["002"]).await;
    assert_eq!(world.story().await, ["agent_silent 001"]);
    let World { index, clock, recorder, .. } = world;
    let watched = Watch { min_events: Some(10), ..default_watch(&ids) };
    let mut world = World::with(watched, index, recorder.journal, clock).await;
    world.minutes(30, &["002"]).await;
    let told = world.events().await;
    let [few, silent] = &told[..] else { panic!("{told:#?}") };
    assert_eq!((few.cause.as_str(), silent.cause.as_str()), ("volume_too_low", "no_documents"));
    assert_eq!((silent.incident, silent.since), (few.incident, Some(last)));
    assert!((silent.at - last) <= TimeDelta::minutes(17), "{}", silent.at - last);
    assert!(silent.detail.contains("it has stopped altogether: no logs for 1"), "{}", silent.detail);
    world.index.log_many(&["001"], world.now(), 20);
    world.minutes(3, &ids).await;
    let end = world.events().await.pop().unwrap();
    assert_eq!((end.kind, end.since), (EventKind::AgentRecovered, Some(last)), "{}", end.detail);
    let read = |connection: &_| past::silences(connection, 0, i64::MAX);
    let lacks = world.recorder.journal.write(read).await.unwrap();
    let shown: Vec<_> = lacks.iter().map(|lack| (lack.few, lack.from, lack.to)).collect();
    let (from, last, back) = (few.since.unwrap(), last.timestamp_millis(), end.back.unwrap());
    let expected =
        [(true, from.timestamp_millis(), Some(last)), (false, last, Some(back.timestamp_millis()))];
    assert_eq!(shown, expected, "each counts as what it was");
}

#[tokio::test(start_paused = true)]
async fn of_who_did_not_log_any_log_is_the_end_and_its_silence_makes_no_interval_thin() {
    let ids = ["001", "002"];
    let mut world = World::new(&ids).await;
    world.index.log_many(&ids, world.now(), 20);
    ask_for(&mut world, 10).await;
    world.minutes(20, &ids).await;
    world.minutes(30, &["002"]).await;
    let back = world.now();
    world.minutes(5, &ids).await;
    let World { index, clock, recorder, .. } = world;
    let watched = Watch { min_events: Some(10), ..default_watch(&ids) };
    let mut world = World::with(watched, index, recorder.journal, clock).await;
    world.minutes(40, &ids).await;
    // Too few at first, then none at all; and one end.
    assert_eq!(world.story().await, ["agent_silent 001", "agent_silent 001", "agent_recovered 001"]);
    let end = world.events().await.pop().unwrap();
    assert!(end.at - back <= TimeDelta::minutes(2), "{}", end.at - back);
}

/// So many minutes, in each fifth of which the `rare` ones log, and 001 and 002 in each.
async fn rarely(world: &mut World, minutes: usize, rare: &[&str]) {
    for minute in 0..minutes {
        let rare = if minute % 5 == 0 { rare } else { &[] };
        world.minutes(1, &[&["001", "002"][..], rare].concat()).await;
    }
}

#[tokio::test(start_paused = true)]
async fn who_logs_for_the_first_time_has_a_whole_interval_before_it_logs_too_little() {
    let (ids, all) = (["001", "002"], ["001", "002", "003", "004"]);
    let mut world = World::new(&ids).await;
    ask_for(&mut world, 10).await;
    rarely(&mut world, 40, &["004"]).await;
    let watched = Watch { min_events: Some(10), ..default_watch(&all) };
    let setup = Setup { watch: watched.clone(), ..world.monitor.setup.clone() };
    world.monitor.replace(setup).await.unwrap();
    rarely(&mut world, 5, &["003", "004"]).await;
    let few = world.events().await.pop().unwrap();
    assert_eq!(few.cause, "volume_too_low");
    assert_eq!(world.story().await, ["agent_silent 004"], "it is new on the list, and has logged for long");
    let World { index, clock, recorder, .. } = world;
    let mut world = World::with(watched, index, recorder.journal, clock).await;
    rarely(&mut world, 10, &["003", "004"]).await;
    assert_eq!(world.story().await.len(), 1, "also after a restart");
    rarely(&mut world, 10, &["003", "004"]).await;
    assert_eq!(world.story().await[1..], ["agent_silent 003"]);
}
