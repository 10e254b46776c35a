//! What kind `slack` sends, judged by Slack's own SDK.

mod support;

use std::path::PathBuf;
use std::process::Command;

use log_monitor_channels::conformance::{hostile, oversize, sample};
use log_monitor_channels::slack::message;
use log_monitor_channels::{MessageKind, Notification};
use serde_json::{Value, json};

use support::root;

fn judged(messages: &[Value]) -> (bool, String) {
    let python = std::env::var_os("LOG_MONITOR_TEST_PYTHON")
        .map_or_else(|| root("target/real-parts/venv/bin/python"), PathBuf::from);
    let mut python = Command::new(python);
    support::judged(python.arg(root("tests/real/slack_blocks.py")), "ModuleNotFoundError", messages)
}

#[test]
#[ignore = "needs slack_sdk: see tests/README.md"]
fn the_sdk_takes_every_message_that_we_send() {
    let resolved = Notification { kind: MessageKind::Resolved, attempt: 3, ..sample() };
    let short = Notification { short: true, ..oversize() };
    let escaped = Notification { title: "<".repeat(400), body: "&".repeat(50_000), ..sample() };
    let test = Notification { test: true, ..sample() };
    let all = [sample(), hostile(), oversize(), resolved, short, escaped, test];
    let (fine, said) = judged(&all.iter().map(message).collect::<Vec<_>>());
    assert!(fine, "{said}");
}

#[test]
#[ignore = "needs slack_sdk: see tests/README.md"]
fn the_judge_does_refuse_what_slack_would() {
    let header = |length: usize| json!({ "type": "header", "text": { "type": "plain_text", "text": "x".repeat(length) } });
    let (fine, said) = judged(&[json!({ "text": "x", "blocks": [header(151)] })]);
    assert!(!fine, "a header of 151 characters: {said}");
    let (fine, said) = judged(&[json!({ "text": "x", "blocks": [{ "type": "nonsense" }] })]);
    assert!(!fine && said.contains("unknown type nonsense"), "{said}");
    let (fine, said) = judged(&[json!({ "blocks": [header(3)] })]);
    assert!(!fine && said.contains("no text"), "{said}");
    let (fine, said) = judged(&[json!({ "text": "x", "blocks": vec![header(3); 51] })]);
    assert!(!fine && said.contains("51 blocks"), "{said}");
}
