//! A hundred channels on one route, once all well and once with one that never answers: how long the others
//! take from the event to their call, at the 99th percentile. Run in turns; the ratio is of this run.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use log_monitor::clock::SystemClock;
use log_monitor::config::matcher::Matcher;
use log_monitor::config::{Group, Need, Reminders, Route, Step};
use log_monitor::dispatch::channel::{Channel, Channels};
use log_monitor::dispatch::{Delivering, Dispatcher};
use log_monitor::journal::Journal;
use log_monitor::journal::incidents::Subject;
use log_monitor::monitor::words;
use log_monitor::record::{Change, IncidentChange, Recorder};
use log_monitor_channels::{DeliveryError, Entity, EventKind, Notification, Notifier, Receipt, Severity};

const CHANNELS: usize = 100;
const EVENTS: usize = 100;
/// Between two events: the point is how long one takes, not how many can be.
const PACE: Duration = Duration::from_millis(50);
const TURNS: usize = 3;

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let (mut well, mut hanging) = (Vec::new(), Vec::new());
    for _ in 0..TURNS {
        well.push(runtime.block_on(p99(false)));
        hanging.push(runtime.block_on(p99(true)));
    }
    let (well, hanging) = (median(well), median(hanging));
    println!("p99 of {CHANNELS} channels that are well   {:.1} ms", well * 1e3);
    println!("p99 of the others while one hangs  {:.1} ms", hanging * 1e3);
    println!("ratio  {:.2} (wanted: about 1)", hanging / well);
}

/// Writes down how long after its event each call came, or never answers.
struct Endpoint {
    hangs: bool,
    waits: Arc<Mutex<Vec<f64>>>,
}

#[async_trait]
impl Notifier for Endpoint {
    async fn notify(&self, notification: &Notification) -> Result<Receipt, DeliveryError> {
        if self.hangs {
            std::future::pending::<()>().await;
        }
        let waited = chrono::Utc::now() - notification.events[0].at;
        self.waits.lock().unwrap().push(waited.as_seconds_f64());
        Ok(Receipt::line("taken"))
    }
}

/// In seconds.
async fn p99(one_hangs: bool) -> f64 {
    let folder = tempfile::tempdir().unwrap();
    let journal = Journal::open(&folder.path().join("journal.db")).unwrap();
    let waits = Arc::new(Mutex::new(Vec::new()));
    let routes = Arc::new(vec![route()]);
    let (_routes, in_force) = tokio::sync::watch::channel(routes.clone());
    let bus = log_monitor::bus::Bus::default();
    let clock = Arc::new(SystemClock);
    let recorder =
        Recorder { journal: journal.clone(), bus: bus.clone(), clock: clock.clone(), routes: in_force };
    let channel = |number| {
        let notifier = Box::new(Endpoint { hangs: one_hangs && number == 0, waits: waits.clone() });
        (
            name(number),
            Arc::new(Channel {
                kind: "bench",
                max_in_flight: 4,
                limits: Default::default(),
                keep_alive: None,
                notifier,
            }),
        )
    };
    let channels: Channels = (0..CHANNELS).map(channel).collect();
    let (_delivering, delivering) = tokio::sync::watch::channel(Delivering {
        routes,
        channels: Arc::new(channels),
        installation: "bench".into(),
        wording: Arc::default(),
    });
    let dispatcher = Dispatcher::new(journal, bus, clock, delivering, None).await.unwrap();
    let (_stop, stopped) = tokio::sync::watch::channel(false);
    let running = tokio::spawn(dispatcher.run(stopped));
    let all = EVENTS * (CHANNELS - usize::from(one_hangs));
    fall_silent(&recorder).await;
    until_all(&waits, all).await;
    running.abort();
    let mut waits = std::mem::take(&mut *waits.lock().unwrap());
    waits.sort_by(f64::total_cmp);
    waits[waits.len() * 99 / 100]
}

async fn fall_silent(recorder: &Recorder) {
    let mut pace = tokio::time::interval(PACE);
    for number in 0..EVENTS {
        pace.tick().await;
        let now = chrono::Utc::now();
        let mut event =
            words::about("default", EventKind::AgentSilent, Severity::Medium, now.timestamp_millis());
        event.entity = Some(Entity { id: format!("{number:03}"), label: format!("host-{number:03}") });
        recorder.record(vec![Change::event(IncidentChange::Open(Subject::Agent), event)]).await.unwrap();
    }
}

async fn until_all(waits: &Mutex<Vec<f64>>, count: usize) {
    let started = Instant::now();
    while waits.lock().unwrap().len() < count {
        assert!(started.elapsed() < Duration::from_secs(60), "only {}", waits.lock().unwrap().len());
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

fn name(number: usize) -> String {
    format!("channel-{number:02}")
}

/// All channels, each of which must take it; no budget.
fn route() -> Route {
    let step = Step {
        to: (0..CHANNELS).map(name).collect(),
        need: Need::All,
        fallback_after: Duration::from_secs(30),
        escalation: None,
    };
    Route {
        name: "catch_all".to_owned(),
        matcher: Matcher::default(),
        active: None,
        steps: vec![step],
        reminders: Reminders::default(),
        group: Group { burst: u32::MAX, interval: Duration::ZERO, ..Group::default() },
        quiet: None,
        stop: false,
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
