//! Silences, acknowledgements and quiet hours: what waits, what passes, and what is said then.

use log_monitor_channels::Severity;

use super::escalation::escalating;
use super::*;
use crate::config::Quiet;
use crate::config::calendar::{Calendar, Window};
use crate::journal::acks::{self, Ack};
use crate::journal::deliveries;
use crate::journal::silences::{self, Silence};

pub(super) fn soc() -> Vec<Route> {
    vec![route("catch_all", &[&["soc"]])]
}

/// What is below a severity waits between these hours.
pub(super) fn quiet((from, to): (u32, u32), below: Severity) -> Vec<Route> {
    let at = |hour| chrono::NaiveTime::from_hms_opt(hour, 0, 0).unwrap();
    let night = Window { days: [true; 7], from: at(from), to: at(to) };
    let hours = Arc::new(Calendar { windows: vec![night], ..Calendar::always_but(Vec::new()) });
    vec![Route { quiet: Some(Quiet { hours, below }), ..route("catch_all", &[&["soc"]]) }]
}

impl World {
    /// Silences what matches for some minutes. Returns its number.
    pub(super) async fn silence(&self, matcher: &str, minutes: i64) -> i64 {
        let silence = Silence {
            id: 0,
            matchers: vec![matcher.to_owned()],
            author: "alice".to_owned(),
            reason: "patching".to_owned(),
            created: self.now(),
            until: self.now() + minutes * 60_000,
        };
        self.journal.write(move |db| silences::add(db, &silence)).await.unwrap()
    }

    pub(super) async fn expire(&self, silence: i64) -> bool {
        let now = self.now();
        self.journal.write(move |db| silences::expire(db, silence, now)).await.unwrap()
    }

    pub(super) async fn worsen(&self, id: &str, incident: i64, severity: Severity) {
        let event = Event { at: self.clock.now(), severity, ..agent_silent(id, &format!("host-{id}")) };
        self.recorder.record(vec![Change::event(IncidentChange::Worsen(incident), event)]).await.unwrap();
        settle().await;
    }

    pub(super) async fn ack(&self, incident: i64, minutes: i64, severity: Severity) {
        let (created, until) = (self.now(), self.now() + minutes * 60_000);
        let (author, reason) = ("bob".to_owned(), String::new());
        let ack = Ack { incident, author, reason, severity, created, until };
        self.journal.write(move |db| acks::set(db, &ack)).await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_silenced_is_told_when_the_silence_ends_and_says_so() {
    let world = World::new(soc(), &["soc"]).await;
    world.silence("name=host-00*", 60).await;
    world.silent(&["001", "002"]).await;
    world.silent(&["100"]).await;
    assert_eq!(world.titles("soc"), ["Silent: 100 host-100, no logs for 16 min"], "others pass");
    minutes(61).await;
    let told = world.got("soc").into_iter().find(|one| one.title.starts_with("Silent: 2")).unwrap();
    assert!(
        told.body.contains("Held back until now: silence 1 by alice until 2026-01-01 01:00:"),
        "{}",
        told.body
    );
    assert!(told.body.contains(": patching."), "{}", told.body);
}

#[tokio::test(start_paused = true)]
async fn what_is_over_before_its_silence_ends_is_never_told() {
    let world = World::new(soc(), &["soc"]).await;
    world.silence("event=agent_silent", 60).await;
    let incident = world.silent(&["001"]).await[0];
    minutes(10).await;
    world.recovered(&[("001", incident)]).await;
    minutes(120).await;
    assert_eq!(world.titles("soc"), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn the_end_of_what_was_told_passes_every_silence() {
    let world = World::new(soc(), &["soc"]).await;
    let incident = world.silent(&["001"]).await[0];
    world.silence("name=*", 600).await;
    minutes(90).await;
    assert_eq!(world.titles("soc").len(), 1, "no reminder while it is silenced");
    world.recovered(&[("001", incident)]).await;
    assert!(world.titles("soc")[1].starts_with("Recovered: 001"), "{:?}", world.titles("soc"));
}

#[tokio::test(start_paused = true)]
async fn a_silence_that_is_ended_early_lets_go_what_it_held_back() {
    let world = World::new(soc(), &["soc"]).await;
    let id = world.silence("name=*", 600).await;
    world.silent(&["001"]).await;
    minutes(5).await;
    assert!(world.expire(id).await);
    assert!(!world.expire(id).await, "once");
    minutes(1).await;
    assert_eq!(world.titles("soc"), ["Silent: 001 host-001, no logs for 21 min"], "as it is by now");
    let body = &world.got("soc")[0].body;
    assert!(body.contains("Held back until now: silence 1 by alice until 2026-01-01 00:05:"), "{body}");
    // And its reminder comes an hour later, as if it had been told then.
    minutes(60).await;
    assert_eq!(world.titles("soc").len(), 2);
}

#[tokio::test(start_paused = true)]
async fn whoever_is_told_later_is_told_of_a_silence_that_was_ended_early_too() {
    let world = World::new(escalating(None), &["soc", "boss"]).await;
    let id = world.silence("name=*", 24 * 60).await;
    world.silent(&["001"]).await;
    world.expire(id).await;
    minutes(121).await;
    assert_eq!(world.titles("boss"), ["Silent: 001 host-001, no logs for 2 h 16 min"]);
}

#[tokio::test(start_paused = true)]
async fn reminders_go_on_as_soon_as_a_silence_or_an_acknowledgement_is_ended_early() {
    let world = World::new(soc(), &["soc"]).await;
    let incident = world.silent(&["001"]).await[0];
    let id = world.silence("name=*", 600).await;
    minutes(70).await;
    world.expire(id).await;
    minutes(1).await;
    assert_eq!(world.titles("soc").len(), 2, "{:?}", world.titles("soc"));
    world.ack(incident, 480, Severity::Medium).await;
    minutes(130).await;
    assert_eq!(world.titles("soc").len(), 2);
    world.ack(incident, 0, Severity::Medium).await;
    minutes(1).await;
    assert_eq!(world.titles("soc").len(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_second_silence_goes_on_holding_back_what_the_first_let_go() {
    let world = World::new(soc(), &["soc"]).await;
    world.silence("name=*", 30).await;
    world.silent(&["001"]).await;
    world.silence("id=001", 90).await;
    minutes(60).await;
    assert_eq!(world.titles("soc"), [""; 0]);
    minutes(31).await;
    assert!(world.got("soc")[0].body.contains("silence 2 by alice"), "{}", world.got("soc")[0].body);
}

#[tokio::test(start_paused = true)]
async fn whoever_takes_care_is_not_reminded_until_that_is_over() {
    let world = World::new(soc(), &["soc"]).await;
    let incident = world.silent(&["001"]).await[0];
    world.ack(incident, 240, Severity::Medium).await;
    minutes(239).await;
    assert_eq!(world.titles("soc").len(), 1);
    minutes(2).await;
    assert_eq!(world.titles("soc").len(), 2, "the acknowledgement is over, the silence is not");
}

#[tokio::test(start_paused = true)]
async fn an_acknowledgement_holds_back_no_reminder_of_what_got_worse_since() {
    let world = World::new(soc(), &["soc"]).await;
    let incident = world.silent(&["001"]).await[0];
    world.ack(incident, 600, Severity::Medium).await;
    minutes(30).await;
    world.worsen("001", incident, Severity::Critical).await;
    assert_eq!(world.titles("soc").len(), 2, "it is told at once: {:?}", world.titles("soc"));
    minutes(61).await;
    assert!(world.titles("soc")[2].starts_with("Still silent: 001"), "{:?}", world.titles("soc"));
    assert_eq!(world.got("soc")[2].severity, Severity::Critical);
    world.ack(incident, 600, Severity::Critical).await;
    minutes(500).await;
    assert_eq!(world.titles("soc").len(), 3, "whoever knows how bad it is takes care of it");
}

#[tokio::test(start_paused = true)]
async fn an_acknowledgement_ends_with_its_silence_and_the_next_one_is_told() {
    let world = World::new(soc(), &["soc"]).await;
    let incident = world.silent(&["001"]).await[0];
    world.ack(incident, 240, Severity::Medium).await;
    world.recovered(&[("001", incident)]).await;
    minutes(2).await;
    world.silent(&["001"]).await;
    minutes(61).await;
    let beginnings: Vec<String> = world.titles("soc").iter().map(|title| title[..12].to_owned()).collect();
    assert_eq!(beginnings, ["Silent: 001 ", "Recovered: 0", "Silent: 001 ", "Still silent"]);
}

#[tokio::test(start_paused = true)]
async fn low_severities_wait_for_the_morning_and_are_one_message_then() {
    let world = World::new(quiet((22, 7), Severity::High), &["soc"]).await;
    world.silent(&["001"]).await;
    minutes(60).await;
    world.silent(&["002"]).await;
    minutes(6 * 60 - 5).await;
    assert_eq!(world.titles("soc"), [""; 0], "06:55 in the morning");
    minutes(15).await;
    assert_eq!(world.titles("soc"), ["Silent: 2 agents of default"]);
    assert!(world.got("soc")[0].body.contains("quiet hours until 2026-01-01 07:00:00 UTC"));

    let world = World::new(quiet((22, 7), Severity::Medium), &["soc"]).await;
    world.silent(&["001"]).await;
    assert_eq!(world.titles("soc").len(), 1, "severe enough");
}

#[tokio::test(start_paused = true)]
async fn what_reached_nobody_can_be_sent_again() {
    let world = World::new(soc(), &["soc"]).await;
    world.fail("soc", Some(revoked()));
    let incident = world.silent(&["001"]).await[0];
    world.fail("soc", None);
    minutes(5).await;
    let now = world.now();
    let retry = move |db: &_| deliveries::retry(db, 1, now);
    assert!(world.journal.write(retry).await.unwrap());
    minutes(1).await;
    assert_eq!(world.titles("soc").last().unwrap(), "Silent: 001 host-001, no logs for 16 min");
    assert!(!world.journal.write(retry).await.unwrap(), "it has been accepted");
    world.recovered(&[("001", incident)]).await;
    assert!(world.titles("soc").last().unwrap().starts_with("Recovered: 001"));
}
