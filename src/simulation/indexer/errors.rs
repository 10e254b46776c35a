//! Refusals in the words of OpenSearch 2.19.

use log_monitor_channels::testing::Reply;
use serde_json::{Value, json};

/// Why a search is refused.
#[derive(Debug)]
pub(super) enum Refusal {
    /// The query is not understood.
    Parsing(String),
    /// A shard cannot do it.
    Argument(String),
    /// The answer would hold more than this many buckets.
    TooManyBuckets(usize),
}

impl Refusal {
    pub(super) fn argument(reason: String) -> Self {
        Self::Argument(reason)
    }

    pub(super) fn reply(&self) -> Reply {
        match self {
            Self::Parsing(reason) => error(400, &json!({ "type": "parsing_exception", "reason": reason })),
            Self::Argument(reason) => {
                let cause = json!({ "type": "illegal_argument_exception", "reason": reason });
                error(400, &shards_failed(&cause))
            }
            Self::TooManyBuckets(limit) => {
                let reason = format!(
                    "Trying to create too many buckets. Must be less than or equal to: [{limit}]. This \
                     limit can be set by changing the [search.max_buckets] cluster level setting."
                );
                let cause = json!({ "type": "too_many_buckets_exception", "reason": reason,
                                    "max_buckets": limit });
                error(503, &shards_failed(&cause))
            }
        }
    }
}

impl From<String> for Refusal {
    fn from(reason: String) -> Self {
        Self::Parsing(reason)
    }
}

impl From<&str> for Refusal {
    fn from(reason: &str) -> Self {
        Self::Parsing(reason.to_owned())
    }
}

fn shards_failed(cause: &Value) -> Value {
    json!({ "type": "search_phase_execution_exception", "reason": "all shards failed", "phase": "query",
            "grouped": true, "failed_shards": [], "caused_by": cause })
}

pub(super) fn error(status: u16, cause: &Value) -> Reply {
    let mut outer = cause.clone();
    outer["root_cause"] = json!([cause.get("caused_by").unwrap_or(cause)]);
    Reply::json(status, &json!({ "error": outer, "status": status }))
}

pub(super) fn unauthorized() -> Reply {
    Reply::new(401, "Unauthorized").header("www-authenticate", "Basic realm=\"OpenSearch Security\"")
}

pub(super) fn forbidden() -> Reply {
    let reason = "no permissions for [indices:data/read/search] and User [name=reader, backend_roles=[]]";
    error(403, &json!({ "type": "security_exception", "reason": reason }))
}

pub(super) fn no_index(index: &str) -> Reply {
    let reason = format!("no such index [{index}]");
    let kind = "index_not_found_exception";
    error(404, &json!({ "type": kind, "reason": reason, "index": index, "resource.id": index }))
}

pub(super) fn overloaded() -> Reply {
    let reason = "rejected execution of coordinating operation";
    error(503, &json!({ "type": "rejected_execution_exception", "reason": reason }))
}
