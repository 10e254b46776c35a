//! Source `indexer` against a real OpenSearch with TLS and users, started by
//! `tests/real/opensearch.sh`, and against the oldest and the newest that it reads. A test for each,
//! since one server is shared by all cases.
//!
//! What is random is the same each time, but for another seed: `LOG_MONITOR_TEST_SEED=17`.

mod agents;
mod archives;
mod questions;
mod refusals;
mod server;

use std::collections::BTreeSet;

use chrono::{DateTime, TimeDelta, Utc};
use log_monitor::simulation::{Document, SimulatedIndexer};
use log_monitor::source::{Answer, Entities, Query, Source, SourceError};
use serde_json::{Value, json};
use server::{Server, source};

fn now() -> DateTime<Utc> {
    DateTime::from_timestamp(1_767_268_800, 0).unwrap()
}

async fn ask(source: &dyn Source, entities: Entities<'_>) -> Result<Answer, SourceError> {
    source.newest(&Query { from: now() - TimeDelta::minutes(10), to: now(), entities }).await
}

fn keys(answer: &Answer) -> Vec<&str> {
    answer.newest.iter().map(|seen| &*seen.key).collect()
}

#[tokio::test]
#[ignore = "needs a real OpenSearch: see tests/README.md"]
async fn the_source_reads_a_real_opensearch_and_understands_its_refusals() {
    let server = Server::start();
    server.prepare().await;
    eprintln!("certificates");
    refusals::certificates(&server).await;
    eprintln!("rights");
    refusals::rights(&server).await;
    all_questions(&server).await;
    eprintln!("Wazuh 5");
    agents::wazuh_5(&server).await;
}

#[tokio::test]
#[ignore = "needs real servers of other versions: see tests/README.md"]
async fn the_same_questions_have_the_same_answers_from_elasticsearch_7_10_to_opensearch_3() {
    for engine in ["elasticsearch-7.10.2", "opensearch-1.3.20", "opensearch-3.2.0"] {
        eprintln!("{engine}");
        let server = Server::start_plain(engine);
        server.prepare().await;
        all_questions(&server).await;
        // Elasticsearch has data streams in another edition.
        if engine.starts_with("opensearch") {
            agents::wazuh_5(&server).await;
        }
    }
}

async fn all_questions(server: &Server) {
    eprintln!("only what an agent sent itself within the window is a sign of life");
    life_signs(server).await;
    eprintln!("a quiet window is a complete and empty answer");
    quiet(server).await;
    eprintln!("every refusal has its meaning");
    refusals::of_questions(server).await;
    eprintln!("more buckets than the server allows are read in pages");
    pages(server).await;
    eprintln!("newest, volumes and history are what a count by hand says");
    questions::by_hand(server).await;
    eprintln!("who there is, and what they said last");
    agents::who_logged(server).await;
    agents::lists(server).await;
    agents::last_words(server).await;
    eprintln!("archives");
    archives::every_event(server).await;
    eprintln!("the simulated indexer answers as the real one does");
    simulation(server).await;
}

/// What random documents and questions are made of.
fn seed() -> u64 {
    let given = std::env::var("LOG_MONITOR_TEST_SEED").ok();
    let seed = given.map_or(11, |text| text.parse().expect("LOG_MONITOR_TEST_SEED is a number"));
    eprintln!("    LOG_MONITOR_TEST_SEED={seed} makes the same again");
    seed
}

async fn life_signs(server: &Server) {
    let minute = TimeDelta::minutes(1);
    let rescan =
        Document { location: "vulnerability-detector".into(), ..Document::log("005", now() - minute) };
    let own = Document { groups: vec!["log_monitor".into()], ..Document::log("006", now()) };
    let device = Document { hostname: Some("fw-1".into()), ..Document::log("000", now()) };
    server
        .index(&[
            Document::log("001", now() - minute * 5),
            Document::log("001", now() - minute),
            Document::log("002", now() - TimeDelta::hours(1)),
            Document::log("003", now() + TimeDelta::days(1)),
            Document::disconnected("004", now() - minute),
            rescan,
            own,
            device,
        ])
        .await;
    let answer = ask(&*server.reader(""), Entities::All(10)).await.unwrap();
    assert_eq!(keys(&answer), ["000", "001"]);
    assert_eq!(answer.newest[1].last_seen, (now() - minute).timestamp_millis());
    let trusting = server.reader("count_manager_documents = true");
    assert_eq!(keys(&ask(&*trusting, Entities::Only(&["004", "005", "007"])).await.unwrap()), ["004", "005"]);
    let devices = server.reader("entity_field = 'predecoder.hostname'");
    assert_eq!(keys(&ask(&*devices, Entities::All(1)).await.unwrap()), ["fw-1"]);
}

async fn quiet(server: &Server) {
    let source = server.reader("");
    assert_eq!(ask(&*source, Entities::Only(&["002", "099"])).await, Ok(Answer::default()));
    // The last minute of today's clock is long after every document.
    source.probe().await.unwrap();
}

async fn pages(server: &Server) {
    let names: Vec<String> = (0..120).map(|agent| format!("{agent:03}")).collect();
    let documents: Vec<Document> = names.iter().map(|name| Document::log(name, now())).collect();
    server.index(&documents).await;
    server.set_max_buckets(json!(50)).await;
    let answer = ask(&*server.reader(""), Entities::All(120)).await;
    server.set_max_buckets(Value::Null).await;
    assert_eq!(keys(&answer.unwrap()), names);
    // Pages of full size, as for a fleet that is too large for a list.
    assert_eq!(keys(&ask(&*server.reader(""), Entities::All(60_000)).await.unwrap()), names);
}

async fn simulation(server: &Server) {
    let simulated = SimulatedIndexer::start(&[]).await.unwrap();
    let documents = random_documents(500, seed());
    server.index(&documents).await;
    documents.into_iter().for_each(|document| simulated.push(document));
    for keys in [
        "",
        "entity_field = 'location'",
        "entity_field = ['rule.groups', 'agent.id']",
        "entity_field = 'rule.groups'\ncount_manager_documents = true",
    ] {
        let real = server.reader(keys);
        let simulated = source(&format!("url = {:?}\n{keys}", simulated.url()));
        for entities in [
            Entities::All(10),
            Entities::All(60_000),
            Entities::Only(&[
                "003",
                "007",
                "/var/log/auth.log",
                "wazuh-monitord",
                "syslog",
                "pam|003",
                "none",
            ]),
        ] {
            compare(&*real, &*simulated, entities).await;
        }
    }
    let window = Query { from: now() - TimeDelta::minutes(10), to: now(), entities: Entities::All(10) };
    let expected = server.reader("").nodes(&window).await.unwrap();
    let homes: BTreeSet<&str> = expected.iter().map(|member| member.node.as_str()).collect();
    assert_eq!(homes, BTreeSet::from(["node01", "node02"]), "each agent where it was heard of last");
    assert_eq!(source(&format!("url = {:?}", simulated.url())).nodes(&window).await, Ok(expected));
}

/// Every question to both.
async fn compare(real: &dyn Source, simulated: &dyn Source, entities: Entities<'_>) {
    let query = Query { from: now() - TimeDelta::minutes(10), to: now(), entities };
    let newest = real.newest(&query).await.unwrap();
    assert!(!newest.newest.is_empty(), "nothing was compared");
    assert_eq!(simulated.newest(&query).await.unwrap(), newest);
    assert_eq!(simulated.volumes(&query).await, real.volumes(&query).await);
    assert_eq!(simulated.history(&query, 45_000).await, real.history(&query, 45_000).await);
    assert_eq!(simulated.inventory(&query).await, real.inventory(&query).await);
    let key = &newest.newest[0].key;
    let earlier = query.to - TimeDelta::hours(1);
    let words = real.last_words(key, earlier, query.to, 5).await.unwrap();
    assert_eq!(words.len(), 5);
    assert_eq!(simulated.last_words(key, earlier, query.to, 5).await.unwrap(), words);
}

/// Documents of a dozen agents around the window, some of them by the manager.
fn random_documents(count: usize, seed: u64) -> Vec<Document> {
    let mut random = fastrand::Rng::with_seed(seed);
    let mut one = || {
        let agent = format!("{:03}", random.u8(..12));
        let at = now() + TimeDelta::milliseconds(random.i64(-1_200_000..600_000));
        let node = Some(format!("node0{}", random.u8(1..=2)));
        match random.u8(..4) {
            0 => Document::disconnected(&agent, at),
            _ => Document { node, ..Document::log(&agent, at) },
        }
    };
    (0..count).map(|_| one()).collect()
}
