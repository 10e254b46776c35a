//! One log-monitor for each journal: two would send everything twice.

use std::fs::{File, TryLockError};
use std::path::Path;

/// Held while this process works with the journal.
#[derive(Debug)]
pub struct Lock(#[expect(dead_code, reason = "the lock ends with the open file")] File);

/// Somebody else works with the journal.
#[derive(Debug, thiserror::Error)]
#[error("another log-monitor works with the journal {0}; stop it first")]
pub struct Taken(String);

/// Locks the file beside the journal. Where there can be none (a disk that is full or read-only)
/// there is no lock either: a silence must be told all the same.
///
/// # Errors
/// When another process holds it.
pub fn take(journal: &Path) -> Result<Option<Lock>, Taken> {
    let path = journal.with_extension("lock");
    if let Some(folder) = path.parent() {
        // If it cannot be made, the open below says so.
        let _ = std::fs::create_dir_all(folder);
    }
    let file = match File::create(&path) {
        Ok(file) => file,
        Err(error) => {
            tracing::warn!("no lock {}: {error}", path.display());
            return Ok(None);
        }
    };
    match file.try_lock() {
        Ok(()) => Ok(Some(Lock(file))),
        Err(TryLockError::WouldBlock) => Err(Taken(journal.display().to_string())),
        Err(TryLockError::Error(error)) => {
            tracing::warn!("no lock {}: {error}", path.display());
            Ok(None)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_second_is_refused_until_the_first_is_gone() {
        let folder = tempfile::tempdir().unwrap();
        let journal = folder.path().join("state/journal.db");
        let first = take(&journal).unwrap();
        assert!(first.is_some());
        assert!(take(&journal).unwrap_err().to_string().contains("another log-monitor"));
        drop(first);
        assert!(take(&journal).unwrap().is_some());
    }
}
