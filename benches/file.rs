//! How fast source `file` reads, on one core: `cargo bench --bench file`.
//!
//! The same 100,000 alerts, about 1 KiB each, are read four ways in one run: looked through for
//! newlines in memory, which nothing that reads lines can beat; by the source, from a file in the
//! page cache to its answer; by its reader of lines alone; and by serde_json into a struct that
//! borrows and skips all unknown fields.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::hint::black_box;
use std::time::{Duration, Instant};

use chrono::{DateTime, TimeDelta, Utc};
use log_monitor::source::file::LogFile;
use log_monitor::source::file::line::{Line, Reader};
use log_monitor::source::{Entities, Query, Source, SourceContext, SourceKind};
use serde::Deserialize;

const ALERTS: usize = 100_000;
const AGENTS: usize = 1_000;
const WANTED: f64 = 1000.0;

fn main() {
    let now = Utc::now();
    let alerts = alerts(now);
    println!("{ALERTS} alerts of {AGENTS} agents, {} bytes each on average", alerts.len() / ALERTS);
    let newlines = best(|| memchr::memchr_iter(b'\n', black_box(alerts.as_bytes())).count());
    let source = source_of(&alerts, now);
    let reader = best(|| read(&alerts));
    let serde = best(|| parse(&alerts));
    let rate = |time: Duration| alerts.len() as f64 / 1e6 / time.as_secs_f64();
    println!("{:<28} {:>8} {:>12} {:>9}", "", "MB/s", "of newlines", "of serde");
    for (name, time) in [
        ("newlines in memory", newlines),
        ("the source, file to answer", source),
        ("its reader of lines", reader),
        ("serde_json, borrowed struct", serde),
    ] {
        let (limit, parser) = (rate(time) / rate(newlines), rate(time) / rate(serde));
        println!("{name:<28} {:>8.0} {:>11.1}% {parser:>8.2}x", rate(time), limit * 100.0);
    }
    println!("the source: {:.2} of the {WANTED:.0} MB/s wanted", rate(source) / WANTED);
}

/// The shortest of several runs; each must give the number of all alerts.
fn best(mut work: impl FnMut() -> usize) -> Duration {
    let mut run = || {
        let start = Instant::now();
        assert_eq!(work(), ALERTS);
        start.elapsed()
    };
    (0..9).map(|_| run()).min().unwrap_or_default()
}

/// A new source each time, so that it reads the whole file.
fn source_of(alerts: &str, now: DateTime<Utc>) -> Duration {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("alerts.json");
    std::fs::write(&path, alerts).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let context = SourceContext { name: "bench".to_owned() };
    let query = Query { from: now - TimeDelta::hours(1), to: now, entities: Entities::All(AGENTS) };
    best(|| {
        let config = toml::from_str(&format!("path = {path:?}")).unwrap();
        let source: Box<dyn Source> = LogFile::build(config, &context).unwrap();
        let answer = runtime.block_on(source.newest(&query)).unwrap();
        answer.newest.len() * (ALERTS / AGENTS)
    })
}

fn read(alerts: &str) -> usize {
    let mut reader = Reader::new("agent.id", false);
    let is_document = |line: &&str| matches!(reader.read(line.as_bytes()), Line::Document(_));
    alerts.lines().filter(is_document).count()
}

#[derive(Deserialize)]
struct Alert<'a> {
    #[serde(borrow)]
    timestamp: Cow<'a, str>,
    #[serde(borrow)]
    agent: Agent<'a>,
    #[serde(borrow)]
    location: Cow<'a, str>,
}

#[derive(Deserialize)]
struct Agent<'a> {
    #[serde(borrow)]
    id: Cow<'a, str>,
}

fn parse(alerts: &str) -> usize {
    let is_document = |line: &&str| {
        let alert: Alert<'_> = serde_json::from_str(line).unwrap();
        !black_box((alert.timestamp, alert.agent.id, alert.location)).1.is_empty()
    };
    alerts.lines().filter(is_document).count()
}

/// Alerts of the last ten minutes in the form of Wazuh 4.x.
fn alerts(now: DateTime<Utc>) -> String {
    let mut text = String::new();
    for number in 0..ALERTS {
        let at = now - TimeDelta::milliseconds(((ALERTS - number) * 6) as i64);
        alert(&mut text, number, &at.format("%Y-%m-%dT%H:%M:%S%.3f%z").to_string());
    }
    text
}

fn alert(text: &mut String, number: usize, at: &str) {
    // A prime: neighbours in the file are of different agents.
    let agent = number * 7919 % AGENTS;
    let (port, source) = (1024 + number % 60_000, number % 250);
    let log = format!(
        "Jan  7 10:00:00 host-{agent:05} sshd[{number}]: Failed password for invalid user \\\"admin{number}\\\" from \
         198.51.100.{source} port {port} ssh2"
    );
    let _ = writeln!(
        text,
        "{{\"timestamp\":\"{at}\",\"rule\":{{\"level\":5,\"description\":\"sshd: Attempt to login using a non-existent \
         user\",\"id\":\"5710\",\"mitre\":{{\"id\":[\"T1110.001\",\"T1021.004\"],\"tactic\":[\"Credential Access\",\
         \"Lateral Movement\"],\"technique\":[\"Password Guessing\",\"SSH\"]}},\"firedtimes\":{number},\"mail\":false,\
         \"groups\":[\"syslog\",\"sshd\",\"authentication_failed\",\"invalid_login\"],\"gdpr\":[\"IV_35.7.d\",\
         \"IV_32.2\"],\"gpg13\":[\"7.1\"],\"hipaa\":[\"164.312.b\"],\"nist_800_53\":[\"AU.14\",\"AC.7\",\"AU.6\"],\
         \"pci_dss\":[\"10.2.4\",\"10.2.5\",\"10.6.1\"],\"tsc\":[\"CC6.1\",\"CC6.8\",\"CC7.2\",\"CC7.3\"]}},\
         \"agent\":{{\"id\":\"{agent:03}\",\"name\":\"host-{agent:05}\",\"ip\":\"10.0.{}.{}\"}},\
         \"manager\":{{\"name\":\"wazuh-manager\"}},\"id\":\"1767225600.{number}\",\"cluster\":{{\"name\":\"wazuh\",\
         \"node\":\"node01\"}},\"full_log\":\"{log}\",\"predecoder\":{{\"program_name\":\"sshd\",\
         \"timestamp\":\"Jan  7 10:00:00\",\"hostname\":\"host-{agent:05}\"}},\"decoder\":{{\"parent\":\"sshd\",\
         \"name\":\"sshd\"}},\"data\":{{\"srcip\":\"198.51.100.{source}\",\"srcport\":\"{port}\",\
         \"srcuser\":\"admin{number}\"}},\"location\":\"/var/log/auth.log\"}}",
        agent / 250,
        agent % 250,
    );
}
