//! What messages say beside the bare fact, and how often they are said.

use super::*;
use crate::source::Word;

const NOISY: usize = 2;

#[tokio::test(start_paused = true)]
async fn an_agent_that_flaps_is_told_a_few_times_and_its_end_when_it_is_one() {
    let mut world = World::new(&["001", "002"]).await;
    world.minutes(20, &["001", "002"]).await;
    for _ in 0..20 {
        world.minutes(17, &["002"]).await;
        world.minutes(4, &["001", "002"]).await;
    }
    let so_far = world.story().await;
    let turn = ["agent_silent 001", "agent_recovered 001"];
    assert_eq!(so_far, [turn[0], turn[1], turn[0], turn[1], turn[0]], "the third is not over for now");
    let note = world.events().await.pop().unwrap().detail;
    assert!(
        note.contains("flapping: this is its 3. silence") && note.contains("logged for 16 min"),
        "{note}"
    );
    world.minutes(60, &["001", "002"]).await;
    assert_eq!(world.story().await.len(), 5, "it has relapsed so often that an hour proves nothing");
    world.minutes(80, &["001", "002"]).await;
    assert_eq!(world.story().await[5..], [turn[1]]);
    let end = world.events().await.pop().unwrap();
    assert_eq!(end.at - end.back.unwrap(), TimeDelta::minutes(128), "all that time it logged");
    world.minutes(17, &["002"]).await;
    assert_eq!(world.story().await[6..], [turn[0]], "and then it is told as ever");
}

#[tokio::test(start_paused = true)]
async fn a_restart_does_not_forget_that_an_agent_flaps() {
    let mut world = World::new(&["001", "002"]).await;
    world.minutes(20, &["001", "002"]).await;
    for _ in 0..NOISY {
        world.minutes(17, &["002"]).await;
        world.minutes(4, &["001", "002"]).await;
    }
    let mut world = world.restarted(&["001", "002"]).await;
    world.minutes(17, &["002"]).await;
    world.minutes(10, &["001", "002"]).await;
    assert_eq!(world.story().await.last().unwrap(), "agent_silent 001");
    world.minutes(10, &["001", "002"]).await;
    assert_eq!(world.story().await.last().unwrap(), "agent_recovered 001");
}

#[tokio::test(start_paused = true)]
async fn a_log_that_was_cleared_just_before_makes_a_silence_severe() {
    let mut world = World::new(&["001", "002"]).await;
    world.minutes(20, &["001", "002"]).await;
    let word = Word {
        at: world.now().timestamp_millis() - 5_000,
        rule: "63103".into(),
        level: 5,
        groups: vec!["windows".into(), "log_clearing_auditlog".into()],
        description: "The audit log was cleared".into(),
    };
    world.index.words.lock().unwrap().push(word);
    world.minutes(17, &["002"]).await;
    let silent = world.events().await.pop().unwrap();
    assert_eq!(silent.severity, log_monitor_channels::Severity::High);
    assert!(silent.detail.contains("rule 63103 (level 5): The audit log was cleared"), "{}", silent.detail);
}

#[tokio::test(start_paused = true)]
async fn the_end_says_how_long_nothing_was_seen_and_how_much_of_it_came_late() {
    let mut world = World::new(&["001", "002"]).await;
    world.minutes(20, &["001", "002"]).await;
    let begin = world.now();
    world.minutes(39, &["002"]).await;
    (1..=10).for_each(|minute| world.index.log("001", begin + TimeDelta::minutes(minute)));
    world.minutes(1, &["001", "002"]).await;
    let end = world.events().await.pop().unwrap();
    assert_eq!((end.back, end.arrived_late), (Some(begin + TimeDelta::minutes(40)), Some(0.25)));
    let back = end.detail;
    assert!(back.contains("from 2026-01-01 00:20:00 UTC to 2026-01-01 01:00:00 UTC, 40 min"), "{back}");
    assert!(back.contains("25 % of that time arrived late"), "{back}");
}

#[tokio::test(start_paused = true)]
async fn documents_from_the_future_are_a_warning_of_their_own_once_a_day() {
    let mut world = World::new(&["001", "002"]).await;
    world.minutes(20, &["001", "002"]).await;
    world.index.log("001", world.now() + TimeDelta::hours(100));
    world.minutes(120, &["001", "002"]).await;
    assert_eq!(world.story().await, ["clock_skewed default"]);
    let told = world.events().await.pop().unwrap();
    assert!(
        told.detail.contains("is 4 d 3 h ahead") && told.detail.ends_with("001 host-001."),
        "{}",
        told.detail
    );
    let mut world = world.restarted(&["001", "002"]).await;
    world.minutes(120, &["001", "002"]).await;
    assert_eq!(world.story().await.len(), 1, "a restart does not repeat it");
    world.minutes(17, &["002"]).await;
    assert_eq!(world.story().await[1..], ["agent_silent 001"], "and it keeps nobody alive");
}

#[tokio::test(start_paused = true)]
async fn the_clock_of_a_manager_that_runs_ahead_is_named_with_the_silence_that_it_makes() {
    let mut world = World::new(&["001", "002"]).await;
    world.minutes(20, &["001", "002"]).await;
    for _ in 0..17 {
        world.minute(&["002"]).await;
        world.index.log("001", world.now() + TimeDelta::hours(1));
    }
    assert_eq!(world.story().await, ["clock_skewed default", "agent_silent 001"]);
    let silent = world.events().await.pop().unwrap().detail;
    assert!(silent.contains("But it has logs that are dated 59 min ahead of now"), "{silent}");
}
