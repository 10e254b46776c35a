//! Prometheus Alertmanager at the same work, on the same machine: 10,000 distinct alerts, each a
//! message of its own to one webhook. It keeps everything in memory.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use log_monitor_channels::testing::{HttpServer, Reply};

/// What Debian and the project's own archives call it.
const NAMES: [&str; 2] = ["prometheus-alertmanager", "alertmanager"];

/// Its result, or `None` where it is not installed.
pub async fn deliver(count: usize) -> Option<super::Cost> {
    let receiver = HttpServer::counting(|_| Reply::new(200, "")).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let alertmanager = Alertmanager::start(folder.path(), &receiver.url("/hook")).await?;
    let alerts = alerts(count);

    let started = Instant::now();
    let client = reqwest::Client::new();
    let posted = client.post(alertmanager.url("/api/v2/alerts")).body(alerts);
    posted.header("content-type", "application/json").send().await.unwrap().error_for_status().unwrap();
    super::until_received(&receiver, count).await;
    let elapsed = started.elapsed();
    Some(super::Cost { elapsed, resident_mib: super::peak_mib(&alertmanager.process.id().to_string()) })
}

struct Alertmanager {
    process: Child,
    address: String,
}

impl Alertmanager {
    async fn start(folder: &Path, hook: &str) -> Option<Self> {
        let config = format!(
            "route: {{receiver: hook, group_by: ['...'], group_wait: 0s}}\n\
             receivers: [{{name: hook, webhook_configs: [{{url: '{hook}', send_resolved: false}}]}}]\n"
        );
        std::fs::write(folder.join("alertmanager.yml"), config).unwrap();
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let address = format!("127.0.0.1:{port}");
        let start = |name: &&str| {
            Command::new(name)
                .arg(format!("--config.file={}", folder.join("alertmanager.yml").display()))
                .arg(format!("--storage.path={}", folder.display()))
                .arg(format!("--web.listen-address={address}"))
                .arg("--cluster.listen-address=")
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn()
                .ok()
        };
        let alertmanager = Self { process: NAMES.iter().find_map(start)?, address };
        alertmanager.ready().await;
        Some(alertmanager)
    }

    async fn ready(&self) {
        let started = Instant::now();
        while !reqwest::get(self.url("/-/ready")).await.is_ok_and(|answer| answer.status().is_success()) {
            assert!(started.elapsed() < Duration::from_secs(30), "Alertmanager does not start");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }
}

impl Drop for Alertmanager {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn alerts(count: usize) -> String {
    let alert = |number| {
        serde_json::json!({
            "labels": {"alertname": "AgentSilent", "agent": format!("{number:05}")},
            "annotations": {"summary": format!("host-{number:05} stopped logging 16 min ago.")},
        })
    };
    serde_json::Value::from_iter((0..count).map(alert)).to_string()
}
