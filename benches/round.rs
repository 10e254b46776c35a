//! What one round costs the client, by the number of agents: `cargo bench --bench round`.
//!
//! Every stage is measured alone, in CPU time of this thread, at three sizes of fleet. Its growth
//! exponent must stay near 1: ten times the agents, ten times the work.

use std::collections::BTreeMap;
use std::hint::black_box;
use std::time::{Duration, Instant};

use chrono::DateTime;
use log_monitor::config::{Agent, Pipeline, Watch};
use log_monitor::journal::entities::{Logging, Part, Silence};
use log_monitor::monitor::fleet::{Changed, Fleet, Outcome};
use log_monitor::monitor::pipeline::{self, Fate};
use log_monitor::monitor::verdict::Transition;
use log_monitor::source::indexer::answer;
use log_monitor::source::indexer::wanted::Wanted;
use log_monitor::source::{Entities, Observation, Query};

const FLEETS: [usize; 3] = [1_000, 10_000, 100_000];

/// All stages of a round of 10,000 agents together.
const BUDGET: Duration = Duration::from_millis(15);

/// Resident memory with 100,000 agents.
const MEMORY_MIB: f64 = 64.0;

/// What others need for a round of 10,000 agents, in CPU time of the client, measured against the
/// same OpenSearch: one `_count` for each agent from Python, and ElastAlert 2 (flatline rule).
const OTHERS: [(&str, Duration); 2] =
    [("one query per agent", Duration::from_secs(37)), ("ElastAlert 2", Duration::from_millis(500))];

fn main() {
    // Before anything is measured again and again, which leaves holes in memory.
    reading(FLEETS[2])();
    judging(FLEETS[2])();
    let resident = resident_mib();
    println!("{:<18} {:>12} {:>12} {:>12}  growth", "stage", "1,000", "10,000", "100,000");
    let stages = [stage("read the answer", reading), stage("judge the fleet", judging)];
    let together = [0, 1, 2].map(|size| stages.iter().map(|costs| costs[size]).sum());
    show("a round", together);
    println!("growth wanted: at most 1.05");
    let round = together[1];
    println!("\na round of 10,000 agents: {round:.2?} of {BUDGET:?}");
    for (who, cost) in OTHERS {
        println!("  {:>7.0} times less than {who}", cost.as_secs_f64() / round.as_secs_f64());
    }
    let share = resident / MEMORY_MIB;
    println!("resident at most {resident:.0} MiB with 100,000 agents: {share:.2} of {MEMORY_MIB:.0} MiB");
}

/// Measures one stage for each size of fleet and prints its line. `prepare` makes what the stage
/// needs, outside of the measurement.
fn stage<W: FnMut()>(name: &str, prepare: impl Fn(usize) -> W) -> [Duration; 3] {
    // The least of several passes over all sizes: what else the machine does makes none of them faster.
    let passes: Vec<_> = (0..5).map(|_| FLEETS.map(|agents| cost_of(prepare(agents)))).collect();
    let least = |size: usize| passes.iter().map(|costs| costs[size]).min().unwrap_or_default();
    let costs = [0, 1, 2].map(least);
    show(name, costs);
    costs
}

/// A line: the costs, and the exponent by which they grow.
fn show(name: &str, costs: [Duration; 3]) {
    let fleets = FLEETS.map(|agents| agents as f64);
    let growth = (costs[2].as_secs_f64() / costs[0].as_secs_f64()).ln() / (fleets[2] / fleets[0]).ln();
    let shown = costs.map(|cost| format!("{cost:.2?}"));
    println!("{name:<18} {:>12} {:>12} {:>12}  {growth:.3}", shown[0], shown[1], shown[2]);
}

/// The mean over as many runs as the clock needs to be exact: the kernel counts CPU time in ticks of
/// some milliseconds.
fn cost_of(mut work: impl FnMut()) -> Duration {
    work();
    let (start, mut runs) = (cpu_time(), 0);
    loop {
        work();
        runs += 1;
        let spent = cpu_time().saturating_sub(start);
        if spent > Duration::from_millis(300) {
            return spent / runs;
        }
    }
}

/// CPU time of this thread, in nanoseconds (Linux, proc(5)); elsewhere the time that passed.
fn cpu_time() -> Duration {
    let started = std::sync::LazyLock::force(&STARTED);
    let schedstat = std::fs::read_to_string("/proc/thread-self/schedstat").ok();
    let nanoseconds = schedstat.and_then(|text| text.split(' ').next()?.parse().ok());
    nanoseconds.map_or_else(|| started.elapsed(), Duration::from_nanos)
}

static STARTED: std::sync::LazyLock<Instant> = std::sync::LazyLock::new(Instant::now);

/// Reading an answer as OpenSearch 2.19 sends it with our `filter_path`.
fn reading(agents: usize) -> impl FnMut() {
    let body = answer_of(agents);
    let at = |millis| DateTime::from_timestamp_millis(millis).unwrap();
    let query = Query { from: at(NOW - 600_000), to: at(NOW), entities: Entities::All(agents) };
    let wanted = Wanted::by(&query);
    move || {
        let page = answer::read(black_box(&body), |bucket| wanted.observation(bucket)).unwrap();
        assert_eq!(page.found.len(), agents);
        black_box(page);
    }
}

/// What the monitor does with an answer: take the times in, take who is due off the heap, judge, put
/// back. A hundredth of the fleet after the other pauses for 17 rounds of a minute, one more than the
/// 16 minutes that are allowed: in every round one of a hundred falls silent and one is back.
fn judging(agents: usize) -> impl FnMut() {
    let hundredth = agents / 100;
    let mut newest: Vec<Observation> = (0..100)
        .flat_map(|group| (group..agents).step_by(100))
        .map(|agent| Observation { key: format!("{agent:03}").into(), last_seen: 0 })
        .collect();
    let (mut fleet, _) = Fleet::new(&watch(agents), Vec::new());
    let (mut now, mut round) = (NOW, 0);
    move || {
        (now, round) = (now + 60_000, round + 1);
        newest.iter_mut().for_each(|seen| seen.last_seen = now);
        // Who pauses is a run of groups that moves on by one each round.
        newest.rotate_left(hundredth);
        fleet.observe(black_box(&newest[17 * hundredth..]), None, now, now);
        let mut suspects = fleet.take_due(now);
        suspects.extend(fleet.silent());
        let changed = fleet.judge(&suspects, now);
        assert!(round < 20 || changed.len() == 2 * hundredth);
        let sorted = pipeline::sort(&fleet, &changed, &BTreeMap::new(), &Pipeline::default(), now);
        let outcomes: Vec<_> =
            changed.iter().zip(&sorted.fates).map(|(one, fate)| outcome(one, fate, now)).collect();
        fleet.settle(&suspects, black_box(&outcomes), now);
    }
}

fn outcome(changed: &Changed, fate: &Fate, now: i64) -> (usize, Outcome) {
    assert_eq!(*fate, Fate::Told, "a hundredth of a fleet is no stall");
    let outcome = match changed.transition {
        Transition::Recovered { .. } => Outcome::Fresh,
        _ => Outcome::Silent(Silence {
            incident: 1,
            opened: now,
            worsened: None,
            part: Part::Alone,
            logging: Logging::No,
        }),
    };
    (changed.at, outcome)
}

/// All agents of one policy, the default one.
fn watch(agents: usize) -> Watch {
    let agent = |number| Agent::in_file(&format!("{number:03}"), &format!("host-{number:05}"));
    Watch {
        name: "default".to_owned(),
        source: "wazuh".to_owned(),
        also: Vec::new(),
        beside: Vec::new(),
        agent_file: None,
        discover: None,
        agents: (0..agents).map(agent).collect(),
        interval: Duration::from_secs(900),
        grace: Duration::from_secs(60),
        poll: Duration::from_secs(60),
        intervals: BTreeMap::new(),
        classes: Vec::new(),
        maintenance: Vec::new(),
        pipeline: Pipeline::default(),
        dependencies: Vec::new(),
        suspicion: Default::default(),
        min_events: None,
    }
}

/// Peak resident memory of this process, from /proc.
fn resident_mib() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = peak.and_then(|line| line.trim().trim_end_matches(" kB").parse::<f64>().ok());
    kib.unwrap_or(f64::NAN) / 1024.0
}

const NOW: i64 = 1_767_226_200_000;

fn answer_of(agents: usize) -> Vec<u8> {
    let mut body = String::from(
        r#"{"took":113,"timed_out":false,"_shards":{"total":3,"successful":3,"skipped":0,"failed":0},"#,
    );
    body += r#""aggregations":{"entities":{"sum_other_doc_count":0,"buckets":["#;
    for agent in 0..agents {
        let comma = if agent == 0 { "" } else { "," };
        let last = NOW - (agent as i64 * 7919) % 600_000;
        // As the server writes a number: 1.767226123456E12.
        body += &format!("{comma}{{\"key\":\"{agent:03}\",\"last\":{{\"value\":{:E}}}}}", last as f64);
    }
    body += "]}}}";
    body.into_bytes()
}
