//! The source itself: one list, or pages where a list would be too large.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use chrono::TimeDelta;
use compact_str::CompactString;
use log_monitor_channels::BuildError;
use reqwest::Method;
use serde_json::Value;

use super::answer::{self, Page, Wanted};
use super::client::Server;
use super::config::IndexerConfig;
use super::failure::{self, Failure, Subject};
use super::query::{FILTER_PATH, Fields, MAX_AT_ONCE};
use crate::clock::{Clock, SystemClock};
use crate::source::{Answer, Entities, Membership, Observation, Query, Source, SourceError, SourceReason};

/// How many entities a page holds at first; fewer when the server allows fewer.
const PAGE: usize = 10_000;

/// How many entities are read at most. Beyond that `entity_field` is no entity.
const MAX_ENTITIES: usize = 1_000_000;

/// A cluster of more managers than this is none; the field is another one.
const MAX_NODES: usize = 64;

/// What every search asks for. A failed shard must be an error, and so must a missing index:
/// neither may pass for silence.
const PARAMETERS: [(&str, &str); 3] = [
    ("allow_partial_search_results", "false"),
    ("ignore_unavailable", "false"),
    ("filter_path", FILTER_PATH),
];

/// An OpenSearch or Elasticsearch that holds Wazuh documents.
#[derive(Debug)]
pub struct Indexer {
    server: Server,
    fields: Fields,
    node_field: String,
    subject: Subject,
    /// Whether the fields are known to exist. A misspelt field finds nothing, and that must not
    /// look like a silent fleet.
    fields_proven: AtomicBool,
}

impl Indexer {
    /// Prepares everything, connects to nothing.
    ///
    /// # Errors
    /// When the HTTP client cannot be made.
    pub fn new(config: IndexerConfig) -> Result<Self, BuildError> {
        let fields = Fields::of(&config);
        let subject = Subject {
            username: config.username.clone(),
            index: config.index.clone(),
            fields: [("entity_field", fields.entity.clone()), ("time_field", fields.time.clone())],
        };
        let node_field = config.node_field.clone();
        Ok(Self {
            server: Server::new(config)?,
            fields,
            node_field,
            subject,
            fields_proven: AtomicBool::new(false),
        })
    }

    /// The newest time of each entity, in one list or in pages.
    async fn ask(&self, fields: &Fields, query: &Query<'_>) -> Result<Vec<Observation>, SourceError> {
        let expected = match query.entities {
            Entities::Only(keys) => keys.len(),
            Entities::All(expected) => expected,
        };
        let wanted = Wanted::by(query);
        let list = if expected > MAX_AT_ONCE { None } else { self.list(fields, query, &wanted).await? };
        match list {
            Some(list) => Ok(list),
            None => self.pages(fields, query, &wanted).await,
        }
    }

    /// Everything in one list; `None` when it has no room for all of them.
    async fn list(
        &self,
        fields: &Fields,
        query: &Query<'_>,
        wanted: &Wanted<'_>,
    ) -> Result<Option<Vec<Observation>>, SourceError> {
        match self.search(&fields.list(query), wanted).await {
            Ok(page) if page.left_out == 0 => Ok(Some(page.newest)),
            Ok(_) | Err(Failure::TooManyBuckets { .. }) => Ok(None),
            Err(Failure::Final(error)) => Err(error),
        }
    }

    /// Page after page, each asking for what comes behind the one before.
    async fn pages(
        &self,
        fields: &Fields,
        query: &Query<'_>,
        wanted: &Wanted<'_>,
    ) -> Result<Vec<Observation>, SourceError> {
        let (mut newest, mut listed) = (Vec::new(), 0);
        let (mut size, mut after) = (PAGE, None);
        while listed <= MAX_ENTITIES {
            match self.search(&fields.page(query, size, after.as_ref()), wanted).await {
                Ok(page) => {
                    newest.extend(page.newest);
                    listed += page.listed;
                    if page.after.is_none() || page.listed < size {
                        return Ok(newest);
                    }
                    if page.after == after {
                        return Err(self.error(SourceReason::Malformed, "repeats the same page for ever"));
                    }
                    after = page.after;
                }
                Err(Failure::TooManyBuckets { limit }) => size = self.smaller(size, limit)?,
                Err(Failure::Final(error)) => return Err(error),
            }
        }
        let field = &fields.entity;
        let detail = format!("has more than {MAX_ENTITIES} values of `{field}`: check `entity_field`");
        Err(self.error(SourceReason::Incomplete, detail))
    }

    fn smaller(&self, size: usize, limit: Option<usize>) -> Result<usize, SourceError> {
        match limit.unwrap_or(size / 2).min(size / 2) {
            0 => {
                Err(self
                    .error(SourceReason::Overloaded, "allows no buckets at all: see `search.max_buckets`"))
            }
            size => Ok(size),
        }
    }

    async fn search(&self, body: &Value, wanted: &Wanted<'_>) -> Result<Page, Failure> {
        let url = self.server.url("_search", &PARAMETERS);
        let reply = self.server.send(Method::POST, url, Some(body)).await.map_err(Failure::Final)?;
        let outcome = match reply.status {
            200 => answer::read(&reply.body, wanted).map_err(Failure::Final),
            status => Err(failure::meaning(status, &reply.body, &self.subject)),
        };
        outcome.map_err(|failure| match failure {
            Failure::Final(error) => Failure::Final(self.server.told(&error)),
            too_many @ Failure::TooManyBuckets { .. } => too_many,
        })
    }

    /// Whether the indices have the fields at all. Asked once, and only after nothing was found.
    async fn prove_fields(&self) -> Result<(), SourceError> {
        if self.fields_proven.load(Ordering::Relaxed) {
            return Ok(());
        }
        let names = format!("{},{}", self.fields.entity, self.fields.time);
        let url = self.server.url("_field_caps", &[("fields", &names), ("filter_path", "fields.*.*.type")]);
        let reply = self.server.send(Method::GET, url, None).await?;
        // A user who may search and nothing else cannot be told.
        if reply.status != 200 {
            return Ok(());
        }
        let known = known_fields(&reply.body);
        if let Some((key, field)) = self.subject.fields.iter().find(|(_, field)| !known.contains(field)) {
            let detail = format!("knows no field `{field}` in `{}`: check `{key}`", self.subject.index);
            return Err(self.error(SourceReason::Mapping, detail));
        }
        self.fields_proven.store(true, Ordering::Relaxed);
        Ok(())
    }

    fn error(&self, reason: SourceReason, detail: impl Into<String>) -> SourceError {
        self.server.told(&SourceError::new(reason, detail))
    }
}

/// The names under `fields` of a `_field_caps` answer.
fn known_fields(body: &[u8]) -> BTreeSet<String> {
    let body: Value = serde_json::from_slice(body).unwrap_or_default();
    body["fields"].as_object().map(|fields| fields.keys().cloned().collect()).unwrap_or_default()
}

#[async_trait]
impl Source for Indexer {
    async fn newest(&self, query: &Query<'_>) -> Result<Answer, SourceError> {
        if let Entities::Only([]) = query.entities {
            return Ok(Answer::default());
        }
        let newest = self.ask(&self.fields, query).await?;
        if newest.is_empty() {
            self.prove_fields().await?;
        } else {
            self.fields_proven.store(true, Ordering::Relaxed);
        }
        Ok(Answer { newest })
    }

    async fn nodes(&self, query: &Query<'_>) -> Result<Vec<Membership>, SourceError> {
        let by_node = Fields { entity: self.node_field.clone(), ..self.fields.clone() };
        let nodes = self.ask(&by_node, &Query { entities: Entities::All(1), ..*query }).await?;
        if nodes.len() > MAX_NODES {
            let detail =
                format!("has more than {MAX_NODES} values of `{}`: check `node_field`", self.node_field);
            return Err(self.error(SourceReason::Mapping, detail));
        }
        let mut homes: BTreeMap<CompactString, (i64, CompactString)> = BTreeMap::new();
        for node in nodes.into_iter().map(|node| node.key) {
            let within = Some((self.node_field.clone(), node.to_string()));
            for seen in self.ask(&Fields { within, ..self.fields.clone() }, query).await? {
                let home = homes.entry(seen.key).or_insert_with(|| (seen.last_seen, node.clone()));
                if home.0 < seen.last_seen {
                    *home = (seen.last_seen, node.clone());
                }
            }
        }
        Ok(homes.into_iter().map(|(key, (_, node))| Membership { key, node }).collect())
    }

    /// The real search over the last minute. A minimal reader may ask for nothing else: `GET /` and
    /// the cluster's health are refused to it (OpenSearch 2.19 with its security plugin).
    async fn probe(&self) -> Result<(), SourceError> {
        let to = SystemClock.now();
        let query = Query { from: to - TimeDelta::minutes(1), to, entities: Entities::All(1) };
        self.newest(&query).await?;
        self.prove_fields().await
    }
}
