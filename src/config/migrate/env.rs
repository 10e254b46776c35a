//! The original `.env` files as TOML. They go through the same reading as when the program runs, so
//! that what is printed is what holds.

use std::fmt::Write as _;

use log_monitor_channels::Registry;
use log_monitor_channels::text::one_line;
use serde_json::Value;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::secret;
use crate::config::coerce::coerce;
use crate::config::diagnostics::{Diagnostics, Findings};
use crate::config::layers::{self, Inputs};
use crate::config::schema::Schema;
use crate::config::secrets::user_in;
use crate::config::settings::load_original;
use crate::config::source_map::{Place, SourceMap};
use crate::config::toml_text::{key, quoted};
use crate::config::tree::{Node, string};
use crate::config::{original, tables};
use crate::source::SourceRegistry;

/// Keys that say what a table is; no original key stands behind them.
const WHAT: [&str; 2] = ["kind", "source"];

/// The tables, unless the files are refused; the channels that they make, and what is wrong.
pub fn part(
    inputs: &Inputs,
    channels: &Registry,
    sources: &SourceRegistry,
) -> (Option<String>, Vec<String>, Diagnostics) {
    let loaded = load_original(inputs, channels, sources);
    let Some(settings) = loaded.settings else { return (None, Vec::new(), loaded.diagnostics) };
    let (mut map, mut findings) = (SourceMap::default(), Findings::default());
    let files = layers::read_env_files(inputs, &mut map, &mut findings);
    let names = original::names(&inputs.env_dir);
    let (tree, _) = original::layer(&map, &files, &DeTable::new(), &names, &mut findings);
    let mut printed = Printed { map: &map, out: warnings(&loaded.diagnostics) };
    for (section, node) in tree {
        printed.section(section.get_ref(), node, channels, sources);
    }
    let made = |name: &String| ["slack", "email"].contains(&name.as_str());
    let names: Vec<String> =
        settings.routes.iter().flat_map(|r| &r.steps).flat_map(|s| s.to.clone()).filter(made).collect();
    (Some(printed.out + &told(&names)), names, loaded.diagnostics)
}

/// Nothing that was left out is lost silently.
fn warnings(diagnostics: &Diagnostics) -> String {
    let lines = diagnostics.lines().map(|(_, line)| format!("# Warning: {}\n", one_line(&line, 300)));
    let lines: String = lines.collect();
    if lines.is_empty() { lines } else { format!("\n{lines}") }
}

/// Who is told, in words: without routes it is as before.
fn told(channels: &[String]) -> String {
    match channels {
        [] => String::new(),
        names => format!(
            "\n# As long as there are no [[routes]], everything is told as before: by {}, then by the log.\n",
            names.join(", then ")
        ),
    }
}

struct Printed<'m> {
    map: &'m SourceMap,
    out: String,
}

impl Printed<'_> {
    /// `[log]`, or every `[section.NAME]`.
    fn section(&mut self, section: &str, node: Node<'_>, channels: &Registry, sources: &SourceRegistry) {
        let DeValue::Table(table) = node.into_inner() else { return };
        if section == "log" {
            self.table("log", &tables::schema_of::<tables::Log>(), table);
            return;
        }
        for (name, node) in table {
            let DeValue::Table(table) = node.into_inner() else { continue };
            let kind = string(&table, "kind").map_or("", |(kind, _)| kind);
            let schema = match section {
                "sources" => sources.get(kind).map(crate::source::registry::Kind::schema),
                "channels" => channels.get(kind).map(log_monitor_channels::registry::Kind::schema),
                _ => Some(tables::schema_of::<tables::Watch>()),
            };
            let path = format!("{section}.{}", key(name.get_ref()));
            self.table(&path, &schema.unwrap_or(Value::Null), table);
        }
    }

    /// What it is, its values, then the tables in it.
    fn table(&mut self, path: &str, schema: &Value, mut table: DeTable<'_>) {
        let schema = Schema::new(schema);
        coerce(schema, &mut table, &|_| true);
        self.rows(path, schema, &table);
    }

    fn rows(&mut self, path: &str, schema: Schema<'_>, table: &DeTable<'_>) {
        let _ = writeln!(self.out, "\n[{path}]");
        for (name, text) in WHAT.into_iter().filter_map(|name| Some((name, string(table, name)?.0))) {
            let _ = writeln!(self.out, "{name} = {}", quoted(text));
        }
        for (name, value) in table.iter().filter(|(name, _)| !WHAT.contains(&name.get_ref().as_ref())) {
            if !value.get_ref().is_table() {
                let secret = schema.key(name.get_ref()).is_some_and(Schema::is_secret);
                self.row(name.get_ref(), &name.span(), secret, value);
            }
        }
        for (name, value) in table {
            if let (DeValue::Table(below), Some(schema)) = (value.get_ref(), schema.key(name.get_ref())) {
                self.rows(&format!("{path}.{}", key(name.get_ref())), schema, below);
            }
        }
    }

    fn row(&mut self, name: &str, place: &Place, is_secret: bool, value: &Node<'_>) {
        let (original, came_from) = self.came_from(place);
        if is_secret {
            let (about, reference) = secret(&came_from, variable(&original));
            let _ = writeln!(self.out, "{about}{name} = {reference}");
        } else {
            let (name, value) = (key(name), text(value.get_ref()));
            let (value, note) = without_user(&value);
            let _ = writeln!(self.out, "{name} = {value}  # {}{note}", one_line(&came_from, 200));
        }
    }

    /// The original key that stands at a place, and `KEY, FILE:LINE`.
    fn came_from(&self, place: &Place) -> (String, String) {
        let word = self.map.line(place).and_then(|line| {
            let from = place.start - line.start;
            line.text.get(from..from + place.len())
        });
        let word = word.unwrap_or_default().to_owned();
        let origin = self.map.origin(place);
        let at = origin.map(|at| format!("{}:{}", at.name, at.line.unwrap_or_default())).unwrap_or_default();
        (word.clone(), format!("{word}, {at}"))
    }
}

/// The variable for a secret: `PASSWORD` alone would not say of what.
fn variable(original: &str) -> &str {
    if original == "PASSWORD" { "WAZUH_PASSWORD" } else { original }
}

/// An address without the user and password in it, and that this was so.
fn without_user(value: &str) -> (String, &'static str) {
    match user_in(value) {
        Some((start, end)) => {
            (format!("{}{}", &value[..start], &value[end + 1..]), "; without the user and password in it")
        }
        None => (value.to_owned(), ""),
    }
}

fn text(value: &DeValue<'_>) -> String {
    match value {
        DeValue::String(text) => quoted(text),
        DeValue::Array(items) => {
            let items: Vec<String> = items.iter().map(Spanned::get_ref).map(text).collect();
            format!("[{}]", items.join(", "))
        }
        DeValue::Integer(number) => number.to_string(),
        DeValue::Float(number) => number.to_string(),
        DeValue::Boolean(yes) => yes.to_string(),
        DeValue::Datetime(time) => time.to_string(),
        // Tables are printed as tables.
        DeValue::Table(_) => "{}".to_owned(),
    }
}
