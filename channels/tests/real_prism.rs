//! What the kinds send whose vendors nobody can have here, judged by prism against schemas written after
//! the vendors' own documents (`tests/schemas`).

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use log_monitor_channels::conformance::{build, hostile, oversize, sample};
use log_monitor_channels::discord::Discord;
use log_monitor_channels::google_chat::GoogleChat;
use log_monitor_channels::http::client;
use log_monitor_channels::jira_service_management::JiraServiceManagement;
use log_monitor_channels::mattermost::Mattermost;
use log_monitor_channels::ntfy::Ntfy;
use log_monitor_channels::opsgenie::Opsgenie;
use log_monitor_channels::pagerduty::PagerDuty;
use log_monitor_channels::slack::Slack;
use log_monitor_channels::telegram::Telegram;
use log_monitor_channels::thehive::TheHive;
use log_monitor_channels::{Event, Link, MessageKind, Notification, Notifier};
use reqwest::header::AUTHORIZATION;
use serde_json::{Value, json};

/// A running prism; killed on drop.
struct Prism {
    process: Child,
    http: reqwest::Client,
    url: String,
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

impl Prism {
    /// It answers what `schema` says, and 422 to what is against it.
    async fn start(schema: &str) -> Self {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let program = root().join("target/real-parts/prism/node_modules/@stoplight/prism-cli/dist/index.js");
        assert!(program.exists(), "{} is missing: see tests/README.md", program.display());
        let mut prism = Command::new("node");
        prism.arg(program).args(["mock", "--errors", "--host", "127.0.0.1", "--port", &port.to_string()]);
        prism.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/schemas").join(schema));
        let process = prism.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("node");
        let http = client().unwrap();
        let prism = Self { process, http, url: format!("http://127.0.0.1:{port}") };
        let deadline = Instant::now() + Duration::from_secs(60);
        while prism.http.get(&prism.url).send().await.is_err() {
            assert!(Instant::now() < deadline, "prism does not start");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        prism
    }

    /// What it answers to a request that no kind sends.
    async fn status(&self, path: &str, authorization: &str, body: &Value) -> u16 {
        let post = self.http.post(format!("{}{path}", self.url)).json(body);
        post.header(AUTHORIZATION, authorization).send().await.unwrap().status().as_u16()
    }
}

impl Drop for Prism {
    fn drop(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}

/// Everything that a kind can be handed: alone, in groups, with links, in short.
fn messages() -> Vec<Notification> {
    let link = |url: String| vec![Link { title: "Dashboard".to_owned(), url }];
    let event = |number: i64| Event { incident: Some(number), ..hostile().events.remove(0) };
    let group = Notification { events: (0..1000).map(event).collect(), ..oversize() };
    let long = Notification { links: link(format!("https://a.example/{}", "x".repeat(2000))), ..sample() };
    let linked = Notification { links: link("https://a.example/?id=007".to_owned()), ..sample() };
    let escaped = Notification { title: "<@".repeat(4000), body: "<*@all\n".repeat(40_000), ..sample() };
    let short = Notification { short: true, ..oversize() };
    let notice = Notification { kind: MessageKind::Notice, ..sample() };
    vec![sample(), hostile(), oversize(), group, long, linked, escaped, short, notice]
}

/// Each of them, and all that can follow it.
async fn is_taken(channel: &dyn Notifier) {
    channel.probe().await.unwrap();
    for message in messages() {
        let receipt = channel.notify(&message).await.unwrap();
        for (kind, all_over) in
            [(MessageKind::Reminder, false), (MessageKind::Resolved, false), (MessageKind::Resolved, true)]
        {
            let in_reply_to = Some(receipt.clone());
            channel.notify(&Notification { kind, all_over, in_reply_to, ..message.clone() }).await.unwrap();
        }
    }
}

/// `right` is taken, and refused with each of `changes`.
async fn the_judge_refuses(prism: &Prism, path: &str, login: &str, right: &Value, changes: &[(&str, Value)]) {
    let taken = prism.status(path, login, right).await;
    assert!((200..300).contains(&taken), "{path}: {taken}");
    for (key, value) in changes {
        let mut wrong = right.clone();
        *wrong.pointer_mut(key).unwrap_or_else(|| panic!("{key} in {right}")) = value.clone();
        assert_eq!(prism.status(path, login, &wrong).await, 422, "{path} with {key} = {value}");
    }
}

#[tokio::test]
#[ignore = "needs prism: see tests/README.md"]
async fn pagerduty_is_sent_what_it_documents() {
    let prism = Prism::start("pagerduty.yaml").await;
    let key = "0123456789abcdef0123456789abcdef";
    let table = format!("routing_key = {key:?}\napi_url = {:?}", prism.url);
    is_taken(&*build::<PagerDuty>(&table)).await;

    let mut right = log_monitor_channels::pagerduty::event(&sample());
    right["routing_key"] = json!(key);
    let changes = [
        ("/routing_key", json!("short")),
        ("/event_action", json!("open")),
        ("/payload/summary", json!("x".repeat(1025))),
        ("/payload/severity", json!("medium")),
        ("/links", json!([{ "text": "nowhere" }])),
    ];
    the_judge_refuses(&prism, "/v2/enqueue", "", &right, &changes).await;
}

#[tokio::test]
#[ignore = "needs prism: see tests/README.md"]
async fn opsgenie_is_sent_what_it_documents() {
    let prism = Prism::start("opsgenie.yaml").await;
    is_taken(&*build::<Opsgenie>(&format!("api_key = \"k3y\"\napi_url = {:?}", prism.url))).await;

    let right = log_monitor_channels::opsgenie::alert(&sample());
    let changes = [
        ("/message", json!("x".repeat(131))),
        ("/priority", json!("P0")),
        ("/tags", json!(vec!["x"; 21])),
        ("/tags", json!(["x".repeat(51)])),
        ("/description", json!("x".repeat(15_001))),
    ];
    the_judge_refuses(&prism, "/v2/alerts", "GenieKey k3y", &right, &changes).await;
    let path = "/v2/alerts/x/close?identifierType=alias";
    the_judge_refuses(&prism, path, "GenieKey k3y", &json!({ "note": "x" }), &[("/note", json!(""))]).await;
}

#[tokio::test]
#[ignore = "needs prism: see tests/README.md"]
async fn jira_service_management_is_sent_what_it_documents_either_way() {
    let prism = Prism::start("jira_service_management.yaml").await;
    let api = format!("api_url = {:?}", prism.url);
    is_taken(&*build::<JiraServiceManagement>(&format!("api_key = \"k3y\"\n{api}"))).await;
    let account = "cloud_id = \"c1\"\nusername = \"a@b.example\"\napi_token = \"t0ken\"";
    is_taken(&*build::<JiraServiceManagement>(&format!("{account}\n{api}"))).await;

    let right = log_monitor_channels::opsgenie::alert(&sample());
    let changes = [("/message", json!("")), ("/entity", json!(7))];
    the_judge_refuses(&prism, "/jsm/ops/integration/v2/alerts", "GenieKey k3y", &right, &changes).await;
    let path = "/jsm/ops/api/c1/v1/alerts";
    the_judge_refuses(&prism, path, "Basic YTpi", &right, &changes).await;
    assert_eq!(prism.status(path, "GenieKey k3y", &right).await, 401, "an account has no key");
    for (path, login) in [
        ("/jsm/ops/integration/v2/alerts/x/notes?identifierType=alias", "GenieKey k3y"),
        ("/jsm/ops/api/c1/v1/alerts/9b251e07-1/notes", "Basic YTpi"),
    ] {
        the_judge_refuses(&prism, path, login, &json!({ "note": "x" }), &[("/note", json!(""))]).await;
    }
}

#[tokio::test]
#[ignore = "needs prism: see tests/README.md"]
async fn thehive_is_sent_what_it_documents() {
    let prism = Prism::start("thehive.yaml").await;
    is_taken(&*build::<TheHive>(&format!("url = {:?}\napi_key = \"k3y\"", prism.url))).await;

    let right = log_monitor_channels::thehive::alert(&sample(), "log-monitor", &[]);
    let changes = [
        ("/type", json!("x".repeat(33))),
        ("/sourceRef", json!("")),
        ("/title", json!("x".repeat(513))),
        ("/severity", json!(5)),
        ("/tags", json!(["twice", "twice"])),
        ("/observables/0/dataType", json!("")),
    ];
    the_judge_refuses(&prism, "/api/v1/alert", "Bearer k3y", &right, &changes).await;
    assert_eq!(prism.status("/api/v1/alert", "", &right).await, 401);
    let comment = json!({ "message": "x" });
    let path = "/api/v1/alert/~4104/comment";
    the_judge_refuses(&prism, path, "Bearer k3y", &comment, &[("/message", json!(7))]).await;
}

#[tokio::test]
#[ignore = "needs prism: see tests/README.md"]
async fn discord_is_sent_what_it_documents() {
    let prism = Prism::start("discord.yaml").await;
    let hook = format!("webhook_url = \"{}/api/webhooks/42/k3y\"", prism.url);
    for rest in ["", "on_resolve = \"edit\"", "on_resolve = \"edit\"\nthread_id = \"7\""] {
        is_taken(&*build::<Discord>(&format!("{hook}\n{rest}"))).await;
    }

    let right = json!({ "content": "x", "flags": 4, "allowed_mentions": { "parse": [] } });
    let changes = [
        ("/content", json!("x".repeat(2001))),
        ("/content", json!("")),
        ("/flags", json!(64)),
        ("/allowed_mentions/parse", json!(["everyone"])),
    ];
    the_judge_refuses(&prism, "/api/webhooks/42/k3y?wait=true", "", &right, &changes).await;
    assert_eq!(prism.status("/api/webhooks/42/k3y", "", &right).await, 422, "nobody would know its id");
}

#[tokio::test]
#[ignore = "needs prism: see tests/README.md"]
async fn telegram_is_sent_what_it_documents() {
    let prism = Prism::start("telegram.yaml").await;
    let bot = format!("token = \"42_k3y\"\napi_url = {:?}", prism.url);
    for rest in
        ["chat_id = \"-1001\"", "chat_id = \"@ops_room\"\nmessage_thread_id = 5\non_resolve = \"edit\""]
    {
        is_taken(&*build::<Telegram>(&format!("{bot}\n{rest}"))).await;
    }

    let right = json!({ "chat_id": "-1001", "text": "x", "reply_parameters": { "message_id": 7 } });
    let changes = [
        ("/chat_id", json!("room")),
        ("/text", json!("x".repeat(4097))),
        ("/reply_parameters", json!({ "message_id": "7" })),
    ];
    the_judge_refuses(&prism, "/bot42_k3y/sendMessage", "", &right, &changes).await;
    let right = json!({ "chat_id": "-1001", "message_id": 7, "text": "x" });
    let changes = [("/message_id", json!("7")), ("/text", json!(""))];
    the_judge_refuses(&prism, "/bot42_k3y/editMessageText", "", &right, &changes).await;
}

#[tokio::test]
#[ignore = "needs prism: see tests/README.md"]
async fn ntfy_is_sent_what_it_documents() {
    let prism = Prism::start("ntfy.yaml").await;
    is_taken(&*build::<Ntfy>(&format!("server = {:?}\ntopic = \"soc\"\ntoken = \"tk_k3y\"", prism.url)))
        .await;

    let action = json!({ "action": "view", "label": "x", "url": "https://a.example" });
    let right = json!({ "topic": "soc", "message": "x", "priority": 3, "tags": ["x"], "actions": [action] });
    let changes = [
        ("/topic", json!("a/b")),
        ("/message", json!("x".repeat(4097))),
        ("/priority", json!(6)),
        ("/actions", json!([action, action, action, action])),
        ("/actions/0/url", json!("javascript:x")),
    ];
    the_judge_refuses(&prism, "/", "Bearer tk_k3y", &right, &changes).await;
    assert_eq!(prism.status("/", "", &right).await, 401);
}

#[tokio::test]
#[ignore = "needs prism: see tests/README.md"]
async fn google_chat_is_sent_what_it_documents() {
    let prism = Prism::start("google_chat.yaml").await;
    let path = "/v1/spaces/AAAA/messages?key=k3y&token=t0ken";
    is_taken(&*build::<GoogleChat>(&format!("webhook_url = \"{}{path}\"", prism.url))).await;

    let right = json!({ "text": "x", "thread": { "threadKey": "x" } });
    let changes = [("/text", json!("x".repeat(4097))), ("/thread", json!({ "key": "x" }))];
    the_judge_refuses(&prism, path, "", &right, &changes).await;
}

#[tokio::test]
#[ignore = "needs prism: see tests/README.md"]
async fn mattermost_is_sent_what_it_documents() {
    let prism = Prism::start("mattermost.yaml").await;
    is_taken(&*build::<Mattermost>(&format!("webhook_url = \"{}/hooks/k3y\"", prism.url))).await;

    let right = json!({ "attachments": [{ "fallback": "x", "color": "#ef6c00", "text": "x" }] });
    let changes = [
        ("/attachments", json!([])),
        ("/attachments/0/color", json!("orange")),
        ("/attachments/0/text", json!("x".repeat(16_384))),
    ];
    the_judge_refuses(&prism, "/hooks/k3y", "", &right, &changes).await;
}

#[tokio::test]
#[ignore = "needs prism: see tests/README.md"]
async fn slack_is_sent_what_it_documents_either_way() {
    let prism = Prism::start("slack.yaml").await;
    is_taken(&*build::<Slack>(&format!("webhook_url = \"{}/services/T1/B1/k3y\"", prism.url))).await;
    let bot = format!("token = \"xoxb-k3y\"\nchannel = \"#soc\"\napi_url = \"{}/api\"", prism.url);
    for rest in ["", "on_resolve = \"edit\""] {
        is_taken(&*build::<Slack>(&format!("{bot}\n{rest}"))).await;
    }

    let login = "Bearer xoxb-k3y";
    let right =
        json!({ "channel": "#soc", "text": "x", "thread_ts": "1.2", "blocks": [{ "type": "divider" }] });
    let changes = [
        ("/text", json!("")),
        ("/thread_ts", json!("now")),
        ("/blocks", json!(vec![json!({ "type": "divider" }); 51])),
    ];
    the_judge_refuses(&prism, "/api/chat.postMessage", login, &right, &changes).await;
    assert_eq!(prism.status("/api/chat.postMessage", "", &right).await, 401);
    let right = json!({ "channel": "C01", "ts": "1.2", "text": "x" });
    the_judge_refuses(&prism, "/api/chat.update", login, &right, &[("/channel", json!("#soc"))]).await;
}
