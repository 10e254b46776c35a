//! The `[watches.NAME]` tables.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use serde::de::Deserialize;
use toml::Spanned;
use toml::de::ValueDeserializer;

use log_monitor_channels::Severity;

use super::agents;
use super::diagnostics::At;
use super::hours;
use super::matcher::Matcher;
use super::model::{Agent, Class, Dependency, Discover, Maintenance, Quorum, SourceTable, Watch};
use super::named::{Family, family};
use super::reading::{Reading, joined};
use super::source_map::Place;
use super::suggest;
use super::tables;
use super::tree::Node;
use crate::monitor::fleet::dependencies::Dependencies;
use crate::source::{Keys, Sees};

/// Rounds are at least and at most this far apart, unless `poll` says otherwise.
const POLL: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(60));

/// Reads the `[watches.*]` tables. `sources` are those there are.
pub fn watches(
    reading: &mut Reading<'_>,
    node: Option<Node<'_>>,
    sources: &Family<SourceTable>,
) -> Family<Watch> {
    let schema = tables::schema_of::<tables::Watch>();
    family(reading, "watches", node, |reading, name, table| {
        let path = joined("watches", name);
        let read = reading
            .table(&path, &schema, table, |value| tables::Watch::deserialize(ValueDeserializer::from(value)));
        let place = read.table.span();
        watch(reading, name, &place, read.value?, sources)
    })
}

fn watch(
    reading: &mut Reading<'_>,
    name: &str,
    place: &Place,
    table: tables::Watch,
    sources: &Family<SourceTable>,
) -> Option<Watch> {
    let known = sources;
    let sources = sources_of(reading, name, place, table.source.as_ref(), sources);
    let agents = table.agent_file.as_ref().map(|file| agents_of(reading, file)).unwrap_or_default();
    let discovers = table.discover.is_some();
    if !agents.is_empty() && !discovers {
        strangers(reading, &table.intervals, &agents);
    }
    if table.agent_file.is_none()
        && !discovers
        && let Some(told) = reading.missing_key(&joined("watches", name), "agent_file", place)
    {
        told.help("or add `discover = {}`, to watch whoever a source lists");
    }
    let classes = table.classes.iter().map(|class| self::class(reading, class, discovers)).collect();
    let maintenance = table.maintenance.iter().map(|table| maintenance(reading, table, discovers)).collect();
    let dependencies = table.dependencies.iter();
    let dependencies =
        dependencies.filter_map(|table| dependency(reading, table, &agents, discovers)).collect::<Vec<_>>();
    if dependencies.len() == table.dependencies.len() {
        refuse_circles(reading, &table.dependencies, &dependencies, &agents);
    }
    let Sources { source, also, beside } = sources?;
    let discover = match &table.discover {
        Some(table) => Some(discover(reading, table.get_ref(), (&source, &beside), known)?),
        None => None,
    };
    let mut watch = Watch {
        name: name.to_owned(),
        source,
        also,
        beside,
        agent_file: table.agent_file.map(Spanned::into_inner),
        agents,
        discover,
        interval: table.interval.0,
        grace: table.grace.0,
        poll: POLL.1,
        intervals: table.intervals.iter().map(|(id, time)| (id.get_ref().clone(), time.0)).collect(),
        classes,
        maintenance,
        dependencies,
        pipeline: table.pipeline.into(),
        suspicion: table.suspicion.into(),
        min_events: table.min_events.filter(|least| *least > 0),
    };
    watch.poll = table.poll.map_or_else(|| default_poll(&watch), |poll| poll.0);
    let agents = watch.agents.clone();
    Some(watch.with_agents(agents))
}

/// A third of the shortest interval.
fn default_poll(watch: &Watch) -> Duration {
    let by_class = watch.classes.iter().filter_map(|class| class.interval);
    let all = by_class.chain(watch.intervals.values().copied()).chain([watch.interval]);
    (all.min().unwrap_or(watch.interval) / 3).clamp(POLL.0, POLL.1)
}

/// What a watch reads.
struct Sources {
    /// The first source of documents, and the others.
    source: String,
    also: Vec<String>,
    beside: Vec<String>,
}

impl Sources {
    /// One of documents only.
    fn one(source: impl Into<String>) -> Self {
        Self { source: source.into(), also: Vec::new(), beside: Vec::new() }
    }
}

/// The sources of documents, and those beside them.
fn sources_of(
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
            let message = format!("source `{}` is named twice", super::reading::shown_name(name));
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
    sources.items.iter().find(|source| source.name == name).map(|source| source.sees)
}

fn agents_of(reading: &mut Reading<'_>, file: &Spanned<impl AsRef<Path>>) -> Vec<Agent> {
    let path = file.get_ref().as_ref();
    let shown = path.display().to_string();
    match agents::read(path) {
        Ok((agents, warnings)) => {
            for warning in warnings {
                reading.findings.warning(At::Line(shown.clone(), Some(warning.line)), warning.message);
            }
            if agents.is_empty() {
                let message = format!("there is no agent in {shown}, so nothing is watched");
                reading.findings.warning(At::Place(file.span()), message);
            }
            agents
        }
        Err(error) => {
            let message = format!("cannot read the agent file {shown}: {error}");
            reading.findings.error(At::Place(file.span()), message);
            Vec::new()
        }
    }
}

/// An interval for nobody is probably meant for somebody.
fn strangers<T>(reading: &mut Reading<'_>, intervals: &BTreeMap<Spanned<String>, T>, agents: &[Agent]) {
    let known: std::collections::HashSet<&str> = agents.iter().map(|agent| agent.id.as_str()).collect();
    for id in intervals.keys().filter(|id| !known.contains(id.get_ref().as_str())) {
        let message =
            format!("there is no agent `{}` for this interval", super::reading::shown_name(id.get_ref()));
        let near = agents::nearest_id(id.get_ref(), agents);
        let help = near.map(|near| format!("did you mean `{near}`?"));
        reading.findings.warning(At::Place(id.span()), message).maybe_help(help);
    }
}

/// Who lists the agents: a source of connections, if there is one and entities are agents, else that of
/// documents.
fn discover(
    reading: &mut Reading<'_>,
    table: &tables::Discover,
    (source, beside): (&String, &[String]),
    sources: &Family<SourceTable>,
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
    let mut matchers = |tables: &[tables::ClassMatch]| {
        tables.iter().map(|table| matcher(reading, Some(table), true)).collect()
    };
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
    sources.items.iter().find(|source| source.name == name).map(|source| source.decoded.keys())
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
    let message = format!("unknown source `{}`", super::reading::shown_name(name));
    reading.findings.error(At::Place(place), message).maybe_help(help);
    None
}

fn maintenance(reading: &mut Reading<'_>, table: &tables::Maintenance, discovers: bool) -> Maintenance {
    let matcher = matcher(reading, table.r#match.as_ref(), discovers);
    Maintenance { matcher, pauses: hours::pauses(reading, table), behind: Vec::new() }
}

/// Which agents; all of them where nothing is said. Groups and nodes are known only of those that a
/// source lists.
fn matcher(reading: &mut Reading<'_>, on: Option<&tables::ClassMatch>, discovers: bool) -> Matcher {
    let default = tables::ClassMatch::default();
    let on = on.unwrap_or(&default);
    for (key, patterns) in [("group", &on.group), ("node", &on.node)] {
        if let Some(patterns) = patterns.as_ref().filter(|_| !discovers) {
            let message = format!("an agent file tells no `{key}`, so this matches no agent");
            reading.findings.warning(At::Place(patterns.span()), message);
        }
    }
    let (group, node) = (on.group.as_ref().map(Spanned::get_ref), on.node.as_ref().map(Spanned::get_ref));
    let keys = [
        ("id", on.id.as_ref()),
        ("name", on.name.as_ref()),
        ("group", group),
        ("label", on.label.as_ref()),
        ("node", node),
    ];
    keys.into_iter().filter_map(|(key, patterns)| Some(patterns?.condition(key))).collect()
}

fn dependency(
    reading: &mut Reading<'_>,
    table: &tables::Dependency,
    agents: &[Agent],
    discovers: bool,
) -> Option<Dependency> {
    let on = matcher(reading, Some(table.on.get_ref()), discovers);
    let members = agents.iter().filter(|agent| on.matches(|key| agent.facts(key))).count();
    if members == 0 && !discovers {
        let message = "this matches no agent, so nobody depends on anybody";
        reading.findings.warning(At::Place(table.on.span()), message);
    }
    let need = match &table.need {
        None => Some(Quorum::All),
        Some(need) => need.get_ref().quorum(),
    };
    let place = table.need.as_ref().map_or_else(|| table.on.span(), Spanned::span);
    match need {
        None => {
            let help = "write a number from 1, or a part such as \"50%\"";
            reading.findings.error(At::Place(place), "this is no number of agents").help(help);
        }
        Some(Quorum::Count(count)) if count > members && !discovers && members > 0 => {
            let message = format!("{count} of the {members} agents of `on` are all of them");
            reading.findings.warning(At::Place(place), message);
        }
        Some(_) => {}
    }
    Some(Dependency { matcher: matcher(reading, table.r#match.as_ref(), discovers), on, need: need? })
}

/// Of discovered agents this is known only later: the monitor leaves circles out then.
fn refuse_circles(
    reading: &mut Reading<'_>,
    tables: &[tables::Dependency],
    dependencies: &[Dependency],
    agents: &[Agent],
) {
    for (number, at) in Dependencies::new(dependencies, agents).circular {
        let id = super::reading::shown_name(&agents[at].id);
        let message = format!("by this and others agent `{id}` depends on itself");
        reading.findings.error(At::Place(tables[number].on.span()), message).help(
            "each would explain the silence of the next; for a pair of which one must log, let others \
             depend on both with `need = 1`",
        );
    }
}

fn class(reading: &mut Reading<'_>, table: &tables::Class, discovers: bool) -> Class {
    let matcher = matcher(reading, table.r#match.as_ref(), discovers);
    if let Some(severity) = table.labels.get("severity") {
        known_severity(reading, severity);
    }
    Class {
        matcher,
        interval: table.interval.map(|interval| interval.0),
        grace: table.grace.map(|grace| grace.0),
        min_events: table.min_events,
        calendar: hours::calendar(reading, table).map(Arc::new),
        max_time_to_notify: table
            .max_time_to_notify
            .as_ref()
            .map(|limit| Spanned::new(limit.span(), limit.get_ref().0)),
        labels: table.labels.iter().map(|(key, value)| (key.clone(), value.get_ref().clone())).collect(),
    }
}

fn known_severity(reading: &mut Reading<'_>, severity: &Spanned<String>) {
    if Severity::from_name(severity.get_ref()).is_none() {
        let message = format!("unknown severity `{}`", super::reading::shown_name(severity.get_ref()));
        let help = suggest::help(severity.get_ref(), Severity::ALL.into_iter().map(Severity::name));
        reading.findings.error(At::Place(severity.span()), message).maybe_help(help);
    }
}
