//! Detection over years of virtual time: seeded fleets with everything that goes wrong around them,
//! and an oracle of its own that says what must, may and must not be told.
//!
//! What a seed makes is always the same. More of them, or one again:
//!
//! ```text
//! LOG_MONITOR_SIMULATION_SEEDS=1000 cargo test --locked --test simulation
//! LOG_MONITOR_SIMULATION_SEED=17 cargo test --locked --test simulation
//! ```

mod index;
mod oracle;
mod scenario;
mod spans;
mod story;
mod world;

use std::sync::Arc;
use std::time::Instant;

use scenario::{Pace, Scenario};

/// The seeds to play: one again, so many, or as many as there are in the ordinary run.
fn seeds(ordinary: u64) -> std::ops::Range<u64> {
    let number = |name: &str| std::env::var(name).ok().map(|text| text.parse::<u64>().expect(name));
    match (number("LOG_MONITOR_SIMULATION_SEED"), number("LOG_MONITOR_SIMULATION_SEEDS")) {
        (Some(one), _) => one..one + 1,
        (None, many) => 0..many.unwrap_or(ordinary),
    }
}

fn play(pace: Pace, ordinary: u64) {
    let (begun, mut days, mut agents, mut told) = (Instant::now(), 0.0, 0, 0);
    for seed in seeds(ordinary) {
        let scenario = Arc::new(Scenario::new(seed, pace));
        let played = world::play(&scenario);
        if let Err(wrong) = oracle::check(&scenario, &played) {
            panic!("{}", story::tell(&scenario, &played, &wrong));
        }
        days += scenario.agent_days();
        agents += scenario.agents.len();
        told += played.told.len();
    }
    let years = days / 365.25;
    println!(
        "{agents} agents, {years:.1} agent-years, {told} events as they must be, in {:.1?}",
        begun.elapsed()
    );
}

#[test]
fn fleets_that_log_some_times_a_day_are_watched_for_years() {
    play(Pace::Slow, 18);
}

#[test]
fn thousands_of_agents_are_watched_for_months() {
    play(Pace::Many, 1);
}

#[test]
fn fleets_that_log_all_the_time_are_watched_for_days() {
    play(Pace::Fast, 8);
}
