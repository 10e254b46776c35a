//! What is remembered of the documents that were read: of each entity its newest time, how many
//! documents it had in each step of time, and its last few alerts. Pure.

use compact_str::CompactString;
use hashbrown::HashMap;
use hashbrown::hash_map::EntryRef;

use super::entity::Entity;
use super::line::Document;

/// More entities than this are refused: a hostile sender may make up names.
const MOST_ENTITIES: usize = 200_000;

/// At most so many steps are kept in all (16 bytes each).
const MOST_STEPS: usize = 4_000_000;

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
}

impl Ledger {
    /// Nothing yet. A step is `width` milliseconds long, and steps begin at multiples of it; those before
    /// `kept_from` are not kept.
    #[must_use]
    pub fn new(width: i64, kept_from: i64) -> Self {
        Self { entities: HashMap::new(), width: width.max(1), kept_from, steps: 0, full: false }
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

    /// One entity.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Entity> {
        self.entities.get(key)
    }

    /// Takes a document in.
    pub fn take(&mut self, document: &Document<'_>) {
        let has_room = self.entities.len() < MOST_ENTITIES;
        let entity = match self.entities.entry_ref(&*document.key) {
            EntryRef::Occupied(entry) => entry.into_mut(),
            EntryRef::Vacant(entry) if has_room => {
                entry.insert_with_key(CompactString::from(&*document.key), Entity::default())
            }
            EntryRef::Vacant(_) => {
                self.full = true;
                return;
            }
        };
        self.steps += usize::from(entity.take(document, self.width, self.kept_from));
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
