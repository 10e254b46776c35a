//! Kind `alertmanager` against a real Alertmanager, asked by its own `amtool`.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use chrono::Utc;
use log_monitor_channels::alertmanager::{Alertmanager, alerts};
use log_monitor_channels::conformance::{build, hostile, oversize, sample};
use log_monitor_channels::http::client;
use log_monitor_channels::testing::{HttpServer, Reply};
use log_monitor_channels::{Entity, Event, EventKind, MessageKind, Notification, Notifier, Severity};
use serde_json::{Value, json};

/// A running Alertmanager and the receiver that it tells; stopped on drop.
struct Real {
    folder: tempfile::TempDir,
    receiver: HttpServer,
    url: String,
}

fn script() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/real/alertmanager.sh")
}

impl Real {
    async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let receiver = HttpServer::start(|_| Reply::new(200, "")).await.unwrap();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let mut start = Command::new(script());
        start.arg("start").arg(folder.path()).arg(port.to_string()).arg(receiver.url("/hook"));
        assert!(start.status().unwrap().success(), "Alertmanager did not start: see tests/README.md");
        Self { folder, receiver, url: format!("http://127.0.0.1:{port}") }
    }

    fn channel(&self) -> Box<dyn Notifier> {
        build::<Alertmanager>(&format!("urls = [{:?}]", self.url))
    }

    /// What lasts now, by entity.
    fn active(&self) -> Vec<Value> {
        let url = format!("--alertmanager.url={}", self.url);
        let asked = Command::new("amtool").args([&url, "alert", "query", "--output=json"]).output().unwrap();
        assert!(asked.status.success(), "amtool: {}", String::from_utf8_lossy(&asked.stderr));
        let mut active: Vec<Value> = serde_json::from_slice(&asked.stdout).unwrap();
        active.sort_by_key(|alert| alert["labels"]["entity_id"].to_string());
        active
    }

    /// The states of an agent that the receiver was told, once there are so many.
    async fn told(&self, agent: &str, count: usize) -> Vec<String> {
        let deadline = Instant::now() + Duration::from_secs(20);
        loop {
            let bodies = self.receiver.received();
            let alerts = bodies.iter().map(|request| request.json()["alerts"][0].clone());
            let told = alerts.filter(|alert| alert["labels"]["entity_id"] == agent);
            let told: Vec<String> = told.map(|alert| alert["status"].as_str().unwrap().to_owned()).collect();
            if told.len() >= count {
                return told;
            }
            assert!(Instant::now() < deadline, "{count} of {agent} never came: {told:?}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    async fn post(&self, alerts: &Value) -> u16 {
        let post = client().unwrap().post(format!("{}/api/v2/alerts", self.url)).json(alerts);
        post.send().await.unwrap().status().as_u16()
    }
}

impl Drop for Real {
    fn drop(&mut self) {
        let stopped = Command::new(script()).arg("stop").arg(self.folder.path()).status();
        assert!(stopped.unwrap().success(), "Alertmanager did not stop");
    }
}

/// Agents 007 and 008 fell silent now, the second one suspiciously.
fn firing() -> Notification {
    let mut firing = Notification { severity: Severity::High, ..sample() };
    firing.events[0].at = Utc::now();
    let entity = Some(Entity { id: "008".to_owned(), label: "db-04".to_owned() });
    let second = Event { entity, incident: Some(8), severity: Severity::High, ..firing.events[0].clone() };
    firing.events.push(second);
    firing
}

/// The recovery of one of them.
fn recovery(of: &Notification, place: usize, all_over: bool) -> Notification {
    let mut event = of.events[place].clone();
    (event.kind, event.severity, event.at) = (EventKind::AgentRecovered, Severity::Medium, Utc::now());
    Notification { kind: MessageKind::Resolved, all_over, events: vec![event], ..of.clone() }
}

#[tokio::test]
#[ignore = "needs Alertmanager: see tests/README.md"]
async fn a_group_fires_stays_and_ends_one_by_one() {
    let real = Real::start().await;
    let channel = real.channel();
    channel.probe().await.unwrap();
    let firing = firing();
    let receipt = channel.notify(&firing).await.unwrap();
    assert_eq!(real.told("007", 1).await, ["firing"]);
    let first = real.active();
    let severities = [&first[0]["labels"]["severity"], &first[1]["labels"]["severity"]];
    assert_eq!(severities, ["medium", "high"]);

    channel.notify(&firing).await.unwrap();
    let again = real.active();
    assert_eq!(again.len(), 2, "told again, they are the same");
    assert_eq!(again[0]["startsAt"], first[0]["startsAt"]);
    assert!(again[0]["endsAt"].as_str() > first[0]["endsAt"].as_str(), "{first:?}\n{again:?}");

    let answer = |of: Notification| Notification { in_reply_to: Some(receipt.clone()), ..of };
    channel.notify(&answer(recovery(&firing, 1, false))).await.unwrap();
    assert_eq!(real.told("008", 2).await, ["firing", "resolved"]);
    let left = real.active();
    assert_eq!((left.len(), &left[0]["labels"]["entity_id"]), (1, &json!("007")));
    channel.notify(&answer(recovery(&firing, 0, true))).await.unwrap();
    assert_eq!(real.told("007", 2).await, ["firing", "resolved"]);
    assert_eq!(real.active(), Vec::<Value>::new());
}

#[tokio::test]
#[ignore = "needs Alertmanager: see tests/README.md"]
async fn what_is_not_told_again_is_over() {
    let real = Real::start().await;
    let body = alerts(&firing(), Utc::now(), Duration::from_secs(2));
    assert_eq!(real.post(&body).await, 200);
    assert_eq!(real.active().len(), 2);
    assert_eq!(real.told("008", 2).await, ["firing", "resolved"]);
}

#[tokio::test]
#[ignore = "needs Alertmanager: see tests/README.md"]
async fn every_message_is_taken_and_the_judge_does_refuse() {
    let real = Real::start().await;
    let channel = real.channel();
    let notice = Notification { kind: MessageKind::Notice, ..sample() };
    let short = Notification { short: true, ..oversize() };
    for message in [sample(), hostile(), oversize(), notice, short] {
        channel.notify(&message).await.unwrap();
    }
    assert_eq!(real.post(&json!([{ "labels": { "not-a-name": "x" } }])).await, 400);
    assert_eq!(real.post(&json!([{ "labels": {} }])).await, 400);
}
