//! Agents of which a number of logs is expected.

use super::hours::office;
use super::*;

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
    assert_eq!(world.story().await.len(), 3, "one message, for too few as for none at all");
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
