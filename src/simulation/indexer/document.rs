//! A document as Wazuh's manager writes it, and the fields it is searched by.

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

/// One alert, as far as anybody searches for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    /// `timestamp`, in milliseconds since 1970.
    pub at: i64,
    /// `agent.id`.
    pub agent: String,
    /// `agent.name`.
    pub name: String,
    /// `location`: the log file, or the part of the manager that wrote it.
    pub location: String,
    /// `predecoder.hostname`; not every document has one.
    pub hostname: Option<String>,
    /// `cluster.node`; not every installation has one.
    pub node: Option<String>,
    /// `rule.id`.
    pub rule: String,
    /// `rule.groups`.
    pub groups: Vec<String>,
    /// `rule.description`.
    pub description: String,
}

/// How a field is mapped in Wazuh's index template (4.x).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mapping {
    Keyword,
    Date,
    Text,
}

/// The mapping of a field; `None` = no index knows it.
pub(super) fn mapping(field: &str) -> Option<Mapping> {
    match field {
        "agent.id"
        | "agent.name"
        | "cluster.node"
        | "location"
        | "predecoder.hostname"
        | "rule.id"
        | "rule.groups" => Some(Mapping::Keyword),
        "timestamp" | "@timestamp" => Some(Mapping::Date),
        "full_log" => Some(Mapping::Text),
        _ => None,
    }
}

impl Document {
    /// An ordinary log line: somebody logged in.
    #[must_use]
    pub fn log(agent: &str, at: DateTime<Utc>) -> Self {
        Self {
            at: at.timestamp_millis(),
            agent: agent.to_owned(),
            name: format!("agent-{agent}"),
            location: "/var/log/auth.log".to_owned(),
            hostname: None,
            node: None,
            rule: "5501".to_owned(),
            groups: vec!["pam".to_owned(), "syslog".to_owned()],
            description: "PAM: Login session opened.".to_owned(),
        }
    }

    /// What the manager writes about an agent that went away: rule 504, under the agent's own id.
    #[must_use]
    pub fn disconnected(agent: &str, at: DateTime<Utc>) -> Self {
        Self {
            location: "wazuh-monitord".to_owned(),
            rule: "504".to_owned(),
            groups: vec!["wazuh".to_owned()],
            description: "Wazuh agent disconnected.".to_owned(),
            ..Self::log(agent, at)
        }
    }

    /// As the manager writes it into the index.
    #[must_use]
    pub fn json(&self) -> Value {
        let at = DateTime::from_timestamp_millis(self.at).unwrap_or_default();
        let mut json = json!({
            "timestamp": at.format("%Y-%m-%dT%H:%M:%S%.3f+0000").to_string(),
            "agent": { "id": self.agent, "name": self.name },
            "manager": { "name": "manager" },
            "rule": { "id": self.rule, "level": 3, "groups": self.groups, "description": self.description },
            "location": self.location,
            "full_log": "session opened for user root",
        });
        if let Some(hostname) = &self.hostname {
            json["predecoder"] = json!({ "hostname": hostname });
        }
        if let Some(node) = &self.node {
            json["cluster"] = json!({ "name": "wazuh", "node": node });
        }
        json
    }

    /// The values of a keyword field.
    pub(super) fn keywords(&self, field: &str) -> Vec<&str> {
        match field {
            "agent.id" => vec![&self.agent],
            "agent.name" => vec![&self.name],
            "location" => vec![&self.location],
            "predecoder.hostname" => self.hostname.as_deref().into_iter().collect(),
            "cluster.node" => self.node.as_deref().into_iter().collect(),
            "rule.id" => vec![&self.rule],
            "rule.groups" => self.groups.iter().map(String::as_str).collect(),
            _ => Vec::new(),
        }
    }
}
