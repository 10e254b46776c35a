//! After a time in which nobody looked.

use super::causes::{self, Manager};
use super::*;

/// The daemon's loop over a world.
struct Running {
    index: Arc<Index>,
    clock: Arc<SettableClock>,
    recorder: Recorder,
    stop: watch::Sender<bool>,
    _setup: watch::Sender<Setup>,
}

impl Running {
    fn begin(world: World) -> Self {
        let World { index, clock, recorder, monitor } = world;
        let (setup, setups) = watch::channel(monitor.setup.clone());
        let (stop, stopped) = watch::channel(false);
        tokio::spawn(monitor.run(setups, stopped));
        Self { index, clock, recorder, stop, _setup: setup }
    }

    /// So many minutes in which these log.
    async fn minutes(&self, count: usize, logging: &[&str]) {
        for _ in 0..count {
            tokio::time::sleep(Duration::from_secs(60)).await;
            logging.iter().for_each(|key| self.index.log(key, self.clock.now()));
        }
    }

    async fn told(&self) -> Vec<Event> {
        self.recorder.journal.write(|connection| events::after(connection, 0, 1000)).await.unwrap()
    }
}

const SITE: [&str; 4] = ["001", "002", "003", "004"];

/// The whole site is off for an hour, the index and log-monitor with it.
async fn power_cut() -> Running {
    let mut world = World::new(&SITE).await;
    world.minutes(20, &SITE).await;
    tokio::time::sleep(Duration::from_secs(3600)).await;
    Running::begin(world.restarted(&SITE).await)
}

#[tokio::test(start_paused = true)]
async fn who_boots_as_late_as_log_monitor_is_not_called_silent() {
    let site = power_cut().await;
    tokio::time::sleep(Duration::from_secs(30)).await;
    SITE.iter().for_each(|id| site.index.log(id, site.clock.now()));
    site.minutes(30, &SITE).await;
    assert_eq!(site.told().await, []);
}

#[tokio::test(start_paused = true)]
async fn who_stays_away_after_a_gap_is_told_at_once_and_together() {
    let site = power_cut().await;
    site.index.log("001", site.clock.now());
    site.minutes(5, &["001"]).await;
    let told = site.told().await;
    let silent: Vec<(&str, EventKind)> =
        told.iter().map(|event| (event.entity.as_ref().unwrap().id.as_str(), event.kind)).collect();
    assert_eq!(
        silent,
        [("002", EventKind::AgentSilent), ("003", EventKind::AgentSilent), ("004", EventKind::AgentSilent)]
    );
    assert!(told.iter().all(|event| event.at == told[0].at), "one round, so one message: {told:?}");
    site.stop.send_replace(true);
}

#[tokio::test(start_paused = true)]
async fn after_an_outage_of_the_source_the_first_answer_may_lack_what_the_second_has() {
    let world = World::new(&SITE).await;
    let site = Running::begin(world);
    SITE.iter().for_each(|id| site.index.log(id, site.clock.now()));
    site.minutes(20, &SITE).await;
    site.index.break_with(Some(SourceReason::Overloaded));
    site.minutes(60, &[]).await;
    // It answers before it has caught up.
    site.index.break_with(None);
    while site.told().await.len() < 2 {
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    SITE.iter().for_each(|id| site.index.log(id, site.clock.now()));
    site.minutes(20, &SITE).await;
    let kinds: Vec<EventKind> = site.told().await.iter().map(|event| event.kind).collect();
    assert_eq!(kinds, [EventKind::SourceDown, EventKind::SourceUp]);
}

#[tokio::test(start_paused = true)]
async fn rounds_that_take_longer_than_an_agent_may_be_quiet_are_no_gap() {
    let short = Watch {
        interval: Duration::from_secs(10),
        grace: Duration::from_secs(2),
        poll: Duration::from_secs(3),
        ..default_watch(&["001", "002"])
    };
    let manager = Arc::new(Manager::slow(Duration::from_secs(20)));
    let world = causes::beside(short, &[&manager]).await;
    world.index.log_many(&["001", "002"], world.now(), 1);
    let site = Running::begin(world);
    for second in 0..90 {
        tokio::time::sleep(Duration::from_secs(1)).await;
        site.index.log("002", site.clock.now());
        if second < 30 {
            site.index.log("001", site.clock.now());
        }
    }
    let told = site.told().await;
    let told: Vec<_> =
        told.iter().map(|event| (event.kind, event.entity.as_ref().unwrap().id.as_str())).collect();
    assert_eq!(told, [(EventKind::AgentSilent, "001")]);
}
