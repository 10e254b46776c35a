//! What is said of an event's way.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use chrono::NaiveTime;

use super::event::moment;
use super::*;
use crate::config::Quiet;
use crate::config::calendar::{Calendar, Window};
use crate::dispatch::fixtures::{agent_silent, route, start};
use crate::journal::Journal;
use crate::journal::silences::{self, Silence};

/// From 01:00 to 07:00, for what is less than high.
fn night() -> Quiet {
    let at = |hour| NaiveTime::from_hms_opt(hour, 0, 0).unwrap();
    let night = Window { days: [true; 7], from: at(1), to: at(7) };
    let hours = Calendar { windows: vec![night], ..Calendar::always_but(Vec::new()) };
    Quiet { hours: Arc::new(hours), below: Severity::High }
}

#[test]
fn an_escalation_says_when_it_leaves_and_what_keeps_it_back() {
    let mut route = route("catch_all", &[&["soc"], &["boss"], &["phone"]]);
    let after = Duration::from_secs(7200);
    route.steps[1].escalation = Some(Escalation { after, unless: Some(Unless::Acked) });
    let event = agent_silent("001", "web-01");
    let shown = |route: &Route| {
        let first = event.at.timestamp_millis();
        let steps = steps(route, event.severity, first, Duration::ZERO);
        let (name, why) = (route.name.clone(), String::new());
        told(&ShownRoute { name, used: true, why, held_back: None, steps }, route, &[])
    };
    let told = shown(&route);
    assert!(told.contains("\n  at once: soc\n"), "{told}");
    let boss = "after 2h, Thu 2026-01-01 02:16 UTC, unless somebody has acknowledged it: boss\n";
    assert!(told.contains(boss), "{told}");
    assert!(told.contains("after 2h 1m, or once that has failed: phone\n"), "{told}");

    route.quiet = Some(night());
    let told = shown(&route);
    assert!(told.contains("after 2h, Thu 2026-01-01 07:00 UTC"), "the end of quiet hours: {told}");
}

#[test]
fn a_day_of_the_week_is_the_next_one() {
    let now = "2026-11-26T10:00:00Z".parse().unwrap(); // a Thursday
    let at = |text| moment(text, now).unwrap().to_rfc3339();
    assert_eq!(at("Sun 03:00"), "2026-11-29T03:00:00+00:00");
    assert_eq!(at("thu 03:00"), "2026-11-26T03:00:00+00:00");
    assert_eq!(at("2026-11-24 03:00"), "2026-11-24T03:00:00+00:00");
    assert!(moment("someday", now).is_err());
}

/// What is told of an event, at so many minutes after [`start`], on one route with a quiet night.
fn told_at(minutes: i64, event: Event, suppression: &Suppression) -> String {
    let route = Route { quiet: Some(night()), ..route("catch_all", &[&["soc"]]) };
    let event = Event { at: start() + chrono::TimeDelta::minutes(minutes), ..event };
    let shown = routes(std::slice::from_ref(&route), suppression, &event);
    if shown[0].used { told(&shown[0], &route, &[]) } else { shown[0].why.clone() }
}

/// So many minutes after [`start`], in milliseconds.
fn at(minutes: i64) -> i64 {
    start().timestamp_millis() + minutes * 60_000
}

/// A journal of one silence of `web-*`, between these minutes.
async fn silenced_by_alice(folder: &Path, from: i64, until: i64) -> PathBuf {
    let path = folder.join("journal.db");
    let silence = Silence {
        id: 0,
        matchers: vec!["name=web-*".to_owned()],
        author: "alice".to_owned(),
        reason: "patching".to_owned(),
        created: at(from),
        until: at(until),
    };
    let journal = Journal::open_inline(&path).unwrap();
    journal.write(move |db| silences::add(db, &silence).map(drop)).await.unwrap();
    path
}

#[tokio::test]
async fn what_holds_a_message_back_is_said_and_an_end_is_held_back_by_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = silenced_by_alice(folder.path(), 0, 50).await;
    let silenced = |minutes| Suppression::read(&open_read_only(&path).unwrap(), at(minutes)).unwrap();
    let by_alice =
        "\n  held back: silence 1 by alice until 2026-01-01 00:50:00 UTC: patching; then\n  at once: soc\n";
    let by_night = "\n  held back: quiet hours until 2026-01-01 07:00:00 UTC; then\n  at once: soc\n";
    let web = || agent_silent("001", "web-01");
    let told = told_at(16, web(), &silenced(16));
    assert!(told.contains(by_alice), "{told}");
    for passes in
        [told_at(16, agent_silent("002", "db-01"), &silenced(16)), told_at(51, web(), &silenced(51))]
    {
        assert!(passes.starts_with("catch_all:\n  at once: soc\n"), "{passes}");
    }
    let told = told_at(120, web(), &silenced(120));
    assert!(told.contains(by_night), "{told}");
    let severe = Event { severity: Severity::High, ..web() };
    assert!(told_at(120, severe, &silenced(120)).starts_with("catch_all:\n  at once: soc\n"));
    let end = Event { kind: EventKind::AgentRecovered, ..web() };
    assert_eq!(told_at(16, end.clone(), &silenced(16)), OF_AN_END);
    assert_eq!(told_at(120, end, &silenced(120)), OF_AN_END);
}

#[test]
fn what_is_held_back_leaves_at_its_time_and_does_not_wait_for_others_of_its_group_then() {
    let group = crate::config::Group { wait: Duration::from_secs(30), ..Default::default() };
    let route = Route { quiet: Some(night()), group, ..route("catch_all", &[&["soc"], &["email"]]) };
    let after = |hours| {
        let event = Event { at: start() + chrono::TimeDelta::hours(hours), ..agent_silent("001", "web-01") };
        let suppression = Suppression::none(event.at.timestamp_millis());
        let shown = routes(std::slice::from_ref(&route), &suppression, &event);
        shown[0].steps.iter().map(|step| step.after_seconds).collect::<Vec<_>>()
    };
    assert_eq!(after(0), [30, 90]);
    assert_eq!(after(2), [0, 60], "from the end of quiet hours");
}

#[tokio::test]
async fn a_silence_that_ends_in_quiet_hours_is_followed_by_them() {
    let folder = tempfile::tempdir().unwrap();
    let path = silenced_by_alice(folder.path(), 10, 90).await;
    let held = |minutes| {
        let suppression = Suppression::of_the_past(&open_read_only(&path).unwrap(), at(minutes)).unwrap();
        let route = Route { quiet: Some(night()), ..route("catch_all", &[&["soc"]]) };
        let event = agent_silent("001", "web-01");
        let holds = suppression.each_of(&event, &route);
        (holds.last().map(|hold| hold.until), holds.len())
    };
    assert_eq!(held(16), (Some(at(7 * 60)), 2), "01:30 is at night");
    assert_eq!(held(5), (None, 0), "there was no silence yet");
}

/// The event of these arguments.
fn event(event: &str, labels: &[(&str, &str)]) -> Result<Event, String> {
    let labels = labels.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
    event::of_args(&Args { labels, event: event.to_owned(), at: None, json: false }, start())
}

#[test]
fn an_event_is_as_severe_as_the_daemon_makes_it_and_has_a_name_only_where_it_is_about_an_agent() {
    for kind in ["source_down", "setup_failed", "channel_unhealthy", "journal_failed", "pipeline_stalled"] {
        let event = event(kind, &[]).unwrap();
        assert_eq!((event.severity, event.entity), (Severity::High, None), "{kind}");
    }
    assert_eq!(event("clock_skewed", &[("severity", "low")]).unwrap().severity, Severity::Low);
    let problem = event("source_down", &[("name", "fw-1")]).unwrap_err();
    assert_eq!(problem, "source_down is about no agent, so it has no `name`");
    let stall = event("pipeline_stalled", &[("id", "node=node02")]).unwrap();
    assert_eq!(stall.entity.unwrap().id, "node=node02");
}

#[test]
fn an_event_that_stands_among_the_labels_is_meant() {
    let stalled = event("agent_silent", &[("event", "pipeline_stalled")]).unwrap();
    assert_eq!((stalled.kind, stalled.severity), (EventKind::PipelineStalled, Severity::High));
    assert!(stalled.labels.is_empty(), "{:?}", stalled.labels);
    let problem = event("agent_silent", &[("event", "agent_recoverd")]).unwrap_err();
    assert_eq!(problem, "unknown event `agent_recoverd`; did you mean `agent_recovered`?");
}
