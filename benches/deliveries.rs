//! 10,000 deliveries, from the event to the vendor's acceptance: each is journalled (with
//! `synchronous=FULL`), dispatched to a webhook on this machine and its acceptance journalled.
//!
//! Beside it, where it is installed, Alertmanager does the same in memory
//! (`apt-get install prometheus-alertmanager`); the ratios are of this run.

use std::sync::Arc;
use std::time::{Duration, Instant};

use log_monitor::clock::SystemClock;
use log_monitor::config::matcher::Matcher;
use log_monitor::config::{Group, Need, Reminders, Route, Step};
use log_monitor::dispatch::budget::Limits;
use log_monitor::dispatch::channel::{Channel, Channels};
use log_monitor::dispatch::{Delivering, Dispatcher};
use log_monitor::journal::Journal;
use log_monitor::journal::incidents::Subject;
use log_monitor::monitor::words;
use log_monitor::record::{Change, IncidentChange, Recorder};
use log_monitor_channels::conformance::build;
use log_monitor_channels::testing::{HttpServer, Reply};
use log_monitor_channels::webhook::Webhook;
use log_monitor_channels::{Entity, EventKind, Severity};

const DELIVERIES: usize = 10_000;

#[path = "reference/alertmanager.rs"]
mod alertmanager;

/// What it took.
struct Cost {
    elapsed: Duration,
    /// Peak resident memory.
    resident_mib: f64,
}

impl Cost {
    fn rate(&self) -> f64 {
        DELIVERIES as f64 / self.elapsed.as_secs_f64()
    }
}

fn main() {
    log_monitor_channels::http::install_tls_provider();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let ours = runtime.block_on(deliver());
    show("log-monitor", &ours);
    match runtime.block_on(alertmanager::deliver(DELIVERIES)) {
        Some(reference) => {
            show("Alertmanager", &reference);
            println!("rate     {:.2} of Alertmanager's (wanted: at least 1)", ours.rate() / reference.rate());
            let share = ours.resident_mib / reference.resident_mib;
            println!("memory   {share:.2} of Alertmanager's (wanted: at most 0.5)");
        }
        None => println!("Alertmanager is not installed here: nothing to compare with"),
    }
}

fn show(who: &str, cost: &Cost) {
    let seconds = cost.elapsed.as_secs_f64();
    println!(
        "{who:<13} {DELIVERIES} in {seconds:.2} s: {:.0} a second, {:.0} MiB",
        cost.rate(),
        cost.resident_mib
    );
}

async fn deliver() -> Cost {
    let receiver = HttpServer::counting(|_| Reply::new(200, "")).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let journal = Journal::open(&folder.path().join("journal.db")).unwrap();
    let (_routes, routes) = tokio::sync::watch::channel(Arc::new(vec![route()]));
    let recorder = Recorder {
        journal: journal.clone(),
        bus: log_monitor::bus::Bus::default(),
        clock: Arc::new(SystemClock),
        routes,
    };
    let notifier = build::<Webhook>(&format!("url = \"{}\"", receiver.url("/hook")));
    let channel = Arc::new(Channel {
        kind: "webhook",
        max_in_flight: 64,
        limits: Limits::default(),
        keep_alive: None,
        notifier,
    });
    let (_delivering, delivering) = tokio::sync::watch::channel(Delivering {
        routes: Arc::new(vec![route()]),
        channels: Arc::new(Channels::from([("hook".to_owned(), channel)])),
        wording: Arc::default(),
        installation: "bench".into(),
    });
    let bus = recorder.bus.clone();
    let dispatcher = Dispatcher::new(journal, bus, Arc::new(SystemClock), delivering, None).await.unwrap();

    let started = Instant::now();
    let (stop, stopped) = tokio::sync::watch::channel(false);
    let running = tokio::spawn(dispatcher.run(stopped));
    write(recorder).await;
    until_received(&receiver, DELIVERIES).await;
    // It stops when every acceptance is written down.
    stop.send_replace(true);
    running.await.unwrap();
    let cost = Cost { elapsed: started.elapsed(), resident_mib: peak_mib("self") };
    assert_eq!(receiver.count(), DELIVERIES, "every one arrived, and none twice");
    cost
}

async fn until_received(receiver: &HttpServer, count: usize) {
    let started = Instant::now();
    while receiver.count() < count {
        assert!(started.elapsed() < Duration::from_secs(120), "only {} arrived", receiver.count());
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

/// Every event is a transaction of its own, as if each agent fell silent in its own round.
async fn write(recorder: Recorder) {
    let mut tasks = tokio::task::JoinSet::new();
    for number in 0..DELIVERIES {
        let recorder = recorder.clone();
        tasks.spawn(async move {
            let now = chrono::Utc::now();
            let mut event =
                words::about("default", EventKind::AgentSilent, Severity::Medium, now.timestamp_millis());
            event.entity = Some(Entity { id: format!("{number:05}"), label: format!("host-{number:05}") });
            event.since = Some(now - chrono::TimeDelta::minutes(16));
            "No logs for 16 min.".clone_into(&mut event.detail);
            recorder.record(vec![Change::event(IncidentChange::Open(Subject::Agent), event)]).await.unwrap();
        });
    }
    tasks.join_all().await;
}

/// No budget: the point here is how fast messages can go, not how few they can be.
fn route() -> Route {
    Route {
        name: "catch_all".to_owned(),
        matcher: Matcher::default(),
        active: None,
        steps: vec![Step {
            to: vec!["hook".to_owned()],
            need: Need::Any,
            fallback_after: Duration::from_secs(30),
            escalation: None,
        }],
        reminders: Reminders::default(),
        group: Group { burst: u32::MAX, interval: Duration::ZERO, ..Group::default() },
        quiet: None,
        stop: false,
    }
}

/// Peak resident memory of a process, from /proc.
fn peak_mib(process: &str) -> f64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = peak.and_then(|line| line.trim().trim_end_matches(" kB").parse::<f64>().ok());
    kib.unwrap_or(f64::NAN) / 1024.0
}
