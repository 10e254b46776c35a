//! The one place that asks what time it is.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use tokio::time::Instant;

/// Wall time. Waiting is done with `tokio::time`, which tests can pause.
pub trait Clock: Send + Sync + 'static {
    /// Now.
    fn now(&self) -> DateTime<Utc>;
}

/// A time for people: `2026-11-23 02:13:05 UTC`.
#[must_use]
pub fn written(time: DateTime<Utc>) -> String {
    time.format("%Y-%m-%d %H:%M:%S UTC").to_string()
}

/// A clock that can be handed around.
pub type SharedClock = Arc<dyn Clock>;

/// The system's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> DateTime<Utc> {
        Utc::now()
    }
}

/// A clock that starts at a given time and goes with tokio's: under a paused runtime it moves only
/// when the test moves it.
#[derive(Debug, Clone, Copy)]
pub struct TokioClock {
    start: DateTime<Utc>,
    origin: Instant,
}

impl TokioClock {
    /// A clock that shows `start` now.
    #[must_use]
    pub fn starting_at(start: DateTime<Utc>) -> Self {
        Self { start, origin: Instant::now() }
    }
}

impl Clock for TokioClock {
    fn now(&self) -> DateTime<Utc> {
        self.start + TimeDelta::from_std(self.origin.elapsed()).unwrap_or(TimeDelta::MAX)
    }
}

/// A clock that goes with tokio's, and that a test can set.
#[cfg(test)]
#[derive(Debug)]
pub struct SettableClock(TokioClock, std::sync::Mutex<TimeDelta>);

#[cfg(test)]
impl SettableClock {
    /// A clock that shows `start` now.
    pub fn starting_at(start: DateTime<Utc>) -> Self {
        Self(TokioClock::starting_at(start), std::sync::Mutex::default())
    }

    /// Sets it: from now on it is so far ahead.
    pub fn set_by(&self, ahead: TimeDelta) {
        *self.1.lock().unwrap() = ahead;
    }
}

#[cfg(test)]
impl Clock for SettableClock {
    fn now(&self) -> DateTime<Utc> {
        self.0.now() + *self.1.lock().unwrap()
    }
}

/// Differences up to this, in milliseconds, are drift and small corrections.
const TOLERATED: i64 = 60_000;

/// Notices when the wall clock is set, by the time that really passed.
#[derive(Debug)]
pub struct Jumps {
    wall: i64,
    passed: Instant,
}

impl Jumps {
    /// Trusts the clock now, in milliseconds.
    #[must_use]
    pub fn new(now: i64) -> Self {
        Self { wall: now, passed: Instant::now() }
    }

    /// By how much the clock was set since the last look, in milliseconds, if it was.
    pub fn look(&mut self, now: i64) -> Option<i64> {
        let passed = i64::try_from(self.passed.elapsed().as_millis()).unwrap_or(i64::MAX);
        let jump = now - self.wall - passed;
        (self.wall, self.passed) = (now, Instant::now());
        (jump.abs() > TOLERATED).then_some(jump)
    }
}
