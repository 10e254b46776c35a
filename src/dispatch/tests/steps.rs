//! From channel to channel: what is tried again, what takes over, and who is told of it.

use super::*;

#[tokio::test(start_paused = true)]
async fn a_message_that_the_first_channel_takes_goes_nowhere_else() {
    let world = World::new(two_steps(), &["slack", "email"]).await;
    world.silent(&["001"]).await;
    minutes(30).await;
    assert_eq!(world.titles("slack"), ["Silent: 001 host-001, no logs for 16 min"]);
    assert_eq!(world.titles("email").len(), 0);
}

/// Discord takes 2,000 characters, of which a list of twenty may be all.
#[tokio::test(start_paused = true)]
async fn a_list_that_is_cut_still_says_why_it_came_this_way() {
    let mut world = World::new(two_steps(), &["slack", "email"]).await;
    world.kill().await;
    world.limits.insert("email".to_owned(), Limits { max_body: Some(300), ..Limits::default() });
    world.start().await;
    world.fail("slack", Some(revoked()));
    let ids: Vec<String> = (100..120).map(|id| id.to_string()).collect();
    world.silent(&ids.iter().map(String::as_str).collect::<Vec<_>>()).await;
    let body = world.got("email").into_iter().find(|one| one.title.starts_with("Silent: 20")).unwrap().body;
    assert!(body.chars().count() <= 300 && body.starts_with("- 100 host-100"), "{body}");
    let why = "Sent this way because slack failed: HTTP 403 Forbidden: invalid_token.";
    assert!(body.ends_with(&format!("…\n\n{why}")), "{body}");
}

#[tokio::test(start_paused = true)]
async fn email_takes_over_when_slack_does_not_answer_in_time_and_says_why() {
    let world = World::new(two_steps(), &["slack", "email"]).await;
    world.fail("slack", Some(down()));
    world.silent(&["001"]).await;
    assert_eq!(world.titles("email").len(), 0, "slack has a minute");
    minutes(1).await;
    let mail = world.got("email").remove(0);
    assert!(mail.body.contains("Sent this way because slack failed: cannot connect"), "{}", mail.body);

    world.fail("slack", None);
    minutes(1).await;
    let record = world.got("slack").pop().unwrap();
    assert!(record.body.contains("Already told through email"), "{}", record.body);
    minutes(5).await;
    assert_eq!(world.got("email").len(), 1, "what accepted is never sent the same again");
}

#[tokio::test(start_paused = true)]
async fn a_revoked_token_falls_back_at_once_and_its_owner_is_told_once() {
    let world = World::new(two_steps(), &["slack", "email"]).await;
    world.fail("slack", Some(revoked()));
    world.silent(&["001"]).await;
    assert_eq!(world.got("slack").len(), 1, "a permanent error is not tried again");
    let mut titles = world.titles("email");
    titles.sort();
    assert_eq!(titles, ["Channel unhealthy: slack (auth)", "Silent: 001 host-001, no logs for 16 min"]);
    world.silent(&["002"]).await;
    assert_eq!(world.titles("email").len(), 3, "no second note about slack");

    world.fail("slack", None);
    minutes(2).await;
    world.silent(&["003"]).await;
    assert_eq!(world.titles("email").last().unwrap(), "Channel recovered: slack");
}

#[tokio::test(start_paused = true)]
async fn retry_after_holds_the_whole_channel() {
    let mut world = World::new(two_steps(), &["slack", "email"]).await;
    let limited = DeliveryError::Transient {
        reason: Reason::RateLimited,
        detail: "rate limited".to_owned(),
        retry_after: Some(Duration::from_secs(45)),
    };
    world.vendors["slack"].script([Err(limited)]);
    world.silent(&["001"]).await;
    world.silent(&["002"]).await;
    tokio::time::sleep(Duration::from_secs(30)).await;
    world.kill().await;
    world.start().await;
    tokio::time::sleep(Duration::from_secs(14)).await;
    assert_eq!(world.got("slack").len(), 1, "also across a restart");
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(world.got("slack").len(), 3);
    assert_eq!(world.got("email").len(), 0, "45 s is within the minute that slack has");
}

#[tokio::test(start_paused = true)]
async fn a_receipt_that_says_nothing_before_holds_the_whole_channel() {
    let world = World::new(two_steps(), &["slack", "email"]).await;
    let last = Receipt { hold: Some(Duration::from_secs(20)), ..Receipt::line("the last of this window") };
    world.vendors["slack"].script([Ok(last)]);
    world.silent(&["001"]).await;
    world.silent(&["002"]).await;
    tokio::time::sleep(Duration::from_secs(19)).await;
    assert_eq!(world.got("slack").len(), 1);
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!((world.got("slack").len(), world.got("email").len()), (2, 0));
}

#[tokio::test(start_paused = true)]
async fn retry_after_holds_no_other_channel_and_no_fallback() {
    let routes = [route("to_soc", &[&["soc"]]), route("to_slack", &[&["slack"], &["email"]])];
    let world = World::new([routes.to_vec(), two_steps()].concat(), &["soc", "slack", "email"]).await;
    let limited = DeliveryError::Transient {
        reason: Reason::RateLimited,
        detail: "rate limited".to_owned(),
        retry_after: Some(Duration::from_secs(300)),
    };
    world.vendors["slack"].script([Err(limited)]);
    world.silent(&["001"]).await;
    world.silent(&["002"]).await;
    let told = |channel: &str| world.got(channel).len();
    assert_eq!((told("soc"), told("slack")), (2, 1), "the others are told at once");
    tokio::time::sleep(Duration::from_secs(58)).await;
    assert_eq!(told("email"), 0);
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert_eq!((told("email"), told("slack")), (2, 1), "each minute is over, and slack is still held");
    let mails = world.got("email");
    assert!(mails[0].body.contains("because slack failed: rate limited."), "{}", mails[0].body);
    let asked = "because slack waits: it asked for no message until 2026-01-01 00:05:00 UTC.";
    assert!(mails[1].body.contains(asked), "it was not asked about 002: {}", mails[1].body);
}

#[tokio::test(start_paused = true)]
async fn a_refused_message_is_sent_once_more_in_short_form() {
    let world = World::new(two_steps(), &["slack", "email"]).await;
    world.vendors["slack"].script([Err(DeliveryError::permanent_message(Reason::TooLarge, "too large"))]);
    world.silent(&["001"]).await;
    let forms: Vec<bool> = world.got("slack").iter().map(|notification| notification.short).collect();
    assert_eq!(forms, [false, true]);
    assert_eq!(world.got("email").len(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_message_that_reaches_nobody_is_kept_in_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let mut world = World::new(two_steps(), &["slack", "email"]).await;
    world.kill().await;
    world.spool = Some(folder.path().join("undelivered.jsonl"));
    world.start().await;
    world.fail("slack", Some(revoked()));
    world.fail("email", Some(revoked()));
    world.silent(&["001"]).await;
    let kept = std::fs::read_to_string(world.spool.as_ref().unwrap()).unwrap();
    let silent: Vec<&str> = kept.lines().filter(|line| line.contains("Silent: 001")).collect();
    assert_eq!(silent.len(), 1, "{kept}");
    assert!(silent[0].contains("slack failed") && silent[0].contains("email failed"), "{kept}");
}

#[tokio::test(start_paused = true)]
async fn need_all_sends_the_one_that_accepted_nothing_twice() {
    let mut both = route("catch_all", &[&["slack", "email"], &["pager"]]);
    both.steps[0].need = Need::All;
    let world = World::new(vec![both], &["slack", "email", "pager"]).await;
    world.fail("email", Some(down()));
    world.silent(&["001"]).await;
    minutes(10).await;
    assert_eq!((world.got("slack").len(), world.got("pager").len()), (1, 1));
    world.fail("email", None);
    minutes(2).await;
    assert_eq!((world.got("slack").len(), world.got("pager").len()), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn one_hanging_channel_among_many_delays_no_other() {
    let others: Vec<String> = (0..100).map(|number| format!("channel-{number}")).collect();
    let names: Vec<&str> = others.iter().map(String::as_str).chain(["slow"]).collect();
    let mut world = World::new(vec![route("catch_all", &[&names])], &names).await;
    world.wrap("slow", |vendor| Box::new(Hangs(vendor))).await;
    for id in 0..5 {
        world.silent(&[&format!("00{id}")]).await;
    }
    assert!(others.iter().all(|name| world.got(name).len() == 5));
    assert_eq!(world.got("slow").len(), 4, "its own bound holds it");
}

#[tokio::test(start_paused = true)]
async fn a_channel_that_only_fails_for_a_quarter_of_an_hour_is_told_once_through_the_others() {
    let world = World::new(two_steps(), &["slack", "email"]).await;
    world.fail("slack", Some(down()));
    world.silent(&["001"]).await;
    minutes(14).await;
    assert_eq!(world.got("email").len(), 1);
    minutes(40).await;
    let unhealthy = |title: &&String| title.starts_with("Channel unhealthy: slack (network)");
    assert_eq!(world.titles("email").iter().filter(unhealthy).count(), 1);
    world.fail("slack", None);
    minutes(2).await;
    assert_eq!(world.titles("email").last().unwrap(), "Channel recovered: slack");
}

#[tokio::test(start_paused = true)]
async fn whom_an_accepted_message_did_not_reach_is_tried_again_until_it_is_over() {
    let part = || Receipt { rest: true, ..Receipt::line("one of two") };
    let rests = |world: &World| {
        let told = world.got("mail");
        told.iter().map(|one| one.rest_of.as_ref().map(|receipt| receipt.line.clone())).collect::<Vec<_>>()
    };
    let steps = vec![route("catch_all", &[&["mail"], &["email"]])];
    let world = World::new(steps, &["mail", "email"]).await;
    world.vendors["mail"].script([Ok(part()), Err(down()), Ok(part()), Err(down())]);
    let incidents = world.silent(&["001"]).await;
    minutes(2).await;
    assert_eq!(rests(&world)[..3], [None, Some("one of two".to_owned()), Some("one of two".to_owned())]);
    minutes(1).await;
    world.recovered(&[("001", incidents[0])]).await;
    minutes(20).await;
    let kinds: Vec<MessageKind> = world.got("mail").iter().map(|told| told.kind).collect();
    assert_eq!(kinds.iter().filter(|kind| **kind == MessageKind::Resolved).count(), 1, "{kinds:?}");
    assert_eq!(kinds.last(), Some(&MessageKind::Resolved), "nobody hears of what is over: {kinds:?}");
    assert_eq!(world.got("email").len(), 0, "it was accepted, and the channel is well");
}

#[tokio::test(start_paused = true)]
async fn a_single_run_waits_for_what_can_be_delivered_within_its_limit_only() {
    let mut world = World::new(two_steps(), &["slack", "email"]).await;
    world.kill().await;
    world.silence("id=001", 60).await;
    world.silent(&["001", "002"]).await;
    let channel = |name: &str| {
        let notifier = Box::new(world.vendors[name].clone());
        let (limits, keep_alive) = (Limits::default(), None);
        (
            name.to_owned(),
            Arc::new(Channel { kind: "recorder", max_in_flight: 4, limits, keep_alive, notifier }),
        )
    };
    let (_keep, delivering) = watch::channel(Delivering {
        routes: world.routes.borrow().clone(),
        channels: Arc::new(["slack", "email"].map(channel).into()),
        wording: Arc::default(),
        installation: "here".into(),
    });
    let (journal, bus, clock) = (world.journal.clone(), world.recorder.bus.clone(), world.clock.clone());
    let mut dispatcher = Dispatcher::new(journal, bus, clock, delivering, None).await.unwrap();
    let begun = tokio::time::Instant::now();
    assert_eq!(
        dispatcher.drain(Duration::from_secs(300)).await.unwrap(),
        0,
        "what is silenced is no failure"
    );
    assert_eq!(world.titles("slack"), ["Silent: 002 host-002, no logs for 16 min"]);
    assert!(begun.elapsed() < Duration::from_secs(60), "{:?}", begun.elapsed());
}
