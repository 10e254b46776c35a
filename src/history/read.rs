//! Reading a source's history, a bounded part at a time.

use std::time::Duration;

use super::Span;
use crate::journal::events::time;
use crate::source::{Entities, Heard, Query, Source, SourceError};

/// A history is read in steps of at least so many milliseconds: finer ones cost much and tell little.
const FINEST: i64 = 60_000;

/// About so many entries are asked for at once.
const ENTRIES: i64 = 500_000;

/// And at most so much time, in milliseconds.
const DAY: i64 = 86_400_000;

/// Up to this many entities are named in a query.
const NAMED: usize = 1024;

/// Pauses before asking again, when asking again may help.
const PAUSES: [Duration; 2] = [Duration::from_secs(2), Duration::from_secs(10)];

/// The step, in milliseconds, in which the history of a watch is read: the time between two rounds, but
/// a minute at least.
#[must_use]
pub fn step(poll: Duration) -> i64 {
    i64::try_from(poll.as_millis()).unwrap_or(i64::MAX).max(FINEST)
}

/// The last whole step before `at`, in milliseconds.
#[must_use]
pub const fn floor(at: i64, step: i64) -> i64 {
    at.div_euclid(step) * step
}

/// Hands what these entities logged within `span` to `take`, in order of time, part by part, each with
/// the time up to which it goes.
///
/// # Errors
/// When the source did not answer in full.
pub async fn read(
    source: &dyn Source,
    keys: &[&str],
    span: Span,
    step: i64,
    mut take: impl FnMut(&[Heard], i64),
) -> Result<(), SourceError> {
    let entities = if keys.len() <= NAMED { Entities::Only(keys) } else { Entities::All(keys.len()) };
    let part = (ENTRIES / i64::try_from(keys.len()).unwrap_or(ENTRIES).max(1)).max(1).saturating_mul(step);
    let part = part.min(floor(DAY, step).max(step));
    let mut from = span.0;
    while from < span.1 {
        let to = from.saturating_add(part).min(span.1);
        let query = Query { from: time(from), to: time(to - 1), entities };
        let mut heard = ask(source, &query, step).await?;
        heard.sort_by_key(|heard| heard.newest);
        take(&heard, to);
        from = to;
    }
    Ok(())
}

/// Asks, and asks again where that may help.
async fn ask(source: &dyn Source, query: &Query<'_>, step: i64) -> Result<Vec<Heard>, SourceError> {
    for pause in PAUSES {
        match source.history(query, step).await {
            Err(error) if error.reason.may_pass() => tokio::time::sleep(pause).await,
            answer => return answer,
        }
    }
    source.history(query, step).await
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;
    use crate::source::SourceReason;

    /// Every agent logs once at the end of each step; every third question fails.
    struct Steady(Mutex<usize>);

    #[async_trait::async_trait]
    impl Source for Steady {
        async fn history(&self, query: &Query<'_>, step: i64) -> Result<Vec<Heard>, SourceError> {
            let mut asked = self.0.lock().unwrap();
            *asked += 1;
            if asked.is_multiple_of(3) {
                return Err(SourceError::new(SourceReason::Overloaded, "later"));
            }
            let (from, to) = (query.from.timestamp_millis(), query.to.timestamp_millis());
            let ends = (floor(from, step)..=to).step_by(step as usize).map(|begin| begin + step - 1);
            Ok(ends.map(|newest| Heard { key: "001".into(), newest, count: 1 }).collect())
        }

        async fn probe(&self) -> Result<(), SourceError> {
            Ok(())
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_long_time_is_read_in_parts_without_a_gap_and_again_after_a_hiccup() {
        let source = Steady(Mutex::new(0));
        let (mut newest, mut parts) = (Vec::new(), Vec::new());
        let take = |heard: &[Heard], until| {
            newest.extend(heard.iter().map(|heard| heard.newest));
            parts.push(until);
        };
        read(&source, &["001"], (0, 5 * DAY / 2), 60_000, take).await.unwrap();
        assert_eq!(parts, [DAY, 2 * DAY, 5 * DAY / 2]);
        assert_eq!(newest, (1..=3600).map(|minute| minute * 60_000 - 1).collect::<Vec<_>>());
    }

    #[test]
    fn steps_are_the_poll_but_not_finer_than_a_minute() {
        assert_eq!([5, 60, 300].map(|seconds| step(Duration::from_secs(seconds))), [60_000, 60_000, 300_000]);
    }
}
