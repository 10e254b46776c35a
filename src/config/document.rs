//! The JSON Schema of a whole configuration file, for editors: the framework's own tables, and one
//! for each kind that the registries know.

use log_monitor_channels::Registry;
use schemars::generate::{SchemaGenerator, SchemaSettings};
use schemars::{JsonSchema, Schema};
use serde_json::{Map, Value, json};

use super::tables;
use crate::source::SourceRegistry;

/// The schema (2020-12). A file that it refuses is refused by the program, too; what only the program
/// finds are names of nothing, files that are missing, and the like.
#[must_use]
pub fn schema(channels: &Registry, sources: &SourceRegistry) -> Value {
    let mut generator = SchemaSettings::draft2020_12().into_generator();
    let generator = &mut generator;
    let own = tables::Channel::json_schema(generator);
    let channel_kinds = channels.iter().map(|kind| (kind.name(), kind.schema_in(generator))).collect();
    let kind_only = only_kind(&own);
    let source_kinds = sources.iter().map(|kind| (kind.name(), kind.schema_in(generator))).collect();
    let mut properties = tables::Top::json_schema(generator).get("properties").cloned().unwrap_or_default();
    let mut add = |name: &str, about: &str, mut schema: Value| {
        schema["description"] = about.into();
        properties[name] = schema;
    };
    add("sources", "Where it is read who logs: `[sources.NAME]`.", named(&kinded(&kind_only, source_kinds)));
    add("watches", "Who is watched: `[watches.NAME]`.", named(&part::<tables::Watch>(generator)));
    add(
        "channels",
        "How people are told: `[channels.NAME]`.",
        named(&kinded(&properties_of(&own), channel_kinds)),
    );
    let routes = json!({ "type": "array", "items": part::<tables::Route>(generator) });
    add("routes", "Who is told of what, in order: `[[routes]]`.", routes);
    add("catch_all", "Who is told of what no route took.", part::<tables::CatchAll>(generator));
    add("health", "Who is told of channels that do not work.", part::<tables::Health>(generator));
    add("templates", "Words of one's own: `[templates.NAME]`.", named(&part::<tables::Template>(generator)));
    add("links", "Where people see more, by the word that messages show.", part::<tables::Links>(generator));
    add("journal", "Where everything is remembered.", part::<tables::Journal>(generator));
    add("log", "log-monitor's own log.", part::<tables::Log>(generator));
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "log-monitor.toml",
        "type": "object",
        "properties": properties,
        "additionalProperties": false,
        "$defs": generator.take_definitions(true),
    })
}

fn part<T: JsonSchema>(generator: &mut SchemaGenerator) -> Value {
    generator.subschema_for::<T>().to_value()
}

/// Tables of any name.
fn named(table: &Value) -> Value {
    json!({ "type": "object", "additionalProperties": table })
}

fn properties_of(schema: &Schema) -> Map<String, Value> {
    schema.get("properties").and_then(Value::as_object).cloned().unwrap_or_default()
}

fn only_kind(schema: &Schema) -> Map<String, Value> {
    properties_of(schema).into_iter().filter(|(key, _)| key == "kind").collect()
}

/// A table of one of some kinds, which have the framework's `own` keys beside those of theirs. `kind`
/// decides which of them must hold, so that an editor names the key that is wrong and not every kind.
fn kinded(own: &Map<String, Value>, kinds: Vec<(&str, Schema)>) -> Value {
    let names: Vec<&str> = kinds.iter().map(|(name, _)| *name).collect();
    let one = |(name, schema): (&str, Schema)| {
        let mut properties = properties_of(&schema);
        properties.extend(own.clone());
        let mut schema = schema.to_value();
        schema["properties"] = properties.into();
        json!({ "if": { "properties": { "kind": { "const": name } } }, "then": schema })
    };
    let mut kind = own["kind"].clone();
    kind["enum"] = json!(names);
    json!({
        "type": "object",
        "properties": { "kind": kind },
        "required": ["kind"],
        "allOf": kinds.into_iter().map(one).collect::<Vec<_>>(),
    })
}
