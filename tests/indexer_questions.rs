//! Every question of source `indexer` but the newest, against the simulated indexer. What the real one
//! answers is in `tests/real_opensearch`.

use chrono::{DateTime, TimeDelta, Utc};
use log_monitor::simulation::{Document, SimulatedIndexer};
use log_monitor::source::indexer::{Indexer, IndexerConfig};
use log_monitor::source::{Entities, Query, Source, SourceContext, SourceKind, SourceReason};

fn now() -> DateTime<Utc> {
    DateTime::from_timestamp(1_767_226_200, 0).unwrap()
}

fn ago(minutes: i64) -> DateTime<Utc> {
    now() - TimeDelta::minutes(minutes)
}

fn source(indexer: &SimulatedIndexer, keys: &str) -> Box<dyn Source> {
    let config: IndexerConfig = toml::from_str(&format!("url = {:?}\n{keys}", indexer.url())).unwrap();
    Indexer::build(config, &SourceContext { name: "wazuh".into() }).unwrap()
}

const fn until(entities: Entities<'_>, to: DateTime<Utc>) -> Query<'_> {
    Query { from: DateTime::UNIX_EPOCH, to, entities }
}

/// 001 logged twice into one file and once into another before the manager lost it; 002 logged once.
async fn fleet() -> SimulatedIndexer {
    let indexer = SimulatedIndexer::start(&[]).await.unwrap();
    indexer.log("001", ago(50));
    indexer.log("001", ago(10));
    indexer.push(Document { location: "a|b".into(), name: "web-01".into(), ..Document::log("001", ago(9)) });
    indexer.push(Document::disconnected("001", ago(5)));
    indexer.log("002", ago(20));
    indexer
}

#[tokio::test]
async fn documents_are_counted_by_agent_and_by_file() {
    let indexer = fleet().await;
    let counted = async |keys: &str, entities: Entities<'_>| {
        let volumes = source(&indexer, keys).volumes(&until(entities, now())).await.unwrap();
        volumes.iter().map(|volume| format!("{} {}", volume.key, volume.count)).collect::<Vec<_>>()
    };
    assert_eq!(counted("", Entities::All(2)).await, ["001 3", "002 1"]);
    assert_eq!(counted("", Entities::Only(&["002", "003"])).await, ["002 1"]);
    assert_eq!(counted("", Entities::Only(&[])).await, [""; 0]);
    let files = "entity_field = ['agent.id', 'location']";
    let all = ["001|/var/log/auth.log 2", "001|a|b 1", "002|/var/log/auth.log 1"];
    assert_eq!(counted(files, Entities::All(2)).await, all);
    assert_eq!(counted(files, Entities::Only(&["001|a|b", "001|none", "002"])).await, all[1..2]);
}

#[tokio::test]
async fn the_newest_of_a_whole_agent_is_that_of_any_of_its_files_and_never_what_the_manager_says() {
    let indexer = fleet().await;
    indexer.log("0|3%", ago(7));
    let newest = async |keys: &str| {
        let names = ["001", "0%7C3%25", "004"];
        let wholes = source(&indexer, keys).wholes(&until(Entities::Only(&names), now())).await.unwrap();
        wholes.iter().map(|seen| format!("{} {}", seen.key, seen.last_seen)).collect::<Vec<_>>()
    };
    let [first, second] = [9, 7].map(|minutes| ago(minutes).timestamp_millis());
    let expected = [format!("001 {first}"), format!("0%7C3%25 {second}")];
    assert_eq!(newest("entity_field = ['agent.id', 'location']").await, expected);
    assert_eq!(newest("").await, [""; 0], "whose entities are parts of nothing");
}

#[tokio::test]
async fn a_history_is_in_order_of_time() {
    let indexer = fleet().await;
    let query = Query { from: ago(60), ..until(Entities::All(2), now()) };
    let heard = source(&indexer, "").history(&query, 900_000).await.unwrap();
    let told: Vec<_> = heard.iter().map(|heard| (&*heard.key, heard.newest, heard.count)).collect();
    let at = |minutes| ago(minutes).timestamp_millis();
    assert_eq!(told, [("001", at(50), 1), ("002", at(20), 1), ("001", at(9), 2)]);
}

#[tokio::test]
async fn who_logs_is_listed_under_the_newest_name() {
    let indexer = fleet().await;
    let names = async |keys: &str| {
        let listed = source(&indexer, keys).inventory(&until(Entities::All(2), now())).await.unwrap();
        listed.iter().map(|agent| format!("{}: {}", agent.key, agent.name)).collect::<Vec<_>>()
    };
    assert_eq!(names("").await, ["001: web-01", "002: agent-002"]);
    let files = names("entity_field = ['agent.id', 'location']").await;
    assert_eq!(files[..2], ["001|/var/log/auth.log: agent-001 /var/log/auth.log", "001|a|b: web-01 a|b"]);
}

#[tokio::test]
async fn the_last_words_hold_what_the_manager_says() {
    let indexer = fleet().await;
    let words = source(&indexer, "").last_words("001", ago(60), ago(5), 2).await.unwrap();
    assert_eq!((words.len(), words[0].rule.as_str(), words[0].level), (2, "504", 3));
    assert_eq!(words[0].description, "Wazuh agent disconnected.");
    assert_eq!(words[1].at, ago(9).timestamp_millis());
    let since = source(&indexer, "").last_words("001", ago(8), ago(5), 2).await.unwrap();
    assert_eq!(since, words[..1], "and none from before");
    assert_eq!(source(&indexer, "").last_words("001", ago(60), now(), 0).await, Ok(Vec::new()));
}

#[tokio::test]
async fn a_misspelt_field_is_no_silence_whatever_is_asked() {
    let indexer = fleet().await;
    let source = source(&indexer, "entity_field = ['agent.id', 'lokation']");
    let query = until(Entities::All(2), now());
    for error in [
        source.volumes(&query).await.unwrap_err(),
        source.history(&query, 60_000_000).await.unwrap_err(),
        source.inventory(&query).await.unwrap_err(),
    ] {
        assert_eq!(error.reason, SourceReason::Mapping, "{error}");
        assert!(error.detail.contains("`lokation`") && error.detail.contains("`entity_field`"), "{error}");
    }
}
