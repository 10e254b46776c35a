//! A table of a kind as one would write it, made from the kind's schema alone: every key with what it
//! means and its default, those that must be there set.

use std::fmt::Write as _;

use log_monitor_channels::registry::Kind;
use serde_json::{Value, json};

use super::model::max_in_flight;
use super::schema::Schema;
use super::tables;

/// The width of its comments.
const WIDTH: usize = 98;

/// `[channels.NAME]` of a kind.
#[must_use]
pub fn channel(kind: &Kind) -> String {
    let mut own = tables::schema_of::<tables::Channel>();
    own["properties"]["max_in_flight"]["default"] = json!(max_in_flight(kind.capabilities()));
    table("channels", kind.name(), &kind.schema(), &own)
}

/// `[section.NAME]` of a kind. `own` are the framework's keys of such a table.
#[must_use]
pub fn table(section: &str, kind: &str, schema: &Value, own: &Value) -> String {
    let mut text = format!("[{section}.NAME]\nkind = \"{kind}\"\n");
    for root in [schema, own] {
        let schema = Schema::new(root);
        let required: Vec<&str> = schema.required().collect();
        let (first, then): (Vec<_>, Vec<_>) = schema
            .properties()
            .filter(|(key, _)| *key != "kind")
            .partition(|(key, _)| required.contains(key));
        for (key, schema) in first.into_iter().chain(then) {
            comment(&mut text, schema.description().unwrap_or_default());
            let mark = if required.contains(&key) { "" } else { "#" };
            let _ = writeln!(text, "{mark}{key} = {}", value(kind, key, schema));
        }
    }
    text
}

/// Paragraphs become one; a line is no longer than [`WIDTH`].
fn comment(text: &mut String, about: &str) {
    let mut line = String::from("#");
    for word in about.split_whitespace() {
        if line.len() + 1 + word.len() > WIDTH {
            let _ = writeln!(text, "{line}");
            line = String::from("#");
        }
        line = line + " " + word;
    }
    let _ = writeln!(text, "{line}");
}

/// The default, or something of the right form.
fn value(kind: &str, key: &str, schema: Schema<'_>) -> String {
    if schema.is_secret() {
        return format!("{{ env = \"{}_{}\" }}", kind.to_uppercase(), key.to_uppercase());
    }
    if let Some(value) = schema.default().or_else(|| schema.example()) {
        return toml(value);
    }
    match ["boolean", "integer", "number", "array", "object"].into_iter().find(|kind| schema.takes(kind)) {
        Some("boolean") => "false".to_owned(),
        // An example is needed, for no number is right by its form alone: a test sees to that.
        Some("integer" | "number") => "0".to_owned(),
        Some("array") => "[\"…\"]".to_owned(),
        Some("object") => "{}".to_owned(),
        _ => schema.first_choice().map_or_else(|| "\"…\"".to_owned(), |choice| format!("\"{choice}\"")),
    }
}

fn toml(value: &Value) -> String {
    toml::Value::try_from(value).map_or_else(|_| value.to_string(), |value| value.to_string())
}

#[cfg(test)]
mod tests {
    use log_monitor_channels::default_channels;

    use super::*;
    use crate::source::default_sources;

    /// The example of every kind, with its schema.
    fn examples() -> Vec<(&'static str, Value, String)> {
        let (channels, sources) = (default_channels(), default_sources());
        let channels = channels.iter().map(|kind| (kind.name(), kind.schema(), channel(kind)));
        let sources = sources.iter().map(|kind| {
            (kind.name(), kind.schema(), table("sources", kind.name(), &kind.schema(), &Value::Null))
        });
        channels.chain(sources).collect()
    }

    /// All keys of an example, those that are commented out too.
    fn read(shown: &str) -> toml::Table {
        let all = shown.replace("\n#", "\n").replace("\n ", "\n# ");
        let read: toml::Table = toml::from_str(&all).unwrap_or_else(|error| panic!("{error}\n{all}"));
        let section = read.values().next().and_then(|section| section["NAME"].as_table());
        section.unwrap().clone()
    }

    #[test]
    fn the_example_of_every_kind_is_toml_with_every_key() {
        for (kind, schema, shown) in examples() {
            let read = read(&shown);
            for (key, _) in Schema::new(&schema).properties() {
                assert!(read.contains_key(key), "{kind}.{key}\n{shown}");
            }
        }
    }

    #[test]
    fn no_number_of_an_example_is_made_up() {
        for (kind, schema, _) in examples() {
            for (key, schema) in Schema::new(&schema).properties() {
                let number = schema.takes("integer") || schema.takes("number");
                let known = schema.default().or_else(|| schema.example()).is_some();
                assert!(!number || known || schema.is_secret(), "{kind}.{key} needs a default or an example");
            }
        }
        let channels = default_channels();
        let shown = |kind: &str, key: &str| read(&channel(channels.get(kind).unwrap()))[key].as_integer();
        assert_eq!(shown("email", "port"), Some(587));
        assert_eq!(shown("syslog", "port"), Some(514));
        assert_eq!((shown("slack", "max_in_flight"), shown("exec", "max_in_flight")), (Some(4), Some(1)));
    }
}
