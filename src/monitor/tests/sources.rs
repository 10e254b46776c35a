//! Sources that answer one question and not another, or only now and then.

use super::discovery::{self, Lists};
use super::*;
use crate::monitor::source_health::Asked;
use crate::source::several::Several;

/// The source of documents lists the agents, too, and another one is beside it.
async fn with_lists_of_its_own() -> (World, Arc<Lists>) {
    let list = Arc::new(Lists::default());
    list.set(&[("001", "web-01"), ("002", "web-02")]);
    let mut world = World::new(&[]).await;
    let setup = discovery::setup(&world, &list);
    let lister: Arc<dyn Source> = list.clone();
    let beside: Vec<(String, Arc<dyn Source>)> = vec![("api".to_owned(), Arc::new(Lists::default()))];
    world
        .monitor
        .replace(Setup { lister: Some(("wazuh".to_owned(), lister)), beside, ..setup })
        .await
        .unwrap();
    world.minutes(5, &["001", "002"]).await;
    (world, list)
}

#[tokio::test(start_paused = true)]
async fn a_list_that_cannot_be_read_is_one_outage_however_well_all_else_answers() {
    let (mut world, list) = with_lists_of_its_own().await;
    *list.broken.lock().unwrap() = true;
    world.minutes(180, &["001", "002"]).await;
    assert_eq!(world.story().await, ["source_down wazuh"]);
    *list.broken.lock().unwrap() = false;
    world.minutes(5, &["001", "002"]).await;
    assert_eq!(world.story().await, ["source_down wazuh", "source_up wazuh"]);
}

#[tokio::test(start_paused = true)]
async fn that_documents_cannot_be_read_is_told_although_the_list_could_not_be_either() {
    let (mut world, list) = with_lists_of_its_own().await;
    *list.broken.lock().unwrap() = true;
    world.minutes(30, &["001", "002"]).await;
    world.index.break_with(Some(SourceReason::NoIndex));
    world.minutes(30, &["001", "002"]).await;
    let told = world.events().await;
    assert_eq!(world.story().await, ["source_down wazuh"; 2]);
    assert_eq!(told[0].incident, told[1].incident, "it is the same trouble, and worse");
    assert!(told[1].severity > told[0].severity && told[1].detail.contains("nothing is known about its 2"));
    // Documents again: what is left is the smaller trouble.
    world.index.break_with(None);
    world.minutes(30, &["001", "002"]).await;
    assert_eq!(world.story().await[2..], ["source_up wazuh", "source_down wazuh"]);
}

#[tokio::test(start_paused = true)]
async fn what_one_watch_cannot_read_is_not_over_when_another_can() {
    let world = World::new(&[]).await;
    let (recorder, health) = (&world.recorder, SourceHealth::default());
    let broken = SourceError::new(SourceReason::Network, "cannot be reached.");
    let (one, two) = (("one", Asked::Beside), ("two", Asked::Beside));
    for _ in 0..5 {
        health.failed(recorder, "api", one, &broken, 3).await.unwrap();
        health.good(recorder, "api", two).await.unwrap();
        health.good(recorder, "wazuh", ("one", Asked::Documents)).await.unwrap();
    }
    assert_eq!(world.story().await, ["source_down api"]);
    health.keep("one", &[], &[]).await;
    health.good(recorder, "api", two).await.unwrap();
    assert_eq!(world.story().await, ["source_down api", "source_up api"], "that watch is gone");
}

#[tokio::test(start_paused = true)]
async fn what_is_open_at_a_restart_is_not_over_before_everybody_has_asked() {
    let world = World::new(&[]).await;
    let (recorder, health) = (&world.recorder, SourceHealth::default());
    let broken = SourceError::new(SourceReason::Network, "cannot be reached.");
    let (one, two) = (("one", Asked::Beside), ("two", Asked::Documents));
    health.failed(recorder, "api", one, &broken, 3).await.unwrap();
    let health = SourceHealth::default();
    for asker in [one, two] {
        health.expect(recorder, "api", asker).await.unwrap();
    }
    health.good(recorder, "api", two).await.unwrap();
    assert_eq!(world.story().await, ["source_down api"]);
    health.good(recorder, "api", one).await.unwrap();
    assert_eq!(world.story().await, ["source_down api", "source_up api"]);
}

#[tokio::test(start_paused = true)]
async fn the_end_of_a_sources_trouble_says_what_is_over_also_after_a_restart() {
    let ends = [
        (SourceReason::Network, "It answers again. What"),
        (SourceReason::Timeout, "It answers in time again. What"),
        (SourceReason::Rights, "It may be read again. What"),
        (SourceReason::Doubted, "What it shows is taken for whole again. What"),
    ];
    for (reason, said) in ends {
        let world = World::new(&[]).await;
        let (recorder, asker) = (&world.recorder, ("one", Asked::Beside));
        for again in [false, true] {
            let before = SourceHealth::default();
            before.failed(recorder, "api", asker, &SourceError::new(reason, "fails."), 3).await.unwrap();
            let health = if again { SourceHealth::default() } else { before };
            health.good(recorder, "api", asker).await.unwrap();
            let end = world.events().await.pop().unwrap();
            assert!(end.kind == EventKind::SourceUp && end.detail.starts_with(said), "{}", end.detail);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_source_that_flaps_is_told_a_few_times_and_its_end_when_it_lasts() {
    let mut world = World::new(&["001"]).await;
    for minute in 0..240 {
        world.index.break_with((minute % 3 == 0).then_some(SourceReason::Overloaded));
        world.minute(&["001"]).await;
        if minute == 30 {
            world = world.restarted(&["001"]).await;
        }
    }
    let (down, up) = ("source_down wazuh", "source_up wazuh");
    assert_eq!(world.story().await, [down, up, down, up, down]);
    let note = world.events().await.pop().unwrap().detail;
    assert!(note.contains("this is its 3. outage") && note.contains("answered for 10 min"), "{note}");
    world.index.break_with(None);
    world.minutes(7 * 60, &["001"]).await;
    assert_eq!(world.story().await[5..], [up]);
}

/// An indexer and the manager's file, read by one watch.
async fn with_a_file(ids: &[&str]) -> (World, Arc<Index>) {
    let mut world = World::new(ids).await;
    let file = Arc::new(Index { keeper: Some(Keeper::Manager), ..Index::default() });
    let mut setup = world.monitor.setup.clone();
    setup.watch.also = vec!["alerts".to_owned()];
    let both: Vec<(String, Arc<dyn Source>)> =
        vec![("wazuh".to_owned(), world.index.clone()), ("alerts".to_owned(), file.clone())];
    setup.source = Arc::new(Several::new(both));
    world.monitor.replace(setup).await.unwrap();
    (world, file)
}

/// So many minutes in which these log to the file only.
async fn to_the_file(world: &mut World, file: &Index, count: usize, logging: &[&str]) {
    for _ in 0..count {
        tokio::time::sleep(Duration::from_secs(60)).await;
        logging.iter().for_each(|key| file.log(key, world.now()));
        let _ = world.monitor.round().await;
    }
}

#[tokio::test(start_paused = true)]
async fn whoever_any_source_has_is_not_silent_and_the_one_that_lacks_it_is_told_once() {
    let (mut world, file) = with_a_file(&["001", "002"]).await;
    for _ in 0..20 {
        file.log_many(&["001", "002"], world.now() + TimeDelta::minutes(1), 1);
        world.minute(&["001", "002"]).await;
    }
    let last = world.now();
    to_the_file(&mut world, &file, 40, &["001", "002"]).await;
    assert_eq!(world.story().await, ["pipeline_stalled source=wazuh"]);
    let told = world.events().await.remove(0);
    assert_eq!((told.cause.as_str(), told.since), ("not_indexed", Some(last)));
    let said = "The manager receives logs and writes alerts (alerts: the newest is 0 s old), but source wazuh has none \
                since 2026-01-01 00:20:00 UTC, 17 min ago. Who is silent";
    assert!(told.detail.starts_with(said), "{}", told.detail);
    let setup = world.monitor.setup.clone();
    let mut world = world.restarted(&["001", "002"]).await;
    world.monitor.replace(setup).await.unwrap();
    to_the_file(&mut world, &file, 17, &["001"]).await;
    assert_eq!(world.story().await[1..], ["agent_silent 002"], "that neither of them has");
    world.minutes(1, &["001", "002"]).await;
    assert_eq!(world.story().await[2..], ["agent_recovered 002", "pipeline_recovered source=wazuh"]);
}

#[tokio::test(start_paused = true)]
async fn a_source_that_falls_behind_again_and_again_is_told_a_few_times_only() {
    let (mut world, file) = with_a_file(&["001", "002"]).await;
    for _ in 0..5 {
        for _ in 0..6 {
            file.log_many(&["001", "002"], world.now() + TimeDelta::minutes(1), 1);
            world.minute(&["001", "002"]).await;
        }
        to_the_file(&mut world, &file, 20, &["001", "002"]).await;
    }
    let [begin, end] = ["pipeline_stalled source=wazuh", "pipeline_recovered source=wazuh"];
    assert_eq!(world.story().await, [begin, end, begin, end, begin]);
    let last = world.events().await.pop().unwrap().detail;
    assert!(last.contains("It is flapping: this is its 3. stall in short time."), "{last}");
}

#[tokio::test(start_paused = true)]
async fn without_one_of_several_sources_nobody_is_judged_and_the_incident_is_its_own() {
    let (mut world, file) = with_a_file(&["001", "002"]).await;
    world.minutes(5, &["001"]).await;
    to_the_file(&mut world, &file, 5, &["001", "002"]).await;
    file.break_with(Some(SourceReason::Rights));
    world.minutes(60, &["001"]).await;
    assert_eq!(world.story().await, ["agent_silent 002", "agent_recovered 002", "source_down alerts"]);
    file.break_with(None);
    to_the_file(&mut world, &file, 1, &["002"]).await;
    world.minutes(10, &["001"]).await;
    assert_eq!(world.story().await[3..], ["source_up alerts"], "002 was in the file all the time");
}
