//! What is asked, as pure JSON: the newest time of each entity within a window.

use std::time::Duration;

use serde_json::{Value, json};

use super::config::IndexerConfig;
use crate::source::{Entities, Query};

/// The parts of an answer that are wanted. An error is asked for as well: it must never be what
/// the filter leaves out.
pub const FILTER_PATH: &str = "took,timed_out,_shards,_clusters,error,status,\
    aggregations.entities.sum_other_doc_count,aggregations.entities.after_key,\
    aggregations.entities.buckets.key,aggregations.entities.buckets.last.value";

/// With at most this many entities the server filters by them; with more it gives us everything
/// and we choose. Far below `index.max_terms_count` (65,536), and a short request.
pub const MAX_FILTERED: usize = 1024;

/// From this many entities on pages are asked for: a server refuses more than
/// `search.max_buckets` (65,535 by default) at once.
pub const MAX_AT_ONCE: usize = 50_000;

/// The least size of a list. Room for entities that nobody expects costs nothing.
const MIN_SIZE: usize = 10_000;

/// Where the manager puts what it writes itself *about* an agent: that it went, that it stopped,
/// that it has a vulnerability (Wazuh 4.x: `src/monitord`, `src/remoted`, vulnerability scanner).
pub const MANAGER_LOCATIONS: [&str; 3] = ["wazuh-monitord", "wazuh-remoted", "vulnerability-detector"];

/// Agent disconnected, removed, stopped (Wazuh 4.x ruleset, `0016-wazuh_rules.xml`).
pub const MANAGER_RULES: [&str; 3] = ["504", "505", "506"];

/// The group of the alerts that log-monitor itself may cause; they carry the id of the agent that
/// forwards them.
pub const OWN_GROUP: &str = "log_monitor";

/// What a source asks the same way each time.
#[derive(Debug, Clone)]
pub struct Fields {
    /// Tells entities apart.
    pub entity: String,
    /// The time of a document.
    pub time: String,
    /// Only documents with this value in this field.
    pub within: Option<(String, String)>,
    /// Whether documents of the manager count as signs of life.
    pub count_manager_documents: bool,
    /// How long the server may work on it.
    pub patience: Duration,
}

impl Fields {
    /// As the configuration says. The server gives up a little before we do, so that it can say so.
    #[must_use]
    pub fn of(config: &IndexerConfig) -> Self {
        Self {
            entity: config.entity_field.clone(),
            time: config.time_field.clone(),
            within: None,
            count_manager_documents: config.count_manager_documents,
            patience: config.timeout.0.mul_f64(0.8),
        }
    }

    /// Everything in one list.
    #[must_use]
    pub fn list(&self, query: &Query<'_>) -> Value {
        let size = match query.entities {
            Entities::All(expected) => expected.saturating_mul(2).clamp(MIN_SIZE, 2 * MAX_AT_ONCE),
            Entities::Only(keys) if keys.len() <= MAX_FILTERED => keys.len(),
            // The others are in the list, too, and nobody knows how many they are.
            Entities::Only(keys) => keys.len().saturating_mul(2).clamp(MIN_SIZE, 2 * MAX_AT_ONCE),
        };
        let terms = json!({ "field": self.entity, "size": size.max(1), "order": { "_key": "asc" } });
        self.request(query, &json!({ "terms": terms, "aggs": self.newest() }))
    }

    /// One page of `size`, the one that follows `after`.
    #[must_use]
    pub fn page(&self, query: &Query<'_>, size: usize, after: Option<&Value>) -> Value {
        let source = json!({ "entity": { "terms": { "field": self.entity } } });
        let mut composite = json!({ "size": size, "sources": [source] });
        if let Some(after) = after {
            composite["after"] = after.clone();
        }
        self.request(query, &json!({ "composite": composite, "aggs": self.newest() }))
    }

    fn newest(&self) -> Value {
        json!({ "last": { "max": { "field": self.time } } })
    }

    fn request(&self, query: &Query<'_>, entities: &Value) -> Value {
        json!({
            "size": 0,
            "track_total_hits": false,
            "timeout": format!("{}ms", self.patience.as_millis()),
            "query": { "bool": { "filter": self.filter(query), "must_not": self.must_not() } },
            "aggs": { "entities": entities },
        })
    }

    fn filter(&self, query: &Query<'_>) -> Vec<Value> {
        let (from, to) = (query.from.timestamp_millis(), query.to.timestamp_millis());
        let window = json!({ "gte": from, "lte": to, "format": "epoch_millis" });
        let mut filter = vec![json!({ "range": { self.time.as_str(): window } })];
        if let Entities::Only(keys) = query.entities
            && keys.len() <= MAX_FILTERED
        {
            filter.push(json!({ "terms": { self.entity.as_str(): keys } }));
        }
        if let Some((field, value)) = &self.within {
            filter.push(json!({ "term": { field.as_str(): value } }));
        }
        filter
    }

    fn must_not(&self) -> Vec<Value> {
        if self.count_manager_documents {
            return Vec::new();
        }
        vec![
            json!({ "terms": { "location": MANAGER_LOCATIONS } }),
            json!({ "terms": { "rule.id": MANAGER_RULES } }),
            json!({ "term": { "rule.groups": OWN_GROUP } }),
        ]
    }
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;

    use super::*;

    fn fields() -> Fields {
        let config = toml::from_str("url = 'https://a.example'").unwrap();
        Fields::of(&config)
    }

    fn query(entities: Entities<'_>) -> Query<'_> {
        let at = |seconds| DateTime::from_timestamp(seconds, 0).unwrap();
        Query { from: at(1_767_225_600), to: at(1_767_226_200), entities }
    }

    #[test]
    fn one_list_asks_for_the_newest_time_of_every_agent_in_the_window() {
        let expected = json!({
            "size": 0, "track_total_hits": false, "timeout": "24000ms",
            "query": { "bool": {
                "filter": [{ "range": { "timestamp":
                    { "gte": 1_767_225_600_000_i64, "lte": 1_767_226_200_000_i64, "format": "epoch_millis" } } }],
                "must_not": [
                    { "terms": { "location": ["wazuh-monitord", "wazuh-remoted", "vulnerability-detector"] } },
                    { "terms": { "rule.id": ["504", "505", "506"] } },
                    { "term": { "rule.groups": "log_monitor" } },
                ],
            } },
            "aggs": { "entities": {
                "terms": { "field": "agent.id", "size": 10_000, "order": { "_key": "asc" } },
                "aggs": { "last": { "max": { "field": "timestamp" } } },
            } },
        });
        assert_eq!(fields().list(&query(Entities::All(50))), expected);
    }

    #[test]
    fn a_list_has_room_for_twice_the_agents() {
        let size = |entities| fields().list(&query(entities))["aggs"]["entities"]["terms"]["size"].clone();
        assert_eq!(size(Entities::All(20_000)), 40_000);
        assert_eq!(size(Entities::All(usize::MAX)), 100_000);
        assert_eq!(size(Entities::Only(&["001", "002"])), 2);
    }

    #[test]
    fn a_few_entities_are_filtered_by_the_server_and_many_by_us() {
        let few = fields().list(&query(Entities::Only(&["001", "a\"}],"])));
        assert_eq!(few["query"]["bool"]["filter"][1], json!({ "terms": { "agent.id": ["001", "a\"}],"] } }));
        let keys = vec!["x"; MAX_FILTERED + 1];
        let many = fields().list(&query(Entities::Only(&keys)));
        assert_eq!(many["query"]["bool"]["filter"].as_array().unwrap().len(), 1);
        assert_eq!(many["aggs"]["entities"]["terms"]["size"], 10_000);
    }

    #[test]
    fn a_page_goes_on_behind_the_one_before() {
        let page = fields().page(&query(Entities::All(9)), 500, Some(&json!({ "entity": "099" })));
        let expected = json!({
            "size": 500, "sources": [{ "entity": { "terms": { "field": "agent.id" } } }],
            "after": { "entity": "099" },
        });
        assert_eq!(page["aggs"]["entities"]["composite"], expected);
    }

    #[test]
    fn documents_of_the_manager_count_only_when_asked_for() {
        let trusting = Fields { count_manager_documents: true, ..fields() };
        assert_eq!(trusting.list(&query(Entities::All(1)))["query"]["bool"]["must_not"], json!([]));
    }
}
