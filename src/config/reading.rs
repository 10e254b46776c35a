//! Reading one table against the schema of its kind, so that everything that is wrong with it is
//! told in one run: first all unknown and missing keys, then every wrong value. A wrong value is
//! taken out once it is recorded, and the rest is decoded again.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde_json::Value;
use toml::Spanned;
use toml::de::{DeTable, DeValue, Error};

use log_monitor_channels::Problem;

use super::coerce::coerce;
use super::diagnostics::{At, Diagnostic, Findings};
use super::files;
use super::original::Names;
use super::resolved::{self, Resolved};
use super::schema::Schema;
use super::secrets;
use super::source_map::{Form, Origin, Place, SourceMap};
use super::suggest;
use super::tree::{self, Table};

/// As Serde says it where it does not take a list for the fields of the table, one by one.
const LIST_FOR_TABLE: &str = "invalid type: sequence, expected a map";

/// What goes through the whole reading.
pub struct Reading<'m> {
    /// Every text.
    pub map: &'m SourceMap,
    /// What is wrong so far.
    pub findings: Findings,
    /// Every value, in the order of reading.
    pub resolved: Vec<Resolved>,
    /// What stands in lists of tables that [`keep_items`](Self::keep_items) was told of.
    pub items: BTreeMap<String, Origin>,
    /// Which original key, in which file, sets a dotted path; for values that are missing there.
    pub original: Names,
    /// The files that are named.
    pub files: Vec<PathBuf>,
    /// Dotted paths of missing keys that have been told.
    pub told: Vec<String>,
}

/// A table after reading.
pub struct Read<'t, T> {
    /// What it says; there may be one even when some of it was wrong.
    pub value: Option<T>,
    /// What is left of it, with positions.
    pub table: Table<'t>,
}

impl<'m> Reading<'m> {
    /// Reads the table at the dotted `path`.
    pub fn table<'t, T>(
        &mut self,
        path: &str,
        schema: &Value,
        table: Table<'t>,
        decode: impl Fn(Spanned<DeValue<'t>>) -> Result<T, Error>,
    ) -> Read<'t, T> {
        self.rest_of_table(path, schema, &[], table, decode)
    }

    /// Reads what is left of the table at `path`, from which those of the keys `taken` that it has were taken out:
    /// a misspelt key may be meant as one of them.
    pub fn rest_of_table<'t, T>(
        &mut self,
        path: &str,
        schema: &Value,
        taken: &[&str],
        table: Table<'t>,
        decode: impl Fn(Spanned<DeValue<'t>>) -> Result<T, Error>,
    ) -> Read<'t, T> {
        let schema = Schema::new(schema);
        let place = table.span();
        let mut table = table.into_inner();
        coerce(schema, &mut table, &|place| self.is_text(place));
        secrets::protect(self.map, &mut self.findings, schema, &table);
        self.check_keys(path, schema, taken, &mut table, &place);
        let value = self.decode(path, schema, &mut table, &place, decode);
        files::named(schema, &table, &mut self.files);
        resolved::collect(self.map, &mut self.resolved, path, schema, &table);
        Read { value, table: Spanned::new(place, table) }
    }

    /// Keeps where each table of the list under `key`, and what is in it, is set.
    pub fn keep_items(&mut self, path: &str, schema: &Value, table: &Table<'_>, key: &str) {
        let (list, schema) = (table.get_ref().get(key), Schema::new(schema).key(key));
        if let Some((list, schema)) = list.zip(schema) {
            resolved::collect_items(self.map, &mut self.items, &joined(path, key), schema, list);
        }
    }

    /// Values of `.env` files, variables and flags are texts whose meaning the schema knows.
    fn is_text(&self, place: &Place) -> bool {
        matches!(self.map.form(place), Some(Form::Lines | Form::Named))
    }

    /// Tells unknown keys (and takes them out) and missing ones, in tables and lists below, too.
    fn check_keys(
        &mut self,
        path: &str,
        schema: Schema<'_>,
        taken: &[&str],
        table: &mut DeTable<'_>,
        place: &Place,
    ) {
        let known: Vec<&str> = schema.properties().map(|(key, _)| key).chain(taken.iter().copied()).collect();
        let (mut unknown, mut lists) = (Vec::new(), Vec::new());
        for (key, value) in table.iter_mut() {
            let below = joined(path, key.get_ref());
            match schema.key(key.get_ref()) {
                Some(schema) if schema.is_table() && value.get_ref().is_array() => {
                    secrets::hide(&mut self.findings, value);
                    self.wrong_value(&value.span(), key.get_ref(), LIST_FOR_TABLE, false);
                    lists.push(key.get_ref().to_string());
                }
                Some(schema) => self.check_below(&below, schema, value),
                None if schema.is_closed() => {
                    secrets::hide(&mut self.findings, value);
                    self.unknown_key(key.span(), key.get_ref(), &known);
                    unknown.push(key.get_ref().to_string());
                }
                None => {}
            }
        }
        for key in &unknown {
            table.remove(key.as_str());
        }
        for key in schema.required().filter(|key| !table.contains_key(*key)) {
            self.missing_key(path, key, place);
        }
        for key in &lists {
            table.remove(key.as_str());
        }
    }

    fn check_below(&mut self, path: &str, schema: Schema<'_>, value: &mut Spanned<DeValue<'_>>) {
        let place = value.span();
        match value.get_mut() {
            DeValue::Table(table) => self.check_keys(path, schema, &[], table, &place),
            DeValue::Array(items) => {
                let Some(schema) = schema.items() else { return };
                for (at, item) in items.iter_mut().enumerate() {
                    self.check_below(&format!("{path}[{}]", at + 1), schema, item);
                }
            }
            _ => {}
        }
    }

    /// A key that means nothing here.
    pub fn unknown_key(&mut self, place: Place, key: &str, known: &[&str]) {
        let key = shown_name(key);
        let help = suggest::help(&key, known.iter().copied());
        self.findings.error(At::Place(place), format!("unknown key `{key}`")).maybe_help(help);
    }

    /// A key that must be there, told at its table, or by its original name and file; nothing where it
    /// has been told before.
    pub fn missing_key(&mut self, path: &str, key: &str, place: &Place) -> Option<&mut Diagnostic> {
        let below = joined(path, key);
        if self.told.contains(&below) {
            return None;
        }
        let original = self.original.get(&below);
        Some(match original.filter(|_| self.map.form(place) == Some(Form::Lines)) {
            Some((name, file)) => {
                let at = At::Line(file.clone(), None);
                self.findings.error(at, format!("missing `{name}` in {file}"))
            }
            None => self.findings.error(At::Place(place.clone()), format!("missing key `{key}` in `{path}`")),
        })
    }

    fn decode<'t, T>(
        &mut self,
        path: &str,
        schema: Schema<'_>,
        table: &mut DeTable<'t>,
        place: &Place,
        decode: impl Fn(Spanned<DeValue<'t>>) -> Result<T, Error>,
    ) -> Option<T> {
        // Each turn takes one entry out, so this ends; the bound keeps a hostile list cheap.
        for _ in 0..100 {
            let error = match decode(Spanned::new(place.clone(), DeValue::Table(table.clone()))) {
                Ok(value) => return Some(value),
                Err(error) => error,
            };
            let at = error.span().unwrap_or_else(|| place.clone());
            // A missing key has been told, or its wrong value has.
            let told = error.message().starts_with("missing field");
            match tree::remove_at(table, &at) {
                Some(_) if told => {}
                Some(removed) => {
                    let key = removed.path.last().map_or(path, String::as_str);
                    let secret = leaf(schema, removed.path.iter()).is_some_and(Schema::is_secret);
                    self.wrong_value(&removed.place, key, error.message(), secret);
                }
                None if told => return None,
                None => {
                    self.findings.error(At::Place(at), wording(error.message()).0);
                    return None;
                }
            }
        }
        None
    }

    fn wrong_value(&mut self, place: &Place, key: &str, message: &str, secret: bool) {
        let (message, help) = wording(message);
        // What stands in a secret's place may be the secret, of whatever type.
        let message = if secret && message.starts_with("expected") {
            "expected a string, { env = … }, { file = … } or { credential = … }".to_owned()
        } else {
            message
        };
        let name = if key.parse::<usize>().is_ok() { String::new() } else { format!("`{key}`: ") };
        self.findings.error(At::Place(place.clone()), format!("{name}{message}")).maybe_help(help);
    }

    /// Whether nothing is wrong with the table at `path`; `before` errors there were before it was read.
    pub fn is_sound(&self, path: &str, before: usize) -> bool {
        self.findings.errors() == before && self.missing_below(path).next().is_none()
    }

    /// The keys of the table at `path` whose lack has been told.
    fn missing_below<'a>(&'a self, path: &'a str) -> impl Iterator<Item = &'a str> {
        self.told.iter().filter_map(move |told| told.strip_prefix(path)?.strip_prefix('.'))
    }

    /// What a kind's `validate` found, at the keys it names. When something was wrong already
    /// (`clean` is false), what it says of keys that are not there may only follow from that.
    pub fn problems(&mut self, path: &str, table: &Table<'_>, problems: Vec<Problem>, clean: bool) {
        let missing: Vec<String> = self.missing_below(path).map(|key| format!("`{key}`")).collect();
        for problem in problems {
            let value = problem.key.and_then(|key| table.get_ref().get(key));
            let told = missing.iter().any(|key| problem.message.contains(key));
            if told || value.is_none() && !clean {
                continue;
            }
            let at = At::Place(value.map_or_else(|| table.span(), Spanned::span));
            let message = match problem.key {
                Some(key) if !problem.message.contains(key) => format!("`{key}`: {}", problem.message),
                _ => problem.message,
            };
            let found = match problem.warning {
                true => self.findings.warning(at, message),
                false => self.findings.error(at, message),
            };
            found.maybe_help(problem.help);
        }
    }
}

/// `path.key`, the key quoted where TOML would want it.
pub fn joined(path: &str, key: &str) -> String {
    let key = shown_name(key);
    let bare = !key.is_empty() && key.chars().all(|c| c.is_ascii_alphanumeric() || "-_".contains(c));
    let key = if bare { key } else { format!("{key:?}") };
    if path.is_empty() { key } else { format!("{path}.{key}") }
}

/// A name from a file, safe and short enough to print.
pub fn shown_name(name: &str) -> String {
    let clean: String = name.chars().take(81).map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect();
    if clean.chars().count() > 80 { clean.chars().take(79).chain(['…']).collect() } else { clean }
}

fn leaf<'s, 'p>(schema: Schema<'s>, path: impl Iterator<Item = &'p String>) -> Option<Schema<'s>> {
    path.into_iter().try_fold(schema, |schema, part| {
        if schema.is_secret() { Some(schema) } else { schema.key(part).or_else(|| schema.items()) }
    })
}

/// Serde's words as a person would say them, and what to do.
fn wording(message: &str) -> (String, Option<String>) {
    let message = message.trim();
    let invalid = message.strip_prefix("invalid type: ").or_else(|| message.strip_prefix("invalid value: "));
    if let Some((found, expected)) = invalid.and_then(|rest| rest.rsplit_once(", expected ")) {
        let found = match found {
            "map" => "a table",
            "sequence" => "a list",
            other => other,
        };
        return (format!("expected {}, found {found}", type_name(expected)), None);
    }
    if let Some(rest) = message.strip_prefix("unknown variant `") {
        let mut words = rest.split('`');
        let wrong = words.next().unwrap_or_default();
        let right: Vec<&str> = words.skip(1).step_by(2).collect();
        return (format!("unknown value `{wrong}`"), suggest::help(wrong, right));
    }
    match message {
        "wanted string or table" => ("expected a string".to_owned(), None),
        message => (message.to_owned(), None),
    }
}

/// Rust's types, for people who never heard of them.
fn type_name(expected: &str) -> &str {
    match expected {
        "u8" => "a whole number from 0 to 255",
        "u16" => "a whole number from 0 to 65535",
        "u32" | "u64" | "usize" => "a whole number",
        "a nonzero u16" | "a nonzero u32" | "a nonzero u64" | "a nonzero usize" => "a whole number above 0",
        "f64" => "a number",
        "a boolean" => "true or false",
        "path string" => "a path",
        "a sequence" => "a list",
        "a map" => "a table",
        other if other.starts_with("struct ") => "a table",
        other => other,
    }
}
