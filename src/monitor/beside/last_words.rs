//! What silent entities logged last.

use chrono::{DateTime, Utc};
use tokio::time::{Instant, timeout_at};

use super::Beside;
use crate::journal::events::time;
use crate::monitor::Setup;
use crate::monitor::finding::Suspicion;
use crate::monitor::fleet::Fleet;
use crate::source::{Source, SourceError, Word};

/// So many of the last documents are looked at: who is silenced may leave many behind.
const LAST_WORDS: usize = 100;

impl Beside {
    /// Looks for what is suspicious in it, for so long as a message waits.
    pub(super) async fn ask_for_last_words(
        &mut self,
        setup: &Setup,
        fleet: &Fleet,
        silent: &[usize],
        until: Instant,
        now: DateTime<Utc>,
    ) {
        let asking = self.ask_each_for_last_words(setup, fleet, silent, now);
        if timeout_at(until, asking).await.is_err() {
            tracing::warn!("cannot look up in time what all of {} agents logged last", silent.len());
        }
    }

    async fn ask_each_for_last_words(
        &mut self,
        setup: &Setup,
        fleet: &Fleet,
        silent: &[usize],
        now: DateTime<Utc>,
    ) {
        let rules = &setup.watch.suspicion;
        for at in silent {
            let entity = &fleet.entities()[*at];
            let ends = entity.last_seen.zip(Suspicion::earliest(entity.last_seen, rules));
            let Some((seen, from)) = ends else { continue };
            match words_on_host(&*setup.source, &entity.key, (from, seen), now).await {
                Ok(words) => {
                    let suspicion = Suspicion::of(words, entity.last_seen, rules);
                    self.findings.entry(*at).or_default().suspicion = suspicion;
                }
                Err(error) => return tracing::warn!("cannot look up what was logged last: {error}"),
            }
        }
    }
}

/// What an entity and, where it is a part of an agent, the whole agent said last, the newest first.
async fn words_on_host(
    source: &dyn Source,
    key: &str,
    times: (i64, i64),
    now: DateTime<Utc>,
) -> Result<Vec<Word>, SourceError> {
    let mut words = words_of(source, key, times, now).await?;
    if let Some(agent) = source.agent_of(key).filter(|agent| *agent != key) {
        for word in words_of(source, agent, times, now).await? {
            if !words.contains(&word) {
                words.push(word);
            }
        }
        words.sort_by_key(|word| std::cmp::Reverse(word.at));
    }
    Ok(words)
}

/// The last documents since `from`. Where there are too many after the last sign of life (the manager goes on
/// to write about an agent, and the rest of it goes on to log) those before it are asked for, too.
async fn words_of(
    source: &dyn Source,
    key: &str,
    (from, seen): (i64, i64),
    now: DateTime<Utc>,
) -> Result<Vec<Word>, SourceError> {
    let mut words = source.last_words(key, time(from), now, LAST_WORDS).await?;
    if words.len() >= LAST_WORDS && words.last().is_some_and(|word| word.at > seen) {
        words.extend(source.last_words(key, time(from), time(seen), LAST_WORDS).await?);
    }
    Ok(words)
}
