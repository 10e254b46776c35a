//! From inputs to [`Settings`], with all that is wrong told in one run.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::de::Deserialize;
use toml::Spanned;
use toml::de::{DeTable, DeValue, ValueDeserializer};

use log_monitor_channels::{ChannelKind, Registry, log};

use super::diagnostics::{At, Diagnostics, Findings};
use super::domains;
use super::family::{Family, table_of};
use super::health;
use super::layers::{self, Inputs, Merged, Texts};
use super::links;
use super::model::{ChannelTable, Level, LogSettings, Route, Settings, SourceTable, Watch};
use super::named;
use super::original;
use super::promises;
use super::reading::Reading;
use super::resolved::{Resolved, quoted};
use super::routes;
use super::source_map::{Origin, SourceMap};
use super::suggest;
use super::tables;
use super::templates;
use super::tree::{Node, Table};
use super::watches;
use crate::source::SourceRegistry;
use crate::wording::{Voice, Wording};

/// The tables there are at the top.
const SECTIONS: [&str; 10] = [
    "sources",
    "watches",
    "channels",
    "routes",
    "catch_all",
    "health",
    "links",
    "templates",
    "journal",
    "log",
];

/// A configuration that has been read.
pub struct Loaded {
    /// What the program works with; `None` when anything is wrong that is more than a warning.
    pub settings: Option<Settings>,
    /// What is wrong.
    pub diagnostics: Diagnostics,
    /// Every value that holds, with its origin. Free of secrets. Empty when the TOML cannot be parsed.
    pub resolved: Vec<Resolved>,
    /// Where each class and each maintenance of a watch, and what is in it, was set, by its path:
    /// `watches.default.classes[2].grace`. What is not set has a default.
    pub items: BTreeMap<String, Origin>,
    /// The files that it names and that are read with it: lists, templates, holidays, certificates, secrets.
    pub files: Vec<PathBuf>,
    /// Channels that are in order although something else is not, so that the failure can be told
    /// through one of them. Empty when there are `settings`.
    pub usable_channels: Vec<ChannelTable>,
    /// The name of this installation.
    pub installation: String,
    /// The journal's file, as far as it is known.
    pub journal: PathBuf,
}

/// Reads a configuration, of kinds that the registries know.
#[must_use]
pub fn load(inputs: &Inputs, channels: &Registry, sources: &SourceRegistry) -> Loaded {
    load_with(inputs, channels, sources, layers::read)
}

/// The same from the original `.env` files alone.
#[must_use]
pub fn load_original(inputs: &Inputs, channels: &Registry, sources: &SourceRegistry) -> Loaded {
    load_with(inputs, channels, sources, layers::read_original)
}

fn load_with(
    inputs: &Inputs,
    channels: &Registry,
    sources: &SourceRegistry,
    read: fn(&Inputs, &mut SourceMap, &mut Findings) -> Texts,
) -> Loaded {
    let mut map = SourceMap::default();
    let mut findings = Findings::default();
    let texts = read(inputs, &mut map, &mut findings);
    let unreadable = findings.errors() > 0;
    let names = original::names(&inputs.env_dir);
    let merged = layers::merge(&texts, &map, &names, &mut findings);
    let broken = merged.broken;
    let reading = Reading {
        map: &map,
        // What follows from a guess at broken text is not told, but its channels are worth trying.
        findings: if broken { Findings::default() } else { std::mem::take(&mut findings) },
        resolved: Vec::new(),
        items: BTreeMap::new(),
        files: Vec::new(),
        original: names,
        told: merged.missing.clone(),
    };
    let mut assembly = Assembly { reading, inputs, channels, sources, unreadable };
    let (parts, installation) = assembly.parts(merged);
    let Reading { findings: found, resolved, items, files, .. } = assembly.reading;
    let (findings, resolved) =
        if broken { (findings.hiding_what(found), Vec::new()) } else { (found, resolved) };
    let failed = findings.errors() > 0;
    let diagnostics = findings.finish(map);
    let hidden = |value: Resolved| Resolved { value: diagnostics.hidden(&value.value), ..value };
    let resolved = resolved.into_iter().map(hidden).collect();
    let journal = parts.journal.clone();
    let (settings, usable_channels) = if failed { (None, parts.channels) } else { (Some(parts), Vec::new()) };
    Loaded { settings, diagnostics, resolved, items, files, usable_channels, installation, journal }
}

struct Assembly<'a, 'm> {
    reading: Reading<'m>,
    inputs: &'a Inputs,
    channels: &'a Registry,
    sources: &'a SourceRegistry,
    unreadable: bool,
}

impl Assembly<'_, '_> {
    /// Whatever could be read. It is a whole configuration if nothing was wrong.
    fn parts(&mut self, merged: Merged<'_>) -> (Settings, String) {
        let tree = merged.tree;
        let nothing = ["sources", "watches"].iter().all(|section| !tree.contains_key(*section));
        let mut sections = self.sections(tree);
        let mut take = |name: &str| sections.remove(name);
        let top = take("").map(|top| self.top(top)).unwrap_or_default();
        let installation = top.unwrap_or_else(|| self.inputs.host.clone());
        let sources = named::sources(&mut self.reading, take("sources"), self.sources);
        let watches = watches::watches(&mut self.reading, take("watches"), &sources);
        let templates = templates::templates(&mut self.reading, take("templates"));
        let mut channels =
            named::channels(&mut self.reading, take("channels"), self.channels, &installation, &templates);
        self.watched(nothing, &watches);
        if channels.names.is_empty() {
            self.log_only(&mut channels);
        }
        let keys = suggest::keys_of_events(&watches.items);
        let (listed, last) = (take("routes"), take(routes::CATCH_ALL));
        let placed = routes::routes(&mut self.reading, listed, last, &channels.names, &keys);
        self.look_over(&placed, &sources, &watches, &channels);
        let mut routes: Vec<Route> = placed.into_iter().map(|(route, _)| route).collect();
        let health = health::route(&mut self.reading, take("health"), &routes, &channels.names);
        routes.splice(0..0, health);
        for watch in &watches.items {
            promises::keep(&mut self.reading, watch, &routes, &channels.items);
        }
        let links = links::links(&mut self.reading, take("links"));
        let wording = Wording { links, templates: templates.templates, voices: voices(&channels.items) };
        let settings = Settings {
            installation: installation.clone(),
            sources: sources.items,
            watches: watches.items,
            channels: channels.items,
            routes,
            wording,
            journal: self.journal(take("journal")),
            log: self.log(take("log")),
        };
        (settings, installation)
    }

    /// Tells when nothing is watched; `nothing`: neither a source nor a watch was begun.
    fn watched(&mut self, nothing: bool, watches: &Family<Watch>) {
        if self.unreadable {
            return;
        }
        if nothing {
            self.nothing_to_watch();
        } else if watches.names.is_empty() {
            let message = "there is no `[watches.NAME]`, so nothing is watched";
            self.reading.findings.error(At::Nowhere, message).help("add one with an agent_file");
        }
    }

    /// Warns of routes that are in order by themselves, but not with what there is around them.
    fn look_over(
        &mut self,
        placed: &[routes::Placed],
        sources: &Family<SourceTable>,
        watches: &Family<Watch>,
        channels: &Family<ChannelTable>,
    ) {
        let names = [&sources.names, &watches.names, &channels.names].into_iter().flatten();
        let there_are: Vec<&str> = names.map(String::as_str).collect();
        routes::for_nobody(&mut self.reading, placed, &there_are);
        domains::warn(&mut self.reading, placed, &channels.items, &watches.items);
    }

    /// The tree by section; what is no section goes to the keys at the top, under the empty name.
    fn sections<'t>(&mut self, tree: DeTable<'t>) -> BTreeMap<String, Node<'t>> {
        let mut top = DeTable::new();
        let mut sections = BTreeMap::new();
        let mut known: Vec<&str> = SECTIONS.to_vec();
        known.extend(["schema", "installation"]);
        for (key, value) in tree {
            let name = key.get_ref().to_string();
            if SECTIONS.contains(&name.as_str()) {
                sections.insert(name, value);
            } else if known.contains(&name.as_str()) {
                top.insert(key, value);
            } else {
                super::secrets::hide(&mut self.reading.findings, &value);
                self.reading.unknown_key(key.span(), &name, &known);
            }
        }
        sections.insert(String::new(), Spanned::new(0..0, DeValue::Table(top)));
        sections
    }

    /// The name of the installation, if it is given.
    fn top(&mut self, top: Node<'_>) -> Option<String> {
        let table = table_of(&mut self.reading, "", Some(top))?;
        let schema = tables::schema_of::<tables::Top>();
        let read = self
            .reading
            .table("", &schema, table, |value| tables::Top::deserialize(ValueDeserializer::from(value)));
        let top = read.value?;
        let at = |key: &str| At::Place(read.table.get_ref().get(key).map_or(0..0, Spanned::span));
        if top.schema != 1 {
            let message = format!("schema {} is not known to this version", top.schema);
            self.reading.findings.error(at("schema"), message).help("write schema = 1");
        }
        match &top.installation {
            None => {
                let (path, value) = ("installation".to_owned(), quoted(&self.inputs.host));
                self.reading.resolved.push(Resolved { path, value, origin: None });
            }
            Some(name)
                if name.trim().is_empty() || name.len() > 200 || name.chars().any(char::is_control) =>
            {
                let message = "`installation` has 1 to 200 characters, and no control characters";
                self.reading.findings.error(at("installation"), message);
            }
            Some(_) => {}
        }
        top.installation
    }

    fn journal(&mut self, node: Option<Node<'_>>) -> PathBuf {
        let table = self.table_or_empty("journal", node);
        let schema = tables::schema_of::<tables::Journal>();
        let read = self.reading.table("journal", &schema, table, |value| {
            tables::Journal::deserialize(ValueDeserializer::from(value))
        });
        read.value.map_or_else(tables::journal, |journal| journal.path)
    }

    fn log(&mut self, node: Option<Node<'_>>) -> LogSettings {
        let table = self.table_or_empty("log", node);
        let schema = tables::schema_of::<tables::Log>();
        let read = self
            .reading
            .table("log", &schema, table, |value| tables::Log::deserialize(ValueDeserializer::from(value)));
        let log = read.value.unwrap_or(tables::Log { file: None, level: Level::default() });
        LogSettings { file: log.file, level: log.level }
    }

    fn table_or_empty<'t>(&mut self, path: &str, node: Option<Node<'t>>) -> Table<'t> {
        let empty = || Spanned::new(0..0, DeTable::new());
        table_of(&mut self.reading, path, node).unwrap_or_else(empty)
    }

    fn nothing_to_watch(&mut self) {
        let env = self.inputs.env_dir.join(original::FILES[0]);
        let keys = suggest::list(original::required_names());
        let help = format!(
            "set {keys} in {}, or write [sources.NAME] and [watches.NAME] in {}; \
             `log-monitor demo` shows everything without any configuration",
            env.display(),
            self.inputs.file().display()
        );
        self.reading.findings.error(At::Nowhere, "nothing to watch is configured").help(help);
    }

    /// Without any channel the messages go to the log.
    fn log_only(&mut self, channels: &mut Family<ChannelTable>) {
        let empty = Spanned::new(0..0, DeValue::Table(DeTable::new()));
        let kind = self.channels.get(log::Log::KIND);
        let Some((kind, decoded)) = kind.and_then(|kind| Some((kind, kind.decode(empty).ok()?))) else {
            self.reading.findings.error(At::Nowhere, "no channel is configured");
            return;
        };
        channels.names.push(kind.name().to_owned());
        channels.items.push(ChannelTable::of(kind.name(), kind, decoded));
        if self.unreadable {
            return;
        }
        self.reading
            .findings
            .warning(At::Nowhere, "no channel is configured: messages go to the log only")
            .help("add a [channels.NAME] table, or fill in env-files/slack.env or env-files/smtp.env");
    }
}

/// How the channels that want more than the usual want their messages.
fn voices(channels: &[ChannelTable]) -> BTreeMap<String, Voice> {
    let voices = channels.iter().filter(|table| table.voice != Voice::default());
    voices.map(|table| (table.name.clone(), table.voice.clone())).collect()
}
