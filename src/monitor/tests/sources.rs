//! Sources that answer one question and not another, or only now and then.

use super::discovery::{self, Lists};
use super::*;
use crate::monitor::source_health::Asked;

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
    health.keep("one", None, &[]).await;
    health.good(recorder, "api", two).await.unwrap();
    assert_eq!(world.story().await, ["source_down api", "source_up api"], "that watch is gone");
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
