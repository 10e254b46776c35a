//! Neither a crash nor a damaged journal repeats or loses anything.

use log_monitor_channels::Severity;

use super::escalation::escalating_twice;
use super::suppress::quiet;
use super::*;

#[tokio::test(start_paused = true)]
async fn a_restart_repeats_nothing_keeps_the_reminder_clock_and_owes_the_end() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.db");
    let mut world = World::on(Journal::open_inline(&path).unwrap(), two_steps(), &["slack", "email"]).await;
    let incidents = world.silent(&["001"]).await;
    minutes(40).await;
    world.kill().await;
    let world = restart(&path, world).await;
    assert_eq!(world.got("slack").len(), 1, "no second firing");
    minutes(20).await;
    assert!(world.titles("slack")[1].starts_with("Still silent"), "{:?}", world.titles("slack"));
    world.recovered(&[("001", incidents[0])]).await;
    assert!(world.titles("slack")[2].starts_with("Recovered"), "{:?}", world.titles("slack"));
}

#[tokio::test(start_paused = true)]
async fn what_nobody_could_try_in_a_downtime_is_tried_before_what_follows_it() {
    let night = Route { quiet: quiet((0, 3), Severity::High)[0].quiet.clone(), ..two_steps().remove(0) };
    let mut escalating = two_steps();
    escalating[0].steps.extend(escalating_twice()[0].steps[1..].to_vec());
    for routes in [vec![night], escalating] {
        let mut world = World::new(routes, &["slack", "email", "lead", "boss"]).await;
        world.kill().await;
        world.silent(&["001"]).await;
        minutes(300).await;
        world.start().await;
        minutes(59).await;
        let told = ["slack", "email", "lead", "boss"].map(|channel| world.got(channel).len());
        assert_eq!(told, [1, 0, 0, 0], "{:?}", world.titles("slack"));
        minutes(2).await;
        assert!(world.titles("slack")[1].starts_with("Still silent"), "{:?}", world.titles("slack"));
    }
}

#[tokio::test(start_paused = true)]
async fn a_step_that_was_tried_or_cannot_be_tried_yet_is_given_no_more_time_by_a_restart() {
    let mut world = World::new(two_steps(), &["slack", "email"]).await;
    let limited = DeliveryError::Transient {
        reason: Reason::RateLimited,
        detail: "rate limited".to_owned(),
        retry_after: Some(Duration::from_secs(3600)),
    };
    world.vendors["slack"].script([Err(limited)]);
    world.silent(&["001"]).await;
    world.silent(&["002"]).await;
    world.kill().await;
    minutes(5).await;
    world.start().await;
    settle().await;
    assert_eq!((world.got("slack").len(), world.got("email").len()), (1, 2));
}

#[tokio::test(start_paused = true)]
async fn a_try_cut_off_by_a_crash_is_made_again_and_marked() {
    let world = World::new(two_steps(), &["slack", "email"]).await;
    let claimed = world.silent(&["001"]).await;
    assert_eq!(claimed.len(), 1);
    // Put the accepted delivery back to where a crash during the call would have left it.
    world
        .journal
        .write(|connection| {
            connection.execute("UPDATE delivery SET state = 'sending', receipt = NULL", [])?;
            connection.execute("DELETE FROM attempt", [])
        })
        .await
        .unwrap();
    let first = world.got("slack").remove(0);
    let mut world = world;
    world.kill().await;
    world.start().await;
    settle().await;
    let again = world.got("slack").pop().unwrap();
    assert!(again.possible_duplicate && again.body.contains("Possible duplicate"), "{}", again.body);
    assert_eq!(again.idempotency_key, first.idempotency_key);
    assert_eq!(world.got("slack").len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_damaged_record_holds_up_nothing_and_is_told_with_what_is_left_of_it() {
    let world = World::new(two_steps(), &["slack", "email"]).await;
    world.fail("slack", Some(down()));
    world.silent(&["001"]).await;
    world
        .journal
        .write(|connection| {
            connection.execute("UPDATE event SET body = '{'", [])?;
            connection.execute("UPDATE message SET steps = '[{', reminders = '?'", [])
        })
        .await
        .unwrap();
    world.silent(&["002"]).await;
    world.fail("slack", None);
    minutes(2).await;
    let told = world.got("slack");
    let about = |text: &str| told.iter().any(|n| n.title.starts_with("Silent") && n.body.contains(text));
    assert!(about("record of this event is damaged") && about("host-002"), "{told:?}");
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_goes_back_adds_nothing_to_a_message_that_is_on_its_way() {
    let world = World::new(two_steps(), &["slack", "email"]).await;
    world.fail("slack", Some(down()));
    world.silent(&["001"]).await;
    let mut behind = world.recorder.clone();
    behind.clock = Arc::new(TokioClock::starting_at(start() - TimeDelta::hours(1)));
    let event = agent_silent("002", "host-002");
    behind.record(vec![Change::event(IncidentChange::Open(Subject::Agent), event)]).await.unwrap();
    world.fail("slack", None);
    minutes(1).await;
    let told: Vec<usize> = world.got("slack").iter().map(|notification| notification.events.len()).collect();
    assert!(told.iter().all(|events| *events == 1), "{told:?}");
    assert!(world.titles("slack").iter().any(|title| title.starts_with("Silent: 002")));
}

#[tokio::test(start_paused = true)]
async fn a_try_without_an_answer_makes_the_next_a_possible_duplicate() {
    let world = World::new(two_steps(), &["slack", "email"]).await;
    let lost = |reason| Err(DeliveryError::transient(reason, "lost"));
    world.vendors["slack"].script([lost(Reason::Network), lost(Reason::Timeout)]);
    world.silent(&["001"]).await;
    minutes(1).await;
    let doubts: Vec<bool> = world.got("slack").iter().map(|n| n.possible_duplicate).collect();
    assert_eq!(doubts, [false, false, true]);
}

#[tokio::test(start_paused = true)]
async fn what_could_not_be_written_down_is_written_at_the_next_try_and_not_sent_again() {
    let world = World::new(two_steps(), &["slack", "email"]).await;
    // A trigger stands for any mistake inside the transaction.
    let forbid = "CREATE TRIGGER forbidden BEFORE INSERT ON attempt BEGIN SELECT RAISE(ABORT, 'no'); END";
    world.journal.write(move |connection| connection.execute_batch(forbid)).await.unwrap();
    world.silent(&["001"]).await;
    minutes(5).await;
    assert_eq!(world.got("slack").len(), 1);
    world.journal.write(|connection| connection.execute_batch("DROP TRIGGER forbidden")).await.unwrap();
    minutes(5).await;
    assert_eq!((world.got("slack").len(), world.got("email").len()), (1, 0));
    let state = world.journal.write(|connection| {
        connection.query_row("SELECT state FROM delivery", [], |row| row.get::<_, String>(0))
    });
    assert_eq!(state.await.unwrap(), "accepted");
}
