//! A channel that refuses for good is left alone, looked at from time to time, and comes back.

use super::*;
use crate::journal::deliveries;

/// Slack has refused a message that went on to mail.
async fn refused() -> World {
    let world = World::new(two_steps(), &["slack", "email"]).await;
    world.fail("slack", Some(revoked()));
    world.silent(&["001"]).await;
    world
}

fn silences(world: &World, channel: &str) -> Vec<String> {
    world.titles(channel).into_iter().filter(|title| title.starts_with("Silent")).collect()
}

#[tokio::test(start_paused = true)]
async fn what_is_for_it_goes_to_the_next_step_at_once_also_after_a_restart() {
    let mut world = refused().await;
    world.vendors["slack"].fail_probes(Some(revoked()));
    world.kill().await;
    world.start().await;
    for id in ["002", "003"] {
        world.silent(&[id]).await;
    }
    minutes(60).await;
    assert_eq!(world.got("slack").len(), 1, "the one that it refused");
    assert_eq!(silences(&world, "email").len(), 3);
    let mail = world.got("email").pop().unwrap();
    assert!(
        mail.body
            .contains("slack failed: HTTP 403 Forbidden: invalid_token; it is left alone since 2026-01-01"),
        "{}",
        mail.body
    );
    let probed = world.vendors["slack"].probed();
    assert!((5..10).contains(&probed), "further and further apart: {probed}");
}

#[tokio::test(start_paused = true)]
async fn a_probe_that_is_good_after_a_bad_one_brings_it_back_and_that_is_told() {
    let world = refused().await;
    world.vendors["slack"].fail_probes(Some(revoked()));
    minutes(4).await;
    world.vendors["slack"].fail_probes(None);
    world.fail("slack", None);
    minutes(5).await;
    assert_eq!(world.titles("email").last().unwrap(), "Channel recovered: slack");
    world.silent(&["002"]).await;
    assert_eq!(silences(&world, "slack").len(), 2);
    assert_eq!(silences(&world, "email").len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_probe_that_was_always_good_lets_one_message_through_to_see() {
    let world = refused().await;
    minutes(2).await;
    world.silent(&["002"]).await;
    world.silent(&["003"]).await;
    assert_eq!(world.got("slack").len(), 2, "002 is refused, and 003 does not try");
    assert_eq!(silences(&world, "email").len(), 3);
    world.fail("slack", None);
    minutes(20).await;
    world.silent(&["004"]).await;
    assert_eq!(world.titles("email").last().unwrap(), "Channel recovered: slack");
    world.silent(&["005"]).await;
    assert_eq!((world.got("slack").len(), silences(&world, "email").len()), (4, 3));
}

#[tokio::test(start_paused = true)]
async fn what_has_no_other_way_is_tried_all_the_same() {
    let world = World::new(vec![route("catch_all", &[&["slack"]])], &["slack"]).await;
    world.fail("slack", Some(revoked()));
    world.silent(&["001"]).await;
    world.fail("slack", None);
    world.silent(&["002"]).await;
    assert_eq!(silences(&world, "slack").len(), 2);
}

#[tokio::test(start_paused = true)]
async fn whoever_accepted_in_the_same_step_is_enough_and_is_not_told_twice() {
    let routes = vec![route("catch_all", &[&["slack", "email"], &["phone"]])];
    let world = World::new(routes, &["slack", "email", "phone"]).await;
    world.fail("slack", Some(revoked()));
    world.silent(&["001"]).await;
    world.silent(&["002"]).await;
    minutes(30).await;
    assert_eq!((world.got("slack").len(), silences(&world, "email").len()), (1, 2));
    assert_eq!(silences(&world, "phone").len(), 0);
}

#[tokio::test(start_paused = true)]
async fn whoever_may_have_what_goes_elsewhere_is_told_its_end() {
    let world = World::new(two_steps(), &["slack", "email"]).await;
    world.vendors["slack"].script([Err(DeliveryError::transient(Reason::Timeout, "lost")), Err(revoked())]);
    let incidents = world.silent(&["001", "002"]).await;
    world.recovered(&[("001", incidents[0])]).await;
    world.silent(&["003"]).await;
    minutes(1).await;
    let ends = world.titles("slack").into_iter().filter(|title| title.starts_with("Recovered: 001"));
    assert_eq!(ends.count(), 1, "{:?}", world.titles("slack"));
}

#[tokio::test(start_paused = true)]
async fn an_end_that_was_refused_for_good_follows_once_the_channel_works_again() {
    let world = World::new(two_steps(), &["slack", "email"]).await;
    let incidents = world.silent(&["001", "002"]).await;
    world.fail("slack", Some(revoked()));
    world.recovered(&[("001", incidents[0])]).await;
    minutes(30).await;
    let tries = world.got("slack").len();
    assert!((4..8).contains(&tries), "further and further apart: {tries}");
    world.fail("slack", None);
    minutes(15).await;
    let ends =
        || world.titles("slack").into_iter().filter(|title| title.starts_with("Recovered: 00")).count();
    assert_eq!(world.got("slack").len(), tries + 1, "it is accepted, and that is all");

    world.fail("slack", Some(revoked()));
    world.recovered(&[("002", incidents[1])]).await;
    minutes(50).await;
    world.fail("slack", None);
    let refused = ends();
    world.silent(&["003"]).await;
    assert_eq!(ends(), refused + 1, "whatever shows that it works brings the ends along");
    minutes(60).await;
    assert_eq!(ends(), refused + 1);
}

fn told_of_slack(world: &World) -> Vec<String> {
    world.titles("email").into_iter().filter(|title| title.starts_with("Channel")).collect()
}

const PAIR: [&str; 2] = ["Channel unhealthy: slack (auth)", "Channel recovered: slack"];

/// PagerDuty is not called for the end of what it was never told.
#[tokio::test(start_paused = true)]
async fn what_needed_no_telling_brings_nothing_back() {
    let world = World::new(two_steps(), &["slack", "email"]).await;
    let incidents = world.silent(&["001"]).await;
    world.fail("slack", Some(revoked()));
    world.silent(&["002"]).await;
    world.vendors["slack"].script([Ok(Receipt::untold("nothing to resolve"))]);
    world.recovered(&[("001", incidents[0])]).await;
    world.silent(&["003"]).await;
    assert_eq!((silences(&world, "slack").len(), told_of_slack(&world)), (2, vec![PAIR[0].to_owned()]));
}

#[tokio::test(start_paused = true)]
async fn whose_channel_works_now_and_then_is_told_once_a_day() {
    let world = refused().await;
    for round in 1..20 {
        world.fail("slack", None);
        minutes(3).await;
        world.silent(&[&format!("{round}1")]).await;
        world.fail("slack", Some(revoked()));
        world.silent(&[&format!("{round}2")]).await;
    }
    assert!(world.got("slack").len() >= 39, "it was tried each time");
    assert_eq!(told_of_slack(&world), PAIR);
    // It does not work any more, as nothing but a probe shows.
    world.vendors["slack"].fail_probes(Some(revoked()));
    minutes(22 * 60).await;
    assert_eq!(told_of_slack(&world), PAIR, "not within a day");
    minutes(120).await;
    assert_eq!(told_of_slack(&world)[2..], PAIR[..1]);
}

#[tokio::test(start_paused = true)]
async fn what_somebody_asks_for_again_is_tried_on_it_and_brings_it_back() {
    let world = refused().await;
    world.silent(&["002"]).await;
    world.fail("slack", None);
    let now = world.now();
    let again = move |db: &rusqlite::Connection| {
        let mut failed =
            db.prepare("SELECT id FROM delivery WHERE channel = 'slack' AND state = 'failed'")?;
        let failed: Vec<i64> = failed.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?;
        failed.into_iter().try_for_each(|id| deliveries::retry(db, id, now).map(drop))
    };
    world.journal.write(again).await.unwrap();
    minutes(1).await;
    let told = silences(&world, "slack");
    assert_eq!(told[1..].len(), 2, "one that it refused, and one that was not tried on it: {told:?}");
    assert_eq!(world.titles("email").last().unwrap(), "Channel recovered: slack");
}
