//! What is remembered of the documents that were read: of each entity its newest time, how many
//! documents it had in each step of time, and its last few alerts. Pure.

use compact_str::CompactString;
use hashbrown::HashMap;
use hashbrown::hash_map::EntryRef;

use super::entity::Entity;
use super::line::Document;
use crate::source::{Word, key};

/// More entities than this are refused: a hostile sender may make up names.
const MOST_ENTITIES: usize = 200_000;

/// At most so many steps are kept in all (16 bytes each).
const MOST_STEPS: usize = 4_000_000;

/// How many of an entity's last alerts are kept in memory.
const LAST: usize = 20;

/// What is remembered of all.
#[derive(Debug)]
pub struct Ledger {
    entities: HashMap<CompactString, Entity>,
    /// How long a step is, in milliseconds.
    width: i64,
    /// Before this the steps are forgotten, and only each entity's newest time is known.
    kept_from: i64,
    steps: usize,
    full: bool,
    /// How many of an entity's last alerts are kept.
    last: usize,
    /// Whom alone it is about.
    only: Option<Only>,
}

/// Whom last words are of.
#[derive(Debug)]
pub struct Only {
    /// An entity, or what entities of several fields are parts of.
    pub key: CompactString,
    /// How many fields tell entities apart.
    pub fields: usize,
    /// The newest time that is wanted, in milliseconds.
    pub until: i64,
}

impl Only {
    fn wants(&self, document: &Document<'_>) -> bool {
        let key = &*document.key;
        document.at <= self.until && (self.key == key || self.key == key::first(key, self.fields))
    }
}

impl Ledger {
    /// Nothing yet. A step is `width` milliseconds long, and steps begin at multiples of it; those before
    /// `kept_from` are not kept.
    #[must_use]
    pub fn new(width: i64, kept_from: i64) -> Self {
        let width = width.max(1);
        Self { entities: HashMap::new(), width, kept_from, steps: 0, full: false, last: LAST, only: None }
    }

    /// Nothing yet, and nothing ever but the last so many alerts of one.
    #[must_use]
    pub fn of_last_words(only: Only, last: usize) -> Self {
        Self { last, only: Some(only), ..Self::new(i64::MAX, i64::MAX) }
    }

    /// One entity.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Entity> {
        self.entities.get(key)
    }

    /// The last alerts of an entity from `from` to `until`, the newest first, at most `count`; `None` = some
    /// of them are not remembered. Times in milliseconds.
    #[must_use]
    pub fn last_words(&self, key: &str, (from, until): (i64, i64), count: usize) -> Option<Vec<Word>> {
        let Some(entity) = self.get(key) else { return Some(Vec::new()) };
        let words = entity.last(from, until, count);
        (words.len() >= count || !entity.has_forgotten(from, self.last)).then_some(words)
    }

    /// From when on all steps are known.
    #[must_use]
    pub const fn kept_from(&self) -> i64 {
        self.kept_from
    }

    /// Whether there are more steps than should be.
    #[must_use]
    pub const fn is_crowded(&self) -> bool {
        self.steps > MOST_STEPS
    }

    /// Whether there were more entities than can be remembered: then it answers nothing right.
    #[must_use]
    pub const fn is_full(&self) -> bool {
        self.full
    }

    /// Every entity with its key.
    pub fn iter(&self) -> impl Iterator<Item = (&CompactString, &Entity)> {
        self.entities.iter()
    }

    /// Takes a document in.
    pub fn take(&mut self, document: &Document<'_>) {
        let (width, kept_from, last) = (self.width, self.kept_from, self.last);
        let Some(entity) = self.entity(document) else { return };
        entity.note_rule(document, last);
        self.steps += usize::from(entity.take(document, width, kept_from));
    }

    /// Takes in what is no sign of life, but may be among the last alerts.
    pub fn take_word(&mut self, document: &Document<'_>) {
        let last = self.last;
        if let Some(entity) = self.entity(document) {
            entity.note_rule(document, last);
        }
    }

    /// Whom a document is about; `None` = nothing is remembered of them.
    fn entity(&mut self, document: &Document<'_>) -> Option<&mut Entity> {
        let key = match &self.only {
            Some(only) if !only.wants(document) => return None,
            Some(only) => &*only.key,
            None => &*document.key,
        };
        let has_room = self.entities.len() < MOST_ENTITIES;
        match self.entities.entry_ref(key) {
            EntryRef::Occupied(entry) => Some(entry.into_mut()),
            EntryRef::Vacant(entry) if has_room => {
                Some(entry.insert_with_key(CompactString::from(key), Entity::default()))
            }
            EntryRef::Vacant(_) => {
                self.full = true;
                None
            }
        }
    }

    /// Forgets the oldest steps until the rest has room. It is full if the future alone is too much.
    pub fn make_room(&mut self, now: i64) {
        while self.is_crowded() && self.kept_from < now {
            self.forget_before(self.kept_from + ((now - self.kept_from) / 4).max(self.width));
        }
        self.full |= self.is_crowded();
    }

    /// Forgets steps before `from`.
    pub fn forget_before(&mut self, from: i64) {
        self.kept_from = from.max(self.kept_from);
        for entity in self.entities.values_mut() {
            self.steps -= entity.drop_steps(from);
        }
    }
}
