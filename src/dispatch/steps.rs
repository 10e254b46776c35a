//! Whether a step has done its duty. Pure.

use crate::config::Need;
use crate::journal::deliveries::State;

/// What comes next for a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// Enough channels accepted.
    Accepted,
    /// It may still work.
    Wait,
    /// It cannot, or it takes too long: the next step's turn.
    Next,
}

/// Judges a step by its deliveries; `overdue` when `fallback_after` has passed.
#[must_use]
pub fn judge(need: Need, deliveries: &[State], overdue: bool) -> Progress {
    let accepted = deliveries.iter().filter(|state| **state == State::Accepted).count();
    let live = deliveries.iter().filter(|state| state.is_live()).count();
    let (done, possible) = match need {
        Need::Any => (accepted > 0, live > 0),
        Need::All => {
            (accepted == deliveries.len() && accepted > 0, accepted + live == deliveries.len() && live > 0)
        }
    };
    match (done, possible && !overdue) {
        (true, _) => Progress::Accepted,
        (false, true) => Progress::Wait,
        (false, false) => Progress::Next,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use State::{Accepted, Failed, Sending, Waiting};

    #[test]
    fn any_is_content_with_one_and_all_wants_every_one() {
        assert_eq!(judge(Need::Any, &[Failed, Accepted], false), Progress::Accepted);
        assert_eq!(judge(Need::Any, &[Failed, Waiting], false), Progress::Wait);
        assert_eq!(judge(Need::Any, &[Failed, Failed], false), Progress::Next);
        assert_eq!(judge(Need::All, &[Accepted, Accepted], false), Progress::Accepted);
        assert_eq!(judge(Need::All, &[Accepted, Sending], false), Progress::Wait);
        assert_eq!(judge(Need::All, &[Accepted, Failed], false), Progress::Next);
    }

    #[test]
    fn a_step_that_takes_too_long_gives_way_unless_it_is_done() {
        assert_eq!(judge(Need::Any, &[Waiting], true), Progress::Next);
        assert_eq!(judge(Need::Any, &[Accepted, Waiting], true), Progress::Accepted);
    }

    #[test]
    fn a_step_whose_channels_were_all_tried_in_earlier_steps_gives_way_at_once() {
        assert_eq!(judge(Need::Any, &[], false), Progress::Next);
        assert_eq!(judge(Need::All, &[], false), Progress::Next);
    }
}
