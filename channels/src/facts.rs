//! A message taken apart, for vendors that have fields of their own or keep an entry for each event.

use std::collections::BTreeMap;

use chrono::{DateTime, SecondsFormat, Utc};

use crate::event::Event;
use crate::notification::Notification;
use crate::text::one_line;

/// The most labels of an event that are passed on.
const MAX_LABELS: usize = 32;

/// The most characters of a label's name or value.
const MAX_LABEL: usize = 128;

/// What is known of an event, as pairs of a contract name and a line of at most `max` characters.
/// What is not known is absent.
#[must_use]
pub fn of(event: &Event, max: usize) -> Vec<(&'static str, String)> {
    let entity = event.entity.as_ref();
    let facts = [
        ("event", Some(event.kind.name().to_owned())),
        ("severity", Some(event.severity.name().to_owned())),
        ("scope", Some(event.scope.clone())),
        ("entity_id", entity.map(|entity| entity.id.clone())),
        ("entity_label", entity.map(|entity| entity.label.clone())),
        ("incident", event.incident.map(|incident| incident.to_string())),
        ("since", event.since.map(time)),
        ("threshold_seconds", event.threshold_seconds.map(|seconds| seconds.to_string())),
        ("cause", Some(event.cause.clone())),
    ];
    let known = facts.into_iter().filter_map(|(name, fact)| Some((name, one_line(&fact?, max))));
    known.filter(|(_, fact)| !fact.is_empty()).collect()
}

/// A time as vendors take it: RFC 3339 in UTC, to the millisecond.
#[must_use]
pub fn time(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Millis, true)
}

/// The labels of an event under names of ASCII letters, digits and underscores that begin with no
/// digit: what every vendor takes. Names that become the same one keep the first value.
#[must_use]
pub fn labels(event: &Event) -> BTreeMap<String, String> {
    let mut labels = BTreeMap::new();
    for (name, value) in event.labels.iter().take(MAX_LABELS) {
        labels.entry(label_name(name)).or_insert_with(|| one_line(value, MAX_LABEL));
    }
    labels
}

fn label_name(name: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() { c } else { '_' };
    let name: String = name.chars().take(MAX_LABEL).map(plain).collect();
    if name.starts_with(|c: char| !c.is_ascii_digit()) { name } else { format!("_{name}") }
}

/// One event of a message, with the words for it alone.
#[derive(Debug, Clone)]
pub struct Part<'a> {
    /// The event.
    pub event: &'a Event,
    /// One line that tells who and what.
    pub title: String,
    /// The rest, lines of plain text; empty in the short form.
    pub text: String,
}

/// The message in as many parts as it has events, each text of at most `max` characters. The only
/// one of a message has its title and body.
#[must_use]
pub fn parts(notification: &Notification, max: usize) -> Vec<Part<'_>> {
    let short = notification.short;
    let text = |text: String| if short { String::new() } else { text };
    match notification.events.as_slice() {
        [event] => {
            let title = one_line(&notification.title, 300);
            vec![Part { event, title, text: text(notification.text(max)) }]
        }
        events => {
            let part = |event| Part { event, title: title(event), text: text(one_line(&event.detail, max)) };
            events.iter().map(part).collect()
        }
    }
}

/// `agent silent: 007 db-03`
fn title(event: &Event) -> String {
    let who = match &event.entity {
        Some(entity) => format!("{} {}", entity.id, entity.label),
        None => event.scope.clone(),
    };
    one_line(&format!("{}: {who}", event.kind.name().replace('_', " ")), 300)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conformance::{hostile, sample};
    use crate::event::Entity;

    #[test]
    fn facts_are_lines_and_only_what_is_known() {
        let event = &hostile().events[0];
        let facts = of(event, 40);
        assert!(
            facts.iter().all(|(_, fact)| fact.chars().count() <= 40 && !fact.contains('\n')),
            "{facts:?}"
        );
        let bare = Event { entity: None, since: None, incident: None, ..event.clone() };
        let names: Vec<&str> = of(&bare, 40).into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["event", "severity", "scope", "threshold_seconds", "cause"]);
    }

    #[test]
    fn label_names_are_what_every_vendor_takes() {
        let labels = [("site", "MIL"), ("1st-floor", "x"), ("", "y"), ("ä\n\"", "a\nb")];
        let labels = labels.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        let event = Event { labels, ..sample().events.remove(0) };
        let expected = [("_", "y"), ("_1st_floor", "x"), ("___", "a b"), ("site", "MIL")];
        let expected = expected.map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(super::labels(&event), BTreeMap::from(expected));
    }

    #[test]
    fn the_parts_of_a_group_have_words_of_their_own() {
        let mut group = sample();
        group.events.push(Event {
            entity: Some(Entity { id: "008".into(), label: "db-04".into() }),
            ..group.events[0].clone()
        });
        let titles: Vec<String> = parts(&group, 80).into_iter().map(|part| part.title).collect();
        assert_eq!(titles, ["agent silent: 007 db-03", "agent silent: 008 db-04"]);
        assert_eq!(parts(&sample(), 80)[0].title, sample().title);
        assert_eq!(parts(&Notification { short: true, ..group }, 80)[1].text, "");
    }
}
