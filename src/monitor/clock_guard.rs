//! Distrust after our own clock jumped.
//!
//! When the machine's clock is set forward by an hour, every agent looks an hour silent. Wall time
//! is therefore compared with the time that really passed, and after a jump nobody is declared
//! silent until the documents agree with the new time.

use tokio::time::Instant;

use super::fleet::Fleet;
use super::verdict::State;
use crate::config::duration::human;
use crate::source::{SourceError, SourceReason};

/// Differences up to this, in milliseconds, are drift and small corrections.
const TOLERATED: i64 = 60_000;

/// Compares the wall clock with the time that passed.
#[derive(Debug)]
pub struct ClockGuard {
    wall: i64,
    passed: Instant,
    jump: Option<i64>,
}

impl ClockGuard {
    /// A guard that trusts the clock now.
    #[must_use]
    pub fn new(now: i64) -> Self {
        Self { wall: now, passed: Instant::now(), jump: None }
    }

    /// Notes the wall time at the start of a round.
    pub fn look(&mut self, now: i64) {
        let passed = i64::try_from(self.passed.elapsed().as_millis()).unwrap_or(i64::MAX);
        let jump = now - self.wall - passed;
        if jump.abs() > TOLERATED {
            tracing::warn!("this machine's clock jumped by {}", said(jump));
            self.jump = Some(jump);
        }
        (self.wall, self.passed) = (now, Instant::now());
    }

    /// After a jump: an error while every entity that logged before it seems silent now.
    ///
    /// # Errors
    /// Then nobody can be judged.
    pub fn check(&mut self, fleet: &Fleet, suspects: &[usize], now: i64) -> Result<(), SourceError> {
        let Some(jump) = self.jump else { return Ok(()) };
        let logging = fleet.entities().iter().filter(|entity| entity.state == State::Fresh).count();
        let changed = fleet.judge(suspects, now);
        let fell = changed.iter().filter(|change| fleet.entities()[change.at].state == State::Fresh).count();
        if logging > 0 && fell == logging {
            return Err(SourceError::new(
                SourceReason::Clock,
                format!(
                    "This machine's clock jumped by {}, and by the new time every agent would be silent. \
                     Check first: the time of this machine and of the Wazuh manager.",
                    said(jump)
                ),
            ));
        }
        self.jump = None;
        Ok(())
    }
}

fn said(jump: i64) -> String {
    let sign = if jump < 0 { "-" } else { "+" };
    format!("{sign}{}", human(std::time::Duration::from_millis(jump.unsigned_abs())))
}
