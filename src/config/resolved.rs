//! Every value that holds, and where it came from, as text: this is all that is ever printed of a
//! configuration.

use std::collections::BTreeMap;

use serde_json::Value;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::reading::{joined, shown_name};
use super::schema::Schema;
use super::secrets::user_in;
use super::source_map::{Origin, SourceMap};

/// What is shown in a secret's place.
pub const HIDDEN: &str = "****";

/// One value that holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resolved {
    /// Its dotted path, such as `channels.soc.webhook_url`.
    pub path: String,
    /// The value as TOML writes it; `****` for a secret.
    pub value: String,
    /// Where it was set; `None` for a default.
    pub origin: Option<Origin>,
}

/// Where the value at a path was set; `None` for a default.
#[must_use]
pub fn origin<'v>(values: &'v [Resolved], path: &str) -> Option<&'v Origin> {
    values.iter().find(|value| value.path == path)?.origin.as_ref()
}

/// Adds the values of a table, then the defaults of the keys that it leaves out.
pub fn collect(
    map: &SourceMap,
    out: &mut Vec<Resolved>,
    path: &str,
    schema: Schema<'_>,
    table: &DeTable<'_>,
) {
    for (key, value) in table {
        let below = joined(path, key.get_ref());
        let schema = schema.key(key.get_ref());
        match (value.get_ref(), schema) {
            (DeValue::Table(table), Some(schema)) if !schema.is_secret() => {
                collect(map, out, &below, schema, table);
            }
            _ => out.push(Resolved {
                path: below,
                value: shown(schema, value),
                origin: map.origin(&key.span()),
            }),
        }
    }
    for (key, schema) in schema.properties().filter(|(key, _)| !table.contains_key(*key)) {
        if let Some(default) = schema.default().filter(|default| !is_empty(default)) {
            let value = json(default);
            out.push(Resolved { path: joined(path, key), value, origin: None });
        }
    }
}

/// Where each table of a list was set, by its number, and each value of it: `watches.default.classes[2].grace`.
pub fn collect_items(
    map: &SourceMap,
    out: &mut BTreeMap<String, Origin>,
    path: &str,
    schema: Schema<'_>,
    list: &Spanned<DeValue<'_>>,
) {
    let (DeValue::Array(items), Some(schema)) = (list.get_ref(), schema.items()) else { return };
    for (number, item) in (1..).zip(items) {
        let DeValue::Table(table) = item.get_ref() else { continue };
        let path = format!("{path}[{number}]");
        let mut values = Vec::new();
        collect(map, &mut values, &path, schema, table);
        out.extend(map.origin(&item.span()).map(|origin| (path, origin)));
        out.extend(values.into_iter().filter_map(|value| Some((value.path, value.origin?))));
    }
}

/// The dotted path of `keys` below another one.
#[must_use]
pub fn path(base: &str, keys: &[&str]) -> String {
    keys.iter().fold(base.to_owned(), |path, key| joined(&path, key))
}

fn is_empty(value: &Value) -> bool {
    value.as_array().is_some_and(Vec::is_empty) || value.as_object().is_some_and(serde_json::Map::is_empty)
}

/// A value as TOML writes it; `****` where the schema says secret.
pub fn shown(schema: Option<Schema<'_>>, value: &Spanned<DeValue<'_>>) -> String {
    let secret = schema.is_some_and(Schema::is_secret);
    match value.get_ref() {
        DeValue::Table(_) if secret => format!("{HIDDEN} from {}", shown(None, value)),
        DeValue::Table(table) if table.is_empty() => "{}".to_owned(),
        DeValue::Table(table) => {
            let one = |(key, value): (&Spanned<_>, &Spanned<DeValue<'_>>)| {
                let key: &std::borrow::Cow<'_, str> = key.get_ref();
                let below = schema.filter(|_| !secret).and_then(|schema| schema.key(key));
                format!("{} = {}", joined("", key), shown(below, value))
            };
            format!("{{ {} }}", table.iter().map(one).collect::<Vec<_>>().join(", "))
        }
        DeValue::Array(items) => {
            let schema = schema.and_then(|schema| if secret { Some(schema) } else { schema.items() });
            let items: Vec<String> = items.iter().map(|item| shown(schema, item)).collect();
            format!("[{}]", items.join(", "))
        }
        _ if secret => HIDDEN.to_owned(),
        DeValue::String(text) => quoted(text),
        DeValue::Integer(number) => number.to_string(),
        DeValue::Float(number) => number.to_string(),
        DeValue::Boolean(yes) => yes.to_string(),
        DeValue::Datetime(time) => time.to_string(),
    }
}

/// A text in quotes, on one line, the password in an address hidden.
pub fn quoted(text: &str) -> String {
    let text = match user_in(text) {
        Some((start, end)) => format!("{}{HIDDEN}{}", &text[..start], &text[end..]),
        None => text.to_owned(),
    };
    let text: String = text.chars().flat_map(char::escape_debug).collect();
    format!("\"{}\"", text.replace("\\'", "'"))
}

fn json(value: &Value) -> String {
    match value {
        Value::String(text) => quoted(text),
        Value::Array(items) => format!("[{}]", items.iter().map(json).collect::<Vec<_>>().join(", ")),
        Value::Object(map) => {
            let one = |(key, value): (&String, &Value)| format!("{} = {}", shown_name(key), json(value));
            format!("{{ {} }}", map.iter().map(one).collect::<Vec<_>>().join(", "))
        }
        other => other.to_string(),
    }
}
