//! The sentences that a language has: one field for each key of its file.

use std::collections::BTreeMap;

use serde::Deserialize;

/// A sentence with names between braces.
#[derive(Debug, Deserialize)]
#[serde(transparent)]
pub struct Phrase(String);

impl Phrase {
    /// The sentence with these values for its names.
    #[must_use]
    pub fn with<const N: usize>(&self, values: [(&str, &str); N]) -> String {
        self.filled(&values)
    }

    /// The same with values that were read.
    pub(super) fn filled(&self, values: &[(&str, impl AsRef<str>)]) -> String {
        let (mut out, mut rest) = (String::new(), self.0.as_str());
        while let Some((before, behind)) = rest.split_once('{') {
            let (name, after) = behind.split_once('}').unwrap_or((behind, ""));
            out.push_str(before);
            out.push_str(
                values.iter().find(|(known, _)| *known == name).map_or("", |(_, value)| value.as_ref()),
            );
            rest = after;
        }
        out + rest
    }

    /// The other way round: what a text that begins with the sentence has for its names, and what follows it.
    pub(super) fn read<'s, 't>(&'s self, text: &'t str) -> Option<Read<'s, 't>> {
        read(&self.0, text)
    }
}

/// The values of names, and what follows.
type Read<'s, 't> = (Vec<(&'s str, &'t str)>, &'t str);

/// What a text that begins with a sentence has for its names, and what follows it.
pub(super) fn read<'s, 't>(sentence: &'s str, text: &'t str) -> Option<Read<'s, 't>> {
    let (mut values, mut pattern, mut rest) = (Vec::new(), sentence, text);
    while let Some((literal, behind)) = pattern.split_once('{') {
        let (name, after) = behind.split_once('}')?;
        rest = rest.strip_prefix(literal)?;
        let next = after.split('{').next().unwrap_or_default();
        let end = if next.is_empty() { rest.len() } else { rest.find(next)? };
        values.push((name, &rest[..end]));
        (pattern, rest) = (after, &rest[end..]);
    }
    Some((values, rest.strip_prefix(pattern)?))
}

/// Declares a table of phrases.
macro_rules! phrases {
    ($(#[$about:meta])* $name:ident { $($key:ident),* $(,)? }) => {
        $(#[$about])*
        #[derive(Debug, Deserialize)]
        #[serde(deny_unknown_fields)]
        pub struct $name {
            $(#[doc = stringify!($key)] pub $key: Phrase,)*
        }

        impl $name {
            /// Each of them, in the same order in every language.
            pub fn all(&self) -> impl Iterator<Item = &Phrase> {
                [$(&self.$key),*].into_iter()
            }
        }
    };
}

phrases!(
    /// Titles about one event.
    Title {
        no_longer_configured, too_few, still_too_few, flapping, late, still_late, silent, never_seen, still_silent,
        still_never_seen, enough_again, in_time_again, recovered, recovered_first, enrolled_anew, unwatched, source_down,
        source_still_down, source_up, source_up_after, stalled, stalled_since, still_stalled, still_stalled_since,
        pipeline_recovered, pipeline_enough_again, pipeline_recovered_after, inventory_changed, clock_skewed, resumed,
        resumed_some, crashed, setup_failed, channel_unhealthy, channel_recovered, journal_failed, journal_recovered,
        because, nothing,
    }
);

phrases!(
    /// Titles about several.
    Many {
        agent, agents, several_watches, silent, still_silent, and_too_few, too_few, still_too_few, and_late, late,
        still_late, flapping, recovered, enough_again, in_time_again, recovered_each, unwatched, source_down, source_up, stalled, pipeline_recovered, pipeline_recovered_each, setup_failed,
        source_still_down, still_stalled, inventory_changed, clock_skewed, resumed, channel_unhealthy,
        channel_recovered, journal_failed, journal_recovered, again,
    }
);

phrases!(
    /// What events tell.
    Body {
        nothing, agent, cause, last_log, never, since, allowed, noticed, detail, check, check_of, listed_last,
        listed_never, after, after_late, after_none_late, enough_again, in_time_again, late, more,
    }
);

phrases!(
    /// What stands below that.
    Below {
        still_silent, still_open, over, silent_again, group, merging, held_back, fallback, told_already, duplicate, lost,
        several_lost,
    }
);

phrases!(
    /// What the journal keeps in English: why a message came late or this way, and whom stalls are about.
    Written {
        silence, quiet, over_budget, over_budget_after, failed, waits, held, untried, unanswered, no_answer, left_alone, gone, over,
        nobody_else, goes_on, unacknowledged, ack_ended, worse, agents, agents_of, all_agents,
    }
);

/// The units of a duration.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Unit {
    /// Seconds.
    pub s: String,
    /// Minutes.
    pub min: String,
    /// Hours.
    pub h: String,
    /// Days.
    pub d: String,
}

/// Everything that a language says.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sentences {
    /// Whether what is known of an event, which is always in English, stands apart.
    pub details_apart: bool,
    /// How it is shown where it cannot stand apart.
    pub quoted: Phrase,
    /// Titles about one event.
    pub title: Title,
    /// Titles about several.
    pub many: Many,
    /// What events tell.
    pub body: Body,
    /// What stands below that.
    pub below: Below,
    /// The units of a duration.
    pub unit: Unit,
    /// The words for causes.
    pub cause: BTreeMap<String, String>,
    /// What is known of a silence, short.
    pub brief: BTreeMap<String, Phrase>,
    /// What to check first.
    pub check: BTreeMap<String, String>,
    /// What the journal keeps in English: why a message came late or this way, and whom stalls are about.
    pub written: Written,
    /// What may stand before what is known of an event.
    pub lead: BTreeMap<String, Phrase>,
}
