//! Units of work, and the transaction that many of them share.

use rusqlite::{Connection, ErrorCode, Transaction, TransactionBehavior};
use tokio::sync::{OwnedSemaphorePermit, oneshot};

use crate::journal::JournalError;

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

    /// Its result is this error.
    pub fn fail(&mut self, error: &rusqlite::Error) {
        self.work.fail(error);
    }

    /// Gives its result to who asked for it.
    pub fn answer(self) {
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

/// Runs the jobs in one transaction. An `Err` is a storage fault: nothing was kept. A job's own
/// mistake only undoes that job, which is found by running all again in savepoints of their own:
/// those cost a fifth of the time, so they are not for every day.
pub fn transact(connection: &Connection, jobs: &mut [Job]) -> rusqlite::Result<()> {
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
