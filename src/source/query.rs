//! What a source is asked.

use chrono::{DateTime, Utc};

/// What to ask. Times are absolute, so that an answer can be cached and repeated.
#[derive(Debug, Clone, Copy)]
pub struct Query<'a> {
    /// Oldest time that counts, inclusive.
    pub from: DateTime<Utc>,
    /// Newest time that counts, inclusive: beyond it a document is from the future.
    pub to: DateTime<Utc>,
    /// Which entities.
    pub entities: Entities<'a>,
}

/// Which entities a [`Query`] is about.
#[derive(Debug, Clone, Copy)]
pub enum Entities<'a> {
    /// Whatever the source has, about this many.
    All(usize),
    /// These only.
    Only(&'a [&'a str]),
}
