//! How long log-monitor itself was away. Nobody was judged in that time: agents are looked at again
//! over their whole threshold first, and what fell silent is told by what its documents say.

use std::time::Duration;

use log_monitor_channels::{EventKind, Severity};
use tokio::sync::watch;
use tokio::time::Instant;

use crate::clock::Jumps;
use crate::config::Watch;
use crate::config::duration::human;
use crate::journal::{JournalError, events, meta};
use crate::monitor::words;
use crate::record::{Change, IncidentChange, Recorder};

/// How often the journal learns that log-monitor is there, at least. As rare as the checkpoints of agents: a
/// quiet hour should cost a handful of writes.
const SIGN_OF_LIFE: Duration = Duration::from_secs(300);

/// How often it is looked whether this machine was suspended.
const LOOK: Duration = Duration::from_secs(30);

/// A shorter absence is a restart, and no news.
const RESTART: Duration = Duration::from_secs(60);

/// How long log-monitor may be away before that is news: the shortest time for which an agent may be
/// quiet.
#[must_use]
pub fn news<'w>(watches: impl IntoIterator<Item = &'w Watch>) -> Duration {
    let shortest = watches.into_iter().map(Watch::shortest_interval).min();
    shortest.unwrap_or(SIGN_OF_LIFE).max(RESTART)
}

/// Tells of the time since the journal's last sign of life, if that is longer than `news`.
///
/// # Errors
/// When the journal fails.
pub async fn tell(recorder: &Recorder, news: Duration) -> Result<(), JournalError> {
    let now = events::millis(recorder.clock.now());
    let last = recorder.journal.write(meta::alive).await?;
    if let Some(away) = last.and_then(|last| longer(now - last, news)) {
        let what = format!("log-monitor did not run for about {}", human(away));
        let check = "was it stopped on purpose, or did this machine go down?";
        note(recorder, away, "downtime", &what, check).await?;
    }
    sign(recorder).await
}

/// Signs of life until it is aborted. After a time in which this machine stood still, which only the clock on
/// the wall has counted, a note of it.
pub async fn keep_signing(recorder: Recorder, news: watch::Receiver<Duration>) {
    let mut jumps = Jumps::new(events::millis(recorder.clock.now()));
    let mut signed = Instant::now();
    loop {
        tokio::time::sleep(LOOK).await;
        let news = *news.borrow();
        let jump = jumps.look(events::millis(recorder.clock.now()));
        if let Some(slept) = jump.and_then(|jump| longer(jump, news)) {
            let what = format!("This machine was suspended for about {}, or its clock was set", human(slept));
            if let Err(error) = note(&recorder, slept, "suspended", &what, "should it sleep at all?").await {
                tracing::error!("note of a suspension: {error}");
            }
        }
        if signed.elapsed() >= (news / 3).min(SIGN_OF_LIFE) {
            signed = Instant::now();
            if let Err(error) = sign(&recorder).await {
                tracing::error!("sign of life: {error}");
            }
        }
    }
}

/// A time in milliseconds, if it is longer than that.
fn longer(time: i64, than: Duration) -> Option<Duration> {
    u64::try_from(time).ok().map(Duration::from_millis).filter(|time| *time > than)
}

async fn note(
    recorder: &Recorder,
    away: Duration,
    cause: &str,
    what: &str,
    check: &str,
) -> Result<(), JournalError> {
    let now = events::millis(recorder.clock.now());
    let mut event = words::about("log-monitor", EventKind::MonitoringResumed, Severity::Low, now);
    cause.clone_into(&mut event.cause);
    event.since = Some(event.at - away);
    event.detail = format!(
        "{what}, so nothing was noticed in that time. Agents that are silent now are told separately, by what their \
         logs say; a silence that began and ended meanwhile is not. Check first: {check}"
    );
    recorder.record(vec![Change::event(IncidentChange::None, event)]).await.map(drop)
}

/// One sign of life.
///
/// # Errors
/// When the journal fails.
pub async fn sign(recorder: &Recorder) -> Result<(), JournalError> {
    let now = events::millis(recorder.clock.now());
    recorder.journal.write(move |connection| meta::set_alive(connection, now)).await
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use chrono::TimeDelta;
    use log_monitor_channels::Event;

    use super::*;
    use crate::bus::Bus;
    use crate::clock::SettableClock;
    use crate::dispatch::fixtures::{route, start};
    use crate::journal::Journal;
    use crate::monitor::fixtures;

    /// What its watch allows.
    const INTERVAL: Duration = Duration::from_secs(900);

    fn recorder(clock: Arc<SettableClock>, journal: Journal) -> Recorder {
        let (_, routes) = watch::channel(Arc::new(vec![route("catch_all", &[&["log"]])]));
        Recorder { journal, bus: Bus::default(), clock, routes }
    }

    async fn told(recorder: &Recorder) -> Vec<Event> {
        recorder.journal.write(|connection| events::after(connection, 0, 100)).await.unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn who_was_away_for_longer_than_agents_may_be_quiet_says_so_and_a_restart_does_not() {
        assert_eq!(news([&fixtures::watch(&["001"])]), INTERVAL);
        let clock = Arc::new(SettableClock::starting_at(start()));
        let recorder = recorder(clock, Journal::in_memory().unwrap());
        for (minutes, notes) in [(0, 0), (15, 0), (16, 1), (1, 1)] {
            tokio::time::sleep(Duration::from_secs(minutes * 60)).await;
            tell(&recorder, INTERVAL).await.unwrap();
            assert_eq!(told(&recorder).await.len(), notes, "after {minutes} min");
        }
        let note = told(&recorder).await.pop().unwrap();
        assert_eq!(note.at - note.since.unwrap(), TimeDelta::minutes(16));
    }

    #[tokio::test(start_paused = true)]
    async fn a_suspension_is_told_and_signs_of_life_are_rare() {
        let clock = Arc::new(SettableClock::starting_at(start()));
        let recorder = recorder(clock.clone(), Journal::in_memory().unwrap());
        tell(&recorder, INTERVAL).await.unwrap();
        let (_news, news) = watch::channel(INTERVAL);
        tokio::spawn(keep_signing(recorder.clone(), news));
        tokio::time::sleep(Duration::from_secs(3601)).await;
        let alive = recorder.journal.write(meta::alive).await.unwrap().unwrap();
        assert_eq!((told(&recorder).await, alive), (vec![], events::millis(start() + TimeDelta::hours(1))));
        clock.set_by(TimeDelta::hours(3));
        tokio::time::sleep(Duration::from_secs(60)).await;
        let note = told(&recorder).await.pop().unwrap();
        assert_eq!((note.kind, note.cause.as_str()), (EventKind::MonitoringResumed, "suspended"));
        assert!(note.detail.contains("suspended for about 3 h, or its clock was set"), "{}", note.detail);
        clock.set_by(TimeDelta::zero());
        tokio::time::sleep(Duration::from_secs(60)).await;
        assert_eq!(told(&recorder).await.len(), 1, "set back, nothing was missed");
    }
}
