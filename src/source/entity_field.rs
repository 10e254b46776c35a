//! The value of `entity_field`: the name of a field, or a list of them.

use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Deserialize, Deserializer, Error, SeqAccess, Visitor};
use serde::ser::{Serialize, Serializer};

/// The most fields that tell entities apart.
pub const MOST: usize = 8;

/// Fields whose values together tell entities apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EntityField(Vec<String>);

impl EntityField {
    /// One field.
    #[must_use]
    pub fn one(name: &str) -> Self {
        Self(vec![name.to_owned()])
    }

    /// The names of the fields, at least one.
    #[must_use]
    pub fn names(&self) -> &[String] {
        &self.0
    }
}

impl JsonSchema for EntityField {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "EntityField".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "the name of a field, or a list of them",
            "oneOf": [{ "type": "string" }, { "type": "array", "items": { "type": "string" } }]
        })
    }
}

impl Serialize for EntityField {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.names() {
            [name] => name.serialize(serializer),
            names => names.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for EntityField {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NamesVisitor)
    }
}

struct NamesVisitor;

impl<'de> Visitor<'de> for NamesVisitor {
    type Value = EntityField;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string or a list of strings")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<EntityField, E> {
        Ok(EntityField::one(text))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<EntityField, A::Error> {
        let mut names: Vec<String> = Vec::new();
        while let Some(name) = seq.next_element()? {
            if names.contains(&name) {
                return Err(A::Error::custom(format!("`{name}` is in the list twice")));
            }
            names.push(name);
        }
        match names.len() {
            1..=MOST => Ok(EntityField(names)),
            _ => Err(A::Error::custom(format!("a list of 1 to {MOST} fields is expected"))),
        }
    }
}
