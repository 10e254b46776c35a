//! When entities logged, step by step: a long window is asked for in slices, so that each page makes
//! the server look at its own part of the time and not at all of it again.

use chrono::DateTime;

use super::question::{PAGE, Question};
use super::search::Search;
use super::wanted::Wanted;
use crate::source::{Entities, Heard, Query, SourceError, SourceReason};

/// The most entries of a history: about 160 MB. 1,000 agents over 30 days have 720,000 by the hour.
const MOST: usize = 4_000_000;

/// A slice that brings no more than this was too short.
const QUARTER: usize = PAGE / 4;

/// What was heard within the window, in order of time.
///
/// # Errors
/// As [`Search::ask`], and when there is more of it than anybody can hold.
pub async fn read(search: Search<'_>, query: &Query<'_>, step: i64) -> Result<Vec<Heard>, SourceError> {
    let step = step.max(1);
    let wanted = Wanted::by(query);
    let mut heard: Vec<Heard> = Vec::new();
    let (mut next, mut steps) = (Some(query.from.timestamp_millis()), steps_of_a_page(query));
    while let Some(from) = next {
        let (slice, known) = (slice_from(from, query, step.saturating_mul(steps)), heard.len());
        heard.extend(search.ask(Question::Steps(step), &slice.0, |bucket| wanted.heard(bucket)).await?);
        if heard.len() > MOST {
            let detail = "has too long a history for this step of time: ask for a longer step";
            return Err(search.error(SourceReason::Incomplete, detail));
        }
        (next, steps) = (slice.1, adapted(steps, heard.len() - known));
    }
    heard.sort_unstable_by(|a, b| (a.newest, &a.key).cmp(&(b.newest, &b.key)));
    Ok(heard)
}

/// How many steps fill a page if every entity logs in each of them.
fn steps_of_a_page(query: &Query<'_>) -> i64 {
    let entities = match query.entities {
        Entities::All(expected) => expected,
        Entities::Only(keys) => keys.len(),
    };
    i64::try_from(PAGE / entities.max(1)).unwrap_or(1).max(1)
}

/// How many steps to ask for next, after so many brought so much: most entities log rarely.
fn adapted(steps: i64, found: usize) -> i64 {
    match found {
        _ if found <= QUARTER => steps.saturating_mul(2),
        _ if found <= PAGE => steps,
        _ => (steps / 2).max(1),
    }
}

/// The part of the window from `from` to the next multiple of `length`, and where the next part begins.
fn slice_from<'a>(from: i64, query: &Query<'a>, length: i64) -> (Query<'a>, Option<i64>) {
    let next = from.div_euclid(length).saturating_add(1).saturating_mul(length);
    let at = |millis| DateTime::from_timestamp_millis(millis).unwrap_or(query.to);
    let slice = |to| Query { from: at(from), to, entities: query.entities };
    match next <= query.to.timestamp_millis() {
        true => (slice(at(next - 1)), Some(next)),
        false => (slice(query.to), None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slices(from: i64, to: i64, length: i64) -> Vec<(i64, i64)> {
        let at = |millis| DateTime::from_timestamp_millis(millis).unwrap();
        let query = Query { from: at(from), to: at(to), entities: Entities::All(1) };
        let (mut slices, mut next) = (Vec::new(), Some(from));
        while let Some(from) = next {
            let slice;
            (slice, next) = slice_from(from, &query, length);
            slices.push((slice.from.timestamp_millis(), slice.to.timestamp_millis()));
        }
        slices
    }

    #[test]
    fn a_window_is_cut_between_steps_and_nothing_is_left_out() {
        assert_eq!(slices(5, 5, 1000), [(5, 5)]);
        assert_eq!(slices(1500, 4000, 1000), [(1500, 1999), (2000, 2999), (3000, 3999), (4000, 4000)]);
        assert_eq!(slices(0, 10, i64::MAX), [(0, 10)]);
    }

    #[test]
    fn thirty_days_of_a_thousand_agents_by_the_hour_are_72_pages() {
        let query = |entities| Query { from: DateTime::UNIX_EPOCH, to: DateTime::UNIX_EPOCH, entities };
        let (hour, steps) = (3_600_000, steps_of_a_page(&query(Entities::All(1000))));
        assert_eq!(slices(0, 720 * hour - 1, hour * steps).len(), 72);
        assert_eq!(steps_of_a_page(&query(Entities::All(usize::MAX))), 1);
        assert_eq!(steps_of_a_page(&query(Entities::Only(&["001"]))), 10_000);
    }

    #[test]
    fn slices_grow_while_little_is_found_and_shrink_when_pages_overflow() {
        assert_eq!([0, 9_000, 25_000].map(|found| adapted(8, found)), [16, 8, 4]);
        assert_eq!(adapted(1, usize::MAX), 1);
    }
}
