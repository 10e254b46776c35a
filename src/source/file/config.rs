//! The keys of a `[sources.NAME]` table of kind `file`.

use std::path::PathBuf;

use log_monitor_channels::Problem;
use schemars::JsonSchema;
use serde::Deserialize;

/// A file of Wazuh's manager with a document on each line, for sites without an indexer.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FileConfig {
    /// The file: `/var/ossec/logs/alerts/alerts.json` or `/var/ossec/logs/archives/archives.json`. The
    /// user of log-monitor must be a member of the group that may read it.
    pub path: PathBuf,
    /// The field that tells entities apart: a text, such as `agent.id`, `agent.name`,
    /// `predecoder.hostname` or `location`.
    #[serde(default = "agent_id")]
    pub entity_field: String,
    /// `true` takes documents that the manager writes about an agent (disconnected, stopped,
    /// vulnerabilities) for signs of life.
    #[serde(default)]
    pub count_manager_documents: bool,
}

/// The field with the id of an agent (Wazuh 4.x).
pub(super) const AGENT_ID: &str = "agent.id";

fn agent_id() -> String {
    AGENT_ID.to_owned()
}

impl FileConfig {
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
        let field = &self.entity_field;
        if field.split('.').any(str::is_empty) || field.contains(char::is_whitespace) {
            problems.push(Problem::at("entity_field", "not the name of a field"));
        }
        problems
    }
}
