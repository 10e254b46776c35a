//! Source `indexer`: an OpenSearch or Elasticsearch that holds Wazuh documents.
//!
//! One request per call as a rule: a `terms` aggregation by entity with the newest time of each.
//!
//! The version is never looked at: many sites let the indexer claim another one (OpenSearch's
//! `compatibility.override_main_response_version`). Only what Elasticsearch 7.10 and OpenSearch 1 to 3
//! document alike is used: `terms`, `max`, `top_hits` and `composite` with `after`, `date_histogram` with
//! `fixed_interval` (since Elasticsearch 7.2), `track_total_hits` (7.0), `allow_partial_search_results`
//! (6.3), `unmapped_type`, `filter_path` and `_field_caps`; neither scripts nor points in time nor scrolls.
//!
//! * `config`, `format`: the keys of the table and their defaults;
//! * `question`, `query`, `filter`: what is asked, as pure JSON;
//! * `client`: one request over the wire, and what broke on the way;
//! * `failure`: what a refusal of the server means;
//! * `answer`, `bucket`, `wanted`: what an answer says;
//! * `search`: puts them together, and pages where one answer would be too large;
//! * `document`: what a single document says;
//! * `history`: a long time in slices;
//! * `inventory`: who there is;
//! * `source`: which question goes to which documents.

pub mod answer;
mod bucket;
mod client;
mod config;
mod document;
mod failure;
mod filter;
mod format;
mod history;
mod inventory;
pub mod query;
mod question;
mod search;
mod source;
pub mod wanted;

use log_monitor_channels::{BuildError, Problem};

pub use config::IndexerConfig;
pub use source::Indexer;

use super::{Keys, Source, SourceContext, SourceKind};

impl SourceKind for Indexer {
    const KIND: &'static str = "indexer";
    type Config = IndexerConfig;

    fn validate(config: &IndexerConfig) -> Vec<Problem> {
        config.problems()
    }

    fn keys(config: &IndexerConfig) -> Keys {
        if config.names_agents() { Keys::Agents } else { Keys::Fields(config.entity_fields().len()) }
    }

    fn tells(config: &IndexerConfig, key: &str) -> bool {
        let about =
            if config.inventory_index.is_some() { config.format.names().listed } else { config.about() };
        match key {
            "name" => about.name.is_some(),
            "group" => about.groups.is_some(),
            _ => true,
        }
    }

    fn build(config: IndexerConfig, _: &SourceContext) -> Result<Box<dyn Source>, BuildError> {
        Ok(Box::new(Self::new(config)?))
    }
}
