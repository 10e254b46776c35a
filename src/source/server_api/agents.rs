//! What a list of agents says, as a pure reading of its bytes.

use std::collections::BTreeMap;

use chrono::{DateTime, Datelike};
use compact_str::CompactString;
use serde::Deserialize;

use crate::source::{Connection, Link, Listed, SourceError, SourceReason};

/// What is asked for: what people know an agent by, its link and its node. All of it exists since 4.3,
/// but the code that says how a link ended, which came with 4.7 (wazuh/wazuh#19726).
#[must_use]
pub const fn fields(with_code: bool) -> &'static str {
    match with_code {
        true => "id,name,group,version,status,lastKeepAlive,disconnection_time,node_name,status_code",
        false => "id,name,group,version,status,lastKeepAlive,disconnection_time,node_name",
    }
}

/// There is no field of a name that was asked for (Wazuh 4.x, `framework/wazuh/core/exception.py`).
pub const NO_SUCH_FIELD: i64 = 1724;

/// The agent is not known (Wazuh 4.x, `framework/wazuh/core/exception.py`).
const NOT_KNOWN: i64 = 1701;

/// The longest text that is taken, in bytes.
const LONGEST: usize = 512;

/// An agent as its manager knows it.
#[derive(Debug, PartialEq, Eq)]
pub struct Agent {
    /// Who it is.
    pub listed: Listed,
    /// How it is connected.
    pub connection: Connection,
}

/// One answer.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Page {
    /// The agents on it.
    pub agents: Vec<Agent>,
    /// How many there are on all pages.
    pub total: usize,
}

/// Whether an agent can have this id: three digits or more.
#[must_use]
pub fn is_id(key: &str) -> bool {
    key.len() >= 3 && key.bytes().all(|byte| byte.is_ascii_digit())
}

/// Reads an answer with status 200, which may hold an error all the same.
///
/// # Errors
/// When it is no list of agents, or says of others than unknown agents that they failed. The text is
/// the end of a sentence that begins with the server.
pub fn read(body: &[u8]) -> Result<Page, SourceError> {
    let answer: Body = serde_json::from_slice(body).map_err(|error| unreadable(body, &error))?;
    if let Some(failed) = answer.data.failed_items.iter().find(|failed| failed.error.code != NOT_KNOWN) {
        return Err(incomplete(failed.error.code));
    }
    let Data { affected_items: agents, total_affected_items: total, .. } = answer.data;
    if agents.iter().any(|agent| !is_id(&agent.id) || agent.id.len() > LONGEST) {
        return Err(SourceError::new(SourceReason::Malformed, "lists an agent whose id is none"));
    }
    Ok(Page { agents: agents.into_iter().map(known).collect(), total })
}

/// An error inside an answer that says that all is well.
pub fn incomplete(code: i64) -> SourceError {
    SourceError::new(SourceReason::Incomplete, format!("could not tell of some agents (error {code})"))
}

/// Not what the API documents.
pub fn unreadable(body: &[u8], error: &serde_json::Error) -> SourceError {
    let detail = match body.trim_ascii_start().first() {
        None => "sent an empty answer".to_owned(),
        Some(b'<') => "sent a web page instead of JSON: does `url` lead to the Wazuh API itself?".to_owned(),
        Some(_) if error.is_eof() => "sent an answer that is cut off".to_owned(),
        Some(_) => format!(
            "sent an answer that no Wazuh API documents (line {}, column {})",
            error.line(),
            error.column()
        ),
    };
    SourceError::new(SourceReason::Malformed, detail)
}

#[derive(Deserialize)]
struct Body {
    data: Data,
}

#[derive(Deserialize)]
struct Data {
    affected_items: Vec<Item>,
    total_affected_items: usize,
    #[serde(default)]
    failed_items: Vec<Failed>,
}

/// Somebody of whom nothing is told.
#[derive(Deserialize)]
pub struct Failed {
    /// Why.
    pub error: Reason,
}

/// Why something failed.
#[derive(Deserialize)]
pub struct Reason {
    /// The number of the reason.
    pub code: i64,
}

/// Fields that are null are absent (Wazuh 4.x, `framework/wazuh/core/agent.py`).
#[derive(Deserialize)]
struct Item {
    id: String,
    name: Option<CompactString>,
    #[serde(default)]
    group: Vec<CompactString>,
    version: Option<CompactString>,
    status: Option<String>,
    status_code: Option<i64>,
    #[serde(rename = "lastKeepAlive")]
    last_keepalive: Option<String>,
    disconnection_time: Option<String>,
    node_name: Option<CompactString>,
}

fn known(item: Item) -> Agent {
    let short = |text: &CompactString| text.len() <= LONGEST;
    let node = item.node_name.filter(|node| short(node) && node != "unknown");
    let key = CompactString::from(item.id);
    let connection = Connection {
        key: key.clone(),
        link: link(item.status.as_deref(), item.status_code),
        last_keepalive: item.last_keepalive.as_deref().and_then(time),
        lost_at: item.disconnection_time.as_deref().and_then(time),
        node: node.clone(),
    };
    let listed = Listed {
        key,
        name: item.name.filter(short).unwrap_or_default(),
        groups: item.group.into_iter().filter(short).collect(),
        labels: BTreeMap::new(),
        node,
        version: item.version.filter(short),
    };
    Agent { listed, connection }
}

/// Code 3 is a shutdown message of the agent, 4 that its keepalives stopped (Wazuh 4.7 and later,
/// `src/wazuh_db/wdb.h`). The others, and none, do not say how it went.
fn link(status: Option<&str>, code: Option<i64>) -> Link {
    match (status, code) {
        (Some("active"), _) => Link::Connected,
        (Some("disconnected"), Some(3)) => Link::Stopped,
        (Some("disconnected"), Some(4)) => Link::Lost,
        (Some("disconnected"), _) => Link::Disconnected,
        (Some("never_connected" | "pending"), _) => Link::NeverConnected,
        _ => Link::Unknown,
    }
}

/// A time in milliseconds. The server writes the year 9999 for its own agent 000, which is no time,
/// and older versions leave the zone out, which is UTC.
fn time(text: &str) -> Option<i64> {
    let zoned = if text.ends_with('Z') || text.contains('+') { text.to_owned() } else { format!("{text}Z") };
    let time = DateTime::parse_from_rfc3339(&zoned.replacen(' ', "T", 1)).ok()?;
    (time.year() < 9999).then(|| time.timestamp_millis())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_tells_links_times_and_nodes_and_absent_fields_are_not_known() {
        let body = br#"{"data":{"affected_items":[
            {"id":"000","name":"manager","status":"active","lastKeepAlive":"9999-12-31T23:59:59+00:00","node_name":"node01"},
            {"id":"001","name":"web-01","group":["default","prod"],"version":"Wazuh v4.14.5","status":"disconnected","status_code":3,"lastKeepAlive":"2026-01-01T00:00:10+00:00",
             "disconnection_time":"2026-01-01T00:15:00Z","node_name":"unknown"},
            {"id":"002","status":"disconnected","status_code":4},
            {"id":"003","status":"never_connected"},
            {"id":"004","status":"disconnected"}],
            "total_affected_items":5,"total_failed_items":1,
            "failed_items":[{"error":{"code":1701,"message":"Agent does not exist"},"id":["099"]}]},
            "message":"","error":2}"#;
        let page = read(body).unwrap();
        assert_eq!(page.total, 5);
        let said: Vec<_> = page
            .agents
            .iter()
            .map(|agent| (agent.listed.key.as_str(), agent.connection.link, agent.connection.last_keepalive))
            .collect();
        let ten = 1_767_225_610_000;
        assert_eq!(
            said,
            [
                ("000", Link::Connected, None),
                ("001", Link::Stopped, Some(ten)),
                ("002", Link::Lost, None),
                ("003", Link::NeverConnected, None),
                ("004", Link::Disconnected, None)
            ]
        );
        assert_eq!(page.agents[0].listed.node.as_deref(), Some("node01"));
        let Agent { listed, connection } = &page.agents[1];
        assert_eq!((connection.lost_at, &connection.node), (Some(ten + 890_000), &None));
        assert_eq!((listed.name.as_str(), listed.groups[1].as_str()), ("web-01", "prod"));
    }

    #[test]
    fn an_error_inside_a_200_is_no_answer() {
        let body = br#"{"data":{"affected_items":[],"total_affected_items":0,
            "failed_items":[{"error":{"code":3021,"message":"Timeout"},"id":["001"]}]},"error":1}"#;
        assert_eq!(read(body).unwrap_err().reason, SourceReason::Incomplete);
        let odd_id = r#"{"data":{"affected_items":[{"id":"web-1"}],"total_affected_items":1}}"#;
        for body in ["", "{}", "[]", "<html>", r#"{"data":{"affected_items":[{"id":7}]}}"#, odd_id] {
            assert_eq!(read(body.as_bytes()).unwrap_err().reason, SourceReason::Malformed, "{body}");
        }
    }
}
