//! A notification as a mail.

use std::time::SystemTime;

use lettre::message::header::{HeaderName, HeaderValue};
use lettre::message::{Mailbox, Message, MessageBuilder, MultiPart, SinglePart};

use crate::notification::{Link, Notification, Receipt};
use crate::text::one_line;

/// The longest subject, in characters; more would not be shown anywhere.
const MAX_SUBJECT: usize = 250;

/// The identity of the message, the same for every try and for all recipients.
#[must_use]
pub fn message_id(notification: &Notification, from: &Mailbox) -> String {
    let known = notification.rest_of.as_ref().and_then(known_id);
    known.unwrap_or_else(|| id_of(&notification.idempotency_key, from))
}

fn id_of(key: &str, from: &Mailbox) -> String {
    let harmless = |c: char| if c.is_ascii_alphanumeric() || "-_.".contains(c) { c } else { '-' };
    let key: String = key.chars().map(harmless).collect();
    format!("<{key}@{}>", from.email.domain())
}

/// The message, whose headers and parts hold no text that was not encoded or escaped.
///
/// # Errors
/// What lettre says of a message it cannot build.
pub fn compose(
    notification: &Notification,
    from: &Mailbox,
    to: &[Mailbox],
) -> Result<Message, lettre::error::Error> {
    let builder = headers(notification, from, to);
    let text = format!("{}\n\n{}\n", notification.title, notification.text(usize::MAX));
    if notification.short {
        return builder.singlepart(SinglePart::plain(text));
    }
    builder.multipart(
        MultiPart::alternative()
            .singlepart(SinglePart::plain(text))
            .singlepart(SinglePart::html(html(notification))),
    )
}

fn headers(notification: &Notification, from: &Mailbox, to: &[Mailbox]) -> MessageBuilder {
    // lettre's date knows no time before 1970, which a broken clock may show.
    let date = SystemTime::from(notification.created_at).max(SystemTime::UNIX_EPOCH);
    let mut builder = Message::builder()
        .from(from.clone())
        .subject(subject(&notification.title))
        .date(date)
        .message_id(Some(message_id(notification, from)))
        // RFC 3834: keeps vacation programs from answering.
        .raw_header(raw("Auto-Submitted", "auto-generated"))
        .raw_header(raw("X-Log-Monitor-Event", &event_kinds(notification)));
    for mailbox in to {
        builder = builder.to(mailbox.clone());
    }
    if let Some(id) = answered_id(notification, from) {
        builder = builder.in_reply_to(id.clone()).references(id);
    }
    builder
}

/// The title on one line. lettre passes ASCII on as it is, so whatever looks like an encoded word
/// (RFC 2047), which a reader would decode, gets a zero-width space: then lettre encodes it.
fn subject(title: &str) -> String {
    one_line(title, MAX_SUBJECT).replace("=?", "=\u{200b}?")
}

fn raw(name: &'static str, value: &str) -> HeaderValue {
    HeaderValue::new(HeaderName::new_from_ascii_str(name), value.to_owned())
}

/// The kinds of its events, each once, in their order.
fn event_kinds(notification: &Notification) -> String {
    let mut names: Vec<&str> = Vec::new();
    for event in &notification.events {
        if !names.contains(&event.kind.name()) {
            names.push(event.kind.name());
        }
    }
    names.join(", ")
}

/// The identity of the message that this one answers, if it has the form of one; where the server's answer
/// to it was lost, that which it was sent with.
fn answered_id(notification: &Notification, from: &Mailbox) -> Option<String> {
    match &notification.in_reply_to {
        Some(receipt) => known_id(receipt),
        None => notification.answers.as_deref().map(|key| id_of(key, from)),
    }
}

fn known_id(receipt: &Receipt) -> Option<String> {
    let id = receipt.reference.get("message_id")?.as_str()?;
    let inner = id.strip_prefix('<')?.strip_suffix('>')?;
    let sound = inner.contains('@') && inner.bytes().all(|b| b.is_ascii_graphic() && !b"<>".contains(&b));
    sound.then(|| id.to_owned())
}

fn html(notification: &Notification) -> String {
    format!(
        "<!DOCTYPE html>\n<html>\n<body style=\"font-family: sans-serif; color: #222\">\n\
         <h3 style=\"border-left: 6px solid {color}; padding-left: 10px\">{title}</h3>\n\
         <div>{body}{links}</div>\n\
         <p style=\"color: #777\"><small>log-monitor {installation}</small></p>\n</body>\n</html>\n",
        color = notification.tone().color(),
        title = escape(&notification.title),
        body = escape(&notification.body_within(usize::MAX)).replace('\n', "<br>\n"),
        links = notification.links.iter().map(anchor).collect::<String>(),
        installation = escape(&notification.installation),
    )
}

/// On a line of its own. Not every program makes a link of an address.
fn anchor(link: &Link) -> String {
    let (word, url) = (escape(&one_line(&link.title, 80)), escape(&link.url));
    format!("<br>\n<a href=\"{url}\">{word}</a>")
}

fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            _ => out.push(c),
        }
    }
    out
}
