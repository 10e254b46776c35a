//! Many silences with one cause.

use super::*;
use crate::journal::entities::Part;
use crate::journal::{incidents, past};

const MILAN: [&str; 6] = ["001", "002", "003", "004", "005", "006"];
const ROME: [&str; 6] = ["007", "008", "009", "010", "011", "012"];

/// Two nodes of six agents, each of which logs every five minutes, one after the other.
struct Cluster {
    world: World,
    minute: usize,
}

impl Cluster {
    async fn new() -> Self {
        Self::with(|_| ()).await
    }

    async fn with(prepare: impl Fn(&Index)) -> Self {
        let world = World::new(&[MILAN, ROME].concat()).await;
        prepare(&world.index);
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

    /// The configuration is read again.
    async fn reload(&mut self) {
        let setup = self.world.monitor.setup.clone();
        self.world.monitor.replace(setup).await.unwrap();
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
    let (who, gone) = (&stall.entity.as_ref().unwrap().label, stall.at - stall.since.unwrap());
    assert!(who == "(5 of 6 agents)" && gone.num_minutes() == 16, "{who}, {gone}");
    let parts: Vec<&Event> = events.iter().filter(|event| event.part_of == stall.incident).collect();
    assert_eq!(parts.len(), 6, "the timeline has each of them");
    assert!(parts.iter().all(|part| part.cause == "pipeline" && part.labels["node"] == "node02"));

    cluster.minutes(6, &[&MILAN[..], &ROME[1..]].concat()).await;
    let told = ["pipeline_stalled node=node02", "pipeline_recovered node=node02"];
    assert_eq!(cluster.told().await, told);
    let over = |event: &Event| event.kind == EventKind::PipelineRecovered;
    let recovered = cluster.world.events().await.into_iter().find(over).unwrap();
    assert_eq!((recovered.since, recovered.arrived_late), (stall.since, Some(0.0)));
    let lasted =
        "It lasted from 2026-01-01 00:29:00 UTC to 2026-01-01 01:32:00 UTC, 1 h 3 min, and none of that";
    assert!(recovered.detail.contains(lasted), "{}", recovered.detail);
    cluster.minutes(30, &[&MILAN[..], &ROME[1..]].concat()).await;
    let told = [&told[..], &["agent_silent 007"]].concat();
    assert_eq!(cluster.told().await, told, "{}", recovered.detail);
    let left = cluster.world.events().await.pop().unwrap();
    let before = parts.iter().find(|part| part.entity == left.entity).unwrap();
    assert_eq!(left.incident, before.incident, "one silence, one incident");
    assert!(left.detail.starts_with("It fell silent with others"), "{}", left.detail);
    let incident = left.incident.unwrap();
    let read = move |connection: &_| incidents::by_id(connection, incident);
    let incident = cluster.world.recorder.journal.write(read).await.unwrap().unwrap();
    assert_eq!((&*incident.cause, incident.part_of), ("silent_after_stall", None));
    cluster.minutes(10, &[MILAN, ROME].concat()).await;
    assert_eq!(cluster.world.events().await.pop().unwrap().kind, EventKind::AgentRecovered);
}

#[tokio::test(start_paused = true)]
async fn a_node_stays_stalled_after_a_restart_and_a_reload_however_long_ago_it_logged() {
    let mut cluster = Cluster::new().await;
    cluster.minutes(180, &MILAN).await;
    let mut cluster = cluster.restart().await;
    cluster.minutes(30, &MILAN).await;
    cluster.reload().await;
    cluster.minutes(30, &MILAN).await;
    assert_eq!(cluster.told().await, ["pipeline_stalled node=node02"]);
    cluster.minutes(30, &[MILAN, ROME].concat()).await;
    assert_eq!(cluster.told().await, ["pipeline_stalled node=node02", "pipeline_recovered node=node02"]);
}

#[tokio::test(start_paused = true)]
async fn nodes_are_asked_for_again_soon_when_the_source_did_not_tell_them() {
    let mut cluster = Cluster::with(|index| *index.nodes_broken.lock().unwrap() = true).await;
    cluster.minutes(30, &MILAN).await;
    assert_eq!(cluster.told().await, ["pipeline_stalled node=node02"]);
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
    assert_eq!(told, ["pipeline_stalled site=harbour"], "nobody is told before a share of them is due");
    let detail = cluster.world.events().await.remove(0).detail;
    assert!(
        detail.contains("Others log on, so check first what site=harbour shares (its line, "),
        "{detail}"
    );
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

/// Of both nodes, half.
const HALF: [&str; 6] = ["001", "002", "003", "007", "008", "009"];

#[tokio::test(start_paused = true)]
async fn while_half_of_them_stay_silent_whoever_falls_silent_later_is_told_by_itself() {
    let mut cluster = Cluster::new().await;
    cluster.minutes(60, &["004", "005", "006", "010", "011", "012"]).await;
    let mut told = cluster.told().await;
    told.sort();
    let alone =
        ["agent_silent 001", "agent_silent 002", "agent_silent 003", "agent_silent 007", "agent_silent 008"];
    assert_eq!(told, [&alone[..], &["pipeline_stalled default"]].concat(), "{told:?}");
    let events = cluster.world.events().await;
    let stall = events.iter().find(|event| event.kind == EventKind::PipelineStalled).unwrap();
    assert!(stall.detail.starts_with("6 of the 12 agents of watch default fell silent"), "{}", stall.detail);
    assert!(HALF.iter().all(|id| stall.detail.contains(&format!("{id} host"))), "{}", stall.detail);

    cluster.minutes(20, &["004", "005", "006", "011", "012"]).await;
    assert_eq!(cluster.told().await[6..], ["agent_silent 010"]);
    cluster.minutes(6, &[MILAN, ROME].concat()).await;
    assert_eq!(cluster.told().await[7..], ["pipeline_recovered default"]);
}

#[tokio::test(start_paused = true)]
async fn a_stall_explains_those_that_were_told_before_it_and_their_end_is_told() {
    let parts = |cluster: &Cluster| {
        let silences = cluster.world.monitor.fleet.silences();
        let led = |whole| silences.filter(|(_, silence)| silence.part == Part::Led(whole)).count();
        let stall = cluster.world.monitor.stalls.open.values().next().map(|stall| stall.incident);
        stall.map_or(0, led)
    };
    let mut cluster = Cluster::new().await;
    let others = ["004", "005", "006", "010", "011", "012"];
    cluster.minutes(60, &others).await;
    assert_eq!(parts(&cluster), 5);
    let mut cluster = cluster.restart().await;
    cluster.minutes(2, &others).await;
    assert_eq!(parts(&cluster), 5, "a restart knows it");
    cluster.minutes(6, &[&MILAN[..], &ROME[1..]].concat()).await;
    let over = cluster.world.events().await;
    let over = over.iter().find(|event| event.kind == EventKind::PipelineRecovered).unwrap();
    assert!(over.detail.contains("if it stays so: 001 host-001, 002 host-002, 007 "), "{}", over.detail);
    let ends = cluster.world.story().await.into_iter().filter(|said| said.starts_with("agent_recovered"));
    assert_eq!(ends.count(), 5);
    let (_, left) = cluster.world.monitor.fleet.silences().next().unwrap();
    assert_eq!(left.part, Part::Alone, "it was told, and is so by itself again");
}

#[tokio::test(start_paused = true)]
async fn single_silences_over_hours_are_no_stall_while_another_node_is_down() {
    let mut cluster = Cluster::new().await;
    cluster.minutes(60, &MILAN).await;
    for dead in 1..6 {
        cluster.minutes(60, &MILAN[dead..]).await;
    }
    let singles = ["001", "002", "003", "004", "005"].map(|id| format!("agent_silent {id}"));
    assert_eq!(cluster.told().await[1..], singles);
}

#[tokio::test(start_paused = true)]
async fn one_that_may_be_quiet_for_less_time_than_the_others_is_no_stall() {
    let ids = [MILAN, ROME].concat();
    let mut world = World::new(&ids).await;
    let minutes = |minutes: u64| Duration::from_secs(minutes * 60);
    let intervals = BTreeMap::from([("001".to_owned(), minutes(5))]);
    let watched = Watch { interval: minutes(60), intervals, ..default_watch(&ids) };
    let setup = Setup { watch: watched, source: world.index.clone(), beside: Vec::new(), lister: None };
    world.monitor.replace(setup).await.unwrap();
    world.minute(&ids).await;
    world.minutes(10, &["001"]).await;
    world.minutes(7, &[]).await;
    assert_eq!(world.story().await, ["agent_silent 001"]);
}

#[tokio::test(start_paused = true)]
async fn who_stays_away_has_its_time_anew_after_a_second_stall() {
    let mut cluster = Cluster::new().await;
    let without = [&MILAN[..], &ROME[1..]].concat();
    cluster.minutes(60, &MILAN).await;
    cluster.minutes(6, &without).await;
    cluster.reload().await;
    cluster.minutes(40, &MILAN).await;
    let mut cluster = cluster.restart().await;
    cluster.minutes(16, &without).await;
    let twice = ["pipeline_stalled node=node02", "pipeline_recovered node=node02"].repeat(2);
    assert_eq!(cluster.told().await, twice);
    cluster.minutes(6, &without).await;
    assert_eq!(cluster.told().await[4..], ["agent_silent 007"]);
}

#[tokio::test(start_paused = true)]
async fn who_was_due_long_after_the_others_does_not_wait_for_all_of_them() {
    let ids = [MILAN, ROME].concat();
    let mut cluster = Cluster::new().await;
    let intervals = BTreeMap::from([("012".to_owned(), Duration::from_secs(2 * 3600))]);
    let setup = cluster.world.monitor.setup.clone();
    let watch = Watch { intervals, ..setup.watch };
    cluster.world.monitor.replace(Setup { watch, ..setup }).await.unwrap();
    cluster.minutes(130, &[]).await;
    let silent = cluster.world.monitor.fleet.silent();
    assert_eq!((cluster.told().await, silent.len()), (vec!["pipeline_stalled default".to_owned()], 12));
    cluster.minutes(60, &ids[..5]).await;
    cluster.reload().await;
    cluster.minutes(55, &ids[..5]).await;
    assert_eq!(cluster.told().await.len(), 1, "less than half of them are back");
    cluster.minutes(10, &ids[..5]).await;
    assert_eq!(cluster.told().await[1..], ["agent_silent 012"]);
}

#[tokio::test(start_paused = true)]
async fn what_happens_to_many_is_no_flapping_of_each_of_them() {
    let mut cluster = Cluster::new().await;
    for _ in 0..4 {
        cluster.minutes(22, &MILAN).await;
        cluster.minutes(6, &[MILAN, ROME].concat()).await;
        assert_eq!(cluster.world.monitor.fleet.silent(), [0; 0]);
    }
}

/// It stops for 22 minutes, and is back for six.
async fn flap(mut cluster: Cluster, times: usize) -> Cluster {
    for _ in 0..times {
        cluster.minutes(22, &MILAN).await;
        cluster.minutes(6, &[MILAN, ROME].concat()).await;
    }
    cluster
}

#[tokio::test(start_paused = true)]
async fn a_stall_that_flaps_is_told_a_few_times_and_its_end_when_it_is_one_also_after_a_restart() {
    let [begin, end] = ["pipeline_stalled node=node02", "pipeline_recovered node=node02"];
    let cluster = flap(Cluster::new().await, 2).await;
    let cluster = flap(cluster.restart().await, 3).await;
    let mut cluster = cluster.restart().await;
    assert_eq!(cluster.told().await, [begin, end, begin, end, begin]);
    let stalls = cluster.world.events().await;
    let note = stalls.iter().rfind(|event| event.kind == EventKind::PipelineStalled).unwrap();
    let said =
        "this is its 3. stall in short time. Its end is told once there has been none for 32 min at least";
    assert!(note.detail.contains(said), "{}", note.detail);
    // Who does not come back is told by itself although that goes on.
    let without = [&MILAN[..], &ROME[1..]].concat();
    cluster.minutes(22, &MILAN).await;
    cluster.minutes(30, &without).await;
    assert_eq!(cluster.told().await[5..], ["agent_silent 007"]);
    cluster.minutes(45, &without).await;
    assert_eq!(cluster.told().await.len(), 6, "it has relapsed so often that an hour proves nothing");
    cluster.minutes(15, &without).await;
    assert_eq!(cluster.told().await[6..], [end]);
}

#[tokio::test(start_paused = true)]
async fn many_that_log_too_little_at_once_did_not_fall_silent() {
    let mut world = World::new(&MILAN).await;
    let watched = Watch { min_events: Some(10), ..default_watch(&MILAN) };
    world.index.log_many(&MILAN, world.now(), 20);
    let setup = Setup { watch: watched, source: world.index.clone(), beside: Vec::new(), lister: None };
    world.monitor.replace(setup).await.unwrap();
    world.minutes(20, &MILAN).await;
    for _ in 0..4 {
        world.minutes(1, &MILAN).await;
        world.minutes(4, &[]).await;
    }
    let stall = world.events().await.remove(0);
    let begins =
        "6 of the 6 agents of watch default began to log less than they should at about the same time";
    assert!(stall.detail.starts_with(begins), "{}", stall.detail);
    world.minutes(20, &MILAN).await;
    let events = world.events().await;
    let ends: Vec<&Event> = events.iter().filter(|event| event.kind == EventKind::AgentRecovered).collect();
    assert!(ends.len() == 6 && ends.iter().all(|end| end.detail == "It logs as much as it should again."));
    let over = events.iter().find(|event| event.kind == EventKind::PipelineRecovered).unwrap();
    assert_eq!(over.cause, "volume_too_low");
    assert!(over.detail.contains(" of watch default log as much as they should again. "), "{}", over.detail);
    let read = |connection: &_| past::silences(connection, 0, i64::MAX);
    let lacks = world.recorder.journal.write(read).await.unwrap();
    assert!(lacks.len() == 6 && lacks.iter().all(|lack| lack.few), "they logged throughout: {lacks:?}");
}

#[tokio::test(start_paused = true)]
async fn a_stall_of_which_nobody_is_left_says_no_numbers_and_is_over() {
    let mut cluster = Cluster::new().await;
    cluster.minutes(40, &MILAN).await;
    let setup = cluster.world.monitor.setup.clone();
    let watch = default_watch(&MILAN);
    cluster.world.monitor.replace(Setup { watch, ..setup }).await.unwrap();
    cluster.minutes(2, &MILAN).await;
    let over = cluster.world.events().await.pop().unwrap();
    assert_eq!(over.kind, EventKind::PipelineRecovered);
    assert!(over.detail.starts_with("Nobody is left of node node02"), "{}", over.detail);
}

#[tokio::test(start_paused = true)]
async fn what_stopped_before_the_first_look_is_one_stall_and_who_was_silent_before_that_is_told_by_itself() {
    let fleet = [MILAN, ROME].concat();
    let world = World::new(&[&fleet[..], &["013", "014"]].concat()).await;
    fleet.iter().for_each(|id| world.index.log(id, start() - TimeDelta::minutes(20)));
    world.index.log("013", start() - TimeDelta::days(3));
    let mut cluster = Cluster { world, minute: 0 };
    cluster.minutes(3, &[]).await;
    let told = ["pipeline_stalled default", "agent_silent 013", "agent_silent 014"];
    assert_eq!(cluster.told().await, told);
    let stall = cluster.world.events().await.remove(0);
    let none = "None of the 12 agents of watch default has logged for 21 min";
    assert!(stall.detail.starts_with(none) && !stall.detail.contains("013"), "{}", stall.detail);
    cluster.minutes(6, &fleet[1..]).await;
    assert_eq!(cluster.told().await[3..], ["pipeline_recovered default"]);
    cluster.minutes(20, &fleet[1..]).await;
    assert_eq!(cluster.told().await[4..], ["agent_silent 001"]);
}

#[tokio::test(start_paused = true)]
async fn whoever_is_found_silent_waits_for_the_others_of_its_group_that_stopped_with_it() {
    let world = World::new(&[MILAN, ROME].concat()).await;
    let log =
        |ids: &[&str], ago| ids.iter().for_each(|id| world.index.log(id, start() - TimeDelta::minutes(ago)));
    log(&MILAN[..3], 16);
    log(&MILAN[3..], 10);
    log(&ROME, 6);
    let mut cluster = Cluster { world, minute: 0 };
    cluster.minutes(9, &[]).await;
    assert_eq!(cluster.told().await, [""; 0], "it is not clear yet whether it is them or the way");
    cluster.minutes(3, &[]).await;
    assert_eq!(cluster.told().await, ["pipeline_stalled default"]);
}

#[tokio::test(start_paused = true)]
async fn whoever_is_found_silent_waits_no_longer_than_its_threshold() {
    let mut world = World::new(&[MILAN, ROME].concat()).await;
    world.index.log("001", start() - TimeDelta::minutes(26));
    [&MILAN[1..], &ROME].concat().iter().for_each(|id| world.index.log(id, start() - TimeDelta::minutes(3)));
    world.minutes(7, &[]).await;
    assert_eq!(world.story().await, ["agent_silent 001"], "it is due since 17 min, and 16 are allowed");
}

#[tokio::test(start_paused = true)]
async fn who_stopped_before_the_first_look_while_the_others_log_is_told_by_itself() {
    let mut world = World::new(&[MILAN, ROME].concat()).await;
    MILAN.iter().for_each(|id| world.index.log(id, start() - TimeDelta::minutes(20)));
    world.minute(&ROME).await;
    assert_eq!(world.story().await, MILAN.map(|id| format!("agent_silent {id}")));
}

#[tokio::test(start_paused = true)]
async fn those_that_were_never_seen_did_not_fall_silent_with_the_first_that_does() {
    let mut world = World::new(&[MILAN, ROME].concat()).await;
    world.index.log("009", start() - TimeDelta::minutes(10));
    world.minutes(8, &["010", "011", "012"]).await;
    let told = world.story().await;
    assert_eq!((told.len(), &*told[8]), (9, "agent_silent 009"), "{told:?}");
}

#[tokio::test(start_paused = true)]
async fn those_that_were_never_seen_keep_no_stall_open() {
    let never = [&MILAN[..], &["007"]].concat();
    let (lost, logging) = (["008", "009", "010", "011", "012"], ["013", "014"]);
    let mut world = World::new(&[&never[..], &lost, &logging].concat()).await;
    lost.iter().for_each(|id| world.index.log(id, start() - TimeDelta::minutes(10)));
    world.minutes(8, &logging).await;
    assert_eq!(world.story().await[7], "pipeline_stalled default");
    world.minutes(2, &[&lost[..], &logging].concat()).await;
    assert!(world.story().await.contains(&"pipeline_recovered default".to_owned()));
}
