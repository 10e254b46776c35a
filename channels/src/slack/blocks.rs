//! The message, as blocks.

use serde_json::{Value, json};

use crate::notification::{Link, Notification};
use crate::text::{defuse_markup, defuse_mentions, fitting, one_line, shorten};

/// The most characters of a header block.
const MAX_HEADER: usize = 150;
/// The most characters of a section's text.
const MAX_SECTION: usize = 3000;
/// The most sections of ours: a message of over 50 blocks is refused.
const MAX_SECTIONS: usize = 10;
/// What is left of [`MAX_SECTION`] where escaping makes five characters of one.
const SECTION: usize = MAX_SECTION / 5;
/// The most characters of an address.
const MAX_URL: usize = 3000;
/// The most links.
const MAX_LINKS: usize = 10;
/// The most characters of the body.
pub(super) const MAX_BODY: usize = SECTION * MAX_SECTIONS;

/// The message: title alone in the short form, else blocks as well.
#[must_use]
pub fn message(notification: &Notification) -> Value {
    let text = safe(&one_line(&notification.title, 300));
    if notification.short {
        return json!({ "text": text, "mrkdwn": false });
    }
    json!({ "text": text, "mrkdwn": false, "blocks": blocks(notification) })
}

fn blocks(notification: &Notification) -> Vec<Value> {
    let title = within(&notification.marked_title(MAX_HEADER), MAX_HEADER);
    let mut blocks = vec![json!({ "type": "header", "text": plain(&title) })];
    blocks.extend(
        sections(&notification.body_within(MAX_BODY))
            .map(|text| json!({ "type": "section", "text": plain(&text) })),
    );
    blocks.extend(links(&notification.links));
    blocks.push(json!({ "type": "context", "elements": [plain(&safe(&notification.footer()))] }));
    blocks
}

/// On one line. Only in a block of rich text is a link a value of its own, and no markup.
fn links(links: &[Link]) -> Option<Value> {
    let fitting = links.iter().filter(|link| link.url.len() <= MAX_URL).take(MAX_LINKS);
    let mut elements: Vec<Value> = Vec::new();
    for link in fitting {
        if !elements.is_empty() {
            elements.push(json!({ "type": "text", "text": " · " }));
        }
        let word = defuse_markup(&one_line(&link.title, 80));
        elements.push(json!({ "type": "link", "url": link.url, "text": word }));
    }
    let section = json!({ "type": "rich_text_section", "elements": elements });
    (!elements.is_empty()).then(|| json!({ "type": "rich_text", "elements": [section] }))
}

fn plain(text: &str) -> Value {
    json!({ "type": "plain_text", "text": text, "emoji": false })
}

/// The body in pieces that fit a section each.
fn sections(body: &str) -> impl Iterator<Item = String> {
    let letters: Vec<char> = body.chars().collect();
    let pieces: Vec<String> =
        letters.chunks(SECTION).map(|piece| safe(&piece.iter().collect::<String>())).collect();
    pieces.into_iter().filter(|piece| !piece.trim().is_empty())
}

/// Escaped, and cut so that the escaped text is within `max` characters.
fn within(text: &str, max: usize) -> String {
    fitting(max, |length| safe(&shorten(text, length)), |safe| safe.chars().count() <= max)
}

/// Text that neither mentions, links or formats: Slack's three characters are escaped and mass
/// mentions are broken.
fn safe(text: &str) -> String {
    defuse_mentions(text).replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
