//! Whatever a server answers, a source ends with an answer or an error, and no error tells a secret.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use chrono::{TimeDelta, Utc};
use log_monitor::source::{Entities, Query, Source, SourceContext, SourceError, default_sources};
use log_monitor_channels::testing::{HttpServer, Reply};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Value, json};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

const SECRET: &str = "s3cret0of0the0source";

/// What OpenSearch and the Wazuh API call things.
const KEYS: [&str; 28] = [
    "took",
    "timed_out",
    "_shards",
    "total",
    "failed",
    "hits",
    "value",
    "last",
    "newest",
    "aggregations",
    "entities",
    "buckets",
    "key",
    "entity",
    "doc_count",
    "error",
    "root_cause",
    "type",
    "reason",
    "status",
    "data",
    "affected_items",
    "total_affected_items",
    "token",
    "id",
    "name",
    "after_key",
    "detail",
];

fn answer() -> impl Strategy<Value = Reply> {
    let leaf = prop_oneof![
        3 => Just(json!(format!("no: {SECRET}"))),
        3 => (0u64..3).prop_map(Value::from),
        1 => any::<i64>().prop_map(Value::from),
        1 => any::<f64>().prop_map(Value::from),
        2 => Just(json!(false)),
        1 => Just(Value::Null),
        1 => Just(json!("0001-01-01T00:00:00Z")),
        1 => "\\PC{0,9}".prop_map(Value::from),
    ];
    let tree = leaf.prop_recursive(4, 90, 20, |inner| {
        let entry = (prop::sample::select(&KEYS[..]), inner.clone());
        let object = prop::collection::vec(entry, 6..30)
            .prop_map(|entries| entries.into_iter().map(|(key, value)| (key.to_owned(), value)).collect());
        prop_oneof![1 => prop::collection::vec(inner, 0..3).prop_map(Value::Array), 4 => object.prop_map(Value::Object)]
    });
    let body = prop_oneof![
        6 => tree.prop_map(|json| json.to_string().into_bytes()),
        1 => prop::collection::vec(any::<u8>(), 0..60),
        1 => Just(format!("<html>{SECRET}</html>").into_bytes()),
    ];
    let status = prop::sample::select(vec![200, 200, 200, 400, 401, 403, 404, 500, 503]);
    (status, body).prop_map(|(status, body)| Reply::new(status, body))
}

/// A whole answer of an indexer with something else in one place.
fn near_answer() -> impl Strategy<Value = Reply> {
    let other = prop_oneof![
        Just(Value::Null),
        Just(json!(SECRET)),
        Just(json!([])),
        Just(json!({})),
        Just(json!(true)),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
    ];
    let bucket = |rest: &str| format!("/aggregations/entities/buckets/0{rest}");
    let mut places: Vec<String> =
        ["", "/key", "/key/entity", "/doc_count", "/last", "/last/value", "/newest", "/newest/hits/hits"]
            .map(bucket)
            .to_vec();
    places.extend(["/newest/hits/hits/0/_source", "/newest/hits/hits/0/sort"].map(bucket));
    let rest = [
        "/timed_out",
        "/_shards",
        "/_shards/failed",
        "/_shards/total",
        "/aggregations",
        "/aggregations/entities",
        "/aggregations/entities/buckets",
        "/aggregations/entities/sum_other_doc_count",
        "/aggregations/entities/after_key",
        "/hits",
        "/hits/hits",
        "/data",
        "/data/affected_items",
        "/data/affected_items/0",
        "/data/affected_items/0/id",
        "/data/total_affected_items",
        "/error",
        "/data/token",
    ];
    places.extend(rest.map(str::to_owned));
    (prop::sample::select(places), other).prop_map(|(place, other)| {
        let document = json!({ "_source": { "agent": { "id": "001", "name": "a" } }, "sort": [1_795_000_000_000_i64] });
        let hits = json!({ "total": { "value": 1, "relation": "eq" }, "hits": [document] });
        let bucket = json!({
            "key": { "entity": "001" }, "doc_count": 1, "last": { "value": 1.795e12 }, "newest": { "hits": hits },
        });
        let mut whole = json!({
            "took": 1, "timed_out": false, "error": 0, "hits": hits,
            "_shards": { "total": 3, "successful": 3, "skipped": 0, "failed": 0 },
            "aggregations": { "entities": {
                "doc_count_error_upper_bound": 0, "sum_other_doc_count": 0, "buckets": [bucket],
                "after_key": { "entity": "001" },
            } },
            "data": {
                "token": "t", "affected_items": [{ "id": "001", "name": "a", "status": "active" }],
                "total_affected_items": 1, "total_failed_items": 0, "failed_items": [],
            },
        });
        *whole.pointer_mut(&place).unwrap() = other;
        Reply::json(200, &whole)
    })
}

fn source(kind: &str, base: &str) -> Box<dyn Source> {
    let text = format!("url = \"{base}\"\nusername = \"u\"\npassword = \"{SECRET}\"\ntimeout = \"5s\"");
    let table = DeTable::parse(&text).unwrap();
    let table = Spanned::new(table.span(), DeValue::Table(table.into_inner()));
    let decoded = default_sources().get(kind).unwrap().decode(table).unwrap();
    decoded.build(&SourceContext { name: "tested".to_owned() }).unwrap()
}

fn tells_none<T>(asked: Result<T, SourceError>) {
    if let Err(error) = asked {
        assert!(!format!("{error} {error:?}").contains(SECRET), "{error:?}");
        assert!(!error.detail.contains(['\n', '\r']) && error.detail.len() < 2000, "{error:?}");
    }
}

/// Every question there is, of the sort that it answers.
async fn ask_all(source: &dyn Source) {
    let now = Utc::now();
    let (from, keys) = (now - TimeDelta::hours(1), ["001", "002"]);
    for entities in [Entities::All(2), Entities::Only(&keys)] {
        let query = Query { from, to: now, entities };
        tells_none(source.newest(&query).await);
        tells_none(source.nodes(&query).await);
        tells_none(source.wholes(&query).await);
        tells_none(source.volumes(&query).await);
        tells_none(source.history(&query, 600_000).await);
        tells_none(source.inventory(&query).await);
    }
    tells_none(source.last_words("001", from, now, 3).await);
    tells_none(source.probe().await);
}

/// The API bears 30 requests a minute, so it is asked less.
async fn ask_the_api(source: &dyn Source) {
    tells_none(source.connections(&["001", "002"], tokio::time::Instant::now()).await);
    tells_none(source.counters(&["001"]).await);
    tells_none(source.probe().await);
}

/// Asks about whatever is answered, each time a source that remembers nothing.
fn no_answer_hurts(kind: &str, ask: &impl AsyncFn(&dyn Source)) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let reply = Arc::new(Mutex::new(Reply::new(200, "")));
    let answered = reply.clone();
    let start = HttpServer::start(move |_| answered.lock().unwrap().clone());
    let server = runtime.block_on(start).unwrap();
    let mut runner = TestRunner::new(Config { cases: 192, failure_persistence: None, ..Config::default() });
    let outcome = runner.run(&prop_oneof![answer(), near_answer()], |answer| {
        *reply.lock().unwrap() = answer;
        let source = source(kind, &server.url(""));
        let asked = async { tokio::time::timeout(Duration::from_secs(20), ask(&*source)).await };
        prop_assert!(runtime.block_on(asked).is_ok(), "it asks for ever");
        let _ = server.take_received();
        Ok(())
    });
    outcome.unwrap();
}

#[test]
fn no_answer_makes_the_indexer_panic_hang_or_tell_a_secret() {
    no_answer_hurts("indexer", &ask_all);
}

#[test]
fn no_answer_makes_the_api_panic_hang_or_tell_a_secret() {
    no_answer_hurts("server_api", &ask_the_api);
}
