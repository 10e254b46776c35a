//! Agents as files and lists name them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Who is watched: a line of an agent file, or an entry of a source's list.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Agent {
    /// The agent's id, such as `001`.
    pub id: String,
    /// The name people know it by; empty when there is none.
    pub label: String,
    /// What a source's list says of it; `None` = it is in the agent file only.
    #[serde(default)]
    pub listed: Option<ListedAs>,
}

/// What a source's list says of an agent.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ListedAs {
    /// Its groups in Wazuh.
    pub groups: Vec<String>,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// The node it sends through.
    pub node: Option<String>,
    /// The version of its agent, such as `v4.14.5`.
    pub version: Option<String>,
    /// It was and is not silent before this time, in milliseconds: it had only just appeared. `None` = it was
    /// there from the start, or on the first list.
    pub watched_from: Option<i64>,
    /// When a list had it first, in milliseconds. `None` = it is in the agent file, or an earlier version wrote it down.
    #[serde(default)]
    pub listed_since: Option<i64>,
    /// It is not silent before this time either, in milliseconds: it may have been removed.
    #[serde(default)]
    pub spared_until: Option<i64>,
    /// The ids of the agent file that it had before it was enrolled anew.
    #[serde(default)]
    pub was: Vec<String>,
}

impl Agent {
    /// A line of an agent file.
    #[must_use]
    pub fn in_file(id: &str, label: &str) -> Self {
        Self { id: id.to_owned(), label: label.to_owned(), listed: None }
    }

    /// Since when it is known whether it logs, in milliseconds: from its first list on, without its probation. `None` =
    /// from the start.
    #[must_use]
    pub fn known_since(&self) -> Option<i64> {
        let listed = self.listed.as_ref()?;
        listed.watched_from.max(listed.listed_since)
    }

    /// Its id, and those by which the agent file names it.
    pub fn ids(&self) -> impl Iterator<Item = &str> {
        let was = self.listed.iter().flat_map(|listed| &listed.was);
        std::iter::once(&self.id).chain(was).map(String::as_str)
    }

    /// The version of its Wazuh agent, where a list says it.
    #[must_use]
    pub fn version(&self) -> Option<&str> {
        self.listed.as_ref()?.version.as_deref()
    }

    /// What a matcher's key means for it.
    #[must_use]
    pub fn facts(&self, key: &str) -> Vec<&str> {
        let listed = self.listed.as_ref();
        match key {
            "id" => self.ids().collect(),
            // Wazuh's own labels of an agent are in no list.
            "name" | "label" => vec![&self.label],
            "group" => listed.map(|l| l.groups.iter().map(String::as_str).collect()).unwrap_or_default(),
            "node" => listed.and_then(|listed| listed.node.as_deref()).into_iter().collect(),
            _ => Vec::new(),
        }
    }
}
