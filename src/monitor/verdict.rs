//! Whether an entity is silent, and what that changes. Pure: `now` is an argument.

use crate::journal::entities::{Part, Silence};

/// What is known of one entity at one moment. Times are milliseconds since 1970, UTC.
///
/// Unknown is not a verdict: a round whose answers are not complete judges nobody.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It logged within its threshold.
    Fresh,
    /// It did not.
    Silent {
        /// Its last known life sign; `None` = never seen.
        since: Option<i64>,
    },
}

/// Where an entity stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// No round has judged it yet.
    New,
    /// Logging.
    Fresh,
    /// Silent, with an incident open.
    Silent {
        /// The incident.
        silence: Silence,
        /// Its last life sign before; `None` = never seen.
        since: Option<i64>,
    },
}

/// What changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transition {
    /// It stopped logging while it was watched.
    FellSilent,
    /// It was silent when it was looked at for the first time.
    FoundSilent,
    /// It fell silent with others, and has not come back with them.
    StillSilent {
        /// The open incident.
        incident: i64,
    },
    /// It was silent although it logged, late or too little, and has stopped altogether.
    Stopped {
        /// The open incident.
        incident: i64,
    },
    /// It logs again.
    Recovered {
        /// The incident that this ends.
        incident: i64,
        /// The last life sign before it.
        since: Option<i64>,
    },
}

/// Silent when the time is up that its last life sign gave it, in milliseconds.
#[must_use]
pub const fn judge(last_seen: Option<i64>, due: i64, now: i64) -> Verdict {
    if due > now { Verdict::Fresh } else { Verdict::Silent { since: last_seen } }
}

/// What a verdict changes. Whoever fell silent with others has time anew when they are back: until
/// `free_until`, in milliseconds.
#[must_use]
pub const fn transition(state: State, verdict: Verdict, free_until: i64, now: i64) -> Option<Transition> {
    match (state, verdict) {
        (
            State::Silent { silence: Silence { incident, part: Part::FreeSince(_), .. }, .. },
            Verdict::Silent { .. },
        ) if free_until <= now => Some(Transition::StillSilent { incident }),
        (State::Fresh, Verdict::Silent { .. }) => Some(Transition::FellSilent),
        (State::New, Verdict::Silent { .. }) => Some(Transition::FoundSilent),
        (State::Silent { silence, since }, Verdict::Fresh) => {
            Some(Transition::Recovered { incident: silence.incident, since })
        }
        (State::Fresh | State::New, Verdict::Fresh) | (State::Silent { .. }, Verdict::Silent { .. }) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::entities::Logging;

    #[test]
    fn silence_begins_exactly_when_the_time_is_up() {
        assert_eq!(judge(Some(1_000), 61_000, 60_999), Verdict::Fresh);
        assert_eq!(judge(Some(1_000), 61_000, 61_000), Verdict::Silent { since: Some(1_000) });
        assert_eq!(judge(None, i64::MIN, 0), Verdict::Silent { since: None });
    }

    #[test]
    fn only_a_change_is_a_transition() {
        let silent = Verdict::Silent { since: None };
        let changes = |state, verdict| transition(state, verdict, 1_001, 1_000);
        let down = |part| State::Silent {
            silence: Silence { incident: 7, opened: 5, worsened: None, part, logging: Logging::No },
            since: Some(3),
        };
        assert_eq!(changes(State::Fresh, silent), Some(Transition::FellSilent));
        assert_eq!(changes(State::New, silent), Some(Transition::FoundSilent));
        assert_eq!(
            changes(down(Part::Alone), Verdict::Fresh),
            Some(Transition::Recovered { incident: 7, since: Some(3) })
        );
        assert_eq!(changes(down(Part::Alone), silent), None);
        assert_eq!(changes(State::Fresh, Verdict::Fresh), None);
        // With others: its time begins anew when they are back.
        assert_eq!(changes(down(Part::Of(9)), silent), None);
        assert_eq!(changes(down(Part::FreeSince(941)), silent), None);
        let left = Some(Transition::StillSilent { incident: 7 });
        assert_eq!(transition(down(Part::FreeSince(940)), silent, 1_000, 1_000), left);
    }
}
