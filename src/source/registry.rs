//! The one list of source kinds, in the form of the channels' registry.

use schemars::generate::{SchemaGenerator, SchemaSettings};
use schemars::{JsonSchema, Schema};
use serde::de::{Deserialize, DeserializeOwned};
use toml::Spanned;
use toml::de::{DeValue, Error as TomlError, ValueDeserializer};

use log_monitor_channels::{BuildError, Problem};

use super::{Sees, Source};

/// A kind of source: its name, its configuration, and how to build a [`Source`] from it.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a source kind",
    note = "implement `SourceKind` for it: KIND, Config and build (see examples/custom_source.rs)"
)]
pub trait SourceKind: 'static {
    /// The word after `kind =`.
    const KIND: &'static str;

    /// What it can see.
    const SEES: Sees = Sees::Documents;

    /// The keys of its table, `kind` excepted; see `ChannelKind::Config` for the rules.
    type Config: DeserializeOwned + JsonSchema + Send + 'static;

    /// Finds what the types cannot say. Pure.
    #[must_use]
    fn validate(_config: &Self::Config) -> Vec<Problem> {
        Vec::new()
    }

    /// What the keys of its entities are. Pure.
    #[must_use]
    fn keys(_config: &Self::Config) -> Keys {
        Keys::Agents
    }

    /// Whether its list of agents tells what rules can match on: their `name`, `group` or `node`. Pure.
    #[must_use]
    fn tells(_config: &Self::Config, _key: &str) -> bool {
        true
    }

    /// Builds the source. Opens no connection and spawns nothing.
    ///
    /// # Errors
    /// When a part of it cannot be made, such as a TLS configuration from a CA file.
    fn build(config: Self::Config, context: &SourceContext) -> Result<Box<dyn Source>, BuildError>;
}

/// What the keys of a source's entities are: what one source says of a key helps another only where they
/// are the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keys {
    /// Ids of agents, as every source of agents knows them.
    Agents,
    /// The values of so many fields.
    Fields(usize),
}

/// What the program lends to [`SourceKind::build`].
#[derive(Debug, Clone)]
pub struct SourceContext {
    /// The source's name in the configuration.
    pub name: String,
}

/// All kinds of source, in the order they were added.
#[derive(Debug, Clone, Default)]
pub struct SourceRegistry {
    kinds: Vec<Kind>,
}

impl SourceRegistry {
    /// A registry that knows nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a kind.
    ///
    /// # Panics
    /// When a kind of that name is there already.
    #[must_use]
    pub fn with<K: SourceKind>(mut self) -> Self {
        assert!(self.get(K::KIND).is_none(), "source kind `{}` is registered twice", K::KIND);
        self.kinds.push(Kind::of::<K>());
        self
    }

    /// The kind of that name.
    #[must_use]
    pub fn get(&self, kind: &str) -> Option<&Kind> {
        self.kinds.iter().find(|entry| entry.name == kind)
    }

    /// Every kind.
    pub fn iter(&self) -> impl Iterator<Item = &Kind> {
        self.kinds.iter()
    }
}

type Decode = fn(Spanned<DeValue<'_>>) -> Result<Box<dyn Decoded>, TomlError>;

/// One kind with its types erased.
#[derive(Debug, Clone)]
pub struct Kind {
    name: &'static str,
    sees: Sees,
    schema: fn(&mut SchemaGenerator) -> Schema,
    decode: Decode,
}

impl Kind {
    fn of<K: SourceKind>() -> Self {
        Self {
            name: K::KIND,
            sees: K::SEES,
            schema: K::Config::json_schema,
            decode: |table| {
                let config = K::Config::deserialize(ValueDeserializer::from(table))?;
                Ok(Box::new(Config::<K>(config)))
            },
        }
    }

    /// The word after `kind =`.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// What it can see.
    #[must_use]
    pub const fn sees(&self) -> Sees {
        self.sees
    }

    /// JSON Schema (2020-12) of its table, `kind` excepted.
    #[must_use]
    pub fn schema(&self) -> serde_json::Value {
        let mut generator = SchemaSettings::draft2020_12().into_generator();
        let mut schema = self.schema_in(&mut generator);
        schema.insert("$defs".to_owned(), generator.take_definitions(true).into());
        schema.to_value()
    }

    /// The same as a part of a larger schema; what it refers to is added to `generator`.
    pub fn schema_in(&self, generator: &mut SchemaGenerator) -> Schema {
        (self.schema)(generator)
    }

    /// Reads a source's table, without its `kind` key.
    ///
    /// # Errors
    /// The first mistake, with the span that the table's values carry.
    pub fn decode(&self, table: Spanned<DeValue<'_>>) -> Result<Box<dyn Decoded>, TomlError> {
        (self.decode)(table)
    }
}

/// A source's table that has been read.
pub trait Decoded: Send {
    /// What [`SourceKind::validate`] finds.
    fn validate(&self) -> Vec<Problem>;

    /// What [`SourceKind::keys`] says.
    fn keys(&self) -> Keys;

    /// What [`SourceKind::tells`] says.
    fn tells(&self, key: &str) -> bool;

    /// What [`SourceKind::build`] makes.
    ///
    /// # Errors
    /// As [`SourceKind::build`].
    fn build(self: Box<Self>, context: &SourceContext) -> Result<Box<dyn Source>, BuildError>;
}

struct Config<K: SourceKind>(K::Config);

impl<K: SourceKind> Decoded for Config<K> {
    fn validate(&self) -> Vec<Problem> {
        K::validate(&self.0)
    }

    fn keys(&self) -> Keys {
        K::keys(&self.0)
    }

    fn tells(&self, key: &str) -> bool {
        K::tells(&self.0, key)
    }

    fn build(self: Box<Self>, context: &SourceContext) -> Result<Box<dyn Source>, BuildError> {
        K::build(self.0, context)
    }
}

#[cfg(test)]
mod tests {
    use crate::source::{default_sources, indexer::Indexer};

    #[test]
    fn every_key_of_every_kind_is_documented_and_unknown_keys_are_refused() {
        for kind in default_sources().iter() {
            let schema = kind.schema();
            for (key, about) in schema["properties"].as_object().into_iter().flatten() {
                assert!(about["description"].is_string(), "{}.{key} has no doc comment", kind.name());
            }
            assert_eq!(schema["additionalProperties"], false, "{} accepts unknown keys", kind.name());
        }
    }

    #[test]
    #[should_panic(expected = "source kind `indexer` is registered twice")]
    fn a_second_kind_of_one_name_is_refused_at_start() {
        let _ = default_sources().with::<Indexer>();
    }
}
