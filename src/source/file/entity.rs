//! What is remembered of one entity. Pure.

use std::collections::VecDeque;

use compact_str::CompactString;

use super::line::Document;
use crate::source::Word;

/// A rule whose text is longer is not kept.
const LONGEST_RULE: usize = 4096;

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

    /// Its last alerts from `from` to `until`, both inclusive, the newest first, at most `count`; the others
    /// that were asked for may be forgotten.
    #[must_use]
    pub fn last(&self, from: i64, until: i64, count: usize) -> Vec<Word> {
        let within = |(at, _): &&(i64, Vec<u8>)| (from..=until).contains(at);
        let mut last: Vec<_> = self.last.iter().rev().filter(within).collect();
        last.sort_by_key(|(at, _)| std::cmp::Reverse(*at));
        last.into_iter().take(count).map(|(at, rule)| word(*at, rule)).collect()
    }

    /// Whether alerts since `from` may have been forgotten of which at most `most` are kept.
    #[must_use]
    pub fn has_forgotten(&self, from: i64, most: usize) -> bool {
        self.last.len() >= most && self.last.front().is_none_or(|(at, _)| *at >= from)
    }

    /// Takes a document in; whether that takes a new step. Times in milliseconds.
    pub(super) fn take(&mut self, document: &Document<'_>, width: i64, kept_from: i64) -> bool {
        replace(&mut self.name, document.name.as_deref());
        replace(&mut self.node, document.node.as_deref());
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

    /// Keeps an alert as one of the last so many. The room of the oldest is used again.
    pub(super) fn note_rule(&mut self, document: &Document<'_>, most: usize) {
        let (at, rule) = (document.at, document.rule.as_deref().unwrap_or_default());
        let full = self.last.len() >= most;
        let mut room = if full { self.last.pop_front().unwrap_or_default().1 } else { Vec::new() };
        room.clear();
        room.extend_from_slice(if rule.len() > LONGEST_RULE { &[] } else { rule });
        self.last.push_back((at, room));
    }

    /// Forgets steps before `from`; how many.
    pub(super) fn drop_steps(&mut self, from: i64) -> usize {
        let older = self.steps.len();
        while let Some(first) = self.steps.front().filter(|step| step.newest < from) {
            self.before = self.before.max(Some(first.newest));
            self.steps.pop_front();
        }
        older - self.steps.len()
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
