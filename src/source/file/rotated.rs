//! Logs that were rotated away, and which of them were read.

use std::collections::VecDeque;
use std::path::PathBuf;

use super::earlier;
use super::opened::{self, Head, Id, Opened, at};
use super::plan::Plan;
use crate::source::SourceError;

/// So many logs that were read are recognised when they turn up under another name.
const RECOGNISED: usize = 64;

/// A log that was rotated away.
pub struct Rotated {
    /// Where it is now.
    pub path: PathBuf,
    /// Whether it is read however long it is.
    pub is_last: bool,
    /// See [`opened::id_at`].
    pub id: Id,
    /// Its beginning, unpacked.
    pub head: Head,
}

/// Those that may hold documents since then, in milliseconds; the oldest first.
///
/// # Errors
/// As [`earlier::files`], and of reading.
pub fn all(plan: &Plan, since: i64) -> Result<Vec<Rotated>, SourceError> {
    let files = earlier::files(&plan.path, since, plan.now, plan.most).map_err(at(&plan.path))?;
    let rotated = |(path, is_last): (PathBuf, bool)| {
        let id = opened::id_at(&path).map_err(at(&path))?;
        let head = opened::head_at(&path).map_err(at(&path))?;
        Ok(Rotated { path, is_last, id, head })
    };
    files.into_iter().map(rotated).collect()
}

/// The last one that was not compressed yet; not the log that is `there` now, which may have the name
/// of the day, too.
///
/// # Errors
/// As [`all`].
pub fn last(plan: &Plan, since: i64, there: Option<Id>) -> Result<Option<Opened>, SourceError> {
    let is_it = |log: &Rotated| !opened::is_compressed(&log.path) && there != Some(log.id);
    let last = all(plan, since)?.into_iter().rfind(is_it);
    last.map(|log| Opened::open(&log.path).map_err(at(&log.path))).transpose()
}

/// The logs that were read to their end.
#[derive(Debug, Default)]
pub struct Done(VecDeque<Head>);

impl Done {
    /// Whether the log with this beginning is one of them.
    #[must_use]
    pub fn has(&self, head: &[u8]) -> bool {
        self.0.iter().any(|done| opened::is_same(done, head))
    }

    /// Notes that this log was read. An empty one is like any other empty one.
    pub fn note(&mut self, head: Head) {
        if head.is_empty() {
            return;
        }
        if self.0.len() >= RECOGNISED {
            self.0.pop_front();
        }
        self.0.push_back(head);
    }
}
