//! A key by which a route groups.

use std::fmt;

use serde::de::{self, Deserialize, Deserializer, Visitor};

/// The longest, in characters.
const LONGEST: usize = 64;

/// A key as in `match`: `site`, `node`, `group`, or any label.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct GroupKey(pub String);

impl<'de> Deserialize<'de> for GroupKey {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(KeyVisitor)
    }
}

/// What it refuses is told at its own place.
struct KeyVisitor;

impl Visitor<'_> for KeyVisitor {
    type Value = GroupKey;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key, such as \"site\"")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<GroupKey, E> {
        if text.is_empty() || text.chars().count() > LONGEST || text.chars().any(char::is_control) {
            return Err(E::custom(format!("a key has 1 to {LONGEST} characters, and no control characters")));
        }
        Ok(GroupKey(text.to_owned()))
    }
}
