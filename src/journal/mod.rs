//! The journal: the embedded database that is the truth about what happened and what is owed.
//!
//! One `std` thread owns the only writing connection. It takes jobs from a bounded queue, runs all
//! that wait in **one transaction** (so many deliveries cost one fsync) and answers each when the
//! commit is on disk. When the disk fails, the thread goes on from a copy in memory, says so
//! through [`Journal::health`], and returns to the file when it can: see `writer`.
//!
//! What the rows mean is not known here. `docs/ARCHITECTURE.md` says how to read the file with
//! `sqlite3`.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rusqlite::{Connection, Transaction, TransactionBehavior};
use tokio::sync::{Semaphore, oneshot, watch};

pub mod acks;
pub mod channels;
pub mod deliveries;
pub mod entities;
pub mod events;
mod health;
pub mod incidents;
pub mod listed;
pub mod lost;
pub mod messages;
pub mod meta;
pub mod notes;
pub mod past;
pub mod prune;
pub mod quiet;
pub mod renaming;
mod salvage;
mod schema;
pub mod silences;
pub mod spells;
#[cfg(test)]
mod tests;
pub mod timers;
pub mod waiting;
mod writer;

pub use health::{Failure, Health, Missing};
use writer::{Job, Writer};

/// A handle to the journal; clones share it.
#[derive(Clone)]
pub struct Journal {
    access: Access,
    health: watch::Receiver<Health>,
}

#[derive(Clone)]
enum Access {
    /// The real thing: a queue (until the journal is closed), and the room in it, for which one waits without
    /// holding a thread.
    Thread(Arc<Mutex<Option<std::sync::mpsc::Sender<Job>>>>, Arc<Semaphore>),
    /// Jobs run on the caller's thread: under a paused clock nothing may wait for another thread.
    Inline(Arc<Mutex<Writer>>),
}

/// Why a job was not done.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// The database refused. Storage faults never show here: they move the journal to memory.
    #[error("journal: {0}")]
    Database(#[from] rusqlite::Error),
    /// A later version of log-monitor wrote the file.
    #[error("journal has schema {found}, this log-monitor knows {known}: use the newer version")]
    Newer {
        /// In the file.
        found: i64,
        /// In this program.
        known: i64,
    },
    /// An earlier version wrote the file, and it is only to be read.
    #[error(
        "it is of an earlier log-monitor (schema {found}, this one reads {known}): start `log-monitor run` with this \
         version once, which brings it up to date"
    )]
    Older {
        /// In the file.
        found: i64,
        /// In this program.
        known: i64,
    },
    /// The thread is gone, which happens only at shutdown.
    #[error("journal is closed")]
    Closed,
}

/// The most jobs that wait; more make their senders wait.
const QUEUE: usize = 1024;

/// How long the end of the program waits for the file to be closed.
const CLOSE_LIMIT: Duration = Duration::from_secs(5);

impl Journal {
    /// Opens or creates the journal at `path` and starts its thread. Where the file cannot be
    /// written it works from memory, with what could be read of it, and [`health`](Self::health)
    /// says so.
    ///
    /// # Errors
    /// When a newer log-monitor wrote the file.
    pub fn open(path: &Path) -> Result<Self, JournalError> {
        let (sender, health) = watch::channel(Health::OnDisk);
        let writer = Writer::open(path.to_owned(), sender)?;
        let (jobs, queue) = std::sync::mpsc::channel();
        std::thread::Builder::new()
            .name("journal".to_owned())
            .spawn(move || writer.run(&queue))
            .expect("the system can start a thread");
        let jobs = Arc::new(Mutex::new(Some(jobs)));
        Ok(Self { access: Access::Thread(jobs, Arc::new(Semaphore::new(QUEUE))), health })
    }

    /// A journal in memory that answers at once, for tests and trials.
    ///
    /// # Errors
    /// When the schema cannot be made, which would be a mistake in it.
    pub fn in_memory() -> Result<Self, JournalError> {
        let (sender, health) = watch::channel(Health::OnDisk);
        let writer = Writer::in_memory(sender)?;
        Ok(Self { access: Access::Inline(Arc::new(Mutex::new(writer))), health })
    }

    /// The journal at `path` on the caller's thread, for tests of restarts.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn open_inline(path: &Path) -> Result<Self, JournalError> {
        let (sender, health) = watch::channel(Health::OnDisk);
        let writer = Writer::open(path.to_owned(), sender)?;
        Ok(Self { access: Access::Inline(Arc::new(Mutex::new(writer))), health })
    }

    /// Runs `job` in a transaction and returns when it is committed. The job may run twice (when
    /// storage or a job beside it fails), so it must change nothing but the database.
    ///
    /// # Errors
    /// What the job returned, in which case nothing of it stays.
    pub async fn write<T, F>(&self, job: F) -> Result<T, JournalError>
    where
        T: Send + 'static,
        F: Fn(&Connection) -> rusqlite::Result<T> + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        let job = Job::new(job, reply);
        match &self.access {
            Access::Inline(writer) => {
                writer.lock().unwrap_or_else(PoisonError::into_inner).commit(vec![job]);
            }
            Access::Thread(jobs, room) => {
                let place = room.clone().acquire_owned().await.map_err(|_| JournalError::Closed)?;
                let jobs = jobs.lock().unwrap_or_else(PoisonError::into_inner);
                let jobs = jobs.as_ref().ok_or(JournalError::Closed)?;
                jobs.send(job.holding(place)).map_err(|_| JournalError::Closed)?;
            }
        }
        answer.await.map_err(|_| JournalError::Closed)?
    }

    /// Closes the file when all that waits is committed, so that it is whole without its WAL. Every handle
    /// then answers [`JournalError::Closed`]. Returns within five seconds: what is committed is safe anyway.
    pub async fn close(&self) {
        match &self.access {
            Access::Inline(writer) => writer.lock().unwrap_or_else(PoisonError::into_inner).return_to_file(),
            Access::Thread(jobs, _) => {
                drop(jobs.lock().unwrap_or_else(PoisonError::into_inner).take());
                // The thread's end of it is gone when the file is closed.
                let mut health = self.health();
                let closed = async { while health.changed().await.is_ok() {} };
                if tokio::time::timeout(CLOSE_LIMIT, closed).await.is_err() {
                    tracing::error!("the journal is not closed after {} s", CLOSE_LIMIT.as_secs());
                }
            }
        }
    }

    /// Whether commits reach the disk, now and as it changes.
    #[must_use]
    pub fn health(&self) -> watch::Receiver<Health> {
        self.health.clone()
    }
}

/// Opens the file for reading only, as the listing commands do beside a running daemon.
///
/// # Errors
/// When there is no such file, it is no journal, or one of another version.
pub fn open_read_only(path: &Path) -> Result<Connection, JournalError> {
    let connection = Connection::open_with_flags(path, rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    connection.busy_timeout(Duration::from_secs(5))?;
    schema::check(&connection)?;
    Ok(connection)
}

/// Changes the file in one transaction, as commands do beside a running daemon, which finds it there.
///
/// # Errors
/// When the file cannot be written, or a newer log-monitor wrote it; then nothing has changed.
pub fn edit<T>(
    path: &Path,
    change: impl FnOnce(&Connection) -> rusqlite::Result<T>,
) -> Result<T, JournalError> {
    if let Some(folder) = path.parent() {
        // If it cannot be made, opening the file says so.
        let _ = std::fs::create_dir_all(folder);
    }
    let connection = Connection::open(path)?;
    schema::prepare(&connection)?;
    let transaction = Transaction::new_unchecked(&connection, TransactionBehavior::Immediate)?;
    let changed = change(&transaction)?;
    transaction.commit()?;
    Ok(changed)
}

/// The folder's file beside the journal that keeps what reached nobody.
#[must_use]
pub fn spool_path(journal: &Path) -> PathBuf {
    journal.with_file_name("undelivered.jsonl")
}
