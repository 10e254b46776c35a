//! What a key of a `match` must be: a glob, a list of them, or a table that says more.

use std::fmt;
use std::ops::Range;

use regex_lite::Regex;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer, StrDeserializer};
use serde::de::{self, Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use toml::Spanned;

use super::Globs;
use crate::config::matcher::{Condition, Pattern};

/// The patterns of one key.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Table {
    any: Option<Globs>,
    not: Option<Globs>,
    regex: Option<Expression>,
}

/// The same, written in any of the three forms.
#[derive(Debug)]
pub struct Patterns(Table);

impl Patterns {
    /// What `key` must be.
    pub fn condition(&self, key: &str) -> Condition {
        let globs = |globs: &Option<Globs>| -> Vec<Pattern> {
            globs.iter().flat_map(Globs::texts).map(Pattern::glob).collect()
        };
        let mut any = globs(&self.0.any);
        any.extend(self.0.regex.as_ref().map(|regex| Pattern::Regex(regex.0.clone())));
        Condition { key: key.to_owned(), any, none: globs(&self.0.not) }
    }

    /// Every glob with its place; `whole` is the place of all.
    pub fn globs(&self, whole: &Range<usize>) -> impl Iterator<Item = (&str, Range<usize>)> {
        let listed = self.0.any.iter().chain(&self.0.not);
        listed.flat_map(move |globs| globs.placed(whole.clone()))
    }
}

impl JsonSchema for Patterns {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Patterns".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let globs = generator.subschema_for::<Globs>().to_value();
        json_schema!({
            "description": "a glob (* any text, ? one character), a list of them, or a table: any of these, not one of those, or a regex",
            "oneOf": [
                { "type": "string" },
                { "type": "array", "items": { "type": "string" } },
                { "type": "object", "additionalProperties": false,
                  "properties": { "any": globs, "not": globs, "regex": { "type": "string" } } },
            ]
        })
    }
}

impl<'de> Deserialize<'de> for Patterns {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(PatternsVisitor)
    }
}

struct PatternsVisitor;

impl<'de> Visitor<'de> for PatternsVisitor {
    type Value = Patterns;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string, a list of strings, or a table with `any`, `not` or `regex`")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Patterns, E> {
        let any = Some(Globs::deserialize(StrDeserializer::new(text))?);
        Ok(Patterns(Table { any, ..Table::default() }))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<Patterns, A::Error> {
        let any = Some(Globs::deserialize(SeqAccessDeserializer::new(seq))?);
        Ok(Patterns(Table { any, ..Table::default() }))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Patterns, A::Error> {
        Table::deserialize(MapAccessDeserializer::new(map)).map(Patterns)
    }
}

/// A regular expression that has been compiled.
#[derive(Debug)]
struct Expression(Regex);

impl<'de> Deserialize<'de> for Expression {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Spanned::<String>::deserialize(deserializer)?;
        Regex::new(text.get_ref())
            .map(Self)
            .map_err(|error| de::Error::custom(format!("not a regular expression: {error}")))
    }
}
