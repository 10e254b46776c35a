//! What a replay finds. Pure.

use crate::monitor::pipeline::Common;

/// Something that would have been an incident. Times in milliseconds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// The agent's place in the fleet; `None` = a stall of the pipeline.
    pub agent: Option<usize>,
    /// What a stall's agents share.
    pub common: Option<Common>,
    /// The last log before; `None` = never seen.
    pub since: Option<i64>,
    /// When it would have been noticed.
    pub opened: i64,
    /// When a message would have told it; `None` = silent from the start, or told with a stall.
    pub told: Option<i64>,
    /// Its first log after that; `None` = not within the history.
    pub back: Option<i64>,
    /// It was not silent, but logged less than `min_events`.
    pub few: bool,
    /// It logged less than `min_events`, and then nothing: of an agent that is another one, a stall is told once more.
    pub stopped: bool,
    /// It comes again by itself within this after the message if that was false.
    pub patience: i64,
}

impl Found {
    /// Whether the message was false: whoever it was about logged again within one more interval.
    #[must_use]
    pub fn is_false(&self) -> bool {
        let soon = |told: i64| self.back.is_some_and(|back| back - told <= self.patience);
        self.told.is_some_and(soon)
    }
}
