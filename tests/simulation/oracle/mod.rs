//! Knows what happened, and judges what was told. It shares no code with the monitor: whether an
//! agent was silent follows from what could be found in the index at each moment.
//!
//! - Whoever was overdue while log-monitor could look **must** be told, within a round and the time
//!   for which verdicts may wait while the pipeline is in doubt.
//! - Only hours in which an agent is expected to log count, and only in these **must** anybody be told.
//! - Whoever was not overdue at the moment of the message **must not** have been.
//! - Many that are silent at once **may** be told as one stall of what they share, and **must** be where
//!   it stalled and nothing else happened; whoever stays silent after it **must** be told alone, and so
//!   **must** whoever falls silent long after it began while others log.
//! - Whoever is on the list no more **must** be let go at once.
//! - Whoever falls silent again and again **may** be believed to be back later each time.
//! - What began and ended while nobody could look, or faster than that, **may** be told or not.
//! - A message **must** name the newest log that could be found when it was written.
//! - Every end has one beginning, every beginning has at most one end, and neither is told twice.

mod agents;
mod pipeline;
mod source;
mod tests;
mod truth;

pub use truth::Truth;

use crate::scenario::Scenario;
use crate::world::Played;

/// What should not have been told, or was not.
#[derive(Debug)]
pub struct Wrong {
    /// The place of the agent that it is about, if it is one.
    pub agent: Option<usize>,
    pub at: i64,
    pub what: String,
}

/// Compares what was told with the truth.
pub fn check(scenario: &Scenario, Played { told, failed }: &Played) -> Result<(), Wrong> {
    let truth = Truth::of(scenario, failed);
    source::check(scenario, &truth, told)?;
    let stalls = pipeline::check(scenario, &truth, told)?;
    agents::check(scenario, &truth, &stalls, told)
}
