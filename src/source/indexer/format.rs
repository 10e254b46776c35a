//! How the versions of Wazuh name what is read: the defaults behind `format`.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::source::manager::{INTEGRATIONS, LOCATIONS, OWN_GROUP, OWN_INTEGRATIONS, RULES};

/// The version of Wazuh that wrote the documents.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// Wazuh 4.x: `wazuh-alerts-*`, `wazuh-archives-*`.
    #[default]
    Wazuh4,
    /// Wazuh 5.x: the data streams `wazuh-events-v5-*`.
    Wazuh5,
}

/// The indices and fields of a format.
#[derive(Debug, PartialEq, Eq)]
pub struct Names {
    /// Where documents are.
    pub index: &'static str,
    /// Tells agents apart there.
    pub entity: &'static str,
    /// The time of a document.
    pub time: &'static str,
    /// What else documents say of an agent.
    pub agent: About<'static>,
    /// What the manager itself writes about an agent has one of these values in one of these fields.
    pub of_manager: [(&'static str, &'static [&'static str]); 2],
    /// As has what log-monitor caused itself.
    pub own: (&'static str, &'static [&'static str]),
    /// Tells agents apart in the index that lists them.
    pub listed_entity: &'static str,
    /// The time of a list.
    pub listed_time: &'static str,
    /// What else lists say of an agent.
    pub listed: About<'static>,
}

/// Fields that describe an agent; `None` where no document has one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct About<'a> {
    /// Its name.
    pub name: Option<&'a str>,
    /// Its groups.
    pub groups: Option<&'a str>,
    /// The manager it sends through.
    pub node: Option<&'a str>,
    /// Its version.
    pub version: Option<&'a str>,
}

/// Wazuh 4.x: `extensions/elasticsearch/7.x/wazuh-template.json`; lists are rows of `GET /agents`, which
/// the dashboard writes (`plugins/main/server/integration-files/monitoring-template.ts`).
const WAZUH_4: Names = Names {
    index: "wazuh-alerts-*",
    entity: "agent.id",
    time: "timestamp",
    agent: About { name: Some("agent.name"), groups: None, node: Some("cluster.node"), version: None },
    of_manager: [("location", &LOCATIONS), ("rule.id", &RULES)],
    own: ("rule.groups", &[OWN_GROUP]),
    listed_entity: "id",
    listed_time: "timestamp",
    listed: About {
        name: Some("name"),
        groups: Some("group"),
        node: Some("node_name"),
        version: Some("version"),
    },
};

/// Wazuh 5.0 (`wazuh-events-v5-*`, `wazuh-metrics-agents`): the manager's `@timestamp` is the time at
/// which it worked on the event.
const WAZUH_5: Names = Names {
    index: "wazuh-events-v5-*",
    entity: "wazuh.agent.id",
    time: "@timestamp",
    agent: About {
        name: Some("wazuh.agent.name"),
        groups: Some("wazuh.agent.groups"),
        node: Some("wazuh.cluster.node"),
        version: None,
    },
    of_manager: [("wazuh.protocol.location", &LOCATIONS), ("wazuh.integration.name", &INTEGRATIONS)],
    own: ("wazuh.integration.name", &OWN_INTEGRATIONS),
    listed_entity: "wazuh.agent.id",
    listed_time: "@timestamp",
    listed: About {
        name: Some("wazuh.agent.name"),
        groups: Some("wazuh.agent.groups"),
        node: Some("wazuh.cluster.node"),
        version: Some("wazuh.agent.version"),
    },
};

impl Format {
    /// Its indices and fields.
    #[must_use]
    pub const fn names(self) -> &'static Names {
        match self {
            Self::Wazuh4 => &WAZUH_4,
            Self::Wazuh5 => &WAZUH_5,
        }
    }
}

impl<'a> About<'a> {
    /// The fields there are.
    #[must_use]
    pub fn fields(&self) -> Vec<&'a str> {
        [self.name, self.groups, self.node, self.version].into_iter().flatten().collect()
    }
}
