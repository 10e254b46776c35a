//! The one list of kinds. Everything that lists, checks or builds channels reads it.

use std::collections::BTreeMap;

use schemars::generate::{SchemaGenerator, SchemaSettings};
use schemars::{JsonSchema, Schema};
use serde::de::Deserialize;
use toml::Spanned;
use toml::de::{DeValue, Error as TomlError, ValueDeserializer};

use crate::error::BuildError;
use crate::notifier::{Capabilities, ChannelKind, Context, Notifier, Problem, Variable};
use crate::text::one_line;

/// The most characters of what a kind adds for templates.
const MAX_VARIABLE: usize = 300;

/// All kinds that a program can build, in the order they were added.
///
/// ```
/// use log_monitor_channels::{Registry, exec::Exec, log::Log};
///
/// let kinds = Registry::new().with::<Log>().with::<Exec>();
/// assert_eq!(kinds.iter().map(|kind| kind.name()).collect::<Vec<_>>(), ["log", "exec"]);
/// assert!(kinds.get("slack").is_none());
/// ```
#[derive(Debug, Clone, Default)]
pub struct Registry {
    kinds: Vec<Kind>,
}

impl Registry {
    /// A registry that knows nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a kind.
    ///
    /// # Panics
    /// When a kind of that name is there already: two implementations under one word is a mistake
    /// in the program, and it must show at start, not when a message is lost.
    #[must_use]
    pub fn with<K: ChannelKind>(mut self) -> Self {
        assert!(self.get(K::KIND).is_none(), "channel kind `{}` is registered twice", K::KIND);
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
    capabilities: Capabilities,
    variables: Vec<(&'static str, &'static str)>,
    schema: fn(&mut SchemaGenerator) -> Schema,
    decode: Decode,
}

impl Kind {
    fn of<K: ChannelKind>() -> Self {
        Self {
            name: K::KIND,
            capabilities: K::capabilities(),
            variables: K::variables().iter().map(|variable| (variable.name, variable.about)).collect(),
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

    /// What it can do.
    #[must_use]
    pub const fn capabilities(&self) -> Capabilities {
        self.capabilities
    }

    /// What templates of its channels can say besides, as `channel.NAME`, each with what it is.
    #[must_use]
    pub fn variables(&self) -> &[(&'static str, &'static str)] {
        &self.variables
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

    /// Reads a channel's table, without its `kind` key.
    ///
    /// # Errors
    /// The first mistake, with the span that the table's values carry.
    pub fn decode(&self, table: Spanned<DeValue<'_>>) -> Result<Box<dyn Decoded>, TomlError> {
        (self.decode)(table)
    }
}

/// A channel's table that has been read: it can be checked, and built once.
pub trait Decoded: Send {
    /// What [`ChannelKind::validate`] finds.
    fn validate(&self) -> Vec<Problem>;

    /// What [`ChannelKind::host`] says.
    fn host(&self) -> Option<String>;

    /// What [`ChannelKind::provider`] says of that host.
    fn provider(&self) -> Option<&'static str>;

    /// What [`ChannelKind::edits`] says.
    fn edits(&self) -> bool;

    /// What [`ChannelKind::variables`] say for it, each on one line.
    fn variables(&self) -> BTreeMap<&'static str, String>;

    /// What [`ChannelKind::build`] makes.
    ///
    /// # Errors
    /// As [`ChannelKind::build`].
    fn build(self: Box<Self>, context: &Context) -> Result<Box<dyn Notifier>, BuildError>;
}

struct Config<K: ChannelKind>(K::Config);

impl<K: ChannelKind> Decoded for Config<K> {
    fn validate(&self) -> Vec<Problem> {
        K::validate(&self.0)
    }

    fn host(&self) -> Option<String> {
        K::host(&self.0)
    }

    fn provider(&self) -> Option<&'static str> {
        K::provider(&K::host(&self.0)?)
    }

    fn edits(&self) -> bool {
        K::edits(&self.0)
    }

    fn variables(&self) -> BTreeMap<&'static str, String> {
        let said = |variable: Variable<K::Config>| one_line(&(variable.value)(&self.0), MAX_VARIABLE);
        K::variables().into_iter().map(|variable| (variable.name, said(variable))).collect()
    }

    fn build(self: Box<Self>, context: &Context) -> Result<Box<dyn Notifier>, BuildError> {
        K::build(self.0, context)
    }
}

#[cfg(test)]
mod tests {

    #[test]
    fn names_are_unique_and_every_key_is_documented() {
        for kind in crate::default_channels().iter() {
            let schema = kind.schema();
            for (key, about) in schema["properties"].as_object().into_iter().flatten() {
                assert!(about["description"].is_string(), "{}.{key} has no doc comment", kind.name());
            }
            assert_eq!(schema["additionalProperties"], false, "{} accepts unknown keys", kind.name());
        }
    }

    #[test]
    fn what_can_edit_has_a_key_that_says_whether_it_does() {
        for kind in crate::default_channels().iter() {
            let has_key = kind.schema()["properties"].get("on_resolve").is_some();
            assert_eq!(kind.capabilities().edit, has_key, "{}", kind.name());
        }
    }

    #[test]
    fn a_channel_edits_where_its_key_says_so() {
        let tables = [
            ("slack", "token = 't', channel = 'soc'"),
            ("discord", "webhook_url = 'https://a.example'"),
            ("telegram", "token = 't', chat_id = '1'"),
            ("matrix", "homeserver = 'https://a.example', token = 't', room_id = '!r:a.example'"),
        ];
        for (name, table) in tables {
            let edits = |more: &str| {
                let table = format!("{{ {table}{more} }}");
                let table = toml::de::DeValue::parse(&table).unwrap();
                crate::default_channels().get(name).unwrap().decode(table).unwrap().edits()
            };
            assert!(edits(", on_resolve = 'edit'") && !edits(""), "{name}");
        }
    }

    #[test]
    fn logs_and_programs_reach_no_person_and_all_others_do() {
        let kinds = crate::default_channels();
        let machines = kinds.iter().filter(|kind| !kind.capabilities().reaches_people);
        let mut names: Vec<&str> = machines.map(super::Kind::name).collect();
        names.sort_unstable();
        assert_eq!(names, ["exec", "log", "syslog", "wazuh"]);
    }

    #[test]
    #[should_panic(expected = "channel kind `log` is registered twice")]
    fn a_second_kind_of_one_name_is_refused_at_start() {
        let _ = crate::default_channels().with::<crate::log::Log>();
    }
}
