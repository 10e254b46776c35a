//! The languages of the built-in messages. The sentences are data, a file for each language; the code
//! has the facts that are filled in.

use std::sync::LazyLock;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::config::duration::human;

mod sentences;

pub use sentences::{Many, Phrase, Sentences};

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
        let unit = |word: &str| match word {
            "s" => self.unit.s.clone(),
            "min" => self.unit.min.clone(),
            "h" => self.unit.h.clone(),
            "d" => self.unit.d.clone(),
            number => number.to_owned(),
        };
        human(duration).split(' ').map(unit).collect::<Vec<_>>().join(" ")
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
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use super::*;
    use crate::dispatch::fixtures::start;
    use crate::dispatch::render;
    use crate::monitor::cause::{Cause, Received, Whole};
    use crate::monitor::words::way::{IN_FILE, INDEXED};
    use crate::wording::samples;

    /// Every key with its placeholders.
    fn keys(table: &toml::Table, at: &str) -> BTreeMap<String, BTreeSet<String>> {
        let mut keys = BTreeMap::new();
        for (key, value) in table {
            let key = format!("{at}.{key}");
            match value {
                toml::Value::Table(below) => keys.extend(self::keys(below, &key)),
                value => {
                    let text = value.as_str().unwrap_or_default();
                    let names =
                        text.split('{').skip(1).map(|rest| rest.split('}').next().unwrap().to_owned());
                    keys.insert(key, names.collect());
                }
            }
        }
        keys
    }

    #[test]
    fn every_language_has_every_sentence_with_the_same_placeholders() {
        let of = |language: Language| keys(&toml::from_str(language.file()).unwrap(), "");
        for language in Language::ALL {
            assert_eq!(of(language), of(Language::En), "{language:?}");
            assert!(!language.sentences().title.silent.with([]).is_empty());
        }
    }

    #[test]
    fn nothing_is_left_to_fill_in_and_no_title_stays_english() {
        for kind in log_monitor_channels::EventKind::ALL {
            for sample in samples::all_of(kind, start()) {
                let words = render::words(&sample.events, &sample.facts(), Language::It);
                let said = format!("{}\n{}", words.title, words.body);
                assert!(!said.contains(['{', '}']), "{said}");
                let english = render::words(&sample.events, &sample.facts(), Language::En).title;
                let is_name = english.starts_with(kind.name());
                assert_eq!(words.title == english, is_name, "{english}");
            }
        }
    }

    /// What the monitor may ask is known word by word.
    #[test]
    fn every_question_about_a_cause_is_translated() {
        let received =
            [Received::Unknown, Received::Nothing(1), Received::NoLogs(1, 1), Received::Events(1, 1)];
        let whole = Whole { name: "001".into(), newest: 0 };
        let mut causes = vec![
            Cause::CannotTell,
            Cause::NotEnrolled,
            Cause::NeverConnected,
            Cause::Stopped(None),
            Cause::Lost(None),
            Cause::Disconnected(None),
            Cause::Late(1),
            Cause::TooFew { events: 1, least: 2, within: 1 },
            Cause::PartOnly(whole),
        ];
        causes.extend(received.map(|received| Cause::ConnectedButSilent(None, received)));
        for (cause, way) in causes.iter().flat_map(|cause| [(cause, &INDEXED), (cause, &IN_FILE)]) {
            let said = cause.sentence(way, 0).unwrap();
            let question = said.split("Check first: ").nth(1).unwrap();
            for question in [question, &format!("{}?", way.never)] {
                assert_ne!(Language::It.sentences().question(question), question);
            }
            let name = cause.name().unwrap_or("no_documents");
            assert!(Language::It.sentences().cause.contains_key(name), "{name}");
        }
    }

    #[test]
    fn what_is_filled_in_is_not_filled_in_again_and_units_have_words_too() {
        let it = Language::It.sentences();
        assert_eq!(
            it.title.silent.with([("who", "{long}"), ("long", "1 h")]),
            "Silenzioso: {long}, nessun log da 1 h"
        );
        assert_eq!(it.span(Duration::from_secs(2 * 86400 + 3600)), "2 g 1 h");
    }
}
