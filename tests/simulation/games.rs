//! Seeds, played side by side; whatever goes wrong with one says how to see it again.

use std::any::Any;
use std::num::NonZero;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex};
use std::thread;

use crate::scenario::{Pace, Scenario};
use crate::{oracle, story, world};

/// Which seeds are played.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Choice {
    /// As many of each pace as there are in the ordinary run.
    Ordinary,
    /// So many of each pace.
    Many(u64),
    /// This one of each pace.
    One(u64),
}

impl Choice {
    pub fn of_environment() -> Self {
        let number = |name: &str| std::env::var(name).ok().map(|text| text.parse::<u64>().expect(name));
        match (number("LOG_MONITOR_SIMULATION_SEED"), number("LOG_MONITOR_SIMULATION_SEEDS")) {
            (Some(one), _) => Self::One(one),
            (None, Some(many)) => Self::Many(many),
            (None, None) => Self::Ordinary,
        }
    }

    pub fn of(self, ordinary: &[(Pace, u64)]) -> Vec<(Pace, u64)> {
        let seeds = |count| match self {
            Self::Ordinary => 0..count,
            Self::Many(many) => 0..many,
            Self::One(one) => one..one + 1,
        };
        let paces = ordinary.iter().filter(|(pace, _)| is_wanted(*pace));
        paces.flat_map(|(pace, count)| seeds(*count).map(|seed| (*pace, seed))).collect()
    }
}

/// The one pace that is played, if one of them is chosen.
pub fn only_pace() -> Option<String> {
    std::env::var("LOG_MONITOR_SIMULATION_PACE").ok()
}

fn is_wanted(pace: Pace) -> bool {
    only_pace().is_none_or(|name| name == format!("{pace:?}"))
}

/// What was played and found right.
pub struct Played {
    pub agents: usize,
    pub agent_days: f64,
    pub told: usize,
}

/// Plays all of them, as many at once as there are cores.
pub fn play(games: Vec<(Pace, u64)>) -> Vec<Played> {
    let (next, done) = (Mutex::new(games.into_iter()), Mutex::new(Vec::new()));
    let work = || {
        while let Some((pace, seed)) = { next.lock().unwrap().next() } {
            let played = guarded(pace, seed, || one(pace, seed));
            done.lock().unwrap().push(played);
        }
    };
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(1, NonZero::get) {
            scope.spawn(work);
        }
    });
    let (played, wrong): (Vec<_>, Vec<_>) = done.into_inner().unwrap().into_iter().partition(Result::is_ok);
    let wrong: Vec<String> = wrong.into_iter().filter_map(Result::err).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    played.into_iter().filter_map(Result::ok).collect()
}

fn one(pace: Pace, seed: u64) -> Result<Played, String> {
    let scenario = Arc::new(Scenario::new(seed, pace));
    let played = world::play(&scenario);
    oracle::check(&scenario, &played).map_err(|wrong| story::tell(&scenario, &played, &wrong))?;
    Ok(Played { agents: scenario.agents.len(), agent_days: scenario.agent_days(), told: played.told.len() })
}

/// What is wrong with a seed, a panic too, under the words with which it is played again.
fn guarded<T>(pace: Pace, seed: u64, play: impl FnOnce() -> Result<T, String>) -> Result<T, String> {
    let played = catch_unwind(AssertUnwindSafe(play)).unwrap_or_else(|panic| Err(said(&*panic)));
    played.map_err(|wrong| {
        let which = format!("LOG_MONITOR_SIMULATION_PACE={pace:?} LOG_MONITOR_SIMULATION_SEED={seed}");
        let again = format!("{which} cargo test --locked --test simulation");
        format!("seed {seed} ({pace:?}), again: {again}\n{wrong}")
    })
}

fn said(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "a panic".to_owned())
}

#[test]
fn whatever_goes_wrong_says_how_to_see_it_again() {
    let again = "again: LOG_MONITOR_SIMULATION_PACE=Fast LOG_MONITOR_SIMULATION_SEED=17 \
                 cargo test --locked --test simulation\n";
    for wrong in [
        guarded(Pace::Fast, 17, || Err::<(), _>("nobody is told".to_owned())),
        guarded(Pace::Fast, 17, || panic!("nobody is {}", "told")),
    ] {
        let said = wrong.unwrap_err();
        assert!(said.contains(again) && said.ends_with("nobody is told"), "{said}");
    }
}
