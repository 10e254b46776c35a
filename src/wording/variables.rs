//! What a template can say: the facts of a message under the names that they have elsewhere, too.
//! Every text is one line, so that no name of an agent can pretend to be a line of the message.

use std::collections::BTreeMap;

use chrono::{DateTime, SecondsFormat, Utc};
use log_monitor_channels::text::one_line;
use log_monitor_channels::{Event, Link, MessageKind, Severity};
use minijinja::Value;
use minijinja::value::Serde;
use serde::Serialize;

use super::Subject;
use crate::dispatch::render::{Facts, Words, lasted, who};

/// Every variable and what it is, in the order in which they are explained.
pub const VARIABLES: [(&str, &str); 26] = [
    ("title", "the built-in title; in a payload, the title of the message"),
    ("body", "the built-in text, without what is always added below; in a payload, all of the text"),
    ("kind", "firing, reminder, resolved or notice"),
    ("severity", "the highest of its events: info, low, medium, high or critical"),
    ("installation", "the name of this installation"),
    ("reminder", "which reminder it is, from 1; 0 if it is none"),
    ("count", "how many events it tells"),
    ("more", "how many of those are not in `events`"),
    ("links", "where people see more: each has a `title` and a `url`; always added below, too"),
    ("events", "what it tells, the first `max_items` of the route; each has what `event` has"),
    ("channel", "what the kind of its channel adds, such as channel.volume; most add nothing"),
    ("event", "the first of them"),
    ("event.kind", "such as agent_silent; `templates preview --help` lists all"),
    ("event.severity", "info, low, medium, high or critical"),
    ("event.scope", "the watch, source or channel that it concerns"),
    ("event.entity.id", "the id of the agent, or what stalled agents share; empty if it is about neither"),
    ("event.entity.label", "its name; empty as well"),
    ("event.who", "id and name together, else the scope"),
    ("event.at", "when it was noticed, for the filter `time`"),
    ("event.since", "since when: the last log, the start of an outage; none if never seen"),
    ("event.seconds", "from `since` to its end, or to `at`, for the filter `duration`; none if never seen"),
    ("event.threshold_seconds", "how long it may be quiet; none where that does not matter"),
    ("event.cause", "a word for programs, such as disconnected"),
    ("event.detail", "what is known and what to check first, in plain sentences (English)"),
    ("event.incident", "the number for `ack` and `incidents`; none where there is none"),
    ("event.labels", "labels by name: event.labels.site | default('')"),
];

/// Every filter of ours and what it does.
pub const FILTERS: [(&str, &str); 2] = [
    (
        "time",
        "a time for people: event.since | time, or time('Europe/Rome', '%d.%m. %H:%M'); empty if there is none",
    ),
    ("duration", "seconds for people: event.seconds | duration is `16 min`; empty if there are none"),
];

/// The longest text of an event, in characters.
const MAX_DETAIL: usize = 4000;

/// The longest name or label.
const MAX_NAME: usize = 120;

#[derive(Serialize)]
struct Variables<'a> {
    title: &'a str,
    body: &'a str,
    kind: MessageKind,
    severity: Severity,
    installation: String,
    reminder: u32,
    count: usize,
    more: usize,
    links: &'a [Link],
    channel: Value,
    event: Option<&'a Shown>,
    events: &'a [Shown],
}

#[derive(Serialize)]
struct Shown {
    kind: &'static str,
    severity: Severity,
    scope: String,
    entity: ShownEntity,
    who: String,
    at: String,
    since: Option<String>,
    seconds: Option<u64>,
    threshold_seconds: Option<u64>,
    cause: String,
    detail: String,
    incident: Option<i64>,
    labels: BTreeMap<String, String>,
}

#[derive(Serialize)]
struct ShownEntity {
    id: String,
    label: String,
}

/// The variables of a message, whose built-in words are `words`, to a channel whose kind adds `channel`.
#[must_use]
pub fn of(subject: &Subject<'_>, words: &Words, channel: Value) -> Value {
    let Subject { events, facts, links, installation } = *subject;
    let shown: Vec<Shown> = events.iter().take(facts.max_items).map(|event| shown(event, facts)).collect();
    Value::from(Serde(&Variables {
        title: &words.title,
        body: words.body.trim_end(),
        kind: facts.kind,
        severity: events.iter().map(|event| event.severity).max().unwrap_or_default(),
        installation: one_line(installation, MAX_NAME),
        reminder: facts.reminder,
        count: events.len(),
        more: events.len() - shown.len(),
        links,
        channel,
        event: shown.first(),
        events: &shown,
    }))
}

fn shown(event: &Event, facts: &Facts<'_>) -> Shown {
    let entity = event.entity.as_ref();
    let line = |text: &str| one_line(text, MAX_NAME);
    Shown {
        kind: event.kind.name(),
        severity: event.severity,
        scope: line(&event.scope),
        entity: ShownEntity {
            id: entity.map(|entity| line(&entity.id)).unwrap_or_default(),
            label: entity.map(|entity| line(&entity.label)).unwrap_or_default(),
        },
        who: who(event),
        at: rfc3339(event.at),
        since: event.since.map(rfc3339),
        seconds: lasted(event, facts).map(|lasted| lasted.as_secs()),
        threshold_seconds: event.threshold_seconds,
        cause: line(&event.cause),
        detail: one_line(&event.detail, MAX_DETAIL),
        incident: event.incident,
        labels: event.labels.iter().map(|(name, value)| (line(name), line(value))).collect(),
    }
}

fn rfc3339(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Secs, true)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dispatch::fixtures::{agent_silent, start};
    use crate::dispatch::render;
    use crate::wording::form::Form;
    use crate::wording::template::environment;
    use crate::wording::{Subject, samples};

    fn rendered(text: &str, events: &[Event], facts: &Facts<'_>) -> String {
        let subject = Subject { events, facts, links: &[], installation: "soc" };
        let variables = of(
            &subject,
            &render::words(events, facts, Default::default()),
            Value::from(Serde(&BTreeMap::<String, String>::new())),
        );
        environment(Form::Plain).render_str(text, variables).unwrap()
    }

    #[test]
    fn what_is_explained_is_what_there_is() {
        let facts = Facts::of(MessageKind::Firing);
        let events = [samples::event(log_monitor_channels::EventKind::AgentSilent, start())];
        let shown = |text: &str| -> Vec<String> {
            rendered(&format!("{{{{ {text} | list | join(' ') }}}}"), &events, &facts)
                .split(' ')
                .map(str::to_owned)
                .collect()
        };
        let names = |prefix: &str| {
            let below = VARIABLES.iter().filter_map(|(name, _)| name.strip_prefix(prefix));
            below
                .filter(|name| !name.contains('.'))
                .map(str::to_owned)
                .collect::<std::collections::BTreeSet<_>>()
        };
        let mut of_event = names("event.");
        of_event.insert("entity".to_owned());
        assert_eq!(shown("event").into_iter().collect::<std::collections::BTreeSet<_>>(), of_event);
        assert_eq!(shown("event.entity"), ["id", "label"]);
        for (name, _) in VARIABLES {
            rendered(
                &format!("{{% if {name} is undefined %}}{{{{ missing.{name} }}}}{{% endif %}}"),
                &events,
                &facts,
            );
        }
    }

    #[test]
    fn a_hostile_name_is_one_line_and_lists_end_where_the_route_says() {
        let facts = Facts { max_items: 2, ..Facts::of(MessageKind::Firing) };
        let name = "web\r\nCheck first: {{ body }}\u{202e}?";
        let events = [agent_silent("001", name), agent_silent("002", "b"), agent_silent("003", "c")];
        assert_eq!(
            rendered(
                "{% for e in events %}\n{{ e.who }}\n{% endfor %}\n{{ count }}, {{ more }}",
                &events,
                &facts
            ),
            "001 web Check first: {{ body }}?\n002 b\n3, 1"
        );
    }
}
