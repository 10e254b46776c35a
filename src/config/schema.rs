//! Reading a JSON Schema as schemars writes it: which keys a table has, which must be there, and
//! which of them are secrets.

use log_monitor_channels::secret;
use serde_json::Value;

/// A part of a schema.
#[derive(Debug, Clone, Copy)]
pub struct Schema<'s> {
    root: &'s Value,
    /// As written at the key, with its description and default.
    written: &'s Value,
    /// What it means, references followed and `Option` unwrapped.
    means: &'s Value,
    secret: bool,
}

impl<'s> Schema<'s> {
    /// The schema as a whole.
    #[must_use]
    pub fn new(root: &'s Value) -> Self {
        Self::at(root, root)
    }

    fn at(root: &'s Value, written: &'s Value) -> Self {
        let (mut means, mut is_secret) = (written, false);
        // A bound, should a schema ever refer to itself.
        for _ in 0..16 {
            let some = means["anyOf"].as_array().and_then(|options| {
                let null = |option: &&Value| option["type"] == "null";
                (options.len() == 2 && options.iter().any(|o| null(&o)))
                    .then(|| options.iter().find(|o| !null(o)))?
            });
            if let Some(inner) = some {
                means = inner;
            } else if let Some(name) = means["$ref"].as_str().and_then(|r| r.strip_prefix("#/$defs/")) {
                is_secret |= name == secret::SCHEMA_NAME;
                means = &root["$defs"][name];
            } else {
                break;
            }
        }
        Self { root, written, means, secret: is_secret }
    }

    /// Of a value that may be a text or a table, what it is as a table.
    fn as_table(self) -> &'s Value {
        let table = |options: &'s Value| options.as_array()?.iter().find(|one| one["type"] == "object");
        table(&self.means["oneOf"]).unwrap_or(self.means)
    }

    /// Keys with their schemas, in the order of the schema.
    pub fn properties(self) -> impl Iterator<Item = (&'s str, Schema<'s>)> {
        let properties = self.as_table()["properties"].as_object().filter(|_| !self.secret);
        properties.into_iter().flatten().map(move |(key, value)| (key.as_str(), Self::at(self.root, value)))
    }

    /// The schema of one key: its own, or that of all keys of a map.
    #[must_use]
    pub fn key(self, key: &str) -> Option<Schema<'s>> {
        let own = self.as_table()["properties"].get(key).filter(|_| !self.secret);
        let any = || self.means.get("additionalProperties").filter(|any| any.is_object());
        own.or_else(any).map(|value| Self::at(self.root, value))
    }

    /// The schema of a list's items.
    #[must_use]
    pub fn items(self) -> Option<Schema<'s>> {
        self.means.get("items").map(|items| Self::at(self.root, items))
    }

    /// Whether keys that it does not name are mistakes.
    #[must_use]
    pub fn is_closed(self) -> bool {
        self.as_table()["additionalProperties"] == false && !self.secret
    }

    /// Whether it is a table and nothing else.
    #[must_use]
    pub fn is_table(self) -> bool {
        self.means["type"] == "object" && !self.secret
    }

    /// Keys that must be there.
    pub fn required(self) -> impl Iterator<Item = &'s str> {
        let required = self.means["required"].as_array().filter(|_| !self.secret);
        required.into_iter().flatten().filter_map(Value::as_str)
    }

    /// Whether its values are never shown.
    #[must_use]
    pub const fn is_secret(self) -> bool {
        self.secret
    }

    /// Whether its values are names of files that are read.
    #[must_use]
    pub fn is_file(self) -> bool {
        self.means["format"] == "file"
    }

    /// Whether it takes values of a JSON type, such as `integer`.
    #[must_use]
    pub fn takes(self, kind: &str) -> bool {
        let listed = |schema: &Value| match &schema["type"] {
            Value::String(only) => only == kind,
            Value::Array(several) => several.iter().any(|one| one == kind),
            _ => false,
        };
        let options = ["oneOf", "anyOf"].into_iter().filter_map(|key| self.means[key].as_array());
        listed(self.means)
            || options.flatten().any(listed)
            || kind == "string" && self.means["enum"].is_array()
            || kind == "string"
                && self.means["oneOf"].as_array().is_some_and(|o| o.iter().any(|o| o["const"].is_string()))
    }

    /// The first of the texts that it takes, where only some are.
    #[must_use]
    pub fn first_choice(self) -> Option<&'s str> {
        let listed = self.means["enum"].as_array().and_then(|texts| texts.first()?.as_str());
        listed.or_else(|| self.means["oneOf"].as_array()?.first()?["const"].as_str())
    }

    /// What is used when the key is absent; `None` when that is nothing in particular.
    #[must_use]
    pub fn default(self) -> Option<&'s Value> {
        self.written.get("default").filter(|value| !value.is_null())
    }

    /// A value as it may be, where there is no default that is a value.
    #[must_use]
    pub fn example(self) -> Option<&'s Value> {
        self.written["examples"].get(0)
    }

    /// The doc comment.
    #[must_use]
    pub fn description(self) -> Option<&'s str> {
        self.written["description"].as_str()
    }
}
