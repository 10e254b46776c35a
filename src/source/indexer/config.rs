//! The keys of a `[sources.NAME]` table of kind `indexer`.

use std::time::Duration;

use log_monitor_channels::http::check_url;
use log_monitor_channels::{Problem, Secret};
use reqwest::Url;
use schemars::JsonSchema;
use serde::Deserialize;

use super::format::{About, Format};
use crate::config::duration::Span;
use crate::source::ca_file::CaFile;
use crate::source::entity_field::EntityField;
use crate::source::tls;

/// An OpenSearch or Elasticsearch that holds Wazuh documents.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct IndexerConfig {
    /// Base URL, such as `https://indexer.example:9200`; a path in front of it is kept.
    pub url: String,
    /// The Wazuh that wrote the documents, `wazuh4` or `wazuh5`. It sets `index` and the fields.
    #[serde(default)]
    pub format: Format,
    /// Index pattern, or several with commas between them. Default: `wazuh-alerts-*`, or
    /// `wazuh-events-v5-*`.
    index: Option<String>,
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
    /// The field that tells entities apart, a keyword or a number; or a list of fields, whose values
    /// with a `|` between them are the entity. Default: `agent.id`, or `wazuh.agent.id`.
    entity_field: Option<EntityField>,
    /// The field with the time of a document, by the clock of the Wazuh manager. Default: `timestamp`,
    /// or `@timestamp`.
    time_field: Option<String>,
    /// The field with the manager's name in a cluster. Agents that fall silent together are told by
    /// what they have in common. Default: `cluster.node`, or `wazuh.cluster.node`.
    node_field: Option<String>,
    /// The field with the name of an entity. Default: `agent.name`, or `wazuh.agent.name`, where (first
    /// of all) agents are told apart.
    name_field: Option<String>,
    /// The index with lists of all agents, such as `wazuh-monitoring-*` of the Wazuh 4.x dashboard or
    /// `wazuh-metrics-agents` of Wazuh 5. Without one only those are known who log.
    pub inventory_index: Option<String>,
    /// `true` takes documents that the manager writes about an agent (disconnected, stopped,
    /// vulnerabilities) for signs of life.
    #[serde(default)]
    pub count_manager_documents: bool,
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
    /// The index pattern.
    #[must_use]
    pub fn index(&self) -> &str {
        self.index.as_deref().unwrap_or(self.format.names().index)
    }

    /// Whether that is of alerts only, by the names that Wazuh gives: of 4.x alerts, of 5.x findings.
    #[must_use]
    pub fn has_alerts_only(&self) -> bool {
        self.index().split(',').all(|index| index.contains("alerts") || index.contains("findings"))
    }

    /// The fields that tell entities apart; at least one.
    #[must_use]
    pub fn entity_fields(&self) -> Vec<String> {
        let named = self.entity_field.as_ref().map(|field| field.names().to_vec());
        named.unwrap_or_else(|| vec![self.format.names().entity.to_owned()])
    }

    /// Whether that is the id of an agent.
    #[must_use]
    pub fn names_agents(&self) -> bool {
        self.entity_fields() == [self.format.names().entity]
    }

    /// The field with the time of a document.
    #[must_use]
    pub fn time_field(&self) -> &str {
        self.time_field.as_deref().unwrap_or(self.format.names().time)
    }

    /// The field with the manager's name.
    #[must_use]
    pub fn node_field(&self) -> &str {
        self.node_field.as_deref().or(self.format.names().agent.node).unwrap_or_default()
    }

    /// Whether its entities are agents, or parts of agents.
    #[must_use]
    pub fn is_of_agents(&self) -> bool {
        self.entity_fields().first().is_some_and(|first| first == self.format.names().entity)
    }

    /// The fields in which a document describes its entity.
    #[must_use]
    pub fn about(&self) -> About<'_> {
        let agent = if self.is_of_agents() { self.format.names().agent } else { About::default() };
        About { name: self.name_field.as_deref().or(agent.name), node: Some(self.node_field()), ..agent }
    }

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
        problems.extend(index_problem("index", self.index()));
        problems.extend(self.inventory_problem());
        problems.extend(self.login_problem());
        problems.extend(self.timeout_problem());
        problems.extend(self.field_problems());
        problems.extend(self.tls().problems());
        problems
    }

    fn field_problems(&self) -> impl Iterator<Item = Problem> {
        let entity = self.entity_fields().into_iter().map(|field| ("entity_field", field));
        let name = self.name_field.as_deref().map(|field| ("name_field", field));
        let others = [("time_field", self.time_field()), ("node_field", self.node_field())].into_iter();
        let all = entity.chain(others.chain(name).map(|(key, field)| (key, field.to_owned())));
        let bad = |field: &str| field.is_empty() || field.contains(char::is_whitespace);
        all.filter(move |(_, field)| bad(field)).map(|(key, _)| Problem::at(key, "not the name of a field"))
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

    fn inventory_problem(&self) -> Option<Problem> {
        let index = self.inventory_index.as_deref()?;
        let problem = || {
            let problem = Problem::at("inventory_index", "it lists agents, and `entity_field` names others");
            problem.help("leave one of them out")
        };
        index_problem("inventory_index", index).or_else(|| (!self.names_agents()).then(problem))
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

/// An index pattern becomes one segment of the path. `..` would vanish there, and an empty one would
/// search everything.
fn index_problem(key: &'static str, index: &str) -> Option<Problem> {
    let bad = |c: char| c.is_whitespace() || c.is_control() || "/\\?#\"|".contains(c);
    let odd = |part: &str| part.is_empty() || part.starts_with('_') || part.trim_matches('.').is_empty();
    let wrong = index.contains(bad) || index.split(',').any(odd);
    wrong.then(|| Problem::at(key, "not an index pattern").help("an example is `wazuh-alerts-*`"))
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
        assert_eq!((config.index(), config.time_field()), ("wazuh-alerts-*", "timestamp"));
        assert_eq!((config.entity_fields(), config.node_field()), (vec!["agent.id".into()], "cluster.node"));
        assert_eq!(config.timeout.0, Duration::from_secs(30));
        assert!(config.has_alerts_only());
        let of_index = |index: &str| IndexerConfig { index: Some(index.to_owned()), ..config.clone() };
        assert!(!of_index("wazuh-archives-*").has_alerts_only());
        assert!(!of_index("wazuh-alerts-*,wazuh-archives-*").has_alerts_only());
        assert!(config.verify_certificates && !config.count_manager_documents && !config.insecure);
        assert_eq!(config.problems(), []);
    }

    #[test]
    fn a_format_names_index_and_fields_and_each_can_be_another() {
        let with = |keys: &str| -> IndexerConfig {
            toml::from_str(&format!("url = 'https://a.example'\n{keys}")).unwrap()
        };
        let five = with("format = 'wazuh5'\nnode_field = 'observer.hostname'");
        assert_eq!((five.index(), five.time_field()), ("wazuh-events-v5-*", "@timestamp"));
        assert_eq!(
            (five.entity_fields(), five.node_field()),
            (vec!["wazuh.agent.id".into()], "observer.hostname")
        );
        assert_eq!(five.about().name, Some("wazuh.agent.name"));
        assert_eq!(with("entity_field = 'predecoder.hostname'").about().fields(), ["cluster.node"]);
        let logs = with("entity_field = ['agent.id', 'location']");
        assert_eq!(logs.entity_fields(), ["agent.id", "location"]);
        for wrong in ["[]", "['a', 'a']", "['a', 1]", "7", "['1','2','3','4','5','6','7','8','9']"] {
            let text = format!("url = 'https://a.example'\nentity_field = {wrong}");
            assert!(toml::from_str::<IndexerConfig>(&text).is_err(), "{wrong}");
        }
        assert_eq!(
            problems("url = 'https://a.example'\nentity_field = ['a', 'b c']"),
            [("entity_field", false)]
        );
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
    fn a_list_of_agents_is_for_a_watch_of_agents() {
        let with = |keys: &str| problems(&format!("url = 'https://a.example'\n{keys}"));
        assert_eq!(with("inventory_index = 'wazuh-monitoring-*'\nentity_field = 'agent.id'"), []);
        let wrong = [("inventory_index", false)];
        assert_eq!(with("inventory_index = '../x'"), wrong);
        assert_eq!(
            with("inventory_index = 'wazuh-monitoring-*'\nentity_field = ['agent.id', 'location']"),
            wrong
        );
        assert_eq!(
            with("inventory_index = 'wazuh-monitoring-*'\nformat = 'wazuh5'\nentity_field = 'agent.id'"),
            wrong
        );
    }

    #[test]
    fn a_login_belongs_into_its_own_keys() {
        assert_eq!(problems("url = 'https://a:b@c.example'"), [("url", false)]);
        assert_eq!(problems("url = 'https://c.example'\npassword = 'x'"), [("password", false)]);
        let colon = "url = 'https://c.example'\nusername = 'a:b'\npassword = 'x'";
        assert_eq!(problems(colon), [("username", false)]);
    }
}
