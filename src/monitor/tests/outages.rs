//! What happened to others; `tests/README.md` has the whole list.

use super::*;

/// A service that is restarted more often than an agent may be quiet must not begin to count anew each time
/// (gatus 1237).
#[tokio::test(start_paused = true)]
async fn whoever_is_restarted_every_five_minutes_notices_a_day_and_an_hour_of_silence_on_time() {
    let ids = ["001", "002"];
    let day = Watch { interval: Duration::from_secs(25 * 3600), ..default_watch(&ids) };
    let clock = Arc::new(SettableClock::starting_at(start()));
    let mut world = World::with(day.clone(), Arc::default(), Journal::in_memory().unwrap(), clock).await;
    world.minute(&ids).await;
    let last = world.now();
    while world.story().await.is_empty() && world.now() - last < TimeDelta::hours(26) {
        let World { index, clock, recorder, .. } = world;
        world = World::with(day.clone(), index, recorder.journal, clock).await;
        world.minutes(5, &["001"]).await;
    }
    assert_eq!(world.story().await, ["agent_silent 002"]);
    let late = world.events().await[0].at - last - TimeDelta::hours(25);
    assert!(late <= TimeDelta::minutes(2), "{late}");
}
