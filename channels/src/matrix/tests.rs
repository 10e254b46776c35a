use super::*;
use crate::conformance::{self, HttpSuite, oversize, sample};
use crate::testing::{HttpServer, Reply, Request};
use crate::{MessageKind, Reason};

fn config(base: &str) -> String {
    format!("homeserver = \"{base}/\"\ntoken = \"syt_S3cret\"\nroom_id = \"!room:example.org\"\n")
}

fn sent() -> Reply {
    Reply::json(200, &json!({ "event_id": "$firing" }))
}

fn harmless(request: &Request) -> Result<(), String> {
    let body = request.json();
    let text = body["body"].as_str().unwrap_or_default();
    let plain = body["formatted_body"].is_null() && body["m.mentions"] == json!({});
    if plain && !text.contains("@everyone") && !text.contains("@U1") { Ok(()) } else { Err(body.to_string()) }
}

#[tokio::test]
async fn it_conforms() {
    conformance::http::<Matrix>(&HttpSuite {
        config: &config,
        secrets: &["syt_S3cret"],
        accepts: sent(),
        idempotency: Some(&|request| request.path.rsplit('/').next().unwrap_or_default().to_owned()),
        harmless: &harmless,
    })
    .await;
}

/// What a try comes to when the server answers so, and what it was asked.
async fn outcome(
    more: &str,
    reply: Reply,
    notification: &Notification,
) -> (Result<Receipt, DeliveryError>, Request) {
    let server = HttpServer::start(move |_| reply.clone()).await.unwrap();
    let channel = conformance::build::<Matrix>(&(config(&server.url("")) + more));
    let result = channel.notify(notification).await;
    (result, server.received().remove(0))
}

fn answer(kind: MessageKind, all_over: bool) -> Notification {
    let reference = json!({ "event_id": "$firing" });
    let in_reply_to = Some(Receipt { reference, ..Receipt::default() });
    Notification { kind, all_over, in_reply_to, ..sample() }
}

#[tokio::test]
async fn a_message_is_a_transaction_of_its_room() {
    let (receipt, request) = outcome("", sent(), &sample()).await;
    assert_eq!(receipt.unwrap().reference, json!({ "event_id": "$firing" }));
    let path = "/_matrix/client/v3/rooms/!room:example.org/send/m.room.message/0123456789abcdef-1";
    assert_eq!((request.method.as_str(), request.path.as_str()), ("PUT", path));
    assert_eq!(request.header("authorization"), "Bearer syt_S3cret");
    assert_eq!(request.json()["msgtype"], "m.notice");
}

#[tokio::test]
async fn an_answer_is_a_reply_or_in_a_thread_and_the_end_may_edit() {
    let relation = |more: &'static str, notification: Notification| async move {
        outcome(more, sent(), &notification).await.1.json()
    };
    let reminder = || answer(MessageKind::Reminder, false);
    let reply = relation("", reminder()).await;
    assert_eq!(reply["m.relates_to"], json!({ "m.in_reply_to": { "event_id": "$firing" } }));
    let thread = relation("answer = \"thread\"\nmessage_type = \"text\"", reminder()).await;
    assert_eq!(thread["m.relates_to"]["rel_type"], "m.thread");
    assert_eq!(
        (&thread["m.relates_to"]["event_id"], &thread["msgtype"]),
        (&json!("$firing"), &json!("m.text"))
    );
    let edit = relation("on_resolve = \"edit\"", answer(MessageKind::Resolved, true)).await;
    assert_eq!(edit["m.relates_to"], json!({ "rel_type": "m.replace", "event_id": "$firing" }));
    let text = edit["m.new_content"]["body"].as_str().unwrap();
    assert!(text.starts_with("🟢") && edit["body"] == format!("* {text}"), "{edit}");
    let short = Notification { short: true, ..answer(MessageKind::Resolved, true) };
    assert!(relation("on_resolve = \"edit\"", short).await["m.relates_to"].is_null());
}

#[tokio::test]
async fn the_wait_is_the_headers_or_else_the_texts() {
    let limited =
        json!({ "errcode": "M_LIMIT_EXCEEDED", "error": "Too Many Requests", "retry_after_ms": 2_500 });
    let wait = |reply| async move {
        match outcome("", reply, &sample()).await.0 {
            Err(DeliveryError::Transient { reason: Reason::RateLimited, retry_after, .. }) => retry_after,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(wait(Reply::json(429, &limited)).await, Some(Duration::from_millis(2_500)));
    let both = Reply::json(429, &limited).header("retry-after", "3");
    assert_eq!(wait(both).await, Some(Duration::from_secs(3)));
}

#[test]
fn no_event_is_larger_than_a_room_takes_even_as_an_edit() {
    let table = config("https://matrix.example.org") + "on_resolve = \"edit\"";
    let config: MatrixConfig = toml::from_str(&table).unwrap();
    let api = Url::parse("https://matrix.example.org").unwrap();
    let http = crate::http::client().unwrap();
    let matrix = Matrix { config, api, http, timeout: conformance::TIMEOUT };
    for body in [oversize().body, "\"\n".repeat(50_000), "🔥".repeat(50_000)] {
        let end = Notification { body, ..answer(MessageKind::Resolved, true) };
        assert!(matrix.content(&end).to_string().len() < 60_000);
    }
}

#[test]
fn an_alias_is_no_id() {
    let table = config("https://matrix.example.org").replace("!room", "#soc");
    assert_eq!(Matrix::validate(&toml::from_str(&table).unwrap()).len(), 1);
}
