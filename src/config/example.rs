//! A table of a kind as one would write it, made from the kind's schema alone: every key with what it
//! means and its default, those that must be there set.

use std::fmt::Write as _;

use serde_json::Value;

use super::schema::Schema;

/// The width of its comments.
const WIDTH: usize = 98;

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
    if let Some(default) = schema.default() {
        return toml(default);
    }
    match ["boolean", "integer", "number", "array", "object"].into_iter().find(|kind| schema.takes(kind)) {
        Some("boolean") => "false".to_owned(),
        Some("integer" | "number") => "1".to_owned(),
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
    use crate::config::tables;
    use crate::source::default_sources;

    #[test]
    fn the_example_of_every_kind_is_toml_with_every_key() {
        let own = tables::schema_of::<tables::Channel>();
        let channels = default_channels();
        let sources = default_sources();
        let channels = channels.iter().map(|kind| ("channels", kind.name(), kind.schema()));
        for (section, kind, schema) in
            channels.chain(sources.iter().map(|k| ("sources", k.name(), k.schema())))
        {
            let shown = table(section, kind, &schema, &own);
            let all = shown.replace("\n#", "\n").replace("\n ", "\n# ");
            let read: toml::Table = toml::from_str(&all).unwrap_or_else(|error| panic!("{error}\n{all}"));
            let read = read[section]["NAME"].as_table().unwrap();
            for (key, _) in Schema::new(&schema).properties() {
                assert!(read.contains_key(key), "{kind}.{key}\n{shown}");
            }
        }
    }
}
