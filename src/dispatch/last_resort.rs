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

/// A spool larger than this, in bytes, makes room for a new one; one older is kept.
const FULL: u64 = 16 * 1024 * 1024;

fn append(path: &Path, undelivered: &Notification) -> std::io::Result<()> {
    if std::fs::metadata(path).is_ok_and(|file| file.len() > FULL) {
        std::fs::rename(path, path.with_extension("old.jsonl"))?;
    }
    let mut line = serde_json::to_vec(undelivered)?;
    line.push(b'\n');
    std::fs::OpenOptions::new().create(true).append(true).open(path)?.write_all(&line)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_spool_makes_room_and_is_kept() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("undelivered.jsonl");
        std::fs::File::create(&path).unwrap().set_len(FULL + 1).unwrap();
        keep(Some(&path), &log_monitor_channels::conformance::sample());
        assert_eq!(std::fs::metadata(folder.path().join("undelivered.old.jsonl")).unwrap().len(), FULL + 1);
        assert_eq!(std::fs::read_to_string(&path).unwrap().lines().count(), 1);
    }
}
