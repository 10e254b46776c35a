//! Source kind `file`: follows `alerts.json` or `archives.json` of Wazuh's manager, 4.x, for sites
//! without an indexer.
//!
//! The first question reads the file back as far as it asks, into earlier files if need be; from then
//! on only what is new is read. A file that merely does not grow is an answer. One that is not there
//! or may not be read is an error.
//!
//! * `config`: the keys of the table;
//! * `scan`, `skip`, `stamp`, `line`: what a line says;
//! * `lines`, `opened`, `earlier`: files and their lines;
//! * `entity`, `ledger`, `book`: what is remembered;
//! * `follower`, `position`, `rotated`: one log through its rotations;
//! * `work`, `plan`, `answers`: one question.

mod answers;
mod book;
pub mod config;
mod earlier;
mod entity;
mod follower;
pub mod ledger;
pub mod line;
mod lines;
mod opened;
mod plan;
mod position;
mod rotated;
mod scan;
mod skip;
mod stamp;
#[cfg(test)]
mod tests;
mod work;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use log_monitor_channels::{BuildError, Problem};

use self::config::FileConfig;
use self::line::Reader;
use self::plan::Plan;
use self::work::{Followed, Work};
use super::{
    Answer, Heard, Keeper, Keys, Listed, Membership, Observation, Query, Source, SourceContext, SourceError,
    SourceKind, SourceReason, Volume, Word, is_agent_id, key,
};

/// A log file of Wazuh's manager.
#[derive(Debug, Clone)]
pub struct LogFile {
    config: Arc<FileConfig>,
    followed: Arc<Mutex<Followed>>,
}

impl SourceKind for LogFile {
    const KIND: &'static str = "file";
    type Config = FileConfig;

    fn validate(config: &FileConfig) -> Vec<Problem> {
        config.problems()
    }

    fn keys(config: &FileConfig) -> Keys {
        match config.entity_fields().len() {
            1 if config.is_of_agents() => Keys::Agents,
            fields => Keys::Fields(fields),
        }
    }

    /// No document has the groups of its agent. Of a host name or a location, the agent's name would be the one of
    /// its forwarder.
    fn tells(config: &FileConfig, key: &str) -> bool {
        match key {
            "name" => config.entity_fields().first().is_some_and(|first| first.starts_with("agent.")),
            key => key != "group",
        }
    }

    fn build(config: FileConfig, _: &SourceContext) -> Result<Box<dyn Source>, BuildError> {
        Ok(Box::new(Self { config: Arc::new(config), followed: Arc::default() }))
    }
}

#[async_trait]
impl Source for LogFile {
    fn keeper(&self) -> Keeper {
        Keeper::Manager
    }

    fn has_alerts_only(&self) -> bool {
        self.config.path.file_name().is_some_and(|name| name == "alerts.json")
    }

    async fn newest(&self, query: &Query<'_>) -> Result<Answer, SourceError> {
        let (from, wanted) = (millis(query.from), answers::Wanted::by(query));
        self.ask(move |work| Ok(answers::newest(work.followed(from)?, &wanted))).await
    }

    fn agent_of<'k>(&self, key: &'k str) -> Option<&'k str> {
        let first = key::first(key, self.config.entity_fields().len());
        (self.config.is_of_agents() && is_agent_id(first)).then_some(first)
    }

    fn whole<'k>(&self, key: &'k str) -> Option<&'k str> {
        key::whole(key, self.config.entity_fields().len())
    }

    async fn wholes(&self, query: &Query<'_>) -> Result<Vec<Observation>, SourceError> {
        let (from, wanted) = (millis(query.from), answers::Wanted::by(query));
        let fields = self.config.entity_fields().len();
        self.ask(move |work| Ok(answers::wholes(work.followed(from)?, &wanted, fields))).await
    }

    async fn nodes(&self, query: &Query<'_>) -> Result<Vec<Membership>, SourceError> {
        let (from, wanted) = (millis(query.from), answers::Wanted::by(query));
        self.ask(move |work| Ok(answers::nodes(work.followed(from)?, &wanted))).await
    }

    async fn inventory(&self, query: &Query<'_>) -> Result<Vec<Listed>, SourceError> {
        let (from, wanted) = (millis(query.from), answers::Wanted::by(query));
        let named = Self::tells(&self.config, "name").then(|| self.config.entity_fields().len());
        self.ask(move |work| Ok(answers::inventory(work.followed(from)?, &wanted, named))).await
    }

    /// In whole minutes, or, of a window that is not of whole minutes, in shorter steps.
    async fn volumes(&self, query: &Query<'_>) -> Result<Vec<Volume>, SourceError> {
        let (wanted, step) = answers::Wanted::by(query).in_steps();
        let from = wanted.from();
        self.ask(move |work| work.steps(from, step, |ledger| answers::volumes(ledger, &wanted))).await
    }

    async fn last_words(
        &self,
        key: &str,
        from: DateTime<Utc>,
        until: DateTime<Utc>,
        count: usize,
    ) -> Result<Vec<Word>, SourceError> {
        let (key, window) = (key.to_owned(), (millis(from), millis(until)));
        self.ask(move |work| work.last_words(&key, window, count)).await
    }

    /// The steps at the ends of the window are those that it touches.
    async fn history(&self, query: &Query<'_>, step: i64) -> Result<Vec<Heard>, SourceError> {
        let (from, wanted) = (millis(query.from), answers::Wanted::by(query));
        let step = step.max(1);
        self.ask(move |work| work.steps(from, step, |ledger| answers::history(ledger, &wanted, step))).await
    }

    async fn probe(&self) -> Result<(), SourceError> {
        self.ask(|work| work.probe()).await
    }
}

impl LogFile {
    /// Does blocking work. When nobody waits for it any more, it ends soon.
    async fn ask<T: Send + 'static>(
        &self,
        question: impl FnOnce(&mut Work<'_>) -> Result<T, SourceError> + Send + 'static,
    ) -> Result<T, SourceError> {
        let (this, stop) = (self.clone(), Arc::new(AtomicBool::new(false)));
        let _stop_when_dropped = StopWhenDropped(stop.clone());
        let work = move || this.work_at(millis(Utc::now()), stop, question);
        let done = tokio::task::spawn_blocking(work).await;
        done.unwrap_or_else(|error| Err(SourceError::new(SourceReason::Incomplete, error.to_string())))
    }

    /// Does the work at that time, in milliseconds.
    fn work_at<T>(
        &self,
        now: i64,
        stop: Arc<AtomicBool>,
        question: impl FnOnce(&mut Work<'_>) -> Result<T, SourceError>,
    ) -> Result<T, SourceError> {
        let config = &self.config;
        let reader = Reader::new(config.entity_fields(), config.count_manager_documents);
        let plan = Plan { path: config.path.clone(), reader, stop, now, most: earlier::MOST_BYTES };
        // What a panic left is only what was read.
        let mut state = self.followed.lock().unwrap_or_else(PoisonError::into_inner);
        question(&mut Work { fields: config.entity_fields(), plan, state: &mut state })
    }
}

struct StopWhenDropped(Arc<AtomicBool>);

impl Drop for StopWhenDropped {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

fn millis(time: DateTime<Utc>) -> i64 {
    time.timestamp_millis()
}
