//! Putting what a new list of agents changes in force, and in the journal.

use chrono::{DateTime, Utc};

use super::inventory::{Changes, Doubt, Namesakes, Roll};
use super::verdict::State;
use super::{Monitor, fleet, words};
use crate::config::{Agent, Discover};
use crate::journal::{JournalError, events, listed, meta, renaming};
use crate::record::{Change, EntityChange, IncidentChange};
use crate::source::{Listed, SourceError, SourceReason};

impl Monitor {
    /// A list, and whether it is `whole`: what it changes is in force and written down. Whether the fleet is another
    /// one because of it; and an error when the list is not believed in whom it lacks: all else of it is in force.
    pub(super) async fn take_roll(
        &mut self,
        rules: &Discover,
        listed: Vec<Listed>,
        whole: bool,
        suspects: &[usize],
        at: DateTime<Utc>,
    ) -> (bool, Result<(), SourceError>) {
        let (now, known_until) = (events::millis(at), self.known_until(events::millis(at)));
        let (fleet, in_file) = (&self.fleet, &self.setup.watch.agents);
        let (last_seen, namesakes) = (|id: &str| fleet.last_seen_of(id), Namesakes::default());
        let mut roll =
            Roll { rules, in_file, listed, whole, now, known_until, last_seen: &last_seen, namesakes };
        if !whole {
            roll.namesakes = self.namesakes(&roll, suspects, self.listed_for(), at).await;
        }
        let before = self.roster.memory.clone();
        let roster = &mut self.roster;
        let changes = roll.call(&roster.listed, &mut roster.memory);
        let doubt = changes.doubt;
        let news = changes.left_out > 0 || changes.unwanted > 0 || !changes.twins.is_empty();
        let written = match news || changes.agents != roster.listed {
            true => self.put_in_force(changes, now).await.map(|()| true),
            false if roster.memory != before => self.keep_in_mind().await.map(|()| false),
            false => Ok(false),
        };
        let in_force = written.unwrap_or_else(|error| {
            tracing::error!("list of agents of watch {}: {error}", self.setup.watch.name);
            false
        });
        (in_force, doubt.map_or(Ok(()), |doubt| Err(doubtful(doubt))))
    }

    /// Of the two silences of an agent that was enrolled anew, that of the old id goes on.
    async fn end_second_silences(&self, changes: &Changes, now: i64) -> Result<(), JournalError> {
        let silent = |id: &str| {
            let entity = &self.fleet.entities()[self.fleet.place(id)?];
            let State::Silent { silence, .. } = entity.state else { return None };
            Some((fleet::row(entity), silence.incident))
        };
        let second = |(old, new): &(String, Agent)| {
            let (row, incident) = silent(old).and(silent(&new.id))?;
            let event = words::enrolled_anew(&self.setup.watch.name, &row, old, now);
            let incident = IncidentChange::Close(incident);
            Some(Change { entity: EntityChange::Remove, ..Change::event(incident, event) })
        };
        let ended: Vec<Change> = changes.renamed.iter().filter_map(second).collect();
        if ended.is_empty() { Ok(()) } else { self.recorder.record(ended).await.map(drop) }
    }

    async fn put_in_force(&mut self, changes: Changes, now: i64) -> Result<(), JournalError> {
        self.checkpoint().await?;
        self.write_roll(&changes, now).await?;
        let watch = &self.setup.watch.name;
        for agent in &changes.appeared {
            tracing::info!("watch {watch}: agent {} {} appeared in the list", agent.id, agent.label);
        }
        if changes.unwanted > 0 {
            tracing::warn!("watch {watch}: {}", words::unwanted(changes.unwanted));
        }
        if let Some(event) = words::inventory_changed(watch, &changes, now) {
            self.recorder.record(vec![Change::event(IncidentChange::None, event)]).await?;
        }
        self.roster.listed = changes.agents;
        self.load().await
    }

    /// Writes down what is remembered of the list, where nothing else has changed.
    async fn keep_in_mind(&self) -> Result<(), JournalError> {
        self.recorder.journal.write(self.remembering()).await
    }

    fn remembering(&self) -> impl Fn(&rusqlite::Connection) -> rusqlite::Result<()> + Send + 'static {
        let rules = self.setup.watch.discover.as_ref();
        let source = rules.map(|rules| rules.source.clone()).unwrap_or_default();
        let (watch, memory) = (self.setup.watch.name.clone(), self.roster.memory.clone());
        move |connection| {
            let text = serde_json::to_string(&memory).unwrap_or_default();
            meta::set_of_lists(connection, &watch, &source, &text)
        }
    }

    /// From now until the fleet is loaded anew the journal knows better than it who there is: a reload or a
    /// stop may cut this off.
    pub(super) async fn write_roll(&mut self, changes: &Changes, now: i64) -> Result<(), JournalError> {
        self.overtaken = true;
        let watch = self.setup.watch.name.clone();
        let entry = |agent: &Agent| (agent.id.clone(), serde_json::to_string(agent).unwrap_or_default());
        let entries: Vec<listed::Entry> = changes.agents.iter().map(entry).collect();
        let moved = changes.moved();
        self.end_second_silences(changes, now).await?;
        let remember = self.remembering();
        let write = move |connection: &rusqlite::Connection| {
            remember(connection)?;
            renaming::rename(connection, &watch, &moved)?;
            listed::replace(connection, &watch, &entries)
        };
        let written = self.recorder.journal.write(write).await;
        self.overtaken = written.is_ok();
        written
    }
}

fn doubtful(Doubt { missing, of, log }: Doubt) -> SourceError {
    let log = match log {
        0 => String::new(),
        log => format!(", of whom {log} have logged since"),
    };
    let detail = format!(
        "the list of agents lacks {missing} of {of} that were on it{log}: did its user lose rights? Nobody is taken \
         for removed before it has been so for a day"
    );
    SourceError::new(SourceReason::Doubted, detail)
}
