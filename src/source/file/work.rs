//! One question to the log. Blocking.

use std::io;

use super::follower::Follower;
use super::ledger::{Ledger, Only};
use super::opened::{self, Opened};
use super::plan::Plan;
use super::position;
use crate::source::{SourceError, SourceReason, Word, key};

/// Steps in memory are of this length, in milliseconds …
pub const MINUTE: i64 = 60_000;

/// … and are kept for this long, in milliseconds. Older ones are read again from the files.
const KEPT: i64 = 26 * 60 * MINUTE;

/// A file may be away for this long while it is rotated, in milliseconds.
const AWAY: i64 = MINUTE;

/// What is followed, from one question to the next.
#[derive(Debug, Default)]
pub struct Followed {
    /// The log.
    pub follower: Option<Follower>,
    /// Since when the file has been away, in milliseconds.
    away_since: Option<i64>,
}

/// One question's work.
pub struct Work<'a> {
    /// The fields that tell entities apart, for messages.
    pub fields: &'a [String],
    /// What is read and how.
    pub plan: Plan,
    /// What is followed.
    pub state: &'a mut Followed,
}

impl Work<'_> {
    /// Everything since `from`, as it is now.
    ///
    /// # Errors
    /// When it cannot be read as a whole.
    pub fn followed(&mut self, from: i64) -> Result<&Ledger, SourceError> {
        let there = self.look()?;
        match self.state.follower.as_mut().filter(|follower| follower.covers(from)) {
            Some(follower) => {
                if let Err(error) = follower.catch_up(&mut self.plan, there) {
                    // It stopped half-way: to go on would count twice.
                    self.state.follower = None;
                    return Err(error);
                }
            }
            None => {
                let there = there.map_or_else(|| self.open(), Ok)?;
                let ledger = Ledger::new(MINUTE, self.plan.now - KEPT);
                self.state.follower = Some(Follower::start(&mut self.plan, there, ledger, from)?);
            }
        }
        let Some(follower) = &mut self.state.follower else { unreachable!("it was put there") };
        follower.book.ledger.forget_before(self.plan.now - KEPT);
        follower.book.tally.tell(&self.plan);
        follower.book.tally.plausible(&self.plan, self.fields)?;
        Ok(&follower.book.ledger)
    }

    /// What is at the path now; nothing while it is being rotated.
    fn look(&mut self) -> Result<Option<Opened>, SourceError> {
        match Opened::open(&self.plan.path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound && self.state.follower.is_some() => {
                let since = *self.state.away_since.get_or_insert(self.plan.now);
                let is_short = (0..AWAY).contains(&(self.plan.now - since));
                if is_short { Ok(None) } else { Err(opened::told(&self.plan.path, &error)) }
            }
            opened => {
                self.state.away_since = None;
                opened.map(Some).map_err(opened::at(&self.plan.path))
            }
        }
    }

    fn open(&self) -> Result<Opened, SourceError> {
        Opened::open(&self.plan.path).map_err(opened::at(&self.plan.path))
    }

    /// Asks a ledger with steps of `width`, or parts of it, since `from`: what is in memory, else what the
    /// files say.
    ///
    /// # Errors
    /// As [`followed`](Self::followed).
    pub fn steps<T>(
        &mut self,
        from: i64,
        width: i64,
        question: impl FnOnce(&Ledger) -> T,
    ) -> Result<T, SourceError> {
        if width % MINUTE == 0 && from >= self.plan.now - KEPT {
            let ledger = self.followed(from)?;
            if ledger.kept_from() <= from {
                return Ok(question(ledger));
            }
        }
        let there = self.open()?;
        let read = Follower::start(&mut self.plan, there, Ledger::new(width, from), from)?;
        match read.book.ledger.kept_from() > from {
            true => {
                Err(SourceError::new(SourceReason::Incomplete, "these are more steps than can be counted"))
            }
            false => Ok(question(&read.book.ledger)),
        }
    }

    /// The last alerts of one entity, or of all parts of one, from `from` to `until`, the newest first, at
    /// most `count`: those in memory, else what the files say.
    ///
    /// # Errors
    /// As [`followed`](Self::followed).
    pub fn last_words(
        &mut self,
        key: &str,
        window: (i64, i64),
        count: usize,
    ) -> Result<Vec<Word>, SourceError> {
        let covered = self.state.follower.as_ref().map(Follower::covered_from);
        let (from, until) = window;
        let is_covered = covered.is_none_or(|covered| covered <= from);
        let is_part = self.fields.len() == 1 || key::split(key, self.fields.len()).is_some();
        let known = self.followed(covered.unwrap_or(from))?.last_words(key, window, count);
        if let Some(words) = known.filter(|_| is_covered && is_part) {
            return Ok(words);
        }
        let there = self.open()?;
        let only = Only { key: key.into(), fields: self.fields.len(), until };
        let ledger = Ledger::of_last_words(only, count);
        let read = Follower::start(&mut self.plan, there, ledger, from)?;
        Ok(read.book.ledger.get(key).map(|entity| entity.last(from, until, count)).unwrap_or_default())
    }

    /// Whether the file can be read and its end holds documents.
    ///
    /// # Errors
    /// What to check.
    pub fn probe(&mut self) -> Result<(), SourceError> {
        let there = self.open()?;
        let tally = position::sample(&mut self.plan, there).map_err(opened::at(&self.plan.path))?;
        tally.plausible(&self.plan, self.fields)
    }
}
