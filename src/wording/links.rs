//! The addresses under which people see more: patterns of the configuration, filled with the facts of
//! a message. Pure.

use std::fmt::Write as _;
use std::ops::Range;

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use log_monitor_channels::text::one_line;
use log_monitor_channels::{Event, EventKind, Link};

use crate::config::suggest;

/// What may stand between braces; beside these any label, as `{labels.site}`.
pub const NAMES: [&str; 12] = [
    "id",
    "name",
    "watch",
    "event",
    "severity",
    "cause",
    "incident",
    "installation",
    "since",
    "since_ms",
    "at",
    "at_ms",
];

/// The most characters of a value in an address.
const MAX_VALUE: usize = 200;

/// The most characters of a pattern: with some values in it vendors still take the address.
const MAX_PATTERN: usize = 1000;

/// An address with placeholders.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern {
    title: String,
    pieces: Vec<Piece>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Text(String),
    Value(String),
}

/// What is wrong with a pattern, and with which bytes of it.
#[derive(Debug, PartialEq, Eq)]
pub struct Wrong {
    /// The bytes.
    pub part: Range<usize>,
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    pub help: Option<String>,
}

impl Pattern {
    /// Reads an address.
    ///
    /// # Errors
    /// All that is wrong with it.
    pub fn new(title: &str, url: &str) -> Result<Self, Vec<Wrong>> {
        let mut wrongs = Vec::new();
        let pieces = pieces(url, &mut wrongs);
        if wrongs.is_empty() {
            wrongs.extend(address(url));
        }
        if wrongs.is_empty() { Ok(Self { title: title.to_owned(), pieces }) } else { Err(wrongs) }
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

/// The pieces of an address; what is wrong with its characters and placeholders.
fn pieces(url: &str, wrongs: &mut Vec<Wrong>) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let (mut rest, mut at) = (url, 0);
    while let Some(open) = rest.find('{') {
        let Some(close) = rest[open..].find('}').map(|close| open + close) else { break };
        pieces.push(text(&rest[..open], at, wrongs));
        let name = &rest[open + 1..close];
        if !NAMES.contains(&name) && name.strip_prefix("labels.").is_none_or(str::is_empty) {
            let message = format!("unknown placeholder `{{{}}}`", one_line(name, 80));
            let known = NAMES.into_iter().chain(["labels.NAME"]);
            let help = suggest::help(name, known);
            wrongs.push(Wrong { part: at + open..at + close + 1, message, help });
        }
        pieces.push(Piece::Value(name.to_owned()));
        (rest, at) = (&rest[close + 1..], at + close + 1);
    }
    pieces.push(text(rest, at, wrongs));
    pieces
}

fn text(text: &str, at: usize, wrongs: &mut Vec<Wrong>) -> Piece {
    let stranger = |c: &char| !c.is_ascii_graphic() || "\"<>\\^`{|}".contains(*c);
    if let Some((place, c)) = text.char_indices().find(|(_, c)| stranger(c)) {
        let mut encoded = String::new();
        encode(&mut encoded, c.encode_utf8(&mut [0; 4]));
        let message = "no address has this character".to_owned();
        let part = at + place..at + place + c.len_utf8();
        wrongs.push(Wrong { part, message, help: Some(format!("write {encoded}")) });
    }
    Piece::Text(text.to_owned())
}

/// What is wrong with the address as such.
fn address(url: &str) -> Option<Wrong> {
    let wrong = |part, message: &str, help: Option<&str>| {
        Some(Wrong { part, message: message.to_owned(), help: help.map(str::to_owned) })
    };
    let whole = 0..url.len();
    let Some((scheme, rest)) = url.split_once("://") else {
        return wrong(whole, "not an address", Some("write https://…"));
    };
    if !["https", "http"].contains(&scheme) {
        return wrong(0..scheme.len(), "only https and http lead anywhere in a message", None);
    }
    let from = scheme.len() + 3;
    let host = from..from + rest.find(['/', '?', '#']).unwrap_or(rest.len());
    if url[host.clone()].contains('{') {
        return wrong(host, "the host must not depend on what a message is about", None);
    }
    if url[host.clone()].contains('@') {
        return wrong(host, "whoever reads a message would read the user and password in it", None);
    }
    if url.len() > MAX_PATTERN {
        return wrong(whole, &format!("at most {MAX_PATTERN} characters"), None);
    }
    match reqwest::Url::parse(&url.replace(['{', '}'], "")) {
        Ok(_) => None,
        Err(error) => wrong(host, &format!("not an address: {error}"), None),
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
    let agent = || event.entity.as_ref().filter(|_| is_about_agent(event));
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

const fn is_about_agent(event: &Event) -> bool {
    use EventKind as E;
    matches!(event.kind, E::AgentSilent | E::AgentStillSilent | E::AgentRecovered | E::AgentUnwatched)
}

const fn is_about_watch(event: &Event) -> bool {
    use EventKind as E;
    is_about_agent(event)
        || matches!(
            event.kind,
            E::PipelineStalled | E::PipelineRecovered | E::InventoryChanged | E::ClockSkewed
        )
}

/// Everything but the unreserved characters of RFC 3986.
fn encode(url: &mut String, value: &str) {
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

    #[test]
    fn what_is_wrong_is_told_with_its_place() {
        let wrong = |url: &str| {
            let wrongs = Pattern::new("x", url).unwrap_err();
            wrongs.into_iter().map(|wrong| (url[wrong.part].to_owned(), wrong.message)).collect::<Vec<_>>()
        };
        let is = |url: &str, part: &str, message: &str| {
            let found = wrong(url);
            assert!(found[0].0 == part && found[0].1.contains(message), "{url}: {found:?}");
        };
        is("https://a.example/{idd}", "{idd}", "unknown placeholder `{idd}`");
        is("https://a.example/{labels.}", "{labels.}", "unknown placeholder");
        is("https://a.example/{", "{", "no address has this character");
        is("https://a.example/a b", " ", "no address has this character");
        is("javascript://a.example/", "javascript", "only https and http");
        is("wazuh.example/{id}", "wazuh.example/{id}", "not an address");
        is("https://{id}.example/", "{id}.example", "the host must not depend");
        is("https://a.example{id}", "a.example{id}", "the host must not depend");
        is("https://u:p@a.example/", "u:p@a.example", "user and password");
        is("https://a.example:99999/", "a.example:99999", "not an address");
        assert_eq!(wrong("https://a.example/{x}/{y}|").len(), 3, "all of them at once");
    }
}
