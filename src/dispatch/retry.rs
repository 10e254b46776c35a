//! What follows a try. Pure: the time and the dice are arguments.

use std::time::Duration;

use log_monitor_channels::{DeliveryError, Receipt};

use super::quarantine;
use crate::journal::deliveries::{ACCEPTED, Claim, Ending, State};

/// The longest pause between two tries: a channel that is back is noticed within a minute.
const LONGEST: Duration = Duration::from_secs(60);

/// The ending of a try, and how long the whole channel must be left alone. `owed` is the end of what the
/// channel was told: that is for nobody else, so it waits for a channel that refuses for good.
#[must_use]
pub fn ending(
    claim: &Claim,
    result: &Result<Receipt, DeliveryError>,
    owed: bool,
    now: i64,
    dice: f64,
) -> (Ending, Option<Duration>) {
    let with = |state, outcome, reason: &str, not_before, short| Ending {
        state,
        outcome,
        reason: reason.to_owned(),
        not_before,
        short,
        uncertain: false,
        receipt: None,
    };
    match result {
        Ok(receipt) => {
            if claim.post.is_some() {
                // More posts follow, as the budget lets them.
                return (with(State::Waiting, ACCEPTED, &receipt.line, Some(now), false), receipt.hold);
            }
            let accepted = with(State::Accepted, ACCEPTED, &receipt.line, None, false);
            (Ending { receipt: Some(receipt.clone()), ..accepted }, receipt.hold)
        }
        Err(DeliveryError::Transient { reason, detail, retry_after }) => {
            let pause = backoff(claim.n, dice).max(retry_after.unwrap_or_default());
            let next = now + millis(pause);
            let state = if next < claim.deadline { State::Waiting } else { State::Failed };
            let failed = with(state, "transient", detail, Some(next), false);
            (Ending { uncertain: reason.may_have_arrived(), ..failed }, *retry_after)
        }
        Err(DeliveryError::PermanentMessage { detail, .. }) => {
            // The plain short form gets one chance; a message refused in that form is lost here.
            let state = if claim.short { State::Failed } else { State::Waiting };
            (with(state, "permanent_message", detail, Some(now), true), None)
        }
        Err(DeliveryError::PermanentChannel { detail, .. }) => {
            let next = now + quarantine::wait(claim.n.saturating_sub(1));
            let state = if owed && next < claim.deadline { State::Waiting } else { State::Failed };
            (with(state, "permanent_channel", detail, Some(next), false), None)
        }
    }
}

/// The pause after the `n`-th failed try: doubling from one second, half of it by chance, so that
/// many messages do not come back at the same moment. `dice` is in 0..1.
#[must_use]
pub fn backoff(n: u32, dice: f64) -> Duration {
    let full = Duration::from_secs(1 << n.saturating_sub(1).min(6)).min(LONGEST);
    full.mul_f64(0.5 + dice / 2.0)
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX / 4)
}

#[cfg(test)]
mod tests {
    use super::*;
    use log_monitor_channels::Reason;

    fn claim(n: u32, short: bool) -> Claim {
        Claim {
            delivery: 1,
            n,
            tried: 0,
            message: 1,
            step: 0,
            channel: "soc".to_owned(),
            short,
            uncertain: false,
            deadline: 1_000_000,
            held: None,
            with: Vec::new(),
            posted: Vec::new(),
            post: None,
        }
    }

    fn state(claim: &Claim, error: DeliveryError, now: i64) -> (State, Option<i64>) {
        let (ending, _) = ending(claim, &Err(error), false, now, 1.0);
        (ending.state, ending.not_before)
    }

    #[test]
    fn a_transient_failure_waits_longer_each_time_but_never_over_a_minute() {
        let pauses: Vec<u64> = (1..9).map(|n| backoff(n, 1.0).as_secs()).collect();
        assert_eq!(pauses, [1, 2, 4, 8, 16, 32, 60, 60]);
        assert_eq!(backoff(3, 0.0), Duration::from_secs(2));
    }

    #[test]
    fn retry_after_counts_for_the_message_and_for_the_channel() {
        let limited = DeliveryError::Transient {
            reason: Reason::RateLimited,
            detail: "slow down".to_owned(),
            retry_after: Some(Duration::from_secs(30)),
        };
        let (ending, hold) = ending(&claim(1, false), &Err(limited), false, 0, 0.0);
        assert_eq!((ending.not_before, hold), (Some(30_000), Some(Duration::from_secs(30))));
    }

    #[test]
    fn a_refused_message_is_tried_once_more_in_short_form() {
        let refused = DeliveryError::permanent_message(Reason::TooLarge, "too large");
        assert_eq!(state(&claim(1, false), refused.clone(), 5).0, State::Waiting);
        assert_eq!(state(&claim(2, true), refused, 5).0, State::Failed);
    }

    #[test]
    fn an_end_waits_longer_each_time_for_a_channel_that_refuses_it_until_its_deadline() {
        let gone = Err(DeliveryError::permanent_channel(Reason::Gone, "404"));
        let waits = |n, now| {
            let (ending, _) = ending(&claim(n, false), &gone, true, now, 1.0);
            (ending.state, ending.not_before)
        };
        assert_eq!(waits(1, 0), (State::Waiting, Some(60_000)));
        assert_eq!(waits(9, 0), (State::Waiting, Some(900_000)));
        assert_eq!(waits(9, 200_000).0, State::Failed);
    }

    #[test]
    fn a_permanent_failure_or_a_passed_deadline_ends_it() {
        let gone = DeliveryError::permanent_channel(Reason::Gone, "404");
        assert_eq!(state(&claim(1, false), gone, 0).0, State::Failed);
        let down = DeliveryError::transient(Reason::Network, "down");
        assert_eq!(state(&claim(9, false), down, 999_000).0, State::Failed);
    }
}
