//! What is explained of a moment, from a journal and a watch.

mod whole;

use std::collections::BTreeSet;
use std::sync::Arc;

use chrono::{NaiveTime, TimeDelta};
use chrono_tz::Tz;
use log_monitor_channels::{Entity, Event, EventKind, Severity};
use rusqlite::Connection;

use super::standing::{Known, View, suppressions};
use super::*;
use crate::config::calendar::{Calendar, Pause, When, Window};
use crate::config::matcher::Matcher;
use crate::config::{Class, Dependency, ListedAs, Quiet, Quorum};
use crate::dispatch::fixtures::{agent_silent, route, start};
use crate::journal::acks::{self, Ack};
use crate::journal::entities::{self, EntityRow, Logging};
use crate::journal::events::{self, millis};
use crate::journal::incidents::{self, Subject};
use crate::journal::notes::{self, Note};
use crate::journal::silences::{self, Silence};
use crate::journal::{Journal, meta, open_read_only};
use crate::monitor::fixtures;
use crate::monitor::fleet::lag::Measured;
use crate::monitor::memory::Memory;

/// A journal that begins an hour before [`start`].
async fn journal(path: &std::path::Path, fill: fn(&Connection) -> rusqlite::Result<()>) {
    let journal = Journal::open_inline(path).unwrap();
    let write = move |connection: &Connection| {
        meta::set_alive(connection, millis(start()) - 3_600_000)?;
        fill(connection)
    };
    journal.write(write).await.unwrap();
}

/// Such a journal, seen from so many minutes after [`start`].
async fn view(minutes: i64, fill: fn(&Connection) -> rusqlite::Result<()>) -> View {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.db");
    journal(&path, fill).await;
    let (at, now) = (TimeDelta::minutes(minutes), TimeDelta::minutes(92));
    View::of(open_read_only(&path).unwrap(), start() + at, start() + now).unwrap()
}

fn at(minutes: i64) -> i64 {
    millis(start() + TimeDelta::minutes(minutes))
}

/// An incident from minute 16 on that ends at `end`.
fn incident(
    connection: &Connection,
    subject: Subject,
    event: Event,
    end: Option<i64>,
) -> rusqlite::Result<i64> {
    let id = incidents::open(connection, subject, &event)?;
    events::insert(connection, &mut Event { incident: Some(id), ..event.clone() })?;
    if let Some(end) = end {
        let over = Event { kind: EventKind::AgentRecovered, at: start() + TimeDelta::minutes(end), ..event };
        incidents::close(connection, id, &over, 0)?;
    }
    Ok(id)
}

/// 001 fell silent at minute 16 and was back at minute 40, as far as it is told.
fn one_silence(connection: &Connection) -> rusqlite::Result<()> {
    let event = Event {
        cause: "disconnected".to_owned(),
        detail: "Its last keepalive is 4 min old.".to_owned(),
        ..agent_silent("001", "web")
    };
    incident(connection, Subject::Agent, event, Some(40))?;
    let (key, label, last_seen) = ("001".to_owned(), "web".to_owned(), Some(at(90)));
    entities::save(connection, "default", &[EntityRow { key, label, last_seen, silence: None, since: None }])
}

fn said(view: &View) -> (String, Option<String>) {
    let known = Known::read(view, "default", "001").unwrap();
    (known.state(), known.told())
}

#[tokio::test]
async fn a_moment_of_the_past_is_explained_as_it_was_then() {
    assert_eq!(
        said(&view(-61, one_silence).await).0,
        "not known: the journal begins at 2025-12-31 23:00:00 UTC"
    );
    assert_eq!(said(&view(15, one_silence).await).0, "not silent; no silence until then is known");
    let (state, told) = said(&view(20, one_silence).await);
    assert_eq!(state, "silent, incident 1 (disconnected); last log 2026-01-01 00:00:00 UTC (20 min ago)");
    assert_eq!(told.unwrap(), "found at 2026-01-01 00:16:00 UTC: Its last keepalive is 4 min old.");
    let (state, told) = said(&view(41, one_silence).await);
    assert_eq!(state, "not silent; its last silence, incident 1, was over at 2026-01-01 00:40:00 UTC");
    assert_eq!(told, None);
}

#[tokio::test]
async fn of_a_moment_to_come_it_is_said_how_it_is_now() {
    let view = view(30 * 24 * 60, one_silence).await;
    let now =
        "as it is now: logging; last log, written down every 5 min: 2026-01-01 01:30:00 UTC (2 min ago)";
    assert_eq!(view.said(said(&view).0), now);
    assert_eq!(
        sources_at(&view)[0],
        "wazuh: as it is now: not asked yet; newest document of this agent: 2026-01-01 01:30:00 UTC (2 min ago)"
    );
}

#[tokio::test]
async fn logging_too_little_is_not_called_silence() {
    let view = view(20, |connection| {
        let event = Event { cause: "pipeline".to_owned(), ..agent_silent("001", "web") };
        let id = incident(connection, Subject::Agent, event.clone(), None)?;
        incidents::set_logging(connection, id, Logging::TooFew, &event)
    });
    assert_eq!(said(&view.await).0, "logging too little since 2026-01-01 00:16:00 UTC, incident 1");
}

/// 001 logs too little from minute 16 on, and stops at minute 20, which is told at minute 36.
fn few_and_then_none(connection: &Connection) -> rusqlite::Result<()> {
    let event = Event { cause: "volume_too_low".to_owned(), ..agent_silent("001", "web") };
    let id = incident(connection, Subject::Agent, event.clone(), None)?;
    incidents::set_logging(connection, id, Logging::TooFew, &event)?;
    let (since, at) = (start() + TimeDelta::minutes(20), start() + TimeDelta::minutes(36));
    let cause = "no_documents".to_owned();
    let mut stopped = Event { since: Some(since), at, cause, incident: Some(id), ..event };
    events::insert(connection, &mut stopped)?;
    incidents::worsen(connection, id, &stopped)?;
    incidents::set_logging(connection, id, Logging::No, &stopped)?;
    let (key, label, last_seen) = ("001".to_owned(), "web".to_owned(), Some(millis(since)));
    entities::save(connection, "default", &[EntityRow { key, label, last_seen, silence: None, since: None }])
}

#[tokio::test]
async fn who_logged_too_little_and_stopped_logged_until_then() {
    let few = "logging too little since 2026-01-01 00:16:00 UTC, incident 1";
    let newest = |view: &View| Known::read(view, "default", "001").unwrap().newest();
    let before = view(18, few_and_then_none).await;
    assert_eq!(
        (said(&before).0.as_str(), newest(&before)),
        (few, None),
        "which log was its newest is not known"
    );
    let untold = view(30, few_and_then_none).await;
    assert_eq!((said(&untold).0.as_str(), newest(&untold)), (few, Some(Some(at(20)))));
    let after = view(40, few_and_then_none).await;
    let silent = "silent, incident 1 (no_documents); last log 2026-01-01 00:20:00 UTC (20 min ago)";
    assert_eq!((said(&after).0.as_str(), newest(&after)), (silent, Some(Some(at(20)))));
}

fn sources_at(view: &View) -> Vec<String> {
    let mut watch = fixtures::watch(&["001"]);
    watch.beside = vec!["api".to_owned()];
    let known = Known::read(view, "default", "001").unwrap();
    let said = sources::sources(&[], &watch, Some((view, &known))).unwrap();
    said.into_iter().map(|source| format!("{}: {}", source.name, source.said.join("; "))).collect()
}

#[tokio::test]
async fn a_lag_that_was_measured_shortly_before_is_said_and_waited_for() {
    let late = |connection: &Connection| {
        let minutes = |minutes: i64| minutes * 60_000;
        let measured = |known, at_most| Measured { known: minutes(known), at_most: minutes(at_most) };
        let lags = [("node01".to_owned(), measured(20, 21)), ("node02".to_owned(), measured(0, 1))].into();
        Memory { at: at(60), lags }.write(connection, "default")
    };
    let watch = fixtures::watch(&["001"]);
    let wait = |view: &View| sources::wait(view, &watch, &watch.agents[0], &watch.policy(&watch.agents[0]));
    let now = view(61, late).await;
    let said = "its documents come late by at most 21 min (node node01), 1 min (node node02)";
    assert!(sources_at(&now)[0].ends_with(said), "{:?}", sources_at(&now));
    let waits = wait(&now).unwrap().unwrap();
    assert_eq!(waits.time.as_secs(), 19 * 60, "and a minute of grace");
    assert_eq!(wait(&view(-60, late).await).unwrap(), None, "that was another day");
}

#[tokio::test]
async fn each_source_says_what_it_last_said_then() {
    fn fill(connection: &Connection) -> rusqlite::Result<()> {
        one_silence(connection)?;
        let down = Event {
            scope: "wazuh".to_owned(),
            entity: None,
            cause: "auth".to_owned(),
            ..agent_silent("", "")
        };
        let down = Event { at: start() + TimeDelta::minutes(50), ..down };
        incident(connection, Subject::Source, down, Some(60))?;
        let back = start() + TimeDelta::minutes(80);
        let away = Some(start() + TimeDelta::minutes(70));
        let mut resumed =
            Event { kind: EventKind::MonitoringResumed, at: back, since: away, ..agent_silent("", "") };
        events::insert(connection, &mut resumed)?;
        meta::set_answered(connection, "wazuh", at(90))
    }
    let lines = |minutes| async move { sources_at(&view(minutes, fill).await) };
    assert_eq!(lines(-61).await[0], "wazuh: not known: the journal begins at 2025-12-31 23:00:00 UTC");
    assert_eq!(
        lines(20).await,
        [
            "wazuh: answered, as far as is known: no failure of it was open; newest document of this agent: \
             2026-01-01 00:00:00 UTC (20 min ago)",
            "api: not asked yet; of this agent at 2026-01-01 00:16:00 UTC: disconnected",
        ]
    );
    let down =
        "wazuh: could not be read from 2026-01-01 00:50:00 UTC to 2026-01-01 01:00:00 UTC, incident 2 (auth)";
    assert_eq!(lines(55).await[0], down);
    let away =
        "wazuh: not asked: log-monitor was away from 2026-01-01 01:10:00 UTC to 2026-01-01 01:20:00 UTC";
    assert_eq!(lines(75).await[0], away);
    assert_eq!(
        lines(92).await,
        [
            "wazuh: last answer, written down every 5 min: 2026-01-01 01:30:00 UTC (2 min ago); newest document of this agent: \
             2026-01-01 01:30:00 UTC (2 min ago)",
            "api: not asked yet",
        ]
    );
}

/// What would keep the silence of `001` from being told now.
fn kept(known: Option<&Known>, change: impl Fn(&mut Watch)) -> Vec<String> {
    let mut watch = fixtures::watch(&["001", "gw-1"]);
    change(&mut watch);
    let agent = &watch.agents[0];
    suppressions(known, &watch, agent, &watch.policy(agent), start() + TimeDelta::minutes(20))
}

fn window(from: u32, to: u32) -> Window {
    let time = |hour| NaiveTime::from_hms_opt(hour, 0, 0).unwrap();
    Window { days: [true; 7], from: time(from), to: time(to) }
}

fn with_hours(watch: &mut Watch, windows: Vec<Window>) {
    let calendar =
        Calendar { zone: Tz::Europe__Rome, windows, holidays: BTreeSet::new(), pauses: Vec::new() };
    watch.classes = vec![Class {
        matcher: Matcher::default(),
        interval: None,
        grace: None,
        min_events: None,
        calendar: Some(Arc::new(calendar)),
        max_time_to_notify: None,
        labels: Default::default(),
    }];
}

#[test]
fn hours_maintenance_and_newcomers_keep_a_silence_from_being_told() {
    assert_eq!(kept(None, |_| {}), [""; 0]);
    // 00:20 UTC is 01:20 in Rome.
    let hours = |watch: &mut Watch| with_hours(watch, vec![window(8, 18)]);
    assert_eq!(
        kept(None, hours),
        ["outside of its hours; logs are expected again from 2026-01-01 07:00:00 UTC"]
    );
    let pause = Pause { zone: Tz::UTC, when: When::Days(window(0, 4), None) };
    let maintenance = |watch: &mut Watch| {
        with_hours(watch, vec![window(0, 18)]);
        let pauses = vec![pause];
        watch.maintenance = vec![crate::config::model::Maintenance {
            matcher: Matcher::default(),
            pauses,
            behind: Vec::new(),
        }];
    };
    assert_eq!(
        kept(None, maintenance),
        ["maintenance; logs are expected again from 2026-01-01 04:00:00 UTC"]
    );
    let never = |watch: &mut Watch| with_hours(watch, vec![Window { days: [false; 7], ..window(8, 18) }]);
    assert_eq!(kept(None, never), ["outside of its hours; for a year no logs are expected"]);
    let new = |watch: &mut Watch| {
        watch.agents[0].listed = Some(ListedAs { watched_from: Some(at(60)), ..ListedAs::default() });
    };
    assert_eq!(kept(None, new), ["it is new; it is silent at the earliest at 2026-01-01 01:00:00 UTC"]);
    let missing = |watch: &mut Watch| {
        watch.agents[0].listed = Some(ListedAs { spared_until: Some(at(60)), ..ListedAs::default() });
    };
    let said = "it is not on the list any more; it is silent at the earliest at 2026-01-01 01:00:00 UTC";
    assert_eq!(kept(None, missing), [said]);
}

/// Incident 1 is a stall, and 2 the silence of 001, which is `part` of it or not.
fn stall_of_001(connection: &Connection, part: bool) -> rusqlite::Result<()> {
    let node = Entity { id: "node=node02".to_owned(), label: "(9 agents)".to_owned() };
    let stall = Event { kind: EventKind::PipelineStalled, entity: Some(node), ..agent_silent("", "") };
    let stall = incident(connection, Subject::Pipeline, stall, None)?;
    let silence = Event { part_of: part.then_some(stall), ..agent_silent("001", "web") };
    incident(connection, Subject::Agent, silence, None).map(drop)
}

#[tokio::test]
async fn a_stall_a_gateway_and_flapping_keep_a_silence_from_being_told() {
    let stalled = view(20, |connection| stall_of_001(connection, true));
    let known = Known::read(&stalled.await, "default", "001").unwrap();
    let part = "its silence is part of incident 1 (pipeline node=node02) and told with it";
    assert_eq!(kept(Some(&known), |_| {}), [part]);
    let free = view(20, |connection| {
        stall_of_001(connection, true)?;
        notes::write(connection, &[(2, Note::FreeSince(at(18)))])
    });
    let known = Known::read(&free.await, "default", "001").unwrap();
    let free = "its silence was explained by incident 1 (pipeline node=node02) until 2026-01-01 00:18:00 UTC; it is \
                told by itself unless it logs by 2026-01-01 00:34:00 UTC";
    assert_eq!(kept(Some(&known), |_| {}), [free]);
    let led = view(20, |connection| {
        stall_of_001(connection, false)?;
        notes::write(connection, &[(2, Note::LedTo(1))])
    });
    let known = Known::read(&led.await, "default", "001").unwrap();
    let led = "incident 1 (pipeline node=node02) began shortly after it and explains it: no reminders until that is \
               over";
    assert_eq!(kept(Some(&known), |_| {}), [led]);
    let gateway = |watch: &mut Watch| {
        let on = Matcher::new([("id", vec!["gw-*"])]);
        watch.dependencies = vec![Dependency { matcher: Matcher::default(), on, need: Quorum::Share(0.5) }];
    };
    let depends = "it depends on id=gw-*: 50 % of them must log, else its silence is told with theirs";
    assert_eq!(kept(None, gateway), [depends]);
    let flaps = view(20, |connection| {
        (0..3).try_for_each(|_| {
            incident(connection, Subject::Agent, agent_silent("001", "web"), Some(18)).map(drop)
        })
    });
    let known = Known::read(&flaps.await, "default", "001").unwrap();
    let flaps = "it flaps: the end of its silence is told only after 16 min of logs without a pause";
    assert_eq!(kept(Some(&known), |_| {}), [flaps]);
}

#[tokio::test]
async fn what_is_told_of_an_incident_later_is_not_said_of_the_time_before() {
    fn later(connection: &Connection, id: i64, cause: &str, part_of: Option<i64>) -> rusqlite::Result<()> {
        let (cause, at) = (cause.to_owned(), start() + TimeDelta::minutes(60));
        let mut event = Event { cause, at, part_of, incident: Some(id), ..agent_silent("001", "web") };
        events::insert(connection, &mut event)?;
        incidents::worsen(connection, id, &event)
    }
    let left = view(20, |connection| {
        stall_of_001(connection, true)?;
        later(connection, 2, "silent_after_stall", None)
    });
    let known = Known::read(&left.await, "default", "001").unwrap();
    assert!(known.state().contains("incident 2 (no_documents)"), "{}", known.state());
    let part = "its silence is part of incident 1 (pipeline node=node02) and told with it";
    assert_eq!(kept(Some(&known), |_| {}), [part]);
    let joined = view(20, |connection| {
        incident(connection, Subject::Agent, agent_silent("001", "web"), None)?;
        let at = start() + TimeDelta::minutes(60);
        let stall = incident(connection, Subject::Pipeline, Event { at, ..agent_silent("", "") }, None)?;
        later(connection, 1, "pipeline", Some(stall))
    });
    let known = Known::read(&joined.await, "default", "001").unwrap();
    assert!(known.state().contains("incident 1 (no_documents)"), "{}", known.state());
    assert_eq!(kept(Some(&known), |_| {}), [""; 0], "there was no stall yet");
}

#[tokio::test]
async fn silences_quiet_hours_and_who_takes_care_are_told_as_they_were_then() {
    let fill = |connection: &Connection| {
        let incident = incident(connection, Subject::Agent, agent_silent("001", "web"), None)?;
        let (author, reason) = ("alice".to_owned(), "patching".to_owned());
        let (created, until) = (at(30), at(90));
        let silence = Silence {
            id: 0,
            matchers: vec!["id=00*".to_owned()],
            author: author.clone(),
            reason: reason.clone(),
            created,
            until,
        };
        silences::add(connection, &silence)?;
        acks::set(connection, &Ack { incident, author, reason, severity: Severity::Medium, created, until })
    };
    let mut route = route("all", &[&["soc"]]);
    let windows = vec![window(0, 4)];
    let hours = Calendar { zone: Tz::UTC, windows, holidays: BTreeSet::new(), pauses: Vec::new() };
    route.quiet = Some(Quiet { hours: Arc::new(hours), below: Severity::High });
    let said = async |minutes: i64| {
        let view = view(minutes, fill).await;
        let known = Known::read(&view, "default", "001").unwrap();
        let event = Event { at: start() + TimeDelta::minutes(minutes), ..agent_silent("001", "web") };
        held::held(Some((&view, &known)), &event, &[&route]).unwrap()
    };
    assert_eq!(
        said(29).await,
        ["all waits: quiet hours until 2026-01-01 04:00:00 UTC"],
        "before it was said"
    );
    let until = "until 2026-01-01 01:30:00 UTC";
    assert_eq!(
        said(31).await,
        [
            format!("held back by silence 1 by alice {until}: patching"),
            format!("alice takes care of it {until}, no reminders: patching"),
        ]
    );
}
