//! Which documents count, as pure JSON.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::query::Fields;
use crate::source::{Entities, Query, key};

/// With at most this many entities the server filters by them; with more it gives us everything
/// and we choose. Far below `index.max_terms_count` (65,536), and a short request.
pub const MAX_FILTERED: usize = 1024;

impl Fields {
    /// The documents of a query.
    pub(super) fn filter(&self, query: &Query<'_>) -> Vec<Value> {
        let (from, to) = (query.from.timestamp_millis(), query.to.timestamp_millis());
        let window = json!({ "gte": from, "lte": to, "format": "epoch_millis" });
        let mut filter = vec![json!({ "range": { self.time.as_str(): window } })];
        if let Entities::Only(keys) = query.entities
            && keys.len() <= MAX_FILTERED
        {
            filter.extend(self.only(keys));
        }
        if let Some((field, value)) = &self.within {
            filter.push(json!({ "term": { field.as_str(): value } }));
        }
        filter
    }

    /// These entities. Of several fields the server looks at the first, and we at the rest.
    fn only(&self, keys: &[&str]) -> Option<Value> {
        let first = self.entity.first()?;
        if self.entity.len() == 1 {
            return Some(json!({ "terms": { first: keys } }));
        }
        let values = keys.iter().filter_map(|key| key::split(key, self.entity.len())?.into_iter().next());
        Some(json!({ "terms": { first: values.collect::<BTreeSet<_>>() } }))
    }

    /// What counts as a sign of life in none of them.
    pub(super) fn must_not(&self) -> Vec<Value> {
        if self.count_manager_documents {
            return Vec::new();
        }
        let of_manager = self.names.of_manager.iter();
        of_manager.map(|(field, values)| json!({ "terms": { *field: values } })).chain([self.own()]).collect()
    }

    /// What we caused ourselves.
    pub(super) fn own(&self) -> Value {
        let (field, values) = self.names.own;
        json!({ "terms": { field: values } })
    }
}

#[cfg(test)]
mod tests {
    use super::super::format::Format;
    use super::super::query::tests::{fields, list};
    use super::*;

    #[test]
    fn a_few_entities_are_filtered_by_the_server_and_many_by_us() {
        let few = list(&fields(), Entities::Only(&["001", "a\"}],"]));
        assert_eq!(few["query"]["bool"]["filter"][1], json!({ "terms": { "agent.id": ["001", "a\"}],"] } }));
        let keys = vec!["x"; MAX_FILTERED + 1];
        let many = list(&fields(), Entities::Only(&keys));
        assert_eq!(many["query"]["bool"]["filter"].as_array().unwrap().len(), 1);
        assert_eq!(many["aggs"]["entities"]["terms"]["size"], 10_000);
    }

    #[test]
    fn documents_of_the_manager_count_only_when_asked_for() {
        let trusting = Fields { count_manager_documents: true, ..fields() };
        assert_eq!(list(&trusting, Entities::All(1))["query"]["bool"]["must_not"], json!([]));
    }

    #[test]
    fn wazuh_5_has_its_own_names_for_them() {
        let five = Fields { names: Format::Wazuh5.names(), ..fields() };
        let own = json!({ "terms": { "wazuh.integration.name": ["log_monitor", "log-monitor"] } });
        let locations = ["wazuh-monitord", "wazuh-remoted", "vulnerability-detector"];
        let expected = json!([
            { "terms": { "wazuh.protocol.location": locations } },
            { "terms": { "wazuh.integration.name": ["wazuh-manager"] } },
            own,
        ]);
        assert_eq!(list(&five, Entities::All(1))["query"]["bool"]["must_not"], expected);
        let words = five.last_documents(&["001".into()], (0, 1), 1, &[]);
        assert_eq!(words["query"]["bool"]["must_not"], json!([own]));
    }
}
