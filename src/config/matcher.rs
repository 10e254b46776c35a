//! Matchers of classes and routes: every key must match; of a key's patterns one is enough.

mod covers;

use std::fmt;
use std::str::FromStr;

use regex_lite::Regex;
use wildmatch::WildMatch;

/// What a value is compared with.
#[derive(Debug, Clone)]
pub enum Pattern {
    /// A glob without `*` and `?`.
    Literal(String),
    /// `*` is any text, `?` one character; the whole value must match. With what stands before the first of
    /// them: by that most of a thousand routes are told to be for somebody else.
    Glob(Box<str>, WildMatch),
    /// A regular expression, found anywhere unless it says otherwise.
    Regex(Regex),
}

impl Pattern {
    /// A glob.
    #[must_use]
    pub fn glob(text: &str) -> Self {
        match text.split_once(['*', '?']) {
            Some((begin, _)) => Self::Glob(begin.into(), WildMatch::new(text)),
            None => Self::Literal(text.to_owned()),
        }
    }

    fn matches(&self, value: &str) -> bool {
        match self {
            Self::Literal(literal) => literal == value,
            Self::Glob(begin, glob) => value.starts_with(&**begin) && glob.matches(value),
            Self::Regex(regex) => regex.is_match(value),
        }
    }
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Literal(one), Self::Literal(other)) => one == other,
            (Self::Glob(_, one), Self::Glob(_, other)) => one == other,
            (Self::Regex(one), Self::Regex(other)) => one.as_str() == other.as_str(),
            _ => false,
        }
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Literal(literal) => f.write_str(literal),
            Self::Glob(_, glob) => write!(f, "{glob}"),
            Self::Regex(regex) => write!(f, "/{}/", regex.as_str()),
        }
    }
}

/// What one key must be.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Condition {
    /// The key.
    pub key: String,
    /// One of these; anything, or nothing at all, if there are none.
    pub any: Vec<Pattern>,
    /// And none of these.
    pub none: Vec<Pattern>,
}

impl Condition {
    /// Of several facts under one key (the groups of an agent) one is enough, and none may be of
    /// those that must not be.
    fn matches<'a, F: IntoIterator<Item = &'a str>>(&self, facts: impl Fn(&str) -> F) -> bool {
        let one_of = |patterns: &[Pattern]| {
            facts(&self.key).into_iter().any(|value| patterns.iter().any(|pattern| pattern.matches(value)))
        };
        (self.any.is_empty() || one_of(&self.any)) && (self.none.is_empty() || !one_of(&self.none))
    }
}

/// As a command line writes it: `name=fw-*`, `name!=lab-*`, or `name~^fw` for a regular expression.
impl FromStr for Condition {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let at = text.find(['=', '~', '!']).filter(|at| *at > 0);
        let (key, rest) = at.map(|at| text.split_at(at)).ok_or("write KEY=GLOB, KEY!=GLOB or KEY~REGEX")?;
        let mut condition = Self { key: key.trim().to_owned(), ..Self::default() };
        if let Some(glob) = rest.strip_prefix("!=") {
            condition.none.push(Pattern::glob(glob.trim()));
        } else if let Some(glob) = rest.strip_prefix('=') {
            condition.any.push(Pattern::glob(glob.trim()));
        } else if let Some(regex) = rest.strip_prefix('~') {
            let regex = Regex::new(regex).map_err(|error| format!("not a regular expression: {error}"))?;
            condition.any.push(Pattern::Regex(regex));
        } else {
            return Err("write KEY=GLOB, KEY!=GLOB or KEY~REGEX".to_owned());
        }
        Ok(condition)
    }
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let joined =
            |patterns: &[Pattern]| patterns.iter().map(ToString::to_string).collect::<Vec<_>>().join("|");
        if !self.any.is_empty() {
            write!(f, "{}={}", self.key, joined(&self.any))?;
        }
        if !self.none.is_empty() {
            let gap = if self.any.is_empty() { "" } else { " " };
            write!(f, "{gap}{}!={}", self.key, joined(&self.none))?;
        }
        Ok(())
    }
}

/// A set of conditions. An empty one matches everything.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Matcher {
    conditions: Vec<Condition>,
}

impl Matcher {
    /// A matcher from keys and their globs.
    pub fn new<K: Into<String>, G: AsRef<str>>(conditions: impl IntoIterator<Item = (K, Vec<G>)>) -> Self {
        let compile = |globs: Vec<G>| globs.iter().map(|glob| Pattern::glob(glob.as_ref())).collect();
        let condition =
            |(key, globs): (K, _)| Condition { key: key.into(), any: compile(globs), none: Vec::new() };
        conditions.into_iter().map(condition).collect()
    }

    /// Whether the facts, looked up by key, satisfy every condition. A fact that is not there is no
    /// pattern's.
    #[must_use]
    pub fn matches<'a, F: IntoIterator<Item = &'a str>>(&self, facts: impl Fn(&str) -> F) -> bool {
        self.conditions.iter().all(|condition| condition.matches(&facts))
    }

    /// Whether it may match something of which `key` is only `value`.
    #[must_use]
    pub fn allows(&self, key: &str, value: &str) -> bool {
        let mut of_key = self.conditions.iter().filter(|condition| condition.key == key);
        of_key.all(|condition| condition.matches(|_| [value]))
    }

    /// Whether it asks for this key.
    #[must_use]
    pub fn asks_for(&self, key: &str) -> bool {
        self.keys().any(|known| known == key)
    }

    /// The keys that it asks for.
    pub fn keys(&self) -> impl Iterator<Item = &str> {
        self.conditions.iter().map(|condition| condition.key.as_str())
    }

    /// Whether what lacks this key certainly does not match.
    #[must_use]
    pub fn needs(&self, key: &str) -> bool {
        self.conditions.iter().any(|condition| condition.key == key && !condition.any.is_empty())
    }

    /// Whether it matches everything.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.conditions.is_empty()
    }
}

impl FromIterator<Condition> for Matcher {
    fn from_iter<I: IntoIterator<Item = Condition>>(conditions: I) -> Self {
        Self { conditions: conditions.into_iter().collect() }
    }
}

impl fmt::Display for Matcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.conditions.is_empty() {
            return f.write_str("everything");
        }
        let words: Vec<String> = self.conditions.iter().map(ToString::to_string).collect();
        f.write_str(&words.join(" "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_and_globs_are_or() {
        let matcher = Matcher::new([("name", vec!["fw-*", "gw"]), ("severity", vec!["high"])]);
        let check = |name: &'static str, severity: &'static str| {
            matcher.matches(|key| match key {
                "name" => Some(name),
                "severity" => Some(severity),
                _ => None,
            })
        };
        assert!(check("fw-1", "high") && check("gw", "high"));
        assert!(!check("fw-1", "low") && !check("web", "high"));
        assert!(!matcher.matches(|_| None));
        assert!(Matcher::default().matches(|_| None));
        let groups = Matcher::new([("group", vec!["prod"])]);
        assert!(groups.matches(|_| ["default", "prod"]) && !groups.matches(|_| ["default"; 1]));
    }

    fn not(key: &str, globs: &[&str]) -> Condition {
        Condition {
            key: key.to_owned(),
            any: Vec::new(),
            none: globs.iter().map(|glob| Pattern::glob(glob)).collect(),
        }
    }

    #[test]
    fn not_takes_what_has_no_such_fact_and_a_regex_is_found_anywhere() {
        let matcher: Matcher = [not("group", &["lab", "test-*"])].into_iter().collect();
        assert!(matcher.matches(|_| ["prod"; 1]) && matcher.matches(|_| [] as [&str; 0]));
        assert!(!matcher.matches(|_| ["prod", "lab"]) && !matcher.matches(|_| ["test-7"; 1]));
        let digits =
            Condition { any: vec![Pattern::Regex(Regex::new(r"-\d+$").unwrap())], ..not("name", &[]) };
        let matcher: Matcher = [digits].into_iter().collect();
        assert!(matcher.matches(|_| Some("fw-07")) && !matcher.matches(|_| Some("fw-07b")));
        assert_eq!(matcher.to_string(), r"name=/-\d+$/");
    }
}
