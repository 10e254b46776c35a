//! How long log-monitor itself was away. Nobody was judged in that time: agents are looked at again
//! over their whole threshold first, and what fell silent is told by what its documents say.

use chrono::TimeDelta;
use log_monitor_channels::{EventKind, Severity};

use crate::config::duration::human;
use crate::journal::{JournalError, events, meta};
use crate::monitor::words;
use crate::record::{Change, IncidentChange, Recorder};

/// How often the journal learns that log-monitor is there. As rare as the checkpoints of agents: a
/// quiet hour should cost a handful of writes.
const SIGN_OF_LIFE: std::time::Duration = std::time::Duration::from_secs(300);

/// A shorter absence is a restart, and no news.
const NEWS: TimeDelta = TimeDelta::minutes(15);

/// Tells of the time since the journal's last sign of life, if that is long.
///
/// # Errors
/// When the journal fails.
pub async fn tell(recorder: &Recorder) -> Result<(), JournalError> {
    let last = recorder.journal.write(meta::alive).await?;
    let now = events::millis(recorder.clock.now());
    if let Some(last) = last.filter(|last| now - last >= NEWS.num_milliseconds()) {
        let away = human((events::time(now) - events::time(last)).to_std().unwrap_or_default());
        let mut event = words::about("log-monitor", EventKind::MonitoringResumed, Severity::Low, now);
        "downtime".clone_into(&mut event.cause);
        event.since = Some(events::time(last));
        event.detail = format!(
            "log-monitor did not run for about {away}, so nothing was noticed in that time. Agents that are \
             silent now are told separately, by what their logs say; a silence that began and ended meanwhile \
             is not. Check first: was it stopped on purpose, or did this machine go down?"
        );
        recorder.record(vec![Change::event(IncidentChange::None, event)]).await?;
    }
    sign(recorder).await
}

/// Signs of life until it is aborted.
pub async fn keep_signing(recorder: Recorder) {
    loop {
        tokio::time::sleep(SIGN_OF_LIFE).await;
        if let Err(error) = sign(&recorder).await {
            tracing::error!("sign of life: {error}");
        }
    }
}

/// One sign of life.
///
/// # Errors
/// When the journal fails.
pub async fn sign(recorder: &Recorder) -> Result<(), JournalError> {
    let now = events::millis(recorder.clock.now());
    recorder.journal.write(move |connection| meta::set_alive(connection, now)).await
}
