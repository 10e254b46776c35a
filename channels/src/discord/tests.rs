use super::*;
use crate::MessageKind;
use crate::conformance::{self, HttpSuite, oversize, sample};
use crate::testing::{HttpServer, Reply, Request};

const HOOK: &str = "/api/webhooks/123456789/s3cret-token-of-the-hook";

fn config(base: &str) -> String {
    format!("webhook_url = \"{base}{HOOK}\"\nthread_id = \"77\"\non_resolve = \"edit\"")
}

fn posted() -> Reply {
    Reply::json(200, &json!({ "id": "1100", "content": "…" }))
}

/// Whether nothing in it formats, links, mentions or previews, but for the title in bold.
fn harmless(request: &Request) -> Result<(), String> {
    let body = request.json();
    let content = body["content"].as_str().unwrap_or_default();
    let plain = content.replacen("**", "", 1).replacen("**\n", "\n", 1);
    let mut before = ' ';
    for c in plain.trim_end_matches("**").chars() {
        if "`*_~|[]<>#".contains(c) && before != '\\' {
            return Err(format!("{c} in {content}"));
        }
        before = c;
    }
    let calm = body["allowed_mentions"] == json!({ "parse": [] }) && body["flags"] == 4;
    if calm && !content.contains("@everyone") && content.len() <= 8_000 {
        Ok(())
    } else {
        Err(body.to_string())
    }
}

#[tokio::test]
async fn it_conforms() {
    conformance::http::<Discord>(&HttpSuite {
        config: &config,
        secrets: &["s3cret-token-of-the-hook"],
        accepts: posted(),
        idempotency: None,
        harmless: &harmless,
    })
    .await;
}

fn over(short: bool) -> Notification {
    let reference = json!({ "id": "1100" });
    Notification {
        kind: MessageKind::Resolved,
        in_reply_to: Some(Receipt { reference, ..Receipt::default() }),
        all_over: true,
        short,
        ..sample()
    }
}

/// What a try comes to when Discord answers so, and what it was asked.
async fn outcome(reply: Reply, notification: &Notification) -> (Result<Receipt, DeliveryError>, Request) {
    let server = HttpServer::start(move |_| reply.clone()).await.unwrap();
    let result = conformance::build::<Discord>(&config(&server.url(""))).notify(notification).await;
    (result, server.received().remove(0))
}

#[tokio::test]
async fn a_message_is_asked_for_with_its_answer_and_the_end_edits_it() {
    let (receipt, request) = outcome(posted(), &sample()).await;
    assert_eq!(receipt.unwrap().reference, json!({ "id": "1100" }));
    assert_eq!(
        (request.method.as_str(), request.path.as_str()),
        ("POST", &*format!("{HOOK}?thread_id=77&wait=true"))
    );
    let (receipt, request) = outcome(posted(), &over(false)).await;
    assert_eq!(receipt.unwrap().reference, json!({ "id": "1100" }));
    let path = format!("{HOOK}/messages/1100?thread_id=77");
    assert_eq!((request.method.as_str(), request.path.as_str()), ("PATCH", &*path));
    assert!(request.json()["content"].as_str().unwrap().starts_with("**🟢"));
}

#[tokio::test]
async fn a_message_that_is_gone_is_answered_by_another_and_a_thread_that_is_gone_needs_repair() {
    let refusal = |status, code| Reply::json(status, &json!({ "code": code, "message": "no" }));
    let (unknown, _) = outcome(refusal(404, 10_008), &over(false)).await;
    assert!(matches!(unknown, Err(DeliveryError::PermanentMessage { .. })), "{unknown:?}");
    let (_, request) = outcome(posted(), &over(true)).await;
    assert_eq!(request.method, "POST");
    for (status, code) in [(404, 10_015), (404, 10_003), (400, 220_001), (400, 50_083), (401, 50_027)] {
        let (gone, _) = outcome(refusal(status, code), &sample()).await;
        assert!(matches!(gone, Err(DeliveryError::PermanentChannel { .. })), "{code}: {gone:?}");
    }
}

#[tokio::test]
async fn the_wait_is_the_headers_or_else_the_texts() {
    let limited = json!({ "message": "You are being rate limited.", "retry_after": 1.5, "global": false });
    let wait = |reply| async move {
        match outcome(reply, &sample()).await.0 {
            Err(DeliveryError::Transient { reason: Reason::RateLimited, retry_after, .. }) => retry_after,
            other => panic!("{other:?}"),
        }
    };
    let text = wait(Reply::json(429, &limited)).await;
    assert_eq!(text, Some(Duration::from_millis(1_500)));
    let both = wait(Reply::json(429, &limited).header("retry-after", "2")).await;
    assert_eq!(both, Some(Duration::from_secs(2)));
}

#[tokio::test]
async fn the_last_message_of_a_window_holds_the_channel_until_the_next() {
    let hold = |left: &'static str, wait: &'static str| async move {
        let reply = posted().header("x-ratelimit-remaining", left).header("x-ratelimit-reset-after", wait);
        outcome(reply, &sample()).await.0.unwrap().hold
    };
    assert_eq!(hold("0", "0.47").await, Some(Duration::from_millis(470)));
    assert_eq!(hold("1", "0.47").await, None, "one more is taken");
    assert_eq!(hold("0", "86400").await, Some(crate::http::MAX_RETRY_AFTER));
    assert_eq!(hold("0", "NaN").await, None);
    assert_eq!(outcome(posted(), &sample()).await.0.unwrap().hold, None);
}

#[test]
fn no_message_is_longer_than_discord_takes() {
    let fire = Notification { title: "🔥_".repeat(900), body: "🔥_".repeat(9_000), ..sample() };
    for notification in [oversize(), fire.clone(), Notification { short: true, ..fire }] {
        let message = message(&notification);
        assert!(utf16_length(message["content"].as_str().unwrap()) <= MAX_CONTENT);
    }
}
