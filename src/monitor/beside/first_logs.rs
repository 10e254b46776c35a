//! When those that are back logged first again. A source tells the newest log of each step, and whoever logs all
//! the time has that up to a step after its first.

use std::collections::HashMap;

use compact_str::CompactString;
use tokio::time::Instant;

use super::in_time;
use crate::journal::events::time;
use crate::monitor::Setup;
use crate::source::{Entities, Heard, Query, SourceError};

/// What was heard of each, in order of time.
pub type ByKey = HashMap<CompactString, Vec<Heard>>;

/// Who is back, and the time after which a log is the end of its silence, in milliseconds.
pub type Back<'k> = (&'k str, i64);

/// When these logged from one time to another, in milliseconds, by the step.
///
/// # Errors
/// As the source, and when it does not answer until then.
pub async fn ask(
    (setup, until): (&Setup, Instant),
    (keys, from, to): (&[&str], i64, i64),
    step: i64,
) -> Result<ByKey, SourceError> {
    let query = Query { from: time(from), to: time(to), entities: Entities::Only(keys) };
    let mut heard = ByKey::new();
    for one in in_time(until, setup.source.history(&query, step)).await? {
        heard.entry(one.key.clone()).or_default().push(one);
    }
    Ok(heard)
}

/// The first log of each after the end of its silence, of what was `heard` by the step. Where its step has several,
/// it is looked at once more, in shorter ones.
pub async fn first_logs(
    asked: (&Setup, Instant),
    back: &[Back<'_>],
    heard: &ByKey,
    step: i64,
) -> Vec<Option<i64>> {
    let known: Vec<Option<&Heard>> = back.iter().map(|one| first(heard, one)).collect();
    let unclear: Vec<(&str, i64, i64)> = back
        .iter()
        .zip(&known)
        .filter_map(|((key, end), first)| Some((*key, *end, first.filter(|first| first.count > 1)?.newest)))
        .map(|(key, end, newest)| (key, end.max(newest.div_euclid(step) * step), newest))
        .collect();
    let closer = look_closer(asked, &unclear, step).await;
    let found = back.iter().map(|one| first(&closer, one));
    found.zip(known).map(|(found, known)| found.or(known).map(|first| first.newest)).collect()
}

fn first<'h>(heard: &'h ByKey, (key, end): &Back<'_>) -> Option<&'h Heard> {
    heard.get(*key)?.iter().find(|heard| heard.newest > *end)
}

/// Asks once for all of these parts of time, each with its key, from when and to when; nothing where the steps
/// would not be shorter.
async fn look_closer(asked: (&Setup, Instant), unclear: &[(&str, i64, i64)], step: i64) -> ByKey {
    let keys: Vec<&str> = unclear.iter().map(|(key, ..)| *key).collect();
    let from = unclear.iter().map(|(_, from, _)| *from).min().unwrap_or_default();
    let to = unclear.iter().map(|(.., to)| *to).max().unwrap_or_default();
    let shorter = ((to - from) / super::back::steps_of_each(keys.len()) / 1000 + 1) * 1000;
    if keys.is_empty() || shorter >= step {
        return ByKey::new();
    }
    let told = ask(asked, (&keys, from, to), shorter).await;
    told.inspect_err(|error| tracing::debug!("cannot look up when they were back: {error}"))
        .unwrap_or_default()
}
