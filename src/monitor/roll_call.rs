//! Reading a source's list of agents from time to time, and putting what it changes in force.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};

use super::inventory::{Changes, Found, Memory, Roll};
use super::{Monitor, words};
use crate::config::{Agent, Discover};
use crate::journal::{JournalError, entities, events, listed};
use crate::record::{Change, IncidentChange};
use crate::source::{Entities, Query, Source, SourceError, SourceReason};

/// A list that could not be read is asked for again after this.
const ASK_AGAIN: TimeDelta = TimeDelta::minutes(1);

/// A source that lists who logs is asked for at least this long.
const SHORTEST: TimeDelta = TimeDelta::hours(1);

/// Where agents are listed, and what is remembered of it.
#[derive(Default)]
pub struct Roster {
    /// Who was listed last.
    pub listed: Vec<Agent>,
    memory: Memory,
    asked: Option<DateTime<Utc>>,
    failed: bool,
}

impl Roster {
    /// As the journal remembers it.
    pub fn new(entries: Vec<listed::Entry>) -> Self {
        let agent = |(_, facts): (String, String)| serde_json::from_str(&facts).ok();
        Self { listed: entries.into_iter().filter_map(agent).collect(), ..Self::default() }
    }

    fn is_due(&self, rules: &Discover, now: DateTime<Utc>) -> bool {
        let every = TimeDelta::from_std(rules.every).unwrap_or(TimeDelta::MAX);
        let wait = if self.failed { ASK_AGAIN.min(every) } else { every };
        self.asked.is_none_or(|asked| now - asked >= wait || now < asked)
    }
}

/// Whom a source lists and `rules` want, for a single look.
///
/// # Errors
/// When the list is not known to be whole.
pub async fn listed_now(
    source: &dyn Source,
    rules: &Discover,
    window: TimeDelta,
    now: DateTime<Utc>,
) -> Result<Vec<Agent>, SourceError> {
    let query = Query { from: now - window.max(SHORTEST), to: now, entities: Entities::All(0) };
    let listed = source.inventory(&query).await?;
    let roll = Roll { rules, listed, whole: true, now: events::millis(now) };
    match roll.call(&[], |_| false, &mut Memory::default()) {
        Found::Changes(changes) => Ok(changes.agents),
        Found::Doubtful(_) => Ok(Vec::new()),
    }
}

impl Monitor {
    /// Reads the list if it is time to. When it cannot be had or not be believed, who is watched stays
    /// as it is, and the source's incident is opened.
    pub(super) async fn call_roll(&mut self, now: DateTime<Utc>) {
        let (Some(rules), Some((name, source))) =
            (self.setup.watch.discover.clone(), self.setup.lister.clone())
        else {
            return;
        };
        if !self.roster.is_due(&rules, now) {
            return;
        }
        self.roster.asked = Some(now);
        let outcome = match self.listed_by(&source, now).await {
            Ok(listed) => self.take_roll(&rules, listed, source.lists_all(), events::millis(now)).await,
            Err(error) => Err(error),
        };
        self.roster.failed = outcome.is_err();
        self.beside.note(name, outcome, now);
    }

    async fn listed_by(
        &self,
        source: &Arc<dyn Source>,
        now: DateTime<Utc>,
    ) -> Result<Vec<crate::source::Listed>, SourceError> {
        let window = TimeDelta::milliseconds(self.fleet.longest_threshold()).max(SHORTEST);
        let entities = Entities::All(self.fleet.entities().len());
        source.inventory(&Query { from: now - window, to: now, entities }).await
    }

    async fn take_roll(
        &mut self,
        rules: &Discover,
        listed: Vec<crate::source::Listed>,
        whole: bool,
        now: i64,
    ) -> Result<(), SourceError> {
        let horizon = now - rules.forget_after.as_millis() as i64;
        let fleet = &self.fleet;
        let forgotten = |agent: &Agent| {
            fleet.last_seen_of(&agent.id).is_none_or(|seen| seen.is_some_and(|seen| seen < horizon))
        };
        let roll = Roll { rules, listed, whole, now };
        match roll.call(&self.roster.listed, forgotten, &mut self.roster.memory) {
            Found::Doubtful(missing) => {
                let detail = format!(
                    "the list of agents lacks {missing} of {} that were on it: did its user lose rights? Nobody is \
                     taken for removed before it has been so for a day",
                    self.roster.listed.len()
                );
                Err(SourceError::new(SourceReason::Rights, detail))
            }
            Found::Changes(changes) if changes.agents == self.roster.listed => Ok(()),
            Found::Changes(changes) => {
                if let Err(error) = self.put_in_force(changes, now).await {
                    tracing::error!("list of agents of watch {}: {error}", self.setup.watch.name);
                }
                Ok(())
            }
        }
    }

    async fn put_in_force(&mut self, changes: Changes, now: i64) -> Result<(), JournalError> {
        self.checkpoint().await?;
        let watch = self.setup.watch.name.clone();
        let entry = |agent: &Agent| (agent.id.clone(), serde_json::to_string(agent).unwrap_or_default());
        let entries: Vec<listed::Entry> = changes.agents.iter().map(entry).collect();
        let renamed: Vec<(String, String)> =
            changes.renamed.iter().map(|(old, new)| (old.clone(), new.id.clone())).collect();
        let write = move |connection: &rusqlite::Connection| {
            for (old, new) in &renamed {
                entities::rename(connection, &watch, old, new)?;
            }
            listed::replace(connection, &watch, &entries)
        };
        self.recorder.journal.write(write).await?;
        let watch = &self.setup.watch.name;
        for agent in &changes.appeared {
            tracing::info!("watch {watch}: agent {} {} appeared in the list", agent.id, agent.label);
        }
        if let Some(event) = words::inventory_changed(watch, &changes, now) {
            self.recorder.record(vec![Change::event(IncidentChange::None, event)]).await?;
        }
        self.roster.listed = changes.agents;
        self.load().await
    }
}
