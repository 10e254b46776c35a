//! What kind `teams` sends, judged by Microsoft's own library for Adaptive Cards.

mod support;

use std::process::Command;

use log_monitor_channels::conformance::{hostile, oversize, sample};
use log_monitor_channels::teams::message;
use log_monitor_channels::{Link, MessageKind, Notification, Severity};
use serde_json::{Value, json};

use support::root;

fn judged(messages: &[Value]) -> (bool, String) {
    let mut node = Command::new("node");
    node.arg(root("tests/real/adaptive_cards.js"))
        .env("NODE_PATH", root("target/real-parts/npm/node_modules"));
    support::judged(&mut node, "Cannot find module", messages)
}

#[test]
#[ignore = "needs adaptivecards: see tests/README.md"]
fn the_library_takes_every_message_that_we_send() {
    let link = Link { title: "Dashboard".to_owned(), url: "https://wazuh.example/?id=007".to_owned() };
    let links = Notification { links: vec![link; 9], attempt: 3, ..sample() };
    let kinds = [MessageKind::Firing, MessageKind::Reminder, MessageKind::Resolved, MessageKind::Notice];
    let mut all: Vec<Notification> = kinds.map(|kind| Notification { kind, ..sample() }).to_vec();
    all.extend(Severity::ALL.map(|severity| Notification { severity, ..sample() }));
    all.extend([hostile(), oversize(), links, Notification { short: true, ..oversize() }]);
    all.push(Notification { title: "🔥\"".repeat(900), body: "\"🔥\\\n".repeat(50_000), ..sample() });
    let (fine, said) = judged(&all.iter().map(message).collect::<Vec<_>>());
    assert!(fine, "{said}");
}

#[test]
#[ignore = "needs adaptivecards: see tests/README.md"]
fn the_judge_does_refuse_what_teams_would_not_show() {
    let refused = |break_it: &dyn Fn(&mut Value), because: &str| {
        let mut broken = message(&sample());
        break_it(&mut broken["attachments"][0]["content"]);
        let (fine, said) = judged(&[broken]);
        assert!(!fine && said.contains(because), "{because}: {said}");
    };
    refused(&|card| card["body"][1]["type"] = json!("Nonsense"), "Nonsense");
    refused(&|card| card["body"][0]["style"] = json!("shocking"), "shocking");
    refused(&|card| card["actions"] = json!([{ "type": "Action.OpenUrl", "title": "x" }]), "must be set");
    refused(&|card| card["body"][1]["colour"] = json!("red"), "reads back differently");
    refused(&|card| card["fallbackText"] = json!("x".repeat(30_000)), "bytes");
    let (fine, said) = judged(&[json!({ "text": "bare JSON" })]);
    assert!(!fine && said.contains("no message with a card"), "{said}");
}
