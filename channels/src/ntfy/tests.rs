use super::*;
use crate::conformance::{self, HttpSuite, hostile, oversize, sample};
use crate::testing::{HttpServer, Reply, Request};

fn config(base: &str) -> String {
    format!("server = \"{base}\"\ntopic = \"S3cret-topic\"\ntoken = \"tk_S3cret\"")
}

fn published() -> Reply {
    Reply::json(200, &json!({ "id": "hwQ2YpKdmg", "time": 1, "event": "message", "topic": "S3cret-topic" }))
}

/// Plain text, and buttons only for the links that are ours.
fn harmless(request: &Request) -> Result<(), String> {
    let body = request.json();
    let url = "https://dashboard.example/?id=%3C%21channel%3E";
    let ours = |link: &Value| link.is_null() || link == url;
    let fine = body["markdown"].is_null() && ours(&body["click"]) && ours(&body["actions"][0]["url"]);
    if fine && body["attach"].is_null() && body["email"].is_null() { Ok(()) } else { Err(body.to_string()) }
}

fn with_password(base: &str) -> String {
    format!("server = \"{base}\"\ntopic = \"S3cret-topic\"\nusername = \"lm\"\npassword = \"tk_S3cret\"")
}

#[tokio::test]
async fn it_conforms_as_either() {
    for config in [config as fn(&str) -> String, with_password] {
        conformance::http::<Ntfy>(&HttpSuite {
            config: &config,
            secrets: &["S3cret-topic", "tk_S3cret"],
            accepts: published(),
            idempotency: None,
            harmless: &harmless,
        })
        .await;
    }
}

/// What a try comes to when the server answers so, and what it was asked.
async fn outcome(table: &str, reply: Reply) -> (Result<Receipt, DeliveryError>, Request) {
    let server = HttpServer::start(move |_| reply.clone()).await.unwrap();
    let table = format!("server = \"{}\"\n{table}", server.url(""));
    let result = conformance::build::<Ntfy>(&table).notify(&sample()).await;
    (result, server.received().remove(0))
}

#[tokio::test]
async fn it_publishes_to_the_root_as_whoever_it_may() {
    let (receipt, request) = outcome("topic = \"soc\"\ntoken = \"tk_1\"", published()).await;
    assert_eq!(receipt.unwrap().line, "message hwQ2YpKdmg");
    assert_eq!((request.path.as_str(), request.header("authorization")), ("/", "Bearer tk_1"));
    assert_eq!(request.json()["topic"], "soc");
    let (_, request) = outcome("topic = \"soc\"\nusername = \"lm\"\npassword = \"pw\"", published()).await;
    assert_eq!(request.header("authorization"), "Basic bG06cHc=");
}

#[tokio::test]
async fn what_the_server_says_is_told_apart() {
    let error = |status, code: u64, told: &'static str| async move {
        let reply = Reply::json(status, &json!({ "code": code, "http": status, "error": told }));
        outcome("topic = \"soc\"", reply).await.0.unwrap_err()
    };
    let topic = error(400, 40_010, "invalid request: topic name is not allowed").await;
    assert!(matches!(topic, DeliveryError::PermanentChannel { .. }), "{topic:?}");
    let limited = error(429, 42_901, "limit reached: too many requests").await;
    assert!(matches!(
        limited,
        DeliveryError::Transient { reason: Reason::RateLimited, retry_after: None, .. }
    ));
    let (page, _) = outcome("topic = \"soc\"", Reply::new(200, "<html>")).await;
    assert_eq!(page.unwrap_err().reason(), Reason::UnexpectedAnswer);
}

#[test]
fn priority_follows_severity_and_an_end_wakes_nobody() {
    let priorities =
        |kind| Severity::ALL.map(|severity| priority(&Notification { severity, kind, ..sample() }));
    assert_eq!(priorities(MessageKind::Firing), [1, 2, 3, 4, 5]);
    assert_eq!(priorities(MessageKind::Resolved), [1, 2, 3, 3, 3]);
}

#[test]
fn every_message_is_one_to_the_server_and_not_an_attachment() {
    let link = Link { title: "🔥".repeat(50), url: format!("https://x.example/{}", "a".repeat(470)) };
    let quotes = Notification { body: "\"\n".repeat(9_000), links: vec![link; 5], ..sample() };
    let fire = Notification { title: "🔥".repeat(900), body: "🔥".repeat(9_000), ..sample() };
    for notification in [hostile(), oversize(), quotes, fire] {
        let mut message = message(&notification);
        assert!(message["message"].as_str().unwrap().len() <= MAX_MESSAGE);
        assert!(message["actions"].as_array().is_none_or(|actions| actions.len() <= MAX_ACTIONS));
        message["topic"] = json!("t".repeat(64));
        assert!(message.to_string().len() <= MAX_JSON);
    }
}

#[test]
fn a_topic_is_a_word_and_there_is_one_way_to_log_in() {
    let problems = |text: &str| Ntfy::validate(&toml::from_str(text).unwrap()).len();
    assert_eq!(problems("topic = \"soc-1\""), 0);
    assert_eq!(problems("topic = \"soc/1\""), 1);
    assert_eq!(problems("topic = \"soc\"\nusername = \"lm\""), 1);
    assert_eq!(problems("topic = \"soc\"\ntoken = \"x\"\nusername = \"lm\"\npassword = \"y\""), 1);
}
