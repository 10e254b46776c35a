//! Kind `syslog` against a real rsyslog, which says how it understood what it got.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use log_monitor_channels::conformance::{build, hostile, oversize, sample};
use log_monitor_channels::syslog::Syslog;
use log_monitor_channels::{DeliveryError, Event, Notification, Notifier, Reason, Severity};
use serde_json::{Value, json};

/// A running rsyslog, stopped on drop.
struct Rsyslog {
    folder: tempfile::TempDir,
    port: u16,
}

fn script() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/real/rsyslog.sh")
}

/// Two neighbouring ports that are free now.
fn free_ports() -> u16 {
    loop {
        let first = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = first.local_addr().unwrap().port();
        if port < u16::MAX && TcpListener::bind(("127.0.0.1", port + 1)).is_ok() {
            return port;
        }
    }
}

impl Rsyslog {
    fn start() -> Self {
        let rsyslog = Self { folder: tempfile::tempdir().unwrap(), port: free_ports() };
        let mut start = Command::new(script());
        start.arg("start").arg(rsyslog.folder.path()).arg(rsyslog.port.to_string());
        assert!(start.status().unwrap().success(), "rsyslog did not start: see tests/README.md");
        rsyslog
    }

    fn channel(&self, transport: &str) -> Box<dyn Notifier> {
        let (port, more) = match transport {
            "tls" => (self.port + 1, format!("ca_file = {:?}", self.folder.path().join("ca.pem"))),
            _ => (self.port, String::new()),
        };
        build::<Syslog>(&format!("host = \"127.0.0.1\"\ntransport = {transport:?}\nport = {port}\n{more}"))
    }

    /// What it wrote, once there are so many.
    async fn written(&self, count: usize) -> Vec<Value> {
        let deadline = Instant::now() + Duration::from_secs(20);
        loop {
            let text = std::fs::read_to_string(self.folder.path().join("messages")).unwrap_or_default();
            if text.lines().count() >= count && text.ends_with('\n') {
                return text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
            }
            assert!(Instant::now() < deadline, "{count} messages never came:\n{text}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

impl Drop for Rsyslog {
    fn drop(&mut self) {
        let stopped = Command::new(script()).arg("stop").arg(self.folder.path()).status();
        assert!(stopped.unwrap().success(), "rsyslog did not stop");
    }
}

#[tokio::test]
#[ignore = "needs rsyslog: see tests/README.md"]
async fn every_message_is_understood_by_udp_tcp_and_tls() {
    let rsyslog = Rsyslog::start();
    let mut odd = sample();
    odd.events[0].scope = "a\"] [evil@1 x=\"\\".to_owned();
    odd.title = "Wächter: 007".to_owned();
    let mut group = sample();
    group.events.push(Event { severity: Severity::Critical, ..group.events[0].clone() });
    let mut count = 0;
    for transport in ["udp", "tcp", "tls"] {
        let channel = rsyslog.channel(transport);
        channel.probe().await.unwrap();
        for (message, messages) in
            [(sample(), 1), (odd.clone(), 1), (hostile(), 1), (oversize(), 1), (group.clone(), 2)]
        {
            channel.notify(&message).await.unwrap();
            count += messages;
        }
        // Each message is one line; so far none broke in two, or took the next one with it.
        let written = rsyslog.written(count).await;
        let [everyday, odd, hostile, long, .., critical] = &written[count - 6..] else { unreachable!() };
        let facts = &everyday["rfc5424-sd"]["log-monitor@32473"];
        assert_eq!(facts["entity_id"], "007", "{transport}: {everyday}");
        assert_eq!(facts["key"], sample().idempotency_key);
        assert_eq!(everyday["rfc5424-sd"]["labels@32473"], json!({ "site": "MIL" }));
        let head = ["pri", "hostname", "app", "msgid", "time"].map(|key| everyday[key].as_str().unwrap());
        assert_eq!(head[..4], ["132", "test", "log-monitor", "agent_silent"]);
        assert!(head[4].starts_with("2026-01-01T00:00:00"), "{head:?}");
        let text = "Silent: 007 db-03, no logs for 16 min | No logs for 16 min. | Agent: 007 db-03";
        assert_eq!(everyday["msg"], text);
        assert_eq!(odd["rfc5424-sd"]["log-monitor@32473"]["scope"], "a\"] [evil@1 x=\"\\", "{odd}");
        assert!(odd["msg"].as_str().unwrap().contains("Wächter: 007"), "{odd}");
        assert!(hostile["msg"].as_str().unwrap().contains("Bcc: x@evil.example <script>"), "{hostile}");
        assert!(long["msg"].as_str().unwrap().ends_with('…'), "{long}");
        assert_eq!(critical["pri"], "130");
    }
}

#[tokio::test]
#[ignore = "needs rsyslog: see tests/README.md"]
async fn a_certificate_of_an_unknown_authority_is_refused() {
    let rsyslog = Rsyslog::start();
    let table = format!("host = \"127.0.0.1\"\ntransport = \"tls\"\nport = {}", rsyslog.port + 1);
    let error = build::<Syslog>(&table).notify(&sample()).await.unwrap_err();
    let expected = "TLS: the server's certificate is from an unknown authority; name it with `ca_file`";
    assert_eq!(error, DeliveryError::transient(Reason::Tls, expected));
}

#[tokio::test]
#[ignore = "needs rsyslog: see tests/README.md"]
async fn a_large_group_arrives_whole_and_in_order() {
    let rsyslog = Rsyslog::start();
    let event = |number: i64| Event { incident: Some(number), ..sample().events.remove(0) };
    let group = Notification { events: (0..500).map(event).collect(), ..sample() };
    rsyslog.channel("tls").notify(&group).await.unwrap();
    let written = rsyslog.written(500).await;
    let number =
        |message: &Value| message["rfc5424-sd"]["log-monitor@32473"]["incident"].as_str().unwrap().parse();
    let numbers: Vec<i64> = written.iter().map(|message| number(message).unwrap()).collect();
    assert_eq!(numbers, (0..500).collect::<Vec<_>>());
}
