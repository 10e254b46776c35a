//! From a request to its reply: address, login, mode, then the evaluation.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use log_monitor_channels::testing::{Reply, Request};
use reqwest::Url;
use serde_json::{Value, json};
use wildmatch::WildMatch;

use super::document::{Document, Mapping, mapping};
use super::errors::{self, Refusal};
use super::query::{Filter, check_newest_first};
use super::{INDEX, Mode, State, aggregate, filter_path};

/// Answers one request.
pub(super) fn answer(state: &mut State, request: &Request) -> Reply {
    let Ok(url) = Url::parse("http://localhost").and_then(|base| base.join(&request.path)) else {
        return Refusal::from("bad path").reply();
    };
    let segments: Vec<&str> = url.path_segments().into_iter().flatten().collect();
    let (index, verb) = match (request.method.as_str(), segments.as_slice()) {
        ("POST", &[index, "_search"]) => (index, "_search"),
        ("GET", &[index, "_field_caps"]) => (index, "_field_caps"),
        _ => return Reply::json(405, &json!({ "error": "no handler found", "status": 405 })),
    };
    state.searches += usize::from(verb == "_search");
    if let Some(reply) = refuse(state, request) {
        return reply;
    }
    let parameter = |name: &str| url.query_pairs().find(|(key, _)| key == name).map(|(_, value)| value);
    let paths = parameter("filter_path");
    let cut_off = matches!(state.mode, Mode::Truncated);
    let send = |answer: &Value| {
        let kept = paths.as_ref().map_or_else(|| answer.clone(), |paths| filter_path::apply(answer, paths));
        let text = kept.to_string();
        let length = if cut_off { text.len() / 2 } else { text.len() };
        Reply::new(200, &text.as_bytes()[..length]).header("content-type", "application/json; charset=UTF-8")
    };
    match (verb, matching(index)) {
        (_, Matching::Missing(name)) => errors::no_index(&name),
        ("_field_caps", _) => send(&field_caps(&parameter("fields").unwrap_or_default())),
        (_, Matching::Nothing) => send(&searched(0, None)),
        (_, Matching::Found) => match search(state, &request.json()) {
            Ok(answer) => send(&answer),
            Err(refusal) => refusal.reply(),
        },
    }
}

/// The header of a user who gave this password (RFC 7617).
pub(super) fn login(name: &str, password: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{name}:{password}")))
}

/// What is answered before anything is looked at.
fn refuse(state: &State, request: &Request) -> Option<Reply> {
    let login = request.header("authorization");
    if !state.logins.is_empty() && !state.logins.iter().any(|known| known == login) {
        return Some(errors::unauthorized());
    }
    match &state.mode {
        Mode::Normal | Mode::FailedShards | Mode::TimedOut | Mode::Truncated => None,
        Mode::Unauthorized => Some(errors::unauthorized()),
        Mode::Forbidden => Some(errors::forbidden()),
        Mode::NoShards => Some(Reply::json(200, &searched(0, None))),
        Mode::Html => Some(Reply::new(200, "<!doctype html><title>Sign in</title>")),
        Mode::Overloaded => Some(errors::overloaded()),
        Mode::Reply(reply) => Some(reply.clone()),
        Mode::Fault(fault) => Some(Reply::fault(*fault)),
    }
}

enum Matching {
    Found,
    /// A pattern with a wildcard may match nothing.
    Nothing,
    /// A name may not.
    Missing(String),
}

fn matching(index: &str) -> Matching {
    // Commas and asterisks may arrive encoded.
    let index = index.replace("%2C", ",").replace("%2A", "*");
    let missing = |name: &&str| !name.contains('*') && *name != INDEX;
    if let Some(name) = index.split(',').find(missing) {
        return Matching::Missing(name.to_owned());
    }
    match index.split(',').any(|pattern| WildMatch::new(pattern).matches(INDEX)) {
        true => Matching::Found,
        false => Matching::Nothing,
    }
}

fn search(state: &State, request: &Value) -> Result<Value, Refusal> {
    let filter = Filter::read(&request["query"])?;
    let mut answer = searched(3, None);
    if request["size"] == 0 {
        answer["aggregations"] =
            aggregate::evaluate(&request["aggs"], &filter, &state.documents, state.max_buckets)?;
    } else {
        answer["hits"]["hits"] = hits(state, &filter, request)?;
    }
    match state.mode {
        Mode::FailedShards => answer["_shards"]["failed"] = json!(1),
        Mode::TimedOut => answer["timed_out"] = json!(true),
        _ => {}
    }
    Ok(answer)
}

/// The newest documents that match, with the fields that are wanted of them.
fn hits(state: &State, filter: &Filter<'_>, request: &Value) -> Result<Value, Refusal> {
    check_newest_first(&request["sort"])?;
    let fields = request["_source"].as_array().ok_or("[_source] must be a list")?;
    let fields = fields.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(",");
    let size = request["size"].as_u64().and_then(|size| usize::try_from(size).ok()).unwrap_or(10);
    let mut found: Vec<&Document> =
        state.documents.values().flat_map(|of_agent| filter.select(of_agent)).collect();
    found.sort_by_key(|document| std::cmp::Reverse(document.at));
    let hit = |document: &&Document| json!({ "_source": filter_path::apply(&document.json(), &fields), "sort": [document.at] });
    Ok(found.iter().take(size).map(hit).collect())
}

fn searched(shards: u64, aggregations: Option<&Value>) -> Value {
    let shards = json!({ "total": shards, "successful": shards, "skipped": 0, "failed": 0 });
    let mut answer = json!({ "took": 1, "timed_out": false, "_shards": shards, "hits": { "hits": [] } });
    if let Some(aggregations) = aggregations {
        answer["aggregations"] = aggregations.clone();
    }
    answer
}

fn field_caps(fields: &str) -> Value {
    let mut answer = json!({ "indices": [INDEX], "fields": {} });
    for field in fields.split(',') {
        let kind = match mapping(field) {
            Some(Mapping::Keyword) => "keyword",
            Some(Mapping::Date) => "date",
            Some(Mapping::Text) => "text",
            None => continue,
        };
        answer["fields"][field] = json!({ kind: { "type": kind, "searchable": true } });
    }
    answer
}
