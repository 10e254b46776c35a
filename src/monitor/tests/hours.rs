//! Agents of which logs are expected in some hours only.

use chrono_tz::Tz;

use super::*;
use crate::config::calendar::{Calendar, Window};

/// Office hours in UTC; the test begins on a Thursday at midnight.
async fn office(ids: &[&str]) -> World {
    let clock = |hour| chrono::NaiveTime::from_hms_opt(hour, 0, 0).unwrap();
    let days = [true, true, true, true, true, false, false];
    let windows = vec![Window { days, from: clock(8), to: clock(18) }];
    let calendar = Calendar { zone: Tz::UTC, windows, holidays: std::collections::BTreeSet::new() };
    let mut watched = default_watch(ids);
    watched.classes = vec![Class {
        matcher: Matcher::new([("id", vec!["*"])]),
        interval: None,
        grace: None,
        calendar: Some(Arc::new(calendar)),
        max_time_to_notify: None,
        labels: BTreeMap::new(),
    }];
    let mut world = World::new(ids).await;
    let setup = Setup { watch: watched, source: world.index.clone(), beside: Vec::new() };
    world.monitor.replace(setup).await.unwrap();
    world
}

#[tokio::test(start_paused = true)]
async fn nobody_is_silent_at_night_and_who_stays_away_is_told_in_the_morning() {
    let mut world = office(&["001", "002"]).await;
    world.minutes(7 * 60, &[]).await;
    assert_eq!(world.story().await, [""; 0], "nothing is expected before eight");
    world.minutes(11 * 60 - 10, &["001", "002"]).await;
    // From 17:50 on nobody logs. Ten minutes of the sixteen are used up when the office closes.
    world.minutes(14 * 60 + 14, &[]).await;
    assert_eq!(world.story().await, [""; 0], "08:04 on the next day");
    world.minute(&["002"]).await;
    world.minutes(4, &[]).await;
    assert_eq!(world.story().await, ["agent_silent 001"]);
    let told = world.events().await.remove(0);
    assert_eq!(told.at - start(), TimeDelta::minutes(32 * 60 + 6), "six minutes after eight");
    assert!(told.detail.contains("15 min in the hours of its class"), "{}", told.detail);
}

#[tokio::test(start_paused = true)]
async fn after_a_restart_at_night_the_hours_before_still_count() {
    let mut world = office(&["001"]).await;
    world.minutes(18 * 60 - 5, &["001"]).await;
    world.minutes(60, &[]).await;
    let setup = world.monitor.setup.clone();
    let mut world = world.restarted(&["001"]).await;
    world.monitor.replace(setup).await.unwrap();
    world.minutes(13 * 60 + 20, &[]).await;
    assert_eq!(world.story().await, ["agent_silent 001"]);
    let told = world.events().await.remove(0);
    assert_eq!(told.since.unwrap() - start(), TimeDelta::minutes(18 * 60 - 5));
}
