//! Reminders, and when there are none.

use super::*;

#[tokio::test(start_paused = true)]
async fn reminders_come_further_apart_and_stop_with_the_recovery() {
    let world = World::new(two_steps(), &["slack", "email"]).await;
    let incidents = world.silent(&["001"]).await;
    minutes(60).await;
    assert_eq!(world.titles("slack")[1], "Still silent: 001 host-001, no logs for 1 h 16 min (reminder 1)");
    minutes(119).await;
    assert_eq!(world.got("slack").len(), 2);
    minutes(1).await;
    assert_eq!(world.got("slack").len(), 3);
    world.recovered(&[("001", incidents[0])]).await;
    minutes(60 * 48).await;
    assert_eq!(world.got("slack").len(), 4, "the resolution, and no more reminders");
}

#[tokio::test(start_paused = true)]
async fn nobody_is_reminded_while_nothing_is_to_be_said_and_then_that_is_the_reason() {
    let world = World::new(two_steps(), &["slack", "email"]).await;
    let incidents = world.silent(&["001", "002"]).await;
    let hour = |hour: i64| events::millis(start()) + hour * 3_600_000;
    let quiet = |incident: i64, until: i64| Quiet {
        incident,
        from: hour(0),
        until: hour(until),
        why: "Maintenance of db-* ended at four.".to_owned(),
    };
    let rows = vec![quiet(incidents[0], 4), quiet(incidents[1], 6)];
    world.journal.write(move |connection| quiet::replace(connection, "default", &rows)).await.unwrap();
    minutes(4 * 60 - 1).await;
    assert_eq!(world.got("slack").len(), 1, "the firing");
    minutes(2).await;
    let reminder = world.got("slack").pop().unwrap();
    assert_eq!(reminder.title, "Still silent: 001 host-001, no logs for 4 h 16 min (reminder 1)");
    let said = "Maintenance of db-* ended at four. As it was noticed at 2026-01-01 00:00:00 UTC: It stopped.";
    assert!(reminder.body.starts_with(said) && !reminder.body.contains("Noticed:"), "{}", reminder.body);
    // The wait goes on from there, and by then nobody is in maintenance.
    minutes(2 * 60).await;
    let reminder = world.got("slack").pop().unwrap();
    assert_eq!(reminder.title, "Still silent: 2 agents of default");
    world.recovered(&[("001", incidents[0]), ("002", incidents[1])]).await;
    assert_eq!(world.got("slack").len(), 4);
}

#[tokio::test(start_paused = true)]
async fn a_channel_that_was_down_for_a_day_gets_the_firing_and_one_reminder() {
    let world = World::new(vec![route("catch_all", &[&["slack"]])], &["slack"]).await;
    world.fail("slack", Some(down()));
    world.silent(&["001"]).await;
    minutes(60 * 20).await;
    let before = world.got("slack").len();
    world.fail("slack", None);
    minutes(2).await;
    let after = world.got("slack").split_off(before);
    // Both were backing off with jitter, so either may be the first.
    for kind in [MessageKind::Firing, MessageKind::Reminder] {
        assert_eq!(after.iter().filter(|notification| notification.kind == kind).count(), 1, "{kind:?}");
    }
    assert_eq!(after.len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_reminder_of_an_agent_that_logs_again_but_flaps_says_so_and_since_when() {
    let world = World::new(two_steps(), &["slack", "email"]).await;
    let incident = world.silent(&["001"]).await[0];
    minutes(5).await;
    let back = world.now();
    let note = vec![(incident, Note::BackSince(Some(back)))];
    world.journal.write(move |connection| notes::write(connection, &note)).await.unwrap();
    minutes(60).await;
    let got = world.got("slack").pop().unwrap();
    assert_eq!(got.title, "Not over yet: 001 host-001 logs again, but flaps (reminder 1)");
    assert!(got.body.starts_with("It has logged again since 2026-01-01 00:05:00 UTC"), "{}", got.body);
}

/// The events of the journal tell the same story as the messages.
#[tokio::test(start_paused = true)]
async fn reminders_are_events_too() {
    let world = World::new(two_steps(), &["slack", "email"]).await;
    world.silent(&["001"]).await;
    minutes(61).await;
    let stored: Vec<Event> =
        world.journal.write(|connection| events::after(connection, 0, 10)).await.unwrap();
    let kinds: Vec<EventKind> = stored.iter().map(|event| event.kind).collect();
    assert_eq!(kinds, [EventKind::AgentSilent, EventKind::AgentStillSilent]);
    assert!(world.now() > events::millis(start()));
}

#[tokio::test(start_paused = true)]
async fn a_reminder_that_waits_gives_way_to_the_news_that_it_got_worse() {
    let world = World::new(vec![route("catch_all", &[&["soc"]])], &["soc"]).await;
    let incident = world.silent(&["001"]).await[0];
    world.fail("soc", Some(down()));
    minutes(61).await;
    let before = world.got("soc").len();
    world.fail("soc", None);
    world.worsen("001", incident, log_monitor_channels::Severity::High).await;
    minutes(2).await;
    let kinds: Vec<MessageKind> = world.got("soc")[before..].iter().map(|told| told.kind).collect();
    assert_eq!(kinds, [MessageKind::Firing]);
}
