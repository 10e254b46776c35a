//! A time in which nothing is expected of an agent, or nothing said of it. Pure; times in milliseconds.

use crate::clock::written;
use crate::journal::events::time;

/// A time without expectations; windows that overlap are one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Window {
    /// Its begin.
    pub from: i64,
    /// Its end.
    pub until: i64,
    /// Why.
    pub why: Why,
}

/// Why nothing is expected, or nothing said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Why {
    /// Maintenance of these.
    Maintenance(String),
    /// It is not in its hours, which begin then.
    Hours(i64),
}

impl Window {
    /// Whether it holds at `now`.
    #[must_use]
    pub const fn contains(&self, now: i64) -> bool {
        self.from <= now && now < self.until
    }

    /// The time that both hold.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        let from = self.from.max(other.from);
        let first = if other.until < self.until { other } else { self };
        Self { from, ..first }
    }

    /// What it was, for people, once it has ended.
    #[must_use]
    pub fn sentence(&self) -> String {
        match &self.why {
            Why::Maintenance(of) => format!("Maintenance of {of} ended at {}.", written(time(self.until))),
            Why::Hours(opened) => format!("Its hours began at {}.", written(time(*opened))),
        }
    }
}
