//! Who is told later of what others were told, and what keeps it from them.

use log_monitor_channels::Severity;

use super::*;
use crate::config::{Escalation, Unless};

/// `soc` at once, `boss` after two hours.
pub(super) fn escalating(unless: Option<Unless>) -> Vec<Route> {
    let mut route = route("catch_all", &[&["soc"], &["boss"]]);
    route.steps[1].escalation = Some(Escalation { after: Duration::from_secs(7200), unless });
    vec![route]
}

/// `soc` at once, `lead` after an hour unless it is acknowledged, `boss` after two in any case.
pub(super) fn escalating_twice() -> Vec<Route> {
    let mut route = route("catch_all", &[&["soc"], &["lead"], &["boss"]]);
    let escalation = |hours: u64, unless| Escalation { after: Duration::from_secs(hours * 3600), unless };
    route.steps[1].escalation = Some(escalation(1, Some(Unless::Acked)));
    route.steps[2].escalation = Some(escalation(2, None));
    vec![route]
}

async fn twice() -> World {
    World::new(escalating_twice(), &["soc", "lead", "boss"]).await
}

/// What a channel was told of agent 001, accepted or not.
fn of_001(world: &World, channel: &str) -> Vec<Notification> {
    world.got(channel).into_iter().filter(|one| one.title.starts_with("Silent: 001")).collect()
}

async fn unless_acked() -> World {
    World::new(escalating(Some(Unless::Acked)), &["soc", "boss"]).await
}

#[tokio::test(start_paused = true)]
async fn what_nobody_acknowledges_is_told_further_although_it_was_accepted_and_so_is_its_end() {
    let mut world = unless_acked().await;
    let incident = world.silent(&["001"]).await[0];
    minutes(60).await;
    world.kill().await;
    minutes(59).await;
    world.start().await;
    settle().await;
    assert_eq!(world.titles("boss"), [""; 0], "not yet");
    minutes(1).await;
    let told = world.got("boss").remove(0);
    assert_eq!(told.kind, MessageKind::Firing, "it is news to them");
    assert_eq!(told.title, "Silent: 001 host-001, no logs for 2 h 16 min");
    assert!(
        told.body.ends_with("Sent this way because nobody has acknowledged it for 2 h."),
        "{}",
        told.body
    );
    let noticed = "As it was noticed at 2026-01-01 00:00:00 UTC: It stopped.";
    assert!(told.body.starts_with(noticed) && !told.body.contains("Noticed: "), "{}", told.body);
    assert_eq!(told.events[0].at, start(), "as programs and links are told it");
    let before = world.titles("soc").len();
    minutes(60 * 24).await;
    assert_eq!(world.got("boss").len(), 1, "once");
    assert!(world.titles("soc")[before].ends_with("(reminder 2)"), "{:?}", world.titles("soc"));
    world.recovered(&[("001", incident)]).await;
    assert_eq!(world.got("boss").pop().unwrap().kind, MessageKind::Resolved);
}

#[tokio::test(start_paused = true)]
async fn what_is_over_by_then_is_told_no_further() {
    let world = unless_acked().await;
    let incident = world.silent(&["001"]).await[0];
    minutes(119).await;
    world.recovered(&[("001", incident)]).await;
    minutes(60).await;
    assert_eq!(world.titles("boss"), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn an_acknowledgement_keeps_it_back_until_it_ends() {
    let world = unless_acked().await;
    let incidents = world.silent(&["001", "002"]).await;
    world.ack(incidents[0], 300, Severity::Medium).await;
    minutes(121).await;
    assert_eq!(world.titles("boss"), ["Silent: 002 host-002, no logs for 2 h 16 min"], "only this one");
    minutes(178).await;
    assert_eq!(world.got("boss").len(), 1);
    minutes(3).await;
    let told = world.got("boss").remove(1);
    assert_eq!(told.events.len(), 1);
    assert!(told.body.contains("because the acknowledgement by bob has ended"), "{}", told.body);
    minutes(600).await;
    assert_eq!(world.got("boss").len(), 2);
}

#[tokio::test(start_paused = true)]
async fn an_acknowledgement_is_pierced_by_what_is_worse() {
    let world = unless_acked().await;
    let incident = world.silent(&["001"]).await[0];
    world.ack(incident, 6000, Severity::Medium).await;
    minutes(180).await;
    assert_eq!(world.titles("boss"), [""; 0]);
    world.worsen("001", incident, Severity::Critical).await;
    minutes(1).await;
    let told = world.got("boss").remove(0);
    assert!(told.body.contains("because it got worse after bob acknowledged it"), "{}", told.body);
}

#[tokio::test(start_paused = true)]
async fn what_gets_worse_is_told_further_once_as_it_is_by_then() {
    let world = unless_acked().await;
    let incident = world.silent(&["001"]).await[0];
    minutes(60).await;
    world.worsen("001", incident, Severity::Critical).await;
    minutes(61).await;
    assert_eq!(world.got("boss").len(), 1, "two hours after its first firing");
    assert_eq!(world.got("boss")[0].severity, Severity::Critical);
    minutes(60 * 3).await;
    assert_eq!(world.got("boss").len(), 1);

    world.worsen("001", incident, Severity::Critical).await;
    minutes(60 * 24).await;
    assert_eq!(world.got("boss").len(), 2, "what came after it is news");
    world.recovered(&[("001", incident)]).await;
    assert_eq!(world.got("boss").len(), 3, "{:?}", world.titles("boss"));
}

#[tokio::test(start_paused = true)]
async fn without_a_condition_no_acknowledgement_keeps_it_back() {
    let world = World::new(escalating(None), &["soc", "boss"]).await;
    let incident = world.silent(&["001"]).await[0];
    world.ack(incident, 6000, Severity::Critical).await;
    minutes(120).await;
    let told = world.got("boss").remove(0);
    assert!(told.body.contains("because it has gone on for 2 h since others were told"), "{}", told.body);
}

#[tokio::test(start_paused = true)]
async fn who_was_to_be_told_later_is_told_at_once_when_nobody_else_can_be() {
    let world = unless_acked().await;
    world.fail("soc", Some(revoked()));
    world.silent(&["001"]).await;
    let titles = world.titles("boss");
    let told = world.got("boss").into_iter().find(|one| one.title.starts_with("Silent: 001")).unwrap();
    assert!(told.body.contains("because soc failed: HTTP 403 Forbidden: invalid_token"), "{titles:?}");
    minutes(180).await;
    let again = world.titles("boss").into_iter().filter(|title| title.starts_with("Silent: 001")).count();
    assert_eq!(again, 1);
}

#[tokio::test(start_paused = true)]
async fn what_an_escalation_waits_for_keeps_nothing_from_the_next() {
    let world = twice().await;
    let incidents = world.silent(&["001", "002"]).await;
    world.ack(incidents[0], 300, Severity::Medium).await;
    minutes(60).await;
    assert_eq!(world.titles("lead"), ["Silent: 002 host-002, no logs for 1 h 16 min"]);
    minutes(59).await;
    assert_eq!(world.titles("boss"), [""; 0]);
    minutes(1).await;
    assert_eq!(world.titles("boss"), ["Silent: 2 agents of default"], "whatever lead was not told");
    minutes(182).await;
    assert_eq!(world.titles("lead")[1..], ["Silent: 001 host-001, no logs for 5 h 17 min"]);
    minutes(600).await;
    assert_eq!((world.got("lead").len(), world.got("boss").len()), (2, 1));
}

#[tokio::test(start_paused = true)]
async fn what_is_taken_out_of_an_escalation_keeps_nothing_from_the_next() {
    let mut world = twice().await;
    world.limit("lead", &["1 per 3h"], false).await;
    world.silent(&["900"]).await;
    minutes(10).await;
    let incidents = world.silent(&["001", "002"]).await;
    minutes(65).await;
    // It waits for its channel.
    world.ack(incidents[0], 180, Severity::Medium).await;
    minutes(58).await;
    assert!(
        world.titles("boss").last().unwrap().starts_with("Silent: 2 agents"),
        "{:?}",
        world.titles("boss")
    );
    minutes(600).await;
    let to_lead = ["Silent: 900", "Silent: 002", "Silent: 001"];
    let titles = world.titles("lead");
    assert!(titles.iter().zip(to_lead).all(|(title, start)| title.starts_with(start)), "{titles:?}");
    assert_eq!((titles.len(), world.got("boss").len()), (3, 2), "{:?}", world.titles("boss"));
}

#[tokio::test(start_paused = true)]
async fn when_an_escalation_fails_too_the_next_is_told_at_once_and_of_what_failed() {
    let world = twice().await;
    ["soc", "lead"].iter().for_each(|channel| world.fail(channel, Some(revoked())));
    let incident = world.silent(&["001"]).await[0];
    let told = of_001(&world, "boss");
    let why = "because soc failed: HTTP 403 Forbidden: invalid_token; \
               lead failed: HTTP 403 Forbidden: invalid_token.";
    assert!(told.len() == 1 && told[0].body.contains(why), "{told:?}");
    assert!(!told[0].body.contains("reached nobody"), "{}", told[0].body);
    minutes(180).await;
    assert_eq!(of_001(&world, "boss").len(), 1);
    world.recovered(&[("001", incident)]).await;
    assert_eq!(world.got("boss").pop().unwrap().kind, MessageKind::Resolved);
}

#[tokio::test(start_paused = true)]
async fn an_escalation_to_a_channel_that_is_left_alone_hurries_the_next() {
    let world = twice().await;
    world.fail("lead", Some(revoked()));
    world.vendors["lead"].fail_probes(Some(revoked()));
    world.silent(&["900"]).await;
    minutes(70).await;
    // It does not answer any more: no try of it ends at once.
    ["soc", "lead"].iter().for_each(|channel| world.fail(channel, Some(down())));
    let tried = world.got("lead").len();
    world.silent(&["001"]).await;
    minutes(61).await;
    assert_eq!((world.got("lead").len(), of_001(&world, "boss").len()), (tried, 1));
}

#[tokio::test(start_paused = true)]
async fn an_escalation_that_fails_hurries_the_next_only_where_nobody_else_has_it() {
    let world = twice().await;
    world.fail("lead", Some(revoked()));
    world.silent(&["001"]).await;
    minutes(119).await;
    assert_eq!(of_001(&world, "boss").len(), 0, "soc has it");
    minutes(1).await;
    let body = of_001(&world, "boss").remove(0).body;
    assert!(body.contains("because it has gone on for 2 h since others were told"), "{body}");
}

#[tokio::test(start_paused = true)]
async fn it_is_not_said_that_others_were_told_while_all_are_still_being_tried() {
    let world = twice().await;
    ["soc", "lead"].iter().for_each(|channel| world.fail(channel, Some(down())));
    world.silent(&["001"]).await;
    minutes(119).await;
    assert_eq!(of_001(&world, "boss").len(), 0);
    minutes(1).await;
    let body = of_001(&world, "boss").remove(0).body;
    assert!(
        body.contains("because soc failed: ") && body.contains("; lead failed: cannot connect"),
        "{body}"
    );
}

/// As PagerDuty: it has an alert of each firing, by whose key it knows what is told of it later.
struct HasAlerts(Vendor);

#[log_monitor_channels::async_trait]
impl log_monitor_channels::Notifier for HasAlerts {
    async fn notify(&self, notification: &Notification) -> Result<Receipt, DeliveryError> {
        let receipt = self.0.notify(notification).await?;
        let key = notification.key_of_firing("dedup_key");
        Ok(Receipt { reference: serde_json::json!({ "dedup_key": key }), ..receipt })
    }
}

#[tokio::test(start_paused = true)]
async fn an_alert_that_was_told_further_of_has_one_end_and_each_of_what_got_worse_its_own() {
    let mut routes = escalating(None);
    routes[0].steps[1].to = vec!["soc".to_owned(), "boss".to_owned()];
    let mut world = World::new(routes, &["soc", "boss"]).await;
    world.limits.insert("soc".to_owned(), Limits { resolve: true, ..Limits::default() });
    world.wrap("soc", |vendor| Box::new(HasAlerts(vendor))).await;
    let incident = world.silent(&["001"]).await[0];
    minutes(121).await;
    world.worsen("001", incident, Severity::Critical).await;
    assert_eq!(world.got("boss").len(), 1, "{:?}", world.titles("boss"));
    let told = world.got("soc").len();
    world.recovered(&[("001", incident)]).await;
    let ends = world.got("soc").split_off(told);
    let alerts: Vec<&str> = ends.iter().map(|end| end.key_of_firing("dedup_key")).collect();
    assert!(matches!(alerts[..], [first, worse] if first != worse), "{ends:?}");
}
