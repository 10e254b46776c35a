//! Tables with names, as `[channels.NAME]`: what a name may be, and that each is a table.

use toml::Spanned;
use toml::de::DeValue;

use super::diagnostics::At;
use super::reading::{Reading, joined};
use super::secrets;
use super::tree::{Node, Table};

/// The longest name of a source, watch or channel, in characters.
const MAX_NAME: usize = 64;

/// A family of named tables: every name there is, and what could be read of them.
pub struct Family<T> {
    /// Also of tables that could not be read, so that using them is no second mistake.
    pub names: Vec<String>,
    /// Those without a mistake.
    pub items: Vec<T>,
}

/// Reads every table of a section.
pub fn family<'t, T>(
    reading: &mut Reading<'_>,
    section: &str,
    node: Option<Node<'t>>,
    mut read: impl FnMut(&mut Reading<'_>, &str, Table<'t>) -> Option<T>,
) -> Family<T> {
    let mut family = Family { names: Vec::new(), items: Vec::new() };
    for (key, node) in table_of(reading, section, node).map(Spanned::into_inner).into_iter().flatten() {
        let name = key.get_ref().to_string();
        let path = joined(section, &name);
        if name.is_empty() || name.chars().any(char::is_control) || name.chars().count() > MAX_NAME {
            let message = format!("a name has 1 to {MAX_NAME} characters, and no control characters");
            reading.findings.error(At::Place(key.span()), message);
            // Nobody reads it, so nobody else hides what it holds.
            secrets::hide(&mut reading.findings, &node);
            continue;
        }
        if let Some(table) = table_of(reading, &path, Some(node)) {
            family.items.extend(read(reading, &name, table));
        }
        family.names.push(name);
    }
    family
}

/// The value as a table, or a mistake.
pub fn table_of<'t>(reading: &mut Reading<'_>, path: &str, node: Option<Node<'t>>) -> Option<Table<'t>> {
    let node = node?;
    let place = node.span();
    match node.into_inner() {
        DeValue::Table(table) => Some(Spanned::new(place, table)),
        other => {
            let other = Spanned::new(place.clone(), other);
            secrets::hide(&mut reading.findings, &other);
            let other = other.into_inner();
            let message = format!("`{path}`: expected a table, found {}", article(other.type_str()));
            reading.findings.error(At::Place(place), message);
            None
        }
    }
}

/// What TOML calls `word`, as Serde's words are told: `a list`, `an integer`.
pub fn article(word: &str) -> String {
    let word = if word == "array" { "list" } else { word };
    let vowel = word.starts_with(['a', 'e', 'i', 'o', 'u']);
    format!("{} {word}", if vowel { "an" } else { "a" })
}
