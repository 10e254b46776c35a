//! The source itself: which question goes to which documents.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use compact_str::CompactString;
use log_monitor_channels::BuildError;
use reqwest::Method;
use serde_json::Value;

use super::client::Server;
use super::config::IndexerConfig;
use super::failure::Subject;
use super::format::Format;
use super::query::Fields;
use super::question::Question;
use super::search::Search;
use super::wanted::Wanted;
use super::{document, history, inventory};
use crate::clock::{Clock, SystemClock};
use crate::source::{
    Answer, Entities, Heard, Keeper, Listed, Membership, Observation, Query, Source, SourceError,
    SourceReason, Volume, Word, is_agent_id, key,
};

/// A cluster of more managers than this is none; the field is another one.
const MAX_NODES: usize = 64;

/// The most last words of an entity.
const MOST_WORDS: usize = 100;

/// An OpenSearch or Elasticsearch that holds Wazuh documents.
#[derive(Debug)]
pub struct Indexer {
    server: Server,
    fields: Fields,
    subject: Subject,
    /// Where lists of all agents are, if anywhere.
    lists: Option<(Fields, Subject)>,
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
        let entity = fields.entity.iter().map(|field| ("entity_field", field.clone()));
        let subject = Subject {
            username: config.username.clone(),
            index: config.index().to_owned(),
            fields: entity.chain([("time_field", fields.time.clone())]).collect(),
        };
        Ok(Self {
            lists: lists(&config),
            server: Server::new(config)?,
            fields,
            subject,
            fields_proven: AtomicBool::new(false),
        })
    }

    const fn search<'a>(&'a self, fields: &'a Fields) -> Search<'a> {
        Search { server: &self.server, subject: &self.subject, fields }
    }

    async fn ask_newest(&self, fields: &Fields, query: &Query<'_>) -> Result<Vec<Observation>, SourceError> {
        let wanted = Wanted::by(query);
        self.search(fields).ask(Question::Newest, query, |bucket| wanted.observation(bucket)).await
    }

    /// The same, once the fields are known to exist.
    async fn proven<T>(&self, found: Vec<T>) -> Result<Vec<T>, SourceError> {
        if found.is_empty() {
            self.prove_fields().await?;
        } else {
            self.fields_proven.store(true, Ordering::Relaxed);
        }
        Ok(found)
    }

    /// Whether the indices have the fields at all. Asked once, and only after nothing was found.
    async fn prove_fields(&self) -> Result<(), SourceError> {
        if self.fields_proven.load(Ordering::Relaxed) {
            return Ok(());
        }
        let Subject { index, fields, .. } = &self.subject;
        let names = fields.iter().map(|(_, field)| field.as_str()).collect::<Vec<_>>().join(",");
        let parameters = [("fields", names.as_str()), ("filter_path", "fields.*.*.type")];
        let url = self.server.url(index, "_field_caps", &parameters);
        let reply = self.server.send(Method::GET, url, None).await?;
        let search = self.search(&self.fields);
        match reply.status {
            200 => {}
            // A user who may search and nothing else cannot be told.
            403 => return Ok(()),
            _ => return Err(search.final_error(search.refused(&reply))),
        }
        let known = known_fields(&reply.body);
        if let Some((key, field)) = fields.iter().find(|(_, field)| !known.contains(field)) {
            let detail = format!("knows no field `{field}` in `{index}`: check `{key}`");
            return Err(search.error(SourceReason::Mapping, detail));
        }
        self.fields_proven.store(true, Ordering::Relaxed);
        Ok(())
    }
}

/// What to ask and what to say of the index with lists of agents.
fn lists(config: &IndexerConfig) -> Option<(Fields, Subject)> {
    let index = config.inventory_index.clone()?;
    let fields = Fields::of_lists(config);
    let named = fields.entity.iter().chain([&fields.time]);
    let named = named.map(|field| ("inventory_index", field.clone())).collect();
    Some((fields, Subject { username: config.username.clone(), index, fields: named }))
}

/// The names under `fields` of a `_field_caps` answer.
fn known_fields(body: &[u8]) -> BTreeSet<String> {
    let body: Value = serde_json::from_slice(body).unwrap_or_default();
    body["fields"].as_object().map(|fields| fields.keys().cloned().collect()).unwrap_or_default()
}

/// Nobody was asked about.
const fn is_about_nobody(query: &Query<'_>) -> bool {
    matches!(query.entities, Entities::Only([]))
}

#[async_trait]
impl Source for Indexer {
    fn whole<'k>(&self, key: &'k str) -> Option<&'k str> {
        key::whole(key, self.fields.entity.len())
    }

    fn has_alerts_only(&self) -> bool {
        self.server.config.has_alerts_only()
    }

    async fn newest(&self, query: &Query<'_>) -> Result<Answer, SourceError> {
        if is_about_nobody(query) {
            return Ok(Answer::default());
        }
        let newest = self.ask_newest(&self.fields, query).await?;
        Ok(Answer { newest: self.proven(newest).await?, ..Answer::default() })
    }

    /// The newest document of all that share the first field.
    async fn wholes(&self, query: &Query<'_>) -> Result<Vec<Observation>, SourceError> {
        let ([first, _, ..], Entities::Only(names @ [_, ..])) = (&*self.fields.entity, query.entities) else {
            return Ok(Vec::new());
        };
        let values: Vec<String> = names.iter().map(|name| key::unescaped(name)).collect();
        let values: Vec<&str> = values.iter().map(String::as_str).collect();
        let by_first = Fields { entity: vec![first.clone()], ..self.fields.clone() };
        let query = Query { entities: Entities::Only(&values), ..*query };
        let named = |seen: Observation| Observation { key: key::escaped(&seen.key).into(), ..seen };
        Ok(self.ask_newest(&by_first, &query).await?.into_iter().map(named).collect())
    }

    fn agent_of<'k>(&self, key: &'k str) -> Option<&'k str> {
        let first = key::first(key, self.fields.entity.len());
        (self.server.config.is_of_agents() && is_agent_id(first)).then_some(first)
    }

    fn keeper(&self) -> Keeper {
        match self.server.config.format {
            Format::Wazuh4 => Keeper::Indexer,
            Format::Wazuh5 => Keeper::IndexerOfFive,
        }
    }

    async fn nodes(&self, query: &Query<'_>) -> Result<Vec<Membership>, SourceError> {
        let node_field = self.server.config.node_field();
        let by_node = Fields { entity: vec![node_field.to_owned()], ..self.fields.clone() };
        let nodes = self.ask_newest(&by_node, &Query { entities: Entities::All(1), ..*query }).await?;
        if nodes.len() > MAX_NODES {
            let detail = format!("has more than {MAX_NODES} values of `{node_field}`: check `node_field`");
            return Err(self.search(&by_node).error(SourceReason::Mapping, detail));
        }
        let mut homes: BTreeMap<CompactString, (i64, CompactString)> = BTreeMap::new();
        for node in nodes.into_iter().map(|node| node.key) {
            let within = Some((node_field.to_owned(), node.to_string()));
            for seen in self.ask_newest(&Fields { within, ..self.fields.clone() }, query).await? {
                let home = homes.entry(seen.key).or_insert_with(|| (seen.last_seen, node.clone()));
                if home.0 < seen.last_seen {
                    *home = (seen.last_seen, node.clone());
                }
            }
        }
        Ok(homes.into_iter().map(|(key, (_, node))| Membership { key, node }).collect())
    }

    async fn inventory(&self, query: &Query<'_>) -> Result<Vec<Listed>, SourceError> {
        if let Some((fields, subject)) = &self.lists {
            let search = Search { server: &self.server, subject, fields };
            return inventory::of_lists(search, query, self.server.config.format.names().listed).await;
        }
        if is_about_nobody(query) {
            return Ok(Vec::new());
        }
        let search = self.search(&self.fields);
        self.proven(inventory::of_who_logged(search, query, self.server.config.about()).await?).await
    }

    fn lists_all(&self) -> bool {
        self.lists.is_some()
    }

    async fn volumes(&self, query: &Query<'_>) -> Result<Vec<Volume>, SourceError> {
        if is_about_nobody(query) {
            return Ok(Vec::new());
        }
        let wanted = Wanted::by(query);
        let search = self.search(&self.fields);
        let volumes = search.ask(Question::Count, query, |bucket| wanted.volume(bucket)).await?;
        self.proven(volumes).await
    }

    async fn last_words(
        &self,
        key: &str,
        from: DateTime<Utc>,
        until: DateTime<Utc>,
        count: usize,
    ) -> Result<Vec<Word>, SourceError> {
        let whole = self.agent_of(key).filter(|agent| *agent == key).map(|agent| vec![Cow::Borrowed(agent)]);
        let values = key::split(key, self.fields.entity.len()).or(whole);
        let (Some(values), 1..) = (values, count) else { return Ok(Vec::new()) };
        let (from, until) = (from.timestamp_millis(), until.timestamp_millis());
        let body =
            self.fields.last_documents(&values, (from, until), count.min(MOST_WORDS), &document::OF_WORDS);
        let documents = self.search(&self.fields).documents(&body).await?;
        Ok(documents.iter().filter_map(|hit| document::word(hit, until)).collect())
    }

    async fn history(&self, query: &Query<'_>, step: i64) -> Result<Vec<Heard>, SourceError> {
        if is_about_nobody(query) {
            return Ok(Vec::new());
        }
        self.proven(history::read(self.search(&self.fields), query, step).await?).await
    }

    /// The real search over the last minute. A minimal reader may ask for nothing else: `GET /` and
    /// the cluster's health are refused to it (OpenSearch 2.19 with its security plugin).
    async fn probe(&self) -> Result<(), SourceError> {
        let to = SystemClock.now();
        let query = Query { from: to - TimeDelta::minutes(1), to, entities: Entities::All(1) };
        self.newest(&query).await?;
        if self.lists_all() {
            self.inventory(&query).await?;
        }
        self.prove_fields().await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_tells_the_agent_where_its_first_field_is_the_agents_id() {
        let agent_of = |keys: &str, key: &'static str| {
            let config = toml::from_str(&format!("url = 'https://a.example'\n{keys}")).unwrap();
            Indexer::new(config).unwrap().agent_of(key)
        };
        let logs = "entity_field = ['agent.id', 'location']";
        assert_eq!(agent_of("", "001"), Some("001"));
        assert_eq!(agent_of(logs, "001|/var/log/x"), Some("001"));
        assert_eq!((agent_of("", "001|x"), agent_of(logs, "web-1|x")), (None, None));
        assert_eq!(agent_of("entity_field = 'predecoder.hostname'", "1001"), None, "a host of that name");
        assert_eq!(
            agent_of("format = 'wazuh5'\nentity_field = ['wazuh.agent.id', 'x']", "001|y"),
            Some("001")
        );
    }
}
