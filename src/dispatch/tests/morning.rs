//! What began and ended within quiet hours is told after them.

use log_monitor_channels::Severity;

use super::suppress::{quiet, soc};
use super::*;
use crate::wording::Voice;
use crate::wording::language::Language;

/// Past one o'clock, when it is quiet until seven.
async fn night() -> World {
    let world = World::new(quiet((1, 7), Severity::High), &["soc"]).await;
    minutes(90).await;
    world
}

#[tokio::test(start_paused = true)]
async fn what_was_over_by_the_morning_is_a_line_of_its_message_and_has_no_end_of_its_own() {
    let world = night().await;
    let incidents = world.silent(&["001", "002"]).await;
    minutes(30).await;
    world.recovered(&[("001", incidents[0])]).await;
    minutes(5 * 60 + 5).await;
    assert_eq!(world.titles("soc"), ["Silent: 002 host-002, no logs for 5 h 45 min"]);
    let told = &world.got("soc")[0];
    assert!(told.body.contains("Meanwhile over (1):\n- 001 host-001, last log "), "{}", told.body);
    assert_eq!(
        (told.kind, told.events.len()),
        (MessageKind::Firing, 1),
        "vendors open no alert of what is over"
    );
    world.recovered(&[("002", incidents[1])]).await;
    assert_eq!(world.got("soc").len(), 2, "{:?}", world.titles("soc"));
}

#[tokio::test(start_paused = true)]
async fn where_all_of_a_night_is_over_the_morning_has_one_message_of_it_in_the_words_of_its_channel() {
    let mut world = night().await;
    world.kill().await;
    let voice = Voice { language: Language::It, ..Voice::default() };
    world.wording = Arc::new(Wording { voices: [("soc".to_owned(), voice)].into(), ..Wording::default() });
    world.start().await;
    for id in ["001", "002"] {
        let incident = world.silent(&[id]).await[0];
        minutes(30).await;
        world.recovered(&[(id, incident)]).await;
    }
    let third = world.silent(&["003"]).await[0];
    minutes(4 * 60).await;
    assert_eq!(world.titles("soc"), [""; 0], "06:30");
    world.recovered(&[("003", third)]).await;
    minutes(36 * 60).await;
    assert_eq!(world.titles("soc"), ["Risolto: 3 agenti di default inviano di nuovo log"]);
    let told = &world.got("soc")[0];
    assert_eq!((told.kind, told.all_over), (MessageKind::Resolved, false), "it ends no alert of a vendor");
    assert!(
        told.body.contains("- 002 host-002, ") && told.body.contains("ore di quiete fino a"),
        "{}",
        told.body
    );
}

#[tokio::test(start_paused = true)]
async fn what_was_told_at_night_since_it_got_worse_is_not_told_again() {
    let world = night().await;
    let incident = world.silent(&["001"]).await[0];
    world.worsen("001", incident, Severity::High).await;
    world.recovered(&[("001", incident)]).await;
    assert_eq!(world.got("soc").len(), 2, "its end, too: {:?}", world.titles("soc"));
    minutes(24 * 60).await;
    assert_eq!(world.got("soc").len(), 2, "{:?}", world.titles("soc"));
}

#[tokio::test(start_paused = true)]
async fn whoever_falls_silent_after_what_was_over_that_night_is_reminded_of() {
    let world = night().await;
    let first = world.silent(&["001"]).await;
    minutes(30).await;
    world.recovered(&[("001", first[0])]).await;
    world.silent(&["002"]).await;
    minutes(7 * 60).await;
    let titles = world.titles("soc");
    assert!(titles[0].starts_with("Silent: 002") && titles[1].starts_with("Still silent: 002"), "{titles:?}");
}

#[tokio::test(start_paused = true)]
async fn a_morning_at_which_the_channel_is_down_loses_nothing_of_the_night() {
    let world = night().await;
    let incidents = world.silent(&["001", "002"]).await;
    world.recovered(&[("001", incidents[0])]).await;
    world.fail("soc", Some(down()));
    minutes(5 * 60 + 40).await;
    world.recovered(&[("002", incidents[1])]).await;
    world.fail("soc", None);
    minutes(10).await;
    let tried = world.titles("soc").len();
    assert_eq!(world.titles("soc")[tried - 1], "Recovered: 2 agents of default log again");
    minutes(60).await;
    assert_eq!(world.got("soc").len(), tried, "once: {:?}", world.titles("soc"));
}

#[tokio::test(start_paused = true)]
async fn what_a_silence_covers_by_the_morning_and_is_over_is_not_told() {
    let world = night().await;
    let incident = world.silent(&["001"]).await[0];
    world.recovered(&[("001", incident)]).await;
    world.silence("id=001", 24 * 60).await;
    minutes(48 * 60).await;
    assert_eq!(world.titles("soc"), [""; 0]);

    let world = World::new(soc(), &["soc"]).await;
    world.fail("soc", Some(down()));
    let incident = world.silent(&["001"]).await[0];
    world.recovered(&[("001", incident)]).await;
    world.fail("soc", None);
    let tried = world.got("soc").len();
    minutes(48 * 60).await;
    assert_eq!(world.got("soc").len(), tried, "by day what is over before it was told is no news");
}

#[tokio::test(start_paused = true)]
async fn what_ends_while_the_morning_is_being_told_is_the_only_end_that_follows() {
    let mut world = night().await;
    world.wrap("soc", |vendor| Box::new(Slow(vendor))).await;
    let incidents = world.silent(&["001", "002"]).await;
    world.recovered(&[("001", incidents[0])]).await;
    let seven = TimeDelta::hours(7) - (world.clock.now() - start());
    tokio::time::sleep((seven + TimeDelta::seconds(5)).to_std().unwrap()).await;
    world.recovered(&[("002", incidents[1])]).await;
    minutes(10).await;
    let told = world.got("soc");
    let ended: Vec<&str> =
        told[1].events.iter().filter_map(|event| Some(event.entity.as_ref()?.id.as_str())).collect();
    assert_eq!((told.len(), ended), (2, vec!["002"]), "{:?}", world.titles("soc"));
}
