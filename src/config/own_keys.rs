//! The keys of a channel's or source's table that are the framework's own, apart from those of its kind.

use std::num::NonZeroUsize;

use serde::de::Deserialize;
use toml::Spanned;
use toml::de::{DeTable, ValueDeserializer};

use super::budget::Budget;
use super::diagnostics::At;
use super::reading::{Reading, shown_name};
use super::secrets;
use super::suggest;
use super::tables;
use super::tree::Table;
use crate::wording::language::Language;

/// The framework's own keys of a channel.
pub const OF_CHANNEL: [&str; 5] = ["kind", "max_in_flight", "budget", "template", "language"];
/// Those of a source.
pub const OF_SOURCE: [&str; 1] = ["kind"];

/// The framework's own keys, taken out of a table, and its kind if that is one of `known`.
pub struct Own<'t> {
    /// The kind, if it is one there is.
    pub kind: Option<Spanned<String>>,
    /// How many tries may be under way at once.
    pub max_in_flight: Option<NonZeroUsize>,
    /// How many tries there may be within a time.
    pub budget: Vec<Budget>,
    /// The name of a template.
    pub template: Option<Spanned<String>>,
    /// The language of its messages.
    pub language: Option<Language>,
    /// The keys of its kind.
    pub rest: Table<'t>,
}

/// Takes `keys` out of a table. Without a kind that is `known` the rest cannot be read.
pub fn own_keys<'t>(
    reading: &mut Reading<'_>,
    path: &str,
    table: Table<'t>,
    keys: &[&str],
    known: &[&str],
) -> Own<'t> {
    let place = table.span();
    let (mut own, mut rest) = (DeTable::new(), DeTable::new());
    let table = table.into_inner();
    let has_kind = table.contains_key("kind");
    for (key, value) in table {
        if !has_kind && suggest::nearest(key.get_ref(), keys.iter().copied()) == Some("kind") {
            reading.unknown_key(key.span(), key.get_ref(), keys);
        }
        let table = if keys.contains(&key.get_ref().as_ref()) { &mut own } else { &mut rest };
        table.insert(key, value);
    }
    let schema = tables::schema_of::<tables::Channel>();
    let read = reading.table(path, &schema, Spanned::new(place.clone(), own), |value| {
        tables::Channel::deserialize(ValueDeserializer::from(value))
    });
    let own = read.value.unwrap_or_default();
    let rest = Spanned::new(place, rest);
    let kind = own
        .kind
        .filter(|kind| known.contains(&kind.get_ref().as_str()) || unknown_kind(reading, kind, known));
    if kind.is_none() {
        // Without a kind nobody knows which of its values are secrets.
        rest.get_ref().values().for_each(|value| secrets::hide(&mut reading.findings, value));
    }
    Own {
        kind,
        max_in_flight: own.max_in_flight,
        budget: own.budget,
        template: own.template,
        language: own.language,
        rest,
    }
}

/// Tells that a kind is not known. It never is, hence the answer.
fn unknown_kind(reading: &mut Reading<'_>, kind: &Spanned<String>, known: &[&str]) -> bool {
    let name = shown_name(kind.get_ref());
    let help = suggest::help(&name, known.iter().copied());
    reading.findings.error(At::Place(kind.span()), format!("unknown kind `{name}`")).maybe_help(help);
    false
}
