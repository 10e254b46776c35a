//! A started OpenSearch or Elasticsearch, and what is in it.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use log_monitor::simulation::Document;
use log_monitor::source::indexer::{Indexer, IndexerConfig};
use log_monitor::source::{Source, SourceContext, SourceKind};
use reqwest::{Certificate, Client, Method};
use serde_json::{Value, json};

pub const INDEX: &str = "wazuh-alerts-4.x-2026.01.01";

/// The port of engines without users; the one with users has the script's own.
const PLAIN_PORT: &str = "19210";

/// A started server, and how to reach it.
pub struct Server {
    pub env: HashMap<String, String>,
    admin: Client,
    /// The folder to stop when the test is over; `None` = somebody else's server.
    ours: Option<PathBuf>,
}

fn script(arguments: &[&str]) -> String {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/real/opensearch.sh");
    let output = Command::new("sh").arg(path).args(arguments).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

impl Server {
    /// Uses the one that was started into `LOG_MONITOR_TEST_OPENSEARCH`, or starts its own.
    pub fn start() -> Self {
        match std::env::var_os("LOG_MONITOR_TEST_OPENSEARCH").map(PathBuf::from) {
            Some(given) => Self::start_in(&given, &[], None),
            None => Self::start_ours("log-monitor-test-opensearch", &[]),
        }
    }

    /// Starts another engine, without users.
    pub fn start_plain(engine: &str) -> Self {
        Self::start_ours(&format!("log-monitor-test-{engine}"), &[PLAIN_PORT, engine])
    }

    fn start_ours(name: &str, more: &[&str]) -> Self {
        let folder = std::env::temp_dir().join(name);
        Self::start_in(&folder, more, Some(folder.clone()))
    }

    fn start_in(folder: &Path, more: &[&str], ours: Option<PathBuf>) -> Self {
        let env = script(&[&["start", folder.to_str().unwrap()], more].concat());
        let env: HashMap<_, _> = env
            .lines()
            .filter_map(|line| line.split_once('='))
            .map(|(key, value)| (key.to_owned(), value.to_owned()))
            .collect();
        let pem = env.get("OPENSEARCH_CA").map(|path| std::fs::read(path).unwrap());
        let ca = pem.map(|pem| Certificate::from_pem(&pem).unwrap());
        let admin = log_monitor_channels::http::client_builder().tls_certs_merge(ca).build().unwrap();
        Self { env, admin, ours }
    }

    /// Asks as the administrator, and insists on success.
    pub async fn admin(&self, method: Method, path: &str, body: String) -> Value {
        let request = self.admin.request(method, format!("{}{path}", self.env["OPENSEARCH_URL"]));
        let request = match self.env.get("OPENSEARCH_ADMIN") {
            Some(password) => request.basic_auth("admin", Some(password)),
            None => request,
        };
        let response = request.header("content-type", "application/json").body(body).send().await.unwrap();
        let status = response.status();
        let answer: Value = response.json().await.unwrap();
        assert!(status.is_success() && answer["errors"] != true, "{path}: {status} {answer}");
        answer
    }

    pub async fn set_max_buckets(&self, limit: Value) {
        let settings = json!({ "transient": { "search.max_buckets": limit } });
        self.admin(Method::PUT, "/_cluster/settings", settings.to_string()).await;
    }

    /// The mappings of Wazuh's own template, as far as a source reads them, and empty indices.
    pub async fn prepare(&self) {
        self.admin(Method::DELETE, "/wazuh-*,secret-*", String::new()).await;
        let keyword = json!({ "type": "keyword" });
        let mappings = json!({ "date_detection": false, "properties": {
            "timestamp": { "type": "date", "format": "date_optional_time||epoch_millis" },
            "agent": { "properties": { "id": keyword, "name": keyword } },
            "rule": { "properties": { "id": keyword, "groups": keyword } },
            "predecoder": { "properties": { "hostname": keyword } },
            "cluster": { "properties": { "node": keyword } },
            "location": keyword,
            "full_log": { "type": "text" },
        } });
        let patterns = json!(["wazuh-alerts-4.x-*", "wazuh-archives-4.x-*"]);
        let template = json!({ "index_patterns": patterns, "order": 0, "mappings": mappings,
                               "settings": { "number_of_shards": 3, "number_of_replicas": 0 } });
        self.admin(Method::PUT, "/_template/wazuh", template.to_string()).await;
        for index in [INDEX, "secret-1"] {
            self.admin(Method::PUT, &format!("/{index}"), String::new()).await;
        }
        // What becomes of a field when the template is missing.
        let text = json!({ "mappings": { "properties": {
            "timestamp": { "type": "date" }, "agent": { "properties": { "id": { "type": "text" } } } } } });
        self.admin(Method::PUT, "/wazuh-untemplated", text.to_string()).await;
    }

    /// Removes all data streams of Wazuh 5.
    pub async fn forget_streams(&self) {
        self.admin(Method::DELETE, "/_data_stream/wazuh-*", String::new()).await;
    }

    /// Replaces what is in the index.
    pub async fn index(&self, documents: &[Document]) {
        self.admin(Method::DELETE, &format!("/{INDEX}"), String::new()).await;
        self.add(INDEX, documents.iter().map(Document::json)).await;
    }

    /// Adds documents to an index or data stream, which need not exist.
    pub async fn add(&self, index: &str, documents: impl Iterator<Item = Value>) {
        let action = json!({ "create": { "_index": index } });
        let lines: String = documents.map(|document| format!("{action}\n{document}\n")).collect();
        self.admin(Method::POST, "/_bulk?refresh=true", lines).await;
    }

    pub fn source(&self, keys: &str) -> Box<dyn Source> {
        let ca =
            self.env.get("OPENSEARCH_CA").map(|path| format!("ca_file = {path:?}\n")).unwrap_or_default();
        source(&format!("url = {:?}\n{ca}{keys}", self.env["OPENSEARCH_URL"]))
    }

    /// As the user with minimal rights, if there are users.
    pub fn reader(&self, keys: &str) -> Box<dyn Source> {
        let password = self.env.get("OPENSEARCH_READER");
        let login = password.map(|password| format!("username = 'reader'\npassword = {password:?}\n"));
        self.source(&format!("{}{keys}", login.unwrap_or_default()))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(folder) = &self.ours {
            script(&["stop", folder.to_str().unwrap()]);
        }
    }
}

pub fn source(table: &str) -> Box<dyn Source> {
    let config: IndexerConfig = toml::from_str(table).unwrap();
    Indexer::build(config, &SourceContext { name: "wazuh".into() }).unwrap()
}
