//! The languages of the built-in messages. The sentences are data, a file for each language; the code
//! has the facts that are filled in.

use std::sync::LazyLock;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::config::duration::human;

mod brief;
mod sentences;

pub use sentences::{Many, Phrase, Sentences, Title};

/// A language that messages can be in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Language {
    /// English.
    #[default]
    En,
    /// Italian.
    It,
}

/// English, to which whatever came from elsewhere is compared.
static EN: LazyLock<Sentences> = LazyLock::new(|| read(Language::En.file()));

static IT: LazyLock<Sentences> = LazyLock::new(|| read(Language::It.file()));

/// A file of ours that cannot be read is found by the tests; the names of what is missing would be said.
fn read(file: &str) -> Sentences {
    toml::from_str(file).unwrap_or_else(|error| panic!("a language of ours is broken: {error}"))
}

impl Language {
    /// Every language.
    pub const ALL: [Self; 2] = [Self::En, Self::It];

    const fn file(self) -> &'static str {
        match self {
            Self::En => include_str!("languages/en.toml"),
            Self::It => include_str!("languages/it.toml"),
        }
    }

    /// What it says.
    #[must_use]
    pub fn sentences(self) -> &'static Sentences {
        match self {
            Self::En => &EN,
            Self::It => &IT,
        }
    }
}

impl Sentences {
    /// A duration as people say it.
    #[must_use]
    pub fn span(&self, duration: Duration) -> String {
        self.units(&human(duration))
    }

    fn units(&self, duration: &str) -> String {
        let unit = |word: &str| match word {
            "s" => self.unit.s.clone(),
            "min" => self.unit.min.clone(),
            "h" => self.unit.h.clone(),
            "d" => self.unit.d.clone(),
            number => number.to_owned(),
        };
        duration.split(' ').map(unit).collect::<Vec<_>>().join(" ")
    }

    /// The word for a cause.
    #[must_use]
    pub fn cause(&self, cause: &str) -> String {
        self.cause.get(cause).cloned().unwrap_or_else(|| cause.replace('_', " "))
    }

    /// What the monitor asked in English.
    #[must_use]
    pub fn question<'a>(&'a self, asked: &'a str) -> &'a str {
        let known = EN.check.iter().find(|(_, question)| *question == asked);
        known.and_then(|(key, _)| self.check.get(key)).map_or(asked, String::as_str)
    }

    /// What was written down in English. What is not of ours (an answer of a vendor, what somebody gave as a
    /// reason) stays as it is.
    #[must_use]
    pub fn written(&self, english: &str) -> String {
        english.split("; ").map(|piece| self.piece(piece)).collect::<Vec<_>>().join("; ")
    }

    fn piece(&self, english: &str) -> String {
        let known = EN.written.all().zip(self.written.all()).filter_map(|(known, ours)| {
            let (values, rest) = known.read(english)?;
            rest.is_empty().then_some((ours, values))
        });
        // Of a text that fits two, the one with more words of ours.
        let best = known.min_by_key(|(_, values)| values.iter().map(|(_, value)| value.len()).sum::<usize>());
        best.map_or_else(|| english.to_owned(), |(ours, values)| ours.filled(&self.values(values)))
    }

    fn values<'s>(&self, values: Vec<(&'s str, &str)>) -> Vec<(&'s str, String)> {
        let value = |(name, value)| match name {
            "long" => (name, self.units(value)),
            "reason" | "who" => (name, self.piece(value)),
            _ => (name, value.to_owned()),
        };
        values.into_iter().map(value).collect()
    }

    /// What stands before what is known of an event, and that.
    #[must_use]
    pub fn lead<'t>(&self, detail: &'t str) -> (String, &'t str) {
        let (mut lead, mut rest) = (String::new(), detail);
        while let Some((phrase, (values, after))) =
            EN.lead.iter().find_map(|(key, known)| Some((self.lead.get(key)?, known.read(rest)?)))
        {
            lead += &phrase.filled(&self.values(values));
            rest = after;
        }
        (lead, rest)
    }

    /// What is known of an event, where it is one of several.
    #[must_use]
    pub fn detail(&self, detail: &str) -> String {
        let (lead, rest) = self.lead(detail);
        if rest.is_empty() { lead } else { lead + &self.quoted.with([("detail", rest)]) }
    }
}

#[cfg(test)]
mod tests;
