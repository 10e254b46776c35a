//! The `[sources.NAME]` and `[channels.NAME]` tables: which kind, the framework's own keys, then the
//! kind's keys by its schema. What decodes is also built once and thrown away, because a certificate
//! file that is missing is a mistake in the configuration and must be told as one.

use std::cell::OnceCell;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use log_monitor_channels::{BuildError, Context, Registry, http};

use super::diagnostics::At;
use super::family::{Family, family};
use super::model::{ChannelTable, SourceTable};
use super::own_keys::{OF_CHANNEL, OF_SOURCE, own_keys};
use super::reading::{Reading, joined};
use super::resolved::Resolved;
use super::source_map::Place;
use super::templates;
use super::tree::{Node, Table, string};
use crate::source::{SourceContext, SourceRegistry};
use crate::wording::Voice;

/// How long one try may take; the same for every channel.
pub const TRY_TIMEOUT: std::time::Duration = std::time::Duration::from_secs(30);

/// Reads the `[channels.*]` tables.
pub fn channels<'t>(
    reading: &mut Reading<'_>,
    node: Option<Node<'t>>,
    registry: &Registry,
    installation: &str,
    templates: &templates::Read,
) -> Family<ChannelTable> {
    let known = registry.iter().map(log_monitor_channels::registry::Kind::name).collect();
    let channels = Channels { registry, known, installation, templates, client: OnceCell::new() };
    family(reading, "channels", node, |reading, name, table| channels.read(reading, name, table))
}

/// What the tables of all channels are read with.
struct Channels<'a> {
    registry: &'a Registry,
    known: Vec<&'static str>,
    installation: &'a str,
    templates: &'a templates::Read,
    client: OnceCell<Result<reqwest::Client, BuildError>>,
}

impl Channels<'_> {
    fn read(&self, reading: &mut Reading<'_>, name: &str, table: Table<'_>) -> Option<ChannelTable> {
        let path = joined("channels", name);
        let before = reading.findings.errors();
        let own = own_keys(reading, &path, table, &OF_CHANNEL, &self.known);
        let template = templates::known(reading, own.template.clone(), &self.templates.names);
        let kind = self.registry.get(own.kind?.get_ref())?;
        templates::suits(reading, own.template.as_ref(), &self.templates.templates, kind);
        let decode = |value| kind.decode(value);
        let read = reading.rest_of_table(&path, &kind.schema(), &OF_CHANNEL, own.rest, decode);
        let decoded = read.value?;
        reading.problems(&path, &read.table, decoded.validate(), reading.findings.errors() == before);
        if reading.is_sound(&path, before) {
            let trial = kind.decode(as_value(&read.table)).ok()?;
            let built = self.context(name).and_then(|context| trial.build(&context).map(drop));
            not_built(reading, &read.table, built);
        }
        let language = own.language.unwrap_or_default();
        let voice = Voice { template, language, own: decoded.variables() };
        let mut table = ChannelTable { voice, budgets: own.budget, ..ChannelTable::of(name, kind, decoded) };
        match own.max_in_flight {
            Some(most) => table.max_in_flight = most.get(),
            None => resolved(reading, &path, table.max_in_flight),
        }
        reading.is_sound(&path, before).then_some(table)
    }

    fn context(&self, name: &str) -> Result<Context, BuildError> {
        let http = self.client.get_or_init(http::client);
        let http = http.as_ref().map_err(|error| BuildError(error.to_string()))?.clone();
        let (name, installation) = (name.to_owned(), self.installation.to_owned());
        Ok(Context { name, http, installation, timeout: TRY_TIMEOUT })
    }
}

/// The default of how many tries may be under way at once.
fn resolved(reading: &mut Reading<'_>, path: &str, max_in_flight: usize) {
    let path = joined(path, "max_in_flight");
    reading.resolved.push(Resolved { path, value: max_in_flight.to_string(), origin: None });
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
