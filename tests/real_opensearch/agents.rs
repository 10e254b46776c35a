//! Who there is and what they said last, by the real server.

use chrono::{DateTime, TimeDelta, Utc};
use log_monitor::simulation::Document;
use log_monitor::source::{Entities, Listed, Query, SourceReason};
use reqwest::Method;
use serde_json::{Value, json};

use super::now;
use super::server::{INDEX, Server};

const MONITORING: &str = "wazuh-monitoring-2026.1w";
const METRICS: &str = "wazuh-metrics-agents";
const EVENTS: &str = "wazuh-events-v5-security";

fn ago(minutes: i64) -> DateTime<Utc> {
    now() - TimeDelta::minutes(minutes)
}

fn window(entities: Entities<'_>) -> Query<'_> {
    Query { from: ago(10), to: now(), entities }
}

fn facts(agent: &Listed) -> (&str, &str, Option<&str>) {
    (&agent.key, &agent.name, agent.node.as_deref())
}

/// Everybody who logged, as they are called now, and nobody who was only written about.
pub async fn who_logged(server: &Server) {
    let node = |node: &str| Some(node.to_owned());
    let old = Document { name: "old-name".into(), node: node("node01"), ..Document::log("001", ago(5)) };
    let new = Document { name: "web-01".into(), node: node("node02"), ..Document::log("001", ago(1)) };
    let other = Document {
        location: "journald".into(),
        hostname: Some("fw-1".into()),
        ..Document::log("002", ago(2))
    };
    server
        .index(&[new, old, other, Document::disconnected("003", now()), Document::log("004", ago(60))])
        .await;
    let source = server.reader("");
    assert!(!source.lists_all());
    let listed = source.inventory(&window(Entities::All(9))).await.unwrap();
    let expected = [("001", "web-01", Some("node02")), ("002", "agent-002", None)];
    assert_eq!(listed.iter().map(facts).collect::<Vec<_>>(), expected);
    let some = source.inventory(&window(Entities::Only(&["002", "004"]))).await.unwrap();
    assert_eq!(some, listed[1..]);
    for (keys, expected) in [
        ("entity_field = ['agent.id', 'location']", ("002|journald", "agent-002 journald", None)),
        ("entity_field = 'predecoder.hostname'", ("fw-1", "", None)),
        ("entity_field = 'predecoder.hostname'\nname_field = 'agent.name'", ("fw-1", "agent-002", None)),
    ] {
        let listed = server.reader(keys).inventory(&window(Entities::All(9))).await.unwrap();
        assert_eq!(facts(listed.last().unwrap()), expected, "{keys}");
    }
    let more: Vec<Document> = (0..2500).map(|agent| Document::log(&format!("{agent:04}"), now())).collect();
    server.index(&more).await;
    let pages = source.inventory(&window(Entities::All(9))).await.unwrap();
    assert!(
        pages.iter().map(|agent| agent.key.as_str()).eq(more.iter().map(|document| document.agent.as_str()))
    );
}

/// The rows that the Wazuh dashboard writes every 15 minutes.
pub async fn lists(server: &Server) {
    let keyword = json!({ "type": "keyword" });
    let mappings = json!({ "mappings": { "properties": {
        "timestamp": { "type": "date", "format": "date_optional_time||epoch_millis" },
        "id": keyword, "name": keyword, "status": keyword, "ip": keyword, "host": keyword } } });
    server.admin(Method::PUT, &format!("/{MONITORING}"), mappings.to_string()).await;
    let source = server.reader("inventory_index = 'wazuh-monitoring-*'");
    assert!(source.lists_all());
    let nobody = source.inventory(&window(Entities::All(9))).await.unwrap_err();
    assert_eq!(nobody.reason, SourceReason::NoIndex, "an empty list is none: {nobody}");
    let row = |id: &str, name: &str, at: DateTime<Utc>| {
        json!({ "timestamp": at, "id": id, "name": name, "status": "active", "group": ["default", "prod"],
                "node_name": "node01", "version": "Wazuh v4.14.5", "os": { "name": "Debian" } })
    };
    let new = json!({ "timestamp": ago(14), "id": "003", "name": "new", "status": "never_connected",
                      "group": "default", "node_name": "unknown" });
    let rows = [
        row("001", "old-name", ago(29)),
        row("001", "web-01", ago(14)),
        row("002", "db-01", ago(29)),
        row("004", "removed", ago(600)),
        new,
    ];
    server.add(MONITORING, rows.into_iter()).await;
    let listed = source.inventory(&window(Entities::All(9))).await.unwrap();
    let expected =
        [("001", "web-01", Some("node01")), ("002", "db-01", Some("node01")), ("003", "new", None)];
    assert_eq!(listed.iter().map(facts).collect::<Vec<_>>(), expected);
    assert_eq!(
        (listed[0].groups.join(","), listed[2].groups.join(",")),
        ("default,prod".into(), "default".into())
    );
    assert_eq!((listed[0].version.as_deref(), listed[2].version.as_deref()), (Some("v4.14.5"), None));
    let few = source.inventory(&window(Entities::Only(&["002", "009"]))).await.unwrap();
    assert_eq!(few, listed[1..2]);
    for index in ["wazuh-none-*", "wazuh-none"] {
        let other = server.reader(&format!("inventory_index = '{index}'"));
        let error = other.inventory(&window(Entities::All(9))).await.unwrap_err();
        eprintln!("    {error}");
        assert_eq!(error.reason, SourceReason::NoIndex, "{index}");
    }
}

/// What an agent said and what was said about it, the newest first.
pub async fn last_words(server: &Server) {
    let mut stopped = Document { rule: "506".into(), ..Document::disconnected("001", ago(2)) }.json();
    stopped["rule"]["description"] = json!("Wazuh agent \u{1b}stopped.\n");
    stopped["rule"]["groups"] = json!("wazuh");
    let mut bare = Document::log("001", ago(3)).json();
    bare["rule"] = Value::Null;
    let own = Document { groups: vec!["log_monitor".into()], ..Document::log("001", ago(1)) };
    let ordinary =
        [Document::log("001", ago(5)), Document::log("001", now()), Document::log("002", ago(2)), own];
    server.index(&ordinary).await;
    server.add(INDEX, [stopped, bare].into_iter()).await;
    let source = server.reader("");
    let words = source.last_words("001", ago(60), ago(1), 10).await.unwrap();
    let said: Vec<_> = words.iter().map(|word| (word.at, word.rule.as_str(), word.level)).collect();
    let expected = [(2, "506", 3), (3, "", 0), (5, "5501", 3)];
    assert_eq!(said, expected.map(|(minutes, rule, level)| (ago(minutes).timestamp_millis(), rule, level)));
    assert_eq!(
        (words[0].description.as_str(), words[0].groups.join(",")),
        ("Wazuh agent stopped.", "wazuh".into())
    );
    assert_eq!(words[2].groups, ["pam", "syslog"]);
    let since = source.last_words("001", ago(4), ago(1), 10).await.unwrap();
    assert_eq!(since, words[..2], "and none from before");
    assert_eq!(source.last_words("001", ago(60), now(), 1).await.unwrap()[0].at, now().timestamp_millis());
    assert_eq!(source.last_words("009\"}", ago(60), now(), 9).await, Ok(Vec::new()));
    let files = server.reader("entity_field = ['agent.id', 'location']");
    assert_eq!(files.last_words("001|wazuh-monitord", ago(60), now(), 9).await.unwrap(), words[..1]);
    assert_eq!(files.last_words("001", ago(60), ago(1), 9).await.unwrap(), words, "of all its logs");
    assert_eq!(
        files.last_words("web-01", ago(60), now(), 9).await,
        Ok(Vec::new()),
        "it is the key of nobody"
    );
    assert_eq!(
        server.reader("index = 'none-*'").last_words("001", ago(60), now(), 9).await.unwrap_err().reason,
        SourceReason::NoIndex
    );
}

/// Events and lists of Wazuh 5: data streams, which know neither `location` nor `rule`.
pub async fn wazuh_5(server: &Server) {
    let keyword = json!({ "type": "keyword" });
    let agent =
        json!({ "properties": { "id": keyword, "name": keyword, "groups": keyword, "version": keyword } });
    let wazuh = json!({ "properties": {
        "agent": agent,
        "cluster": { "properties": { "node": keyword } },
        "protocol": { "properties": { "location": keyword } },
        "integration": { "properties": { "name": keyword } } } });
    let mappings = json!({ "dynamic": "strict",
        "properties": { "@timestamp": { "type": "date" }, "wazuh": wazuh } });
    let template = json!({ "index_patterns": [EVENTS, METRICS], "priority": 9, "data_stream": {},
                           "template": { "mappings": mappings } });
    server.admin(Method::PUT, "/_index_template/wazuh-5", template.to_string()).await;
    let document = |id: &str, at: DateTime<Utc>| {
        let agent =
            json!({ "id": id, "name": format!("agent-{id}"), "groups": ["prod"], "version": "v5.0.0" });
        json!({ "@timestamp": at, "wazuh": { "agent": agent, "cluster": { "node": "node01" } } })
    };
    let about = |id: &str, part: &str, value: Value| {
        let mut document = document(id, now());
        document["wazuh"][part] = value;
        document
    };
    let events = [
        document("001", ago(5)),
        about("001", "protocol", json!({ "location": "/var/log/auth.log" })),
        document("002", ago(60)),
        about("003", "protocol", json!({ "location": "wazuh-monitord" })),
        about("004", "integration", json!({ "name": "wazuh-manager" })),
        about("005", "integration", json!({ "name": "log-monitor" })),
    ];
    // It may be there from another time.
    server.forget_streams().await;
    server.add(EVENTS, events.into_iter()).await;
    let source = server.reader("format = 'wazuh5'");
    let everybody = window(Entities::All(9));
    source.probe().await.unwrap();
    let newest = source.newest(&everybody).await.unwrap().newest;
    assert_eq!((newest.len(), newest[0].last_seen), (1, now().timestamp_millis()));
    let trusting = server.reader("format = 'wazuh5'\ncount_manager_documents = true");
    assert_eq!(trusting.newest(&everybody).await.unwrap().newest.len(), 4);
    assert_eq!(source.nodes(&everybody).await.unwrap()[0].node, "node01");
    let listed = source.inventory(&everybody).await.unwrap();
    assert_eq!(
        (facts(&listed[0]), listed[0].groups.join(",")),
        (("001", "agent-001", Some("node01")), "prod".into())
    );
    assert_eq!(source.last_words("001", ago(60), now(), 9).await.unwrap().len(), 2);
    assert_eq!(source.volumes(&everybody).await.unwrap()[0].count, 2);
    server.add(METRICS, ["001", "002", "003"].into_iter().map(|id| document(id, ago(9)))).await;
    let lists = server.reader(&format!("format = 'wazuh5'\ninventory_index = '{METRICS}'"));
    let listed = lists.inventory(&everybody).await.unwrap();
    assert_eq!(listed.iter().map(|agent| agent.key.as_str()).collect::<Vec<_>>(), ["001", "002", "003"]);
    assert_eq!(listed[2].version.as_deref(), Some("v5.0.0"));
}
