//! What is read and how, for one question.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use super::line::Reader;

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
    /// The most bytes that are read of files before the last two: [`MOST_BYTES`](super::earlier::MOST_BYTES).
    pub most: u64,
}
