//! Archives: every event, most of them without a rule.

use chrono::TimeDelta;
use log_monitor::simulation::Document;
use log_monitor::source::{Entities, Query};
use serde_json::Value;

use super::now;
use super::server::Server;

const ARCHIVES: &str = "wazuh-archives-4.x-2026.01.01";

/// A document of the archives; where no rule matched there is none.
fn archived(document: &Document, has_rule: bool) -> Value {
    let mut json = document.json();
    if !has_rule {
        json.as_object_mut().unwrap().remove("rule");
    }
    json
}

/// They are read as alerts are, and an alert that is read in both counts twice.
pub async fn every_event(server: &Server) {
    let ago = |minutes| now() - TimeDelta::minutes(minutes);
    let alert = Document::log("001", ago(5));
    server.index(std::slice::from_ref(&alert)).await;
    let events = [
        archived(&alert, true),
        archived(&Document::log("001", ago(1)), false),
        archived(&Document::log("002", ago(2)), false),
        archived(&Document::log("002", ago(60)), false),
        archived(&Document::disconnected("003", ago(1)), false),
    ];
    server.add(ARCHIVES, events.into_iter()).await;
    let query = Query { from: ago(10), to: now(), entities: Entities::All(9) };
    for (index, counts) in [("wazuh-archives-*", [2, 1]), ("wazuh-alerts-4.x-*,wazuh-archives-*", [3, 1])] {
        let source = server.reader(&format!("index = '{index}'"));
        source.probe().await.unwrap();
        let newest = source.newest(&query).await.unwrap().newest;
        let seen: Vec<_> = newest.iter().map(|seen| (seen.key.as_str(), seen.last_seen)).collect();
        assert_eq!(seen, [("001", ago(1).timestamp_millis()), ("002", ago(2).timestamp_millis())], "{index}");
        let volumes = source.volumes(&query).await.unwrap();
        assert_eq!(volumes.iter().map(|volume| volume.count).collect::<Vec<_>>(), counts, "{index}");
        let heard = source.history(&query, 600_000).await.unwrap();
        assert_eq!(heard.iter().map(|heard| heard.count).sum::<u64>(), counts.iter().sum::<u64>(), "{index}");
        assert_eq!(source.inventory(&query).await.unwrap()[1].name, "agent-002", "{index}");
        let words = source.last_words("002", now() - TimeDelta::hours(1), now(), 9).await.unwrap();
        assert_eq!((words.len(), words[0].rule.as_str(), words[0].level), (2, "", 0), "{index}");
    }
}
