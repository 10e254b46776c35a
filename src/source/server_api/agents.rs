//! What a list of agents says, as a pure reading of its bytes.

use std::collections::BTreeMap;

use chrono::{DateTime, Datelike};
use compact_str::CompactString;
use serde::Deserialize;

use super::answer::{self, Answer};
use crate::source::{Connection, Link, Listed, SourceError, is_agent_id};

/// What is asked for: what people know an agent by, its link and its node. All of it exists since 4.3,
/// but the code that says how a link ended, which came with 4.7 (wazuh/wazuh#19726). Labels are none of an
/// agent's fields (4.14, `api/api/spec/spec.yaml`, `Agent`): only its configuration has them, which the
/// API reads from each agent by itself.
#[must_use]
pub const fn fields(with_code: bool) -> &'static str {
    match with_code {
        true => "id,name,group,version,status,lastKeepAlive,disconnection_time,node_name,status_code",
        false => "id,name,group,version,status,lastKeepAlive,disconnection_time,node_name",
    }
}

/// There is no field of a name that was asked for (Wazuh 4.x, `framework/wazuh/core/exception.py`).
pub const NO_SUCH_FIELD: i64 = 1724;

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

/// Reads a page of the list of all agents.
///
/// # Errors
/// When it is none, or does not tell of somebody. The text is the end of a sentence that begins with the
/// server.
pub fn page(body: &[u8]) -> Result<Page, SourceError> {
    let Answer { items, total, failed } = answer::read(body)?;
    match (failed.first(), total) {
        (Some(failed), _) => Err(answer::incomplete(failed.code)),
        (None, None) => Err(answer::malformed("does not say how many agents it lists")),
        (None, Some(total)) => Ok(Page { agents: known(items)?, total }),
    }
}

/// Reads how the agents that were asked about are connected. Of whom it does not tell, or whom the
/// user may not read, there is nothing.
///
/// # Errors
/// As [`page`], and when it tells of nobody for another reason than those.
pub fn connections(body: &[u8]) -> Result<Vec<Connection>, SourceError> {
    let Answer { items, failed, .. } = answer::read(body)?;
    let mut told: Vec<Connection> = known(items)?.into_iter().map(|agent| agent.connection).collect();
    let unknown = failed.iter().filter(|failed| failed.code == answer::NOT_KNOWN);
    told.extend(unknown.flat_map(|failed| &failed.ids).map(|id| not_enrolled(id)));
    let reasons = [answer::NOT_KNOWN, answer::FORBIDDEN];
    match failed.iter().find(|failed| !reasons.contains(&failed.code)) {
        Some(failed) if told.is_empty() => Err(answer::incomplete(failed.code)),
        _ => Ok(told),
    }
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

fn known(items: Vec<Item>) -> Result<Vec<Agent>, SourceError> {
    if items.iter().any(|item| !is_agent_id(&item.id) || item.id.len() > LONGEST) {
        return Err(answer::malformed("lists an agent whose id is none"));
    }
    Ok(items.into_iter().map(agent).collect())
}

fn not_enrolled(id: &str) -> Connection {
    Connection { key: id.into(), link: Link::NotEnrolled, last_keepalive: None, lost_at: None, node: None }
}

fn agent(item: Item) -> Agent {
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
        version: item.version.filter(short).map(|version| version.trim_start_matches("Wazuh ").into()),
    };
    Agent { listed, connection }
}

/// Code 3 is a shutdown message of the agent, 4 that its keepalives stopped (Wazuh 4.7 and later,
/// `src/wazuh_db/wdb.h`). The others, and none, do not say how it went. Each start message makes an agent
/// `pending` until its next keepalive is taken up (`src/remoted/manager.c`, `save_controlmsg`).
fn link(status: Option<&str>, code: Option<i64>) -> Link {
    match (status, code) {
        (Some("active"), _) => Link::Connected,
        (Some("disconnected"), Some(3)) => Link::Stopped,
        (Some("disconnected"), Some(4)) => Link::Lost,
        (Some("disconnected"), _) => Link::Disconnected,
        (Some("pending"), _) => Link::Pending,
        (Some("never_connected"), _) => Link::NeverConnected,
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
    use crate::source::SourceReason;

    #[test]
    fn a_list_tells_links_times_and_nodes_and_absent_fields_are_not_known() {
        let body = br#"{"data":{"affected_items":[
            {"id":"000","name":"manager","status":"active","lastKeepAlive":"9999-12-31T23:59:59+00:00","node_name":"node01"},
            {"id":"001","name":"web-01","group":["default","prod"],"version":"Wazuh v4.14.5","status":"disconnected","status_code":3,"lastKeepAlive":"2026-01-01T00:00:10+00:00",
             "disconnection_time":"2026-01-01T00:15:00Z","node_name":"unknown"},
            {"id":"002","status":"disconnected","status_code":4},
            {"id":"003","status":"never_connected"},
            {"id":"004","status":"disconnected"},
            {"id":"005","status":"pending","lastKeepAlive":"2026-01-01T00:00:10+00:00"}],
            "total_affected_items":6,"total_failed_items":0,"failed_items":[]},"message":"","error":0}"#;
        let page = page(body).unwrap();
        assert_eq!(page.total, 6);
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
                ("004", Link::Disconnected, None),
                ("005", Link::Pending, Some(ten))
            ]
        );
        assert_eq!(page.agents[0].listed.node.as_deref(), Some("node01"));
        let Agent { listed, connection } = &page.agents[1];
        assert_eq!((connection.lost_at, &connection.node), (Some(ten + 890_000), &None));
        assert_eq!((listed.name.as_str(), listed.groups[1].as_str()), ("web-01", "prod"));
        assert_eq!(listed.version.as_deref(), Some("v4.14.5"));
    }

    /// Some of a fleet, and of whom nothing is told.
    fn some(agents: &str, failed: &str) -> String {
        format!(
            r#"{{"data":{{"affected_items":[{agents}],"total_affected_items":1,"failed_items":[{failed}]}},"error":2}}"#
        )
    }

    #[test]
    fn only_who_is_said_not_to_exist_is_not_enrolled() {
        let failed = r#"{"error":{"code":1701},"id":["099"]},{"error":{"code":4000},"id":["003","004"]},
            {"error":{"code":3021},"id":["005"]}"#;
        let told = connections(some(r#"{"id":"001","status":"active"}"#, failed).as_bytes()).unwrap();
        let said: Vec<_> = told.iter().map(|agent| (agent.key.as_str(), agent.link)).collect();
        assert_eq!(said, [("001", Link::Connected), ("099", Link::NotEnrolled)]);
        let forbidden = some("", r#"{"error":{"code":4000},"id":["003"]}"#);
        assert_eq!(connections(forbidden.as_bytes()), Ok(Vec::new()));
    }

    #[test]
    fn an_error_inside_a_200_is_no_answer() {
        let timeout = some("", r#"{"error":{"code":3021,"message":"Timeout"},"id":["001"]}"#);
        assert_eq!(connections(timeout.as_bytes()).unwrap_err().reason, SourceReason::Incomplete);
        let part = some(r#"{"id":"001"}"#, r#"{"error":{"code":4000},"id":["002"]}"#);
        assert_eq!(page(part.as_bytes()).unwrap_err().reason, SourceReason::Incomplete, "not a whole list");
        for (items, total) in [("{\"id\":\"001\"}", "null"), ("{\"id\":7}", "1"), ("{\"id\":\"web-1\"}", "1")]
        {
            let odd = format!(
                r#"{{"data":{{"affected_items":[{items}],"total_affected_items":{total}}},"error":0}}"#
            );
            assert_eq!(page(odd.as_bytes()).unwrap_err().reason, SourceReason::Malformed, "{odd}");
        }
    }
}
