//! The addresses under which people see more: patterns of the configuration, filled with the facts of
//! a message. Pure.

use std::fmt::Write as _;

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use log_monitor_channels::{Event, EventKind, Link};

use super::Wrong;
use super::address::{self, Piece};

/// The most characters of a value in an address.
const MAX_VALUE: usize = 200;

/// An address with placeholders.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern {
    title: String,
    pieces: Vec<Piece>,
}

impl Pattern {
    /// Reads an address.
    ///
    /// # Errors
    /// All that is wrong with it.
    pub fn new(title: &str, url: &str) -> Result<Self, Vec<Wrong>> {
        Ok(Self { title: title.to_owned(), pieces: address::pieces(url)? })
    }

    /// The link of a message about these events; `None` where a value is not known, or is another one
    /// for each of them.
    #[must_use]
    pub fn fill(&self, events: &[Event], installation: &str) -> Option<Link> {
        let mut url = String::new();
        for piece in &self.pieces {
            match piece {
                Piece::Text(text) => url.push_str(text),
                Piece::Value(name) => encode(&mut url, &value(name, events, installation)?),
            }
        }
        Some(Link { title: self.title.clone(), url })
    }
}

/// The value of a placeholder for a message.
fn value(name: &str, events: &[Event], installation: &str) -> Option<String> {
    let at = events.iter().map(|event| event.at).max();
    let since = events.iter().map(since).min();
    match name {
        "installation" => Some(installation.to_owned()),
        "since" => since.map(rfc3339),
        "since_ms" => since.map(|since| since.timestamp_millis().to_string()),
        "at" => at.map(rfc3339),
        "at_ms" => at.map(|at| at.timestamp_millis().to_string()),
        name => {
            let (first, others) = events.split_first()?;
            let one = of_event(name, first).filter(|one| !one.is_empty())?;
            others.iter().all(|other| of_event(name, other).as_ref() == Some(&one)).then_some(one)
        }
    }
}

fn of_event(name: &str, event: &Event) -> Option<String> {
    let agent = || event.entity.as_ref().filter(|_| is_about_agent(event.kind));
    match name {
        "id" => agent().map(|agent| agent.id.clone()),
        "name" => agent().map(|agent| agent.label.clone()),
        "watch" => is_about_watch(event).then(|| event.scope.clone()),
        "event" => Some(event.kind.name().to_owned()),
        "severity" => Some(event.severity.name().to_owned()),
        "cause" => Some(event.cause.clone()),
        "incident" => event.incident.map(|incident| incident.to_string()),
        label => event.labels.get(label.strip_prefix("labels.")?).cloned(),
    }
}

/// Where nobody knows since when, a week says enough.
fn since(event: &Event) -> DateTime<Utc> {
    event.since.unwrap_or(event.at - TimeDelta::days(7))
}

fn rfc3339(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Millis, true)
}

/// Whether what is told is about one agent.
#[must_use]
pub const fn is_about_agent(kind: EventKind) -> bool {
    use EventKind as E;
    matches!(kind, E::AgentSilent | E::AgentStillSilent | E::AgentRecovered | E::AgentUnwatched)
}

const fn is_about_watch(event: &Event) -> bool {
    use EventKind as E;
    is_about_agent(event.kind)
        || matches!(
            event.kind,
            E::PipelineStalled | E::PipelineRecovered | E::InventoryChanged | E::ClockSkewed
        )
}

/// Everything but the unreserved characters of RFC 3986.
pub(super) fn encode(url: &mut String, value: &str) {
    for byte in value.chars().take(MAX_VALUE).collect::<String>().bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => url.push(char::from(byte)),
            _ => {
                let _ = write!(url, "%{byte:02X}");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dispatch::fixtures::agent_silent;

    fn filled(url: &str, events: &[Event]) -> Option<String> {
        Pattern::new("Dashboard", url).unwrap().fill(events, "soc").map(|link| link.url)
    }

    #[test]
    fn values_are_encoded_and_lead_nowhere_else() {
        let hostile = agent_silent("001/../#x", "web 1|<@U1>&a='é");
        let url = "https://wazuh.example/app/agents?agent={id}&n={name}#t=(from:'{since}',to:{at_ms})";
        assert_eq!(
            filled(url, &[hostile]).unwrap(),
            "https://wazuh.example/app/agents?agent=001%2F..%2F%23x&n=web%201%7C%3C%40U1%3E%26a%3D%27%C3%A9\
             #t=(from:'2026-01-01T00%3A00%3A00.000Z',to:1767226560000)"
        );
    }

    #[test]
    fn a_link_is_left_out_where_it_would_be_about_one_of_several_or_about_nobody() {
        let (one, other) = (agent_silent("001", "web-01"), agent_silent("002", "web-02"));
        let by_id = "https://wazuh.example/{id}";
        assert!(filled(by_id, &[one.clone(), other.clone()]).is_none());
        let all = filled("https://wazuh.example/{watch}?{since_ms}", &[one.clone(), other]);
        assert_eq!(all.unwrap(), "https://wazuh.example/default?1767225600000");
        let source = Event { kind: EventKind::SourceDown, entity: None, ..one.clone() };
        assert!(filled(by_id, std::slice::from_ref(&source)).is_none());
        assert!(filled("https://a.example/{watch}", &[source]).is_none());
        assert!(filled("https://a.example/{labels.site}", std::slice::from_ref(&one)).is_none());
        let never = Event { since: None, ..one };
        assert!(filled("https://a.example/?from={since}", &[never]).unwrap().contains("2025-12-25"));
    }
}
