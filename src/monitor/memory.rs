//! What of the last good round must survive a restart: when it was, and how late documents came then.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use log_monitor_channels::text::one_line;
use rusqlite::Connection;
use serde::{Deserialize, Serialize};

use super::Monitor;
use super::fleet::{self, lag::Measured};
use super::verdict::State;
use super::words::span;
use crate::config::{Settings, Watch};
use crate::journal::entities::{self, EntityRow};
use crate::journal::{JournalError, meta, open_read_only};

/// How often the last-seen times of healthy entities are written down.
const CHECKPOINT: TimeDelta = TimeDelta::minutes(5);

/// A lag is known for this long, in milliseconds: a queue may be empty after it.
const GOOD_FOR: i64 = 3_600_000;

/// What is remembered of a watch's last good round.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Memory {
    /// When it was, in milliseconds.
    pub at: i64,
    /// How late documents came, by node.
    pub lags: BTreeMap<String, Measured>,
}

impl Memory {
    /// What the journal remembers of a watch.
    ///
    /// # Errors
    /// As the database.
    pub fn read(connection: &Connection, watch: &str) -> rusqlite::Result<Option<Self>> {
        let text = meta::last_round(connection, watch)?;
        Ok(text.and_then(|text| serde_json::from_str(&text).ok()))
    }

    /// Writes it down.
    ///
    /// # Errors
    /// As the database.
    pub fn write(&self, connection: &Connection, watch: &str) -> rusqlite::Result<()> {
        let text = serde_json::to_string(self).unwrap_or_default();
        meta::set_last_round(connection, watch, &text)
    }

    /// The lags as far as they are known at `now`, in milliseconds.
    #[must_use]
    pub fn lags_at(self, now: i64) -> BTreeMap<String, Measured> {
        if (now - self.at).abs() <= GOOD_FOR { self.lags } else { BTreeMap::new() }
    }
}

/// What there is to say of lags that are longer than the shortest `interval`, in milliseconds.
#[must_use]
pub fn too_late(lags: &BTreeMap<String, Measured>, interval: i64) -> Option<String> {
    let (node, lag) = lags.iter().max_by_key(|(_, lag)| lag.known).filter(|(_, lag)| lag.known > interval)?;
    let of = if node.is_empty() { String::new() } else { format!(" of node {}", one_line(node, 80)) };
    let (late, interval) = (span(lag.known), span(interval));
    Some(format!("logs{of} come {late} late, and the shortest interval is {interval}: verdicts wait longer"))
}

/// How late documents of a watch come by node, as far as its daemon knew until `now`, in milliseconds.
///
/// # Errors
/// When there is a journal that cannot be read.
pub fn lags_of(
    settings: &Settings,
    watch: &Watch,
    now: i64,
) -> Result<BTreeMap<String, Measured>, JournalError> {
    if !settings.journal.exists() {
        return Ok(BTreeMap::new());
    }
    let memory = Memory::read(&open_read_only(&settings.journal)?, &watch.name)?;
    Ok(memory.map(|memory| memory.lags_at(now)).unwrap_or_default())
}

impl Monitor {
    /// Whether there was no good round for longer than an agent may be quiet. Whatever kept log-monitor from
    /// looking (it was stopped, the machine or its source was off) may have kept agents from logging, too; but
    /// while a round lasted, somebody looked.
    pub(super) fn was_away(&self, now: i64) -> bool {
        let poll = self.setup.watch.poll.as_millis() as i64;
        let usual = self.fleet.shortest_interval().unwrap_or_default().max(2 * poll);
        self.last_round.is_some_and(|last| now - last - self.took.num_milliseconds() > usual)
    }

    /// Until when it is known at `now` who logged: after a gap that is when it began.
    pub(super) fn known_until(&self, now: i64) -> i64 {
        let is_known = self.looked.is_some() && !self.was_away(now);
        if is_known { now } else { self.last_round.unwrap_or(i64::MIN) }
    }

    /// Says that documents come later than an interval is long, or that they do not any more.
    pub(super) fn log_lag(&mut self) {
        let interval = self.fleet.shortest_interval().unwrap_or(i64::MAX);
        let late = too_late(&self.fleet.lags(), interval);
        match &late {
            Some(late) if !self.lags => tracing::warn!("watch {}: {late}", self.setup.watch.name),
            None if self.lags => {
                tracing::info!("watch {}: its logs come in time again", self.setup.watch.name);
            }
            _ => {}
        }
        self.lags = late.is_some();
    }

    /// Writes it down if that is due.
    pub(super) async fn checkpoint_if_due(&mut self, now: DateTime<Utc>) {
        if self.saved.is_none_or(|saved| now - saved >= CHECKPOINT || now < saved) {
            match self.checkpoint().await {
                Ok(()) => self.saved = Some(now),
                Err(error) => tracing::error!("checkpoint of watch {}: {error}", self.setup.watch.name),
            }
        }
    }

    /// Writes the last-seen times down, and when sources answered last. An entity that no round has judged
    /// yet has no row, so that after a restart it still counts as new.
    ///
    /// # Errors
    /// When the journal fails.
    pub async fn checkpoint(&mut self) -> Result<(), JournalError> {
        if self.overtaken {
            return Ok(());
        }
        let judged = |entity: &&fleet::Entity| entity.state != State::New;
        let rows: Vec<EntityRow> = self.fleet.entities().iter().filter(judged).map(fleet::row).collect();
        let name = self.setup.watch.name.clone();
        let until = self.looked.map(|looked| looked.until);
        let own = self.setup.watch.documents().filter_map(|source| Some((source.to_owned(), until?)));
        let answered: Vec<(String, i64)> = self.beside.answered().chain(own).collect();
        let memory = self.last_round.map(|at| Memory { at, lags: self.fleet.lags() });
        let write = move |connection: &rusqlite::Connection| {
            for (source, at) in &answered {
                meta::set_answered(connection, source, *at)?;
            }
            entities::save(connection, &name, &rows)?;
            memory.as_ref().map_or(Ok(()), |memory| memory.write(connection, &name))
        };
        self.recorder.journal.write(write).await
    }
}
