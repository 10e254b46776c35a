//! Detection as a whole: a scripted source, a real journal, a paused clock.

mod causes;
mod dependencies;
mod discovery;
mod fading;
mod findings;
mod gaps;
mod hours;
mod lateness;
mod namesakes;
mod outages;
mod pace;
mod sources;
mod stalls;
mod volume;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use log_monitor_channels::{Event, EventKind};
use tokio::sync::watch;

use super::fixtures::watch as default_watch;
use super::source_health::SourceHealth;
use super::{Monitor, Setup};
use crate::bus::Bus;
use crate::clock::{Clock, SettableClock};
use crate::config::matcher::Matcher;
use crate::config::{Class, Watch};
use crate::dispatch::fixtures::{route, start};
use crate::journal::{Journal, events};
use crate::record::Recorder;
use crate::source::{
    Answer, Entities, Heard, Keeper, Membership, Observation, Query, Source, SourceError, SourceReason,
    Volume, Word, is_agent_id,
};

/// An index in memory that obeys the window it is asked for, and fails on demand.
#[derive(Default)]
struct Index {
    documents: Mutex<BTreeMap<String, Vec<i64>>>,
    nodes: Mutex<BTreeMap<String, &'static str>>,
    /// Whether the next question for nodes is not answered.
    nodes_broken: Mutex<bool>,
    /// How long it takes to answer that.
    nodes_take: Mutex<Duration>,
    broken: Mutex<Option<SourceReason>>,
    asked: Mutex<Vec<(DateTime<Utc>, Option<usize>)>>,
    /// Who keeps it; `None` = an indexer.
    keeper: Option<Keeper>,
    /// How often it was asked for a history.
    histories: Mutex<usize>,
    /// What every agent is taken to have said last, but no part of one.
    words: Mutex<Vec<Word>>,
    /// How long it takes to tell that of one of them.
    words_take: Mutex<Duration>,
    /// How long it takes to tell whether the rest of agents logs.
    wholes_take: Mutex<Duration>,
}

impl Index {
    fn log(&self, key: &str, at: DateTime<Utc>) {
        self.documents.lock().unwrap().entry(key.to_owned()).or_default().push(at.timestamp_millis());
    }

    /// So many at once.
    fn log_many(&self, keys: &[&str], at: DateTime<Utc>, count: usize) {
        keys.iter().for_each(|key| (0..count).for_each(|_| self.log(key, at)));
    }

    /// The times within a query's window, by key.
    fn within(&self, query: &Query<'_>) -> BTreeMap<String, Vec<i64>> {
        let window = query.from.timestamp_millis()..=query.to.timestamp_millis();
        let asked = |key: &str| match query.entities {
            Entities::All(_) => true,
            Entities::Only(keys) => keys.contains(&key),
        };
        let documents = self.documents.lock().unwrap();
        let asked = documents.iter().filter(|(key, _)| asked(key));
        let times =
            |times: &[i64]| times.iter().copied().filter(|at| window.contains(at)).collect::<Vec<i64>>();
        asked.map(|(key, all)| (key.clone(), times(all))).filter(|(_, times)| !times.is_empty()).collect()
    }

    fn break_with(&self, reason: Option<SourceReason>) {
        *self.broken.lock().unwrap() = reason;
    }
}

#[async_trait::async_trait]
impl Source for Index {
    async fn newest(&self, query: &Query<'_>) -> Result<Answer, SourceError> {
        if let Some(reason) = *self.broken.lock().unwrap() {
            return Err(SourceError::new(reason, "broken on purpose."));
        }
        let named = match query.entities {
            Entities::All(_) => None,
            Entities::Only(keys) => Some(keys),
        };
        self.asked.lock().unwrap().push((query.from, named.map(<[&str]>::len)));
        let newest = |(key, times): (String, Vec<i64>)| {
            Some(Observation { key: key.into(), last_seen: times.into_iter().max()? })
        };
        let newest = self.within(query).into_iter().filter_map(newest).collect();
        Ok(Answer { newest, ..Answer::default() })
    }

    /// Keys may be `AGENT|PART`.
    fn agent_of<'k>(&self, key: &'k str) -> Option<&'k str> {
        key.split('|').next().filter(|agent| is_agent_id(agent))
    }

    async fn volumes(&self, query: &Query<'_>) -> Result<Vec<Volume>, SourceError> {
        let volume = |(key, times): (String, Vec<i64>)| Volume { key: key.into(), count: times.len() as u64 };
        Ok(self.within(query).into_iter().map(volume).collect())
    }

    async fn last_words(
        &self,
        key: &str,
        from: DateTime<Utc>,
        until: DateTime<Utc>,
        count: usize,
    ) -> Result<Vec<Word>, SourceError> {
        let takes = *self.words_take.lock().unwrap();
        tokio::time::sleep(takes).await;
        if key.contains('|') {
            return Ok(Vec::new());
        }
        let window = from.timestamp_millis()..=until.timestamp_millis();
        let mut words = self.words.lock().unwrap().clone();
        words.retain(|word| window.contains(&word.at));
        words.sort_by_key(|word| std::cmp::Reverse(word.at));
        words.truncate(count);
        Ok(words)
    }

    async fn history(&self, query: &Query<'_>, step: i64) -> Result<Vec<Heard>, SourceError> {
        *self.histories.lock().unwrap() += 1;
        let mut steps: BTreeMap<(i64, String), Heard> = BTreeMap::new();
        for (key, times) in self.within(query) {
            for at in times {
                let new = Heard { key: (&*key).into(), newest: at, count: 0 };
                let heard = steps.entry((at.div_euclid(step), key.clone())).or_insert(new);
                (heard.newest, heard.count) = (heard.newest.max(at), heard.count + 1);
            }
        }
        Ok(steps.into_values().collect())
    }

    async fn nodes(&self, query: &Query<'_>) -> Result<Vec<Membership>, SourceError> {
        let takes = *self.nodes_take.lock().unwrap();
        tokio::time::sleep(takes).await;
        if std::mem::take(&mut *self.nodes_broken.lock().unwrap()) {
            return Err(SourceError::new(SourceReason::Timeout, "broken on purpose."));
        }
        let nodes = self.nodes.lock().unwrap();
        let home = |key: String| Some(Membership { node: (*nodes.get(&key)?).into(), key: key.into() });
        Ok(self.within(query).into_keys().filter_map(home).collect())
    }

    fn keeper(&self) -> Keeper {
        self.keeper.unwrap_or(Keeper::Indexer)
    }

    fn whole<'k>(&self, key: &'k str) -> Option<&'k str> {
        key.split_once('|').map(|(whole, _)| whole)
    }

    async fn wholes(&self, query: &Query<'_>) -> Result<Vec<Observation>, SourceError> {
        let takes = *self.wholes_take.lock().unwrap();
        tokio::time::sleep(takes).await;
        let Entities::Only(names) = query.entities else { return Ok(Vec::new()) };
        let mut wholes: BTreeMap<&str, i64> = BTreeMap::new();
        let all = self.within(&Query { entities: Entities::All(0), ..*query });
        for (key, times) in &all {
            let name = self.whole(key).filter(|name| names.contains(name));
            for (name, at) in name.into_iter().flat_map(|name| times.iter().map(move |at| (name, *at))) {
                let newest = wholes.entry(name).or_insert(at);
                *newest = at.max(*newest);
            }
        }
        Ok(wholes.into_iter().map(|(name, at)| Observation { key: name.into(), last_seen: at }).collect())
    }

    async fn probe(&self) -> Result<(), SourceError> {
        Ok(())
    }
}

struct World {
    index: Arc<Index>,
    clock: Arc<SettableClock>,
    recorder: Recorder,
    monitor: Monitor,
}

impl World {
    async fn new(ids: &[&str]) -> Self {
        let clock = Arc::new(SettableClock::starting_at(start()));
        Self::with(default_watch(ids), Arc::default(), Journal::in_memory().unwrap(), clock).await
    }

    async fn with(watched: Watch, index: Arc<Index>, journal: Journal, clock: Arc<SettableClock>) -> Self {
        let (_, routes) = watch::channel(Arc::new(vec![route("catch_all", &[&["log"]])]));
        let recorder = Recorder { journal, bus: Bus::default(), clock: clock.clone(), routes };
        let setup = Setup { watch: watched, source: index.clone(), beside: Vec::new(), lister: None };
        let monitor = Monitor::new(setup, recorder.clone(), Arc::new(SourceHealth::default())).await.unwrap();
        Self { index, clock, recorder, monitor }
    }

    async fn restarted(self, ids: &[&str]) -> Self {
        let journal = self.recorder.journal.clone();
        Self::with(default_watch(ids), self.index, journal, self.clock).await
    }

    fn now(&self) -> DateTime<Utc> {
        self.clock.now()
    }

    /// A minute in which these agents log, then a round.
    async fn minute(&mut self, logging: &[&str]) {
        tokio::time::sleep(Duration::from_secs(60)).await;
        logging.iter().for_each(|key| self.index.log(key, self.now()));
        let _ = self.monitor.round().await;
    }

    async fn minutes(&mut self, count: usize, logging: &[&str]) {
        for _ in 0..count {
            self.minute(logging).await;
        }
    }

    async fn events(&self) -> Vec<Event> {
        self.recorder.journal.write(|connection| events::after(connection, 0, 1000)).await.unwrap()
    }

    /// What happened, in short: `agent_silent 001`, `source_down wazuh`.
    async fn story(&self) -> Vec<String> {
        let said =
            |event: Event| format!("{} {}", event.kind, event.entity.map_or(event.scope, |entity| entity.id));
        self.events().await.into_iter().map(said).collect()
    }
}

#[tokio::test(start_paused = true)]
async fn of_ten_agents_one_stops_and_exactly_one_is_told() {
    let ids = ["001", "002", "003", "004", "005", "006", "007", "008", "009", "010"];
    let mut world = World::new(&ids).await;
    world.minutes(30, &ids).await;
    world.minutes(15, &ids[1..]).await;
    assert_eq!(world.story().await, [""; 0], "14 minutes of silence are allowed, and one of grace");
    world.minutes(100, &ids[1..]).await;
    assert_eq!(world.story().await, ["agent_silent 001"]);
    world.minutes(2, &ids).await;
    assert_eq!(world.story().await, ["agent_silent 001", "agent_recovered 001"]);
    let silence = world.events().await;
    assert_eq!((silence[1].at - silence[1].since.unwrap()).num_minutes(), 116, "told with the whole silence");
}

#[tokio::test(start_paused = true)]
async fn an_agent_that_was_silent_before_the_first_start_is_reported_with_its_last_known_time() {
    let mut world = World::new(&["001", "002", "003"]).await;
    world.index.log("002", start() - TimeDelta::days(2));
    world.minute(&["001"]).await;
    let told = world.events().await;
    let causes: Vec<(&str, &str)> =
        told.iter().map(|event| (event.entity.as_ref().unwrap().id.as_str(), event.cause.as_str())).collect();
    assert_eq!(causes, [("002", "silent_before_start"), ("003", "never_seen")]);
    assert_eq!(told[0].since, Some(start() - TimeDelta::days(2)));
    assert_eq!(told[1].since, None);
    world.minute(&["001", "003"]).await;
    assert_eq!(world.events().await.pop().unwrap().detail, "It logs. No log of it was found before.");
}

#[tokio::test(start_paused = true)]
async fn an_outage_is_no_silence_however_long_it_lasts() {
    for reason in
        [SourceReason::Auth, SourceReason::NoIndex, SourceReason::Incomplete, SourceReason::Malformed]
    {
        let mut world = World::new(&["001", "002"]).await;
        world.minutes(5, &["001", "002"]).await;
        world.index.break_with(Some(reason));
        world.minutes(180, &["001", "002"]).await;
        assert_eq!(world.story().await, ["source_down wazuh"], "{reason:?}");
        world.index.break_with(None);
        world.minutes(30, &["001"]).await;
        assert_eq!(world.story().await, ["source_down wazuh", "source_up wazuh", "agent_silent 002"]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_failure_that_passes_within_the_round_is_not_told() {
    struct Hiccup(Arc<Index>, Mutex<u32>);
    #[async_trait::async_trait]
    impl Source for Hiccup {
        async fn newest(&self, query: &Query<'_>) -> Result<Answer, SourceError> {
            let tries = {
                let mut tries = self.1.lock().unwrap();
                *tries += 1;
                *tries
            };
            match tries % 2 {
                1 => Err(SourceError::new(SourceReason::Overloaded, "HTTP 503.")),
                _ => self.0.newest(query).await,
            }
        }
        async fn probe(&self) -> Result<(), SourceError> {
            Ok(())
        }
    }
    let mut world = World::new(&["001"]).await;
    let source = Arc::new(Hiccup(world.index.clone(), Mutex::default()));
    world
        .monitor
        .replace(Setup { watch: default_watch(&["001"]), source, beside: Vec::new(), lister: None })
        .await
        .unwrap();
    world.minutes(20, &["001"]).await;
    assert_eq!(world.story().await, [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn documents_that_come_late_are_found_before_anybody_is_called_silent() {
    let mut world = World::new(&["001"]).await;
    world.minutes(5, &["001"]).await;
    for _ in 0..60 {
        // Ten minutes behind: the narrow window of a round never sees them.
        tokio::time::sleep(Duration::from_secs(60)).await;
        world.index.log("001", world.now() - TimeDelta::minutes(10));
        let _ = world.monitor.round().await;
    }
    assert_eq!(world.story().await, [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn a_quiet_round_asks_one_narrow_question() {
    let mut world = World::new(&["001", "002"]).await;
    world.minutes(10, &["001", "002"]).await;
    world.index.asked.lock().unwrap().clear();
    world.minutes(5, &["001", "002"]).await;
    let asked = world.index.asked.lock().unwrap().clone();
    assert_eq!(asked.len(), 5);
    assert!(world.now() - asked[4].0 < TimeDelta::minutes(4), "since the last round and a little more");
}

#[tokio::test(start_paused = true)]
async fn a_restart_tells_nothing_twice_and_notices_what_came_back_meanwhile() {
    let mut world = World::new(&["001", "002"]).await;
    world.minutes(2, &["001", "002"]).await;
    world.minutes(20, &["001"]).await;
    let mut world = world.restarted(&["001", "002"]).await;
    world.minutes(20, &["001"]).await;
    assert_eq!(world.story().await, ["agent_silent 002"]);
    let mut world = world.restarted(&["001", "002"]).await;
    world.minutes(1, &["001", "002"]).await;
    assert_eq!(world.story().await, ["agent_silent 002", "agent_recovered 002"]);
}

#[tokio::test(start_paused = true)]
async fn an_end_that_was_seen_but_not_written_down_before_a_restart_is_noticed_after_it() {
    let mut world = World::new(&["001", "002"]).await;
    world.minutes(2, &["001", "002"]).await;
    world.minutes(20, &["001"]).await;
    world.index.log("002", world.now());
    // The round is cut off when it has asked.
    let _ = world.monitor.ask(Duration::ZERO).await;
    world.monitor.checkpoint().await.unwrap();
    let mut world = world.restarted(&["001", "002"]).await;
    world.minutes(1, &["001"]).await;
    assert_eq!(world.story().await, ["agent_silent 002", "agent_recovered 002"]);
}

#[tokio::test(start_paused = true)]
async fn own_downtime_is_not_their_silence() {
    let mut world = World::new(&["001"]).await;
    world.minutes(5, &["001"]).await;
    for _ in 0..180 {
        tokio::time::sleep(Duration::from_secs(60)).await;
        world.index.log("001", world.now());
    }
    let mut world = world.restarted(&["001"]).await;
    world.minutes(1, &["001"]).await;
    assert_eq!(world.story().await, [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn a_reload_takes_up_newcomers_and_lets_the_others_go() {
    let mut world = World::new(&["001", "002"]).await;
    world.minutes(2, &["001", "002"]).await;
    world.minutes(20, &["001"]).await;
    let setup = Setup {
        watch: default_watch(&["001", "003"]),
        source: world.index.clone(),
        beside: Vec::new(),
        lister: None,
    };
    world.monitor.replace(setup).await.unwrap();
    world.minutes(20, &["001", "003"]).await;
    assert_eq!(world.story().await, ["agent_silent 002", "agent_unwatched 002"]);
    world.minutes(20, &["001"]).await;
    assert_eq!(world.story().await[2..], ["agent_silent 003"]);
}

/// The machine's clock is set by so much; the agents keep to the true time.
async fn with_the_clock_set_by(hours: i64) {
    let mut world = World::new(&["001", "002"]).await;
    world.minutes(5, &["001", "002"]).await;
    world.clock.set_by(TimeDelta::hours(hours));
    let minute = async |world: &mut World, logging: &[&str]| {
        tokio::time::sleep(Duration::from_secs(60)).await;
        for key in logging {
            world.index.log(key, world.now() - TimeDelta::hours(hours));
        }
        let _ = world.monitor.round().await;
    };
    for _ in 0..30 {
        minute(&mut world, &["001", "002"]).await;
    }
    assert_eq!(world.story().await, [""; 0], "set by {hours} h");
    for _ in 0..20 {
        minute(&mut world, &["001"]).await;
    }
    assert_eq!(world.story().await, ["agent_silent 002"], "found all the same, set by {hours} h");
    // Somebody sets it right again.
    world.clock.set_by(TimeDelta::zero());
    world.minutes(10, &["001", "002"]).await;
    assert_eq!(world.story().await, ["agent_silent 002", "agent_recovered 002"], "set by {hours} h");
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_jumps_accuses_nobody_and_hides_nobody() {
    with_the_clock_set_by(1).await;
    with_the_clock_set_by(-1).await;
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_was_wrong_and_is_set_right_is_followed_by_the_documents() {
    let mut world = World::new(&["001", "002"]).await;
    world.minutes(5, &["001", "002"]).await;
    // As after a suspension: the time is right, and the agents log in it.
    world.clock.set_by(TimeDelta::hours(3));
    world.minutes(5, &["001", "002"]).await;
    world.minutes(20, &["001"]).await;
    assert_eq!(world.story().await, ["agent_silent 002"]);
}

#[tokio::test(start_paused = true)]
async fn whoever_was_not_judged_while_the_clock_was_set_is_judged_at_once() {
    let mut world = World::new(&["001", "002"]).await;
    world.minutes(5, &["001", "002"]).await;
    let World { monitor, index, clock, .. } = world;
    let (_setup, setups) = watch::channel(monitor.setup.clone());
    let (_stop, stopped) = watch::channel(false);
    tokio::spawn(monitor.run(setups, stopped));
    tokio::time::sleep(Duration::from_secs(30)).await;
    clock.set_by(TimeDelta::hours(3));
    ["001", "002"].iter().for_each(|id| index.log(id, clock.now()));
    tokio::time::sleep(Duration::from_secs(35)).await;
    let (since, _) = *index.asked.lock().unwrap().last().unwrap();
    assert!(clock.now() - since < TimeDelta::minutes(17), "by the new time, over the whole threshold");
}

#[tokio::test(start_paused = true)]
async fn the_daemon_loop_finds_a_silence_within_seconds_of_its_deadline() {
    let mut world = World::new(&["001"]).await;
    world.index.log("001", world.now());
    let _ = world.monitor.round().await;
    let World { monitor, recorder, clock, .. } = world;
    let mut bus = recorder.bus.hints();
    let (_setup, setups) = watch::channel(monitor.setup.clone());
    let (_stop, stopped) = watch::channel(false);
    tokio::spawn(monitor.run(setups, stopped));
    let event = bus.recv().await.unwrap();
    assert_eq!(event.kind, EventKind::AgentSilent);
    let late = clock.now() - (start() + TimeDelta::minutes(16));
    assert!(late <= TimeDelta::seconds(2), "{late}");
}
