//! What was for a channel that is no longer configured.

use log_monitor_channels::Severity;

use super::*;
use crate::config::{Escalation, Unless};

const NOTE: &str = "because old failed: channel old is no longer configured";

/// One route leads to `old`; the catch-all to `slack`, then `email`.
async fn with_old() -> World {
    let catch_all = route("catch_all", &[&["slack"], &["email"]]);
    World::new(vec![route("all", &[&["old"]]), catch_all], &["old", "slack", "email"]).await
}

impl World {
    /// The configuration without `old`, and without its route.
    async fn without_old(&mut self) {
        self.kill().await;
        self.vendors.remove("old");
        self.routes.send_replace(Arc::new(two_steps()));
        self.start().await;
        settle().await;
    }
}

#[tokio::test(start_paused = true)]
async fn messages_go_to_the_catch_all_with_a_note_and_fall_back_from_there() {
    let mut world = with_old().await;
    world.fail("old", Some(down()));
    world.silent(&["001"]).await;
    world.without_old().await;
    let told = world.got("slack");
    assert_eq!(told.len(), 1);
    assert!(told[0].title.starts_with("Silent: 001") && told[0].body.contains(NOTE), "{}", told[0].body);

    let mut world = with_old().await;
    world.fail("old", Some(down()));
    world.fail("slack", Some(down()));
    world.silent(&["001"]).await;
    world.without_old().await;
    minutes(1).await;
    let told = world.got("email");
    assert_eq!(told.len(), 1, "{:?}", world.titles("email"));
    assert!(told[0].body.contains(NOTE) && told[0].body.contains("slack failed"), "{}", told[0].body);
}

#[tokio::test(start_paused = true)]
async fn an_end_goes_to_the_catch_all_with_a_note() {
    let mut world = with_old().await;
    let incidents = world.silent(&["001"]).await;
    assert_eq!(world.got("old").len(), 1);
    world.without_old().await;
    world.recovered(&[("001", incidents[0])]).await;
    let end = world.got("slack").pop().unwrap();
    assert!(end.title.starts_with("Recovered") && end.body.contains(NOTE), "{}", end.body);
}

#[tokio::test(start_paused = true)]
async fn what_was_on_its_way_to_the_catch_all_already_is_told_there_once() {
    let routes = vec![route("all", &[&["old", "slack"]]), route("catch_all", &[&["slack"], &["email"]])];
    let mut world = World::new(routes, &["old", "slack", "email"]).await;
    world.fail("old", Some(down()));
    world.silent(&["001"]).await;
    world.without_old().await;
    minutes(5).await;
    assert_eq!((world.got("slack").len(), world.got("email").len()), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn what_is_silenced_waits_on() {
    let mut world = with_old().await;
    world.silence("name=*", 60).await;
    world.silent(&["001"]).await;
    world.without_old().await;
    minutes(59).await;
    assert_eq!(world.titles("slack"), [""; 0]);
    minutes(2).await;
    assert!(world.titles("slack")[0].starts_with("Silent: 001"), "{:?}", world.titles("slack"));
}

#[tokio::test(start_paused = true)]
async fn what_others_have_accepted_is_not_told_to_the_catch_all() {
    let routes = vec![route("all", &[&["old"], &["mail"]]), route("catch_all", &[&["slack"]])];
    let mut world = World::new(routes, &["old", "mail", "slack", "email"]).await;
    world.fail("old", Some(down()));
    world.silent(&["001"]).await;
    minutes(2).await;
    assert_eq!(world.got("mail").len(), 1);
    world.without_old().await;
    minutes(5).await;
    assert_eq!(world.titles("slack"), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn an_escalation_to_it_is_told_once_while_something_else_of_its_firing_waits() {
    let mut steps = route("catch_all", &[&["slack"], &["old"]]);
    steps.steps[1].escalation =
        Some(Escalation { after: Duration::from_secs(7200), unless: Some(Unless::Acked) });
    let mut world = World::new(vec![steps], &["old", "slack", "email"]).await;
    let incidents = world.silent(&["001", "002"]).await;
    world.ack(incidents[1], 600, Severity::Medium).await;
    world.kill().await;
    world.vendors.remove("old");
    world.start().await;
    minutes(180).await;
    let told = world.got("slack").into_iter().filter(|told| told.body.contains("no longer configured"));
    assert_eq!(told.count(), 1, "{:?}", world.titles("slack"));
}

#[tokio::test(start_paused = true)]
async fn an_escalation_to_it_goes_to_the_catch_all_as_soon_as_it_is_due() {
    let mut steps = route("catch_all", &[&["slack"], &["old"]]);
    steps.steps[1].escalation = Some(Escalation { after: Duration::from_secs(7200), unless: None });
    let mut world = World::new(vec![steps], &["old", "slack"]).await;
    world.silent(&["001"]).await;
    world.kill().await;
    world.vendors.remove("old");
    world.start().await;
    minutes(120).await;
    let told = world.got("slack").pop().unwrap();
    assert!(told.body.contains("no longer configured"), "{:?}", world.titles("slack"));
}
