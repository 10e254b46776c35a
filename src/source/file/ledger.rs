//! What is remembered of the documents that were read: of each entity its newest time, how many
//! documents it had in each step of time, and its last few alerts. Pure.

use std::collections::VecDeque;

use compact_str::CompactString;
use hashbrown::HashMap;
use hashbrown::hash_map::EntryRef;

use super::line::Document;
use crate::source::Word;

/// How many of an entity's last alerts are kept.
const LAST: usize = 20;

/// A rule whose text is longer is not kept.
const LONGEST_RULE: usize = 4096;

/// More entities than this are refused: a hostile sender may make up names.
const MOST_ENTITIES: usize = 200_000;

/// At most so many steps are kept in all (16 bytes each).
const MOST_STEPS: usize = 4_000_000;

/// An entity's documents within one step of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Step {
    /// The newest time, in milliseconds.
    pub newest: i64,
    /// How much older the oldest is.
    span: u32,
    /// How many there are.
    pub count: u32,
}

/// What is remembered of an entity.
#[derive(Debug, Default)]
pub struct Entity {
    /// Its name, as it was last; empty where there is none.
    pub name: CompactString,
    /// The node that it last sent through; empty where there is none.
    pub node: CompactString,
    /// In order of time.
    steps: VecDeque<Step>,
    /// The newest document before these steps.
    before: Option<i64>,
    /// The last alerts in the order of the file: when, and the rule as JSON.
    last: VecDeque<(i64, Vec<u8>)>,
}

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

    /// Forgets the oldest steps until the rest has room. Those from the future are no more than `now`
    /// has: a clock that is wrong is so for all.
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
            let older = entity.steps.len();
            entity.drop_steps(from);
            self.steps -= older - entity.steps.len();
        }
    }
}

impl Step {
    fn oldest(self) -> i64 {
        self.newest - i64::from(self.span)
    }

    fn number(self, width: i64) -> i64 {
        self.newest.div_euclid(width)
    }

    fn take(&mut self, at: i64) {
        let oldest = self.oldest().min(at);
        self.newest = self.newest.max(at);
        self.span = u32::try_from(self.newest - oldest).unwrap_or(u32::MAX);
        self.count = self.count.saturating_add(1);
    }
}

impl Entity {
    /// Its newest document within the window, to the millisecond, unless it has others in the same
    /// step after the window.
    #[must_use]
    pub fn newest(&self, from: i64, to: i64) -> Option<i64> {
        let fits = |step: &Step| match step.newest <= to {
            true => Some(step.newest),
            false => Some(step.oldest()).filter(|oldest| *oldest <= to),
        };
        let newest = self.steps.iter().rev().find_map(fits).or(self.before.filter(|before| *before <= to));
        newest.filter(|newest| *newest >= from)
    }

    /// Its steps that touch the window, in order of time.
    pub fn steps(&self, from: i64, to: i64) -> impl Iterator<Item = &Step> {
        self.steps.iter().filter(move |step| step.newest >= from && step.oldest() <= to)
    }

    /// Its last alerts at or before `until`, the newest first.
    #[must_use]
    pub fn last(&self, until: i64, count: usize) -> Vec<Word> {
        let mut last: Vec<_> = self.last.iter().rev().filter(|(at, _)| *at <= until).collect();
        last.sort_by_key(|(at, _)| std::cmp::Reverse(*at));
        last.into_iter().take(count).map(|(at, rule)| word(*at, rule)).collect()
    }

    /// Whether it takes a new step.
    fn take(&mut self, document: &Document<'_>, width: i64, kept_from: i64) -> bool {
        replace(&mut self.name, document.name.as_deref());
        replace(&mut self.node, document.node.as_deref());
        self.note_rule(document.at, document.rule.as_deref().unwrap_or_default());
        if document.at < kept_from {
            self.before = self.before.max(Some(document.at));
            return false;
        }
        self.note_time(document.at, width)
    }

    /// The file is in order of time but for seconds, so its place is nearly always the last.
    fn note_time(&mut self, at: i64, width: i64) -> bool {
        let number = at.div_euclid(width);
        let place = self.steps.iter().rposition(|step| step.number(width) <= number);
        if let Some(step) = place.and_then(|place| self.steps.get_mut(place))
            && step.number(width) == number
        {
            step.take(at);
            return false;
        }
        self.steps.insert(place.map_or(0, |place| place + 1), Step { newest: at, span: 0, count: 1 });
        true
    }

    /// The room of the oldest is used again.
    fn note_rule(&mut self, at: i64, rule: &[u8]) {
        let full = self.last.len() >= LAST;
        let mut room = if full { self.last.pop_front().unwrap_or_default().1 } else { Vec::new() };
        room.clear();
        room.extend_from_slice(if rule.len() > LONGEST_RULE { &[] } else { rule });
        self.last.push_back((at, room));
    }

    fn drop_steps(&mut self, from: i64) {
        while let Some(first) = self.steps.front().filter(|step| step.newest < from) {
            self.before = self.before.max(Some(first.newest));
            self.steps.pop_front();
        }
    }
}

fn replace(text: &mut CompactString, new: Option<&str>) {
    if let Some(new) = new.filter(|new| *new != text.as_str()) {
        *text = CompactString::from(new);
    }
}

#[derive(serde::Deserialize, Default)]
#[serde(default)]
struct Rule {
    id: String,
    level: u8,
    groups: Vec<String>,
    description: String,
}

/// A rule of an unusual form is told without its text.
fn word(at: i64, rule: &[u8]) -> Word {
    let Rule { id, level, groups, description } = serde_json::from_slice(rule).unwrap_or_default();
    Word { at, rule: id, level, groups, description }
}
