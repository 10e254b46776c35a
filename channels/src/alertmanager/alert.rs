//! What Alertmanager is told of an event.

use std::collections::BTreeMap;
use std::time::Duration;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::event::{Event, EventKind, Severity};
use crate::facts::{self, Part};
use crate::notification::{MessageKind, Notification};
use crate::text::{defuse_markup, one_line, plain};

/// The most characters of an annotation. Alertmanager sets no limit; what it tells others has some.
pub const MAX_TEXT: usize = 4000;

/// The most characters of a label.
const MAX_LABEL: usize = 256;

/// How long a notice stays: longer than any usual `group_wait` and `group_interval`.
const NOTICE: Duration = Duration::from_secs(3600);

/// The body of `POST /api/v2/alerts`: one alert for each event. While it lasts, it ends `lasts` from
/// `now`, unless it is told again.
#[must_use]
pub fn alerts(notification: &Notification, now: DateTime<Utc>, lasts: Duration) -> Value {
    let severities = Severities::of(notification);
    let (starts, ends) = match notification.kind {
        MessageKind::Firing | MessageKind::Reminder => (true, now + lasts),
        MessageKind::Notice => (true, now + NOTICE),
        // Without a start of its own: it keeps the one that Alertmanager knows.
        MessageKind::Resolved => (false, now),
    };
    let alert = |part: Part<'_>| {
        let severity = severities.get(part.event);
        let mut alert = json!({
            "labels": labels(notification, part.event, severity),
            "annotations": annotations(&part),
            "endsAt": facts::time(ends),
        });
        if starts {
            alert["startsAt"] = json!(facts::time(part.event.at.min(now)));
        }
        if let Some(link) = notification.links.first() {
            alert["generatorURL"] = json!(link.url);
        }
        alert
    };
    facts::parts(notification, MAX_TEXT).into_iter().map(alert).collect()
}

/// What the alert is known by: nothing that differs between its begin and its end.
fn labels(notification: &Notification, event: &Event, severity: Severity) -> BTreeMap<String, String> {
    let agent = begin(event.kind) == EventKind::AgentSilent;
    let entity = event.entity.as_ref();
    let own = [
        ("alertname", Some(camel_case(begin(event.kind)))),
        ("severity", Some(severity.name().to_owned())),
        ("scope", Some(event.scope.clone())),
        ("installation", Some(notification.installation.clone())),
        ("entity_id", entity.map(|entity| entity.id.clone())),
        ("entity_label", entity.filter(|_| agent).map(|entity| entity.label.clone())),
        ("test", notification.test.then(|| "true".to_owned())),
    ];
    let mut labels = facts::labels(event);
    labels.retain(|name, _| own.iter().all(|(own, _)| own != name));
    labels.extend(own.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))));
    let shown = labels.into_iter().map(|(name, value)| (name, defuse_markup(&one_line(&value, MAX_LABEL))));
    // A label without a value is none to Alertmanager.
    shown.filter(|(_, value)| !value.is_empty()).collect()
}

fn annotations(part: &Part<'_>) -> BTreeMap<&'static str, String> {
    let facts = facts::of(part.event, MAX_LABEL);
    let facts = facts.into_iter().filter(|(name, _)| ["incident", "since", "cause"].contains(name));
    let words = [("summary", part.title.clone()), ("description", plain(&part.text))];
    let all = words.into_iter().chain(facts).filter(|(_, text)| !text.is_empty());
    all.map(|(name, text)| (name, defuse_markup(&text))).collect()
}

/// The kind that begins what `kind` belongs to.
const fn begin(kind: EventKind) -> EventKind {
    use EventKind as K;
    match kind {
        K::AgentSilent | K::AgentStillSilent | K::AgentRecovered | K::AgentUnwatched => K::AgentSilent,
        K::SourceDown | K::SourceUp => K::SourceDown,
        K::PipelineStalled | K::PipelineRecovered => K::PipelineStalled,
        K::ChannelUnhealthy | K::ChannelRecovered => K::ChannelUnhealthy,
        K::JournalFailed | K::JournalRecovered => K::JournalFailed,
        K::InventoryChanged | K::ClockSkewed | K::MonitoringResumed | K::SetupFailed => kind,
    }
}

/// `AgentSilent`, as Prometheus' alerts are named.
fn camel_case(kind: EventKind) -> String {
    let word = |word: &str| word[..1].to_uppercase() + &word[1..];
    kind.name().split('_').map(word).collect()
}

/// The severities with which the alerts of a message began. An end is less severe, but must have the
/// same labels; so they are kept with the receipt of the firing.
#[derive(Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Severities {
    /// That of all others.
    rest: Severity,
    /// Those of some incidents.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    of: BTreeMap<i64, Severity>,
}

/// The most bytes of them: a receipt has a kibibyte.
const MAX_REFERENCE: usize = 900;

impl Severities {
    /// What was told of the firing, else what the events say themselves.
    #[must_use]
    pub fn of(notification: &Notification) -> Self {
        let told = notification.in_reply_to.as_ref();
        told.and_then(|receipt| serde_json::from_value(receipt.reference.clone()).ok())
            .unwrap_or_else(|| Self::in_events(notification))
    }

    /// With the most common one as the rest. If that is too much to keep, all have the highest.
    fn in_events(notification: &Notification) -> Self {
        let known = notification.events.iter().map(|event| (event.incident, event.severity));
        let count = |severity: &Severity| known.clone().filter(|(_, other)| other == severity).count();
        let rest = Severity::ALL.into_iter().max_by_key(count).unwrap_or_default();
        let others = known.clone().filter(|(_, severity)| *severity != rest);
        let of = others.filter_map(|(incident, severity)| Some((incident?, severity))).collect();
        let all = Self { rest, of };
        match all.reference().to_string().len() {
            ..=MAX_REFERENCE => all,
            _ => Self { rest: notification.severity, of: BTreeMap::new() },
        }
    }

    fn get(&self, event: &Event) -> Severity {
        event.incident.and_then(|incident| self.of.get(&incident)).copied().unwrap_or(self.rest)
    }

    /// As the receipt keeps them.
    #[must_use]
    pub fn reference(&self) -> Value {
        json!(self)
    }
}
