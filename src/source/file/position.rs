//! Where in a long log to begin, found from samples of it.

use std::io::{self, Read};

use super::book::{Book, Tally};
use super::ledger::Ledger;
use super::line::Line;
use super::lines::{self, Piece, Rest};
use super::opened::Opened;
use super::plan::Plan;

/// The first step back from the end of a file, in bytes; then twice as far, and so on.
const STEP_BACK: u64 = 4 << 20;

/// How many bytes are looked at after each step back.
const SAMPLE: u64 = 256 << 10;

/// A place in the log before which everything is older than `oldest`; it may be within a line. Found
/// in steps from the end: a single wrong time does not mislead it.
///
/// # Errors
/// Of reading.
pub fn position(plan: &mut Plan, log: &mut Opened, oldest: i64) -> io::Result<u64> {
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
