//! The message, as a card.

use serde_json::{Value, json};

use crate::error::{DeliveryError, Reason};
use crate::notification::{Notification, Tone};
use crate::text::{fitting, one_line};

/// The most bytes of a message. Microsoft says 28 KB, and others were refused from 21 KB on.
pub(super) const MAX_BYTES: usize = 21_000;
/// The most characters of a title.
const MAX_TITLE: usize = 300;
/// The most buttons: Microsoft's library refuses a sixth where its host does not say otherwise.
const MAX_ACTIONS: usize = 5;
/// The most bytes of all addresses behind them: the text should keep room.
const MAX_URLS: usize = 4_000;

/// The message: the title alone in the short form, else with as much of the body as there is room for, and
/// the links as buttons.
#[must_use]
pub fn message(notification: &Notification) -> Value {
    fitting(
        MAX_BYTES,
        |length| envelope(notification, &notification.body_within(length)),
        |message| size(message) <= MAX_BYTES,
    )
}

/// The bytes of a message, should anybody on its way write whatever is not ASCII as `\u....`.
fn size(message: &Value) -> usize {
    let bytes = |c: char| if c.is_ascii() { 1 } else { 6 * c.len_utf16() };
    message.to_string().chars().map(bytes).sum()
}

/// # Errors
/// When the message is larger than Teams takes, so that the flow would accept it and show nothing.
pub(super) fn check_size(message: &Value) -> Result<(), DeliveryError> {
    let bytes = size(message);
    if bytes <= MAX_BYTES {
        return Ok(());
    }
    let detail = format!("a card of {bytes} bytes, Teams takes {MAX_BYTES}");
    Err(DeliveryError::permanent_message(Reason::TooLarge, detail))
}

fn envelope(notification: &Notification, body: &str) -> Value {
    json!({
        "type": "message",
        "attachments": [{
            "contentType": "application/vnd.microsoft.card.adaptive",
            "content": card(notification, body),
        }],
    })
}

fn card(notification: &Notification, body: &str) -> Value {
    let mut parts = vec![headline(notification)];
    let mut card = json!({
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "msteams": { "width": "Full" },
        "fallbackText": one_line(&notification.title, MAX_TITLE),
    });
    if !notification.short {
        parts.extend(paragraphs(body));
        let footer =
            json!({ "type": "TextRun", "text": notification.footer(), "size": "Small", "isSubtle": true });
        parts.push(block("Medium", &footer));
        let actions = actions(notification);
        if !actions.is_empty() {
            card["actions"] = Value::Array(actions);
        }
    }
    card["body"] = Value::Array(parts);
    card
}

fn headline(notification: &Notification) -> Value {
    let style = match notification.tone() {
        Tone::Over => "good",
        Tone::Alarm => "attention",
        Tone::Warning => "warning",
        Tone::Calm => "accent",
    };
    let title = notification.marked_title(MAX_TITLE);
    let title = json!({ "type": "TextRun", "text": title, "size": "Medium", "weight": "Bolder" });
    json!({ "type": "Container", "style": style, "bleed": true, "items": [block("None", &title)] })
}

/// A block for each line: no client breaks lines within one. An empty line is space before the next.
fn paragraphs(body: &str) -> Vec<Value> {
    let mut spacing = "Medium";
    let mut blocks = Vec::new();
    for line in body.lines().map(str::trim_end) {
        if line.is_empty() {
            spacing = "Medium";
        } else {
            blocks.push(block(spacing, &json!({ "type": "TextRun", "text": line })));
            spacing = "None";
        }
    }
    blocks
}

/// A block of one text run, which is shown as it is: Markdown is for text blocks.
fn block(spacing: &str, run: &Value) -> Value {
    json!({ "type": "RichTextBlock", "spacing": spacing, "inlines": [run] })
}

fn actions(notification: &Notification) -> Vec<Value> {
    let mut bytes = 0;
    let fitting = notification.links.iter().filter(|link| {
        bytes += link.url.len();
        bytes <= MAX_URLS
    });
    let action = |link: &crate::Link| json!({ "type": "Action.OpenUrl", "title": one_line(&link.title, 60), "url": link.url });
    fitting.take(MAX_ACTIONS).map(action).collect()
}
