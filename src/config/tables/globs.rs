//! One text or a list of texts, each with its place.

use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{self, Deserialize, Deserializer, SeqAccess, Visitor};
use toml::Spanned;

/// One glob or several, of which one is enough.
#[derive(Debug)]
pub struct Globs(Vec<Spanned<String>>);

impl Globs {
    /// The globs as texts.
    pub fn texts(&self) -> Vec<&str> {
        self.0.iter().map(|glob| glob.get_ref().as_str()).collect()
    }

    /// The globs with their places; `whole` is the place of all.
    pub fn placed(
        &self,
        whole: std::ops::Range<usize>,
    ) -> impl Iterator<Item = (&str, std::ops::Range<usize>)> {
        self.0.iter().map(move |glob| {
            let own = glob.span();
            (glob.get_ref().as_str(), if own.end == 0 { whole.clone() } else { own })
        })
    }
}

impl JsonSchema for Globs {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Globs".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "a glob (* any text, ? one character), or a list of them",
            "oneOf": [{ "type": "string" }, { "type": "array", "items": { "type": "string" } }]
        })
    }
}

impl<'de> Deserialize<'de> for Globs {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(GlobsVisitor)
    }
}

struct GlobsVisitor;

impl<'de> Visitor<'de> for GlobsVisitor {
    type Value = Globs;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string or a list of strings")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Globs, E> {
        // A visitor is not told where it is; the caller knows.
        Ok(Globs(vec![Spanned::new(0..0, text.to_owned())]))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Globs, A::Error> {
        let mut globs = Vec::new();
        while let Some(glob) = seq.next_element()? {
            globs.push(glob);
        }
        if globs.is_empty() {
            return Err(de::Error::custom("an empty list matches nothing"));
        }
        Ok(Globs(globs))
    }
}
