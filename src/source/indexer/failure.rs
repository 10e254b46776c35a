//! What it means that the server refused: by its status, and by the causes that it names.

use log_monitor_channels::text::one_line;
use serde_json::Value;

use crate::source::{SourceError, SourceReason};

/// Why a request brought nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failure {
    /// For good, as far as this call goes.
    Final(SourceError),
    /// The answer would have had too many buckets: ask in pages, of at most `limit` when the
    /// server named one.
    TooManyBuckets {
        /// `search.max_buckets` of the server.
        limit: Option<usize>,
    },
}

/// What the texts name.
#[derive(Debug, Clone)]
pub struct Subject {
    /// Who logs in, if anybody.
    pub username: Option<String>,
    /// The index pattern.
    pub index: String,
    /// The fields that a mapping may contradict, as key and value of the configuration.
    pub fields: Vec<(&'static str, String)>,
}

/// What an answer with another status than 200 means. The text is the end of a sentence that
/// begins with the server.
#[must_use]
pub fn meaning(status: u16, body: &[u8], subject: &Subject) -> Failure {
    let causes = Causes::read(body);
    if let Some(cause) = causes.of_kind("too_many_buckets_exception") {
        return Failure::TooManyBuckets { limit: cause.max_buckets };
    }
    let (reason, detail) = match status {
        300..=399 => (
            SourceReason::Malformed,
            format!("wants to be asked elsewhere (HTTP {status}): correct `url`, redirects are not followed"),
        ),
        401 => (SourceReason::Auth, refused_login(subject)),
        403 => (SourceReason::Rights, no_rights(&causes, subject)),
        404 | 400 if causes.of_kind("index_not_found_exception").is_some() => {
            (SourceReason::NoIndex, format!("has no index `{}`: check `index`", subject.index))
        }
        400 if causes.of_kind("index_closed_exception").is_some() => {
            (SourceReason::NoIndex, format!("has closed an index of `{}`", subject.index))
        }
        400 if !causes.0.is_empty() => (SourceReason::Mapping, bad_mapping(&causes, subject)),
        429 | 500..=599 => {
            (SourceReason::Overloaded, format!("has trouble of its own (HTTP {status}{})", causes.quoted()))
        }
        _ => (
            SourceReason::Malformed,
            format!("answered HTTP {status}, which no indexer does here: check `url`{}", causes.quoted()),
        ),
    };
    Failure::Final(SourceError::new(reason, detail))
}

fn refused_login(subject: &Subject) -> String {
    match &subject.username {
        Some(_) => "refused the login (HTTP 401): check `username` and `password`".to_owned(),
        None => "wants a login (HTTP 401): set `username` and `password`".to_owned(),
    }
}

fn no_rights(causes: &Causes, Subject { username, index, .. }: &Subject) -> String {
    let user = username
        .as_ref()
        .map_or_else(|| "anybody without a login".to_owned(), |name| format!("user `{name}`"));
    match causes.of_kind("cluster_block_exception") {
        Some(cause) => format!("has blocked reading `{index}` (HTTP 403: {})", cause.reason),
        None => {
            format!("does not let {user} search `{index}` (HTTP 403): give it a role with `read` on that")
        }
    }
}

fn bad_mapping(causes: &Causes, subject: &Subject) -> String {
    let named = subject.fields.iter().find(|(_, field)| causes.mention(field));
    match named {
        Some((key, field)) => format!(
            "cannot use the field `{field}` (check `{key}`: an entity is a keyword or a number, a time is a date)"
        ),
        None => format!("refused the query (HTTP 400{})", causes.quoted()),
    }
}

#[derive(Debug, Default)]
struct Cause {
    kind: String,
    reason: String,
    max_buckets: Option<usize>,
}

/// Every cause that an error body names, the outermost first.
#[derive(Debug)]
struct Causes(Vec<Cause>);

/// How many causes are looked at. A server names each shard's own.
const MAX_CAUSES: usize = 64;

impl Causes {
    /// Reads `{"error": {"type", "reason", "root_cause": […], "caused_by": {…}}}`, taking anything
    /// else for no cause at all.
    fn read(body: &[u8]) -> Self {
        let body: Value = serde_json::from_slice(body).unwrap_or_default();
        let mut causes = Vec::new();
        collect(&body["error"], &mut causes);
        Self(causes)
    }

    fn of_kind(&self, kind: &str) -> Option<&Cause> {
        self.0.iter().find(|cause| cause.kind == kind)
    }

    fn mention(&self, field: &str) -> bool {
        self.0.iter().any(|cause| cause.reason.contains(&format!("[{field}]")))
    }

    /// The innermost reason, for people: `: TYPE: REASON`, or nothing.
    fn quoted(&self) -> String {
        match self.0.iter().rev().find(|cause| !cause.reason.is_empty()) {
            Some(Cause { kind, reason, .. }) => one_line(&format!(": {kind}: {reason}"), 200),
            None => String::new(),
        }
    }
}

/// Walks through one cause and those behind it. Its depth is bounded by the JSON reader's.
fn collect(cause: &Value, causes: &mut Vec<Cause>) {
    if causes.len() >= MAX_CAUSES || !cause.is_object() {
        return;
    }
    let text = |key: &str| one_line(cause[key].as_str().unwrap_or_default(), 1000);
    let max_buckets = cause["max_buckets"].as_u64().and_then(|limit| usize::try_from(limit).ok());
    causes.push(Cause { kind: text("type"), reason: text("reason"), max_buckets });
    let list = |key: &str| cause[key].as_array().map(Vec::as_slice).unwrap_or_default();
    for root in list("root_cause") {
        collect(root, causes);
    }
    for shard in list("failed_shards") {
        collect(&shard["reason"], causes);
    }
    collect(&cause["caused_by"], causes);
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn refusal(status: u16, body: &str) -> SourceError {
        let subject = Subject {
            username: Some("reader".into()),
            index: "wazuh-alerts-*".into(),
            fields: vec![("entity_field", "agent.id".into()), ("time_field", "timestamp".into())],
        };
        match meaning(status, body.as_bytes(), &subject) {
            Failure::Final(error) => error,
            Failure::TooManyBuckets { limit } => panic!("too many buckets: {limit:?}"),
        }
    }

    #[test]
    fn a_text_field_is_a_mapping_mistake_that_names_field_and_key() {
        let reason = "Text fields are not optimised for operations that require per-document field data \
                      like aggregations and sorting, so these operations are disabled by default. Please \
                      use a keyword field instead. Alternatively, set fielddata=true on [agent.id]";
        let cause = json!({ "type": "illegal_argument_exception", "reason": reason });
        let body = json!({ "status": 400, "error": { "type": "search_phase_execution_exception",
            "reason": "all shards failed", "root_cause": [cause], "caused_by": cause } });
        let error = refusal(400, &body.to_string());
        assert_eq!(error.reason, SourceReason::Mapping);
        assert!(error.detail.contains("field `agent.id` (check `entity_field`"), "{error}");
    }

    #[test]
    fn too_many_buckets_is_found_at_any_depth() {
        let inner = json!({ "type": "too_many_buckets_exception", "reason": "…", "max_buckets": 65_535 });
        let outer = json!({ "type": "search_phase_execution_exception", "reason": "" });
        let subject = Subject { username: None, index: String::new(), fields: Vec::new() };
        for (place, value) in [
            ("caused_by", inner.clone()),
            ("failed_shards", json!([{ "reason": { "type": "x", "caused_by": inner } }])),
            ("root_cause", json!([inner])),
        ] {
            let mut error = outer.clone();
            error[place] = value;
            let body = json!({ "status": 503, "error": error }).to_string();
            let expected = Failure::TooManyBuckets { limit: Some(65_535) };
            assert_eq!(meaning(503, body.as_bytes(), &subject), expected, "{place}");
        }
    }

    #[test]
    fn every_status_has_its_meaning_whatever_the_body() {
        use SourceReason::{Auth, Malformed, Overloaded, Rights};
        for (status, reason) in [
            (401, Auth),
            (403, Rights),
            (429, Overloaded),
            (500, Overloaded),
            (502, Overloaded),
            (503, Overloaded),
            (204, Malformed),
            (301, Malformed),
            (400, Malformed),
            (404, Malformed),
            (405, Malformed),
        ] {
            for body in ["", "Unauthorized", "<html>", "{\"error\":7}", "{\"error\":\"no handler\"}", "[[[["]
            {
                let error = refusal(status, body);
                assert_eq!(error.reason, reason, "{status} {body}");
                assert!(!error.detail.contains("html"), "{error}");
            }
        }
    }

    #[test]
    fn a_hostile_chain_of_causes_ends() {
        let many = vec![json!({ "type": "x\r\ny", "reason": "z".repeat(9999) }); 200];
        let body = json!({ "error": { "type": "a", "reason": "b", "root_cause": many } }).to_string();
        let error = refusal(503, &body);
        assert!(error.detail.len() < 1000 && !error.detail.contains('\n'), "{error}");
    }
}
