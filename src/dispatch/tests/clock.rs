//! This machine's clock is set while something is on its way.

use super::escalation::escalating_twice;
use super::*;
use crate::clock::SettableClock;

/// A world whose clock can be set.
async fn world() -> (World, Arc<SettableClock>) {
    settable(World::new(two_steps(), &["slack", "email"]).await).await
}

async fn settable(mut world: World) -> (World, Arc<SettableClock>) {
    world.kill().await;
    let clock = Arc::new(SettableClock::starting_at(start()));
    world.clock = clock.clone();
    world.recorder.clock = clock.clone();
    world.start().await;
    (world, clock)
}

fn reminders(world: &World) -> usize {
    world.titles("slack").iter().filter(|title| title.starts_with("Still silent")).count()
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_is_set_moves_no_timer() {
    for hours in [-30, 30] {
        let (world, clock) = world().await;
        world.fail("slack", Some(down()));
        world.silent(&["001"]).await;
        clock.set_by(TimeDelta::hours(hours));
        minutes(2).await;
        assert_eq!(world.got("email").len(), 1, "the fallback came in time, {hours} h");
        assert!(world.got("slack").len() > 4, "slack is still tried, {hours} h");
        world.fail("slack", None);
        minutes(56).await;
        assert_eq!(reminders(&world), 0, "{hours} h");
        minutes(3).await;
        assert_eq!(reminders(&world), 1, "{hours} h");
    }
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_is_set_moves_no_escalation() {
    for hours in [-30, 30] {
        let world = World::new(escalating_twice(), &["soc", "lead", "boss"]).await;
        let (world, clock) = settable(world).await;
        world.silent(&["001"]).await;
        clock.set_by(TimeDelta::hours(hours));
        let told = |world: &World| (world.got("lead").len(), world.got("boss").len());
        minutes(59).await;
        assert_eq!(told(&world), (0, 0), "{hours} h");
        minutes(2).await;
        assert_eq!(told(&world), (1, 0), "{hours} h");
        minutes(58).await;
        assert_eq!(told(&world), (1, 0), "{hours} h");
        minutes(2).await;
        assert_eq!(told(&world), (1, 1), "{hours} h");
        let body = world.got("boss").remove(0).body;
        assert!(body.contains("because it has gone on for 2 h since others were told"), "{body}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_written_before_it_is_noticed_that_the_clock_was_set_keeps_its_waits() {
    for hours in [-30, 30] {
        let (world, clock) = world().await;
        minutes(5).await;
        clock.set_by(TimeDelta::hours(hours));
        ["slack", "email"].iter().for_each(|channel| world.fail(channel, Some(down())));
        world.silent(&["001"]).await;
        minutes(5).await;
        ["slack", "email"].iter().for_each(|channel| world.fail(channel, None));
        minutes(2).await;
        assert_eq!(world.titles("slack").last().unwrap(), "Silent: 001 host-001, no logs for 16 min");
        minutes(50).await;
        assert_eq!(reminders(&world), 0, "{hours} h");
        minutes(10).await;
        assert_eq!(reminders(&world), 1, "{hours} h");
    }
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_was_wrong_for_a_while_moves_nothing_at_the_next_start() {
    let (mut world, clock) = world().await;
    clock.set_by(TimeDelta::hours(30));
    world.silent(&["001"]).await;
    minutes(1).await;
    clock.set_by(TimeDelta::hours(0));
    minutes(10).await;
    world.kill().await;
    world.start().await;
    minutes(45).await;
    assert_eq!(reminders(&world), 0);
    minutes(5).await;
    assert_eq!(reminders(&world), 1);
}

#[tokio::test(start_paused = true)]
async fn what_was_on_its_way_as_the_clock_was_set_back_has_its_end() {
    let mut world = World::new(vec![route("catch_all", &[&["slow"]])], &["slow"]).await;
    world.wrap("slow", |vendor| Box::new(Slow(vendor))).await;
    let (world, clock) = settable(world).await;
    let incidents = world.silent(&["001"]).await;
    clock.set_by(TimeDelta::hours(-1));
    world.recovered(&[("001", incidents[0])]).await;
    minutes(1).await;
    let kinds: Vec<MessageKind> = world.got("slow").iter().map(|told| told.kind).collect();
    assert_eq!(kinds, [MessageKind::Firing, MessageKind::Resolved]);
}
