//! The running product: a monitor for each watch, the dispatcher, and what a reload swaps.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use log_monitor_channels::{EventKind, Severity};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::parts::Parts;
use super::supervise::{self, Surroundings};
use super::{downtime, event_log, journal_health};
use crate::bus::Bus;
use crate::clock::SharedClock;
use crate::config::{Route, vocabulary};
use crate::dispatch::{Delivering, Dispatcher};
use crate::journal::incidents;
use crate::journal::{Journal, JournalError, entities, events, prune};
use crate::monitor::source_health::SourceHealth;
use crate::monitor::{self, Monitor, Setup, words};
use crate::record::{Change, IncidentChange, Recorder};
use crate::source::Source;
use crate::source::several::Several;

/// Everything that runs. Stop it with [`stop`](Self::stop), so that tries under way can finish.
pub struct Daemon {
    recorder: Recorder,
    health: Arc<SourceHealth>,
    routes: watch::Sender<Arc<Vec<Route>>>,
    delivering: watch::Sender<Delivering>,
    monitors: BTreeMap<String, Running>,
    dispatcher: JoinHandle<()>,
    helpers: Vec<JoinHandle<()>>,
    stop: watch::Sender<bool>,
    /// How long log-monitor may be away before that is news.
    news: watch::Sender<std::time::Duration>,
}

struct Running {
    setup: watch::Sender<Setup>,
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

/// What a daemon and a single round have in common.
pub struct Base {
    /// Writes events.
    pub recorder: Recorder,
    /// The routes in force.
    pub routes: watch::Sender<Arc<Vec<Route>>>,
    /// What can be sent on.
    pub delivering: watch::Sender<Delivering>,
    /// Sends.
    pub dispatcher: Dispatcher,
}

impl Base {
    /// Opens the journal's consumers, and lets go of what is no longer configured.
    ///
    /// # Errors
    /// When the journal fails.
    pub async fn new(
        parts: &Parts,
        journal: Journal,
        clock: SharedClock,
        spool: Option<PathBuf>,
    ) -> Result<Self, JournalError> {
        let routes = watch::Sender::new(parts.routes.clone());
        let delivering = watch::Sender::new(delivering(parts));
        let recorder = Recorder { journal, bus: Bus::default(), clock, routes: routes.subscribe() };
        let Recorder { journal, bus, clock, .. } = recorder.clone();
        let dispatcher = Dispatcher::new(journal, bus, clock, delivering.subscribe(), spool).await?;
        let base = Self { recorder, routes, delivering, dispatcher };
        let_go(&base.recorder, parts).await?;
        Ok(base)
    }

    /// The monitor of one watch.
    ///
    /// # Errors
    /// When the journal fails.
    pub async fn monitor(&self, setup: Setup, health: &Arc<SourceHealth>) -> Result<Monitor, JournalError> {
        Monitor::new(setup, self.recorder.clone(), health.clone()).await
    }
}

fn delivering(parts: &Parts) -> Delivering {
    Delivering {
        routes: parts.routes.clone(),
        wording: parts.wording.clone(),
        channels: parts.channels.clone(),
        installation: parts.installation.clone(),
    }
}

/// The watches with their sources.
#[must_use]
pub fn setups(parts: &Parts) -> Vec<Setup> {
    let setup = |watch: &crate::config::Watch| Setup {
        watch: watch.clone(),
        source: documents(parts, watch),
        beside: watch.beside.iter().map(|name| (name.clone(), parts.sources[name].clone())).collect(),
        lister: watch
            .discover
            .as_ref()
            .map(|discover| (discover.source.clone(), parts.sources[&discover.source].clone())),
    };
    parts.watches.iter().map(setup).collect()
}

/// What a watch reads documents of.
fn documents(parts: &Parts, watch: &crate::config::Watch) -> Arc<dyn Source> {
    let source = |name: &str| parts.sources[name].clone();
    match watch.also.as_slice() {
        [] => source(&watch.source),
        _ => Arc::new(Several::new(watch.documents().map(|name| (name.to_owned(), source(name))).collect())),
    }
}

impl Daemon {
    /// Starts everything.
    ///
    /// # Errors
    /// When the journal fails.
    pub async fn start(
        parts: &Parts,
        journal: Journal,
        clock: SharedClock,
        spool: Option<PathBuf>,
    ) -> Result<Self, JournalError> {
        let newest = journal.write(events::newest).await?;
        let base = Base::new(parts, journal, clock, spool).await?;
        let (stop, stopped) = watch::channel(false);
        let Base { recorder, routes, delivering, dispatcher } = base;
        let news = watch::Sender::new(downtime::news(&parts.watches));
        let long = *news.borrow();
        downtime::tell(&recorder, long).await?;
        let mut daemon = Self {
            helpers: vec![
                tokio::spawn(event_log::follow(recorder.clone(), newest)),
                tokio::spawn(journal_health::watch(recorder.clone())),
                tokio::spawn(forget_what_is_long_over(recorder.clone())),
                tokio::spawn(downtime::keep_signing(recorder.clone(), news.subscribe())),
            ],
            dispatcher: tokio::spawn(dispatcher.run(stopped)),
            recorder,
            health: Arc::default(),
            routes,
            delivering,
            monitors: BTreeMap::new(),
            stop,
            news,
        };
        daemon.watch(parts).await?;
        Ok(daemon)
    }

    /// Puts a new configuration in force. Timers, incidents and tries under way stay.
    ///
    /// # Errors
    /// When the journal fails.
    pub async fn reload(&mut self, parts: &Parts) -> Result<(), JournalError> {
        self.routes.send_replace(parts.routes.clone());
        self.delivering.send_replace(delivering(parts));
        self.news.send_replace(downtime::news(&parts.watches));
        self.watch(parts).await?;
        let_go(&self.recorder, parts).await?;
        self.health.keep_sources(|source| parts.sources.contains_key(source)).await;
        Ok(())
    }

    /// Tells through the routes that something did not come up.
    ///
    /// # Errors
    /// When the journal fails.
    pub async fn tell_setup_failed(&self, what: &str, detail: &str) -> Result<(), JournalError> {
        let now = events::millis(self.recorder.clock.now());
        let mut event = words::about(what, EventKind::SetupFailed, Severity::High, now);
        "setup".clone_into(&mut event.cause);
        detail.clone_into(&mut event.detail);
        self.recorder.record(vec![Change::event(IncidentChange::None, event)]).await.map(drop)
    }

    /// Returns when nothing is delivered any more: the dispatcher has ended by a mistake. Nobody can be
    /// told, but whoever started this program can be.
    pub async fn failed(&mut self) {
        let ended = (&mut self.dispatcher).await;
        tracing::error!("the dispatcher ended, and nothing is delivered any more: {ended:?}");
    }

    async fn watch(&mut self, parts: &Parts) -> Result<(), JournalError> {
        let setups = setups(parts);
        let names: Vec<String> = setups.iter().map(|setup| setup.watch.name.clone()).collect();
        let gone: Vec<String> = self.monitors.keys().filter(|name| !names.contains(name)).cloned().collect();
        for name in gone {
            if let Some(running) = self.monitors.remove(&name) {
                running.stop().await;
                self.health.keep(&name, &[], &[]).await;
            }
        }
        let mut new = Vec::new();
        for setup in setups {
            match self.monitors.get(&setup.watch.name) {
                Some(running) => drop(running.setup.send_replace(setup)),
                None => new.push((self.monitor_of(setup.clone()).await?, setup)),
            }
        }
        // All of them are there before one of them says how a source is that others read, too.
        new.into_iter().for_each(|(monitor, setup)| self.start_monitor(monitor, setup));
        Ok(())
    }

    async fn monitor_of(&self, setup: Setup) -> Result<Monitor, JournalError> {
        Monitor::new(setup, self.recorder.clone(), self.health.clone()).await
    }

    fn start_monitor(&mut self, monitor: Monitor, setup: Setup) {
        let name = setup.watch.name.clone();
        let (setup, setups) = watch::channel(setup);
        let (stop, stopped) = watch::channel(false);
        let (recorder, health) = (self.recorder.clone(), self.health.clone());
        let around = Surroundings { recorder, health, setups, stop: stopped };
        let task = tokio::spawn(supervise::keep_running(monitor, around));
        self.monitors.insert(name, Running { setup, stop, task });
    }

    /// Stops the monitors and lets tries under way finish. Closing the journal is for whoever opened it.
    pub async fn stop(self) {
        for running in self.monitors.into_values() {
            running.stop().await;
        }
        if let Err(error) = downtime::sign(&self.recorder).await {
            tracing::error!("sign of life: {error}");
        }
        self.stop.send_replace(true);
        if !self.dispatcher.is_finished() {
            let _ = self.dispatcher.await;
        }
        self.helpers.iter().for_each(JoinHandle::abort);
    }
}

impl Running {
    async fn stop(self) {
        self.stop.send_replace(true);
        let _ = self.task.await;
    }
}

/// Ends what hangs on watches, sources and channels that are no longer configured.
async fn let_go(recorder: &Recorder, parts: &Parts) -> Result<(), JournalError> {
    let watches: Vec<String> = parts.watches.iter().map(|watch| watch.name.clone()).collect();
    for name in recorder.journal.write(entities::watches).await? {
        if !watches.contains(&name) {
            let watch = name.clone();
            let rows =
                recorder.journal.write(move |connection| entities::of_watch(connection, &watch)).await?;
            monitor::let_go(recorder, &name, rows).await?;
        }
    }
    let open =
        recorder.journal.write(|connection| incidents::list(connection, false, usize::MAX >> 1)).await?;
    let gone = open.into_iter().filter_map(|incident| {
        let (kind, known) = match incident.subject.as_str() {
            "source" => (EventKind::SourceUp, parts.sources.contains_key(&incident.scope)),
            "pipeline" => (EventKind::PipelineRecovered, watches.contains(&incident.scope)),
            "channel" => (EventKind::ChannelRecovered, parts.channels.contains_key(&incident.scope)),
            _ => return None,
        };
        let mut event =
            words::about(&incident.scope, kind, Severity::Info, events::millis(recorder.clock.now()));
        vocabulary::NO_LONGER_CONFIGURED.clone_into(&mut event.cause);
        event.detail = format!("{} is no longer configured.", incident.scope);
        (!known).then(|| Change::event(IncidentChange::Close(incident.id), event))
    });
    let gone: Vec<Change> = gone.collect();
    if gone.is_empty() { Ok(()) } else { recorder.record(gone).await.map(drop) }
}

/// Once a day, and at the start.
async fn forget_what_is_long_over(recorder: Recorder) {
    let mut daily = tokio::time::interval(std::time::Duration::from_secs(86_400));
    loop {
        daily.tick().await;
        let now = events::millis(recorder.clock.now());
        match recorder.journal.write(move |connection| prune::prune(connection, now)).await {
            Ok(0) => {}
            Ok(count) => tracing::info!("{count} old messages are taken out of the journal"),
            Err(error) => tracing::error!("{error}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::SystemClock;
    use crate::config::{Level, LogSettings};
    use crate::dispatch::fixtures::route;

    #[tokio::test]
    async fn a_dispatcher_that_ends_is_noticed_and_stopping_waits_for_nobody() {
        let parts = Parts {
            sources: BTreeMap::new(),
            channels: Arc::default(),
            routes: Arc::new(vec![route("catch_all", &[&["log"]])]),
            wording: Arc::default(),
            watches: Vec::new(),
            installation: "here".into(),
            journal: PathBuf::new(),
            log: LogSettings { file: None, level: Level::Info },
        };
        let journal = Journal::in_memory().unwrap();
        let mut daemon = Daemon::start(&parts, journal, Arc::new(SystemClock), None).await.unwrap();
        daemon.dispatcher.abort();
        daemon.failed().await;
        daemon.stop().await;
    }
}
