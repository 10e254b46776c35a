//! Keeps a monitor running. A mistake of ours in one watch must not end its detection without a word,
//! nor that of the others.

use std::sync::Arc;
use std::time::Duration;

use log_monitor_channels::{EventKind, Severity};
use tokio::sync::watch;
use tokio::task::JoinError;
use tokio::time::Instant;

use crate::config::vocabulary::CRASHED;
use crate::journal::{JournalError, events};
use crate::monitor::source_health::SourceHealth;
use crate::monitor::{Monitor, Setup, words};
use crate::record::{Change, IncidentChange, Recorder};

/// The wait before a monitor that failed is started again; twice as long each time more, …
const FIRST_WAIT: Duration = Duration::from_secs(1);

/// … up to this. One that has run for longer begins anew.
const LONGEST_WAIT: Duration = Duration::from_secs(300);

/// It is told at most this often.
const TOLD_EVERY: Duration = Duration::from_secs(3600);

/// What a monitor works with.
pub struct Surroundings {
    /// Writes events.
    pub recorder: Recorder,
    /// How the sources are.
    pub health: Arc<SourceHealth>,
    /// The setup in force.
    pub setups: watch::Receiver<Setup>,
    /// Whether it shall stop.
    pub stop: watch::Receiver<bool>,
}

/// Runs `monitor` until it is stopped, and others in its place where one panics. They go on from the
/// journal, which is the truth.
pub async fn keep_running(monitor: Monitor, mut around: Surroundings) {
    let (mut next, mut wait, mut told) = (Some(monitor), FIRST_WAIT, None::<Instant>);
    loop {
        let began = Instant::now();
        match run(next.take(), &around).await {
            Ok(Ok(())) => return,
            Ok(Err(error)) => tracing::error!("a monitor cannot be started: {error}"),
            Err(error) if error.is_cancelled() => return,
            Err(_) => {
                let watch = around.setups.borrow().watch.name.clone();
                tracing::error!("the monitor of watch {watch} panicked and is started again");
                if told.is_none_or(|told| told.elapsed() >= TOLD_EVERY) {
                    told = Some(Instant::now());
                    tell(&around.recorder, &watch).await;
                }
            }
        }
        if began.elapsed() > LONGEST_WAIT {
            wait = FIRST_WAIT;
        }
        tokio::select! {
            () = tokio::time::sleep(wait) => {}
            _ = around.stop.changed() => return,
        }
        wait = (wait * 2).min(LONGEST_WAIT);
    }
}

/// In a task of its own, whose panic ends nothing else.
async fn run(monitor: Option<Monitor>, around: &Surroundings) -> Result<Result<(), JournalError>, JoinError> {
    let (recorder, health) = (around.recorder.clone(), around.health.clone());
    let (mut setups, stop) = (around.setups.clone(), around.stop.clone());
    tokio::spawn(async move {
        let monitor = match monitor {
            Some(monitor) => monitor,
            None => {
                let setup = setups.borrow_and_update().clone();
                Monitor::new(setup, recorder, health).await?
            }
        };
        monitor.run(setups, stop).await;
        Ok(())
    })
    .await
}

async fn tell(recorder: &Recorder, watch: &str) {
    let now = events::millis(recorder.clock.now());
    let mut event = words::about(watch, EventKind::SetupFailed, Severity::High, now);
    CRASHED.clone_into(&mut event.cause);
    event.detail = format!(
        "The monitor of watch {watch} ended by a mistake in log-monitor, and is started again. If it ends again and \
         again, nobody of that watch is noticed to be silent. Check first: what does the log of log-monitor say, and \
         does a newer version know the mistake?"
    );
    if let Err(error) = recorder.record(vec![Change::event(IncidentChange::None, event)]).await {
        tracing::error!("watch {watch}: {error}");
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;
    use crate::bus::Bus;
    use crate::clock::TokioClock;
    use crate::dispatch::fixtures::{route, start};
    use crate::journal::Journal;
    use crate::monitor::fixtures;
    use crate::source::{Answer, Query, Source, SourceError};

    /// Panics so often, and has no documents then.
    struct Panics(AtomicUsize);

    #[log_monitor_channels::async_trait]
    impl Source for Panics {
        async fn newest(&self, _: &Query<'_>) -> Result<Answer, SourceError> {
            let left = self.0.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1));
            assert!(left.is_err(), "a mistake on purpose");
            Ok(Answer::default())
        }

        async fn probe(&self) -> Result<(), SourceError> {
            Ok(())
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_monitor_that_panics_is_told_once_and_goes_on_until_it_is_stopped() {
        let clock = Arc::new(TokioClock::starting_at(start()));
        let (_routes, routes) = watch::channel(Arc::new(vec![route("catch_all", &[&["log"]])]));
        let recorder =
            Recorder { journal: Journal::in_memory().unwrap(), bus: Bus::default(), clock, routes };
        let setup = Setup {
            watch: fixtures::watch(&["001"]),
            source: Arc::new(Panics(AtomicUsize::new(3))),
            beside: Vec::new(),
            lister: None,
        };
        let health = Arc::new(SourceHealth::default());
        let monitor = Monitor::new(setup.clone(), recorder.clone(), health.clone()).await.unwrap();
        let ((_setup, setups), (stop, stopped)) = (watch::channel(setup), watch::channel(false));
        let around = Surroundings { recorder: recorder.clone(), health, setups, stop: stopped };
        let running = tokio::spawn(keep_running(monitor, around));
        tokio::time::sleep(Duration::from_secs(60)).await;
        let told = recorder.journal.write(|connection| events::after(connection, 0, 10)).await.unwrap();
        let causes: Vec<(EventKind, &str)> =
            told.iter().map(|told| (told.kind, told.cause.as_str())).collect();
        assert_eq!(causes, [(EventKind::SetupFailed, CRASHED), (EventKind::AgentSilent, "never_seen")]);
        stop.send_replace(true);
        running.await.unwrap();
    }
}
