//! Agents of which logs are expected in some hours only.

use chrono_tz::Tz;

use super::*;
use crate::config::calendar::{Calendar, Pause, When, Window};
use crate::config::model::Maintenance;
use crate::journal::quiet;

/// Office hours in UTC; the test begins on a Thursday at midnight.
pub async fn office(ids: &[&str]) -> World {
    let clock = |hour| chrono::NaiveTime::from_hms_opt(hour, 0, 0).unwrap();
    let days = [true, true, true, true, true, false, false];
    let windows = vec![Window { days, from: clock(8), to: clock(18) }];
    let calendar =
        Calendar { zone: Tz::UTC, windows, holidays: std::collections::BTreeSet::new(), pauses: Vec::new() };
    let mut watched = default_watch(ids);
    watched.classes = vec![Class {
        matcher: Matcher::new([("id", vec!["*"])]),
        interval: None,
        grace: None,
        min_events: None,
        calendar: Some(Arc::new(calendar)),
        max_time_to_notify: None,
        labels: BTreeMap::new(),
    }];
    let mut world = World::new(ids).await;
    let setup = Setup { watch: watched, source: world.index.clone(), beside: Vec::new(), lister: None };
    world.monitor.replace(setup).await.unwrap();
    world
}

fn maintenance_of(matcher: Matcher, when: When) -> Maintenance {
    Maintenance { matcher, pauses: vec![Pause { zone: Tz::UTC, when }], behind: Vec::new() }
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
    assert!(told.detail.contains("15 min without one is expected in its hours"), "{}", told.detail);
    world.minutes(12 * 60, &["002"]).await;
    let read = move |connection: &_| quiet::of(connection, told.incident.unwrap());
    let quiet = world.recorder.journal.write(read).await.unwrap().unwrap();
    let night = (start() + TimeDelta::hours(42), start() + TimeDelta::minutes(104 * 60 + 16));
    assert_eq!((quiet.from, quiet.until), (night.0.timestamp_millis(), night.1.timestamp_millis()));
    assert_eq!(quiet.why, "Its hours began at 2026-01-05 08:00:00 UTC.");
}

#[tokio::test(start_paused = true)]
async fn as_the_office_opens_the_night_is_nobodys_silence() {
    let ids = ["001", "002", "003", "004", "005", "006"];
    let mut world = office(&ids).await;
    world.minutes(18 * 60 - 10, &ids).await;
    world.minutes(8, &ids[1..]).await;
    // Six of 001's sixteen minutes are left, and fourteen of the others'.
    world.minutes(14 * 60 + 9, &[]).await;
    assert_eq!(world.story().await, [""; 0], "08:07: it is too early to tell");
    world.minutes(3, &ids[1..]).await;
    assert_eq!(world.story().await, ["agent_silent 001"]);
}

#[tokio::test(start_paused = true)]
async fn who_sends_through_which_node_is_known_also_after_a_weekend() {
    let ids = ["001", "002"];
    let mut world = office(&ids).await;
    world.index.nodes.lock().unwrap().extend(ids.map(|id| (id.to_owned(), "node02")));
    // The test begins on a Thursday.
    world.minutes(42 * 60, &ids).await;
    let setup = world.monitor.setup.clone();
    let mut world = world.restarted(&[]).await;
    tokio::time::sleep(Duration::from_secs(62 * 3600)).await;
    world.monitor.replace(setup).await.unwrap();
    world.minutes(20, &["002"]).await;
    let silent = world.events().await.pop().unwrap();
    assert_eq!((silent.kind, &*silent.labels["node"]), (EventKind::AgentSilent, "node02"));
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

#[tokio::test(start_paused = true)]
async fn maintenance_stops_the_clock_and_an_end_within_it_is_still_told() {
    let ids = ["001", "002"];
    let mut watched = default_watch(&ids);
    let local = |text: &str| chrono::NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M").unwrap();
    let when = When::Once(local("2026-01-01 01:00"), local("2026-01-01 03:00"));
    watched.maintenance = vec![maintenance_of(Matcher::default(), when)];
    let mut world = World::new(&ids).await;
    let setup = Setup { watch: watched, source: world.index.clone(), beside: Vec::new(), lister: None };
    world.monitor.replace(setup).await.unwrap();
    world.minutes(20, &ids).await;
    world.minutes(30, &["002"]).await;
    assert_eq!(world.story().await, ["agent_silent 001"], "before the maintenance");
    world.minutes(60, &[]).await;
    world.minute(&["001"]).await;
    let told = ["agent_silent 001", "agent_recovered 001"];
    assert_eq!(world.story().await, told, "its end is told within");
    // 002 logged last at 00:50: ten minutes before the maintenance, which ends at 03:00.
    world.minutes(73, &[]).await;
    assert_eq!(world.story().await, told, "03:04: fourteen minutes that count");
    world.minutes(3, &[]).await;
    assert_eq!(world.story().await, ["agent_silent 001", "agent_recovered 001", "agent_silent 002"]);
    let after = world.events().await.pop().unwrap().detail;
    let named = "Maintenance of all agents ended at 2026-01-01 03:00:00 UTC.";
    assert!(after.ends_with(named), "{after}");
}

#[tokio::test(start_paused = true)]
async fn the_journal_knows_when_nothing_is_to_be_said_of_a_silence() {
    let ids = ["001", "002"];
    let mut watched = default_watch(&ids);
    let local = |text: &str| chrono::NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M").unwrap();
    let when = When::Once(local("2026-01-01 01:00"), local("2026-01-01 03:00"));
    let matcher = Matcher::new([("id", vec!["001"])]);
    watched.maintenance = vec![maintenance_of(matcher, when)];
    let mut world = World::new(&ids).await;
    let setup = Setup { watch: watched, source: world.index.clone(), beside: Vec::new(), lister: None };
    world.monitor.replace(setup.clone()).await.unwrap();
    world.minutes(10, &ids).await;
    world.minutes(17, &[]).await;
    assert_eq!(world.story().await, ["agent_silent 001", "agent_silent 002"]);
    let known = async |world: &World| {
        let read = |connection: &_| Ok([quiet::of(connection, 1)?, quiet::of(connection, 2)?]);
        world
            .recorder
            .journal
            .write(read)
            .await
            .unwrap()
            .map(|quiet| quiet.map(|quiet| (quiet.from, quiet.until)))
    };
    let hour = |hour| (start() + TimeDelta::hours(hour)).timestamp_millis();
    assert_eq!(known(&world).await, [Some((hour(1), hour(3))), None], "before it begins");
    world.minutes(180, &[]).await;
    assert_eq!(known(&world).await[0], Some((hour(1), hour(3))), "and a while after it");
    let watch = Watch { maintenance: Vec::new(), ..setup.watch.clone() };
    world.monitor.replace(Setup { watch, ..setup }).await.unwrap();
    world.minute(&[]).await;
    assert_eq!(known(&world).await, [None, None], "it was taken out");
    world.minutes(60, &[]).await;
    assert_eq!(world.story().await, ["agent_silent 001", "agent_silent 002"], "nobody began anew");
}

#[tokio::test(start_paused = true)]
async fn nothing_is_said_of_a_stall_while_all_that_are_part_of_it_are_in_maintenance() {
    let ids = ["001", "002", "003", "004", "005", "006"];
    let local = |text: &str| chrono::NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M").unwrap();
    let maintenance = |ids: &[&'static str], until: &str| {
        let when = When::Once(local("2026-01-01 01:00"), local(until));
        maintenance_of(Matcher::new([("id", ids.to_vec())]), when)
    };
    let mut world = World::new(&ids).await;
    let setup = |all: Vec<Maintenance>, world: &World| Setup {
        watch: Watch { maintenance: all, ..default_watch(&ids) },
        source: world.index.clone(),
        beside: Vec::new(),
        lister: None,
    };
    let all = vec![maintenance(&ids[..5], "2026-01-01 03:00"), maintenance(&ids[3..], "2026-01-01 02:00")];
    world.monitor.replace(setup(all, &world)).await.unwrap();
    world.minutes(10, &ids).await;
    world.minutes(30, &[]).await;
    let stall = world.events().await.remove(0);
    assert_eq!(stall.kind, EventKind::PipelineStalled);
    let known = async |world: &World| {
        let read = move |connection: &_| quiet::of(connection, stall.incident.unwrap());
        let quiet = world.recorder.journal.write(read).await.unwrap();
        quiet.map(|quiet| (quiet.from - start().timestamp_millis(), quiet.until - start().timestamp_millis()))
    };
    assert_eq!(known(&world).await, Some((3_600_000, 2 * 3_600_000)), "the first of them to end");
    world.monitor.replace(setup(vec![maintenance(&ids[..5], "2026-01-01 03:00")], &world)).await.unwrap();
    world.minute(&[]).await;
    assert_eq!(known(&world).await, None, "006 is not in maintenance");
}

#[tokio::test(start_paused = true)]
async fn who_was_never_seen_is_told_in_its_hours_and_does_not_recover_when_they_are_over() {
    let mut world = office(&["001"]).await;
    world.minutes(8 * 60 - 1, &[]).await;
    assert_eq!(world.story().await, [""; 0], "nothing is expected before eight");
    world.minutes(24 * 60, &[]).await;
    assert_eq!(world.story().await, ["agent_silent 001"]);
}

#[tokio::test(start_paused = true)]
async fn who_was_never_seen_is_not_asked_about_each_second_of_the_night() {
    let World { monitor, index, .. } = office(&["001"]).await;
    let (_setup, setups) = watch::channel(monitor.setup.clone());
    let (_stop, stopped) = watch::channel(false);
    tokio::spawn(monitor.run(setups, stopped));
    tokio::time::sleep(Duration::from_secs(3600)).await;
    let asked = index.asked.lock().unwrap().len();
    assert!(asked <= 62, "asked {asked} times in an hour");
}
