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
//! - Whoever is behind gateways of which too many are silent **must** be told as a part of that, and alone
//!   when they are back and it is not.
//! - Maintenance that leaves too few gateways is that of those behind them, too: these hours do not count.
//! - Whoever is on the list no more **must** be let go at once.
//! - Whoever falls silent again and again **may** be believed to be back later each time, and so **may** what
//!   stalls again and again.
//! - What began and ended while nobody could look, or faster than that, **may** be told or not.
//! - A message **must** name the newest log that could be found when it was written.
//! - Whoever logs less than it should, in whichever interval is looked at, **must** be told; whoever logs enough in
//!   each **must not**; and its incident **must** end when it does, and **must not** before.
//! - Whoever was told since it logs too little **must** be told once more when it does not log any more, and then
//!   any log **must** end it.
//! - Whoever was told since its logs came late **may** be told once more when none come any more.
//! - Whoever comes to be on a list that agents are discovered from **must** be watched within a reading of it and
//!   a probation, and **must not** be told as silent before; whoever is removed from it **must** be told so once, and
//!   **must not** as silent from then on; and nobody on it **must** be told as removed.
//! - Every end has one beginning, every beginning has at most one end, and neither is told twice.
//!
//! Where people are told, it judges what reached them, too (`messages`).

mod agents;
mod message_tests;
mod messages;
mod pipeline;
mod source;
mod tests;
mod truth;
mod volume;
mod watched;

pub use truth::Truth;

use std::collections::BTreeSet;

use log_monitor_channels::{Event, EventKind};

use crate::scenario::Scenario;
use crate::vendors::Letter;
use crate::world::{Played, Told};

/// What should not have been told, or was not.
#[derive(Debug)]
pub struct Wrong {
    /// The place of the agent that it is about, if it is one.
    pub agent: Option<usize>,
    pub at: i64,
    pub what: String,
}

/// Compares what was told with the truth.
pub fn check(scenario: &Scenario, played: &Played) -> Result<(), Wrong> {
    judge(scenario, &Truth::of(scenario, &played.failed), &played.told, &played.letters)
}

fn judge(scenario: &Scenario, truth: &Truth, told: &[Told], letters: &[Letter]) -> Result<(), Wrong> {
    let news = if scenario.post.is_some() { news(told) } else { told.to_vec() };
    source::check(scenario, truth, &news)?;
    let stalls = pipeline::check(scenario, truth, &news)?;
    agents::check(scenario, truth, &stalls, &news)?;
    if let Some(register) = &scenario.register {
        watched::check(scenario, register, &truth.watched, &news)?;
        source::check_list(scenario, register, truth, &news)?;
    }
    scenario.post.as_ref().map_or(Ok(()), |post| messages::check(scenario, truth, post, told, letters))
}

/// What was told, but for what reminders say again of the same incident. (An agent has a word of its own for
/// that; if it is told twice, that is one time too many.)
fn news(told: &[Told]) -> Vec<Told> {
    let mut known = BTreeSet::new();
    let mut is_new = |told: &&Told| {
        let Event { kind, incident, .. } = &*told.event;
        let again = incident.is_some() && !known.insert((kind.name(), *incident));
        !(again && matches!(kind, EventKind::SourceDown | EventKind::PipelineStalled))
    };
    told.iter().filter(|told| is_new(told)).cloned().collect()
}
