//! What it costs to find the routes of one event among a thousand: `cargo bench --bench routing`.
//!
//! Beside it, in the same run, the least that any list of a thousand costs: one comparison of text for
//! each.

use std::hint::black_box;
use std::time::{Duration, Instant};

use log_monitor::config::matcher::Matcher;
use log_monitor::config::{Group, Need, Reminders, Route, Step};
use log_monitor::dispatch::router;
use log_monitor::monitor::words;
use log_monitor_channels::{Entity, Event, EventKind, Severity};

const ROUTES: usize = 1000;
const BUDGET: Duration = Duration::from_micros(50);

fn main() {
    let routes: Vec<Route> = (0..ROUTES).map(route).collect();
    let event = event();
    assert_eq!(router::select(&routes, &event).len(), 2, "the route of the site, and that of the name");
    let routing = best(|| {
        black_box(router::select(black_box(&routes), black_box(&event)));
    });
    let names: Vec<String> = (0..ROUTES).map(|number| format!("S{number:04}")).collect();
    let plain = best(|| {
        let site = black_box(&event.labels["site"]);
        black_box(names.iter().filter(|name| *name == site).count());
    });
    let (share, ratio) =
        (routing.as_secs_f64() / BUDGET.as_secs_f64(), routing.as_secs_f64() / plain.as_secs_f64());
    println!("{ROUTES} routes, one event   {routing:>9.2?}   {share:.2} of {BUDGET:?}");
    println!("{ROUTES} comparisons of text {plain:>9.2?}   routing costs {ratio:.0} times that");
}

/// The fastest of many batches, for one run: what else the machine does makes none of them faster.
fn best(mut work: impl FnMut()) -> Duration {
    const BATCH: u32 = 100;
    let batch = |work: &mut dyn FnMut()| {
        let start = Instant::now();
        (0..BATCH).for_each(|_| work());
        start.elapsed() / BATCH
    };
    (0..200).map(|_| batch(&mut work)).min().unwrap_or_default()
}

/// Routes as people write them: by site and severity, by name and group.
fn route(number: usize) -> Route {
    let matcher = match number {
        _ if number == ROUTES - 1 => Matcher::default(),
        _ if number.is_multiple_of(2) => Matcher::new([
            ("severity", vec!["high".to_owned(), "critical".to_owned()]),
            ("site", vec![format!("S{number:04}")]),
        ]),
        _ => Matcher::new([("group", vec!["linux".to_owned()]), ("name", vec![format!("fw-{number:04}-*")])]),
    };
    let step = Step {
        to: vec!["soc".to_owned()],
        need: Need::Any,
        fallback_after: Duration::from_secs(30),
        escalation: None,
    };
    Route {
        name: format!("route {number}"),
        matcher,
        active: None,
        steps: vec![step],
        reminders: Reminders::default(),
        group: Group::default(),
        quiet: None,
        stop: false,
    }
}

fn event() -> Event {
    let labels = [("site", "S0500"), ("group", "default,linux")];
    Event {
        entity: Some(Entity { id: "001".to_owned(), label: "fw-0501-a".to_owned() }),
        labels: labels.map(|(key, value)| (key.to_owned(), value.to_owned())).into(),
        ..words::about("default", EventKind::AgentSilent, Severity::High, 0)
    }
}
