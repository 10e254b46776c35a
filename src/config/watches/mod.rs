//! The `[watches.NAME]` tables.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use serde::de::Deserialize;
use toml::Spanned;
use toml::de::ValueDeserializer;

use super::agents;
use super::diagnostics::At;
use super::family::{Family, family};
use super::model::{Agent, Dependency, SourceTable, Watch};
use super::reading::{Reading, joined};
use super::source_map::Place;
use super::tables;
use super::tree::Node;

mod parts;
mod sources;

use parts::{Who, class, dependency, maintenance, refuse_circles};
use sources::{Sources, discover, sources_of, table_of};

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
        for list in ["classes", "maintenance"] {
            reading.keep_items(&path, &schema, &read.table, list);
        }
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
    let found = sources_of(reading, name, place, table.source.as_ref(), sources);
    let agents = listed(reading, &table);
    let discovers = table.discover.is_some();
    if table.agent_file.is_none() && !discovers {
        nobody(reading, name, place);
    }
    let discover = found.as_ref().zip(table.discover.as_ref()).and_then(|(found, table)| {
        let read = (&found.source, found.beside.as_slice());
        discover(reading, table.get_ref(), read, sources, &agents)
    });
    let lister = discover.as_ref().and_then(|discover| table_of(sources, &discover.source));
    let who = Who { agents: &agents, discovers, lister };
    let classes = table.classes.iter().map(|class| self::class(reading, class, who)).collect();
    let maintenance = table.maintenance.iter().map(|table| maintenance(reading, table, who)).collect();
    let dependencies = dependencies(reading, &table.dependencies, who);
    let Sources { source, also, beside } = found?;
    if discovers && discover.is_none() {
        return None;
    }
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

/// The agents of its list. Who has an interval of their own is on it, unless others are discovered.
fn listed(reading: &mut Reading<'_>, table: &tables::Watch) -> Vec<Agent> {
    let agents = table.agent_file.as_ref().map(|file| agents_of(reading, file)).unwrap_or_default();
    if !agents.is_empty() && table.discover.is_none() {
        strangers(reading, &table.intervals, &agents);
    }
    agents
}

/// Without a list and without discovery there is nobody to watch.
fn nobody(reading: &mut Reading<'_>, name: &str, place: &Place) {
    if let Some(told) = reading.missing_key(&joined("watches", name), "agent_file", place) {
        told.help("or add `discover = {}`, to watch whoever a source lists");
    }
}

/// Those that could be read. Circles are looked for only in what is whole.
fn dependencies(reading: &mut Reading<'_>, tables: &[tables::Dependency], who: Who<'_>) -> Vec<Dependency> {
    let read = tables.iter().filter_map(|table| dependency(reading, table, who));
    let dependencies: Vec<Dependency> = read.collect();
    if dependencies.len() == tables.len() {
        refuse_circles(reading, tables, &dependencies, who.agents);
    }
    dependencies
}

/// A third of the shortest interval.
fn default_poll(watch: &Watch) -> Duration {
    let by_class = watch.classes.iter().filter_map(|class| class.interval);
    let all = by_class.chain(watch.intervals.values().copied()).chain([watch.interval]);
    (all.min().unwrap_or(watch.interval) / 3).clamp(POLL.0, POLL.1)
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
        let message = format!(
            "there is no agent `{}` for this interval",
            crate::config::reading::shown_name(id.get_ref())
        );
        let near = agents::nearest_id(id.get_ref(), agents);
        let help = near.map(|near| format!("did you mean `{near}`?"));
        reading.findings.warning(At::Place(id.span()), message).maybe_help(help);
    }
}
