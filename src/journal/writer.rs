//! The thread that writes: group commit, and going on from memory when the disk fails.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use rusqlite::backup::{Backup, StepResult};
use rusqlite::ffi::SQLITE_BUSY;
use rusqlite::{Connection, ErrorCode, OpenFlags, Transaction, TransactionBehavior};
use tokio::sync::{OwnedSemaphorePermit, oneshot, watch};

use super::{Health, JournalError, salvage, schema};

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
    /// What is in memory began without what the file holds, because that could not be read.
    without_file: bool,
}

impl Writer {
    /// Opens the file, or a copy of it in memory where it cannot be written.
    pub fn open(path: PathBuf, health: watch::Sender<Health>) -> Result<Self, JournalError> {
        let (connection, without_file) = match open_file(&path) {
            Ok(connection) => (connection, false),
            Err(JournalError::Database(error)) => {
                health.send_replace(Health::InMemory(describe(&path, &error)));
                in_memory_from(&path)?
            }
            Err(other) => return Err(other),
        };
        Ok(Self { connection, path: Some(path), health, tried_return: Instant::now(), without_file })
    }

    /// A journal without a file.
    pub fn in_memory(health: watch::Sender<Health>) -> Result<Self, JournalError> {
        let connection = Connection::open_in_memory()?;
        schema::prepare(&connection)?;
        Ok(Self { connection, path: None, health, tried_return: Instant::now(), without_file: false })
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
        let reason = describe(path, error);
        tracing::error!("journal cannot be written, going on from memory: {reason}");
        let copy = copy_to_memory(&self.connection).map(|memory| (memory, false));
        match copy.or_else(|_| in_memory_from(path)) {
            Ok((memory, without_file)) => {
                self.connection = memory;
                self.without_file = without_file;
                self.tried_return = Instant::now();
                self.health.send_replace(Health::InMemory(reason));
            }
            Err(error) => tracing::error!("journal cannot be copied to memory: {error}"),
        }
    }

    /// Puts what is in memory back into the file, where that works again.
    pub(super) fn return_to_file(&mut self) {
        self.tried_return = Instant::now();
        let Some(path) = &self.path else { return };
        if *self.health.borrow() == Health::OnDisk {
            return;
        }
        set_aside_if_corrupt(path);
        if self.without_file {
            // It was never read, so what it holds is nowhere else.
            set_aside(path, "unread");
        }
        match restore(&self.connection, path) {
            Ok(file) => {
                self.connection = file;
                self.without_file = false;
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
        let (reply, _) = oneshot::channel();
        self.commit(vec![Job::new(job, reply)]);
    }

    fn close(self) {
        if let Err((_, error)) = self.connection.close() {
            tracing::error!("journal did not close cleanly: {error}");
        }
    }
}

fn open_file(path: &Path) -> Result<Connection, JournalError> {
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        // A folder that cannot be made shows as the open error below, with its path.
        let _ = std::fs::create_dir_all(folder);
    }
    let connection = Connection::open(path)?;
    schema::prepare(&connection)?;
    // A file that can be read but not written must show now, not at the first incident.
    connection.execute_batch("BEGIN IMMEDIATE; COMMIT")?;
    Ok(connection)
}

/// What the file holds, in memory; else nothing, and `true`.
fn in_memory_from(path: &Path) -> Result<(Connection, bool), JournalError> {
    let ways: [fn(&Path) -> rusqlite::Result<Connection>; 2] = [open_read_only, open_unchanging];
    for way in ways {
        if let Ok(memory) = way(path).map_err(JournalError::from).and_then(|file| copy_to_memory(&file)) {
            return Ok((memory, false));
        }
    }
    let empty = Connection::open_in_memory()?;
    schema::prepare(&empty)?;
    Ok((empty, path.exists()))
}

fn open_read_only(path: &Path) -> rusqlite::Result<Connection> {
    Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY)
}

/// As on a read-only disk, where SQLite cannot make the files that go with a WAL.
fn open_unchanging(path: &Path) -> rusqlite::Result<Connection> {
    let escaped = path.to_string_lossy().replace('%', "%25").replace('?', "%3f").replace('#', "%23");
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI;
    Connection::open_with_flags(format!("file:{escaped}?immutable=1"), flags)
}

fn copy_to_memory(from: &Connection) -> Result<Connection, JournalError> {
    let mut memory = Connection::open_in_memory()?;
    copy(from, &mut memory)?;
    if !salvage::is_sound(&memory)? {
        return salvage::salvaged(&memory);
    }
    schema::prepare(&memory)?;
    Ok(memory)
}

fn restore(memory: &Connection, path: &Path) -> Result<Connection, JournalError> {
    let mut file = Connection::open(path)?;
    schema::keep_older(&file);
    copy(memory, &mut file)?;
    schema::prepare(&file)?;
    Ok(file)
}

/// A broken file is kept for whoever wants to rescue something of it.
fn set_aside_if_corrupt(path: &Path) {
    let corrupt = match open_read_only(path).and_then(|file| salvage::is_sound(&file)) {
        Ok(sound) => !sound,
        Err(error) => {
            matches!(error.sqlite_error_code(), Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt))
        }
    };
    if corrupt {
        set_aside(path, "corrupt");
    }
}

fn set_aside(path: &Path, why: &str) {
    let aside = path.with_extension(why);
    match std::fs::rename(path, &aside) {
        Ok(()) => {
            for end in ["-wal", "-shm"] {
                let beside = |path: &Path| PathBuf::from(format!("{}{end}", path.display()));
                // There are none after a clean stop.
                let _ = std::fs::rename(beside(path), beside(&aside));
            }
            tracing::error!("the journal as it was is kept as {}", aside.display());
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
        Err(error) => tracing::error!("the journal as it was cannot be set aside: {error}"),
    }
}

/// A file that somebody else holds is an error: waiting here would stop everything.
fn copy(from: &Connection, to: &mut Connection) -> rusqlite::Result<()> {
    let backup = Backup::new(from, to)?;
    loop {
        match backup.step(1024)? {
            StepResult::Done => return Ok(()),
            StepResult::More => {}
            _ => return Err(rusqlite::Error::SqliteFailure(rusqlite::ffi::Error::new(SQLITE_BUSY), None)),
        }
    }
}

fn describe(path: &Path, error: &rusqlite::Error) -> String {
    format!("{}: {error}", path.display())
}

/// Runs the jobs in one transaction. An `Err` is a storage fault: nothing was kept. A job's own
/// mistake only undoes that job, which is found by running all again in savepoints of their own:
/// those cost a fifth of the time, so they are not for every day.
fn transact(connection: &Connection, jobs: &mut [Job]) -> rusqlite::Result<()> {
    match together(connection, jobs) {
        Err(error) if !is_storage_fault(&error) => apart(connection, jobs),
        result => result,
    }
}

fn together(connection: &Connection, jobs: &mut [Job]) -> rusqlite::Result<()> {
    let transaction = begin(connection)?;
    jobs.iter_mut().try_for_each(|job| job.run(connection))?;
    transaction.commit()
}

fn apart(connection: &Connection, jobs: &mut [Job]) -> rusqlite::Result<()> {
    let transaction = begin(connection)?;
    for job in jobs {
        connection.execute_batch("SAVEPOINT job")?;
        match job.run(connection) {
            Ok(()) => connection.execute_batch("RELEASE job")?,
            Err(error) if is_storage_fault(&error) => return Err(error),
            Err(error) => {
                connection.execute_batch("ROLLBACK TO job; RELEASE job")?;
                job.fail(&error);
            }
        }
    }
    transaction.commit()
}

/// A command may write beside us: whoever has begun to read must be the next to write.
fn begin(connection: &Connection) -> rusqlite::Result<Transaction<'_>> {
    Transaction::new_unchecked(connection, TransactionBehavior::Immediate)
}

fn is_storage_fault(error: &rusqlite::Error) -> bool {
    matches!(
        error.sqlite_error_code(),
        Some(
            ErrorCode::DiskFull
                | ErrorCode::ReadOnly
                | ErrorCode::SystemIoFailure
                | ErrorCode::DatabaseCorrupt
                | ErrorCode::NotADatabase
                | ErrorCode::CannotOpen
                | ErrorCode::DatabaseBusy
                | ErrorCode::DatabaseLocked
        )
    )
}

/// A unit of work and the way back to who asked for it.
pub struct Job {
    work: Box<dyn Work>,
    /// Its place in the queue, which is free again when the job is done.
    _place: Option<OwnedSemaphorePermit>,
}

impl Job {
    /// A job whose result goes to `reply` once it is committed.
    pub fn new<T: Send + 'static>(
        run: impl Fn(&Connection) -> rusqlite::Result<T> + Send + 'static,
        reply: oneshot::Sender<Result<T, JournalError>>,
    ) -> Self {
        Self { work: Box::new(Pending { run, reply, result: None }), _place: None }
    }

    /// The same, holding a place in the queue.
    pub fn holding(self, place: OwnedSemaphorePermit) -> Self {
        Self { _place: Some(place), ..self }
    }

    fn run(&mut self, connection: &Connection) -> rusqlite::Result<()> {
        self.work.run(connection)
    }

    fn fail(&mut self, error: &rusqlite::Error) {
        self.work.fail(error);
    }

    fn answer(self) {
        self.work.answer();
    }
}

trait Work: Send {
    fn run(&mut self, connection: &Connection) -> rusqlite::Result<()>;
    fn fail(&mut self, error: &rusqlite::Error);
    fn answer(self: Box<Self>);
}

struct Pending<T, F> {
    run: F,
    reply: oneshot::Sender<Result<T, JournalError>>,
    result: Option<Result<T, JournalError>>,
}

impl<T: Send, F: Fn(&Connection) -> rusqlite::Result<T> + Send> Work for Pending<T, F> {
    fn run(&mut self, connection: &Connection) -> rusqlite::Result<()> {
        self.result = Some(Ok((self.run)(connection)?));
        Ok(())
    }

    fn fail(&mut self, error: &rusqlite::Error) {
        // `rusqlite::Error` cannot be cloned; its text and code are what anybody needs of it.
        let code = error.sqlite_error().copied().unwrap_or(rusqlite::ffi::Error::new(1));
        let copy = rusqlite::Error::SqliteFailure(code, Some(error.to_string()));
        self.result = Some(Err(copy.into()));
    }

    fn answer(self: Box<Self>) {
        // Nobody waits any more at shutdown; the work is committed all the same.
        let _ = self.reply.send(self.result.unwrap_or(Err(JournalError::Closed)));
    }
}
