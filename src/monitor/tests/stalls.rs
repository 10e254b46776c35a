//! Many silences with one cause.

use super::*;

const MILAN: [&str; 6] = ["001", "002", "003", "004", "005", "006"];
const ROME: [&str; 6] = ["007", "008", "009", "010", "011", "012"];

/// Two nodes of six agents, each of which logs every five minutes, one after the other.
struct Cluster {
    world: World,
    minute: usize,
}

impl Cluster {
    async fn new() -> Self {
        let world = World::new(&[MILAN, ROME].concat()).await;
        for (ids, node) in [(MILAN, "node01"), (ROME, "node02")] {
            world.index.nodes.lock().unwrap().extend(ids.map(|id| (id.to_owned(), node)));
        }
        [MILAN, ROME].concat().iter().for_each(|id| world.index.log(id, world.now()));
        let mut cluster = Self { world, minute: 0 };
        cluster.minutes(30, &[MILAN, ROME].concat()).await;
        assert_eq!(cluster.told().await, [""; 0]);
        cluster
    }

    async fn minutes(&mut self, count: usize, ids: &[&str]) {
        for _ in 0..count {
            self.minute += 1;
            let turn = |id: &&&str| id.parse::<usize>().unwrap() % 5 == self.minute % 5;
            let now: Vec<&str> = ids.iter().filter(turn).copied().collect();
            self.world.minute(&now).await;
        }
    }

    /// What messages are made of: everything that is no part of something else.
    async fn told(&self) -> Vec<String> {
        let told = self.world.events().await.into_iter().filter(|event| event.part_of.is_none());
        let said =
            |event: Event| format!("{} {}", event.kind, event.entity.map_or(event.scope, |entity| entity.id));
        told.map(said).filter(|said| !said.starts_with("agent_recovered")).collect()
    }

    async fn restart(self) -> Self {
        let Self { world, minute } = self;
        Self { world: world.restarted(&[MILAN, ROME].concat()).await, minute }
    }
}

#[tokio::test(start_paused = true)]
async fn a_node_that_stops_is_told_once_and_its_agents_only_if_they_stay_silent_after_it() {
    let mut cluster = Cluster::new().await;
    cluster.minutes(60, &MILAN).await;
    assert_eq!(cluster.told().await, ["pipeline_stalled node=node02"]);
    let events = cluster.world.events().await;
    let stall = &events[0];
    assert!(stall.detail.starts_with("5 of the 6 agents of node node02 fell silent"), "{}", stall.detail);
    let parts: Vec<&Event> = events.iter().filter(|event| event.part_of == stall.incident).collect();
    assert_eq!(parts.len(), 6, "the timeline has each of them");
    assert!(parts.iter().all(|part| part.cause == "pipeline" && part.labels["node"] == "node02"));

    cluster.minutes(6, &[&MILAN[..], &ROME[1..]].concat()).await;
    let told = ["pipeline_stalled node=node02", "pipeline_recovered node=node02"];
    assert_eq!(cluster.told().await, told);
    let recovered = cluster.world.events().await.pop().unwrap();
    cluster.minutes(30, &[&MILAN[..], &ROME[1..]].concat()).await;
    let told = [&told[..], &["agent_silent 007"]].concat();
    assert_eq!(cluster.told().await, told, "{}", recovered.detail);
    let left = cluster.world.events().await.pop().unwrap();
    let before = parts.iter().find(|part| part.entity == left.entity).unwrap();
    assert_eq!(left.incident, before.incident, "one silence, one incident");
    assert!(left.detail.starts_with("It fell silent with others"), "{}", left.detail);
    cluster.minutes(10, &[MILAN, ROME].concat()).await;
    assert_eq!(cluster.world.events().await.pop().unwrap().kind, EventKind::AgentRecovered);
}

#[tokio::test(start_paused = true)]
async fn when_nobody_logs_it_is_the_watch_and_a_restart_repeats_nothing() {
    let mut cluster = Cluster::new().await;
    cluster.minutes(20, &[]).await;
    assert_eq!(cluster.told().await, ["pipeline_stalled default"]);
    let mut cluster = cluster.restart().await;
    cluster.minutes(30, &[]).await;
    assert_eq!(cluster.told().await, ["pipeline_stalled default"]);
    cluster.minutes(30, &[MILAN, ROME].concat()).await;
    assert_eq!(cluster.told().await, ["pipeline_stalled default", "pipeline_recovered default"]);
    let silent = cluster.world.monitor.fleet.silent();
    assert!(silent.is_empty(), "{silent:?}");
}

#[tokio::test(start_paused = true)]
async fn two_of_many_are_told_by_themselves_and_without_delay() {
    let mut cluster = Cluster::new().await;
    let others: Vec<&str> = [&MILAN[2..], &ROME[..]].concat();
    cluster.minutes(25, &others).await;
    assert_eq!(cluster.told().await, ["agent_silent 001", "agent_silent 002"]);
    let events = cluster.world.events().await;
    let late = events.iter().map(|event| (event.at - event.since.unwrap()).num_minutes());
    assert!(late.max().unwrap() <= 17, "its threshold is 16 minutes");
}

#[tokio::test(start_paused = true)]
async fn agents_with_one_label_are_told_by_it() {
    let mut cluster = Cluster::new().await;
    let mut watched = default_watch(&[MILAN, ROME].concat());
    let ids: Vec<&str> = ["003", "004", "005", "007", "008", "009"].to_vec();
    watched.classes = vec![Class {
        matcher: Matcher::new([("id", ids.clone())]),
        interval: None,
        grace: None,
        max_time_to_notify: None,
        min_events: None,
        calendar: None,
        labels: BTreeMap::from([("site".to_owned(), "harbour".to_owned())]),
    }];
    let setup =
        Setup { watch: watched, source: cluster.world.index.clone(), beside: Vec::new(), lister: None };
    cluster.world.monitor.replace(setup).await.unwrap();
    let others: Vec<&str> = [MILAN, ROME].concat().into_iter().filter(|id| !ids.contains(id)).collect();
    cluster.minutes(30, &others).await;
    let told = cluster.told().await;
    assert_eq!(told.last().unwrap(), "pipeline_stalled site=harbour", "{told:?}");
    let singles = told.iter().filter(|said| said.starts_with("agent_silent")).count();
    assert!(singles <= 4, "those that were due before a share of them was: {told:?}");
}

#[tokio::test(start_paused = true)]
async fn a_node_whose_logs_come_ten_minutes_late_is_waited_for_and_accuses_nobody() {
    let mut cluster = Cluster::new().await;
    let world = &mut cluster.world;
    // Ten minutes without anything, and from then on everything is there, but ten minutes late.
    for minute in 0..180 {
        tokio::time::sleep(Duration::from_secs(60)).await;
        let now = world.now();
        for id in MILAN {
            let turn = id.parse::<usize>().unwrap() % 5 == minute % 5;
            if turn && minute >= 10 {
                world.index.log(id, now - TimeDelta::minutes(10));
            }
        }
        ROME.iter().for_each(|id| world.index.log(id, now));
        world.monitor.round().await.unwrap();
    }
    assert_eq!(cluster.told().await, [""; 0]);
}
