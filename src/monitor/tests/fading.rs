//! Agents of one node that log too little, and then not at all.

use super::*;
use crate::journal::past;

const MILAN: [&str; 6] = ["001", "002", "003", "004", "005", "006"];
const ROME: [&str; 6] = ["007", "008", "009", "010", "011", "012"];

/// Two nodes of six agents that log each minute, of whom ten logs are expected in a quarter of an hour.
async fn nodes() -> World {
    let ids = [MILAN, ROME].concat();
    let mut world = World::new(&ids).await;
    for (ids, node) in [(MILAN, "node01"), (ROME, "node02")] {
        world.index.nodes.lock().unwrap().extend(ids.map(|id| (id.to_owned(), node)));
    }
    world.index.log_many(&ids, world.now(), 20);
    let mut setup = world.monitor.setup.clone();
    setup.watch.min_events = Some(10);
    world.monitor.replace(setup).await.unwrap();
    world.minutes(30, &ids).await;
    assert_eq!(world.told().await, [""; 0]);
    world
}

impl World {
    /// Everything that is no part of something else: what, of whom and why.
    async fn told(&self) -> Vec<String> {
        let told = self.events().await.into_iter().filter(|event| event.part_of.is_none());
        let said = |event: Event| {
            let who = event.entity.map_or(event.scope, |entity| entity.id);
            format!("{} {who} {}", event.kind, event.cause)
        };
        told.map(said).collect()
    }

    /// So many minutes in which `rare` log once in five, and the others each time.
    async fn fade(&mut self, minutes: usize, rare: &[&str]) {
        for minute in 0..minutes {
            let rare = if minute % 5 == 0 { rare } else { &[] };
            self.minutes(1, &[&MILAN[..], rare].concat()).await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_node_that_logs_less_and_then_not_at_all_is_told_twice_and_counts_as_what_it_was() {
    let mut world = nodes().await;
    world.fade(30, &ROME).await;
    assert_eq!(world.told().await, ["pipeline_stalled node=node02 many_at_once"]);
    let last = world.now() - TimeDelta::minutes(4);
    world.minutes(40, &MILAN).await;
    let told = world.events().await;
    let (less, worse) = (&told[0], told.iter().rfind(|event| event.part_of.is_none()).unwrap());
    assert!(less.detail.contains("began to log less than they should"), "{}", less.detail);
    assert!(
        worse.detail.starts_with("It has got worse. None of the 6 agents of node node02"),
        "{}",
        worse.detail
    );
    assert_eq!((worse.incident, worse.since), (less.incident, Some(last)));
    assert!(worse.at - last <= TimeDelta::minutes(17), "{}", worse.at - last);

    world.minutes(20, &[MILAN, ROME].concat()).await;
    let stalls = [
        "pipeline_stalled node=node02 many_at_once",
        "pipeline_stalled node=node02 no_documents",
        "pipeline_recovered node=node02 documents",
    ];
    let told = world.told().await;
    let ends = ROME.map(|id| format!("agent_recovered {id} documents"));
    assert_eq!(
        told.iter().filter(|told| !ends.contains(told)).collect::<Vec<_>>(),
        stalls.iter().collect::<Vec<_>>()
    );
    let lacks = |connection: &_| past::silences(connection, 0, i64::MAX);
    let lacks = world.recorder.journal.write(lacks).await.unwrap();
    let silent = lacks.iter().filter(|lack| !lack.few && lack.from == last.timestamp_millis());
    assert_eq!((lacks.len(), silent.count()), (12, 6), "too few until then, and nothing since: {lacks:#?}");
}

#[tokio::test(start_paused = true)]
async fn of_a_node_that_logs_less_whoever_stops_is_told_by_itself() {
    let mut world = nodes().await;
    world.fade(40, &ROME).await;
    world.fade(40, &ROME[1..]).await;
    let told = ["pipeline_stalled node=node02 many_at_once", "agent_silent 007 no_documents"];
    assert_eq!(world.told().await, told);
}

#[tokio::test(start_paused = true)]
async fn those_told_one_by_one_to_log_too_little_that_stop_together_are_one_stall() {
    let mut world = nodes().await;
    // One after another they begin to log once in five minutes.
    for begun in 1..=ROME.len() {
        for minute in 0..30 {
            let rare = if minute % 5 == 0 { &ROME[..begun] } else { &[] };
            world.minutes(1, &[&MILAN[..], &ROME[begun..], rare].concat()).await;
        }
    }
    let mut few = ROME.map(|id| format!("agent_silent {id} volume_too_low")).to_vec();
    assert_eq!(world.told().await, few);
    world.minutes(60, &MILAN).await;
    few.push("pipeline_stalled node=node02 no_documents".to_owned());
    assert_eq!(world.told().await, few);
    // Who does not come back with the others is told to be silent.
    world.minutes(40, &[&MILAN[..], &ROME[1..]].concat()).await;
    let told = world.told().await;
    assert!(told.ends_with(&["agent_silent 007 silent_after_stall".to_owned()]), "{told:#?}");
}

#[tokio::test(start_paused = true)]
async fn who_still_logs_too_little_after_the_others_and_then_stops_is_told_both_times() {
    let mut world = nodes().await;
    world.fade(30, &ROME).await;
    for minute in 0..60 {
        let rare = if minute % 5 == 0 { &ROME[..1] } else { &[] };
        world.minutes(1, &[&MILAN[..], &ROME[1..], rare].concat()).await;
    }
    let mut told = world.told().await;
    told.retain(|told| !told.starts_with("agent_recovered"));
    let until_now = [
        "pipeline_stalled node=node02 many_at_once",
        "pipeline_recovered node=node02 documents",
        "agent_silent 007 volume_too_low",
    ];
    assert_eq!(told, until_now);
    world.minutes(30, &[&MILAN[..], &ROME[1..]].concat()).await;
    assert_eq!(world.told().await.pop().unwrap(), "agent_silent 007 no_documents");
}
