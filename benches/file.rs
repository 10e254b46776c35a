//! How fast source `file` reads, on one core: `cargo bench --bench file`.
//!
//! The same 100,000 alerts of realistic forms are read in CPU time, in one run, in five ways: all of
//! their bytes in memory, and their newlines there, which nothing that reads lines can beat; by the
//! source, from a file in the page cache to its answer; by its reader of lines alone; and by serde_json
//! into a struct that borrows and skips all unknown fields. Then each form alone.

#[path = "alerts/mod.rs"]
mod alerts;

use std::borrow::Cow;
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
    let text = alerts::lines(ALERTS, AGENTS, now, None);
    println!("{ALERTS} alerts of {AGENTS} agents, {} bytes each on average", text.len() / ALERTS);
    let memory = best(|| scan(&text));
    let newlines = best(|| memchr::memchr_iter(b'\n', black_box(text.as_bytes())).count());
    let source = source_of(&text, now);
    println!("{:<28} {:>8} {:>10} {:>12}", "", "MB/s", "of memory", "of newlines");
    for (name, time) in [
        ("all bytes in memory", memory),
        ("newlines in memory", newlines),
        ("the source, file to answer", source),
        ("its reader of lines", best(|| read(&text))),
        ("serde_json, borrowed struct", best(|| parse(&text))),
    ] {
        let part = |limit: Duration| 100.0 * limit.as_secs_f64() / time.as_secs_f64();
        println!("{name:<28} {:>8.0} {:>9.1}% {:>11.1}%", rate(&text, time), part(memory), part(newlines));
    }
    for (name, percent, _) in alerts::FORMS {
        let text = alerts::lines(ALERTS / 5, AGENTS, now, Some(name));
        let (bytes, time) = (5 * text.len() / ALERTS, best(|| 5 * read(&text)));
        println!("{percent:>3}% {name:<21} {bytes:>5} bytes: its reader {:>6.0} MB/s", rate(&text, time));
    }
    println!("the source: {:.2} of the {WANTED:.0} MB/s wanted", rate(&text, source) / WANTED);
}

fn rate(text: &str, time: Duration) -> f64 {
    text.len() as f64 / 1e6 / time.as_secs_f64()
}

/// The shortest of several runs; each must give the number of all alerts.
fn best(mut work: impl FnMut() -> usize) -> Duration {
    let mut run = || {
        let start = cpu_time();
        assert_eq!(work(), ALERTS);
        cpu_time().saturating_sub(start)
    };
    (0..9).map(|_| run()).min().unwrap_or_default()
}

/// CPU time of all threads (Linux, proc(5)); elsewhere the time that passed. The source reads on one.
fn cpu_time() -> Duration {
    let started = std::sync::LazyLock::force(&STARTED);
    let of_thread = |task: std::io::Result<std::fs::DirEntry>| {
        let text = std::fs::read_to_string(task.ok()?.path().join("schedstat")).ok()?;
        text.split(' ').next()?.parse::<u64>().ok()
    };
    let tasks = std::fs::read_dir("/proc/self/task").ok();
    let nanoseconds = tasks.map(|tasks| tasks.filter_map(of_thread).sum());
    nanoseconds.filter(|spent| *spent > 0).map_or_else(|| started.elapsed(), Duration::from_nanos)
}

static STARTED: std::sync::LazyLock<Instant> = std::sync::LazyLock::new(Instant::now);

/// Looks at every byte as fast as memory gives it.
fn scan(text: &str) -> usize {
    let (words, _) = black_box(text.as_bytes()).as_chunks::<8>();
    black_box(words.iter().fold(0, |all, word| all ^ u64::from_le_bytes(*word)));
    ALERTS
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
    let mut reader = Reader::new(&["agent.id".to_owned()], false);
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
