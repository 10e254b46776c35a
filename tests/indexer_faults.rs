//! Source `indexer` against a server that answers rightly, wrongly, and not at all. Whatever is
//! less than a complete answer must be an error: it would pass for silence otherwise.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use log_monitor::simulation::{Document, Mode, SimulatedIndexer};
use log_monitor::source::indexer::{Indexer, IndexerConfig};
use log_monitor::source::{
    Answer, Entities, Query, Source, SourceContext, SourceError, SourceKind, SourceReason,
};
use log_monitor_channels::testing::{Fault, HttpServer, Reply, Request};
use serde_json::json;

const PASSWORD: &str = "correct-horse-battery";

fn now() -> DateTime<Utc> {
    DateTime::from_timestamp(1_767_226_200, 0).unwrap()
}

/// A source for `url` with more keys of its table.
fn source(url: &str, keys: &str) -> Box<dyn Source> {
    let table = format!("url = {url:?}\n{keys}");
    let config: IndexerConfig = toml::from_str(&table).unwrap();
    assert_eq!(Indexer::validate(&config).iter().filter(|problem| !problem.warning).count(), 0);
    Indexer::build(config, &SourceContext { name: "wazuh".into() }).unwrap()
}

/// The last ten minutes.
async fn ask(source: &dyn Source, entities: Entities<'_>) -> Result<Answer, SourceError> {
    source.newest(&Query { from: now() - TimeDelta::minutes(10), to: now(), entities }).await
}

async fn failure_of(url: &str, keys: &str) -> SourceError {
    let error = ask(&*source(url, keys), Entities::All(10)).await.unwrap_err();
    assert!(!error.detail.contains(PASSWORD) && !error.detail.contains('\n'), "{error}");
    assert!(error.detail.starts_with("the indexer at 127.0.0.1:"), "{error}");
    error
}

/// What a server that always sends `reply` is taken for.
async fn taken_for(reply: Reply) -> SourceError {
    let server = HttpServer::start(move |_| reply.clone()).await.unwrap();
    failure_of(&server.url(""), &format!("username = 'reader'\npassword = '{PASSWORD}'")).await
}

/// Three agents: 001 logged a minute ago, 002 an hour ago, 003 never.
async fn fleet() -> SimulatedIndexer {
    let indexer = SimulatedIndexer::start(&[("reader", PASSWORD)]).await.unwrap();
    indexer.log("001", now() - TimeDelta::minutes(5));
    indexer.log("001", now() - TimeDelta::minutes(1));
    indexer.log("002", now() - TimeDelta::hours(1));
    indexer
}

fn reader(indexer: &SimulatedIndexer, keys: &str) -> Box<dyn Source> {
    source(&indexer.url(), &format!("username = 'reader'\npassword = '{PASSWORD}'\n{keys}"))
}

fn keys(answer: &Answer) -> Vec<&str> {
    answer.newest.iter().map(|seen| &*seen.key).collect()
}

#[tokio::test]
async fn the_newest_life_sign_of_each_agent_in_the_window_is_read_with_one_request() {
    let indexer = fleet().await;
    let source = reader(&indexer, "");
    let answer = ask(&*source, Entities::All(3)).await.unwrap();
    assert_eq!(keys(&answer), ["001"]);
    assert_eq!(answer.newest[0].last_seen, (now() - TimeDelta::minutes(1)).timestamp_millis());
    assert_eq!(indexer.searches(), 1);

    let query =
        Query { from: now() - TimeDelta::hours(2), to: now(), entities: Entities::Only(&["002", "003"]) };
    assert_eq!(keys(&source.newest(&query).await.unwrap()), ["002"]);
}

#[tokio::test]
async fn what_the_manager_writes_about_an_agent_is_no_sign_of_life() {
    let indexer = fleet().await;
    indexer.push(Document::disconnected("004", now()));
    let rescan = Document { location: "vulnerability-detector".into(), ..Document::log("005", now()) };
    indexer.push(rescan);
    let own = Document { groups: vec!["log_monitor".into()], ..Document::log("006", now()) };
    indexer.push(own);
    let by_default = ask(&*reader(&indexer, ""), Entities::All(3)).await.unwrap();
    assert_eq!(keys(&by_default), ["001"]);
    let trusting = reader(&indexer, "count_manager_documents = true");
    assert_eq!(keys(&ask(&*trusting, Entities::All(3)).await.unwrap()), ["001", "004", "005", "006"]);
}

#[tokio::test]
async fn a_document_from_the_future_keeps_no_agent_alive() {
    let indexer = fleet().await;
    indexer.log("003", now() + TimeDelta::days(1));
    assert_eq!(keys(&ask(&*reader(&indexer, ""), Entities::All(3)).await.unwrap()), ["001"]);
}

#[tokio::test]
async fn devices_behind_agents_are_told_apart_by_another_field() {
    let indexer = fleet().await;
    indexer.push(Document { hostname: Some("fw-1".into()), ..Document::log("000", now()) });
    let source = reader(&indexer, "entity_field = 'predecoder.hostname'");
    assert_eq!(keys(&ask(&*source, Entities::All(1)).await.unwrap()), ["fw-1"]);
}

#[tokio::test]
async fn a_quiet_fleet_is_a_complete_and_empty_answer() {
    let indexer = SimulatedIndexer::start(&[]).await.unwrap();
    let source = source(&indexer.url(), "");
    assert_eq!(ask(&*source, Entities::All(3)).await, Ok(Answer::default()));
    source.probe().await.unwrap();
    assert_eq!(ask(&*source, Entities::Only(&[])).await, Ok(Answer::default()));
    assert_eq!(indexer.searches(), 2);
}

#[tokio::test]
async fn ten_thousand_agents_come_in_one_answer() {
    let indexer = SimulatedIndexer::start(&[]).await.unwrap();
    for agent in 0..10_000 {
        indexer.log(&format!("{agent:05}"), now());
    }
    let source = source(&indexer.url(), "");
    let answer = ask(&*source, Entities::All(10_000)).await.unwrap();
    assert_eq!((answer.newest.len(), indexer.searches()), (10_000, 1));
    // More than the server is asked to filter by: the same list, chosen from on our side.
    let names: Vec<String> = (0..2000).map(|agent| format!("{:05}", agent * 7)).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    assert_eq!(ask(&*source, Entities::Only(&names)).await.unwrap().newest.len(), 1429);
}

#[tokio::test]
async fn what_has_no_room_in_one_list_is_read_in_pages() {
    let indexer = SimulatedIndexer::start(&[]).await.unwrap();
    for agent in 0..10_050 {
        indexer.log(&format!("{agent:05}"), now());
    }
    // Expected were ten: the list has room for 10,000, so two pages follow.
    let answer = ask(&*source(&indexer.url(), ""), Entities::All(10)).await.unwrap();
    assert_eq!((answer.newest.len(), indexer.searches()), (10_050, 3));
    // So many are expected that a list is not even tried.
    let answer = ask(&*source(&indexer.url(), ""), Entities::All(60_000)).await.unwrap();
    assert_eq!((answer.newest.len(), indexer.searches()), (10_050, 5));
}

#[tokio::test]
async fn a_server_that_allows_few_buckets_is_asked_for_small_pages() {
    let indexer = SimulatedIndexer::start(&[]).await.unwrap();
    for agent in 0..95 {
        indexer.log(&format!("{agent:03}"), now());
    }
    indexer.set_max_buckets(30);
    let answer = ask(&*source(&indexer.url(), ""), Entities::All(95)).await.unwrap();
    assert_eq!(answer.newest.len(), 95);
    indexer.set_max_buckets(0);
    assert_eq!(failure_of(&indexer.url(), "").await.reason, SourceReason::Overloaded);
}

#[tokio::test]
async fn pages_that_never_end_are_refused() {
    let bucket = json!({ "key": { "entity": "1" }, "last": { "value": 1 } });
    let list =
        json!({ "after_key": { "entity": "1" }, "buckets": vec![bucket; 10_000], "sum_other_doc_count": 1 });
    let shards = json!({ "total": 1, "failed": 0 });
    let answer = json!({ "timed_out": false, "_shards": shards, "aggregations": { "entities": list } });
    let error = taken_for(Reply::json(200, &answer)).await;
    assert_eq!(error.reason, SourceReason::Malformed, "{error}");
}

#[tokio::test]
async fn an_answer_that_is_not_whole_is_no_answer() {
    let indexer = fleet().await;
    let source = reader(&indexer, "");
    for (mode, reason) in [
        (Mode::FailedShards, SourceReason::Incomplete),
        (Mode::TimedOut, SourceReason::Incomplete),
        (Mode::NoShards, SourceReason::NoIndex),
        (Mode::Html, SourceReason::Malformed),
        (Mode::Truncated, SourceReason::Malformed),
        (Mode::Overloaded, SourceReason::Overloaded),
        (Mode::Unauthorized, SourceReason::Auth),
        (Mode::Forbidden, SourceReason::Rights),
        (Mode::Fault(Fault::Reset), SourceReason::Network),
        (Mode::Fault(Fault::Truncate), SourceReason::Network),
    ] {
        let shown = format!("{mode:?}");
        indexer.set_mode(mode);
        let error = ask(&*source, Entities::All(3)).await.unwrap_err();
        assert_eq!(error.reason, reason, "{shown}: {error}");
        assert_eq!(other_refusals(&*source).await, [reason; 4], "{shown}");
    }
    indexer.set_mode(Mode::Normal);
    assert_eq!(keys(&ask(&*source, Entities::All(3)).await.unwrap()), ["001"]);
}

/// Why no other question than for the newest is answered either.
async fn other_refusals(source: &dyn Source) -> [SourceReason; 4] {
    let query = Query { from: now() - TimeDelta::minutes(10), to: now(), entities: Entities::All(3) };
    [
        source.volumes(&query).await.unwrap_err().reason,
        source.history(&query, 60_000).await.unwrap_err().reason,
        source.inventory(&query).await.unwrap_err().reason,
        source.last_words("001", query.from, now(), 3).await.unwrap_err().reason,
    ]
}

#[tokio::test]
async fn silence_is_proven_only_where_the_fields_are_or_nobody_may_ask_for_them() {
    use SourceReason::{Auth, Malformed, Overloaded};
    let quiet = json!({ "timed_out": false, "_shards": { "total": 1, "failed": 0 } });
    for (status, expected) in [
        (403, None),
        (401, Some(Auth)),
        (404, Some(Malformed)),
        (429, Some(Overloaded)),
        (503, Some(Overloaded)),
    ] {
        let quiet = Reply::json(200, &quiet);
        let answer = move |request: &Request| match request.path.contains("_field_caps") {
            true => Reply::new(status, ""),
            false => quiet.clone(),
        };
        let server = HttpServer::start(answer).await.unwrap();
        let asked = ask(&*source(&server.url(""), ""), Entities::All(3)).await;
        assert_eq!(asked.map_err(|error| error.reason).err(), expected, "{status}");
    }
}

#[tokio::test]
async fn a_wrong_password_is_tried_once() {
    let indexer = fleet().await;
    let source = source(&indexer.url(), "username = 'reader'\npassword = 'wrong'");
    let error = source.probe().await.unwrap_err();
    assert_eq!((error.reason, indexer.searches()), (SourceReason::Auth, 1));
    assert!(error.detail.contains("check `username` and `password`"), "{error}");
    let without = failure_of(&indexer.url(), "").await;
    assert!(without.detail.contains("set `username` and `password`"), "{without}");
}

#[tokio::test]
async fn an_index_that_is_not_there_is_told_apart_from_silence() {
    let indexer = fleet().await;
    for index in ["wazuh-alerts-4.x-2026.01.01", "no-such-*"] {
        let error =
            ask(&*reader(&indexer, &format!("index = '{index}'")), Entities::All(3)).await.unwrap_err();
        assert_eq!(error.reason, SourceReason::NoIndex, "{error}");
        assert!(error.detail.contains("check `index`"), "{error}");
    }
}

#[tokio::test]
async fn a_field_that_cannot_be_used_is_named() {
    let indexer = fleet().await;
    for (key, field, said) in [
        ("entity_field", "full_log", "cannot use the field `full_log` (check `entity_field`"),
        ("entity_field", "agent.idd", "knows no field `agent.idd`"),
        ("time_field", "rule.id", "cannot use the field `rule.id` (check `time_field`"),
        ("time_field", "timestmap", "knows no field `timestmap`"),
    ] {
        let source = reader(&indexer, &format!("{key} = '{field}'"));
        let error = ask(&*source, Entities::All(3)).await.unwrap_err();
        assert_eq!(error.reason, SourceReason::Mapping, "{field}: {error}");
        assert!(error.detail.contains(said) && error.detail.contains(key), "{field}: {error}");
    }
}

#[tokio::test]
async fn hostile_answers_are_malformed_and_never_quoted() {
    let tag = "<!channel> @everyone";
    let wrong_type = json!({ "timed_out": false, "_shards": { "total": 1, "failed": 0 },
                             "aggregations": { "entities": { "buckets": [{ "key": [tag] }] } } });
    for reply in [
        Reply::json(200, &wrong_type),
        Reply::new(200, tag),
        Reply::new(200, ""),
        Reply::new(200, "[".repeat(1_000_000)),
        Reply::new(200, vec![0xff; 100]),
        Reply::new(200, "not packed").header("content-encoding", "gzip"),
        Reply::new(302, "").header("location", "https://elsewhere.example/"),
        Reply::new(404, "<h1>Not Found</h1>"),
        Reply::new(200, vec![b' '; 1024 * 1024]).but(Fault::Flood(200 * 1024 * 1024)),
    ] {
        let shown = format!("{reply:?}").chars().take(200).collect::<String>();
        let error = taken_for(reply).await;
        assert_eq!(error.reason, SourceReason::Malformed, "{shown}: {error}");
        assert!(!error.detail.contains("everyone") && !error.detail.contains("elsewhere.example"), "{error}");
    }
}

#[tokio::test]
async fn a_refusal_that_repeats_the_password_does_not_pass_it_on() {
    let header = "cmVhZGVyOmNvcnJlY3QtaG9yc2UtYmF0dGVyeQ==";
    let reason = format!("bad login reader:{PASSWORD}, Authorization: Basic {header}");
    let error = json!({ "error": { "type": "odd", "reason": reason } });
    let error = taken_for(Reply::json(503, &error)).await;
    assert!(error.detail.contains("bad login reader:****") && !error.detail.contains(header), "{error}");
}

#[tokio::test]
async fn a_server_that_dawdles_is_given_up_after_the_timeout() {
    for fault in [Fault::Hang, Fault::Drip] {
        let indexer = SimulatedIndexer::start(&[]).await.unwrap();
        indexer.set_mode(Mode::Fault(fault));
        let started = std::time::Instant::now();
        let error = failure_of(&indexer.url(), "timeout = '1s'").await;
        assert_eq!(error.reason, SourceReason::Timeout, "{error}");
        assert!(started.elapsed() < Duration::from_secs(5));
    }
}

#[tokio::test]
async fn an_outage_is_an_error_and_over_when_the_server_is_back() {
    let indexer = fleet().await;
    let source = reader(&indexer, "");
    ask(&*source, Entities::All(3)).await.unwrap();
    indexer.go_down();
    let error = ask(&*source, Entities::All(3)).await.unwrap_err();
    assert_eq!(error.reason, SourceReason::Network, "{error}");
    indexer.come_back().await.unwrap();
    assert_eq!(keys(&ask(&*source, Entities::All(3)).await.unwrap()), ["001"]);
}
