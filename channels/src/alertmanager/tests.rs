use std::collections::BTreeSet;

use chrono::{DateTime, TimeDelta};
use serde_json::json;

use super::alert::Severities;
use super::*;
use crate::conformance::{self, HttpSuite, hostile, sample};
use crate::event::{Entity, Event, EventKind, Severity};
use crate::notification::MessageKind;
use crate::testing::{Fault, HttpServer, Reply, Request};

fn config(base: &str) -> String {
    format!("urls = [\"{base}/prefix/\"]\nusername = \"lm\"\npassword = \"am-s3cret\"")
}

/// Only labels and annotations that Prometheus' data model has, without markup.
fn harmless(request: &Request) -> Result<(), String> {
    let text = String::from_utf8_lossy(&request.body).into_owned();
    let valid = |name: &String| {
        !name.starts_with(|c: char| c.is_ascii_digit())
            && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
    };
    for alert in request.json().as_array().into_iter().flatten() {
        let names = [&alert["labels"], &alert["annotations"]].into_iter().filter_map(Value::as_object);
        if let Some(odd) = names.flat_map(|names| names.keys()).find(|name| !valid(name)) {
            return Err(format!("a name {odd:?}"));
        }
    }
    let act = ["<", "@everyone", "\\r"].into_iter().find(|act| text.contains(act));
    act.map_or(Ok(()), |act| Err(format!("{act} in {text}")))
}

#[tokio::test]
async fn it_conforms() {
    conformance::http::<Alertmanager>(&HttpSuite {
        config: &config,
        secrets: &["am-s3cret"],
        accepts: Reply::new(200, ""),
        idempotency: None,
        harmless: &harmless,
    })
    .await;
}

fn now() -> DateTime<Utc> {
    sample().created_at + TimeDelta::minutes(1)
}

fn told(notification: &Notification) -> Vec<Value> {
    alerts(notification, now(), KEEP_ALIVE * 3).as_array().unwrap().clone()
}

/// Two agents, one of them suspicious.
fn group() -> Notification {
    let mut group = Notification { severity: Severity::High, ..sample() };
    let entity = Some(Entity { id: "008".to_owned(), label: "db-04".to_owned() });
    let second = Event { entity, incident: Some(8), severity: Severity::High, ..group.events[0].clone() };
    group.events.push(second);
    group
}

#[test]
fn a_firing_lasts_until_it_is_not_told_any_more() {
    let alert = &told(&sample())[0];
    assert_eq!(
        alert["labels"],
        json!({
            "alertname": "AgentSilent", "severity": "medium", "scope": "default", "installation": "test",
            "entity_id": "007", "entity_label": "db-03", "site": "MIL",
        })
    );
    assert_eq!(alert["annotations"]["summary"], "Silent: 007 db-03, no logs for 16 min");
    assert_eq!(alert["startsAt"], "2026-01-01T00:00:00.000Z");
    assert_eq!(alert["endsAt"], "2026-01-01T00:04:00.000Z");
}

#[test]
fn the_end_has_the_labels_of_the_begin_though_it_is_less_severe() {
    let firing = group();
    let reference = Severities::of(&firing).reference();
    let mut end = Notification {
        kind: MessageKind::Resolved,
        in_reply_to: Some(Receipt { reference, ..Receipt::default() }),
        ..firing.clone()
    };
    for event in &mut end.events {
        (event.kind, event.severity) = (EventKind::AgentRecovered, Severity::Info);
    }
    for (begin, end) in told(&firing).iter().zip(told(&end)) {
        assert_eq!(begin["labels"], end["labels"]);
        assert_eq!(end["endsAt"], "2026-01-01T00:01:00.000Z");
        assert!(end.get("startsAt").is_none(), "it keeps its own");
    }
    assert_eq!(told(&end)[1]["labels"]["severity"], "high");
    let some = Notification { events: vec![end.events.remove(1)], ..end };
    assert_eq!(told(&some).len(), 1, "the other goes on");
}

#[test]
fn the_severities_of_any_group_fit_into_a_receipt() {
    let mut group = Notification { severity: Severity::Critical, ..sample() };
    let severities = [Severity::Medium, Severity::Medium, Severity::High];
    let event = |number: i64| Event {
        incident: Some(1_000_000 + number),
        severity: severities[usize::try_from(number).unwrap() % 3],
        ..sample().events.remove(0)
    };
    group.events = (0..90).map(event).collect();
    let exact = told(&group);
    assert_eq!(exact[1]["labels"]["severity"], "medium");
    assert_eq!(exact[2]["labels"]["severity"], "high");
    group.events = (0..3000).map(event).collect();
    assert!(Severities::of(&group).reference().to_string().len() < 1024);
    let highest: BTreeSet<String> =
        told(&group).iter().map(|alert| alert["labels"]["severity"].to_string()).collect();
    assert_eq!(highest, BTreeSet::from(["\"critical\"".to_owned()]));
}

#[test]
fn an_events_own_label_takes_no_name_of_ours() {
    let mut odd = hostile();
    for name in ["alertname", "severity", "entity_id"] {
        odd.events[0].labels.insert(name.to_owned(), "mine".to_owned());
    }
    odd.events[0].entity = None;
    let labels = &told(&odd)[0]["labels"];
    assert_eq!(labels["alertname"], "AgentSilent");
    assert!(labels.get("entity_id").is_none() && !labels.to_string().contains("mine"), "{labels}");
}

#[tokio::test]
async fn every_peer_is_told_and_one_is_enough() {
    let first = HttpServer::start(|_| Reply::new(503, "later")).await.unwrap();
    let second = HttpServer::start(|_| Reply::new(200, "")).await.unwrap();
    let urls = format!("urls = [{:?}, {:?}, \"http://127.0.0.1:9\"]", first.url(""), second.url("/"));
    let notifier = conformance::build::<Alertmanager>(&urls);
    let receipt = notifier.notify(&sample()).await.unwrap();
    assert!(receipt.line.starts_with("taken by 1 of 3; peer 1: HTTP 503"), "{receipt:?}");
    assert!(receipt.line.contains("peer 3: cannot connect") && !receipt.line.contains("127.0.0.1"));
    assert_eq!((first.count(), second.received()[0].path.as_str()), (1, "/api/v2/alerts"));
}

#[tokio::test]
async fn a_peer_that_hangs_holds_up_nothing_that_another_has_taken() {
    let hangs = HttpServer::start(|_| Reply::fault(Fault::Hang)).await.unwrap();
    let takes = HttpServer::start(|_| Reply::new(200, "")).await.unwrap();
    let urls = format!("urls = [{:?}, {:?}]", hangs.url(""), takes.url(""));
    let begun = Instant::now();
    let receipt = conformance::build::<Alertmanager>(&urls).notify(&sample()).await.unwrap();
    assert_eq!(receipt.line, "taken by 1 of 2; peer 1: no answer yet");
    assert!(begun.elapsed() < GRACE * 2, "{:?}", begun.elapsed());
}

#[tokio::test]
async fn when_none_takes_it_hope_counts_first() {
    let gone = HttpServer::start(|_| Reply::new(404, "")).await.unwrap();
    let busy = HttpServer::start(|_| Reply::new(500, "")).await.unwrap();
    let urls = format!("urls = [{:?}, {:?}]", gone.url(""), busy.url(""));
    let error = conformance::build::<Alertmanager>(&urls).notify(&sample()).await.unwrap_err();
    assert!(matches!(error, DeliveryError::Transient { .. }), "{error:?}");
}

#[tokio::test]
async fn a_page_in_place_of_nothing_is_no_success() {
    let proxy = HttpServer::start(|_| Reply::new(200, "<html>log in</html>")).await.unwrap();
    let notifier = conformance::build::<Alertmanager>(&format!("urls = [{:?}]", proxy.url("")));
    assert_eq!(notifier.notify(&sample()).await.unwrap_err(), unexpected("Alertmanager"));
    assert!(notifier.probe().await.is_err());
}

#[test]
fn mistakes_are_found_at_their_own_key() {
    let key = |text: &str| {
        Alertmanager::validate(&toml::from_str(text).unwrap()).first().and_then(|problem| problem.key)
    };
    assert_eq!(key("urls = [\"https://am.example\"]\nusername = \"u\"\npassword = \"p\""), None);
    assert_eq!(key("urls = []"), Some("urls"));
    assert_eq!(key("urls = [\"https://am.example\", \"http://am.example\"]"), Some("urls"));
    assert_eq!(key("urls = [\"https://am.example\"]\nusername = \"u\""), Some("username"));
    assert_eq!(key("urls = [\"https://am.example\"]\npassword = \"p\""), Some("password"));
    let both = "urls = [\"https://am.example\"]\nusername = \"u\"\npassword = \"p\"\nbearer = \"b\"";
    assert_eq!(key(both), Some("bearer"));
}
