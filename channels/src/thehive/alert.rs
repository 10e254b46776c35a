//! What TheHive is told.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::event::Severity;
use crate::facts;
use crate::notification::Notification;
use crate::text::{defuse_markup, one_line, plain};

/// The most characters of a text. TheHive takes a mebibyte; nobody reads it.
pub const MAX_TEXT: usize = 32_000;
/// The most characters of a `type`, and of a `source`.
pub const MAX_TYPE: usize = 32;
/// The most characters of a `sourceRef`.
pub const MAX_REF: usize = 128;
/// The most characters of a tag.
pub const MAX_TAG: usize = 128;
/// The most characters of a title, and of a link.
const MAX_TITLE: usize = 512;
/// The most tags that events add.
const MAX_TAGS: usize = 30;
/// The most observables, which TheHive makes an entry of each.
const MAX_OBSERVABLES: usize = 50;

/// The body of `POST /api/v1/alert`.
#[must_use]
pub fn alert(notification: &Notification, alert_type: &str, tags: &[String]) -> Value {
    let link = notification.links.first().filter(|link| link.url.chars().count() <= MAX_TITLE);
    let mut alert = json!({
        "type": one_line(alert_type, MAX_TYPE),
        "source": source(notification),
        "sourceRef": one_line(notification.key_of_firing("source_ref"), MAX_REF),
        "title": defuse_markup(&one_line(&notification.title, MAX_TITLE - 40)),
        "description": text(notification),
        "severity": severity(notification.severity),
        "date": notification.created_at.timestamp_millis(),
        "tags": all_tags(notification, tags),
    });
    if let Some(link) = link {
        alert["externalLink"] = json!(link.url);
    }
    if !notification.short {
        alert["observables"] = observables(notification);
    }
    alert
}

/// The agents by name, each once, for analysts to look up and TheHive to find other alerts by.
fn observables(notification: &Notification) -> Value {
    let of_agents = notification.events.iter().filter(|event| event.kind.is_about_agent());
    let names =
        of_agents.filter_map(|event| event.entity.as_ref()).map(|agent| one_line(&agent.label, MAX_TITLE));
    let names: BTreeSet<String> =
        names.map(|name| defuse_markup(&name)).filter(|name| !name.is_empty()).collect();
    names
        .into_iter()
        .take(MAX_OBSERVABLES)
        .map(|name| json!({ "dataType": "hostname", "data": name }))
        .collect()
}

/// It must not be empty.
fn source(notification: &Notification) -> String {
    match one_line(&notification.installation, MAX_TYPE) {
        name if name.is_empty() => "log-monitor".to_owned(),
        name => name,
    }
}

/// The text of a description, a summary or a comment. TheHive shows them as Markdown, so every
/// character that could mean something there is escaped, and each line stays one.
#[must_use]
pub fn text(notification: &Notification) -> String {
    let text = match notification.short {
        true => one_line(&notification.title, MAX_TITLE),
        false => plain(&notification.text(MAX_TEXT)),
    };
    let lines = text.lines().map(|line| escape(line.trim()));
    lines.collect::<Vec<_>>().join("  \n")
}

fn escape(line: &str) -> String {
    let mut escaped = String::with_capacity(line.len());
    for c in line.chars() {
        if c.is_ascii_punctuation() {
            escaped.push('\\');
        }
        escaped.push(c);
    }
    escaped
}

/// Each once: ours, the channel's, the events' names and labels.
fn all_tags(notification: &Notification, tags: &[String]) -> BTreeSet<String> {
    let kinds = notification.events.iter().map(|event| event.kind.name().to_owned());
    let labels = notification.events.iter().flat_map(facts::labels);
    let labels = labels.map(|(name, value)| format!("{name}={value}"));
    let of_events: BTreeSet<String> = kinds.chain(labels).collect();
    let ours = ["log-monitor".to_owned()].into_iter().chain(tags.iter().cloned());
    let all = ours.chain(of_events.into_iter().take(MAX_TAGS));
    all.map(|tag| one_line(&defuse_markup(&tag), MAX_TAG)).collect()
}

/// The alert of that reference, without what makes it long.
#[must_use]
pub fn query(source_ref: &str) -> Value {
    json!({
        "query": [
            { "_name": "listAlert" },
            { "_name": "filter", "_eq": { "_field": "sourceRef", "_value": source_ref } },
            { "_name": "page", "from": 0, "to": 1 },
        ],
        "excludeFields": ["description", "summary"],
    })
}

const fn severity(severity: Severity) -> u8 {
    match severity {
        Severity::Info | Severity::Low => 1,
        Severity::Medium => 2,
        Severity::High => 3,
        Severity::Critical => 4,
    }
}
