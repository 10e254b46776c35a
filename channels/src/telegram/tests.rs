use super::*;
use crate::MessageKind;
use crate::conformance::{self, HttpSuite, oversize, sample};
use crate::testing::{HttpServer, Reply, Request};

fn config(base: &str) -> String {
    format!(
        "token = \"123456:S3cret_token-part\"\nchat_id = \"-1001\"\nmessage_thread_id = 5\n\
         on_resolve = \"edit\"\napi_url = \"{base}/\""
    )
}

fn sent() -> Reply {
    Reply::json(200, &json!({ "ok": true, "result": { "message_id": 77, "chat": { "id": -1001 } } }))
}

fn refused(status: u16, description: &str, parameters: &Value) -> Reply {
    let error =
        json!({ "ok": false, "error_code": status, "description": description, "parameters": parameters });
    Reply::json(status, &error)
}

fn harmless(request: &Request) -> Result<(), String> {
    let body = request.json();
    let text = body["text"].as_str().unwrap_or_default();
    let plain = body["parse_mode"].is_null() && body["link_preview_options"]["is_disabled"] == true;
    if plain && !text.contains("@everyone") && !text.contains("@U1") { Ok(()) } else { Err(body.to_string()) }
}

#[tokio::test]
async fn it_conforms() {
    conformance::http::<Telegram>(&HttpSuite {
        config: &config,
        secrets: &["123456:S3cret_token-part", "S3cret_token-part"],
        accepts: sent(),
        idempotency: None,
        harmless: &harmless,
    })
    .await;
}

/// What a try comes to when Telegram answers so, and what it was asked.
async fn outcome(reply: Reply, notification: &Notification) -> (Result<Receipt, DeliveryError>, Request) {
    let server = HttpServer::start(move |_| reply.clone()).await.unwrap();
    let result = conformance::build::<Telegram>(&config(&server.url(""))).notify(notification).await;
    (result, server.received().remove(0))
}

fn answer(kind: MessageKind, all_over: bool) -> Notification {
    Notification { kind, all_over, in_reply_to: Some(receipt(77, "message")), ..sample() }
}

#[tokio::test]
async fn a_reminder_replies_and_the_end_edits() {
    let (reminded, request) = outcome(sent(), &answer(MessageKind::Reminder, false)).await;
    assert_eq!(reminded.unwrap().reference, json!({ "message_id": 77 }));
    assert_eq!(request.path, "/bot123456:S3cret_token-part/sendMessage");
    let body = request.json();
    assert_eq!((&body["chat_id"], &body["message_thread_id"]), (&json!("-1001"), &json!(5)));
    assert_eq!(body["reply_parameters"], json!({ "message_id": 77, "allow_sending_without_reply": true }));
    let (edited, request) = outcome(sent(), &answer(MessageKind::Resolved, true)).await;
    assert_eq!(edited.unwrap(), receipt(77, "edited"));
    assert!(request.path.ends_with("/editMessageText"), "{}", request.path);
    assert_eq!(request.json()["message_id"], 77);
}

#[tokio::test]
async fn a_second_edit_to_the_same_is_a_success_and_one_that_is_refused_is_about_the_message() {
    let end = answer(MessageKind::Resolved, true);
    let same = "Bad Request: message is not modified: specified new message content is exactly the same";
    assert_eq!(outcome(refused(400, same, &Value::Null), &end).await.0.unwrap(), receipt(77, "edited"));
    for told in ["Bad Request: message to edit not found", "Bad Request: message can't be edited"] {
        let (error, _) = outcome(refused(400, told, &Value::Null), &end).await;
        assert!(matches!(error, Err(DeliveryError::PermanentMessage { .. })), "{error:?}");
    }
}

#[tokio::test]
async fn errors_are_told_apart_by_what_they_say() {
    let error = |status, told: &'static str, parameters| async move {
        outcome(refused(status, told, &parameters), &sample()).await.0.unwrap_err()
    };
    let limited = error(429, "Too Many Requests: retry after 35", json!({ "retry_after": 35 })).await;
    assert!(matches!(
        limited,
        DeliveryError::Transient { reason: Reason::RateLimited, retry_after: Some(wait), .. } if wait.as_secs() == 35
    ));
    let moved =
        error(400, "Bad Request: group chat was upgraded", json!({ "migrate_to_chat_id": -10_077 })).await;
    assert!(
        matches!(&moved, DeliveryError::PermanentChannel { detail, .. } if detail.contains("\"-10077\""))
    );
    for (status, told) in [
        (400, "Bad Request: chat not found"),
        (400, "Bad Request: TOPIC_CLOSED"),
        (401, "Unauthorized"),
        (403, "Forbidden: bot was kicked from the supergroup chat"),
    ] {
        let gone = error(status, told, Value::Null).await;
        assert!(matches!(gone, DeliveryError::PermanentChannel { .. }), "{gone:?}");
    }
    let long = error(400, "Bad Request: message is too long", Value::Null).await;
    assert!(matches!(long, DeliveryError::PermanentMessage { reason: Reason::TooLarge, .. }), "{long:?}");
}

#[tokio::test]
async fn a_group_that_became_a_supergroup_is_followed_there() {
    let server = HttpServer::start(|request| match request.json()["chat_id"].as_str() {
        Some("-10077") => sent(),
        _ => refused(400, "Bad Request: group chat was upgraded", &json!({ "migrate_to_chat_id": -10_077 })),
    })
    .await
    .unwrap();
    let notifier = conformance::build::<Telegram>(&config(&server.url("")));
    let first = notifier.notify(&sample()).await.unwrap();
    assert_eq!(first.reference, json!({ "message_id": 77 }));
    assert!(first.line.contains("set `chat_id` to \"-10077\""), "{}", first.line);
    assert_eq!(notifier.notify(&sample()).await.unwrap().line, "message 77");
    assert_eq!(server.count(), 3, "the new id is kept");
}

#[test]
fn no_text_is_longer_than_telegram_takes_and_tables_are_checked() {
    let fire = Notification { title: "🔥".repeat(900), body: "🔥 @x\n".repeat(9_000), ..sample() };
    for notification in [oversize(), fire] {
        assert!(utf16_length(&notification.in_one(&MEDIUM)) <= MAX_TEXT);
    }
    let problems = |chat: &str| {
        let table = format!("token = \"1:a\"\nchat_id = {chat:?}");
        Telegram::validate(&toml::from_str(&table).unwrap()).len()
    };
    assert_eq!((problems("-1001"), problems("@soc"), problems("soc")), (0, 0, 1));
}
