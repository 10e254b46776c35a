//! What messages say beside the bare fact, and how often they are said.

use super::*;
use crate::app::downtime;
use crate::journal::past;
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
    let silent = "No logs for 5 h 24 min between";
    assert!(end.detail.contains(silent) && end.detail.contains("in 18 parts"), "{}", end.detail);
    world.minutes(17, &["002"]).await;
    assert_eq!(world.story().await[6..], [turn[0]], "and then it is told as ever");
}

#[tokio::test(start_paused = true)]
async fn neither_a_reload_nor_a_restart_forgets_how_long_an_end_is_doubted() {
    let mut world = World::new(&["001", "002"]).await;
    world.minutes(20, &["001", "002"]).await;
    for _ in 0..5 {
        world.minutes(17, &["002"]).await;
        world.minutes(4, &["001", "002"]).await;
        let setup = world.monitor.setup.clone();
        world.monitor.replace(setup).await.unwrap();
    }
    world.minutes(58, &["001", "002"]).await;
    assert_eq!(world.story().await.len(), 5, "after its fifth silence it has to log for 64 minutes");
    let mut world = world.restarted(&["001", "002"]).await;
    world.minutes(5, &["001", "002"]).await;
    assert_eq!(world.story().await[5..], ["agent_recovered 001"], "of which it knows since when");
}

#[tokio::test(start_paused = true)]
async fn a_restart_does_not_forget_relapses_within_a_silence() {
    let mut world = World::new(&["001", "002"]).await;
    world.minutes(20, &["001", "002"]).await;
    for _ in 0..5 {
        world.minutes(17, &["002"]).await;
        world.minutes(4, &["001", "002"]).await;
    }
    let mut world = world.restarted(&["001", "002"]).await;
    world.minutes(59, &["001", "002"]).await;
    assert_eq!(world.story().await.len(), 5, "after its fifth silence it has to log for 64 minutes");
    world.minutes(3, &["001", "002"]).await;
    assert_eq!(world.story().await[5..], ["agent_recovered 001"]);
    let read = |connection: &_| past::silences(connection, 0, i64::MAX);
    let silences = world.recorder.journal.write(read).await.unwrap();
    let minutes = |silence: &past::Silence| (silence.to.unwrap() - silence.from) / 60_000;
    assert_eq!(silences.iter().map(minutes).collect::<Vec<_>>(), [18; 5], "each by itself");
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

/// A document of an agent, so many seconds before `now`.
fn word(now: DateTime<Utc>, seconds: i64, rule: &str, level: u8, group: &str) -> Word {
    Word {
        at: now.timestamp_millis() - seconds * 1000,
        rule: rule.into(),
        level,
        groups: vec!["windows".into(), group.into()],
        description: format!("what {rule} says"),
    }
}

#[tokio::test(start_paused = true)]
async fn a_log_that_was_cleared_just_before_makes_a_silence_severe_whatever_came_after_it() {
    let mut world = World::new(&["001", "002"]).await;
    world.minutes(20, &["001", "002"]).await;
    let now = world.now();
    world.index.words.lock().unwrap().push(word(now, 500, "63103", 5, "log_clearing_auditlog"));
    let noise = (0..90).map(|n| word(now, 5 * n, "60106", 3, "authentication_success"));
    world.index.words.lock().unwrap().extend(noise);
    world.minutes(17, &["002"]).await;
    let silent = world.events().await.pop().unwrap();
    assert_eq!(silent.severity, log_monitor_channels::Severity::High);
    assert!(silent.detail.contains("rule 63103 (level 5): what 63103 says."), "{}", silent.detail);
}

/// The manager goes on to write about a dead agent, and an agent goes on to log of which a part does not.
#[tokio::test(start_paused = true)]
async fn what_was_suspicious_on_the_host_is_found_however_much_came_after_it() {
    let (part, rest) = ("001|/var/log/auth.log", "001|/var/log/messages");
    let mut world = World::new(&[part, rest]).await;
    world.minutes(20, &[part, rest]).await;
    let cleared = word(world.now(), 500, "63103", 5, "log_clearing_auditlog");
    world.index.words.lock().unwrap().push(cleared);
    for _ in 0..17 {
        let noise = (0..20).map(|n| word(world.now(), -1 - n, "23505", 10, "vulnerability-detector"));
        world.index.words.lock().unwrap().extend(noise);
        world.minute(&[rest]).await;
    }
    let silent = world.events().await.pop().unwrap();
    assert_eq!(silent.severity, log_monitor_channels::Severity::High);
    assert!(silent.detail.contains("rule 63103 (level 5): what 63103 says."), "{}", silent.detail);
}

#[tokio::test(start_paused = true)]
async fn of_a_dozen_that_fall_silent_at_once_each_is_looked_at() {
    let ids: Vec<String> = (1..=40).map(|number| format!("{number:03}")).collect();
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    let mut world = World::new(&ids).await;
    world.minutes(20, &ids).await;
    let cleared = word(world.now(), 60, "63103", 5, "log_clearing_auditlog");
    world.index.words.lock().unwrap().push(cleared);
    world.minutes(17, &ids[12..]).await;
    let severities: Vec<_> = world.events().await.into_iter().map(|event| event.severity).collect();
    assert_eq!(severities, [log_monitor_channels::Severity::High; 12]);
}

#[tokio::test(start_paused = true)]
async fn what_is_suspicious_is_as_the_watch_says() {
    let mut world = World::new(&["001", "002"]).await;
    let suspicion = crate::config::Suspicion {
        rules: vec![wildmatch::WildMatch::new("1000*")],
        groups: Vec::new(),
        level: 0,
        within: Duration::from_secs(60),
        severity: log_monitor_channels::Severity::Critical,
    };
    let watched = Watch { suspicion, ..default_watch(&["001", "002"]) };
    let setup = Setup { watch: watched, source: world.index.clone(), beside: Vec::new(), lister: None };
    world.monitor.replace(setup).await.unwrap();
    world.minutes(20, &["001", "002"]).await;
    let now = world.now();
    world
        .index
        .words
        .lock()
        .unwrap()
        .extend([word(now, 30, "63103", 15, "log_clearing_auditlog"), word(now, 61, "100044", 3, "local")]);
    world.minutes(17, &["002"]).await;
    let silent = world.events().await.pop().unwrap();
    assert_eq!(silent.severity, log_monitor_channels::Severity::Medium, "too early, or not named");
    world.minutes(3, &["001", "002"]).await;
    let now = world.now();
    world.index.words.lock().unwrap().push(word(now, 59, "100044", 3, "local"));
    world.minutes(17, &["002"]).await;
    let silent = world.events().await.pop().unwrap();
    assert_eq!(silent.severity, log_monitor_channels::Severity::Critical);
    assert!(silent.detail.contains("rule 100044") && !silent.detail.contains("63103"), "{}", silent.detail);
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
async fn of_many_that_are_back_at_once_each_says_it_for_one_question() {
    let ids: Vec<String> = (1..=40).map(|number| format!("{number:03}")).collect();
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    let mut world = World::new(&ids).await;
    world.minutes(20, &ids).await;
    let begin = world.now();
    world.minutes(39, &ids[12..]).await;
    (1..=10).for_each(|minute| world.index.log("001", begin + TimeDelta::minutes(minute)));
    let asked = *world.index.histories.lock().unwrap();
    world.minutes(1, &ids).await;
    assert_eq!(*world.index.histories.lock().unwrap() - asked, 1);
    let ends: Vec<Event> = world.events().await.split_off(12);
    let late: Vec<f64> = ends.iter().filter_map(|end| end.arrived_late).collect();
    assert_eq!(late, [&[0.25][..], &[0.0; 11]].concat());
    assert!(ends.iter().all(|end| end.back == Some(begin + TimeDelta::minutes(40))));
}

#[tokio::test(start_paused = true)]
async fn what_came_since_the_round_before_is_the_end_and_did_not_arrive_late() {
    let mut world = World::new(&["001", "002"]).await;
    world.minutes(20, &["001", "002"]).await;
    let begin = world.now();
    world.minutes(39, &["002"]).await;
    tokio::time::sleep(Duration::from_secs(60)).await;
    [50, 30, 5].iter().for_each(|before| world.index.log("001", world.now() - TimeDelta::seconds(*before)));
    world.monitor.round().await.unwrap();
    let end = world.events().await.pop().unwrap();
    assert_eq!(
        end.back,
        Some(begin + TimeDelta::seconds(40 * 60 - 50)),
        "its first log, not the last of a step"
    );
    assert_eq!(end.arrived_late, Some(0.0), "{}", end.detail);
}

#[tokio::test(start_paused = true)]
async fn what_came_while_nobody_looked_did_not_arrive_late() {
    let mut world = World::new(&["001", "002"]).await;
    world.minutes(20, &["001", "002"]).await;
    let begin = world.now();
    world.minutes(20, &["002"]).await;
    for _ in 0..60 {
        tokio::time::sleep(Duration::from_secs(60)).await;
        ["001", "002"].iter().for_each(|id| world.index.log(id, world.now()));
    }
    let mut world = world.restarted(&["001", "002"]).await;
    world.minute(&["001", "002"]).await;
    let end = world.events().await.pop().unwrap();
    assert_eq!(end.back, Some(begin + TimeDelta::minutes(21)));
    assert_eq!(end.arrived_late, Some(0.0), "{}", end.detail);
}

#[tokio::test(start_paused = true)]
async fn what_was_written_before_another_silence_while_nobody_looked_is_not_known_to_be_late() {
    for is_stopped in [true, false] {
        let mut world = World::new(&["001", "002"]).await;
        world.minutes(20, &["001", "002"]).await;
        world.minutes(20, &["002"]).await;
        downtime::sign(&world.recorder).await.unwrap();
        world.index.break_with((!is_stopped).then_some(SourceReason::NoIndex));
        for minute in 0..60 {
            let logging: &[&str] = if minute < 30 { &["001", "002"] } else { &["002"] };
            if !is_stopped {
                world.minute(logging).await;
                continue;
            }
            tokio::time::sleep(Duration::from_secs(60)).await;
            logging.iter().for_each(|id| world.index.log(id, world.now()));
        }
        if is_stopped {
            downtime::tell(&world.recorder, Duration::from_secs(900)).await.unwrap();
            world = world.restarted(&["001", "002"]).await;
        }
        world.index.break_with(None);
        world.minutes(20, &["002"]).await;
        world.minute(&["001", "002"]).await;
        let end = world.events().await.pop().unwrap();
        assert_eq!((end.kind, end.arrived_late), (EventKind::AgentRecovered, Some(0.0)), "{}", end.detail);
    }
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

#[tokio::test(start_paused = true)]
async fn what_many_logged_last_keeps_nobody_from_better_reasons() {
    let ids: Vec<String> = (1..=400).map(|number| format!("{number:03}")).collect();
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    let mut world = World::new(&ids).await;
    *world.index.words_take.lock().unwrap() = Duration::from_secs(1);
    world.minutes(5, &ids).await;
    world.minutes(10, &[&ids[..40], &ids[41..]].concat()).await;
    world.minutes(15, &ids[41..]).await;
    world.index.log("001", world.now() + TimeDelta::hours(1));
    world.minute(&ids[40..]).await;
    let events = world.events().await;
    let about = |kind: EventKind, id: &str| {
        let same =
            |event: &&Event| event.kind == kind && event.entity.as_ref().is_some_and(|one| one.id == id);
        events.iter().find(same).unwrap_or_else(|| panic!("nothing about {id}: {events:#?}"))
    };
    let silent = &about(EventKind::AgentSilent, "001").detail;
    assert!(silent.contains("But it has logs that are dated 59 min ahead of now"), "{silent}");
    assert_eq!(about(EventKind::AgentRecovered, "041").arrived_late, Some(0.0));
}
