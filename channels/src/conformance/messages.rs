//! Messages to test a channel with: an everyday one, a hostile one, one that is too long.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta};

use crate::event::{Entity, Event, EventKind, Severity};
use crate::notification::{Link, MessageKind, Notification};

/// A message as it comes every day: agent `007 db-03` fell silent.
#[must_use]
pub fn sample() -> Notification {
    let at = DateTime::from_timestamp(1_767_225_600, 0).unwrap_or_default();
    let event = Event {
        id: 42,
        incident: Some(7),
        part_of: None,
        kind: EventKind::AgentSilent,
        at,
        severity: Severity::Medium,
        scope: "default".to_owned(),
        entity: Some(Entity { id: "007".to_owned(), label: "db-03".to_owned() }),
        since: Some(at - TimeDelta::minutes(16)),
        back: None,
        arrived_late: None,
        threshold_seconds: Some(960),
        cause: "no_documents".to_owned(),
        detail: "No logs for 16 min.".to_owned(),
        labels: BTreeMap::from([("site".to_owned(), "MIL".to_owned())]),
    };
    Notification {
        idempotency_key: "0123456789abcdef-1".to_owned(),
        kind: MessageKind::Firing,
        test: false,
        severity: Severity::Medium,
        title: "Silent: 007 db-03, no logs for 16 min".to_owned(),
        body: "No logs for 16 min.\n\nAgent: 007 db-03".to_owned(),
        below: String::new(),
        installation: "test".to_owned(),
        created_at: at,
        events: vec![event],
        attempt: 1,
        possible_duplicate: false,
        fallback_reason: None,
        in_reply_to: None,
        answers: None,
        rest_of: None,
        all_over: false,
        links: Vec::new(),
        short: false,
        payload: None,
    }
}

/// The same about an agent that somebody named with intent.
#[must_use]
pub fn hostile() -> Notification {
    const NAME: &str = "<!channel> <@U1> <https://evil.example|click> @everyone *b* _i_ `c` \r\nBcc: x@evil.example\u{0}\u{202e}<script>&";
    let mut notification = sample();
    notification.title = format!("Silent: 007 {NAME}");
    notification.body = format!("Agent: {NAME}\n{NAME}");
    notification.fallback_reason = Some(NAME.to_owned());
    notification.installation = NAME.to_owned();
    notification.links = vec![Link {
        title: NAME.to_owned(),
        url: "https://dashboard.example/?id=%3C%21channel%3E".to_owned(),
    }];
    for event in &mut notification.events {
        event.entity = Some(Entity { id: NAME.to_owned(), label: NAME.to_owned() });
        event.labels.insert(NAME.to_owned(), NAME.to_owned());
        event.detail = NAME.to_owned();
    }
    notification
}

/// The same with far more text than any vendor takes.
#[must_use]
pub fn oversize() -> Notification {
    Notification { title: "long ".repeat(1000), body: "a line of text\n".repeat(20_000), ..sample() }
}
