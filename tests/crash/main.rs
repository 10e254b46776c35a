//! The program is killed once in the life of a silence, at every named place and at any moment, and started
//! again. What counts is what the endpoints have got: the news at least once and at most twice, the second
//! time marked, and the end of it to everybody who has heard of its beginning.

mod endpoint;
mod life;
#[path = "../support/mod.rs"]
mod support;

use std::time::Duration;

use endpoint::First;
use life::Death;
use log_monitor::crash::POINTS;

/// How many lives go on at once: they mostly wait.
const AT_ONCE: usize = 8;

const FIRSTS: [First; 3] = [First::Accepts, First::IsGone, First::HangsUpOnce];

#[tokio::test(flavor = "multi_thread")]
async fn whoever_dies_at_any_named_place_tells_once_or_twice_and_takes_it_back() {
    let at = |point: &'static str, time: usize, first| (Death::At(point, time), first);
    let beginnings = POINTS.iter().flat_map(|point| FIRSTS.map(|first| at(point, 1, first)));
    // The second time is the fallback, or where all goes well the escalation, and the third the end of the silence.
    let later = |first| POINTS.iter().flat_map(move |point| [2, 3].map(|time| at(point, time, first)));
    let all: Vec<(Death, First)> =
        beginnings.chain(later(First::IsGone)).chain(later(First::Accepts)).collect();
    let died = life::all(all.clone(), AT_ONCE).await;
    for ((death, first), died) in all.iter().zip(died) {
        // The last receipt is read by this test at the moment when the program may die of it.
        let must = match death {
            Death::At(point, time) => {
                *time == 1 || *time == 2 && *first == First::Accepts && *point != "settled"
            }
            Death::After(_) => false,
        };
        assert!(died || !must, "{death:?} with {first:?} was never reached");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_is_killed_at_some_moment_tells_once_or_twice_and_takes_it_back() {
    life::all(at_random(16), AT_ONCE).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "minutes of kills; see tests/README.md"]
async fn whoever_is_killed_at_hundreds_of_moments_tells_once_or_twice_and_takes_it_back() {
    life::all(at_random(300), AT_ONCE).await;
}

/// Deaths spread over the life of a silence.
fn at_random(count: u64) -> Vec<(Death, First)> {
    let seed = std::env::var("LOG_MONITOR_TEST_SEED").ok().and_then(|seed| seed.parse().ok());
    let seed: u64 = seed.unwrap_or_else(|| fastrand::u64(..));
    println!("LOG_MONITOR_TEST_SEED={seed} chooses the same moments again");
    let mut dice = fastrand::Rng::with_seed(seed);
    let death = |_| (Death::After(Duration::from_millis(dice.u64(0..life::USUAL))), dice.choice(FIRSTS));
    (0..count).map(death).map(|(death, first)| (death, first.unwrap_or(First::Accepts))).collect()
}
