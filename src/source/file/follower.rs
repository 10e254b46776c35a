//! Follows one log through its rotations and remembers what it said.
//!
//! The file at the path is the one that is followed as long as device, inode and the first bytes are
//! the same and it has not become shorter. Otherwise what the old one still holds is read first, then
//! whatever came and went between the two, then the new one from its beginning.

use std::collections::VecDeque;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use super::book::{Book, Tally};
use super::earlier;
use super::ledger::Ledger;
use super::line::{Line, Reader};
use super::lines::{self, Piece, Rest};
use super::opened::{self, Head, Opened, at};
use crate::source::SourceError;

/// How far out of order documents may be in the file, in milliseconds: analysisd writes with several
/// threads.
const DISORDER: i64 = 120_000;

/// The first step back from the end of a file, in bytes; then twice as far, and so on.
const STEP_BACK: u64 = 4 << 20;

/// How many bytes are looked at after each step back.
const SAMPLE: u64 = 256 << 10;

/// So many logs that were read are recognised when they turn up under another name.
const RECOGNISED: usize = 64;

/// What is read and how, for one question.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The log.
    pub path: PathBuf,
    /// Reads its lines.
    pub reader: Reader,
    /// Set when nobody waits for the answer any more.
    pub stop: Arc<AtomicBool>,
    /// In milliseconds since 1970.
    pub now: i64,
}

/// A log that is followed. Times in milliseconds since 1970.
#[derive(Debug)]
pub struct Follower {
    /// What it said.
    pub book: Book,
    log: Opened,
    /// How much of it was read.
    offset: u64,
    /// Whether that is within a line that nobody wants.
    skipping: bool,
    /// Everything since then was read.
    covered_from: i64,
    /// When it was last read.
    read_at: i64,
    /// The logs that were read to their end.
    done: VecDeque<Head>,
}

impl Follower {
    /// Reads everything since `from`, which may be in earlier files, and goes on from there.
    ///
    /// # Errors
    /// When a file cannot be read to its end.
    pub fn start(plan: &mut Plan, log: Opened, ledger: Ledger, from: i64) -> Result<Self, SourceError> {
        let book = Book { ledger, tally: Tally::default() };
        let (read_at, done) = (plan.now, VecDeque::new());
        let mut this = Self { book, log, offset: 0, skipping: false, covered_from: from, read_at, done };
        let oldest = from.saturating_sub(DISORDER);
        this.offset = position(plan, &mut this.log, oldest).map_err(at(&plan.path))?;
        this.skipping = this.offset > 0;
        if this.offset == 0 {
            this.read_earlier(plan, oldest)?;
        }
        this.read_on(plan, Rest::Waits)?;
        Ok(this)
    }

    /// Everything since then was read.
    #[must_use]
    pub const fn covered_from(&self) -> i64 {
        self.covered_from
    }

    /// Whether everything since then was read.
    #[must_use]
    pub const fn covers(&self, from: i64) -> bool {
        self.covered_from <= from
    }

    /// Reads what is new. `there` is what is at the path now, if anything is.
    ///
    /// # Errors
    /// When a file cannot be read to its end. This one must not be used any more then.
    pub fn catch_up(&mut self, plan: &mut Plan, there: Option<Opened>) -> Result<(), SourceError> {
        match there {
            Some(there) if self.log.goes_on_in(&there, self.offset) => self.log.head = there.head,
            // An empty one is not written to yet: the old one may still be.
            Some(there) if there.len > 0 => self.change_over(plan, there)?,
            _ => {}
        }
        self.read_on(plan, Rest::Waits)?;
        self.read_at = plan.now;
        Ok(())
    }

    /// Reads the old log to its end, then what was rotated away since the last time.
    fn change_over(&mut self, plan: &mut Plan, there: Opened) -> Result<(), SourceError> {
        let again = self.log.look_again().map_err(at(&plan.path))?;
        if self.log.goes_on_in(&again, self.offset) {
            self.log.head = again.head;
            self.read_on(plan, Rest::Counts)?;
        } else if !self.read_copy(plan)? {
            let path = plan.path.display();
            tracing::warn!("{path} was cut off: what was written to it last may be lost");
        }
        self.done(self.log.head.clone());
        (self.log, self.offset, self.skipping) = (there, 0, false);
        self.read_earlier(plan, self.read_at)
    }

    /// What was not read yet of a log that was cut off, from the copy that logrotate's `copytruncate`
    /// leaves. Whether there is one.
    fn read_copy(&mut self, plan: &mut Plan) -> Result<bool, SourceError> {
        for path in earlier::files(&plan.path, self.read_at, plan.now).map_err(at(&plan.path))? {
            let head = opened::head_at(&path).map_err(at(&path))?;
            if self.log.head.is_empty() || !head.starts_with(&self.log.head) {
                continue;
            }
            let mut from = opened::reader(&path).map_err(at(&path))?;
            io::copy(&mut (&mut from).take(self.offset), &mut io::sink()).map_err(at(&path))?;
            let each = |piece: Piece<'_>| self.book.enter(plan, piece);
            lines::read(from, Rest::Counts, &mut self.skipping, each).map_err(at(&path))?;
            return Ok(true);
        }
        Ok(false)
    }

    /// Files that were rotated away, but for those that were read already.
    fn read_earlier(&mut self, plan: &mut Plan, since: i64) -> Result<(), SourceError> {
        for path in earlier::files(&plan.path, since, plan.now).map_err(at(&plan.path))? {
            let head = opened::head_at(&path).map_err(at(&path))?;
            let is_ours = !self.log.head.is_empty() && head.starts_with(&self.log.head);
            if head.is_empty() || is_ours || self.done.iter().any(|done| head.starts_with(done)) {
                continue;
            }
            self.read_whole(plan, &path, since).map_err(at(&path))?;
            self.done(head);
        }
        Ok(())
    }

    /// A file that does not grow any more, from `since` on if it is not compressed.
    fn read_whole(&mut self, plan: &mut Plan, path: &Path, since: i64) -> io::Result<()> {
        if opened::is_compressed(path) {
            let each = |piece: Piece<'_>| self.book.enter(plan, piece);
            return lines::read(opened::reader(path)?, Rest::Counts, &mut false, each);
        }
        let mut log = Opened::open(path)?;
        let offset = position(plan, &mut log, since.saturating_sub(DISORDER))?;
        let each = |piece: Piece<'_>| self.book.enter(plan, piece);
        lines::read(log.from(offset)?, Rest::Counts, &mut (offset > 0), each)
    }

    fn read_on(&mut self, plan: &mut Plan, rest: Rest) -> Result<(), SourceError> {
        let path = plan.path.clone();
        let from = self.log.from(self.offset).map_err(at(&path))?;
        let each = |piece: Piece<'_>| {
            if let Piece::Done(bytes) = piece {
                self.offset += bytes;
            }
            self.book.enter(plan, piece)
        };
        lines::read(from, rest, &mut self.skipping, each).map_err(at(&path))
    }

    /// Notes that this log was read. A shorter one than [`Head`]s are was read as a whole.
    fn done(&mut self, head: Head) {
        if head.is_empty() {
            return;
        }
        if self.done.len() >= RECOGNISED {
            self.done.pop_front();
        }
        self.done.push_back(head);
    }
}

/// A place in the log before which everything is older than `oldest`; it may be within a line. Found
/// in steps from the end: a single wrong time does not mislead it.
fn position(plan: &mut Plan, log: &mut Opened, oldest: i64) -> io::Result<u64> {
    let mut back = STEP_BACK;
    while back < log.len {
        let offset = log.len - back;
        let newest = newest_in(plan, log.from(offset)?.take(SAMPLE))?;
        if newest.is_some_and(|newest| newest < oldest) {
            return Ok(offset);
        }
        back = back.saturating_mul(2);
    }
    Ok(0)
}

fn newest_in(plan: &mut Plan, sample: impl Read) -> io::Result<Option<i64>> {
    let mut newest = None;
    lines::read(sample, Rest::Waits, &mut true, |piece| {
        if let Piece::Line(line) = piece
            && let Line::Document(document) = plan.reader.read(line)
        {
            newest = newest.max(Some(document.at));
        }
        Ok(())
    })?;
    Ok(newest)
}

/// What the lines at the end of a log are.
///
/// # Errors
/// Of reading.
pub fn sample(plan: &mut Plan, mut log: Opened) -> io::Result<Tally> {
    let mut book = Book { ledger: Ledger::new(i64::MAX, i64::MAX), tally: Tally::default() };
    let offset = log.len.saturating_sub(SAMPLE);
    let from = log.from(offset)?;
    lines::read(from, Rest::Waits, &mut (offset > 0), |piece| book.enter(plan, piece))?;
    Ok(book.tally)
}
