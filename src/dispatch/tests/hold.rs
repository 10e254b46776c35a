//! What is held back by event, not by message, and looked at again before it goes out.

use log_monitor_channels::Severity;

use super::escalation::escalating;
use super::suppress::{quiet, soc};
use super::*;
use crate::config::{Group, Unless};

#[tokio::test(start_paused = true)]
async fn what_is_planned_already_is_held_back_by_a_silence_that_is_added() {
    let group = Group { wait: Duration::from_secs(15), ..Group::default() };
    let world = World::new(vec![Route { group, ..route("catch_all", &[&["soc"]]) }], &["soc"]).await;
    world.silent(&["001", "002"]).await;
    tokio::time::sleep(Duration::from_secs(3)).await;
    world.silence("id=001", 60).await;
    minutes(1).await;
    assert_eq!(world.titles("soc"), ["Silent: 002 host-002, no logs for 16 min"]);
    minutes(60).await;
    let told = world.got("soc").into_iter().find(|one| one.title.starts_with("Silent: 001")).unwrap();
    assert!(told.body.contains("Held back until now: silence 1 by alice"), "{}", told.body);
}

#[tokio::test(start_paused = true)]
async fn what_was_tried_in_vain_is_held_back_by_a_silence_that_is_added_unless_it_may_have_arrived() {
    let lost = || DeliveryError::transient(Reason::Timeout, "lost");
    for (failure, ids) in [(down(), &["001"][..]), (down(), &["001", "002"]), (lost(), &["001"])] {
        let world = World::new(two_steps(), &["slack", "email"]).await;
        ["slack", "email"].iter().for_each(|channel| world.fail(channel, Some(failure.clone())));
        world.silent(ids).await;
        minutes(5).await;
        world.silence("id=001", 60).await;
        minutes(2).await;
        world.silence("id=001", 90).await;
        minutes(3).await;
        ["slack", "email"].iter().for_each(|channel| world.fail(channel, None));
        let tried = world.got("slack").len();
        minutes(80).await;
        let told = world.titles("slack").split_off(tried);
        let of_001 = told.iter().any(|title| title.starts_with("Silent: 001"));
        let of_002 = told.iter().any(|title| title.starts_with("Silent: 002"));
        assert_eq!((of_001, of_002), (failure == lost(), ids.len() > 1), "{told:?}");
        minutes(10).await;
        let last = world.got("slack").pop().unwrap();
        let released = last.body.contains("Held back until now: silence 2 by alice");
        assert_eq!(released && last.title.starts_with("Silent: 001"), failure == down(), "{}", last.body);
    }
}

#[tokio::test(start_paused = true)]
async fn whoever_was_told_by_an_escalation_is_told_the_end_whatever_is_silenced_meanwhile() {
    let world = World::new(escalating(None), &["soc", "boss"]).await;
    world.fail("soc", Some(down()));
    let incidents = world.silent(&["001", "002"]).await;
    minutes(121).await;
    assert_eq!(world.titles("boss").pop().unwrap(), "Silent: 2 agents of default");
    world.silence("id=001", 60).await;
    minutes(5).await;
    world.recovered(&[("001", incidents[0])]).await;
    let last = world.titles("boss").pop().unwrap();
    assert!(last.starts_with("Recovered: 001"), "{last}");
}

#[tokio::test(start_paused = true)]
async fn of_what_a_silence_lets_go_another_holds_only_its_own() {
    let world = World::new(soc(), &["soc"]).await;
    world.silence("name=*", 30).await;
    let incidents = world.silent(&["001", "002", "003"]).await;
    world.silence("id=001", 90).await;
    world.silence("id=002", 90).await;
    minutes(31).await;
    assert_eq!(world.titles("soc"), ["Silent: 003 host-003, no logs for 46 min"]);
    world.recovered(&[("002", incidents[1])]).await;
    minutes(60).await;
    let mut told = world.titles("soc").into_iter().filter(|title| title.starts_with("Silent: "));
    assert_eq!(told.next_back().unwrap(), "Silent: 001 host-001, no logs for 1 h 46 min");
    world.recovered(&[("001", incidents[0]), ("003", incidents[2])]).await;
    let ends = world.titles("soc").into_iter().filter(|title| title.starts_with("Recovered"));
    assert_eq!(ends.count(), 2, "{:?}", world.titles("soc"));
}

#[tokio::test(start_paused = true)]
async fn what_a_silence_lets_go_at_night_is_told_in_the_morning_with_the_rest() {
    let world = World::new(quiet((1, 7), Severity::High), &["soc"]).await;
    let id = world.silence("id=001", 24 * 60).await;
    world.silent(&["001"]).await;
    minutes(90).await;
    world.silent(&["002"]).await;
    minutes(30).await;
    world.expire(id).await;
    minutes(300 - 5).await;
    assert_eq!(world.titles("soc"), [""; 0], "06:55");
    minutes(10).await;
    assert_eq!(world.titles("soc"), ["Silent: 2 agents of default"]);
    assert!(world.got("soc")[0].body.contains("Held back until now: quiet hours"), "{:?}", world.got("soc"));
}

#[tokio::test(start_paused = true)]
async fn a_reminder_names_nobody_who_is_silenced_or_taken_care_of() {
    let world = World::new(soc(), &["soc"]).await;
    let incidents = world.silent(&["001", "002", "003"]).await;
    world.silence("id=001", 120).await;
    world.ack(incidents[1], 120, Severity::Medium).await;
    minutes(61).await;
    assert_eq!(world.titles("soc")[1], "Still silent: 003 host-003, no logs for 1 h 16 min (reminder 1)");
    minutes(120).await;
    assert_eq!(world.titles("soc")[2], "Still silent: 3 agents of default");
}

#[tokio::test(start_paused = true)]
async fn reminders_wait_for_the_morning_as_their_firings_would() {
    let world = World::new(quiet((1, 7), Severity::High), &["soc"]).await;
    world.silent(&["001"]).await;
    minutes(30).await;
    world.silent(&["002"]).await;
    minutes(6 * 60 + 25).await;
    assert_eq!(world.titles("soc").len(), 2, "06:55: {:?}", world.titles("soc"));
    minutes(10).await;
    assert_eq!(world.titles("soc")[2..], ["Still silent: 2 agents of default"]);
}

#[tokio::test(start_paused = true)]
async fn a_reminder_that_waits_for_its_channel_is_held_back_by_what_is_added_meanwhile() {
    for (acked, agents) in [(false, 1), (true, 1), (false, 2), (true, 2)] {
        let mut world = World::new(soc(), &["soc"]).await;
        world.limit("soc", &["1 per 2h"], false).await;
        let incidents = world.silent(&["001", "002"][..agents]).await;
        minutes(70).await;
        match acked {
            true => world.ack(incidents[0], 170, Severity::Medium).await,
            false => drop(world.silence("id=001", 170).await),
        }
        minutes(169).await;
        let reminded = |world: &World| -> Vec<usize> {
            world.got("soc")[1..].iter().map(|reminder| reminder.events.len()).collect()
        };
        assert_eq!(reminded(&world), vec![1; agents - 1], "{:?}", world.titles("soc"));
        minutes(302).await;
        let last = world.got("soc").pop().unwrap();
        assert_eq!(last.events.len(), agents, "acked {acked}: {:?}", world.titles("soc"));
        assert_eq!(last.kind, MessageKind::Reminder);
    }
}

#[tokio::test(start_paused = true)]
async fn an_escalation_that_waits_for_its_channel_is_held_back_by_an_acknowledgement_until_that_ends() {
    let mut world = World::new(escalating(Some(Unless::Acked)), &["soc", "boss"]).await;
    world.limit("boss", &["1 per 1h"], false).await;
    world.silent(&["900"]).await;
    minutes(30).await;
    let incidents = world.silent(&["001", "002"]).await;
    minutes(135).await;
    world.ack(incidents[0], 100, Severity::Medium).await;
    minutes(20).await;
    let titles = world.titles("boss");
    assert!(titles[1].starts_with("Silent: 002") && titles.len() == 2, "{titles:?}");
    minutes(90).await;
    let told = world.got("boss").remove(2);
    assert!(told.title.starts_with("Silent: 001"), "{}", told.title);
    assert!(told.body.contains("because the acknowledgement by bob has ended"), "{}", told.body);
    assert_eq!(world.got("boss").len(), 3, "{:?}", world.titles("boss"));
}

#[tokio::test(start_paused = true)]
async fn an_escalation_that_was_tried_in_vain_is_held_back_by_an_acknowledgement() {
    let world = World::new(escalating(Some(Unless::Acked)), &["soc", "boss"]).await;
    world.fail("boss", Some(down()));
    let incident = world.silent(&["001"]).await[0];
    minutes(120).await;
    let tried = world.got("boss").len();
    assert_ne!(tried, 0);
    world.ack(incident, 100, Severity::Medium).await;
    world.fail("boss", None);
    minutes(99).await;
    assert_eq!(world.titles("boss")[tried..], [""; 0], "somebody takes care of it");
    minutes(3).await;
    let told = world.got("boss").split_off(tried);
    assert!(told.len() == 1 && told[0].body.contains("the acknowledgement by bob has ended"), "{told:?}");
}

#[tokio::test(start_paused = true)]
async fn a_reminder_that_was_tried_in_vain_is_held_back_unless_it_may_have_arrived() {
    for (acked, uncertain) in [(true, false), (false, false), (true, true)] {
        let mut world = World::new(soc(), &["soc"]).await;
        let incident = world.silent(&["001"]).await[0];
        world.fail("soc", Some(down()));
        minutes(60).await;
        world.kill().await;
        let tried = world.got("soc").len();
        assert!(tried > 1, "a reminder was tried");
        let cut_off = move |db: &rusqlite::Connection| {
            db.execute("UPDATE delivery SET uncertain = ?1 WHERE state = 'waiting'", [uncertain])
        };
        world.journal.write(cut_off).await.unwrap();
        match acked {
            true => world.ack(incident, 60, Severity::Medium).await,
            false => drop(world.silence("id=001", 60).await),
        }
        world.fail("soc", None);
        world.start().await;
        minutes(30).await;
        let told = world.titles("soc").split_off(tried);
        assert_eq!(told.len(), usize::from(uncertain), "acked {acked}: {told:?}");
        minutes(32).await;
        assert_eq!(world.got("soc").len(), tried + 1, "acked {acked}, uncertain {uncertain}");
    }
}
