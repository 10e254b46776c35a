//! Words that events are matched by: those of closed sets, of which any other is a mistake, and keys, of which any
//! other is a label that somebody may give.

use std::collections::BTreeSet;
use std::fmt;

use log_monitor_channels::{EventKind, Reason, Severity};
use wildmatch::WildMatch;

use super::reading::shown_name;
use super::suggest;
use crate::source::SourceReason;

/// The cause of an end that is no recovery: the source or channel was taken out of the configuration.
pub const NO_LONGER_CONFIGURED: &str = "no_longer_configured";

/// The cause of a failure of our own: a monitor that panicked.
pub const CRASHED: &str = "crashed";

/// The cause of a silence that is none: it logs, but less than it should.
pub const TOO_FEW: &str = "volume_too_low";

/// The cause of a stall of a part of those that share something: the others log.
pub const MANY_AT_ONCE: &str = "many_at_once";

/// The cause of an end that is none: the agent is silent under another id, too.
pub const ENROLLED_ANEW: &str = "enrolled_anew";

/// The cause of a silence that is not over yet, although its agent logs again.
pub const FLAPPING: &str = "flapping";

/// The cause of a silence that is none: its logs come, but late.
pub const LATE: &str = "late";

/// Why an agent or a pipeline is silent, or is told.
const OF_SILENCES: [&str; 16] = [
    "no_documents",
    "never_seen",
    "silent_before_start",
    "silent_after_stall",
    "silent_after_gateway",
    "not_enrolled",
    "never_connected",
    "disconnected",
    "connected_but_silent",
    "part_silent",
    "not_indexed",
    LATE,
    TOO_FEW,
    MANY_AT_ONCE,
    FLAPPING,
    "no_longer_watched",
];

/// What is told of lists, clocks, log-monitor itself and ends; the causes of what is told with something else.
const OF_OTHERS: [&str; 17] = [
    "list_changed",
    "future_documents",
    "downtime",
    "suspended",
    "setup",
    CRASHED,
    "storage",
    "unread",
    "unread_in_part",
    "written",
    "documents",
    "answers",
    "accepted",
    ENROLLED_ANEW,
    NO_LONGER_CONFIGURED,
    "pipeline",
    "dependency",
];

/// Where to look for a cause to which nothing is near.
const CAUSES_ARE: &str = "the reference (config/log-monitor.toml) has all of them at `match`";

/// A word that is not one of those there are, and what may be meant.
#[derive(Debug, PartialEq, Eq)]
pub struct Slip {
    /// What is wrong, on one line.
    pub message: String,
    /// What to write instead.
    pub help: Option<String>,
}

impl fmt::Display for Slip {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let gap = if self.help.is_some() { "; " } else { "" };
        write!(f, "{}{gap}{}", self.message, self.help.as_deref().unwrap_or_default())
    }
}

/// The words that an event can have under `key`; `None` = any.
fn closed(key: &str) -> Option<Vec<&'static str>> {
    match key {
        "event" => Some(EventKind::ALL.map(EventKind::name).to_vec()),
        "severity" => Some(Severity::ALL.map(Severity::name).to_vec()),
        "cause" => Some(causes().into_iter().collect()),
        _ => None,
    }
}

/// Whatever an event can have as its cause: a source or a channel may say why it does not work.
pub fn causes() -> BTreeSet<&'static str> {
    let of_sources = SourceReason::ALL.map(SourceReason::name);
    let of_channels = Reason::ALL.map(Reason::name);
    OF_SILENCES.into_iter().chain(OF_OTHERS).chain(of_sources).chain(of_channels).collect()
}

/// What is wrong with a glob that no event has a word for under `key`.
#[must_use]
pub fn unknown(key: &str, glob: &str) -> Option<Slip> {
    let pattern = WildMatch::new(glob);
    none_of(key, glob, |word| pattern.matches(word))
}

/// What is wrong with a word that no event has under `key`.
#[must_use]
pub fn unheard_of(key: &str, word: &str) -> Option<Slip> {
    none_of(key, word, |known| known == word)
}

fn none_of(key: &str, said: &str, is_it: impl Fn(&str) -> bool) -> Option<Slip> {
    let known = closed(key).filter(|known| !known.iter().any(|word| is_it(word)))?;
    let message = format!("unknown {key} `{}`", shown_name(said));
    // Nobody reads a line of fifty words.
    let where_they_are = || (key == "cause").then(|| CAUSES_ARE.to_owned());
    let near = suggest::nearest(said, known.iter().copied()).map(|word| format!("did you mean `{word}`?"));
    Some(Slip { message, help: near.or_else(where_they_are).or_else(|| suggest::help(said, known)) })
}

/// What is wrong with a key that is nearly one of those that are `known`: it is probably that.
#[must_use]
pub fn misspelt(key: &str, known: &BTreeSet<&str>) -> Option<Slip> {
    let meant = suggest::misspelt(key, known.iter().copied())?;
    let message = format!("no class and nothing else here gives `{}` to an event", shown_name(key));
    Some(Slip { message, help: Some(format!("did you mean `{meant}`?")) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wording::samples;

    #[test]
    fn a_word_of_a_closed_set_is_known_whole_or_by_a_glob_and_any_other_key_takes_any() {
        for (key, glob) in
            [("cause", "disconnected"), ("cause", "silent_*"), ("cause", "rate_limited"), ("rack", "7")]
        {
            assert_eq!(unknown(key, glob), None, "{key}={glob}");
        }
        assert_eq!(
            unknown("cause", "disconected").unwrap().to_string(),
            "unknown cause `disconected`; did you mean `disconnected`?"
        );
        assert_eq!(
            unknown("cause", "xyz").unwrap().to_string(),
            "unknown cause `xyz`; the reference (config/log-monitor.toml) has all of them at `match`"
        );
        assert!(unheard_of("cause", "silent_*").is_some() && unheard_of("severity", "high").is_none());
    }

    #[test]
    fn every_cause_that_has_a_word_of_its_own_or_is_shown_in_a_sample_is_one() {
        let all = causes();
        for kind in EventKind::ALL {
            let cause = samples::event(kind, chrono::Utc::now()).cause;
            assert!(all.contains(cause.as_str()), "{cause}");
        }
        let named = crate::wording::language::Language::En.sentences().cause.keys().map(String::as_str);
        let of_reference = |cause: &&&str| crate::config::REFERENCE.contains(**cause);
        assert_eq!(all.iter().filter(|cause| !of_reference(cause)).collect::<Vec<_>>(), [&""; 0]);
        assert_eq!(named.filter(|cause| !all.contains(cause)).collect::<Vec<_>>(), [""; 0]);
    }
}
