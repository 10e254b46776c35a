//! What Opsgenie and Jira Service Management are told. Both show HTML in texts.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use crate::event::Severity;
use crate::facts;
use crate::notification::Notification;
use crate::text::{defuse_markup, one_line, plain, shorten};

/// The most characters of a body that is passed on.
pub const MAX_TEXT: usize = 14_000;
/// The most characters of a description; a note may have more.
const MAX_DESCRIPTION: usize = 15_000;
const MAX_MESSAGE: usize = 130;
const MAX_ALIAS: usize = 512;
const MAX_SOURCE: usize = 100;
const MAX_TAGS: usize = 20;
const MAX_TAG: usize = 50;
/// So that all facts of an event stay far below the 8,000 characters of details.
const MAX_DETAIL: usize = 200;

/// The alert, but for its details, whose key is another one in each API.
#[must_use]
pub fn alert(notification: &Notification) -> Value {
    let mut alert = json!({
        "message": field(&notification.title, MAX_MESSAGE),
        "alias": alias(notification),
        "priority": priority(notification.severity),
        "source": field(&notification.installation, MAX_SOURCE),
        "tags": tags(notification),
    });
    if let [event] = notification.events.as_slice() {
        let entity = event.entity.as_ref().map(|entity| format!("{} {}", entity.id, entity.label));
        alert["entity"] = json!(field(entity.as_deref().unwrap_or(&event.scope), MAX_DETAIL));
    }
    if !notification.short {
        alert["description"] = json!(text(notification));
    }
    alert
}

/// The facts of the first event, which rules of the vendor can use.
#[must_use]
pub fn details(notification: &Notification) -> BTreeMap<&'static str, String> {
    let facts = notification.events.first().filter(|_| !notification.short);
    let facts = facts.into_iter().flat_map(|event| facts::of(event, MAX_DETAIL));
    facts.map(|(name, fact)| (name, defuse_markup(&fact))).collect()
}

/// The text of a description or a note.
#[must_use]
pub fn text(notification: &Notification) -> String {
    match notification.short {
        true => field(&notification.title, MAX_DESCRIPTION),
        false => shorten(&defuse_markup(&plain(&notification.text(MAX_TEXT))), MAX_DESCRIPTION),
    }
}

/// That of the firing, where there is one to answer.
#[must_use]
pub fn alias(notification: &Notification) -> String {
    one_line(notification.key_of_firing("alias"), MAX_ALIAS)
}

fn field(text: &str, max: usize) -> String {
    shorten(&defuse_markup(&one_line(text, max)), max)
}

fn tags(notification: &Notification) -> BTreeSet<String> {
    let kinds = notification.events.iter().map(|event| event.kind.name().to_owned());
    let labels = notification.events.iter().flat_map(facts::labels);
    let labels = labels.map(|(name, value)| format!("{name}={value}"));
    let all: BTreeSet<String> = kinds.chain(labels).collect();
    let tags = ["log-monitor".to_owned()].into_iter().chain(all).take(MAX_TAGS);
    // A comma would part one tag in two.
    tags.map(|tag| field(&tag.replace(',', " "), MAX_TAG)).collect()
}

const fn priority(severity: Severity) -> &'static str {
    match severity {
        Severity::Critical => "P1",
        Severity::High => "P2",
        Severity::Medium => "P3",
        Severity::Low => "P4",
        Severity::Info => "P5",
    }
}
