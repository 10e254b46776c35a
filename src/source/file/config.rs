//! The keys of a `[sources.NAME]` table of kind `file`.

use std::path::PathBuf;

use log_monitor_channels::Problem;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::source::entity_field::EntityField;

/// A file of Wazuh's manager with a document on each line, for sites without an indexer.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FileConfig {
    /// The file: `/var/ossec/logs/alerts/alerts.json` or `/var/ossec/logs/archives/archives.json`. The
    /// user of log-monitor must be a member of the group that may read it.
    pub path: PathBuf,
    /// The field that tells entities apart: a text, such as `agent.id`, `agent.name`,
    /// `predecoder.hostname` or `location`; or a list of fields, whose values with a `|` between them are
    /// the entity.
    #[serde(default = "agent_id")]
    entity_field: EntityField,
    /// `true` takes documents that the manager writes about an agent (disconnected, stopped,
    /// vulnerabilities) for signs of life.
    #[serde(default)]
    pub count_manager_documents: bool,
}

/// The field with the id of an agent (Wazuh 4.x).
const AGENT_ID: &str = "agent.id";

fn agent_id() -> EntityField {
    EntityField::one(AGENT_ID)
}

impl FileConfig {
    /// The fields that tell entities apart; at least one.
    #[must_use]
    pub fn entity_fields(&self) -> &[String] {
        self.entity_field.names()
    }

    /// Whether its entities are agents, or parts of agents.
    #[must_use]
    pub fn is_of_agents(&self) -> bool {
        self.entity_fields().first().is_some_and(|first| first == AGENT_ID)
    }

    /// What the types cannot say.
    pub(super) fn problems(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        match self.path.extension().and_then(|extension| extension.to_str()) {
            _ if self.path.file_name().is_none() => {
                problems.push(Problem::at("path", "not the name of a file"));
            }
            Some("log") => {
                let problem = Problem::at("path", "only the files with JSON are read");
                problems.push(problem.help("write `alerts.json` for `alerts.log`"));
            }
            Some("gz") => problems.push(Problem::at("path", "must be the file that is written to")),
            _ => {}
        }
        let is_bad =
            |field: &&String| field.split('.').any(str::is_empty) || field.contains(char::is_whitespace);
        let bad = self.entity_fields().iter().filter(is_bad);
        problems.extend(bad.map(|_| Problem::at("entity_field", "not the name of a field")));
        problems
    }
}
