//! Whoever has the beginning is told the end, and nobody else.

use log_monitor_channels::Severity;

use super::*;

#[tokio::test(start_paused = true)]
async fn the_end_is_told_to_whoever_accepted_the_beginning() {
    let world = World::new(two_steps(), &["slack", "email"]).await;
    world.fail("slack", Some(revoked()));
    let incidents = world.silent(&["001"]).await;
    world.fail("slack", None);
    world.routes.send_replace(Arc::new(vec![route("catch_all", &[&["slack"]])]));
    world.recovered(&[("001", incidents[0])]).await;
    let resolution = world.got("email").pop().unwrap();
    assert_eq!(resolution.kind, MessageKind::Resolved);
    assert!(resolution.title.starts_with("Recovered: 001 host-001"), "{}", resolution.title);
    assert!(resolution.in_reply_to.is_some(), "it answers the firing");
    assert!(world.got("slack").iter().all(|n| n.kind != MessageKind::Resolved));
}

#[tokio::test(start_paused = true)]
async fn what_is_over_before_it_was_delivered_is_not_sent() {
    let world = World::new(two_steps(), &["slack", "email"]).await;
    world.fail("slack", Some(down()));
    let incidents = world.silent(&["001"]).await;
    world.recovered(&[("001", incidents[0])]).await;
    let tries = world.got("slack").len();
    world.fail("slack", None);
    minutes(10).await;
    assert_eq!((world.got("slack").len(), world.got("email").len()), (tries, 0));
}

#[tokio::test(start_paused = true)]
async fn what_is_over_is_not_told_when_the_rest_of_its_message_is_tried_again() {
    let world = World::new(vec![route("catch_all", &[&["slack"]])], &["slack"]).await;
    world.fail("slack", Some(down()));
    let incidents = world.silent(&["001", "002"]).await;
    world.recovered(&[("001", incidents[0])]).await;
    world.fail("slack", None);
    let tried = world.got("slack").len();
    minutes(5).await;
    assert_eq!(world.titles("slack")[tried..], ["Silent: 002 host-002, no logs for 16 min"]);
}

#[tokio::test(start_paused = true)]
async fn a_firing_that_is_accepted_after_its_end_is_followed_by_the_end() {
    // Also where that is not known.
    for answer in [None, Some(Err(DeliveryError::transient(Reason::Timeout, "lost")))] {
        let mut world = World::new(vec![route("catch_all", &[&["slow"]])], &["slow"]).await;
        world.wrap("slow", |vendor| Box::new(Slow(vendor))).await;
        world.vendors["slow"].script(answer);
        let incidents = world.silent(&["001"]).await;
        world.recovered(&[("001", incidents[0])]).await;
        minutes(1).await;
        let kinds: Vec<MessageKind> =
            world.got("slow").iter().map(|notification| notification.kind).collect();
        assert_eq!(kinds, [MessageKind::Firing, MessageKind::Resolved]);
    }
}

/// Takes its time with a firing that is not severe.
struct SlowWithLittle(Vendor);

#[log_monitor_channels::async_trait]
impl log_monitor_channels::Notifier for SlowWithLittle {
    async fn notify(&self, notification: &Notification) -> Result<Receipt, DeliveryError> {
        if notification.kind == MessageKind::Firing && notification.severity < Severity::High {
            tokio::time::sleep(Duration::from_secs(10)).await;
        }
        self.0.notify(notification).await
    }
}

/// PagerDuty has an alert of each firing: the one that it took last would stay open.
#[tokio::test(start_paused = true)]
async fn a_firing_that_is_accepted_after_the_end_of_its_worse_one_is_followed_by_the_end_too() {
    // Also where that is not known.
    for answer in [None, Some(Err(DeliveryError::transient(Reason::Timeout, "lost")))] {
        let mut world = World::new(vec![route("catch_all", &[&["pager"]])], &["pager"]).await;
        world.limits.insert("pager".to_owned(), Limits { resolve: true, ..Limits::default() });
        world.wrap("pager", |vendor| Box::new(SlowWithLittle(vendor))).await;
        let incident = world.silent(&["001"]).await[0];
        world.worsen("001", incident, Severity::High).await;
        world.recovered(&[("001", incident)]).await;
        assert_eq!(world.got("pager").len(), 2, "what got worse, and its end");
        world.vendors["pager"].script(answer);
        minutes(1).await;
        let later = world.got("pager").split_off(2);
        assert_eq!(later[0].kind, MessageKind::Firing);
        let closed = |end: &Notification| {
            end.kind == MessageKind::Resolved && end.answers.as_ref() == Some(&later[0].idempotency_key)
        };
        assert_eq!(later[1..].iter().filter(|end| closed(end)).count(), 1, "{later:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_end_of_what_was_accepted_after_it_is_told_once_whatever_else_the_firing_was_of() {
    let mut world = World::new(vec![route("catch_all", &[&["slow"]])], &["slow"]).await;
    world.wrap("slow", |vendor| Box::new(Slow(vendor))).await;
    let incidents = world.silent(&["001", "002"]).await;
    world.recovered(&[("001", incidents[0])]).await;
    minutes(62).await;
    let ends = |title: &&String| title.starts_with("Recovered: 001");
    let titles = world.titles("slow");
    assert!(titles.iter().any(|title| title.starts_with("Still silent: 002")), "{titles:?}");
    assert_eq!(titles.iter().filter(ends).count(), 1, "{titles:?}");
}

#[tokio::test(start_paused = true)]
async fn what_is_over_is_not_told_to_whoever_takes_it_later_than_the_rest_of_its_step() {
    let world = World::new(vec![route("catch_all", &[&["slack", "email"]])], &["slack", "email"]).await;
    world.fail("email", Some(down()));
    let incidents = world.silent(&["001", "002"]).await;
    world.recovered(&[("001", incidents[0])]).await;
    world.fail("email", None);
    let tried = world.got("email").len();
    minutes(5).await;
    let ended = |channel: &str| world.titles(channel).last().unwrap().clone();
    assert_eq!(world.titles("email")[tried..], ["Silent: 002 host-002, no logs for 16 min"]);
    assert!(ended("slack").starts_with("Recovered: 001"), "{}", ended("slack"));
    world.recovered(&[("002", incidents[1])]).await;
    assert!(ended("email").starts_with("Recovered: 002"), "{}", ended("email"));
}

#[tokio::test(start_paused = true)]
async fn what_is_over_while_a_try_of_it_is_under_way_goes_to_no_next_step() {
    let mut route = route("catch_all", &[&["slow"], &["email"]]);
    route.steps[0].fallback_after = Duration::from_secs(5);
    let mut world = World::new(vec![route], &["slow", "email"]).await;
    world.wrap("slow", |vendor| Box::new(Slow(vendor))).await;
    let incidents = world.silent(&["001"]).await;
    world.recovered(&[("001", incidents[0])]).await;
    minutes(5).await;
    assert_eq!((world.got("slow").len(), world.got("email").len()), (2, 0), "{:?}", world.titles("email"));
}

#[tokio::test(start_paused = true)]
async fn the_end_of_all_that_a_try_without_an_answer_may_have_told_is_told() {
    let world = World::new(vec![route("catch_all", &[&["slack"]])], &["slack"]).await;
    world.fail("slack", Some(DeliveryError::transient(Reason::Timeout, "lost")));
    let incidents = world.silent(&["001", "002"]).await;
    world.recovered(&[("001", incidents[0])]).await;
    world.recovered(&[("002", incidents[1])]).await;
    world.fail("slack", None);
    minutes(5).await;
    let got = world.got("slack");
    let ends = got.iter().filter(|one| one.kind == MessageKind::Resolved);
    let mut over: Vec<&str> =
        ends.flat_map(|end| &end.events).map(|event| event.entity.as_ref().unwrap().id.as_str()).collect();
    over.sort_unstable();
    over.dedup();
    assert_eq!(over, ["001", "002"]);
}

#[tokio::test(start_paused = true)]
async fn what_follows_a_firing_whose_answer_was_lost_names_the_key_that_it_was_sent_with() {
    for reminded in [false, true] {
        let world = World::new(vec![route("catch_all", &[&["pager"]])], &["pager"]).await;
        world.vendors["pager"]
            .script([Err(DeliveryError::transient(Reason::Timeout, "lost")), Err(revoked())]);
        let incidents = world.silent(&["001"]).await;
        minutes(if reminded { 61 } else { 1 }).await;
        world.recovered(&[("001", incidents[0])]).await;
        let told = world.got("pager");
        let next = told.iter().find(|one| one.kind != MessageKind::Firing).unwrap();
        assert_eq!(next.kind == MessageKind::Reminder, reminded);
        assert_eq!(next.answers.as_ref(), Some(&told[0].idempotency_key), "{next:?}");
        assert!(next.in_reply_to.is_none() && next.idempotency_key != told[0].idempotency_key);
    }
}

#[tokio::test(start_paused = true)]
async fn whoever_took_only_a_reminder_is_not_told_the_end_of_what_was_over_before() {
    let world = World::new(two_steps(), &["slack", "email"]).await;
    let incidents = world.silent(&["001", "002"]).await;
    world.recovered(&[("001", incidents[0])]).await;
    world.fail("slack", Some(down()));
    minutes(62).await;
    assert_eq!(world.titles("email").len(), 1, "the reminder: {:?}", world.titles("email"));
    world.recovered(&[("002", incidents[1])]).await;
    let end = world.got("email").pop().unwrap();
    assert!(end.title.starts_with("Recovered: 002"), "{}", end.title);
}

#[tokio::test(start_paused = true)]
async fn whoever_takes_a_reminder_while_a_round_finds_the_end_is_told_the_end() {
    let mut world = World::new(two_steps(), &["slack", "email"]).await;
    world.wrap("email", |vendor| Box::new(Slow(vendor))).await;
    let incidents = world.silent(&["001"]).await;
    world.fail("slack", Some(down()));
    minutes(59).await;
    let tried = "SELECT EXISTS (SELECT 1 FROM delivery WHERE channel = 'email' AND state = 'sending')";
    let is_tried = || world.journal.write(move |db| db.query_row(tried, [], |row| row.get::<_, bool>(0)));
    while !is_tried().await.unwrap() {
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    let mut end = agent_silent("001", "host-001");
    // What a round finds is dated with its beginning.
    (end.kind, end.at) = (EventKind::AgentRecovered, world.clock.now() - TimeDelta::minutes(1));
    world.recorder.record(vec![Change::event(IncidentChange::Close(incidents[0]), end)]).await.unwrap();
    minutes(1).await;
    assert!(world.titles("email")[0].starts_with("Still silent"), "{:?}", world.titles("email"));
    assert!(world.titles("email")[1].starts_with("Recovered: 001"), "{:?}", world.titles("email"));
}

/// PagerDuty accepts the end of what it was never told, so that nobody would notice.
#[tokio::test(start_paused = true)]
async fn whoever_took_only_a_reminder_is_not_told_the_end_of_what_that_did_not_name() {
    let world = World::new(two_steps(), &["slack", "email"]).await;
    let incidents = world.silent(&["001", "002"]).await;
    world.ack(incidents[0], 600, log_monitor_channels::Severity::Medium).await;
    world.fail("slack", Some(down()));
    minutes(62).await;
    assert_eq!(world.got("email")[0].events.len(), 1, "the reminder: {:?}", world.titles("email"));
    world.fail("slack", None);
    world.recovered(&[("001", incidents[0])]).await;
    minutes(1).await;
    assert!(world.got("slack").iter().any(|told| told.kind == MessageKind::Resolved));
    assert_eq!(world.got("email").len(), 1, "{:?}", world.titles("email"));
    world.recovered(&[("002", incidents[1])]).await;
    assert!(world.got("email")[1].title.starts_with("Recovered: 002"), "{:?}", world.titles("email"));
}

#[tokio::test(start_paused = true)]
async fn a_firing_that_fails_after_its_end_goes_nowhere_else() {
    let mut world = World::new(two_steps(), &["slack", "email"]).await;
    world.wrap("slack", |vendor| Box::new(Slow(vendor))).await;
    world.fail("slack", Some(down()));
    let incidents = world.silent(&["001"]).await;
    world.recovered(&[("001", incidents[0])]).await;
    minutes(10).await;
    assert_eq!((world.got("slack").len(), world.got("email").len()), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn the_end_is_told_to_whoever_may_have_the_beginning() {
    let world = World::new(two_steps(), &["slack", "email"]).await;
    world.vendors["slack"].script([Err(DeliveryError::transient(Reason::Timeout, "lost"))]);
    let incidents = world.silent(&["001"]).await;
    world.recovered(&[("001", incidents[0])]).await;
    minutes(2).await;
    let kinds: Vec<MessageKind> = world.got("slack").iter().map(|told| told.kind).collect();
    assert_eq!(kinds, [MessageKind::Firing, MessageKind::Resolved]);
    assert_eq!(world.got("email").len(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_recovery_that_comes_late_says_who_is_silent_again() {
    let world = World::new(vec![route("catch_all", &[&["slack"]])], &["slack"]).await;
    let incidents = world.silent(&["001"]).await;
    world.fail("slack", Some(down()));
    world.recovered(&[("001", incidents[0])]).await;
    world.silent(&["001"]).await;
    world.fail("slack", None);
    minutes(2).await;
    let late = world.got("slack").into_iter().rfind(|n| n.kind == MessageKind::Resolved).unwrap();
    assert!(late.body.contains("Silent again since then (1):\n- 001 host-001"), "{}", late.body);
}
