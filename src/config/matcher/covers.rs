//! Whether a matcher certainly matches all that another does, as far as that can be seen without knowing what there
//! is to match. Pure.

use log_monitor_channels::{EventKind, Severity};

use super::{Condition, Matcher, Pattern};

impl Matcher {
    /// Whether it certainly matches all that `other` does.
    #[must_use]
    pub fn covers(&self, other: &Self) -> bool {
        let known = |own: &Condition| match every(&own.key) {
            Some(words) => words.iter().all(|word| own.allows(word) || !other.allows(&own.key, word)),
            None => other.conditions.iter().any(|condition| own.covers(condition)),
        };
        self.conditions.iter().all(known)
    }

    /// Whether nothing at all can match it: what a key must be it must not be.
    #[must_use]
    pub fn contradicts_itself(&self) -> bool {
        self.conditions.iter().any(Condition::contradicts_itself)
    }
}

/// All that a key can be, of which each event has one.
fn every(key: &str) -> Option<Vec<&'static str>> {
    match key {
        "event" => Some(EventKind::ALL.map(EventKind::name).to_vec()),
        "severity" => Some(Severity::ALL.map(Severity::name).to_vec()),
        _ => None,
    }
}

impl Condition {
    fn allows(&self, word: &str) -> bool {
        self.matches(|_| [word])
    }

    fn contradicts_itself(&self) -> bool {
        let Some(words) = every(&self.key) else {
            let banned = |pattern: &Pattern| self.none.iter().any(|none| none.covers(pattern));
            return !self.any.is_empty() && self.any.iter().all(banned);
        };
        let wanted = |word: &&str| self.any.is_empty() || self.any.iter().any(|any| any.matches(word));
        let wanted: Vec<&str> = words.into_iter().filter(wanted).collect();
        // Words that nobody knows are another mistake.
        !wanted.is_empty() && !wanted.into_iter().any(|word| self.allows(word))
    }

    fn covers(&self, other: &Self) -> bool {
        let known = |pattern: &Pattern| self.any.iter().any(|own| own.covers(pattern));
        let any = self.any.is_empty() || (!other.any.is_empty() && other.any.iter().all(known));
        let none = |pattern: &Pattern| other.none.iter().any(|one| one.covers(pattern));
        self.key == other.key && any && self.none.iter().all(none)
    }
}

impl Pattern {
    /// Whether it matches all that `other` does.
    fn covers(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Glob(..) | Self::Regex(_), Self::Literal(literal)) => self.matches(literal),
            (Self::Glob(_, own), Self::Glob(_, other)) => wider(&own.to_string(), &other.to_string()),
            _ => self == other,
        }
    }
}

/// Whether a glob matches all that another does: its `*` stands for any part of the other, also for wildcards, its
/// `?` for what is one character there, and the rest for itself.
fn wider(own: &str, other: &str) -> bool {
    let other: Vec<char> = other.chars().collect();
    // Of the part of `own` that was looked at: which beginnings of `other` it covers.
    let mut covered = vec![false; other.len() + 1];
    covered[0] = true;
    for sign in own.chars() {
        let before = covered.clone();
        covered[0] = sign == '*' && before[0];
        for (at, part) in other.iter().enumerate() {
            covered[at + 1] = match sign {
                '*' => covered[at] || before[at + 1],
                '?' => before[at] && *part != '*',
                literal => before[at] && *part == literal,
            };
        }
    }
    covered[other.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn globs(key: &str, globs: &[&str]) -> Matcher {
        Matcher::new([(key, globs.to_vec())])
    }

    fn not(key: &str, any: &[&str], globs: &[&str]) -> Matcher {
        let patterns = |globs: &[&str]| globs.iter().map(|glob| Pattern::glob(glob)).collect();
        [Condition { key: key.to_owned(), any: patterns(any), none: patterns(globs) }].into_iter().collect()
    }

    #[test]
    fn one_matcher_covers_another_where_that_can_be_seen() {
        assert!(Matcher::default().covers(&globs("name", &["fw-1"])));
        assert!(globs("name", &["fw-*"]).covers(&globs("name", &["fw-1", "fw-2"])));
        assert!(globs("name", &["fw-*"]).covers(&globs("name", &["fw-*"])));
        assert!(!globs("name", &["fw-*"]).covers(&globs("name", &["fw-1", "gw"])));
        assert!(!globs("name", &["fw-1"]).covers(&globs("name", &["fw-*"])));
        let fw: Matcher = ["name~^fw"].iter().filter_map(|text| text.parse::<Condition>().ok()).collect();
        assert!(fw.covers(&globs("name", &["fw-1"])) && !fw.covers(&globs("name", &["fw-*"])));
        assert!(!globs("site", &["MIL"]).covers(&globs("name", &["MIL"])));
        assert!(!globs("name", &["fw-*"]).covers(&Matcher::default()));
        let not_lab = not("name", &[], &["lab-*"]);
        assert!(!not_lab.covers(&globs("name", &["fw-1"])), "it is, but that is not seen");
        assert!(not_lab.covers(&not("name", &[], &["lab-*", "x"])));
    }

    #[test]
    fn a_glob_covers_another_whatever_its_wildcards_stand_for() {
        for (own, other) in [("fw-*", "fw-mil-*"), ("*", "?*"), ("?*", "?"), ("a?*", "a??"), ("*b*", "ab*b?")]
        {
            assert!(globs("name", &[own]).covers(&globs("name", &[other])), "{own} {other}");
        }
        for (own, other) in
            [("fw-mil-*", "fw-*"), ("?", "*"), ("??", "*"), ("?*", "*"), ("*b", "*b*"), ("a", "?")]
        {
            assert!(!globs("name", &[own]).covers(&globs("name", &[other])), "{own} {other}");
        }
    }

    #[test]
    fn of_severities_and_events_it_is_known_what_there_is() {
        let severe = not("severity", &[], &["info", "low"]);
        assert!(
            severe.covers(&globs("severity", &["high"]))
                && severe.covers(&globs("severity", &["m*", "crit*"]))
        );
        assert!(!severe.covers(&globs("severity", &["low", "high"])) && !severe.covers(&Matcher::default()));
        let all = globs("severity", &["info", "low", "medium", "crit*"]);
        assert!(all.covers(&globs("severity", &["critical"])) && !all.covers(&severe));
        assert!(globs("event", &["agent_*"]).covers(&not(
            "event",
            &["agent_silent", "source_*"],
            &["source_*"]
        )));
    }

    #[test]
    fn what_must_be_what_it_must_not_be_is_nothing() {
        assert!(not("id", &["001"], &["001"]).contradicts_itself());
        assert!(not("name", &["fw-1", "fw-*"], &["f*"]).contradicts_itself());
        assert!(not("severity", &[], &["*"]).contradicts_itself());
        assert!(not("severity", &["low"], &["l*"]).contradicts_itself());
        assert!(!not("name", &["fw-*", "gw"], &["fw-*"]).contradicts_itself());
        assert!(!not("name", &[], &["*"]).contradicts_itself(), "what has no name");
    }
}
