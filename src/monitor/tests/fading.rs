//! Agents of one node that log too little, and then not at all.

use super::*;
use crate::journal::{incidents, past};

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

    /// So many minutes in which `rare` log once in five, and those in Milan each time.
    async fn fade(&mut self, minutes: usize, rare: &[&str]) {
        self.fade_beside(minutes, rare, &[]).await;
    }

    /// The same while some of the others log each time, too.
    async fn fade_beside(&mut self, minutes: usize, rare: &[&str], others: &[&str]) {
        for minute in 0..minutes {
            let rare = if minute % 5 == 0 { rare } else { &[] };
            self.minutes(1, &[&MILAN[..], others, rare].concat()).await;
        }
    }

    async fn with_few_restarted(self) -> Self {
        let Self { index, clock, recorder, .. } = self;
        let watched = Watch { min_events: Some(10), ..default_watch(&[MILAN, ROME].concat()) };
        Self::with(watched, index, recorder.journal, clock).await
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
    let incident = worse.incident.unwrap();
    let row = world.recorder.journal.write(move |connection| incidents::by_id(connection, incident)).await;
    assert_eq!(row.unwrap().unwrap().label, "(6 agents)");

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
        world.fade_beside(30, &ROME[..begun], &ROME[begun..]).await;
    }
    let mut few = ROME.map(|id| format!("agent_silent {id} volume_too_low")).to_vec();
    assert_eq!(world.told().await, few);
    world.minutes(60, &MILAN).await;
    few.push("pipeline_stalled node=node02 no_documents".to_owned());
    assert_eq!(world.told().await, few);
    // Also after a restart while a few of them log.
    let mut world = world.with_few_restarted().await;
    world.minutes(5, &[&MILAN[..], &ROME[5..]].concat()).await;
    few.push("agent_recovered 012 documents".to_owned());
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
    world.fade_beside(60, &ROME[..1], &ROME[1..]).await;
    let mut told = world.told().await;
    told.retain(|told| !told.starts_with("agent_recovered"));
    let until_now = [
        "pipeline_stalled node=node02 many_at_once",
        "pipeline_recovered node=node02 volume_too_low",
        "agent_silent 007 volume_too_low",
    ];
    assert_eq!(told, until_now);
    world.minutes(30, &[&MILAN[..], &ROME[1..]].concat()).await;
    assert_eq!(world.told().await.pop().unwrap(), "agent_silent 007 no_documents");
}

#[tokio::test(start_paused = true)]
async fn a_stall_of_those_that_log_less_gets_worse_also_while_one_of_the_node_logs() {
    let (rare, well) = ROME.split_at(5);
    let [less, worse] =
        ["pipeline_stalled node=node02 many_at_once", "pipeline_stalled node=node02 many_at_once"];
    let mut world = nodes().await;
    world.fade_beside(40, rare, well).await;
    world.minutes(20, &[&MILAN[..], well].concat()).await;
    assert_eq!(world.told().await, [less, worse], "all at once");
    let told = world.events().await;
    let told = told.iter().rfind(|event| event.part_of.is_none()).unwrap();
    assert!(
        told.detail.starts_with("It has got worse. 5 of the 6 agents of node node02 fell silent"),
        "{}",
        told.detail
    );
    let mut world = world.with_few_restarted().await;
    world.minutes(60, &[&MILAN[..], well].concat()).await;
    assert_eq!(world.told().await, [less, worse], "also after a restart");

    let mut world = nodes().await;
    world.fade_beside(40, rare, well).await;
    for left in (0..5).rev() {
        world.fade_beside(10, &rare[..left], well).await;
    }
    world.minutes(30, &[&MILAN[..], well].concat()).await;
    let mut told = world.told().await;
    told.retain(|told| !told.starts_with("agent_silent"));
    assert_eq!(told, [less, worse], "one after the other");
}

#[tokio::test(start_paused = true)]
async fn a_known_lag_is_no_end_of_all_logs() {
    let mut world = nodes().await;
    let late = async |world: &mut World, minutes: usize, rare: &[&str]| {
        for minute in 0..minutes {
            tokio::time::sleep(Duration::from_secs(60)).await;
            let at = world.now() - TimeDelta::minutes(8);
            MILAN.iter().for_each(|id| world.index.log(id, world.now()));
            rare.iter().filter(|_| minute % 5 == 0).for_each(|id| world.index.log(id, at));
            let _ = world.monitor.round().await;
        }
    };
    late(&mut world, 60, &ROME).await;
    let last = world.now() - TimeDelta::minutes(12);
    late(&mut world, 30, &[]).await;
    let told = world.events().await;
    let worse = told.iter().rfind(|event| event.kind == EventKind::PipelineStalled).unwrap();
    assert!(worse.detail.starts_with("It has got worse."), "{}", worse.detail);
    assert!(!worse.detail.contains(": ."), "somebody is overdue: {}", worse.detail);
    assert!(worse.at - last >= TimeDelta::minutes(20), "{}", worse.at - last);
}
