//! How it is asked, as pure JSON: of which documents, by which entities, in a list or in pages.

use std::borrow::Cow;
use std::time::Duration;

use serde_json::{Value, json};

use super::config::IndexerConfig;
use super::filter::MAX_FILTERED;
use super::format::Names;
use super::question::{Question, newest_first};
use crate::source::{Entities, Query};

/// The parts of every answer that are wanted. An error is asked for as well: it must never be what the
/// filter leaves out.
const PARTS: &str = "took,timed_out,_shards,_clusters,error,status";

/// A page's name for the entity. Where several fields tell entities apart, a digit follows: their order.
pub const ENTITY: &str = "entity";

/// A page's name for the step of time.
pub const STEP: &str = "step";

/// From this many entities on pages are asked for: a server refuses more than
/// `search.max_buckets` (65,535 by default) at once.
pub const MAX_AT_ONCE: usize = 50_000;

/// The least size of a list. Room for entities that nobody expects costs nothing.
const MIN_SIZE: usize = 10_000;

/// What a source asks the same way each time.
#[derive(Debug, Clone)]
pub struct Fields {
    /// Tell entities apart; at least one.
    pub entity: Vec<String>,
    /// The time of a document.
    pub time: String,
    /// Only documents with this value in this field.
    pub within: Option<(String, String)>,
    /// How Wazuh names what is of the manager.
    pub(super) names: &'static Names,
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
            entity: config.entity_fields(),
            time: config.time_field().to_owned(),
            within: None,
            names: config.format.names(),
            count_manager_documents: config.count_manager_documents,
            patience: config.timeout.0.mul_f64(0.8),
        }
    }

    /// As the configuration says of the index with lists of agents.
    #[must_use]
    pub fn of_lists(config: &IndexerConfig) -> Self {
        let names = config.format.names();
        Self {
            entity: vec![names.listed_entity.to_owned()],
            time: names.listed_time.to_owned(),
            // Nobody else writes there.
            count_manager_documents: true,
            ..Self::of(config)
        }
    }

    /// Everything in one list; `None` where several fields tell entities apart: a list knows one.
    #[must_use]
    pub fn list(&self, question: Question<'_>, query: &Query<'_>) -> Option<Value> {
        let [entity] = self.entity.as_slice() else { return None };
        let size = match query.entities {
            Entities::All(expected) => expected.saturating_mul(2).clamp(MIN_SIZE, 2 * MAX_AT_ONCE),
            Entities::Only(keys) if keys.len() <= MAX_FILTERED => keys.len(),
            // The others are in the list, too, and nobody knows how many they are.
            Entities::Only(keys) => keys.len().saturating_mul(2).clamp(MIN_SIZE, 2 * MAX_AT_ONCE),
        };
        let terms = json!({ "field": entity, "size": size.max(1), "order": { "_key": "asc" } });
        let entities = json!({ "terms": terms, "aggs": question.aggregations(&self.time) });
        Some(self.aggregation(query, &entities))
    }

    /// One page of `size`, the one that follows `after`.
    #[must_use]
    pub fn page(
        &self,
        question: Question<'_>,
        query: &Query<'_>,
        size: usize,
        after: Option<&Value>,
    ) -> Value {
        let mut composite = json!({ "size": size, "sources": self.sources(question) });
        if let Some(after) = after {
            composite["after"] = after.clone();
        }
        let entities = json!({ "composite": composite, "aggs": question.aggregations(&self.time) });
        self.aggregation(query, &entities)
    }

    /// What a page is sorted by: the step first, so that pages follow the time.
    fn sources(&self, question: Question<'_>) -> Vec<Value> {
        let named = |(at, field)| match self.entity.len() {
            1 => json!({ ENTITY: { "terms": { "field": field } } }),
            _ => json!({ format!("{ENTITY}{at}"): { "terms": { "field": field } } }),
        };
        let entity = self.entity.iter().enumerate().map(named);
        let step = match question {
            Question::Steps(step) => {
                let interval = format!("{step}ms");
                Some(
                    json!({ STEP: { "date_histogram": { "field": self.time, "fixed_interval": interval } } }),
                )
            }
            _ => None,
        };
        step.into_iter().chain(entity).collect()
    }

    fn aggregation(&self, query: &Query<'_>, entities: &Value) -> Value {
        let mut request = self.request(&self.filter(query), &self.must_not());
        request["size"] = json!(0);
        request["aggs"] = json!({ "entities": entities });
        request
    }

    /// The last `count` documents of the entity with these values (or with its first ones), the newest first. Whatever is said
    /// about it is wanted, but for what we caused ourselves.
    #[must_use]
    pub fn last_documents(
        &self,
        values: &[Cow<'_, str>],
        (from, until): (i64, i64),
        count: usize,
        wanted: &[&str],
    ) -> Value {
        let window = json!({ "gte": from, "lte": until, "format": "epoch_millis" });
        let mut filter = vec![json!({ "range": { self.time.as_str(): window } })];
        filter
            .extend(self.entity.iter().zip(values).map(|(field, value)| json!({ "term": { field: value } })));
        let mut request = self.request(&filter, &[self.own()]);
        request["size"] = json!(count);
        request["_source"] = json!(wanted);
        request["sort"] = newest_first(&self.time);
        request
    }

    fn request(&self, filter: &[Value], must_not: &[Value]) -> Value {
        json!({
            "track_total_hits": false,
            "timeout": format!("{}ms", self.patience.as_millis()),
            "query": { "bool": { "filter": filter, "must_not": must_not } },
        })
    }
}

/// The parameter `filter_path` for a question.
#[must_use]
pub fn filter_path(question: Question<'_>) -> String {
    let list = "aggregations.entities";
    let of_bucket: String = question.parts().iter().map(|part| format!(",{list}.buckets.{part}")).collect();
    format!("{PARTS},{list}.sum_other_doc_count,{list}.after_key{of_bucket}")
}

/// The parameter `filter_path` for documents.
#[must_use]
pub fn filter_path_of_documents() -> String {
    format!("{PARTS},hits.hits._source,hits.hits.sort")
}

#[cfg(test)]
pub(super) mod tests {
    use chrono::DateTime;

    use super::*;

    pub fn fields() -> Fields {
        let config = toml::from_str("url = 'https://a.example'").unwrap();
        Fields::of(&config)
    }

    pub fn query(entities: Entities<'_>) -> Query<'_> {
        let at = |seconds| DateTime::from_timestamp(seconds, 0).unwrap();
        Query { from: at(1_767_225_600), to: at(1_767_226_200), entities }
    }

    pub fn list(fields: &Fields, entities: Entities<'_>) -> Value {
        fields.list(Question::Newest, &query(entities)).unwrap()
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
                    { "terms": { "rule.groups": ["log_monitor"] } },
                ],
            } },
            "aggs": { "entities": {
                "terms": { "field": "agent.id", "size": 10_000, "order": { "_key": "asc" } },
                "aggs": { "last": { "max": { "field": "timestamp" } } },
            } },
        });
        assert_eq!(list(&fields(), Entities::All(50)), expected);
    }

    #[test]
    fn a_list_has_room_for_twice_the_agents() {
        let size = |entities| list(&fields(), entities)["aggs"]["entities"]["terms"]["size"].clone();
        assert_eq!(size(Entities::All(20_000)), 40_000);
        assert_eq!(size(Entities::All(usize::MAX)), 100_000);
        assert_eq!(size(Entities::Only(&["001", "002"])), 2);
    }

    #[test]
    fn a_page_goes_on_behind_the_one_before() {
        let page =
            fields().page(Question::Newest, &query(Entities::All(9)), 500, Some(&json!({ "entity": "099" })));
        let expected = json!({
            "size": 500, "sources": [{ "entity": { "terms": { "field": "agent.id" } } }],
            "after": { "entity": "099" },
        });
        assert_eq!(page["aggs"]["entities"]["composite"], expected);
    }

    #[test]
    fn entities_of_several_fields_come_in_pages_and_the_server_looks_at_the_first_field() {
        let entity = vec!["agent.id".to_owned(), "location".to_owned()];
        let fields = Fields { entity, ..fields() };
        let asked = query(Entities::Only(&["0%7C1|/a|b", "001|/c", "001|/d", "none"]));
        assert_eq!(fields.list(Question::Newest, &asked), None);
        let page = fields.page(Question::Steps(60_000), &asked, 9, None);
        let sources = json!([
            { "step": { "date_histogram": { "field": "timestamp", "fixed_interval": "60000ms" } } },
            { "entity0": { "terms": { "field": "agent.id" } } },
            { "entity1": { "terms": { "field": "location" } } },
        ]);
        assert_eq!(page["aggs"]["entities"]["composite"]["sources"], sources);
        assert_eq!(page["query"]["bool"]["filter"][1], json!({ "terms": { "agent.id": ["001", "0|1"] } }));
    }

    #[test]
    fn only_what_a_question_needs_is_sent_back() {
        let expected = "took,timed_out,_shards,_clusters,error,status,aggregations.entities.sum_other_doc_count,\
                        aggregations.entities.after_key,aggregations.entities.buckets.key,\
                        aggregations.entities.buckets.doc_count";
        assert_eq!(filter_path(Question::Count), expected);
    }
}
