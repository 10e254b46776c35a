//! Whether the sources beside answer, and who is told when they do not.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};

use super::Beside;
use crate::journal::events::millis;
use crate::monitor::Setup;
use crate::monitor::source_health::{Asked, SourceHealth};
use crate::record::Recorder;
use crate::source::SourceError;

/// What a source beside was asked. It may be good for the one and not for the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum What {
    /// Who there is.
    List,
    /// Why agents are silent, and where they send to.
    Why,
}

impl Beside {
    /// Whether the source of a list answered, at `now`.
    pub fn note_list(&mut self, source: String, answered: Result<(), SourceError>, now: DateTime<Utc>) {
        self.note(source, What::List, answered, now);
    }

    pub(super) fn note(
        &mut self,
        source: String,
        what: What,
        answered: Result<(), SourceError>,
        now: DateTime<Utc>,
    ) {
        if what == What::Why && answered.is_ok() {
            self.slow.remove(&source);
        }
        self.answered.insert((source, what), answered.map(|()| now));
    }

    /// A source has counted, so it answers again, unless it refuses for good what it was asked before.
    pub(super) fn note_counted(&mut self, source: &str, now: DateTime<Utc>) {
        let asked = (source.to_owned(), What::Why);
        let failed = self.answered.get(&asked).and_then(|answered| answered.as_ref().err());
        if failed.is_none_or(|error| error.reason.may_pass()) {
            self.note(asked.0, asked.1, Ok(()), now);
        }
    }

    /// When the sources beside answered last, in milliseconds.
    pub fn answered(&self) -> impl Iterator<Item = (String, i64)> {
        let mut last: BTreeMap<&str, i64> = BTreeMap::new();
        for ((source, _), at) in &self.answered {
            if let Ok(at) = at {
                let known = last.entry(source).or_insert(i64::MIN);
                *known = millis(*at).max(*known);
            }
        }
        last.into_iter().map(|(source, at)| (source.to_owned(), at)).collect::<Vec<_>>().into_iter()
    }

    /// One incident for each source beside that does not answer all that it is asked; `agents` are watched.
    pub async fn tell(&self, recorder: &Recorder, health: &SourceHealth, setup: &Setup, agents: usize) {
        let watch = setup.watch.name.as_str();
        let mut sources: BTreeMap<&str, Option<&SourceError>> = BTreeMap::new();
        for ((source, _), answered) in &self.answered {
            let failed = sources.entry(source).or_default();
            *failed = failed.or(answered.as_ref().err());
        }
        for (source, failed) in sources {
            let asker = (watch, Asked::Beside);
            let told = match failed {
                None if self.is_read_by_and_by(setup, source) => Ok(()),
                None => health.good(recorder, source, asker).await,
                Some(error) => health.failed(recorder, source, asker, error, agents).await,
            };
            if let Err(error) = told {
                tracing::error!("watch {watch}: {error}");
            }
        }
    }

    /// Whether a source keeps the list of agents, and has not been asked for it yet or not answered.
    fn is_read_by_and_by(&self, setup: &Setup, source: &str) -> bool {
        let keeps_it = setup.lister.as_ref().is_some_and(|(lister, _)| lister == source);
        keeps_it && !self.answered.contains_key(&(source.to_owned(), What::List))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::SourceReason;

    #[test]
    fn a_source_that_counts_answers_again_unless_it_refuses_what_it_was_asked() {
        for (reason, is_over) in [(SourceReason::Network, true), (SourceReason::Rights, false)] {
            let mut beside = Beside::default();
            let failed = Err(SourceError::new(reason, "failed"));
            beside.note("api".to_owned(), What::Why, failed, DateTime::UNIX_EPOCH);
            beside.note_counted("api", DateTime::UNIX_EPOCH);
            assert_eq!(beside.answered().next().is_some(), is_over, "{reason:?}");
        }
    }
}
