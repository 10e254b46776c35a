//! Reminders of a route that are due at about the same time are one message.

use super::*;

async fn three() -> (World, Vec<i64>) {
    let world = World::new(vec![route("catch_all", &[&["soc"]])], &["soc"]).await;
    let mut incidents = Vec::new();
    for id in ["001", "002", "003"] {
        incidents.extend(world.silent(&[id]).await);
        minutes(5).await;
    }
    (world, incidents)
}

#[tokio::test(start_paused = true)]
async fn reminders_that_are_due_together_are_one_message_with_the_longest_silence_first() {
    let (world, incidents) = three().await;
    minutes(46).await;
    let digest = world.got("soc").pop().unwrap();
    assert_eq!(digest.title, "Still silent: 3 agents of default");
    assert!(digest.body.starts_with("- 001 host-001, last log 2025-12-31 23:44:00"), "{}", digest.body);
    minutes(118).await;
    assert_eq!(world.got("soc").len(), 4, "each goes on at its own pace");
    minutes(2).await;
    assert_eq!(world.got("soc").pop().unwrap().events.len(), 3);
    world.recovered(&[("001", incidents[0])]).await;
    minutes(60 * 4 - 1).await;
    assert_eq!(world.got("soc").len(), 6);
    minutes(15).await;
    assert_eq!(world.titles("soc").last().unwrap(), "Still silent: 2 agents of default");
    world.recovered(&[("002", incidents[1]), ("003", incidents[2])]).await;
    let count = world.got("soc").len();
    minutes(60 * 48).await;
    assert_eq!(world.got("soc").len(), count, "nobody is left");
}

#[tokio::test(start_paused = true)]
async fn whoever_heard_of_a_silence_by_a_digest_only_is_told_its_end() {
    let world = World::new(vec![route("catch_all", &[&["soc"], &["email"]])], &["soc", "email"]).await;
    world.fail("soc", Some(down()));
    let one = world.silent(&["001"]).await[0];
    minutes(5).await;
    let two = world.silent(&["002"]).await[0];
    minutes(20).await;
    // What was not taken by now is given up.
    world
        .journal
        .write(|db| db.execute("UPDATE delivery SET state = 'failed' WHERE state = 'waiting'", []))
        .await
        .unwrap();
    world.fail("soc", None);
    minutes(40).await;
    let kinds = |world: &World| world.got("soc").iter().map(|message| message.kind).collect::<Vec<_>>();
    let digest = world.got("soc").into_iter().rfind(|message| message.kind == MessageKind::Reminder).unwrap();
    assert_eq!(digest.events.len(), 2);
    world.recovered(&[("001", one)]).await;
    assert_eq!(kinds(&world).last(), Some(&MessageKind::Resolved));
    world.recovered(&[("002", two)]).await;
    let end = world.got("soc").pop().unwrap();
    assert!(end.title.starts_with("Recovered: 002") && end.in_reply_to.is_some(), "{end:?}");
}

#[tokio::test(start_paused = true)]
async fn a_vendor_that_keeps_a_state_of_each_is_reminded_of_each() {
    let mut world = World::new(vec![route("catch_all", &[&["pager"]])], &["pager"]).await;
    world.kill().await;
    world.limits.insert("pager".to_owned(), Limits { resolve: true, ..Limits::default() });
    world.start().await;
    let incidents = [world.silent(&["001"]).await[0], world.silent(&["002"]).await[0]];
    minutes(60).await;
    let told = world.got("pager");
    assert_eq!(told.len(), 4, "two firings, and one try of two reminders");
    assert!(told[2..].iter().all(|one| one.events.len() == 1 && one.in_reply_to.is_some()), "{told:?}");
    assert_ne!(told[2].idempotency_key, told[3].idempotency_key);
    world.recovered(&[("001", incidents[0])]).await;
    assert!(world.got("pager")[4].all_over, "of its own post");
}

#[tokio::test(start_paused = true)]
async fn whoever_gets_a_digest_when_some_of_it_is_over_is_not_told_the_end_of_that() {
    let world = World::new(two_steps(), &["slack", "email"]).await;
    let one = world.silent(&["001"]).await[0];
    let two = world.silent(&["002"]).await[0];
    minutes(59).await;
    world.fail("slack", Some(down()));
    tokio::time::sleep(Duration::from_secs(65)).await;
    world.recovered(&[("001", one)]).await;
    minutes(3).await;
    let reminder = world.got("email").pop().unwrap();
    assert_eq!((reminder.kind, reminder.events.len()), (MessageKind::Reminder, 1));
    assert_eq!(world.got("email").len(), 1, "{:?}", world.titles("email"));
    world.recovered(&[("002", two)]).await;
    let end = world.got("email").pop().unwrap();
    assert!(end.title.starts_with("Recovered: 002"), "{}", end.title);
}
