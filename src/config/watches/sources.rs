//! Which sources a watch reads, and for what.

use toml::Spanned;

use super::parts::{Who, conditions};
use crate::config::diagnostics::At;
use crate::config::family::Family;
use crate::config::model::{Agent, Discover, SourceTable};
use crate::config::reading::{Reading, joined};
use crate::config::source_map::Place;
use crate::config::suggest;
use crate::config::tables;
use crate::source::{Keys, Sees};

/// What a watch reads.
pub(super) struct Sources {
    /// The first source of documents, and the others.
    pub(super) source: String,
    pub(super) also: Vec<String>,
    pub(super) beside: Vec<String>,
}

impl Sources {
    /// One of documents only.
    fn one(source: impl Into<String>) -> Self {
        Self { source: source.into(), also: Vec::new(), beside: Vec::new() }
    }
}

/// The sources of documents, and those beside them.
pub(super) fn sources_of(
    reading: &mut Reading<'_>,
    watch: &str,
    place: &Place,
    named: Option<&Spanned<tables::Globs>>,
    sources: &Family<SourceTable>,
) -> Option<Sources> {
    let Some(named) = named else { return usual_sources(reading, watch, place, sources) };
    let mut known: Vec<&str> = Vec::new();
    for (name, place) in named.get_ref().placed(named.span()) {
        if known.contains(&name) {
            let message = format!("source `{}` is named twice", crate::config::reading::shown_name(name));
            reading.findings.error(At::Place(place), message);
        } else {
            known.extend(known_source(reading, name, place, sources));
        }
    }
    if let Some(unread) = known.iter().find(|name| sees(sources, name).is_none()) {
        // That table's own mistakes are told already; whether it fits here is not known.
        return Some(Sources::one(*unread));
    }
    let (documents, beside): (Vec<&str>, Vec<&str>) =
        known.into_iter().partition(|name| sees(sources, name) == Some(Sees::Documents));
    let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    match documents.as_slice() {
        [source, also @ ..] => {
            tell_apart_the_same(reading, named, (source, also), sources)?;
            Some(Sources { source: (*source).to_owned(), also: owned(also), beside: owned(&beside) })
        }
        [] if beside.is_empty() => None,
        [] => {
            let message = "none of these sources sees what agents log, so nobody can be silent";
            reading.findings.error(At::Place(named.span()), message).help("name an indexer, too");
            None
        }
    }
}

/// Sources whose entities have other keys have nothing to say of each other's.
fn tell_apart_the_same(
    reading: &mut Reading<'_>,
    named: &Spanned<tables::Globs>,
    (source, also): (&str, &[&str]),
    sources: &Family<SourceTable>,
) -> Option<()> {
    let Some(message) = also.iter().find_map(|other| differ(sources, source, other)) else {
        return Some(());
    };
    reading.findings.error(At::Place(named.span()), message).help("make a watch for each");
    None
}

/// Where none is named: the only one of documents, and the only one beside it.
fn usual_sources(
    reading: &mut Reading<'_>,
    watch: &str,
    place: &Place,
    sources: &Family<SourceTable>,
) -> Option<Sources> {
    let (documents, beside): (Vec<&String>, Vec<&String>) =
        sources.names.iter().partition(|name| sees(sources, name) != Some(Sees::Connections));
    match documents.as_slice() {
        [only] => {
            let beside = if beside.len() == 1 { beside.into_iter().cloned().collect() } else { Vec::new() };
            Some(Sources { beside, ..Sources::one(*only) })
        }
        [] if beside.is_empty() => None,
        [] => {
            let message = "no source sees what agents log, so nobody can be silent";
            reading
                .findings
                .error(At::Place(place.clone()), message)
                .help("add an indexer under [sources.NAME]");
            None
        }
        _ => {
            let message = format!("missing key `source` in `{}`", joined("watches", watch));
            let help = format!("there is {}", suggest::list(documents.iter().map(|name| name.as_str())));
            reading.findings.error(At::Place(place.clone()), message).help(help);
            None
        }
    }
}

/// What a source sees; `None` when its table could not be read.
fn sees(sources: &Family<SourceTable>, name: &str) -> Option<Sees> {
    table_of(sources, name).map(|source| source.sees)
}

/// The table of a source; `None` when it could not be read.
pub(super) fn table_of<'s>(sources: &'s Family<SourceTable>, name: &str) -> Option<&'s SourceTable> {
    sources.items.iter().find(|source| source.name == name)
}

/// Who lists the agents: a source of connections, if there is one and entities are agents, else that of
/// documents.
pub(super) fn discover(
    reading: &mut Reading<'_>,
    table: &tables::Discover,
    (source, beside): (&String, &[String]),
    sources: &Family<SourceTable>,
    agents: &[Agent],
) -> Option<Discover> {
    let source = match &table.source {
        Some(named) => {
            let lister = known_source(reading, named.get_ref(), named.span(), sources)?;
            knows_the_same(reading, named, source, sources)?;
            lister.to_owned()
        }
        None => {
            let knows = keys(sources, source).is_none_or(|keys| keys == Keys::Agents);
            let listers = beside.iter().filter(|_| knows);
            listers.chain([source]).next().unwrap_or(source).clone()
        }
    };
    let who = Who { agents, discovers: true, lister: table_of(sources, &source) };
    let mut matchers =
        |tables: &[tables::ClassMatch]| tables.iter().map(|table| conditions(reading, table, who)).collect();
    Some(Discover {
        source,
        include: matchers(&table.include),
        exclude: matchers(&table.exclude),
        every: table.every.0,
        probation: table.probation.0,
        forget_after: table.forget_after.0,
    })
}

/// What the keys of a source's entities are; `None` when its table could not be read.
fn keys(sources: &Family<SourceTable>, name: &str) -> Option<Keys> {
    table_of(sources, name).map(|source| source.decoded.keys())
}

/// How the keys of two sources differ, if they do.
fn differ(sources: &Family<SourceTable>, one: &str, other: &str) -> Option<String> {
    let fields = |count| if count == 1 { "1 field".to_owned() } else { format!("{count} fields") };
    let by_ids = |agents, others| {
        format!("`{agents}` knows agents by their ids, and `entity_field` of `{others}` names others")
    };
    match (keys(sources, one)?, keys(sources, other)?) {
        (Keys::Agents, Keys::Fields(_)) => Some(by_ids(one, other)),
        (Keys::Fields(_), Keys::Agents) => Some(by_ids(other, one)),
        (Keys::Fields(a), Keys::Fields(b)) if a != b => Some(format!(
            "`entity_field` of `{one}` names {}, and that of `{other}` {}",
            fields(a),
            fields(b)
        )),
        _ => None,
    }
}

/// Whoever is listed by another key than documents have is never seen.
fn knows_the_same(
    reading: &mut Reading<'_>,
    lister: &Spanned<String>,
    source: &str,
    sources: &Family<SourceTable>,
) -> Option<()> {
    let name = lister.get_ref();
    let Some(message) = differ(sources, name, source) else { return Some(()) };
    reading
        .findings
        .error(At::Place(lister.span()), message)
        .help(format!("name `{source}`, or leave it out"));
    None
}

/// A name, if there is a source of it.
fn known_source<'n>(
    reading: &mut Reading<'_>,
    name: &'n str,
    place: Place,
    sources: &Family<SourceTable>,
) -> Option<&'n str> {
    if sources.names.iter().any(|source| source == name) {
        return Some(name);
    }
    let help = suggest::help(name, sources.names.iter().map(String::as_str));
    let message = format!("unknown source `{}`", crate::config::reading::shown_name(name));
    reading.findings.error(At::Place(place), message).maybe_help(help);
    None
}
