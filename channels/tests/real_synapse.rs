//! Kind `matrix` against a real Synapse.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Command;

use log_monitor_channels::conformance::{build, hostile, oversize, sample};
use log_monitor_channels::http::client;
use log_monitor_channels::matrix::Matrix;
use log_monitor_channels::{DeliveryError, MessageKind, Notification, Notifier, Reason, Receipt};
use reqwest::Method;
use serde_json::{Value, json};

/// A running Synapse, stopped on drop, with a room in which are both of its users.
struct Synapse {
    folder: tempfile::TempDir,
    url: String,
    /// The token of `log-monitor`, who sends.
    sender: String,
    /// The token of `soc`, who reads.
    reader: String,
    room: String,
}

fn script() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/real/synapse.sh")
}

impl Synapse {
    async fn start() -> Self {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let folder = tempfile::tempdir().unwrap();
        let started = Command::new(script()).arg("start").arg(folder.path()).arg(port.to_string()).status();
        let url = format!("http://127.0.0.1:{port}");
        let (sender, reader, room) = (String::new(), String::new(), String::new());
        let mut synapse = Self { folder, url, sender, reader, room };
        assert!(started.unwrap().success(), "Synapse did not start: see tests/README.md");
        synapse.sender = synapse.token("log-monitor").await;
        synapse.reader = synapse.token("soc").await;
        synapse.room = synapse.new_room(json!({ "invite": ["@log-monitor:localhost"] })).await;
        synapse.ask(Method::POST, &format!("join/{}", synapse.room), &synapse.sender, json!({})).await;
        synapse
    }

    async fn ask(&self, method: Method, path: &str, token: &str, body: Value) -> Value {
        let request = client().unwrap().request(method, format!("{}/_matrix/client/v3/{path}", self.url));
        let answer = request.bearer_auth(token).json(&body).send().await.unwrap();
        assert!(answer.status().is_success(), "{path}: {}", answer.text().await.unwrap());
        answer.json().await.unwrap()
    }

    async fn read(&self, path: &str) -> Value {
        self.ask(Method::GET, path, &self.reader, json!({})).await
    }

    async fn token(&self, user: &str) -> String {
        let user = json!({ "type": "m.id.user", "user": user });
        let login = json!({ "type": "m.login.password", "identifier": user, "password": "s3cret" });
        let session = self.ask(Method::POST, "login", "", login).await;
        session["access_token"].as_str().unwrap().to_owned()
    }

    async fn new_room(&self, options: Value) -> String {
        let room = self.ask(Method::POST, "createRoom", &self.reader, options).await;
        room["room_id"].as_str().unwrap().to_owned()
    }

    fn channel(&self, more: &str) -> Box<dyn Notifier> {
        let Self { url, sender, room, .. } = self;
        build::<Matrix>(&format!("homeserver = {url:?}\ntoken = {sender:?}\nroom_id = {room:?}\n{more}"))
    }

    /// The events of a kind of relation to this one.
    async fn related(&self, id: &str, kind: &str) -> Vec<Value> {
        // Newer than the rest of the API, and the path says so.
        let path = format!("../v1/rooms/{}/relations/{id}/{kind}", self.room);
        self.read(&path).await["chunk"].as_array().unwrap().clone()
    }

    /// The messages of the room, newest first.
    async fn messages(&self) -> Vec<Value> {
        let events = self.read(&format!("rooms/{}/messages?dir=b&limit=100", self.room)).await;
        let all = events["chunk"].as_array().unwrap();
        all.iter().filter(|event| event["type"] == "m.room.message").cloned().collect()
    }
}

impl Drop for Synapse {
    fn drop(&mut self) {
        let stopped = Command::new(script()).arg("stop").arg(self.folder.path()).status();
        assert!(stopped.unwrap().success(), "Synapse did not stop");
    }
}

fn id(receipt: &Receipt) -> &str {
    receipt.reference["event_id"].as_str().unwrap()
}

fn answer(key: &str, kind: MessageKind, firing: &Receipt) -> Notification {
    let in_reply_to = Some(firing.clone());
    let all_over = kind == MessageKind::Resolved;
    Notification { idempotency_key: key.to_owned(), kind, in_reply_to, all_over, ..sample() }
}

#[tokio::test]
#[ignore = "needs matrix-synapse: see tests/README.md"]
async fn a_second_try_is_the_same_event_in_the_room() {
    let synapse = Synapse::start().await;
    let channel = synapse.channel("");
    channel.probe().await.unwrap();
    let first = channel.notify(&sample()).await.unwrap();
    let again = Notification { attempt: 2, possible_duplicate: true, ..sample() };
    assert_eq!(channel.notify(&again).await.unwrap(), first);
    let other = Notification { idempotency_key: "k-2".to_owned(), ..sample() };
    assert_ne!(channel.notify(&other).await.unwrap(), first);
    assert_eq!(synapse.messages().await.len(), 2);
}

#[tokio::test]
#[ignore = "needs matrix-synapse: see tests/README.md"]
async fn answers_and_edits_are_what_the_room_shows() {
    let synapse = Synapse::start().await;
    let channel = synapse.channel("on_resolve = \"edit\"");
    let firing = channel.notify(&sample()).await.unwrap();
    let reminder = channel.notify(&answer("k-2", MessageKind::Reminder, &firing)).await.unwrap();
    let shown = synapse.read(&format!("rooms/{}/event/{}", synapse.room, id(&reminder))).await;
    assert_eq!(shown["content"]["m.relates_to"]["m.in_reply_to"]["event_id"], id(&firing));
    let threads = synapse.channel("answer = \"thread\"");
    let threaded = threads.notify(&answer("k-3", MessageKind::Reminder, &firing)).await.unwrap();
    let thread = synapse.related(id(&firing), "m.thread").await;
    assert_eq!((thread.len(), thread[0]["event_id"].as_str().unwrap()), (1, id(&threaded)));
    let end = answer("k-4", MessageKind::Resolved, &firing);
    channel.notify(&end).await.unwrap();
    let edits = synapse.related(id(&firing), "m.replace").await;
    assert_eq!(edits.len(), 1);
    let text = edits[0]["content"]["m.new_content"]["body"].as_str().unwrap();
    assert!(text.starts_with("🟢 Silent: 007 db-03"), "{text}");
}

#[tokio::test]
#[ignore = "needs matrix-synapse: see tests/README.md"]
async fn hostile_and_endless_texts_arrive_and_highlight_nobody() {
    let synapse = Synapse::start().await;
    let channel = synapse.channel("message_type = \"text\"");
    let named = Notification { title: "soc @soc:localhost @room".to_owned(), ..sample() };
    let texts = [named, hostile(), oversize()];
    for (at, notification) in texts.into_iter().enumerate() {
        channel.notify(&Notification { idempotency_key: format!("k-{at}"), ..notification }).await.unwrap();
    }
    assert_eq!(synapse.messages().await.len(), 3);
    let sync = synapse.read("sync").await;
    let unread = &sync["rooms"]["join"][&synapse.room]["unread_notifications"];
    assert_eq!((&unread["notification_count"], &unread["highlight_count"]), (&json!(3), &json!(0)));
}

#[tokio::test]
#[ignore = "needs matrix-synapse: see tests/README.md"]
async fn refusals_are_told_apart() {
    let mut synapse = Synapse::start().await;
    let elsewhere = synapse.new_room(json!({})).await;
    let room = std::mem::replace(&mut synapse.room, elsewhere);
    let stranger = synapse.channel("").notify(&sample()).await.unwrap_err();
    assert!(matches!(stranger, DeliveryError::PermanentChannel { reason: Reason::Auth, .. }), "{stranger:?}");
    synapse.room = room;
    let limited = limit(&*synapse.channel("")).await;
    let waits = matches!(
        limited,
        DeliveryError::Transient { reason: Reason::RateLimited, retry_after: Some(wait), .. } if !wait.is_zero()
    );
    assert!(waits, "{limited:?}");
    synapse.sender = "syt_wr0ng".to_owned();
    let unknown = synapse.channel("");
    for error in [unknown.notify(&sample()).await.unwrap_err(), unknown.probe().await.unwrap_err()] {
        assert!(matches!(error, DeliveryError::PermanentChannel { reason: Reason::Auth, .. }), "{error:?}");
        assert!(!format!("{error:?}").contains("syt_wr0ng"), "{error:?}");
    }
}

/// What the server says when it has had enough.
async fn limit(channel: &dyn Notifier) -> DeliveryError {
    for at in 0..100 {
        let message = Notification { idempotency_key: format!("k-{at}"), ..sample() };
        if let Err(error) = channel.notify(&message).await {
            return error;
        }
    }
    panic!("a hundred messages, and no limit");
}
