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
//! * `ledger`, `book`: what is remembered;
//! * `follower`: puts them together;
//! * `answers`: what the ledger answers.

mod answers;
mod book;
pub mod config;
mod earlier;
mod follower;
pub mod ledger;
pub mod line;
mod lines;
mod opened;
mod scan;
mod skip;
mod stamp;
#[cfg(test)]
mod tests;

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use log_monitor_channels::{BuildError, Problem};

use self::config::FileConfig;
use self::follower::{Follower, Plan};
use self::ledger::Ledger;
use self::line::Reader;
use self::opened::Opened;
use super::{
    Answer, Heard, Listed, Membership, Query, Source, SourceContext, SourceError, SourceKind, SourceReason,
    Volume, Word,
};

/// Steps in memory are of this length, in milliseconds …
const MINUTE: i64 = 60_000;

/// … and are kept for this long, in milliseconds. Older ones are read again from the files.
const KEPT: i64 = 26 * 60 * MINUTE;

/// A file may be away for this long while it is rotated, in milliseconds.
const AWAY: i64 = MINUTE;

/// Last words are looked for this far back if nothing was read yet, in milliseconds.
const LOOK_BACK: i64 = 24 * 60 * MINUTE;

/// A log file of Wazuh's manager.
#[derive(Debug, Clone)]
pub struct LogFile {
    config: Arc<FileConfig>,
    followed: Arc<Mutex<Followed>>,
}

/// What is followed, from one question to the next.
#[derive(Debug, Default)]
struct Followed {
    follower: Option<Follower>,
    /// Since when the file has been away, in milliseconds.
    away_since: Option<i64>,
}

impl SourceKind for LogFile {
    const KIND: &'static str = "file";
    type Config = FileConfig;

    fn validate(config: &FileConfig) -> Vec<Problem> {
        config.problems()
    }

    fn build(config: FileConfig, _: &SourceContext) -> Result<Box<dyn Source>, BuildError> {
        Ok(Box::new(Self { config: Arc::new(config), followed: Arc::default() }))
    }
}

#[async_trait]
impl Source for LogFile {
    async fn newest(&self, query: &Query<'_>) -> Result<Answer, SourceError> {
        let (from, wanted) = (millis(query.from), answers::Wanted::by(query));
        self.ask(move |work| Ok(answers::newest(work.followed(from)?, &wanted))).await
    }

    async fn nodes(&self, query: &Query<'_>) -> Result<Vec<Membership>, SourceError> {
        let (from, wanted) = (millis(query.from), answers::Wanted::by(query));
        self.ask(move |work| Ok(answers::nodes(work.followed(from)?, &wanted))).await
    }

    async fn inventory(&self, query: &Query<'_>) -> Result<Vec<Listed>, SourceError> {
        let (from, wanted) = (millis(query.from), answers::Wanted::by(query));
        // Of a host name or a location, the agent's name would be the one of its forwarder.
        let named = self.config.entity_field.starts_with("agent.");
        self.ask(move |work| Ok(answers::inventory(work.followed(from)?, &wanted, named))).await
    }

    /// In whole minutes: those that the window touches.
    async fn volumes(&self, query: &Query<'_>) -> Result<Vec<Volume>, SourceError> {
        let (from, wanted) = (millis(query.from), answers::Wanted::by(query));
        self.ask(move |work| work.steps(from, MINUTE, |ledger| answers::volumes(ledger, &wanted))).await
    }

    async fn last_words(
        &self,
        key: &str,
        until: DateTime<Utc>,
        count: usize,
    ) -> Result<Vec<Word>, SourceError> {
        let (key, until) = (key.to_owned(), millis(until));
        let words = move |work: &mut Work<'_>| {
            let from = work.covered_from().unwrap_or(until - LOOK_BACK);
            let entity = work.followed(from)?.get(&key);
            Ok(entity.map(|entity| entity.last(until, count)).unwrap_or_default())
        };
        self.ask(words).await
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
        let reader = Reader::new(&config.entity_field, config.count_manager_documents);
        let plan = Plan { path: config.path.clone(), reader, stop, now };
        // What a panic left is only what was read.
        let mut state = self.followed.lock().unwrap_or_else(PoisonError::into_inner);
        question(&mut Work { field: &config.entity_field, plan, state: &mut state })
    }
}

struct StopWhenDropped(Arc<AtomicBool>);

impl Drop for StopWhenDropped {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// One question's work.
struct Work<'a> {
    field: &'a str,
    plan: Plan,
    state: &'a mut Followed,
}

impl Work<'_> {
    fn covered_from(&self) -> Option<i64> {
        self.state.follower.as_ref().map(Follower::covered_from)
    }

    /// Everything since `from`, as it is now.
    fn followed(&mut self, from: i64) -> Result<&Ledger, SourceError> {
        let there = self.look()?;
        match self.state.follower.as_mut().filter(|follower| follower.covers(from)) {
            Some(follower) => {
                if let Err(error) = follower.catch_up(&mut self.plan, there) {
                    // It stopped half-way: to go on would count twice.
                    self.state.follower = None;
                    return Err(error);
                }
            }
            None => {
                let there = there.map_or_else(|| self.open(), Ok)?;
                let ledger = Ledger::new(MINUTE, self.plan.now - KEPT);
                self.state.follower = Some(Follower::start(&mut self.plan, there, ledger, from)?);
            }
        }
        let Some(follower) = &mut self.state.follower else { unreachable!("it was put there") };
        follower.book.ledger.forget_before(self.plan.now - KEPT);
        follower.book.tally.tell(&self.plan);
        follower.book.tally.plausible(&self.plan, self.field)?;
        Ok(&follower.book.ledger)
    }

    /// What is at the path now; nothing while it is being rotated.
    fn look(&mut self) -> Result<Option<Opened>, SourceError> {
        match Opened::open(&self.plan.path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound && self.state.follower.is_some() => {
                let since = *self.state.away_since.get_or_insert(self.plan.now);
                let is_short = (0..AWAY).contains(&(self.plan.now - since));
                if is_short { Ok(None) } else { Err(opened::told(&self.plan.path, &error)) }
            }
            opened => {
                self.state.away_since = None;
                opened.map(Some).map_err(opened::at(&self.plan.path))
            }
        }
    }

    fn open(&self) -> Result<Opened, SourceError> {
        Opened::open(&self.plan.path).map_err(opened::at(&self.plan.path))
    }

    /// Asks a ledger with steps of `width`, or parts of it, since `from`: what is in memory, else what the
    /// files say.
    fn steps<T>(
        &mut self,
        from: i64,
        width: i64,
        question: impl FnOnce(&Ledger) -> T,
    ) -> Result<T, SourceError> {
        if width % MINUTE == 0 && from >= self.plan.now - KEPT {
            let now = self.plan.now;
            let ledger = self.followed(from)?;
            if ledger.kept_from() <= from.min(now) {
                return Ok(question(ledger));
            }
        }
        let there = self.open()?;
        let read = Follower::start(&mut self.plan, there, Ledger::new(width, from), from)?;
        match read.book.ledger.kept_from() > from {
            true => {
                Err(SourceError::new(SourceReason::Incomplete, "these are more steps than can be counted"))
            }
            false => Ok(question(&read.book.ledger)),
        }
    }

    /// Whether the file can be read and its end holds documents.
    fn probe(&mut self) -> Result<(), SourceError> {
        let there = self.open()?;
        let tally = follower::sample(&mut self.plan, there).map_err(opened::at(&self.plan.path))?;
        tally.plausible(&self.plan, self.field)
    }
}

fn millis(time: DateTime<Utc>) -> i64 {
    time.timestamp_millis()
}
