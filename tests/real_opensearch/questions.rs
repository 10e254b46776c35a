//! Every question to the real server, against a computation by hand.

use std::collections::BTreeMap;

use chrono::TimeDelta;
use log_monitor::simulation::Document;
use log_monitor::source::{Entities, Heard, Observation, Query, Source, Volume};
use serde_json::{Value, json};

use super::server::Server;
use super::{now, random_documents, seed};

/// Newest time and count by step and entity.
type Steps = BTreeMap<(i64, String), (i64, u64)>;

/// The key of a document's entity.
type Key = fn(&Document) -> String;

/// Entities that a query names, some of which exist.
const NAMED: [&str; 6] = ["003", "0%7C4%25|a|b", "0|4%", "none", "005|100%", "none|none"];

/// What counts of `documents` for a query, by hand.
fn steps(documents: &[Document], query: &Query<'_>, step: i64, key: Key) -> Steps {
    let window = query.from.timestamp_millis()..=query.to.timestamp_millis();
    let wanted = |key: &String| match query.entities {
        Entities::All(_) => true,
        Entities::Only(keys) => keys.contains(&key.as_str()),
    };
    let mut steps = Steps::new();
    for document in documents.iter().filter(|document| document.location != "wazuh-monitord") {
        let key = key(document);
        if window.contains(&document.at) && wanted(&key) {
            let place = steps.entry((document.at.div_euclid(step), key)).or_insert((0, 0));
            *place = (document.at.max(place.0), place.1 + 1);
        }
    }
    steps
}

/// Compares all answers to one query; how many entries of a history there were.
async fn compare(
    source: &dyn Source,
    documents: &[Document],
    query: &Query<'_>,
    step: i64,
    key: Key,
) -> usize {
    let whole = steps(documents, query, i64::MAX, key);
    let newest = |((_, key), (newest, _)): (&(i64, String), &(i64, u64))| Observation {
        key: key.into(),
        last_seen: *newest,
    };
    let volume =
        |((_, key), (_, count)): (&(i64, String), &(i64, u64))| Volume { key: key.into(), count: *count };
    let mut observed = source.newest(query).await.unwrap().newest;
    observed.sort_by(|a, b| a.key.cmp(&b.key));
    assert_eq!(observed, whole.iter().map(newest).collect::<Vec<_>>(), "{query:?}");
    let mut volumes = source.volumes(query).await.unwrap();
    volumes.sort_by(|a, b| a.key.cmp(&b.key));
    assert_eq!(volumes, whole.iter().map(volume).collect::<Vec<_>>(), "{query:?}");
    let mut heard: Vec<_> = steps(documents, query, step, key)
        .into_iter()
        .map(|((_, key), (newest, count))| Heard { key: key.into(), newest, count })
        .collect();
    heard.sort_by(|a, b| (a.newest, &a.key).cmp(&(b.newest, &b.key)));
    assert_eq!(source.history(query, step).await.unwrap(), heard, "{query:?} {step}");
    heard.len()
}

/// Random windows, entities and steps, for entities of one field and of two.
pub async fn by_hand(server: &Server) {
    let seed = seed();
    let mut random = fastrand::Rng::with_seed(seed);
    let mut documents = random_documents(800, seed);
    for document in documents.iter_mut().filter(|document| document.location != "wazuh-monitord") {
        document.location = ["/var/log/auth.log", "a|b", "100%"][random.usize(..3)].to_owned();
        document.agent = document.agent.replace("004", "0|4%");
    }
    server.index(&documents).await;
    let by_agent: Key = |document| document.agent.clone();
    let by_file: Key = |document| {
        format!("{}|{}", document.agent.replace('%', "%25").replace('|', "%7C"), document.location)
    };
    for (keys, key) in [("", by_agent), ("entity_field = ['agent.id', 'location']", by_file)] {
        let source = server.reader(keys);
        let mut compared = 0;
        for case in 0..30 {
            let from = now() + TimeDelta::milliseconds(random.i64(-1_300_000..600_000));
            let to = from + TimeDelta::milliseconds(random.i64(0..1_200_000));
            let some = [Entities::All(60_000), Entities::Only(&NAMED), Entities::All(10)];
            let query = Query { from, to, entities: some[random.usize(..3)] };
            let step = [250, 7_000, 60_000, 3_600_000][random.usize(..4)];
            if case % 10 == 0 {
                server.set_max_buckets(if case == 10 { json!(7) } else { Value::Null }).await;
            }
            compared += compare(&*source, &documents, &query, step, key).await;
        }
        assert!(compared > 500, "{compared} are too few");
    }
}
