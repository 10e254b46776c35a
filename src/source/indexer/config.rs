//! The keys of a `[sources.NAME]` table of kind `indexer`.

use std::time::Duration;

use log_monitor_channels::http::check_url;
use log_monitor_channels::{Problem, Secret};
use reqwest::Url;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::config::duration::Span;
use crate::source::ca_file::CaFile;
use crate::source::tls;

/// An OpenSearch or Elasticsearch that holds Wazuh documents.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct IndexerConfig {
    /// Base URL, such as `https://indexer.example:9200`; a path in front of it is kept.
    pub url: String,
    /// Index pattern, or several with commas between them.
    #[serde(default = "alerts")]
    pub index: String,
    /// User who may read the index pattern.
    pub username: Option<String>,
    /// Their password.
    pub password: Option<Secret>,
    /// PEM file with the indexer's root CA; trusted beside the system's authorities.
    pub ca_file: Option<CaFile>,
    /// The name that the certificate must be for, if not the host of `url`.
    pub tls_server_name: Option<String>,
    /// The SHA-256 of the server's certificate in hex: that one is trusted and no other.
    pub pinned_sha256: Option<String>,
    /// `false` accepts any certificate: anybody on the way can read the password.
    #[serde(default = "yes")]
    pub verify_certificates: bool,
    /// `true` allows plain http to another machine.
    #[serde(default)]
    pub insecure: bool,
    /// How long one request may take, its answer included.
    #[serde(default = "half_a_minute")]
    pub timeout: Span,
    /// The field that tells entities apart. It must be a keyword or a number.
    #[serde(default = "agent_id")]
    pub entity_field: String,
    /// The field with the time of a document, by the clock of the Wazuh manager.
    #[serde(default = "timestamp")]
    pub time_field: String,
    /// The field with the manager's name in a cluster. Agents that fall silent together are told by
    /// what they have in common.
    #[serde(default = "cluster_node")]
    pub node_field: String,
    /// `true` takes documents that the manager writes about an agent (disconnected, stopped,
    /// vulnerabilities) for signs of life.
    #[serde(default)]
    pub count_manager_documents: bool,
}

fn alerts() -> String {
    "wazuh-alerts-*".to_owned()
}

fn agent_id() -> String {
    "agent.id".to_owned()
}

fn cluster_node() -> String {
    "cluster.node".to_owned()
}

fn timestamp() -> String {
    "timestamp".to_owned()
}

const fn yes() -> bool {
    true
}

const fn half_a_minute() -> Span {
    Span(Duration::from_secs(30))
}

/// The longest timeout: a round that waits longer than this notices nothing in time.
const MAX_TIMEOUT: Duration = Duration::from_secs(600);

impl IndexerConfig {
    /// What it says about certificates.
    #[must_use]
    pub fn tls(&self) -> tls::Keys<'_> {
        tls::Keys {
            ca_file: self.ca_file.as_ref(),
            server_name: self.tls_server_name.as_deref(),
            pinned: self.pinned_sha256.as_deref(),
            verify: self.verify_certificates,
        }
    }

    /// What the types cannot say.
    pub(super) fn problems(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        problems.extend(check_url("url", &self.url, self.insecure));
        problems.extend(self.url_problem());
        problems.extend(self.index_problem());
        problems.extend(self.login_problem());
        problems.extend(self.timeout_problem());
        for (key, field) in [("entity_field", &self.entity_field), ("time_field", &self.time_field)] {
            if field.is_empty() || field.contains(char::is_whitespace) {
                problems.push(Problem::at(key, "not the name of a field"));
            }
        }
        problems.extend(self.tls().problems());
        problems
    }

    fn url_problem(&self) -> Option<Problem> {
        let url = Url::parse(&self.url).ok()?;
        if !url.username().is_empty() || url.password().is_some() {
            let problem = Problem::at("url", "a user name or password does not belong into the URL");
            return Some(problem.help("use `username` and `password`"));
        }
        let last = url.path_segments().and_then(|mut path| path.next_back()).unwrap_or_default();
        if url.query().is_some() || url.fragment().is_some() || last.starts_with('_') {
            let problem = Problem::at("url", "only the base URL is expected here");
            return Some(problem.help("write `https://HOST:9200`, and the index pattern in `index`"));
        }
        None
    }

    /// An index pattern becomes one segment of the path. `..` would vanish there, and an empty one
    /// would search everything.
    fn index_problem(&self) -> Option<Problem> {
        let bad = |c: char| c.is_whitespace() || c.is_control() || "/\\?#\"|".contains(c);
        let odd = |part: &str| part.is_empty() || part.starts_with('_') || part.trim_matches('.').is_empty();
        if self.index.contains(bad) || self.index.split(',').any(odd) {
            let problem = Problem::at("index", "not an index pattern");
            return Some(problem.help("an example is `wazuh-alerts-*`"));
        }
        None
    }

    fn login_problem(&self) -> Option<Problem> {
        match (&self.username, &self.password) {
            (Some(_), None) => Some(Problem::at("username", "there is no `password` for it")),
            (None, Some(_)) => Some(Problem::at("password", "there is no `username` for it")),
            (Some(name), _) if name.is_empty() => Some(Problem::at("username", "it is empty")),
            (Some(name), _) if name.contains(':') => {
                // RFC 7617 §2: the first colon ends the name.
                Some(Problem::at("username", "HTTP basic authentication allows no colon in it"))
            }
            _ => None,
        }
    }

    fn timeout_problem(&self) -> Option<Problem> {
        let allowed = Duration::from_secs(1)..=MAX_TIMEOUT;
        let message = "must be between 1s and 10m";
        (!allowed.contains(&self.timeout.0)).then(|| Problem::at("timeout", message))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems(text: &str) -> Vec<(&'static str, bool)> {
        let config: IndexerConfig = toml::from_str(text).unwrap();
        config.problems().iter().map(|problem| (problem.key.unwrap(), problem.warning)).collect()
    }

    #[test]
    fn a_url_is_enough() {
        let config: IndexerConfig = toml::from_str("url = 'https://indexer.example:9200'").unwrap();
        assert_eq!(config.index, "wazuh-alerts-*");
        assert_eq!((config.entity_field.as_str(), config.time_field.as_str()), ("agent.id", "timestamp"));
        assert_eq!(config.timeout.0, Duration::from_secs(30));
        assert!(config.verify_certificates && !config.count_manager_documents && !config.insecure);
        assert_eq!(config.problems(), []);
    }

    #[test]
    fn every_mistake_is_found_in_one_go() {
        let found = problems(
            "url = 'http://elsewhere.example:9200/_count'\nindex = '../secret'\nusername = 'reader'\n\
             timeout = '0s'\nentity_field = ''\nverify_certificates = false",
        );
        let expected = ["url", "url", "index", "username", "timeout", "entity_field", "verify_certificates"];
        assert_eq!(found.iter().map(|(key, _)| *key).collect::<Vec<_>>(), expected);
        assert_eq!(found.iter().filter(|(_, warning)| *warning).count(), 1);
    }

    #[test]
    fn an_index_pattern_cannot_leave_its_place_in_the_path() {
        let with = |index: &str| problems(&format!("url = 'https://a.example'\nindex = {index:?}"));
        for bad in ["", "..", "a/b", "a?b", "a b", "_all", "a,,b", "a#"] {
            assert_eq!(with(bad), [("index", false)], "{bad:?}");
        }
        for good in ["wazuh-alerts-*", "wazuh-alerts-4.x-*,site2:wazuh-archives-*", "*", "a,-b"] {
            assert_eq!(with(good), [], "{good:?}");
        }
    }

    #[test]
    fn a_login_belongs_into_its_own_keys() {
        assert_eq!(problems("url = 'https://a:b@c.example'"), [("url", false)]);
        assert_eq!(problems("url = 'https://c.example'\npassword = 'x'"), [("password", false)]);
        let colon = "url = 'https://c.example'\nusername = 'a:b'\npassword = 'x'";
        assert_eq!(problems(colon), [("username", false)]);
    }
}
