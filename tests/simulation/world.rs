//! log-monitor's own loop over a scenario, in virtual time: started, stopped, killed and started
//! again over one journal. Notes when each event was committed.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use log_monitor::bus::Bus;
use log_monitor::clock::{Clock, TokioClock};
use log_monitor::dispatch::{Delivering, Dispatcher};
use log_monitor::journal::Journal;
use log_monitor::journal::silences::{self, Silence};
use log_monitor::monitor::source_health::SourceHealth;
use log_monitor::monitor::{Monitor, Setup};
use log_monitor::record::Recorder;
use log_monitor::source::Source;
use log_monitor_channels::Event;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::index::Index;
use crate::register::Lister;
use crate::scenario::register::KEEPER;
use crate::scenario::{Scenario, Step};
use crate::vendors::{self, Letter, Letters};

/// An event, and the true time at which it was committed.
#[derive(Debug, Clone)]
pub struct Told {
    pub at: i64,
    pub event: Arc<Event>,
}

/// This machine's clock, which may be wrong.
struct Wall {
    truth: TokioClock,
    scenario: Arc<Scenario>,
}

impl Clock for Wall {
    fn now(&self) -> DateTime<Utc> {
        let now = self.truth.now();
        now + TimeDelta::milliseconds(self.scenario.clock_error(now.timestamp_millis()))
    }
}

/// What came of a scenario.
pub struct Played {
    /// Everything that log-monitor told.
    pub told: Vec<Told>,
    /// When single questions to the source failed.
    pub failed: Vec<i64>,
    /// Every message that was tried on a channel.
    pub letters: Vec<Letter>,
}

/// Plays a scenario.
pub fn play(scenario: &Arc<Scenario>) -> Played {
    // The dispatcher throws dice.
    fastrand::seed(scenario.seed);
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    // Within the runtime: its clock stands still from here on.
    runtime.block_on(async { World::new(scenario.clone()).play().await })
}

struct World {
    scenario: Arc<Scenario>,
    truth: TokioClock,
    recorder: Recorder,
    source: Arc<Index>,
    letters: Letters,
    /// The numbers of those that were added, by place.
    silences: BTreeMap<usize, i64>,
    running: Option<Running>,
}

struct Running {
    task: JoinHandle<()>,
    stop: watch::Sender<bool>,
    setups: watch::Sender<Setup>,
    postman: Option<Postman>,
}

/// The dispatcher.
struct Postman {
    task: JoinHandle<()>,
    stop: watch::Sender<bool>,
    /// Kept, so that it goes on.
    _delivering: watch::Sender<Delivering>,
    /// When this is dropped, tries under way are cut off.
    _gone: watch::Sender<()>,
}

impl World {
    fn new(scenario: Arc<Scenario>) -> Self {
        let start = DateTime::from_timestamp_millis(scenario.from).unwrap();
        let truth = TokioClock::starting_at(start);
        let clock = Arc::new(Wall { truth, scenario: scenario.clone() });
        let journal = Journal::in_memory().unwrap();
        let routes = scenario.post.as_ref().map(|post| post.routes.clone()).unwrap_or_default();
        let (_, routes) = watch::channel(routes);
        let recorder = Recorder { journal, bus: Bus::default(), clock, routes };
        let source = Arc::new(Index::new(scenario.clone(), truth));
        let (letters, silences) = (Letters::default(), BTreeMap::new());
        Self { scenario, truth, recorder, source, letters, silences, running: None }
    }

    async fn play(mut self) -> Played {
        let (told, listener) = self.listen();
        for (at, step) in self.scenario.clone().steps() {
            let wait = at - self.truth.now().timestamp_millis();
            tokio::time::sleep(Duration::from_millis(wait.try_into().unwrap_or_default())).await;
            self.take(step).await;
        }
        assert!(!listener.is_finished(), "more events at once than the bus holds");
        let failed = self.source.failed.lock().unwrap().clone();
        let letters = std::mem::take(&mut *self.letters.lock().unwrap());
        Played { told: std::mem::take(&mut *told.lock().unwrap()), failed, letters }
    }

    async fn take(&mut self, step: Step) {
        match step {
            Step::Start => self.running = Some(self.start().await),
            Step::Reload => {
                let setup = self.setup();
                self.running.iter().for_each(|running| drop(running.setups.send(setup.clone())));
            }
            Step::Stop => {
                let Some(Running { task, stop, setups: _setups, postman }) = self.running.take() else {
                    return;
                };
                stop.send_replace(true);
                task.await.expect("the monitor stops");
                if let Some(Postman { task, stop, .. }) = postman {
                    stop.send_replace(true);
                    task.await.expect("the dispatcher stops");
                }
            }
            Step::Silence(place) => self.silence(place).await,
            Step::Expire(place) => {
                let (id, now) = (self.silences[&place], self.truth.now().timestamp_millis());
                self.recorder.journal.write(move |db| silences::expire(db, id, now)).await.unwrap();
            }
            Step::Kill => {
                let Some(running) = self.running.take() else { return };
                kill(running.task).await;
                if let Some(postman) = running.postman {
                    kill(postman.task).await;
                }
            }
        }
    }

    /// As the command does, beside a daemon that runs or does not.
    async fn silence(&mut self, place: usize) {
        let silenced = self.scenario.post.as_ref().expect("channels").silences[place];
        let silence = Silence {
            id: 0,
            matchers: vec![format!("id={}*", silenced.letter)],
            author: "somebody".to_owned(),
            reason: "for a while".to_owned(),
            created: silenced.from,
            until: silenced.until,
        };
        let id = self.recorder.journal.write(move |db| silences::add(db, &silence)).await.unwrap();
        self.silences.insert(place, id);
    }

    fn setup(&self) -> Setup {
        let watch = self.scenario.watch(self.truth.now().timestamp_millis());
        let lister = self.scenario.register.as_ref().map(|_| -> (String, Arc<dyn Source>) {
            (KEEPER.to_owned(), Arc::new(Lister::new(self.scenario.clone(), self.truth)))
        });
        Setup { watch, source: self.source.clone(), beside: Vec::new(), lister }
    }

    async fn start(&self) -> Running {
        let postman = self.postman().await;
        let (setups, new_setups) = watch::channel(self.setup());
        let (stop, stopped) = watch::channel(false);
        let health = Arc::new(SourceHealth::default());
        let monitor = Monitor::new(self.setup(), self.recorder.clone(), health).await.unwrap();
        Running { task: tokio::spawn(monitor.run(new_setups, stopped)), stop, setups, postman }
    }

    async fn postman(&self) -> Option<Postman> {
        let post = self.scenario.post.as_ref()?;
        let (_gone, gone) = watch::channel(());
        let channels = vendors::channels(&self.scenario, self.truth, &self.letters, &gone);
        let delivering = Delivering {
            routes: post.routes.clone(),
            channels: Arc::new(channels),
            wording: Arc::default(),
            installation: "simulated".into(),
        };
        let (_delivering, receiver) = watch::channel(delivering);
        let Recorder { journal, bus, clock, .. } = self.recorder.clone();
        let dispatcher = Dispatcher::new(journal, bus, clock, receiver, None).await.unwrap();
        let (stop, stopped) = watch::channel(false);
        Some(Postman { task: tokio::spawn(dispatcher.run(stopped)), stop, _delivering, _gone })
    }

    fn listen(&self) -> (Arc<Mutex<Vec<Told>>>, JoinHandle<()>) {
        let told = Arc::new(Mutex::new(Vec::new()));
        let (heard, truth, mut hints) = (told.clone(), self.truth, self.recorder.bus.hints());
        let listener = tokio::spawn(async move {
            while let Ok(event) = hints.recv().await {
                heard.lock().unwrap().push(Told { at: truth.now().timestamp_millis(), event });
            }
        });
        (told, listener)
    }
}

/// As `kill -9`, of something that has gone on until then.
async fn kill(task: JoinHandle<()>) {
    task.abort();
    assert!(task.await.is_err_and(|error| error.is_cancelled()), "it went on until then");
}
