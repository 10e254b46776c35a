//! Agents that a source lists.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::causes::Manager;
use super::*;
use crate::config::{Agent, Discover};
use crate::dispatch::router;
use crate::monitor::inventory::Changes;
use crate::monitor::roll_call;
use crate::source::Listed;

/// A source that lists agents, and may be told to fail or to take its time.
#[derive(Default)]
pub struct Lists {
    agents: Mutex<Vec<Listed>>,
    pub broken: Mutex<bool>,
    takes: Mutex<Duration>,
    /// How often it was asked for.
    read: AtomicUsize,
}

impl Lists {
    pub fn set(&self, agents: &[(&str, &str)]) {
        let listed = agents.iter().map(|(id, name)| Listed {
            key: (*id).into(),
            name: (*name).into(),
            groups: vec!["default".into()],
            ..Listed::default()
        });
        *self.agents.lock().unwrap() = listed.collect();
    }
}

#[async_trait::async_trait]
impl Source for Lists {
    async fn inventory(&self, _: &Query<'_>) -> Result<Vec<Listed>, SourceError> {
        let takes = *self.takes.lock().unwrap();
        self.read.fetch_add(1, Ordering::Relaxed);
        tokio::time::sleep(takes).await;
        if *self.broken.lock().unwrap() {
            return Err(SourceError::new(SourceReason::Network, "cannot be reached."));
        }
        Ok(self.agents.lock().unwrap().clone())
    }

    fn lists_all(&self) -> bool {
        true
    }

    async fn probe(&self) -> Result<(), SourceError> {
        Ok(())
    }
}

async fn world(list: &Arc<Lists>) -> World {
    let mut world = World::new(&[]).await;
    world.monitor.replace(setup(&world, list)).await.unwrap();
    world
}

pub fn setup(world: &World, list: &Arc<Lists>) -> Setup {
    let discover = Discover {
        source: "api".to_owned(),
        include: Vec::new(),
        exclude: Vec::new(),
        every: Duration::from_secs(600),
        probation: Duration::from_secs(3600),
        forget_after: Duration::from_secs(30 * 86_400),
    };
    let watch = Watch { discover: Some(discover), ..default_watch(&[]) };
    let lister: Arc<dyn Source> = list.clone();
    Setup { watch, source: world.index.clone(), beside: Vec::new(), lister: Some(("api".to_owned(), lister)) }
}

#[tokio::test(start_paused = true)]
async fn whoever_a_source_lists_is_watched_and_newcomers_have_time_to_begin() {
    let list = Arc::new(Lists::default());
    list.set(&[("000", "manager"), ("001", "web-01"), ("002", "web-02")]);
    let mut world = world(&list).await;
    world.minutes(30, &["001", "002"]).await;
    world.minutes(20, &["001"]).await;
    assert_eq!(world.story().await, ["agent_silent 002"], "and not the manager");
    list.set(&[("001", "web-01"), ("002", "web-02"), ("003", "new-01"), ("004", "new-02")]);
    world.minutes(50, &["001", "003"]).await;
    assert_eq!(world.story().await, ["agent_silent 002"], "004 has an hour to begin");
    world.minutes(30, &["001", "003"]).await;
    assert_eq!(world.story().await, ["agent_silent 002", "agent_silent 004"]);
}

#[tokio::test(start_paused = true)]
async fn a_list_of_which_the_rules_want_nobody_is_told_once() {
    let list = Arc::new(Lists::default());
    list.set(&[("000", "manager"), ("001", "web-01"), ("002", "web-02")]);
    let mut world = World::new(&[]).await;
    let mut setup = setup(&world, &list);
    let rules = setup.watch.discover.as_mut().unwrap();
    rules.include = vec![crate::config::matcher::Matcher::new([("name", vec!["wbe-*"])])];
    world.monitor.replace(setup).await.unwrap();
    world.minutes(40, &["001", "002"]).await;
    assert_eq!(world.story().await, ["inventory_changed default"], "and not with each list");
    let told = &world.events().await[0].detail;
    assert!(told.starts_with("`include` and `exclude` want none of those on the list, 2 in all"), "{told}");
}

#[tokio::test(start_paused = true)]
async fn a_removal_is_told_once_and_an_agent_that_is_enrolled_anew_goes_on() {
    let list = Arc::new(Lists::default());
    list.set(&[("001", "web-01"), ("002", "web-02"), ("003", "web-03")]);
    let mut world = world(&list).await;
    world.minutes(30, &["001", "002", "003"]).await;
    world.minutes(20, &["001", "002"]).await;
    list.set(&[("001", "web-01"), ("009", "web-03")]);
    world.minutes(40, &["001"]).await;
    let story = world.story().await;
    let told = ["agent_silent 003", "inventory_changed default", "inventory_changed default"];
    assert_eq!(story, told, "003 is 009 now, 002 is gone and not silent");
    let detail: Vec<String> = world.events().await.into_iter().map(|event| event.detail).collect();
    assert!(detail[1].contains("009 web-03 (was 003)"), "{}", detail[1]);
    assert!(detail[2].contains("not watched any more, is 002 web-02"), "{}", detail[2]);
    world.minutes(2, &["001", "009"]).await;
    let back = world.events().await.pop().unwrap();
    assert_eq!((back.kind, back.entity.unwrap().id.as_str()), (EventKind::AgentRecovered, "009"));
    assert_eq!(back.incident, world.events().await[0].incident, "one silence, one incident");
}

#[tokio::test(start_paused = true)]
async fn an_agent_of_the_file_that_is_enrolled_anew_is_no_silence_of_its_old_id() {
    let list = Arc::new(Lists::default());
    list.set(&[("001", "host-001"), ("002", "host-002")]);
    let mut world = World::new(&["002"]).await;
    let with_file = |world: &World| {
        let setup = setup(world, &list);
        Setup { watch: Watch { discover: setup.watch.discover, ..default_watch(&["002"]) }, ..setup }
    };
    world.monitor.replace(with_file(&world)).await.unwrap();
    world.minutes(20, &["001", "002"]).await;
    list.set(&[("001", "host-001"), ("009", "host-002")]);
    world.minutes(60, &["001", "009"]).await;
    let mut world = world.restarted(&["002"]).await;
    world.monitor.replace(with_file(&world)).await.unwrap();
    world.minutes(60, &["001", "009"]).await;
    assert_eq!(world.story().await, ["inventory_changed default"]);
    world.minutes(17, &["001"]).await;
    assert_eq!(world.story().await[1..], ["agent_silent 009"]);
}

#[tokio::test(start_paused = true)]
async fn a_silence_that_is_over_goes_along_with_whoever_is_enrolled_anew() {
    let list = Arc::new(Lists::default());
    list.set(&[("001", "web-01"), ("003", "web-03")]);
    let mut world = world(&list).await;
    world.minutes(20, &["001", "003"]).await;
    world.minutes(20, &["001"]).await;
    world.minutes(10, &["001", "003"]).await;
    list.set(&[("001", "web-01"), ("009", "web-03")]);
    world.minutes(20, &["001", "009"]).await;
    let told = ["agent_silent 003", "agent_recovered 003", "inventory_changed default"];
    assert_eq!(world.story().await, told);
    let silences = |connection: &_| crate::journal::past::silences(connection, 0, i64::MAX);
    let silences = world.recorder.journal.write(silences).await.unwrap();
    assert_eq!(silences.iter().map(|one| one.key.as_str()).collect::<Vec<_>>(), ["009"]);
}

/// The old id, as the fleet in memory still has it, would be written down once more and let go.
#[tokio::test(start_paused = true)]
async fn a_reload_while_a_list_is_put_in_force_ends_no_silence() {
    let list = Arc::new(Lists::default());
    list.set(&[("001", "web-01"), ("003", "web-03")]);
    let mut world = world(&list).await;
    world.minutes(30, &["001", "003"]).await;
    world.minutes(20, &["001"]).await;
    let new = Agent { id: "009".to_owned(), ..world.monitor.roster.listed[1].clone() };
    let agents = vec![world.monitor.roster.listed[0].clone(), new.clone()];
    let changes = Changes { agents, renamed: vec![("003".to_owned(), new)], ..Changes::default() };
    let now = world.now().timestamp_millis();
    world.monitor.write_roll(&changes, now).await.unwrap();
    list.set(&[("001", "web-01"), ("009", "web-03")]);
    world.monitor.replace(setup(&world, &list)).await.unwrap();
    world.minutes(2, &["001", "009"]).await;
    let story = world.story().await;
    assert!(!story.iter().any(|told| told.starts_with("agent_unwatched")), "{story:?}");
    let (first, last) = (world.events().await.remove(0), world.events().await.pop().unwrap());
    assert_eq!((last.kind, last.incident), (EventKind::AgentRecovered, first.incident));
}

#[tokio::test(start_paused = true)]
async fn who_is_removed_is_not_silent() {
    let list = Arc::new(Lists::default());
    list.set(&[("001", "web-01"), ("002", "web-02")]);
    let mut world = world(&list).await;
    world.minutes(25, &["001", "002"]).await;
    list.set(&[("001", "web-01")]);
    world.minutes(60, &["001"]).await;
    assert_eq!(world.story().await, ["inventory_changed default"], "the list is ten minutes old at most");
}

#[tokio::test(start_paused = true)]
async fn who_logged_too_little_and_is_removed_has_not_stopped() {
    let list = Arc::new(Lists::default());
    list.set(&[("001", "web-01"), ("002", "web-02")]);
    let mut world = world(&list).await;
    let mut rules = with_rules(&setup(&world, &list), |rules| rules.every = Duration::from_secs(12 * 3600));
    rules.watch.min_events = Some(10);
    world.index.log_many(&["001", "002"], world.now(), 20);
    world.monitor.replace(rules).await.unwrap();
    world.minutes(30, &["001", "002"]).await;
    for minute in 0..30 {
        world.minutes(1, if minute % 5 == 0 { &["001", "002"] } else { &["001"] }).await;
    }
    list.set(&[("001", "web-01")]);
    world.minutes(60, &["001"]).await;
    assert_eq!(world.story().await, ["agent_silent 002"], "it has logged too little");
}

/// The list is an hour old when the first of them is due.
#[tokio::test(start_paused = true)]
async fn who_is_removed_is_not_silent_however_rarely_the_list_is_read() {
    let list = Arc::new(Lists::default());
    list.set(&[("001", "web-01"), ("002", "web-02"), ("003", "web-03"), ("004", "web-04")]);
    let mut world = world(&list).await;
    let rarely = |rules: &mut Discover| rules.every = Duration::from_secs(12 * 3600);
    world.monitor.replace(with_rules(&setup(&world, &list), rarely)).await.unwrap();
    world.minutes(60, &["001", "002", "003", "004"]).await;
    let read = list.read.load(Ordering::Relaxed);
    world.minutes(10, &["001", "003", "004"]).await;
    list.set(&[("001", "web-01"), ("003", "web-03")]);
    world.minutes(10, &["001", "003"]).await;
    assert_eq!(list.read.load(Ordering::Relaxed) - read, 1, "002 was due");
    world.minutes(60, &["001"]).await;
    assert_eq!(world.story().await, ["agent_silent 003"], "002 and 004 are removed");
    assert_eq!(list.read.load(Ordering::Relaxed) - read, 2, "and 004 was not due any more");
    world.minutes(13 * 60, &["001"]).await;
    assert_eq!(world.story().await, ["agent_silent 003", "inventory_changed default"]);
    assert!(world.events().await[1].detail.contains("not watched any more, are 002 web-02"));
}

/// Whoever a list puts in the place of the fleet was not looked for yet.
#[tokio::test(start_paused = true)]
async fn after_a_list_that_only_tells_a_name_of_two_the_round_looks_anew_before_it_judges() {
    let list = Arc::new(Lists::default());
    list.set(&[("001", "web-01"), ("002", "web-02"), ("003", "web-03")]);
    let mut world = world(&list).await;
    let rarely = |rules: &mut Discover| rules.every = Duration::from_secs(12 * 3600);
    world.monitor.replace(with_rules(&setup(&world, &list), rarely)).await.unwrap();
    world.minutes(30, &["001", "002", "003"]).await;
    list.set(&[("001", "web-01"), ("002", "web-02"), ("003", "web-03"), ("004", "web-01")]);
    world.minutes(20, &["001", "003", "004"]).await;
    assert_eq!(world.story().await, ["agent_silent 002"]);
    while world.story().await.len() < 3 {
        world.index.asked.lock().unwrap().clear();
        world.minute(&["001", "004"]).await;
    }
    assert_eq!(world.story().await[1..], ["inventory_changed default", "agent_silent 003"]);
    let asked = world.index.asked.lock().unwrap().clone();
    let anew = (world.now() - TimeDelta::minutes(16), Some(4));
    assert!(asked.iter().any(|(from, named)| *from <= anew.0 && *named == anew.1), "{asked:?}");
}

#[tokio::test(start_paused = true)]
async fn a_list_that_cannot_be_read_changes_nothing_and_a_restart_remembers_it() {
    let list = Arc::new(Lists::default());
    let agents: Vec<(String, String)> = (1..=10).map(|n| (format!("{n:03}"), format!("h{n}"))).collect();
    let named: Vec<(&str, &str)> = agents.iter().map(|(id, name)| (id.as_str(), name.as_str())).collect();
    let ids: Vec<&str> = named.iter().map(|(id, _)| *id).collect();
    list.set(&named);
    let mut world = world(&list).await;
    world.minutes(20, &ids).await;
    *list.broken.lock().unwrap() = true;
    let mut again = world.restarted(&[]).await;
    again.monitor.replace(setup(&again, &list)).await.unwrap();
    again.minutes(20, &ids[1..]).await;
    assert_eq!(again.story().await, ["source_down api", "agent_silent 001"]);
    *list.broken.lock().unwrap() = false;
    again.minutes(20, &ids[1..]).await;
    list.set(&named[..5]);
    again.minutes(60, &ids[1..]).await;
    let told = ["source_down api", "agent_silent 001", "source_up api", "source_down api"];
    assert_eq!(again.story().await, told);
    let last = again.events().await.pop().unwrap();
    assert!(last.cause == "doubted" && last.detail.contains("lacks 5 of 10"), "{last:?}");
}

fn with_rules(setup: &Setup, change: impl Fn(&mut Discover)) -> Setup {
    let mut setup = setup.clone();
    change(setup.watch.discover.as_mut().unwrap());
    setup
}

#[tokio::test(start_paused = true)]
async fn who_is_excluded_by_a_reload_is_let_go_at_once_and_that_is_no_loss_of_rights() {
    let list = Arc::new(Lists::default());
    list.set(&[
        ("001", "web-01"),
        ("002", "lab-01"),
        ("003", "lab-02"),
        ("004", "lab-03"),
        ("005", "lab-04"),
        ("006", "lab-05"),
    ]);
    let mut world = world(&list).await;
    world.minutes(20, &["001", "002", "003", "004", "005", "006"]).await;
    world.minutes(17, &["001", "003", "004", "005", "006"]).await;
    assert_eq!(world.story().await, ["agent_silent 002"]);
    *list.broken.lock().unwrap() = true;
    let rules = |rules: &mut Discover| rules.exclude = vec![Matcher::new([("name", vec!["lab-*"])])];
    world.monitor.replace(with_rules(&setup(&world, &list), rules)).await.unwrap();
    assert_eq!(world.monitor.fleet.entities().len(), 1, "also while the list cannot be read");
    *list.broken.lock().unwrap() = false;
    world.minutes(60, &["001"]).await;
    assert_eq!(world.story().await, ["agent_silent 002", "agent_unwatched 002"]);
}

#[tokio::test(start_paused = true)]
async fn who_is_watched_is_chosen_by_name_label_group_and_node_either_way() {
    let ids = async |change: &dyn Fn(&mut Discover)| {
        let list = Arc::new(Lists::default());
        list.set(&[("001", "web-01"), ("002", "fw-01"), ("003", "fw-02")]);
        list.agents.lock().unwrap()[2].node = Some("node02".into());
        list.agents.lock().unwrap()[1].groups.push("edge".into());
        let mut world = World::new(&[]).await;
        world.monitor.replace(with_rules(&setup(&world, &list), change)).await.unwrap();
        world.minute(&[]).await;
        world.monitor.fleet.entities().iter().map(|entity| entity.key.to_string()).collect::<Vec<_>>()
    };
    let one = |key: &'static str, glob: &'static str| vec![Matcher::new([(key, vec![glob])])];
    for (key, glob, in_it, others) in [
        ("name", "fw-*", vec!["002", "003"], vec!["001"]),
        ("label", "web-01", vec!["001"], vec!["002", "003"]),
        ("group", "edge", vec!["002"], vec!["001", "003"]),
        ("node", "node0?", vec!["003"], vec!["001", "002"]),
        ("id", "00[12]", vec![], vec!["001", "002", "003"]),
    ] {
        assert_eq!(ids(&|rules| rules.include = one(key, glob)).await, in_it, "{key}");
        assert_eq!(ids(&|rules| rules.exclude = one(key, glob)).await, others, "{key}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_list_that_takes_its_time_holds_no_verdict_up_and_one_that_never_comes_is_told() {
    let list = Arc::new(Lists::default());
    list.set(&[("001", "web-01"), ("002", "web-02")]);
    let mut world = world(&list).await;
    world.minutes(5, &["001", "002"]).await;
    *list.takes.lock().unwrap() = Duration::from_secs(600);
    list.set(&[("001", "web-01"), ("002", "web-02"), ("003", "new")]);
    let World { monitor, recorder, index, clock } = world;
    let (_setup, setups) = watch::channel(monitor.setup.clone());
    let (_stop, stopped) = watch::channel(false);
    let monitor_task = tokio::spawn(monitor.run(setups, stopped));
    let mut bus = recorder.bus.hints();
    let begin = clock.now();
    let feed = tokio::spawn(async move {
        loop {
            index.log("001", clock.now());
            tokio::time::sleep(Duration::from_secs(60)).await;
        }
    });
    let told = bus.recv().await.unwrap();
    assert_eq!((told.kind, told.entity.as_ref().unwrap().id.as_str()), (EventKind::AgentSilent, "002"));
    assert!(told.at - begin <= TimeDelta::seconds(16 * 60 + 2), "{}", told.at - begin);
    let new = recorder.journal.write(|connection| crate::journal::listed::of_watch(connection, "default"));
    assert_eq!(new.await.unwrap().len(), 3, "and it was taken up when it was there");
    *list.takes.lock().unwrap() = Duration::MAX;
    let mut told = bus.recv().await.unwrap();
    while told.kind != EventKind::SourceDown {
        told = bus.recv().await.unwrap();
    }
    assert_eq!((told.scope.as_str(), told.cause.as_str()), ("api", "timeout"));
    feed.abort();
    monitor_task.abort();
}

#[tokio::test(start_paused = true)]
async fn without_any_list_it_is_said_that_nobody_is_watched() {
    let list = Arc::new(Lists::default());
    *list.broken.lock().unwrap() = true;
    let mut world = world(&list).await;
    world.minutes(30, &[]).await;
    let told = world.events().await;
    assert_eq!((told.len(), told[0].severity), (1, log_monitor_channels::Severity::High));
    assert!(told[0].detail.contains("nobody is watched"), "{}", told[0].detail);
}

#[tokio::test(start_paused = true)]
async fn an_agent_that_is_silent_under_its_old_id_and_its_new_one_is_one_silence() {
    let list = Arc::new(Lists::default());
    list.set(&[("001", "web-01"), ("003", "web-03")]);
    let mut world = world(&list).await;
    world.minutes(20, &["001", "003"]).await;
    list.set(&[("001", "web-01"), ("003", "web-03"), ("009", "web-03")]);
    world.minutes(30, &["001"]).await;
    world.minute(&["001", "009"]).await;
    world.minutes(80, &["001"]).await;
    list.set(&[("001", "web-01"), ("009", "web-03")]);
    world.minutes(40, &["001"]).await;
    let told = ["agent_silent 003", "agent_silent 009", "agent_unwatched 009", "inventory_changed default"];
    assert_eq!(world.story().await, told);
    world.minutes(2, &["001", "009"]).await;
    let (first, back) = (world.events().await.remove(0), world.events().await.pop().unwrap());
    assert_eq!((back.kind, back.incident), (EventKind::AgentRecovered, first.incident), "the first goes on");
    let silences = |connection: &_| crate::journal::past::silences(connection, 0, i64::MAX);
    let silences = world.recorder.journal.write(silences).await.unwrap();
    let known: Vec<_> = silences.iter().map(|one| (one.key.as_str(), one.from)).collect();
    assert_eq!(known, [("009", first.since.unwrap().timestamp_millis())], "a report counts it once");
    let open =
        world.recorder.journal.write(|connection| crate::journal::incidents::list(connection, false, 9));
    assert_eq!(open.await.unwrap(), []);
}

#[tokio::test(start_paused = true)]
async fn a_doubt_is_over_after_a_day_whatever_is_read_again_meanwhile() {
    let list = Arc::new(Lists::default());
    let agents: Vec<(String, String)> = (1..=10).map(|n| (format!("{n:03}"), format!("h{n}"))).collect();
    let named: Vec<(&str, &str)> = agents.iter().map(|(id, name)| (id.as_str(), name.as_str())).collect();
    list.set(&named);
    let mut world = world(&list).await;
    let ids: Vec<&str> = named.iter().map(|(id, _)| *id).collect();
    world.minutes(20, &ids).await;
    list.set(&named[..5]);
    for _ in 0..25 {
        world.minutes(60, &ids[..5]).await;
        world.monitor.replace(setup(&world, &list)).await.unwrap();
    }
    let told = world.story().await;
    assert!(told.contains(&"source_up api".to_owned()), "{told:?}");
    assert_eq!(world.monitor.fleet.entities().len(), 5);
}

async fn restarted(world: World, list: &Arc<Lists>) -> World {
    let setup = setup(&world, list);
    let World { index, clock, recorder, .. } = world;
    let monitor = Monitor::new(setup, recorder.clone(), Arc::default()).await.unwrap();
    World { index, clock, recorder, monitor }
}

/// Of ten two are not listed any more, of whom one logs.
async fn in_doubt() -> (World, Arc<Lists>) {
    let list = Arc::new(Lists::default());
    let agents: Vec<(String, String)> = (1..=10).map(|n| (format!("{n:03}"), format!("h{n}"))).collect();
    let named: Vec<(&str, &str)> = agents.iter().map(|(id, name)| (id.as_str(), name.as_str())).collect();
    list.set(&named);
    let mut world = world(&list).await;
    world.minutes(20, &named.iter().map(|(id, _)| *id).collect::<Vec<_>>()).await;
    list.set(&named[..8]);
    world.minutes(40, &EIGHT_AND_ONE).await;
    assert_eq!(world.story().await, ["source_down api", "agent_silent 010"]);
    (world, list)
}

const EIGHT_AND_ONE: [&str; 9] = ["001", "002", "003", "004", "005", "006", "007", "008", "009"];

#[tokio::test(start_paused = true)]
async fn a_doubt_goes_on_after_restarts_and_its_day_with_it() {
    let (mut world, list) = in_doubt().await;
    for _ in 0..22 {
        world = restarted(world, &list).await;
        world.minutes(60, &EIGHT_AND_ONE).await;
    }
    assert_eq!(world.story().await.len(), 2, "it is the same doubt");
    world.minutes(120, &EIGHT_AND_ONE).await;
    let told = world.story().await;
    assert_eq!(told[2..], ["inventory_changed default", "agent_unwatched 010", "source_up api"]);
    let end = world.events().await.pop().unwrap().detail;
    assert!(
        end.starts_with("What it shows is taken for whole again."),
        "it had answered all the time: {end}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_doubt_is_not_over_because_the_list_is_slow_after_a_restart_and_all_else_is_answered() {
    let (mut world, list) = in_doubt().await;
    world.minutes(12, &EIGHT_AND_ONE[1..]).await;
    let mut world = restarted(world, &list).await;
    let api: Arc<dyn Source> = list.clone();
    world.monitor.setup.beside.push(("api".to_owned(), api));
    *list.takes.lock().unwrap() = Duration::from_secs(600);
    for _ in 0..8 {
        tokio::time::sleep(Duration::from_secs(60)).await;
        EIGHT_AND_ONE[1..].iter().for_each(|key| world.index.log(key, world.clock.now()));
        let (now, answered) = world.monitor.ask(roll_call::PATIENCE).await;
        world.monitor.conclude(now, answered).await.unwrap();
    }
    assert_eq!(world.story().await, ["source_down api", "agent_silent 010", "agent_silent 001"]);
}

#[tokio::test(start_paused = true)]
async fn what_a_message_waits_for_a_list_it_does_not_wait_to_learn_why() {
    let list = Arc::new(Lists::default());
    list.set(&[("001", "web-01"), ("002", "web-02")]);
    let mut world = world(&list).await;
    let slow: Arc<dyn Source> = Arc::new(Manager::slow(Duration::from_secs(20)));
    world.monitor.setup.beside.push(("manager".to_owned(), slow));
    world.minutes(25, &["001", "002"]).await;
    world.minutes(15, &["002"]).await;
    *list.takes.lock().unwrap() = Duration::from_secs(600);
    let mut longest = Duration::ZERO;
    while world.story().await.is_empty() {
        tokio::time::sleep(Duration::from_secs(60)).await;
        world.index.log("002", world.now());
        let began = tokio::time::Instant::now();
        let (now, answered) = world.monitor.ask(roll_call::PATIENCE).await;
        world.monitor.conclude(now, answered).await.unwrap();
        longest = longest.max(began.elapsed());
    }
    assert_eq!(longest.as_secs(), 15, "5 of them for the list");
    assert_eq!(world.story().await, ["agent_silent 001"]);
}

/// It may have logged since it left the list, shortly before log-monitor was stopped for more than a day.
#[tokio::test(start_paused = true)]
async fn nobody_is_removed_before_it_is_known_whether_it_logged_while_nobody_looked() {
    let list = Arc::new(Lists::default());
    list.set(&[("001", "web-01"), ("002", "web-02")]);
    let mut world = world(&list).await;
    world.minutes(25, &["001", "002"]).await;
    list.set(&[("001", "web-01")]);
    world.minutes(6, &["001"]).await;
    assert!(world.monitor.roster.memory.missing_since("002").is_some());
    tokio::time::sleep(Duration::from_secs(26 * 3600)).await;
    ["001", "002"].iter().for_each(|key| world.index.log(key, world.now()));
    let mut world = restarted(world, &list).await;
    world.minutes(30, &["001", "002"]).await;
    assert_eq!(world.monitor.roster.listed.len(), 2, "{:?}", world.story().await);
}

#[tokio::test(start_paused = true)]
async fn an_event_carries_the_groups_of_its_agent_so_that_a_route_may_ask_for_one() {
    let list = Arc::new(Lists::default());
    list.set(&[("001", "web-01"), ("002", "web-02")]);
    list.agents.lock().unwrap()[1].groups.push("linux".into());
    let mut world = world(&list).await;
    world.minutes(20, &["001", "002"]).await;
    world.minutes(17, &["001"]).await;
    let event = world.events().await.pop().unwrap();
    assert_eq!(event.labels["group"], "default,linux");
    let asks = |group| Matcher::new([("group", vec![group])]);
    let facts = router::Facts::of(&event);
    assert!(facts.satisfy(&asks("linux")) && !facts.satisfy(&asks("windows")));
}
