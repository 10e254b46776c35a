//! The `[sources.NAME]` and `[channels.NAME]` tables: which kind, the framework's own keys, then the
//! kind's keys by its schema. What decodes is also built once and thrown away, because a certificate
//! file that is missing is a mistake in the configuration and must be told as one.

use std::cell::OnceCell;
use std::num::NonZeroUsize;

use serde::de::Deserialize;
use toml::Spanned;
use toml::de::{DeTable, DeValue, ValueDeserializer};

use log_monitor_channels::{BuildError, Capabilities, Context, Registry, http};

use super::budget::Budget;
use super::diagnostics::At;
use super::model::{ChannelTable, SourceTable};
use super::reading::{Reading, joined, shown_name};
use super::resolved::Resolved;
use super::secrets;
use super::source_map::Place;
use super::suggest;
use super::tables;
use super::templates;
use super::tree::{Node, Table, string};
use crate::source::{SourceContext, SourceRegistry};
use crate::wording::Voice;
use crate::wording::language::Language;

/// The framework's own keys of a channel, and of a source.
const OF_CHANNEL: [&str; 5] = ["kind", "max_in_flight", "budget", "template", "language"];
const OF_SOURCE: [&str; 1] = ["kind"];

/// How many messages may be under way to a channel of such a kind unless its table says otherwise.
#[must_use]
pub const fn max_in_flight(capabilities: Capabilities) -> usize {
    if capabilities.ordered { 1 } else { 4 }
}

/// The longest name of a source, watch or channel, in characters.
const MAX_NAME: usize = 64;

/// How long one try may take; the same for every channel.
pub const TRY_TIMEOUT: std::time::Duration = std::time::Duration::from_secs(30);

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
            let message = format!("`{path}` is a table, not {}", article(other.type_str()));
            reading.findings.error(At::Place(place), message);
            None
        }
    }
}

/// `an array`, `a string`.
pub fn article(word: &str) -> String {
    let vowel = word.starts_with(['a', 'e', 'i', 'o', 'u']);
    format!("{} {word}", if vowel { "an" } else { "a" })
}

/// The framework's own keys, taken out of a table, and its kind if that is one of `known`.
struct Own<'t> {
    kind: Option<Spanned<String>>,
    max_in_flight: Option<NonZeroUsize>,
    budget: Vec<Budget>,
    template: Option<Spanned<String>>,
    language: Option<Language>,
    rest: Table<'t>,
}

fn own_keys<'t>(
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

/// Reads the `[channels.*]` tables.
pub fn channels<'t>(
    reading: &mut Reading<'_>,
    node: Option<Node<'t>>,
    registry: &Registry,
    installation: &str,
    templates: &templates::Read,
) -> Family<ChannelTable> {
    let known: Vec<&str> = registry.iter().map(log_monitor_channels::registry::Kind::name).collect();
    let client = OnceCell::new();
    family(reading, "channels", node, |reading, name, table| {
        let path = joined("channels", name);
        let before = reading.findings.errors();
        let own = own_keys(reading, &path, table, &OF_CHANNEL, &known);
        let template = templates::known(reading, own.template.clone(), &templates.names);
        let kind = registry.get(own.kind?.get_ref())?;
        templates::suits(reading, own.template.as_ref(), &templates.templates, kind);
        let default = max_in_flight(kind.capabilities());
        if own.max_in_flight.is_none() {
            let path = joined(&path, "max_in_flight");
            reading.resolved.push(Resolved { path, value: default.to_string(), origin: None });
        }
        let decode = |value| kind.decode(value);
        let read = reading.rest_of_table(&path, &kind.schema(), &OF_CHANNEL, own.rest, decode);
        let decoded = read.value?;
        reading.problems(&path, &read.table, decoded.validate(), reading.findings.errors() == before);
        if reading.is_sound(&path, before) {
            let trial = kind.decode(as_value(&read.table)).ok()?;
            let http = client.get_or_init(http::client);
            let built = context(name, installation, http).and_then(|context| trial.build(&context).map(drop));
            not_built(reading, &read.table, built);
        }
        let max_in_flight = own.max_in_flight.map_or(default, NonZeroUsize::get);
        let Capabilities { reaches_people, resolve, max_body, keep_alive, .. } = kind.capabilities();
        let language = own.language.unwrap_or_default();
        let voice = Voice { template, language, own: decoded.variables() };
        let table = ChannelTable {
            name: name.to_owned(),
            kind: kind.name(),
            reaches_people,
            resolve,
            edit: decoded.edits(),
            max_body,
            max_in_flight,
            budgets: own.budget,
            keep_alive,
            voice,
            decoded,
        };
        reading.is_sound(&path, before).then_some(table)
    })
}

fn context(
    name: &str,
    installation: &str,
    http: &Result<reqwest::Client, BuildError>,
) -> Result<Context, BuildError> {
    let http = http.as_ref().map_err(|error| BuildError(error.to_string()))?.clone();
    let (name, installation) = (name.to_owned(), installation.to_owned());
    Ok(Context { name, http, installation, timeout: TRY_TIMEOUT })
}

/// Reads the `[sources.*]` tables.
pub fn sources<'t>(
    reading: &mut Reading<'_>,
    node: Option<Node<'t>>,
    registry: &SourceRegistry,
) -> Family<SourceTable> {
    let known: Vec<&str> = registry.iter().map(crate::source::registry::Kind::name).collect();
    family(reading, "sources", node, |reading, name, table| {
        let path = joined("sources", name);
        let before = reading.findings.errors();
        let own = own_keys(reading, &path, table, &OF_SOURCE, &known);
        let kind = registry.get(own.kind?.get_ref())?;
        let decode = |value| kind.decode(value);
        let read = reading.rest_of_table(&path, &kind.schema(), &OF_SOURCE, own.rest, decode);
        let decoded = read.value?;
        reading.problems(&path, &read.table, decoded.validate(), reading.findings.errors() == before);
        if reading.is_sound(&path, before) {
            let trial = kind.decode(as_value(&read.table)).ok()?;
            let built = trial.build(&SourceContext { name: name.to_owned() }).map(drop);
            not_built(reading, &read.table, built);
        }
        let table = SourceTable { name: name.to_owned(), kind: kind.name(), sees: kind.sees(), decoded };
        reading.is_sound(&path, before).then_some(table)
    })
}

fn as_value<'t>(table: &Table<'t>) -> Node<'t> {
    Spanned::new(table.span(), DeValue::Table(table.get_ref().clone()))
}

/// A build failure names the file or value that is at fault; it is told at the key that holds it.
fn not_built(reading: &mut Reading<'_>, table: &Table<'_>, built: Result<(), BuildError>) {
    if let Err(error) = built {
        let at = culprit(table.get_ref(), &error.0).unwrap_or_else(|| table.span());
        reading.findings.error(At::Place(at), error.0);
    }
}

fn culprit(table: &DeTable<'_>, message: &str) -> Option<Place> {
    let named = |key: &str| string(table, key).filter(|(text, _)| text.len() >= 3 && message.contains(text));
    table.keys().find_map(|key| named(key.get_ref())).map(|(_, place)| place)
}
