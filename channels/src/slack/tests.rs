use serde_json::{Value, json};

use super::*;
use crate::MessageKind;
use crate::Reason;
use crate::conformance::{self, HttpSuite};
use crate::testing::{HttpServer, Reply, Request};

const HOOK: &str = "/services/T0SECRET/B0SECRET/s3cret-of-the-hook";

/// Nothing that Slack would act on, in any field.
fn harmless(request: &Request) -> Result<(), String> {
    let body = request.json();
    let text = String::from_utf8_lossy(&request.body);
    for act in ["<!", "<@", "<#", "@everyone", "@channel", "mrkdwn\":true", "\"mrkdwn\"}"] {
        if text.contains(act) {
            return Err(format!("{act} in {text}"));
        }
    }
    match body["text"].as_str() {
        Some(line) if !line.contains('\n') => Ok(()),
        other => Err(format!("text is {other:?}")),
    }
}

#[tokio::test]
async fn the_webhook_conforms() {
    conformance::http::<Slack>(&HttpSuite {
        config: &|base| format!("webhook_url = \"{base}{HOOK}\""),
        secrets: &["s3cret-of-the-hook", "B0SECRET"],
        accepts: Reply::new(200, "ok"),
        idempotency: None,
        harmless: &harmless,
    })
    .await;
}

fn bot(base: &str) -> String {
    format!("token = \"xoxb-s3cret\"\nchannel = \"#soc\"\napi_url = \"{base}/api\"")
}

fn posted() -> Reply {
    Reply::json(200, &json!({ "ok": true, "channel": "C1", "ts": "1503435956.000247" }))
}

#[tokio::test]
async fn the_bot_conforms() {
    conformance::http::<Slack>(&HttpSuite {
        config: &bot,
        secrets: &["xoxb-s3cret"],
        accepts: posted(),
        idempotency: None,
        harmless: &harmless,
    })
    .await;
}

#[tokio::test]
async fn a_200_that_is_not_ok_is_no_success() {
    let server = HttpServer::start(|_| Reply::new(200, "<html>proxy login</html>")).await.unwrap();
    let hook = conformance::build::<Slack>(&format!("webhook_url = \"{}\"", server.url(HOOK)));
    assert_eq!(hook.notify(&conformance::sample()).await.unwrap_err().reason(), Reason::UnexpectedAnswer);
    let bot = conformance::build::<Slack>(&bot(&server.url("")));
    assert_eq!(bot.notify(&conformance::sample()).await.unwrap_err().reason(), Reason::UnexpectedAnswer);
}

#[tokio::test]
async fn the_bots_errors_under_200_are_told_apart() {
    let outcome = |code: &'static str| async move {
        let reply = Reply::json(200, &json!({ "ok": false, "error": code })).header("retry-after", "7");
        let server = HttpServer::start(move |_| reply.clone()).await.unwrap();
        conformance::build::<Slack>(&bot(&server.url(""))).notify(&conformance::sample()).await.unwrap_err()
    };
    assert!(matches!(
        outcome("ratelimited").await,
        DeliveryError::Transient { retry_after: Some(wait), .. } if wait.as_secs() == 7
    ));
    assert!(matches!(outcome("token_revoked").await, DeliveryError::PermanentChannel { .. }));
    assert!(matches!(outcome("is_archived").await, DeliveryError::PermanentChannel { .. }));
    assert!(matches!(outcome("msg_too_long").await, DeliveryError::PermanentMessage { .. }));
}

#[tokio::test]
async fn a_resolution_answers_in_the_thread_of_its_firing() {
    let server = HttpServer::start(|_| posted()).await.unwrap();
    let notifier = conformance::build::<Slack>(&bot(&server.url("")));
    let receipt = notifier.notify(&conformance::sample()).await.unwrap();
    let end =
        Notification { kind: MessageKind::Resolved, in_reply_to: Some(receipt), ..conformance::sample() };
    notifier.notify(&end).await.unwrap();
    let request = &server.received()[1];
    assert_eq!(request.path, "/api/chat.postMessage");
    assert_eq!(request.header("authorization"), "Bearer xoxb-s3cret");
    assert_eq!(request.json()["thread_ts"], "1503435956.000247");
    assert_eq!(request.json()["channel"], "#soc");
}

/// A resolution of all that a firing told, on a bot that edits, and what the server was asked.
async fn resolved(reply: Reply, short: bool) -> (Result<Receipt, DeliveryError>, Request) {
    let server = HttpServer::start(move |_| reply.clone()).await.unwrap();
    let notifier = conformance::build::<Slack>(&format!("{}\non_resolve = \"edit\"", bot(&server.url(""))));
    let reference = json!({ "channel": "C1", "ts": "1503435956.000247" });
    let end = Notification {
        kind: MessageKind::Resolved,
        in_reply_to: Some(Receipt { reference, ..Receipt::default() }),
        all_over: true,
        short,
        ..conformance::sample()
    };
    let result = notifier.notify(&end).await;
    (result, server.received().remove(0))
}

#[tokio::test]
async fn where_it_is_wanted_the_end_takes_the_place_of_the_firing() {
    let (receipt, request) = resolved(posted(), false).await;
    assert_eq!(receipt.unwrap().line, "edited 1503435956.000247");
    assert_eq!(request.path, "/api/chat.update");
    let body = request.json();
    assert_eq!((&body["channel"], &body["ts"]), (&json!("C1"), &json!("1503435956.000247")));
    assert!(body["blocks"][0]["text"]["text"].as_str().unwrap().starts_with("🟢"), "{body}");
}

#[tokio::test]
async fn what_cannot_be_edited_any_more_is_answered_by_a_message() {
    for code in ["message_not_found", "cant_update_message", "edit_window_closed"] {
        let refused = Reply::json(200, &json!({ "ok": false, "error": code }));
        let (result, _) = resolved(refused, false).await;
        assert!(matches!(result, Err(DeliveryError::PermanentMessage { .. })), "{code}: {result:?}");
    }
    let (_, request) = resolved(posted(), true).await;
    assert_eq!(request.path, "/api/chat.postMessage");
}

#[test]
fn every_text_is_within_slacks_limits_even_when_all_of_it_is_escaped() {
    let huge = Notification { title: "<".repeat(1000), body: "&".repeat(100_000), ..conformance::sample() };
    let message = message(&huge);
    let blocks = message["blocks"].as_array().unwrap();
    assert!(blocks.len() <= 50);
    let length = |block: &Value| block["text"]["text"].as_str().unwrap_or_default().chars().count();
    assert!(length(&blocks[0]) <= 150 && length(&blocks[1]) <= 3000);
}

#[test]
fn links_are_elements_and_no_markup() {
    let link = |title: &str| crate::Link {
        title: title.to_owned(),
        url: "https://a.example/?id=1&x='2'".to_owned(),
    };
    let links = vec![link("Dashboard"), link("<!here|x>")];
    let message = message(&Notification { links, ..conformance::sample() });
    let elements = &message["blocks"][2]["elements"][0]["elements"];
    let url = "https://a.example/?id=1&x='2'";
    assert_eq!(elements[0], json!({ "type": "link", "url": url, "text": "Dashboard" }));
    assert_eq!(elements[2]["text"], "‹!here|x›");
    assert!(!message["blocks"][1].to_string().contains("http"), "said once");
}

#[test]
fn one_way_in_is_needed_and_only_one() {
    let problems = |text: &str| Slack::validate(&toml::from_str(text).unwrap()).len();
    assert_eq!(problems("webhook_url = \"https://hooks.example/x\""), 0);
    assert_eq!(problems("token = \"x\"\nchannel = \"#soc\""), 0);
    assert_eq!(problems("channel = \"#soc\""), 1);
    assert_eq!(problems("token = \"x\""), 1);
    assert_eq!(problems("token = \"x\"\nchannel = \"y\"\nwebhook_url = \"https://hooks.example/x\""), 1);
    assert_eq!(problems("webhook_url = \"http://hooks.example/x\""), 1);
    assert_eq!(problems("webhook_url = \"https://hooks.example/x\"\non_resolve = \"edit\""), 1);
    let hook = "webhook_url = \"https://hooks.example/x\"\nchannel = \"#soc\"";
    let problem = Slack::validate(&toml::from_str(hook).unwrap()).remove(0);
    assert_eq!((problem.key, problem.warning), (Some("channel"), true));
}
