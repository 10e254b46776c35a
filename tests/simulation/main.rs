//! Detection over years of virtual time: seeded fleets with everything that goes wrong around them,
//! and an oracle of its own that says what must, may and must not be told.
//!
//! What a seed makes is always the same. More of them, or one again:
//!
//! ```text
//! LOG_MONITOR_SIMULATION_SEEDS=1000 cargo test --locked --test simulation
//! LOG_MONITOR_SIMULATION_PACE=Fast LOG_MONITOR_SIMULATION_SEED=17 cargo test --locked --test simulation
//! ```

mod games;
mod index;
mod oracle;
mod register;
mod scenario;
mod spans;
mod story;
mod vendors;
mod world;

use games::Played;
use scenario::Pace;

/// Fleets of thousands over months, of hundreds over months, and of dozens that log all the time, without and
/// with people who are told: so many seeds of each are the ordinary run.
const ORDINARY: [(Pace, u64); 4] = [(Pace::Many, 1), (Pace::Slow, 14), (Pace::Fast, 8), (Pace::Told, 3)];

/// What the ordinary run must add up to.
const AGENT_YEARS: f64 = 1000.0;

#[test]
fn fleets_are_watched_for_a_thousand_years_without_a_false_word_or_a_missing_one() {
    let choice = games::Choice::of_environment();
    let begun = std::time::Instant::now();
    let played = games::play(choice.of(&ORDINARY));
    let years: f64 = played.iter().map(|one| one.agent_days).sum::<f64>() / 365.25;
    let sum = |count: fn(&Played) -> usize| played.iter().map(count).sum::<usize>();
    println!(
        "{} agents, {years:.1} agent-years, {} events as they must be, in {:.1?}",
        sum(|one| one.agents),
        sum(|one| one.told),
        begun.elapsed()
    );
    let ordinary = choice == games::Choice::Ordinary && games::only_pace().is_none();
    assert!(!ordinary || years >= AGENT_YEARS, "only {years:.1} agent-years");
}
