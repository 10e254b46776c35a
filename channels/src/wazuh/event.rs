//! What Wazuh is told of an event.

use serde_json::{Map, Value, json};

use crate::facts::{self, Part};
use crate::notification::Notification;
use crate::text::{one_line, plain};

/// The most characters of a text: an event of 65,536 bytes must hold it beside all labels, each
/// character of four bytes.
pub const MAX_TEXT: usize = 4000;

/// The most characters of any other value.
const MAX_VALUE: usize = 256;

/// Each event as JSON, on one line: what is no letter of JSON in it is escaped.
#[must_use]
pub fn events(notification: &Notification) -> Vec<String> {
    let parts = facts::parts(notification, MAX_TEXT);
    parts.iter().map(|part| json!({ "log_monitor": object(notification, part) }).to_string()).collect()
}

/// All values are texts, numbers too: a field of an index can have one type only.
fn object(notification: &Notification, part: &Part<'_>) -> Map<String, Value> {
    let of_event = facts::of(part.event, MAX_VALUE);
    let ours = [
        ("kind", notification.kind.name().to_owned()),
        ("at", facts::time(part.event.at)),
        ("title", part.title.clone()),
        ("text", plain(&part.text)),
        ("installation", one_line(&notification.installation, MAX_VALUE)),
        ("key", one_line(&notification.idempotency_key, MAX_VALUE)),
        ("test", if notification.test { "true".to_owned() } else { String::new() }),
    ];
    let all = of_event.into_iter().chain(ours).filter(|(_, text)| !text.is_empty());
    let mut object: Map<String, Value> = all.map(|(name, text)| (name.to_owned(), json!(text))).collect();
    let labels = facts::labels(part.event);
    if !labels.is_empty() {
        object.insert("labels".to_owned(), json!(labels));
    }
    object
}
