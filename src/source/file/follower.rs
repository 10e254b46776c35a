//! Follows one log through its rotations and remembers what it said.
//!
//! The file at the path is the one that is followed as long as device, inode and the first lines are
//! the same and it has not become shorter. Otherwise what the old one still holds is read first, then
//! whatever came and went between the two, then the new one from its beginning.

use std::io::{self, Read};
use std::path::Path;

use super::book::{Book, Tally};
use super::earlier::Metered;
use super::ledger::Ledger;
use super::lines::{self, Piece, Rest};
use super::opened::{self, Id, Opened, at};
use super::plan::Plan;
use super::position::position;
use super::rotated::{self, Done, Rotated};
use crate::source::SourceError;

/// How far out of order documents may be in the file, in milliseconds: analysisd writes with several
/// threads.
const DISORDER: i64 = 120_000;

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
    done: Done,
}

impl Follower {
    /// Reads everything since `from`, which may be in earlier files, and goes on from there.
    ///
    /// # Errors
    /// When a file cannot be read to its end.
    pub fn start(plan: &mut Plan, log: Opened, ledger: Ledger, from: i64) -> Result<Self, SourceError> {
        let book = Book { ledger, tally: Tally::default() };
        let oldest = from.saturating_sub(DISORDER);
        // An empty one is not written to yet: what was rotated away last may still be.
        let rotated = if log.len == 0 { rotated::last(plan, oldest, Some(log.id))? } else { None };
        let is_newest = rotated.is_none();
        let (log, read_at, done) = (rotated.unwrap_or(log), plan.now, Done::default());
        let mut this = Self { book, log, offset: 0, skipping: false, covered_from: from, read_at, done };
        this.offset = position(plan, &mut this.log, oldest).map_err(at(&plan.path))?;
        this.skipping = this.offset > 0;
        match is_newest && this.skipping {
            true => this.pass_over_earlier(plan)?,
            false => this.read_earlier(plan, oldest)?,
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
            Some(there) if self.log.goes_on_in(&there, self.offset) => {
                let was_unknown = !self.log.is_known();
                self.log.head = there.head;
                if was_unknown {
                    // It may have been written to, copied and cut off since.
                    self.read_earlier(plan, self.read_at)?;
                }
            }
            Some(there) if there.len > 0 || self.log.is_at(there.id) => self.change_over(plan, there)?,
            // It is not written to yet: what was rotated away last may still be.
            there => self.follow_last_rotated(plan, there.map(|there| there.id))?,
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
            self.done.note(self.log.head.clone());
        } else if !self.read_copy(plan)? {
            let path = plan.path.display();
            tracing::warn!("{path} was cut off: what was written to it last may be lost");
        }
        (self.log, self.offset, self.skipping) = (there, 0, false);
        self.read_earlier(plan, self.read_at)
    }

    /// The log that was rotated away last takes the place of this one, if it is another.
    fn follow_last_rotated(&mut self, plan: &mut Plan, there: Option<Id>) -> Result<(), SourceError> {
        let again = self.log.look_again().map_err(at(&plan.path))?;
        let was_cut_off = !self.log.goes_on_in(&again, self.offset);
        if !was_cut_off {
            self.log.head.clone_from(&again.head);
        }
        match rotated::last(plan, self.read_at, there)? {
            Some(last) if !self.is_ours(last.id, &last.head) && !self.done.has(&last.head) => {
                self.change_over(plan, last)
            }
            _ if was_cut_off => self.change_over(plan, again),
            _ => self.read_earlier(plan, self.read_at),
        }
    }

    /// What was not read yet of a log that was cut off, from the copy that logrotate's `copytruncate`
    /// leaves. Whether there is one.
    fn read_copy(&mut self, plan: &mut Plan) -> Result<bool, SourceError> {
        let all = rotated::all(plan, self.read_at)?;
        let is_copy = |log: &Rotated| opened::is_same(&self.log.head, &log.head);
        let Some(Rotated { path, head, .. }) = all.into_iter().find(is_copy) else { return Ok(false) };
        let mut from = opened::reader(&path).map_err(at(&path))?;
        io::copy(&mut (&mut from).take(self.offset), &mut io::sink()).map_err(at(&path))?;
        let each = |piece: Piece<'_>| self.book.enter(plan, piece);
        lines::read(from, Rest::Counts, &mut self.skipping, each).map_err(at(&path))?;
        self.done.note(head);
        Ok(true)
    }

    /// Files that were rotated away, but for those that were read already.
    fn read_earlier(&mut self, plan: &mut Plan, since: i64) -> Result<(), SourceError> {
        let (mut left, mut unlimited) = (plan.most, u64::MAX);
        for Rotated { path, is_last, id, head } in rotated::all(plan, since)? {
            if head.is_empty() || self.is_ours(id, &head) || self.done.has(&head) {
                continue;
            }
            let left = if is_last { &mut unlimited } else { &mut left };
            self.read_whole(plan, &path, since, left).map_err(at(&path))?;
            self.done.note(head);
        }
        Ok(())
    }

    /// Files that were rotated away before this log began hold nothing that is wanted.
    fn pass_over_earlier(&mut self, plan: &Plan) -> Result<(), SourceError> {
        rotated::all(plan, self.read_at)?.into_iter().for_each(|log| self.done.note(log.head));
        Ok(())
    }

    /// A file that does not grow any more, from `since` on if it is not compressed.
    fn read_whole(&mut self, plan: &mut Plan, path: &Path, since: i64, left: &mut u64) -> io::Result<()> {
        if opened::is_compressed(path) {
            let from = Metered { from: opened::reader(path)?, left };
            return lines::read(from, Rest::Counts, &mut false, |piece| self.book.enter(plan, piece));
        }
        let mut log = Opened::open(path)?;
        let offset = position(plan, &mut log, since.saturating_sub(DISORDER))?;
        let from = Metered { from: log.from(offset)?, left };
        lines::read(from, Rest::Counts, &mut (offset > 0), |piece| self.book.enter(plan, piece))
    }

    fn read_on(&mut self, plan: &mut Plan, rest: Rest) -> Result<(), SourceError> {
        let path = plan.path.clone();
        let from = self.log.from(self.offset).map_err(at(&path))?;
        let each = |piece: Piece<'_>| {
            match piece {
                Piece::Done(bytes) => self.offset += bytes,
                Piece::Unended(line) if self.book.enter_if_whole(plan, line) => {
                    self.offset += line.len() as u64;
                }
                _ => {}
            }
            self.book.enter(plan, piece)
        };
        lines::read(from, rest, &mut self.skipping, each).map_err(at(&path))
    }

    /// Whether a log is the one that is followed, or the one that it was before it was cut off.
    fn is_ours(&self, id: Id, head: &[u8]) -> bool {
        self.log.is_at(id) || opened::is_same(&self.log.head, head)
    }
}
