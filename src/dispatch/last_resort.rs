//! When a message reached nobody: an error in the log, and a line in a file beside the journal, so
//! that nothing is lost without a trace.

use std::io::Write;
use std::path::Path;

use log_monitor_channels::Notification;

/// Logs the message and appends it to the spool.
pub fn keep(spool: Option<&Path>, undelivered: &Notification) {
    let Notification { title, body, .. } = undelivered;
    let reason = undelivered.fallback_reason.as_deref().unwrap_or("no channel");
    tracing::error!("REACHED NOBODY ({reason}): {title}\n{body}");
    if let Some(Err(error)) = spool.map(|path| append(path, undelivered)) {
        tracing::error!("cannot keep the message in {}: {error}", spool.unwrap_or(Path::new("")).display());
    }
}

fn append(path: &Path, undelivered: &Notification) -> std::io::Result<()> {
    let mut line = serde_json::to_vec(undelivered)?;
    line.push(b'\n');
    std::fs::OpenOptions::new().create(true).append(true).open(path)?.write_all(&line)
}
