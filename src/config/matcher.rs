//! Matchers of classes and routes: every key must match; of a key's globs one is enough.

use wildmatch::WildMatch;

/// A set of conditions. An empty one matches everything.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Matcher {
    conditions: Vec<(String, Vec<WildMatch>)>,
}

impl Matcher {
    /// A matcher from keys and their globs (`*` any text, `?` one character).
    pub fn new<K: Into<String>, G: AsRef<str>>(conditions: impl IntoIterator<Item = (K, Vec<G>)>) -> Self {
        let compile = |globs: Vec<G>| globs.iter().map(|glob| WildMatch::new(glob.as_ref())).collect();
        Self { conditions: conditions.into_iter().map(|(key, globs)| (key.into(), compile(globs))).collect() }
    }

    /// Whether the facts, looked up by key, satisfy every condition. Of several facts under one key
    /// (the groups of an agent) one is enough; a fact that is not there satisfies none.
    #[must_use]
    pub fn matches<'a, F: IntoIterator<Item = &'a str>>(&self, facts: impl Fn(&str) -> F) -> bool {
        let one_of = |globs: &[WildMatch], value: &str| globs.iter().any(|glob| glob.matches(value));
        self.conditions.iter().all(|(key, globs)| facts(key).into_iter().any(|value| one_of(globs, value)))
    }

    /// Whether it asks for this key.
    #[must_use]
    pub fn asks_for(&self, key: &str) -> bool {
        self.conditions.iter().any(|(known, _)| known == key)
    }

    /// Whether it matches everything.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.conditions.is_empty()
    }
}

impl std::fmt::Display for Matcher {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.conditions.is_empty() {
            return f.write_str("everything");
        }
        for (at, (key, globs)) in self.conditions.iter().enumerate() {
            let globs = globs.iter().map(ToString::to_string).collect::<Vec<_>>().join("|");
            write!(f, "{}{key}={globs}", if at == 0 { "" } else { " " })?;
        }
        Ok(())
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
}
