//! The thread that writes: group commit, and going on from memory when the disk fails.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use rusqlite::Connection;
use tokio::sync::watch;

use super::{Failure, Health, JournalError, Missing, schema};

mod files;
mod jobs;

use files::{
    copy_to_memory, in_memory_from, open_file, restore, says_broken, set_aside, set_aside_if_corrupt,
};
use jobs::transact;

pub use jobs::Job;

/// The most jobs in one transaction, so that none waits long for the others.
const BATCH: usize = 256;

/// How often a journal in memory tries to get back to its file.
const RETURN_EVERY: Duration = Duration::from_secs(30);

/// Owns the only writing connection.
pub struct Writer {
    connection: Connection,
    /// `None` for a journal that was never meant to be on disk.
    path: Option<PathBuf>,
    health: watch::Sender<Health>,
    tried_return: Instant,
}

impl Writer {
    /// Opens the file, or a copy of it in memory where it cannot be written.
    pub fn open(path: PathBuf, health: watch::Sender<Health>) -> Result<Self, JournalError> {
        let connection = match open_file(&path) {
            Ok(connection) => connection,
            Err(JournalError::Database(error)) => {
                let (memory, missing) = in_memory_from(&path)?;
                health.send_replace(Health::InMemory(failure(&path, &error, missing)));
                memory
            }
            Err(other) => return Err(other),
        };
        Ok(Self { connection, path: Some(path), health, tried_return: Instant::now() })
    }

    /// A journal without a file.
    pub fn in_memory(health: watch::Sender<Health>) -> Result<Self, JournalError> {
        let connection = Connection::open_in_memory()?;
        schema::prepare(&connection)?;
        Ok(Self { connection, path: None, health, tried_return: Instant::now() })
    }

    /// Takes jobs until every sender is gone.
    pub fn run(mut self, queue: &Receiver<Job>) {
        loop {
            match queue.recv_timeout(RETURN_EVERY) {
                Ok(first) => {
                    let waiting = std::iter::once(first).chain(queue.try_iter()).take(BATCH).collect();
                    // A mistake in one job must not end the journal: its askers see `Closed`.
                    if catch_unwind(AssertUnwindSafe(|| self.commit(waiting))).is_err() {
                        tracing::error!("journal: a job panicked, and the jobs beside it are undone");
                    }
                }
                Err(RecvTimeoutError::Timeout) => self.return_to_file(),
                Err(RecvTimeoutError::Disconnected) => break self.close(),
            }
        }
    }

    /// Runs the jobs in one transaction and answers them. A storage fault moves everything to
    /// memory, where they run again.
    pub fn commit(&mut self, mut jobs: Vec<Job>) {
        if self.tried_return.elapsed() >= RETURN_EVERY {
            self.return_to_file();
        }
        if let Err(error) = transact(&self.connection, &mut jobs) {
            self.move_to_memory(&error);
            if let Err(error) = transact(&self.connection, &mut jobs) {
                jobs.iter_mut().for_each(|job| job.fail(&error));
            }
        }
        jobs.into_iter().for_each(Job::answer);
    }

    fn move_to_memory(&mut self, error: &rusqlite::Error) {
        let Some(path) = &self.path else { return };
        tracing::error!("journal cannot be written, going on from memory: {}: {error}", path.display());
        match copy_to_memory(&self.connection).or_else(|_| in_memory_from(path)) {
            Ok((memory, missing)) => {
                self.connection = memory;
                self.tried_return = Instant::now();
                self.health.send_replace(Health::InMemory(failure(path, error, missing)));
            }
            Err(error) => tracing::error!("journal cannot be copied to memory: {error}"),
        }
    }

    /// Puts what is in memory back into the file, where that works again.
    pub(super) fn return_to_file(&mut self) {
        self.tried_return = Instant::now();
        let Some(path) = &self.path else { return };
        let Health::InMemory(failure) = self.health.borrow().clone() else { return };
        set_aside_if_corrupt(path);
        if failure.missing == Missing::All {
            // It was never read, so what it holds is nowhere else.
            set_aside(path, "unread");
        }
        match restore(&self.connection, path) {
            Ok(file) => {
                self.connection = file;
                self.health.send_replace(Health::OnDisk);
                tracing::info!("journal is on disk again: {}", path.display());
            }
            Err(error) => tracing::warn!("journal is still in memory only: {error}"),
        }
    }

    /// As a disk that was mounted read-only.
    #[cfg(test)]
    pub(super) fn forbid_writing(&self) {
        self.connection.pragma_update(None, "query_only", true).expect("a pragma");
    }

    #[cfg(test)]
    pub(super) fn commit_now(&mut self, job: impl Fn(&Connection) -> rusqlite::Result<()> + Send + 'static) {
        let (reply, _) = tokio::sync::oneshot::channel();
        self.commit(vec![Job::new(job, reply)]);
    }

    /// Brings what is in memory only to the file, if that works by now, and what is in the WAL.
    fn close(mut self) {
        self.return_to_file();
        if let Err((_, error)) = self.connection.close() {
            tracing::error!("journal did not close cleanly: {error}");
        }
    }
}

fn failure(path: &Path, error: &rusqlite::Error, missing: Missing) -> Failure {
    Failure { reason: format!("{}: {error}", path.display()), broken: says_broken(error), missing }
}
