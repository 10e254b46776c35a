use std::os::unix::net::{UnixDatagram, UnixListener};

use serde_json::{Value, json};

use super::*;
use crate::conformance::{self, Arrival, FarEnd, HttpSuite, Scene, conforms, hostile, oversize, sample};
use crate::error::Reason;
use crate::event::Event;
use crate::testing::{HttpServer, Reply, Request};

/// An analysisd, which answers nothing: what can fail is the way to it, tested by itself.
struct Analysisd(UnixDatagram);

impl FarEnd for Analysisd {
    fn accept(&self) {}

    fn scenes(&self) -> Vec<Scene<'_>> {
        Vec::new()
    }

    fn arrived(&self) -> Vec<Arrival> {
        self.datagrams().iter().map(|datagram| arrival(datagram)).collect()
    }
}

impl Analysisd {
    fn listen(folder: &tempfile::TempDir) -> (Self, String) {
        let path = folder.path().join("queue");
        let socket = UnixDatagram::bind(&path).unwrap();
        socket.set_nonblocking(true).unwrap();
        (Self(socket), format!("socket = {path:?}"))
    }

    fn datagrams(&self) -> Vec<Vec<u8>> {
        let mut buffer = vec![0; 100_000];
        let next = || self.0.recv(&mut buffer).ok().map(|size| buffer[..size].to_vec());
        std::iter::from_fn(next).collect()
    }
}

/// One line of JSON with everything under `log_monitor`, behind the head that no name can forge.
fn arrival(datagram: &[u8]) -> Arrival {
    let text = String::from_utf8_lossy(datagram);
    let event =
        text.strip_prefix("1:log-monitor:").and_then(|event| serde_json::from_str::<Value>(event).ok());
    let ours = event.as_ref().and_then(Value::as_object).filter(|event| event.len() == 1);
    let ours = ours.and_then(|event| event["log_monitor"].as_object()).filter(|_| !text.contains('\n'));
    let key = ours.and_then(|ours| ours["key"].as_str()).map(str::to_owned);
    let harm = (ours.is_none() || datagram.len() > 65_535).then(|| text.clone().into_owned());
    Arrival { size: datagram.len(), key, text: text.into_owned(), harm, ..Arrival::default() }
}

#[tokio::test]
async fn the_socket_conforms() {
    let folder = tempfile::tempdir().unwrap();
    let (analysisd, table) = Analysisd::listen(&folder);
    conforms::<Wazuh>(&analysisd, &table, &[]).await;
}

#[tokio::test]
async fn every_event_of_a_group_is_one_for_wazuh() {
    let folder = tempfile::tempdir().unwrap();
    let (analysisd, table) = Analysisd::listen(&folder);
    let mut group = sample();
    group.events.push(Event { incident: Some(8), ..group.events[0].clone() });
    let channel = conformance::build::<Wazuh>(&table);
    channel.probe().await.unwrap();
    let receipt = channel.notify(&group).await.unwrap();
    assert_eq!(receipt.line, "handed to analysisd as 2 events");
    let datagrams = analysisd.datagrams();
    let event: Value = serde_json::from_slice(&datagrams[1]["1:log-monitor:".len()..]).unwrap();
    assert_eq!(
        event["log_monitor"],
        json!({
            "event": "agent_silent", "kind": "firing", "severity": "medium", "scope": "default", "entity_id": "007",
            "entity_label": "db-03", "incident": "8", "since": "2025-12-31T23:44:00.000Z", "threshold_seconds": "960",
            "cause": "no_documents", "at": "2026-01-01T00:00:00.000Z", "title": "agent silent: 007 db-03",
            "text": "No logs for 16 min.", "installation": "test", "key": "0123456789abcdef-1",
            "labels": { "site": "MIL" },
        })
    );
}

#[test]
fn the_largest_event_fits_a_datagram() {
    let long = "🔥".repeat(10_000);
    let mut huge =
        Notification { title: long.clone(), body: long.clone(), installation: long.clone(), ..oversize() };
    let event = &mut huge.events[0];
    event.labels = (0..100).map(|number| (format!("{number}{long}"), long.clone())).collect();
    (event.scope, event.cause) = (long.clone(), long);
    for notification in [huge, hostile()] {
        let events = event::events(&notification);
        assert!(events.iter().all(|event| event.len() < 65_000), "{}", events[0].len());
    }
}

#[tokio::test]
async fn what_is_wrong_with_the_socket_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let outcome = |name: &str| {
        let channel = conformance::build::<Wazuh>(&format!("socket = {:?}", folder.path().join(name)));
        async move { channel.notify(&sample()).await.unwrap_err() }
    };
    let none = outcome("none").await;
    assert!(matches!(none, DeliveryError::Transient { reason: Reason::Network, .. }), "{none:?}");
    drop(UnixDatagram::bind(folder.path().join("dead")).unwrap());
    assert_eq!(outcome("dead").await, none);
    let _wazuh_5 = UnixListener::bind(folder.path().join("stream")).unwrap();
    let stream = outcome("stream").await;
    assert!(matches!(stream, DeliveryError::PermanentChannel { reason: Reason::Rejected, .. }), "{stream:?}");
}

const PASSWORD: &str = "w4zuh-password";
const TOKEN: &str = "eyJ.jwt-of-wazuh";

fn api(base: &str) -> String {
    format!("url = \"{base}/\"\nusername = \"log-monitor\"\npassword = \"{PASSWORD}\"")
}

fn accepted() -> Reply {
    Reply::json(
        200,
        &json!({ "data": { "token": TOKEN }, "message": "All events were forwarded to analisysd", "error": 0 }),
    )
}

fn harmless(request: &Request) -> Result<(), String> {
    for event in request.json()["events"].as_array().into_iter().flatten() {
        let datagram = format!("1:log-monitor:{}", event.as_str().unwrap_or_default());
        arrival(datagram.as_bytes()).harm.map_or(Ok(()), Err)?;
    }
    Ok(())
}

#[tokio::test]
async fn the_api_conforms() {
    conformance::http::<Wazuh>(&HttpSuite {
        config: &api,
        secrets: &[PASSWORD, TOKEN],
        accepts: accepted(),
        idempotency: None,
        harmless: &harmless,
    })
    .await;
}

fn paths(server: &HttpServer) -> Vec<String> {
    server.take_received().into_iter().map(|request| request.path).collect()
}

#[tokio::test]
async fn one_login_serves_many_events_and_another_follows_when_it_expired() {
    let expired = std::sync::atomic::AtomicBool::new(false);
    let expired = std::sync::Arc::new(expired);
    let expires = expired.clone();
    let server = HttpServer::start(move |request| {
        let old = request.path == "/events" && expired.swap(false, std::sync::atomic::Ordering::SeqCst);
        if old { Reply::new(401, "Invalid token") } else { accepted() }
    })
    .await
    .unwrap();
    let channel = conformance::build::<Wazuh>(&api(&server.url("")));
    let event = |number: i64| Event { incident: Some(number), ..sample().events.remove(0) };
    let many = Notification { events: (0..250).map(event).collect(), ..sample() };
    channel.notify(&many).await.unwrap();
    let requests = server.received();
    let sizes: Vec<usize> =
        requests.iter().skip(1).map(|request| request.json()["events"].as_array().unwrap().len()).collect();
    assert_eq!(sizes, [100, 100, 50]);
    assert!(requests[0].header("authorization").starts_with("Basic "));
    assert_eq!(requests[1].header("authorization"), format!("Bearer {TOKEN}"));
    assert_eq!(paths(&server)[0], "/security/user/authenticate");
    expires.store(true, std::sync::atomic::Ordering::SeqCst);
    channel.notify(&sample()).await.unwrap();
    assert_eq!(paths(&server), ["/events", "/security/user/authenticate", "/events"]);
}

#[tokio::test]
async fn refusals_are_told_apart() {
    let outcome = |reply: Reply| async move {
        let server = HttpServer::start(move |request| match request.path.as_str() {
            "/events" => reply.clone(),
            _ => accepted(),
        });
        let server = server.await.unwrap();
        conformance::build::<Wazuh>(&api(&server.url(""))).notify(&sample()).await.unwrap_err()
    };
    let limit = outcome(Reply::json(429, &json!({ "error": 6005 }))).await;
    assert!(
        matches!(limit, DeliveryError::Transient { retry_after: Some(wait), .. } if wait.as_secs() == 60)
    );
    let none = json!({ "data": {}, "message": "No events were forwarded to analisysd", "error": 1 });
    assert_eq!(outcome(Reply::json(200, &none)).await.reason(), Reason::Server);
    assert_eq!(outcome(Reply::new(200, "<html>log in</html>")).await.reason(), Reason::UnexpectedAnswer);
}

#[test]
fn one_way_in_is_needed_and_only_one() {
    let problems = |text: &str| Wazuh::validate(&toml::from_str(text).unwrap()).len();
    assert_eq!(problems("socket = \"/var/ossec/queue/sockets/queue\""), 0);
    assert_eq!(problems("url = \"https://a.example\"\nusername = \"u\"\npassword = \"p\""), 0);
    assert_eq!(problems("url = \"http://a.example\"\nusername = \"u\"\npassword = \"p\""), 1);
    assert_eq!(problems("socket = \"/x\"\nusername = \"u\""), 1);
    assert_eq!(problems("socket = \"/x\"\nproxy = \"http://proxy.example:3128\""), 1);
    assert_eq!(problems("url = \"https://a.example\""), 1);
    assert_eq!(problems(""), 1);
}
