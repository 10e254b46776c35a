//! Which clock to judge by after this machine's clock was set.
//!
//! When it is set forward by an hour, every agent looks an hour silent; when it is set back, nobody
//! looks silent for an hour. Wall time is therefore compared with the time that really passed, and
//! after a jump the round goes by the old clock until the documents follow the new one.

use crate::clock::Jumps;
use crate::config::duration::human;
use std::time::Duration;

/// Jumps that add up to less than this, in milliseconds, are over.
const TOLERATED: i64 = 60_000;

/// Keeps the time that rounds are judged by.
#[derive(Debug)]
pub struct ClockGuard {
    jumps: Jumps,
    /// How far the wall clock is ahead of the one that the documents followed last; 0 in peace.
    doubt: i64,
}

impl ClockGuard {
    /// A guard that trusts the clock now, in milliseconds.
    #[must_use]
    pub fn new(now: i64) -> Self {
        Self { jumps: Jumps::new(now), doubt: 0 }
    }

    /// The time to judge by at wall time `now`, both in milliseconds.
    pub fn judging_time(&mut self, now: i64) -> i64 {
        if let Some(jump) = self.jumps.look(now) {
            self.doubt += jump;
            if self.doubt.abs() <= TOLERATED {
                self.doubt = 0;
            }
            tracing::warn!(
                "this machine's clock was set by {}: agents are judged by the time before until their documents follow",
                said(jump)
            );
        }
        self.believed(now)
    }

    /// The same without looking for a jump.
    #[must_use]
    pub const fn believed(&self, now: i64) -> i64 {
        now - self.doubt
    }

    /// Whether some clock is in doubt.
    #[must_use]
    pub const fn doubts(&self) -> bool {
        self.doubt != 0
    }

    /// Takes in the newest life signs of the entities that logged within the last round. Returns
    /// whether they follow the new clock, which then is in force.
    pub fn convinced(&mut self, fresh: &[i64], now: i64) -> bool {
        let convinced = follow_the_new(fresh, now, self.doubt);
        if convinced {
            tracing::info!("the documents follow this machine's new time");
            self.doubt = 0;
        }
        convinced
    }
}

/// Whether most of some life signs are nearer to the new time than to the old. Pure.
fn follow_the_new(fresh: &[i64], now: i64, doubt: i64) -> bool {
    let old = now - doubt;
    let new = fresh.iter().filter(|seen| (**seen - now).abs() < (**seen - old).abs()).count();
    new * 2 > fresh.len()
}

fn said(jump: i64) -> String {
    let sign = if jump < 0 { "-" } else { "+" };
    format!("{sign}{}", human(Duration::from_millis(jump.unsigned_abs())))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: i64 = 3_600_000;

    #[test]
    fn the_majority_of_fresh_documents_says_which_clock_is_right() {
        let now = 100 * HOUR;
        assert!(!follow_the_new(&[], now, HOUR), "nobody logged: nothing is known");
        assert!(!follow_the_new(&[now - HOUR, now - HOUR - 5_000, now], now, HOUR));
        assert!(follow_the_new(&[now - 30_000, now - HOUR, now], now, HOUR));
        assert!(follow_the_new(&[now - 30_000], now, -HOUR), "set back, and they came along");
        assert!(!follow_the_new(&[now + HOUR - 30_000], now, -HOUR));
    }
}
