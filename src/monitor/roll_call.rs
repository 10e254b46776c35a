//! Reading a source's list of agents from time to time.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use tokio::time::Instant;

use super::Monitor;
use super::inventory::{Changes, Memory, Namesakes, Roll};
use super::roster::Roster;
use super::verdict::Transition;
use crate::config::Discover;
use crate::journal::{JournalError, events, listed, meta};
use crate::source::{Entities, Listed, Query, Source, SourceError, SourceReason};

/// A source that lists who logs is asked for at least this long.
const SHORTEST: TimeDelta = TimeDelta::hours(1);

/// A round waits so long for a list that it begins to read; one that takes longer is taken up by a later
/// round.
pub const PATIENCE: Duration = Duration::from_secs(5);

/// No list takes longer than this: one of 100,000 agents is 200 pages of the API, 30 of them a minute.
pub const LONGEST: Duration = Duration::from_secs(900);

/// Whom a source lists and `rules` want, for a single look.
///
/// # Errors
/// When the list is not known to be whole.
pub async fn listed_now(
    source: &dyn Source,
    rules: &Discover,
    window: TimeDelta,
    now: DateTime<Utc>,
) -> Result<Changes, SourceError> {
    let query = Query { from: now - window.max(SHORTEST), to: now, entities: Entities::All(0) };
    let listed = source.inventory(&query).await?;
    let (whole, now) = (source.lists_all(), events::millis(now));
    let roll = Roll {
        rules,
        in_file: &[],
        listed,
        whole,
        now,
        known_until: now,
        last_seen: &|_| None,
        namesakes: Namesakes::default(),
    };
    Ok(roll.call(&[], &mut Memory::default()))
}

impl Monitor {
    /// Whom the source of the watch listed last; nobody where nobody is discovered. Neither a reload nor a restart
    /// takes anything of what is remembered away, unless the list is another one.
    pub(super) async fn load_roster(&mut self) -> Result<(), JournalError> {
        self.roster = Roster::default();
        if let Some(rules) = &self.setup.watch.discover {
            let (name, source) = (self.setup.watch.name.clone(), rules.source.clone());
            let read = move |connection: &_| {
                Ok((listed::of_watch(connection, &name)?, meta::of_lists(connection, &name, &source)?))
            };
            let (entries, memory) = self.recorder.journal.write(read).await?;
            self.roster = Roster::new(entries, rules);
            let memory = memory.and_then(|memory| serde_json::from_str(&memory).ok());
            self.roster.memory = memory.unwrap_or_default();
        }
        Ok(())
    }

    /// Reads the list if it is time to, beside the rounds if it takes longer than `patience`. When it cannot
    /// be had or not be believed, who is watched stays as it is, and the source's incident is opened.
    pub(super) async fn call_roll(&mut self, now: DateTime<Utc>, patience: Duration) {
        let is_due = self.setup.watch.discover.as_ref().is_some_and(|rules| self.roster.is_due(rules, now));
        if is_due || !self.roster.reading.is_empty() {
            self.read_roll(&[], now, patience).await;
        }
    }

    /// Reads the list once more if it may say that one of the suspects, who would be called silent, was
    /// removed or is somebody else now. Whether the fleet is another one now, of which nobody was asked for yet.
    pub(super) async fn call_roll_of(
        &mut self,
        suspects: &[usize],
        now: DateTime<Utc>,
        patience: Duration,
    ) -> bool {
        let Some((_, source)) = &self.setup.lister else { return false };
        // Of a list of who logs only a suspicion makes it worth to look who took whose place.
        if source.lists_all() && self.roster.is_young(now)
            || !self.roster.reading.is_empty()
            || !self.is_listed_and_silent(suspects, now)
        {
            return false;
        }
        self.read_roll(suspects, now, patience).await
    }

    /// Whether one of the suspects, whom the list has, would be called silent now, or worse.
    fn is_listed_and_silent(&self, suspects: &[usize], now: DateTime<Utc>) -> bool {
        let listed: HashSet<&str> = self.roster.listed.iter().map(|agent| agent.id.as_str()).collect();
        self.fleet.judge(suspects, events::millis(now)).into_iter().any(|changed| {
            !matches!(changed.transition, Transition::Recovered { .. })
                && listed.contains(&*self.fleet.entities()[changed.at].key)
        })
    }

    /// Whether the fleet is another one now.
    async fn read_roll(&mut self, suspects: &[usize], now: DateTime<Utc>, patience: Duration) -> bool {
        let (Some(rules), Some((name, source))) =
            (self.setup.watch.discover.clone(), self.setup.lister.clone())
        else {
            return false;
        };
        let begins = self.roster.reading.is_empty();
        if begins {
            self.roster.asked = Some(now);
            let (from, size) = (now - self.listed_for(), self.fleet.entities().len());
            let query = Query { from, to: now, entities: Entities::All(size) };
            self.roster.reading.spawn(read(source.clone(), query));
        }
        let wait = if begins { patience } else { Duration::ZERO };
        let began = Instant::now();
        let read = tokio::time::timeout(wait, self.roster.reading.join_next()).await;
        self.beside.waited += began.elapsed();
        let Ok(Some(read)) = read else { return false };
        let (in_force, outcome) = match read.unwrap_or_else(|_| Err(broken())) {
            Ok(listed) => self.take_roll(&rules, listed, source.lists_all(), suspects, now).await,
            Err(error) => (false, Err(error)),
        };
        self.roster.failed = outcome.is_err();
        self.beside.note_list(name, outcome, now);
        in_force
    }

    /// Whoever logged so long before is on a list of who logs.
    pub(super) fn listed_for(&self) -> TimeDelta {
        TimeDelta::milliseconds(self.fleet.longest_threshold()).max(SHORTEST)
    }
}

async fn read(source: Arc<dyn Source>, query: Query<'static>) -> Result<Vec<Listed>, SourceError> {
    tokio::time::timeout(LONGEST, source.inventory(&query)).await.unwrap_or_else(|_| {
        let detail = "the list of agents was not there within 15 minutes";
        Err(SourceError::new(SourceReason::Timeout, detail))
    })
}

/// The reading panicked.
fn broken() -> SourceError {
    let detail = "the list of agents could not be read, by a mistake in log-monitor: its log says more";
    SourceError::new(SourceReason::Malformed, detail)
}
