//! A notification as messages of RFC 5424. Pure.

use std::fmt::Write;

use crate::event::Severity;
use crate::facts::{self, Part};
use crate::notification::{MessageKind, Notification};
use crate::syslog::Facility;
use crate::text::{fitting, one_line};

/// The identity of our structured data. 32473 is the number that RFC 5612 keeps for examples: we have
/// none of our own.
const SD_ID: &str = "log-monitor@32473";
const LABELS_ID: &str = "labels@32473";

/// The most characters of a value in structured data.
const MAX_VALUE: usize = 128;
/// The most characters of a name there.
const MAX_NAME: usize = 32;

/// What all messages have in common.
pub struct Form {
    /// The facility.
    pub facility: Facility,
    /// APP-NAME.
    pub app_name: String,
    /// The most bytes of a message.
    pub max_bytes: usize,
}

impl Form {
    /// One message for each event. What is too long is cut in the text, above its links.
    #[must_use]
    pub fn messages(&self, notification: &Notification) -> Vec<Vec<u8>> {
        // So that a body of megabytes is gone through once.
        let notification = &notification.with_body_within(self.max_bytes);
        let fits = |messages: &Vec<String>| messages.iter().all(|message| message.len() <= self.max_bytes);
        let messages = fitting(self.max_bytes, |length| self.written(notification, length), fits);
        messages.iter().map(|message| cut(message, self.max_bytes).into_bytes()).collect()
    }

    /// The same with texts of at most `length` characters, however long the messages become.
    fn written(&self, notification: &Notification, length: usize) -> Vec<String> {
        let parts = facts::parts(notification, length);
        parts.iter().map(|part| self.message(notification, part)).collect()
    }

    fn message(&self, notification: &Notification, part: &Part<'_>) -> String {
        let head = self.head(notification, part);
        let (facts, labels) = (data(notification, part), labels(part));
        // Structured data must be whole, so what would leave no room for the text is left out.
        let room = self.max_bytes / 2;
        let data = [format!("{facts}{labels}"), facts, "-".to_owned()];
        let data = data.into_iter().find(|data| head.len() + data.len() <= room).unwrap_or_default();
        let mut message = format!("{head} {data} ");
        let text = line(part);
        // RFC 5424 §6.4: the mark of UTF-8. Of ASCII it would only garble the first word.
        if !text.is_ascii() {
            message.push('\u{feff}');
        }
        message + &text
    }

    /// Everything before the structured data.
    fn head(&self, notification: &Notification, part: &Part<'_>) -> String {
        let level = level(notification.kind, part.event.severity);
        format!(
            "<{}>1 {} {} {} {} {}",
            self.facility as u8 * 8 + level,
            facts::time(part.event.at),
            hostname(&notification.installation),
            self.app_name,
            std::process::id(),
            part.event.kind.name(),
        )
    }
}

/// RFC 5424 §6.2.1: how severe. An end is worth a notice, whatever began.
const fn level(kind: MessageKind, severity: Severity) -> u8 {
    match (kind, severity) {
        (MessageKind::Resolved, _) => 5,
        (_, Severity::Critical) => 2,
        (_, Severity::High) => 3,
        (_, Severity::Medium) => 4,
        (_, Severity::Low) => 5,
        (_, Severity::Info) => 6,
    }
}

/// As the name of a host, or the sign for nothing.
fn hostname(text: &str) -> String {
    let usual = |c: &char| c.is_ascii_alphanumeric() || "-_.:".contains(*c);
    let name: String = text.chars().filter(usual).take(255).collect();
    if name.is_empty() { "-".to_owned() } else { name }
}

fn data(notification: &Notification, part: &Part<'_>) -> String {
    let own = [("kind", notification.kind.name().to_owned()), ("key", notification.idempotency_key.clone())];
    let test = notification.test.then(|| ("test", "true".to_owned()));
    let all = own.into_iter().chain(test).chain(facts::of(part.event, MAX_VALUE));
    element(SD_ID, all)
}

fn labels(part: &Part<'_>) -> String {
    let labels = facts::labels(part.event);
    if labels.is_empty() { String::new() } else { element(LABELS_ID, labels) }
}

fn element<N: AsRef<str>>(id: &str, values: impl IntoIterator<Item = (N, String)>) -> String {
    let mut element = format!("[{id}");
    for (name, value) in values {
        let name: String = name.as_ref().chars().take(MAX_NAME).collect();
        let value = escape(&one_line(&value, MAX_VALUE));
        // A string takes everything.
        let _ = write!(element, " {name}=\"{value}\"");
    }
    element + "]"
}

/// RFC 5424 §6.3.3.
fn escape(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace(']', "\\]")
}

/// Title and text on one line.
fn line(part: &Part<'_>) -> String {
    let lines = [part.title.as_str()].into_iter().chain(part.text.lines());
    let lines = lines.map(|line| one_line(line, usize::MAX)).filter(|line| !line.is_empty());
    lines.collect::<Vec<_>>().join(" | ")
}

/// At most `max` bytes of it, whole characters, an ellipsis in place of what was cut.
fn cut(text: &str, max: usize) -> String {
    if text.len() <= max {
        return text.to_owned();
    }
    let room = max.saturating_sub('…'.len_utf8());
    let end = text.char_indices().map(|(at, _)| at).take_while(|at| *at <= room).last();
    format!("{}…", &text[..end.unwrap_or_default()])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conformance::{hostile, oversize, sample};
    use crate::event::Event;

    fn form(max_bytes: usize) -> Form {
        Form { facility: Facility::Local0, app_name: "log-monitor".to_owned(), max_bytes }
    }

    fn first(notification: &Notification, max_bytes: usize) -> String {
        String::from_utf8(form(max_bytes).messages(notification).remove(0)).unwrap()
    }

    #[test]
    fn a_message_is_what_the_rfc_asks_for() {
        let pid = std::process::id();
        assert_eq!(
            first(&sample(), 8192),
            format!(
                "<132>1 2026-01-01T00:00:00.000Z test log-monitor {pid} agent_silent [log-monitor@32473 \
                 kind=\"firing\" key=\"0123456789abcdef-1\" event=\"agent_silent\" severity=\"medium\" scope=\"default\" \
                 entity_id=\"007\" entity_label=\"db-03\" incident=\"7\" since=\"2025-12-31T23:44:00.000Z\" \
                 threshold_seconds=\"960\" cause=\"no_documents\"][labels@32473 site=\"MIL\"] Silent: 007 db-03, no logs \
                 for 16 min | No logs for 16 min. | Agent: 007 db-03"
            )
        );
        let end = Notification { kind: MessageKind::Resolved, ..sample() };
        assert!(first(&end, 8192).starts_with("<133>1 "));
    }

    #[test]
    fn no_name_closes_the_structured_data() {
        let mut named = sample();
        named.installation = "two words\n".to_owned();
        named.events[0].scope = "a\"] [evil@1 x=\"\\".to_owned();
        let message = first(&named, 8192);
        assert!(message.contains(" scope=\"a\\\"\\] [evil@1 x=\\\"\\\\\" "), "{message}");
        assert!(message.contains("Z twowords log-monitor "), "{message}");
        assert!(!first(&hostile(), 8192).contains(['\n', '\r', '\0']));
    }

    #[test]
    fn what_is_not_ascii_is_marked_and_cut_between_characters() {
        assert!(!first(&sample(), 8192).contains('\u{feff}'));
        let foreign = Notification { title: "ö".repeat(300), body: "ü".repeat(5000), ..sample() };
        let message = first(&foreign, 2048);
        assert!(message.contains("] \u{feff}ööö") && message.ends_with("ü…"), "{message}");
        assert!((2040..=2048).contains(&message.len()), "{}", message.len());
        assert!(first(&oversize(), 8192).len() <= 8192);
    }

    #[test]
    fn structured_data_leaves_room_for_the_text() {
        let labels: std::collections::BTreeMap<_, _> =
            (0..40).map(|n| (format!("label{n}"), "x".repeat(200))).collect();
        let event = Event { labels, ..sample().events.remove(0) };
        let many = Notification { events: vec![event], ..sample() };
        assert!(!first(&many, 2048).contains(LABELS_ID));
        let tight = first(&many, 400);
        assert!(tight.contains(" agent_silent - Silent: 007 db-03") && tight.len() <= 400, "{tight}");
    }

    #[test]
    fn each_event_of_a_group_is_a_message() {
        let mut group = sample();
        group.events.push(Event { severity: Severity::Critical, ..group.events[0].clone() });
        let messages = form(2048).messages(&group);
        assert_eq!(messages.len(), 2);
        assert!(messages[1].starts_with(b"<130>1 "));
    }
}
