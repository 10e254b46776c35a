//! Enters lines into the ledger, and counts those that do not belong there.

use std::io;
use std::sync::atomic::Ordering;

use super::ledger::Ledger;
use super::line::Line;
use super::lines::Piece;
use super::plan::Plan;
use crate::source::{SourceError, SourceReason};

/// Documents further ahead of our clock than this are from the future, in milliseconds.
const AHEAD: i64 = 300_000;

/// The log is told of odd lines at most this often, in milliseconds.
const EVERY: i64 = 600_000;

/// So many lines without the field, and none with it, mean that the field is the wrong one.
const TOO_MANY_NOBODIES: u64 = 100;

/// And so many lines that are no documents, and none that is, that the file is the wrong one.
const TOO_MUCH_JUNK: u64 = 10;

/// How many lines were what.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    /// Life signs, and what the manager writes about agents.
    pub good: u64,
    /// Without the entity's field.
    pub nobody: u64,
    /// No document, or too long.
    pub junk: u64,
    /// Life signs from the future.
    pub ahead: u64,
    told: (u64, u64),
    told_at: Option<i64>,
}

/// The ledger, and what was not entered.
#[derive(Debug)]
pub struct Book {
    /// What was.
    pub ledger: Ledger,
    /// How many.
    pub tally: Tally,
}

impl Book {
    /// Enters what was read.
    ///
    /// # Errors
    /// When nobody waits for it any more, or it is more than can be remembered.
    pub fn enter(&mut self, plan: &mut Plan, piece: Piece<'_>) -> io::Result<()> {
        match piece {
            Piece::Line(line) => self.enter_line(plan, line),
            Piece::TooLong => self.tally.junk += 1,
            Piece::Unended(_) => {}
            Piece::Done(_) => {
                if self.ledger.is_crowded() {
                    self.ledger.make_room(plan.now);
                }
                return self.may_go_on(plan);
            }
        }
        Ok(())
    }

    fn enter_line(&mut self, plan: &mut Plan, line: &[u8]) {
        match plan.reader.read(line) {
            Line::Document(document) => {
                self.tally.good += 1;
                self.tally.ahead += u64::from(document.at > plan.now.saturating_add(AHEAD));
                self.ledger.take(&document);
            }
            Line::OfManager(document) => {
                self.tally.good += 1;
                self.ledger.take_word(&document);
            }
            Line::NoSign => self.tally.good += 1,
            Line::Nobody => self.tally.nobody += 1,
            Line::Junk => self.tally.junk += 1,
        }
    }

    /// Enters a line that may lack more than its newline; whether it did not. What is left of it is an empty
    /// line then.
    pub fn enter_if_whole(&mut self, plan: &mut Plan, line: &[u8]) -> bool {
        let is_whole = line.ends_with(b"}") && plan.reader.read(line) != Line::Junk;
        if is_whole {
            self.enter_line(plan, line);
        }
        is_whole
    }

    fn may_go_on(&self, plan: &Plan) -> io::Result<()> {
        if plan.stop.load(Ordering::Relaxed) {
            return Err(io::Error::other("it was stopped"));
        }
        match self.ledger.is_full() {
            true => {
                Err(io::Error::other("it names more entities than can be told apart: check `entity_field`"))
            }
            false => Ok(()),
        }
    }
}

impl Tally {
    /// Refuses what cannot be the right file or field: there would be no life sign in it ever.
    ///
    /// # Errors
    /// What to check.
    pub fn plausible(&self, plan: &Plan, fields: &[String]) -> Result<(), SourceError> {
        let path = plan.path.display();
        if self.good == 0 && self.nobody >= TOO_MANY_NOBODIES {
            let (count, fields) = (self.nobody, fields.join(" and "));
            let detail =
                format!("none of {count} documents in {path} has the field {fields}: check `entity_field`");
            return Err(SourceError::new(SourceReason::Mapping, detail));
        }
        if self.good + self.nobody == 0 && self.junk >= TOO_MUCH_JUNK {
            let detail =
                format!("{path} holds no Wazuh documents, one JSON object on each line: check `path`");
            return Err(SourceError::new(SourceReason::Malformed, detail));
        }
        Ok(())
    }

    /// Tells the log of odd lines, every ten minutes at most.
    pub fn tell(&mut self, plan: &Plan) {
        let is_due = self.told_at.is_none_or(|told| plan.now - told >= EVERY || plan.now < told);
        if !is_due || self.told == (self.junk, self.ahead) {
            return;
        }
        let (path, (junk, ahead)) =
            (plan.path.display(), (self.junk - self.told.0, self.ahead - self.told.1));
        if junk > 0 {
            tracing::warn!("{path}: {junk} lines are no documents with a time");
        }
        if ahead > 0 {
            tracing::warn!("{path}: {ahead} documents are from the future: compare the clocks");
        }
        (self.told, self.told_at) = ((self.junk, self.ahead), Some(plan.now));
    }
}
