//! Which files a configuration is read from besides its own.

use std::path::PathBuf;

use toml::de::{DeTable, DeValue};

use super::schema::Schema;

/// Adds the files that a table names: by keys that end in `_file` or whose schema says so, and where a secret is kept
/// in one.
pub fn named(schema: Schema<'_>, table: &DeTable<'_>, out: &mut Vec<PathBuf>) {
    for (key, value) in table {
        if let Some(schema) = schema.key(key.get_ref()) {
            of_value(schema, key.get_ref(), value.get_ref(), out);
        }
    }
}

fn of_value(schema: Schema<'_>, key: &str, value: &DeValue<'_>, out: &mut Vec<PathBuf>) {
    match value {
        DeValue::Table(reference) if schema.is_secret() => {
            out.extend(reference.get("file").and_then(|file| file.get_ref().as_str()).map(PathBuf::from));
        }
        DeValue::Table(table) => named(schema, table, out),
        DeValue::Array(items) => {
            let schema = schema.items().unwrap_or(schema);
            items.iter().for_each(|item| of_value(schema, key, item.get_ref(), out));
        }
        DeValue::String(path) if key.ends_with("_file") || schema.is_file() => {
            out.push(PathBuf::from(&**path));
        }
        _ => {}
    }
}
