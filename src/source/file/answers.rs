//! What the ledger answers. Pure.

use std::collections::{HashMap, HashSet};

use compact_str::CompactString;

use super::entity::{Entity, Step};
use super::ledger::Ledger;
use super::work::MINUTE;
use crate::source::{
    Answer, Entities, Heard, Listed, Membership, Observation, Query, Volume, key, step_of, whole_steps,
};
/// A [`Query`] that can be taken to another thread. Times in milliseconds.
#[derive(Debug, Clone)]
pub struct Wanted {
    from: i64,
    to: i64,
    /// `None`: all.
    keys: Option<HashSet<CompactString>>,
}

impl Wanted {
    /// What the query wants.
    #[must_use]
    pub fn by(query: &Query<'_>) -> Self {
        let keys = match query.entities {
            Entities::All(_) => None,
            Entities::Only(keys) => Some(keys.iter().map(|key| CompactString::from(*key)).collect()),
        };
        Self { from: query.from.timestamp_millis(), to: query.to.timestamp_millis(), keys }
    }

    /// The same of whole steps, as long together, and how long a step is: a minute, or what a window can be of
    /// that is not of whole minutes. One that is not even of whole seconds is of the minutes that it touches.
    #[must_use]
    pub fn in_steps(self) -> (Self, i64) {
        let Some(step) = step_of(self.to - self.from) else { return (self, MINUTE) };
        let (from, to) = whole_steps((self.from, self.to), step);
        (Self { from, to, ..self }, step)
    }

    /// Since when something is wanted.
    #[must_use]
    pub const fn from(&self) -> i64 {
        self.from
    }

    /// Whether this one is wanted.
    fn has(&self, key: &str) -> bool {
        self.keys.as_ref().is_none_or(|keys| keys.contains(key))
    }

    /// Those wanted.
    fn of<'l>(&self, ledger: &'l Ledger) -> impl Iterator<Item = (&'l CompactString, &'l Entity)> {
        ledger.iter().filter(move |(key, _)| self.has(key))
    }

    /// Those wanted who logged within the window, and when last.
    fn seen<'l>(&self, ledger: &'l Ledger) -> impl Iterator<Item = (&'l CompactString, &'l Entity, i64)> {
        let newest = |entity: &Entity| entity.newest(self.from, self.to);
        self.of(ledger).filter_map(move |(key, entity)| Some((key, entity, newest(entity)?)))
    }
}

/// See [`Source::newest`](crate::source::Source::newest).
pub fn newest(ledger: &Ledger, wanted: &Wanted) -> Answer {
    let observation =
        |(key, _, last_seen): (&CompactString, &Entity, i64)| Observation { key: key.clone(), last_seen };
    Answer { newest: wanted.seen(ledger).map(observation).collect(), ..Answer::default() }
}

/// See [`Source::wholes`](crate::source::Source::wholes). So many fields tell entities apart.
pub fn wholes(ledger: &Ledger, wanted: &Wanted, fields: usize) -> Vec<Observation> {
    let mut newest: HashMap<&str, i64> = HashMap::new();
    for (key, entity) in ledger.iter() {
        let whole = key::whole(key, fields).filter(|name| wanted.has(name));
        if let Some((name, seen)) = whole.zip(entity.newest(wanted.from, wanted.to)) {
            let known = newest.entry(name).or_insert(seen);
            *known = seen.max(*known);
        }
    }
    newest.into_iter().map(|(name, last_seen)| Observation { key: name.into(), last_seen }).collect()
}

/// See [`Source::nodes`](crate::source::Source::nodes).
pub fn nodes(ledger: &Ledger, wanted: &Wanted) -> Vec<Membership> {
    let placed = wanted.seen(ledger).filter(|(_, entity, _)| !entity.node.is_empty());
    placed.map(|(key, entity, _)| Membership { key: key.clone(), node: entity.node.clone() }).collect()
}

/// See [`Source::inventory`](crate::source::Source::inventory). Those that so many fields tell apart are
/// named, if anybody is.
pub fn inventory(ledger: &Ledger, wanted: &Wanted, named: Option<usize>) -> Vec<Listed> {
    let name = |key: &str, name: &CompactString| {
        named.map(|fields| key::named(name.clone(), key, fields)).unwrap_or_default()
    };
    let listed = |(key, entity, _): (&CompactString, &Entity, i64)| Listed {
        key: key.clone(),
        name: name(key, &entity.name),
        node: Some(entity.node.clone()).filter(|node| !node.is_empty()),
        ..Listed::default()
    };
    wanted.seen(ledger).map(listed).collect()
}

/// See [`Source::volumes`](crate::source::Source::volumes).
pub fn volumes(ledger: &Ledger, wanted: &Wanted) -> Vec<Volume> {
    let count = |entity: &Entity| steps(entity, wanted).map(|step| u64::from(step.count)).sum();
    let volumes = wanted.of(ledger).map(|(key, entity)| Volume { key: key.clone(), count: count(entity) });
    volumes.filter(|volume| volume.count > 0).collect()
}

/// See [`Source::history`](crate::source::Source::history). The ledger's steps are parts of these.
pub fn history(ledger: &Ledger, wanted: &Wanted, step: i64) -> Vec<Heard> {
    let mut heard: Vec<Heard> = Vec::new();
    for (key, entity, _) in wanted.seen(ledger) {
        for part in steps(entity, wanted) {
            let (newest, count) = (part.newest, u64::from(part.count));
            match heard.last_mut() {
                Some(last) if last.key == *key && number(last.newest, step) == number(newest, step) => {
                    (last.newest, last.count) = (newest, last.count + count);
                }
                _ => heard.push(Heard { key: key.clone(), newest, count }),
            }
        }
    }
    heard.sort_by_key(|heard| heard.newest);
    heard
}

fn number(at: i64, step: i64) -> i64 {
    at.div_euclid(step)
}

fn steps<'l>(entity: &'l Entity, wanted: &Wanted) -> impl Iterator<Item = &'l Step> {
    entity.steps(wanted.from, wanted.to)
}
