use serde_json::{Value, json};

use super::*;
use crate::conformance::{self, HttpSuite, hostile, oversize, sample};
use crate::testing::{HttpServer, Reply, Request};
use crate::{Link, Severity};

const FLOW: &str =
    "/workflows/abcdef0123456789/triggers/manual/paths/invoke?api-version=2016-06-01&sig=S3cret-S1gnature";

fn config(base: &str) -> String {
    format!("url = \"{base}{FLOW}\"")
}

/// No element that knows Markdown, and nothing that mentions.
fn harmless(request: &Request) -> Result<(), String> {
    let text = String::from_utf8_lossy(&request.body);
    for act in ["\"TextBlock\"", "FactSet", "entities", "\\u0000"] {
        if text.contains(act) {
            return Err(format!("{act} in {text}"));
        }
    }
    let link = &request.json()["attachments"][0]["content"]["actions"][0]["url"];
    match link.as_str() {
        None | Some("https://dashboard.example/?id=%3C%21channel%3E") => Ok(()),
        Some(other) => Err(other.to_owned()),
    }
}

#[tokio::test]
async fn it_conforms() {
    conformance::http::<Teams>(&HttpSuite {
        config: &config,
        secrets: &["S3cret-S1gnature", "abcdef0123456789"],
        accepts: Reply::new(202, ""),
        idempotency: None,
        harmless: &harmless,
    })
    .await;
}

/// What a try comes to when the flow answers so.
async fn outcome(reply: Reply) -> Result<Receipt, DeliveryError> {
    let server = HttpServer::start(move |_| reply.clone()).await.unwrap();
    conformance::build::<Teams>(&config(&server.url(""))).notify(&sample()).await
}

#[tokio::test]
async fn a_flow_that_is_switched_off_needs_repair_and_a_login_page_is_no_flow() {
    let error = json!({ "code": "WorkflowTriggerIsNotEnabled", "message": "state 'Disabled'" });
    let off = outcome(Reply::json(400, &json!({ "error": error }))).await.unwrap_err();
    assert!(matches!(off, DeliveryError::PermanentChannel { reason: Reason::Gone, .. }), "{off:?}");
    let page = outcome(Reply::new(200, "<html>proxy login</html>")).await.unwrap_err();
    assert_eq!(page.reason(), Reason::UnexpectedAnswer);
}

fn card(notification: &Notification) -> Value {
    message(notification)["attachments"][0]["content"].clone()
}

#[test]
fn the_body_is_a_block_for_each_line_and_links_are_buttons() {
    let link = Link { title: "Dashboard".to_owned(), url: "https://wazuh.example/".to_owned() };
    let card = card(&Notification { links: vec![link], severity: Severity::High, ..sample() });
    assert_eq!(card["body"][0]["style"], "attention");
    let line = |at: usize| (&card["body"][at]["inlines"][0]["text"], &card["body"][at]["spacing"]);
    assert_eq!(line(1), (&json!("No logs for 16 min."), &json!("Medium")));
    assert_eq!(line(2), (&json!("Agent: 007 db-03"), &json!("Medium")));
    assert_eq!(
        card["actions"],
        json!([{ "type": "Action.OpenUrl", "title": "Dashboard", "url": "https://wazuh.example/" }])
    );
}

#[test]
fn every_card_is_within_the_limit_even_when_all_of_it_is_escaped() {
    let long = Link { title: "🔥".repeat(100), url: format!("https://x.example/{}", "a".repeat(1_500)) };
    let fire = Notification {
        title: "🔥".repeat(5_000),
        body: "\"🔥\"\n".repeat(50_000),
        installation: "🔥".repeat(5_000),
        links: vec![long; 20],
        ..sample()
    };
    for notification in [sample(), hostile(), oversize(), fire] {
        assert!(card::check_size(&message(&notification)).is_ok());
        let short = card(&Notification { short: true, ..notification });
        assert_eq!(short["body"].as_array().map(Vec::len), Some(1));
    }
    let huge = json!({ "text": "x".repeat(card::MAX_BYTES) });
    assert!(matches!(
        card::check_size(&huge),
        Err(DeliveryError::PermanentMessage { reason: Reason::TooLarge, .. })
    ));
}
