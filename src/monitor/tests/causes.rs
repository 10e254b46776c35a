//! Why an agent is silent, when a source beside tells.

use std::sync::Mutex;

use super::*;
use crate::source::several::Several;
use crate::source::{Connection, Counted, Counters, Link};
use tokio::time::Instant;

/// A Wazuh server that knows how agents are connected.
#[derive(Default)]
pub(super) struct Manager {
    links: Mutex<BTreeMap<String, (Link, Option<i64>)>>,
    broken: Mutex<Option<SourceReason>>,
    /// How long each answer takes.
    slow: Mutex<Duration>,
    /// What it counted of every agent at each look.
    counted: Mutex<Vec<Counted>>,
    looks: Mutex<usize>,
}

#[async_trait::async_trait]
impl Source for Manager {
    async fn connections(&self, keys: &[&str], _: Instant) -> Result<Vec<Connection>, SourceError> {
        self.probe().await?;
        let links = self.links.lock().unwrap();
        let known = links.iter().filter(|(key, _)| keys.contains(&key.as_str()));
        let connection = |(key, (link, keepalive)): (&String, &(Link, Option<i64>))| Connection {
            key: key.into(),
            link: *link,
            last_keepalive: *keepalive,
            lost_at: None,
            node: None,
        };
        Ok(known.map(connection).collect())
    }

    async fn counters(&self, keys: &[&str]) -> Result<Vec<Counters>, SourceError> {
        self.wait().await;
        *self.looks.lock().unwrap() += keys.len();
        let mut counted = self.counted.lock().unwrap();
        let now = (!counted.is_empty()).then(|| counted.remove(0));
        let agents = keys.iter().filter(|key| is_agent_id(key));
        Ok(agents.filter_map(|key| Some(Counters { key: (*key).into(), counted: now? })).collect())
    }

    async fn nodes(&self, _: &Query<'_>) -> Result<Vec<Membership>, SourceError> {
        self.probe().await.map(|()| Vec::new())
    }

    async fn probe(&self) -> Result<(), SourceError> {
        self.wait().await;
        match *self.broken.lock().unwrap() {
            Some(reason) => Err(SourceError::new(reason, "the Wazuh API is broken on purpose")),
            None => Ok(()),
        }
    }
}

impl Manager {
    /// One whose answers take so long.
    pub(super) fn slow(slow: Duration) -> Self {
        Self { slow: Mutex::new(slow), ..Self::default() }
    }

    async fn wait(&self) {
        let slow = *self.slow.lock().unwrap();
        tokio::time::sleep(slow).await;
    }
}

async fn world(ids: &[&str]) -> (World, Arc<Manager>) {
    let manager = Arc::new(Manager::default());
    (beside(default_watch(ids), &[&manager]).await, manager)
}

pub(super) async fn beside(watch: Watch, managers: &[&Arc<Manager>]) -> World {
    let mut world = World::new(&[]).await;
    let named = |(n, manager): (usize, &&Arc<Manager>)| {
        let source: Arc<dyn Source> = (*manager).clone();
        (["api", "other"][n].to_owned(), source)
    };
    let beside = managers.iter().enumerate().map(named).collect();
    let setup = Setup { watch, source: world.index.clone(), beside, lister: None };
    world.monitor.replace(setup).await.unwrap();
    world
}

fn of<'a>(events: &'a [Event], id: &str) -> &'a Event {
    let about = |event: &&Event| event.entity.as_ref().is_some_and(|entity| entity.id == id);
    events.iter().find(about).unwrap_or_else(|| panic!("nothing about {id}: {events:#?}"))
}

#[tokio::test(start_paused = true)]
async fn the_message_says_whether_the_agent_is_connected() {
    let ids = ["001", "002|/var/log/x", "003", "web-1"];
    let (mut world, manager) = world(&ids).await;
    world.minutes(5, &ids).await;
    let gone = world.now();
    let later = gone + TimeDelta::minutes(16);
    manager.links.lock().unwrap().extend([
        ("001".to_owned(), (Link::Connected, Some(later.timestamp_millis()))),
        ("002".to_owned(), (Link::Lost, Some(gone.timestamp_millis()))),
        ("003".to_owned(), (Link::NotEnrolled, None)),
        ("web-1".to_owned(), (Link::NotEnrolled, None)),
    ]);
    world.minutes(20, &[]).await;
    let events = world.events().await;
    let causes = ids.map(|id| of(&events, id).cause.as_str());
    assert_eq!(causes, ["connected_but_silent", "disconnected", "not_enrolled", "no_documents"]);
    let stranger = &of(&events, "web-1").detail;
    assert!(stranger.contains("cannot be told: the Wazuh server did not say"), "a name is no id: {stranger}");
    let lost = &of(&events, "002|/var/log/x").detail;
    assert!(
        lost.contains("disconnected and did not say goodbye; its last keepalive is 16 min old"),
        "{lost}"
    );
}

#[tokio::test(start_paused = true)]
async fn the_managers_counters_tell_whether_the_agent_or_the_way_behind_it_broke() {
    for id in ["001", "001|/var/log/syslog"] {
        let (mut world, manager) = world(&[id, "002"]).await;
        let counted = |received, logs| Counted { received, logs: Some(logs) };
        *manager.counted.lock().unwrap() = vec![counted(500, 20), counted(590, 60)];
        world.minutes(5, &[id, "002"]).await;
        let later = world.now() + TimeDelta::minutes(16);
        let connected = ("001".to_owned(), (Link::Connected, Some(later.timestamp_millis())));
        manager.links.lock().unwrap().extend([connected]);
        world.minutes(17, &["002"]).await;
        let events = world.events().await;
        let silent = of(&events, id);
        assert_eq!(silent.cause, "connected_but_silent");
        let said = "its manager received 90 events of the last 5 min, but the indexer has none of them";
        assert!(silent.detail.contains(said), "{}", silent.detail);
        assert_eq!(*manager.looks.lock().unwrap(), 2, "asked on suspicion, and not about others");
    }
}

#[tokio::test(start_paused = true)]
async fn what_an_agent_sent_while_it_still_logged_is_not_held_against_the_way() {
    let manager = Arc::new(Manager::default());
    let short = Watch {
        interval: Duration::from_secs(180),
        grace: Duration::from_secs(60),
        ..default_watch(&["001", "002"])
    };
    let mut world = beside(short, &[&manager]).await;
    let counted = |received| Counted { received, logs: None };
    *manager.counted.lock().unwrap() = vec![counted(100)];
    world.minutes(60, &["001", "002"]).await;
    assert_eq!(*manager.looks.lock().unwrap(), 0, "nobody is late");
    let later = world.now() + TimeDelta::minutes(4);
    manager.links.lock().unwrap().insert("001".to_owned(), (Link::Connected, Some(later.timestamp_millis())));
    *manager.counted.lock().unwrap() = vec![counted(491); 2];
    world.minutes(5, &["002"]).await;
    let silent = of(&world.events().await, "001").detail.clone();
    assert!(silent.contains("its manager has received nothing but keepalives for 1 min"), "{silent}");
}

#[tokio::test(start_paused = true)]
async fn of_two_servers_the_one_counts_that_says_more() {
    for swapped in [false, true] {
        let (one, two) = (Arc::new(Manager::default()), Arc::new(Manager::default()));
        let managers = if swapped { [&two, &one] } else { [&one, &two] };
        let mut world = beside(default_watch(&["001", "002", "003"]), &managers).await;
        world.minutes(5, &["001", "002", "003"]).await;
        let gone = Some(world.now().timestamp_millis());
        one.links.lock().unwrap().insert("001".to_owned(), (Link::Lost, gone));
        two.links.lock().unwrap().insert("001".to_owned(), (Link::NotEnrolled, None));
        world.minutes(17, &["002", "003"]).await;
        assert_eq!(of(&world.events().await, "001").cause, "disconnected", "the other knows no such agent");
        one.links.lock().unwrap().insert("002".to_owned(), (Link::Lost, gone));
        *two.broken.lock().unwrap() = Some(SourceReason::Network);
        world.minutes(17, &["003"]).await;
        assert_eq!(of(&world.events().await, "002").cause, "disconnected", "the other does not answer");
    }
}

#[tokio::test(start_paused = true)]
async fn of_many_that_fall_silent_at_once_and_are_no_stall_each_has_its_cause() {
    let ids: Vec<String> = (1..=400).map(|number| format!("{number:03}")).collect();
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    let (mut world, manager) = world(&ids).await;
    world.minutes(5, &ids).await;
    let gone = Some(world.now().timestamp_millis());
    let lost = ids[..120].iter().map(|id| ((*id).to_owned(), (Link::Lost, gone)));
    manager.links.lock().unwrap().extend(lost);
    world.minutes(17, &ids[120..]).await;
    let events = world.events().await;
    let causes: Vec<&str> = events.iter().map(|event| event.cause.as_str()).collect();
    assert_eq!(causes, ["disconnected"; 120]);
}

#[tokio::test(start_paused = true)]
async fn without_the_api_silence_is_told_all_the_same_and_its_outage_once() {
    let (mut world, manager) = world(&["001", "002"]).await;
    world.minutes(5, &["001", "002"]).await;
    *manager.broken.lock().unwrap() = Some(SourceReason::Auth);
    world.minutes(90, &["002"]).await;
    let story = ["agent_silent 001", "source_down api"];
    let mut told = world.story().await;
    told.sort();
    assert_eq!(told, story);
    let events = world.events().await;
    let silent = of(&events, "001");
    assert_eq!(silent.cause, "no_documents");
    assert!(silent.detail.contains("cannot be told: the Wazuh server did not say"), "{}", silent.detail);
    *manager.broken.lock().unwrap() = None;
    world.minutes(1, &["002"]).await;
    assert_eq!(world.story().await.last().unwrap(), "source_up api", "it is tried again within a minute");
}

/// So many minutes in which these log, and how long the longest round took.
async fn longest_round(world: &mut World, minutes: usize, logging: &[&str]) -> Duration {
    let mut longest = Duration::ZERO;
    for _ in 0..minutes {
        let began = tokio::time::Instant::now();
        world.minute(logging).await;
        longest = longest.max(began.elapsed() - Duration::from_secs(60));
    }
    longest
}

#[tokio::test(start_paused = true)]
async fn a_slow_api_is_not_down_and_all_that_it_is_asked_holds_a_message_up_for_15_s() {
    let ids = ["001", "002", "003"];
    for (seconds, cause) in [(6, "disconnected"), (20, "no_documents")] {
        let (mut world, manager) = world(&ids).await;
        *manager.slow.lock().unwrap() = Duration::from_secs(seconds);
        *manager.counted.lock().unwrap() = vec![Counted { received: 1, logs: None }; 9];
        world.minutes(5, &ids).await;
        let gone = world.now().timestamp_millis();
        let later = gone + 16 * 60_000;
        manager.links.lock().unwrap().extend([
            ("001".to_owned(), (Link::Lost, Some(gone))),
            ("002".to_owned(), (Link::Connected, Some(later))),
        ]);
        let longest = longest_round(&mut world, 30, &["003"]).await;
        assert!(longest <= Duration::from_secs(15), "{longest:?}");
        let told = ["agent_silent 001", "agent_silent 002"];
        assert_eq!(world.story().await, told, "each answer takes {seconds} s");
        assert_eq!(of(&world.events().await, "001").cause, cause, "each answer takes {seconds} s");
    }
}

#[tokio::test(start_paused = true)]
async fn an_api_that_hangs_holds_up_one_message_only_also_when_the_configuration_is_read_again() {
    let (mut world, manager) = world(&["001", "002", "003"]).await;
    world.minutes(5, &["001", "002", "003"]).await;
    *manager.slow.lock().unwrap() = Duration::from_secs(86_400);
    assert_eq!(longest_round(&mut world, 17, &["002", "003"]).await.as_secs(), 15);
    let setup = world.monitor.setup.clone();
    world.monitor.replace(setup).await.unwrap();
    assert_eq!(longest_round(&mut world, 17, &["003"]).await.as_secs(), 0);
    assert_eq!(world.story().await, ["agent_silent 001", "agent_silent 002"]);
}

#[tokio::test(start_paused = true)]
async fn who_sends_through_which_node_is_learned_slowly_and_takes_no_message_its_cause() {
    let ids = ["001", "002", "003"];
    for (node, seconds) in [(Some("node01"), 0), (None, 5)] {
        let (mut world, manager) = world(&ids).await;
        world.index.nodes.lock().unwrap().extend(node.map(|node| ("001".to_owned(), node)));
        *world.index.nodes_take.lock().unwrap() = Duration::from_secs(40);
        assert_eq!(longest_round(&mut world, 45, &ids).await.as_secs(), 40, "nobody waits for it");
        let gone = Some(world.now().timestamp_millis());
        manager.links.lock().unwrap().insert("001".to_owned(), (Link::Lost, gone));
        // It is time to ask for it again when one of them is told.
        let mut last = Duration::ZERO;
        while world.story().await.is_empty() {
            last = longest_round(&mut world, 1, &ids[1..]).await;
        }
        let told = world.events().await.remove(0);
        assert_eq!((&*told.cause, told.labels.get("node").map(|node| &**node)), ("disconnected", node));
        assert_eq!(last.as_secs(), seconds, "{node:?}");
        let next = longest_round(&mut world, 5, &ids[1..]).await;
        assert_eq!(next.as_secs(), 40, "it is asked for when nobody waits");
    }
}

#[tokio::test(start_paused = true)]
async fn an_api_for_which_no_time_is_left_is_not_slow() {
    let ids = ["001|/var/log/syslog", "002|/var/log/syslog", "003"];
    let (mut world, manager) = world(&ids).await;
    world.minutes(5, &ids).await;
    let gone = Some(world.now().timestamp_millis());
    manager.links.lock().unwrap().extend(["001", "002"].map(|id| (id.to_owned(), (Link::Lost, gone))));
    *world.index.wholes_take.lock().unwrap() = Duration::from_secs(30);
    world.minutes(1, &ids[1..]).await;
    assert_eq!(longest_round(&mut world, 15, &ids[2..]).await.as_secs(), 15);
    *world.index.wholes_take.lock().unwrap() = Duration::ZERO;
    world.minutes(1, &ids[2..]).await;
    let events = world.events().await;
    assert_eq!([ids[0], ids[1]].map(|id| of(&events, id).cause.as_str()), ["no_documents", "disconnected"]);
}

#[tokio::test(start_paused = true)]
async fn an_api_that_answers_nothing_any_more_is_told_and_holds_up_one_message_only() {
    let (mut world, manager) = world(&["001", "002", "003"]).await;
    world.minutes(5, &["001", "002", "003"]).await;
    *manager.slow.lock().unwrap() = Duration::from_secs(30);
    *manager.broken.lock().unwrap() = Some(SourceReason::Timeout);
    assert_eq!(longest_round(&mut world, 17, &["002", "003"]).await.as_secs(), 15);
    assert_eq!(longest_round(&mut world, 17, &["003"]).await.as_secs(), 0);
    assert_eq!(world.story().await, ["agent_silent 001", "source_down api", "agent_silent 002"]);
}

#[tokio::test(start_paused = true)]
async fn of_two_servers_one_that_hangs_takes_no_time_from_the_other() {
    let (one, two) = (Arc::new(Manager::default()), Arc::new(Manager::default()));
    let mut world = beside(default_watch(&["001", "002"]), &[&one, &two]).await;
    world.minutes(5, &["001", "002"]).await;
    let gone = Some(world.now().timestamp_millis());
    *one.slow.lock().unwrap() = Duration::from_secs(300);
    two.links.lock().unwrap().insert("001".to_owned(), (Link::Lost, gone));
    world.minutes(17, &["002"]).await;
    assert_eq!(of(&world.events().await, "001").cause, "disconnected");
}

#[tokio::test(start_paused = true)]
async fn one_log_of_an_agent_that_stops_is_told_as_such_and_the_whole_agent_is_not() {
    let ids =
        ["001|/var/log/auth.log", "001|/var/log/syslog", "002|/var/log/auth.log", "002|/var/log/syslog"];
    let (mut world, _) = world(&ids).await;
    world.minutes(20, &ids).await;
    world.minutes(17, &[ids[1]]).await;
    let events = world.events().await;
    let part = of(&events, ids[0]);
    assert_eq!(part.cause, "part_silent");
    let said = "Only this log has stopped: the rest of 001 flows, its newest log came 0 s ago";
    assert!(part.detail.contains(said), "{}", part.detail);
    assert_eq!([ids[2], ids[3]].map(|id| of(&events, id).cause.as_str()), ["no_documents"; 2]);
}

#[tokio::test(start_paused = true)]
async fn one_log_that_stops_is_told_as_such_although_nobody_watches_the_others_of_its_agent() {
    let ids = ["001|/var/log/syslog", "002|/var/log/syslog"];
    let others = ["001|/var/log/auth.log", "002|/var/log/auth.log"];
    let (mut world, manager) = world(&ids).await;
    let later = (world.now() + TimeDelta::minutes(36)).timestamp_millis();
    let connected = |id: &str| (id.to_owned(), (Link::Connected, Some(later)));
    manager.links.lock().unwrap().extend(["001", "002"].map(connected));
    world.minutes(20, &[ids, others].concat()).await;
    world.minutes(17, &others[..1]).await;
    let events = world.events().await;
    assert_eq!(ids.map(|id| of(&events, id).cause.as_str()), ["part_silent", "connected_but_silent"]);
    let said = "the rest of 001 flows, its newest log came 0 s ago";
    assert!(of(&events, ids[0]).detail.contains(said), "{}", of(&events, ids[0]).detail);
}

#[tokio::test(start_paused = true)]
async fn whose_logs_came_late_until_it_stopped_is_not_late_but_what_its_manager_says() {
    let (mut world, manager) = world(&["001", "002"]).await;
    world.minutes(20, &["001", "002"]).await;
    let begin = world.now();
    manager.links.lock().unwrap().insert("001".to_owned(), (Link::Stopped, Some(begin.timestamp_millis())));
    // It falls behind by ten minutes, and stops.
    for minute in 1..=20 {
        world.index.log("001", begin + TimeDelta::seconds(30 * minute));
        world.minute(&["002"]).await;
    }
    world.minutes(10, &["002"]).await;
    let told = world.events().await.pop().unwrap();
    assert_eq!((told.kind, told.cause.as_str()), (EventKind::AgentSilent, "disconnected"), "{}", told.detail);
}

/// Of twelve one never logs, then one stops that has a log from the future, then all; what is told where this one keeps the documents.
async fn told_where(keeper: Keeper) -> Vec<Event> {
    let ids: Vec<String> = (1..=12).map(|number| format!("{number:03}")).collect();
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    let mut world = World::new(&ids).await;
    let index = Arc::new(Index { keeper: Some(keeper), ..Index::default() });
    world.index = index.clone();
    let source: Arc<dyn Source> = Arc::new(Several::new(vec![("alerts".to_owned(), index)]));
    let setup = Setup { watch: default_watch(&ids), source, beside: Vec::new(), lister: None };
    world.monitor.replace(setup).await.unwrap();
    world.minutes(20, &ids[1..]).await;
    world.index.log("002", world.now() + TimeDelta::hours(100));
    world.minutes(20, &ids[2..]).await;
    world.minutes(40, &[]).await;
    world.events().await
}

/// What is said of the logs from the future.
fn of_skew(events: &[Event]) -> &str {
    events.iter().find(|event| event.kind == EventKind::ClockSkewed).map_or("", |event| &event.detail)
}

#[tokio::test(start_paused = true)]
async fn of_a_watch_that_reads_the_managers_file_nothing_is_said_of_an_indexer() {
    let events = told_where(Keeper::Manager).await;
    let never = &of(&events, "001").detail;
    assert!(never.contains("is its manager the one that writes this file?"), "{never}");
    let stalled = events.iter().find(|event| event.kind == EventKind::PipelineStalled).unwrap();
    assert!(stalled.detail.contains("check first the manager, its disk"), "{}", stalled.detail);
    let of_indexer = ["indexer", "Filebeat"];
    assert!(of_skew(&events).contains("the time of the Wazuh manager"), "{}", of_skew(&events));
    assert!(events.iter().all(|event| of_indexer.iter().all(|part| !event.detail.contains(part))));
}

#[tokio::test(start_paused = true)]
async fn of_a_source_of_ones_own_nothing_is_said_of_what_stands_behind_wazuhs_agents() {
    let events = told_where(Keeper::Other).await;
    let asked =
        ["was it ever heard?", "is anything else of the same source still heard?", "whatever brings them"];
    let (skews, others): (Vec<Event>, Vec<Event>) =
        events.iter().cloned().partition(|event| event.kind == EventKind::ClockSkewed);
    for (event, asked) in others.iter().zip(asked) {
        assert!(event.detail.contains(asked), "{}", event.detail);
    }
    for event in skews.iter().chain(&others[..3]) {
        let parts = ["indexer", "Filebeat", "anager", "enrolled", "Wazuh"];
        assert!(parts.iter().all(|part| !event.detail.contains(part)), "{}", event.detail);
    }
    assert!(of_skew(&events).contains("the time of whatever dates them"), "{}", of_skew(&events));
}

#[tokio::test(start_paused = true)]
async fn whose_logs_came_late_and_then_do_not_come_is_told_to_be_silent_and_why() {
    let (mut world, manager) = world(&["001", "002"]).await;
    world.minutes(20, &["001", "002"]).await;
    let begin = world.now();
    for minute in 1..=24 {
        world.index.log("001", begin + TimeDelta::seconds(20 * minute));
        world.minute(&["002"]).await;
    }
    let gone = (Link::Lost, Some(world.now().timestamp_millis()));
    manager.links.lock().unwrap().insert("001".to_owned(), gone);
    world.minutes(12, &["002"]).await;
    let setup = world.monitor.setup.clone();
    world.monitor.replace(setup).await.unwrap();
    world.minutes(30, &["002"]).await;
    let told = world.events().await;
    let causes: Vec<&str> = told.iter().map(|event| event.cause.as_str()).collect();
    assert_eq!(causes, ["late", "disconnected"]);
    let quiet = told[1].at - (begin + TimeDelta::minutes(24));
    assert!((16..=18).contains(&quiet.num_minutes()), "{quiet}");
}
