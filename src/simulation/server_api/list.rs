//! The list of agents, or those of it that are asked for.

use chrono::SecondsFormat;
use log_monitor_channels::testing::Reply;
use reqwest::Url;
use serde_json::{Value, json};

use super::{SimulatedAgent, State, problem};

const PARAMETERS: [&str; 5] = ["select", "sort", "offset", "limit", "agents_list"];

/// What can be selected; the last one not on an old server.
const FIELDS: [&str; 9] = [
    "id",
    "name",
    "group",
    "version",
    "status",
    "lastKeepAlive",
    "disconnection_time",
    "node_name",
    "status_code",
];

/// Answers `GET /agents`.
pub fn answer(state: &mut State, url: &Url) -> Reply {
    let parameter = |name: &str| url.query_pairs().find(|(key, _)| key == name).map(|(_, value)| value);
    let select = parameter("select").unwrap_or_default();
    let select: Vec<&str> = select.split(',').collect();
    // The real server checks strictly (connexion, `strict_validation`).
    if url.query_pairs().any(|(key, _)| !PARAMETERS.contains(&&*key))
        || parameter("sort").as_deref() != Some("+id")
    {
        return problem(400, 0, "Bad Request");
    }
    let known = if state.old { &FIELDS[..8] } else { &FIELDS };
    if select.iter().any(|field| !known.contains(field)) {
        return problem(400, 1724, "Bad Request");
    }
    let ids = parameter("agents_list");
    let ids: Option<Vec<&str>> = ids.as_ref().map(|ids| ids.split(',').collect());
    let number = |name: &str| parameter(name).and_then(|text| text.parse().ok());
    let (offset, limit) = (number("offset").unwrap_or(0), number("limit").unwrap_or(500));
    let reply = page(state, ids.as_deref(), &select, offset, limit);
    if ids.is_none()
        && let Some(change) = state.meanwhile.pop_front()
    {
        change(&mut state.agents);
    }
    reply
}

fn page(state: &State, ids: Option<&[&str]>, select: &[&str], offset: usize, limit: usize) -> Reply {
    let asked = |agent: &&SimulatedAgent| {
        !state.forbidden.contains(&agent.id.as_str())
            && ids.is_none_or(|ids| ids.contains(&agent.id.as_str()))
    };
    let mut known: Vec<&SimulatedAgent> = state.agents.iter().filter(asked).collect();
    known.sort_by_key(|agent| (agent.id.len(), &agent.id));
    let strangers = ids.into_iter().flatten().filter(|id| known.iter().all(|agent| agent.id != **id));
    let failed: Vec<Value> = strangers
        .map(|id| {
            let code = if state.forbidden.contains(id) { 4000 } else { 1701 };
            json!({ "error": { "code": code, "message": "" }, "id": [id] })
        })
        .collect();
    let items: Vec<Value> = known.iter().skip(offset).take(limit).map(|agent| item(agent, select)).collect();
    let error = match (items.is_empty(), failed.is_empty()) {
        (_, true) => 0,
        (true, false) => 1,
        (false, false) => 2,
    };
    Reply::json(
        200,
        &json!({ "data": { "affected_items": items, "total_affected_items": known.len(),
                           "total_failed_items": failed.len(), "failed_items": failed },
                 "message": "", "error": error }),
    )
}

/// Only what was selected, and nothing that is null.
fn item(agent: &SimulatedAgent, select: &[&str]) -> Value {
    let keepalive = match agent.id.as_str() {
        "000" => Some("9999-12-31T23:59:59+00:00".to_owned()),
        _ => agent.keepalive.map(|at| at.to_rfc3339_opts(SecondsFormat::Secs, false)),
    };
    let mut item = json!({ "id": agent.id, "name": agent.name, "group": agent.groups, "version": "Wazuh v4.14.5",
                           "status": agent.status, "status_code": agent.code, "node_name": agent.node,
                           "lastKeepAlive": keepalive });
    if let Some(fields) = item.as_object_mut() {
        fields.retain(|field, value| !value.is_null() && select.contains(&field.as_str()));
    }
    item
}
