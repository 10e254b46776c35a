//! `explain`: everything that holds for one agent, where it comes from, and how long it takes at
//! worst until somebody hears of its silence.

use std::fmt::Write as _;

use chrono::Utc;
use log_monitor_channels::text::one_line;
use log_monitor_channels::{Entity, Event, EventKind};
use serde::Serialize;

use super::Session;
use super::exit::Exit;
use super::table::{moment, say};
use super::watched::watched;
use crate::config::agents::nearest_id;
use crate::config::duration::written;
use crate::config::{Agent, Loaded, Policy, Route, Settings, Watch, latency, report};
use crate::dispatch::router;
use crate::journal::entities::{self, EntityRow};
use crate::journal::events::time;
use crate::journal::{JournalError, open_read_only};
use crate::monitor::words;

/// Arguments of `explain`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Its id, or the name in the agent file
    agent: String,
    /// As JSON
    #[arg(long)]
    json: bool,
}

/// One agent of one watch, as `--json` prints it.
#[derive(Debug, Serialize)]
struct Explained {
    id: String,
    label: String,
    watch: String,
    class: Option<usize>,
    /// Key, value, and where it was set.
    values: Vec<[String; 3]>,
    state: String,
    /// Name and what it is for.
    sources: Vec<[String; 2]>,
    /// Name and steps.
    routes: Vec<[String; 2]>,
    /// Seconds and reason.
    waits: Vec<(u64, String)>,
    at_worst_seconds: u64,
}

/// Explains every agent of that id or name.
pub fn run(session: &Session<'_>, args: &Args) -> Exit {
    let loaded = session.load();
    let Some(settings) = &loaded.settings else {
        eprint!("{}", loaded.diagnostics.render(session.color_on_stderr()));
        return Exit::Config;
    };
    let found = match find(&loaded, settings, &args.agent) {
        Ok(found) => found,
        Err(error) => {
            eprintln!("error: journal {}: {error}", settings.journal.display());
            return Exit::Failed;
        }
    };
    if found.is_empty() {
        return unknown(settings, &args.agent);
    }
    if args.json {
        return super::exit::print_json(&found);
    }
    found.iter().for_each(|explained| say(text(explained)));
    Exit::Ok
}

/// Every agent of that id or name, in whichever watch.
fn find(loaded: &Loaded, settings: &Settings, name: &str) -> Result<Vec<Explained>, JournalError> {
    let mut found = Vec::new();
    for watch in &settings.watches {
        let watch = watched(settings, watch)?;
        for agent in watch.agents.iter().filter(|agent| agent.id == name || agent.label == name) {
            found.push(explain(loaded, settings, &watch, agent)?);
        }
    }
    Ok(found)
}

fn unknown(settings: &Settings, name: &str) -> Exit {
    let near = settings.watches.iter().find_map(|watch| nearest_id(name, &watch.agents));
    let hint = near.map_or_else(String::new, |id| format!("; did you mean `{id}`?"));
    eprintln!("error: no watch has an agent `{}`{hint}", one_line(name, 80));
    Exit::Failed
}

fn explain(
    loaded: &Loaded,
    settings: &Settings,
    watch: &Watch,
    agent: &Agent,
) -> Result<Explained, JournalError> {
    let policy = watch.policy(agent);
    let silent = event(watch, agent, &policy);
    let routes = router::select(&settings.routes, &silent);
    let waits = latency::parts(watch, &policy, routes.first().copied());
    let kind = |name: &str| {
        settings.sources.iter().find(|source| source.name == name).map_or("", |source| source.kind)
    };
    let decides = [watch.source.clone(), format!("{}: decides who is silent", kind(&watch.source))];
    let tells = watch.beside.iter().map(|name| [name.clone(), format!("{}: tells why", kind(name))]);
    Ok(Explained {
        id: agent.id.clone(),
        label: agent.label.clone(),
        watch: watch.name.clone(),
        class: policy.class,
        values: values(loaded, watch, agent, &policy),
        state: state(settings, watch, agent)?,
        sources: std::iter::once(decides).chain(tells).collect(),
        routes: routes.iter().map(|route| told(route, settings)).collect(),
        at_worst_seconds: latency::total(&waits).as_secs(),
        waits: waits.into_iter().map(|part| (part.time.as_secs(), part.why)).collect(),
    })
}

/// The event of its silence, as far as routes look at it.
fn event(watch: &Watch, agent: &Agent, policy: &Policy) -> Event {
    Event {
        entity: Some(Entity { id: agent.id.clone(), label: agent.label.clone() }),
        labels: policy.labels.clone(),
        cause: "no_documents".to_owned(),
        ..words::about(&watch.name, EventKind::AgentSilent, policy.severity, Utc::now().timestamp_millis())
    }
}

fn told(route: &&Route, settings: &Settings) -> [String; 2] {
    [route.name.clone(), report::tells(&route.steps, settings)]
}

fn values(loaded: &Loaded, watch: &Watch, agent: &Agent, policy: &Policy) -> Vec<[String; 3]> {
    let origin = |path: &str| {
        let found = loaded.resolved.iter().find(|value| value.path == path);
        let set = found.and_then(|value| value.origin.as_ref()).map(ToString::to_string);
        set.unwrap_or_else(|| "default".to_owned())
    };
    let base = format!("watches.{}", watch.name);
    let class = policy.class.map(|number| &watch.classes[number - 1]);
    let of_class = |sets: bool| {
        sets.then(|| format!("class {}, {}", policy.class.unwrap_or(0), origin(&format!("{base}.classes"))))
    };
    let interval = match watch.intervals.contains_key(&agent.id) {
        true => origin(&format!("{base}.intervals.{}", agent.id)),
        false => of_class(class.is_some_and(|class| class.interval.is_some()))
            .unwrap_or_else(|| origin(&format!("{base}.interval"))),
    };
    let grace = of_class(class.is_some_and(|class| class.grace.is_some()))
        .unwrap_or_else(|| origin(&format!("{base}.grace")));
    let severity = of_class(policy.labels.contains_key("severity")).unwrap_or_else(|| "default".to_owned());
    let row = |key: &str, value: String, origin: String| [key.to_owned(), value, origin];
    let mut rows = vec![
        row("interval", written(policy.interval), interval),
        row("grace", written(policy.grace), grace),
        row("severity", policy.severity.name().to_owned(), severity),
    ];
    if class.is_some_and(|class| class.calendar.is_some()) {
        rows.push(row("hours", "some only".to_owned(), of_class(true).unwrap_or_default()));
    }
    if policy.calendar.as_ref().is_some_and(|calendar| !calendar.pauses.is_empty()) {
        rows.push(row("maintenance", "planned".to_owned(), origin(&format!("{base}.maintenance"))));
    }
    let labels = policy.labels.iter().filter(|(key, _)| *key != "severity");
    rows.extend(labels.map(|(key, value)| row(key, one_line(value, 80), of_class(true).unwrap_or_default())));
    rows
}

fn state(settings: &Settings, watch: &Watch, agent: &Agent) -> Result<String, JournalError> {
    if !settings.journal.exists() {
        return Ok("not looked at yet: there is no journal".to_owned());
    }
    let rows = entities::of_watch(&open_read_only(&settings.journal)?, &watch.name)?;
    let now = Utc::now();
    let row = rows.into_iter().find(|row| row.key == agent.id);
    Ok(match row {
        None => "not looked at yet".to_owned(),
        Some(EntityRow { silence: Some(silence), last_seen, .. }) => {
            format!("silent, incident {}; last log {}", silence.incident, moment(last_seen.map(time), now))
        }
        Some(EntityRow { last_seen, .. }) => {
            format!("logging; last log, up to some minutes ago: {}", moment(last_seen.map(time), now))
        }
    })
}

fn text(explained: &Explained) -> String {
    let mut out = format!(
        "{} {} of watch {}\n",
        explained.id,
        one_line(&explained.label, 80),
        one_line(&explained.watch, 80)
    );
    let _ = writeln!(out, "  {}\n\nWhat holds", explained.state);
    for [key, value, origin] in &explained.values {
        let _ = writeln!(out, "  {key:<12} {value:<10} {origin}");
    }
    let _ = writeln!(out, "\nSources");
    for [name, what] in &explained.sources {
        let _ = writeln!(out, "  {name} ({what})");
    }
    let _ = writeln!(out, "\nWho is told of its silence");
    for [name, steps] in &explained.routes {
        let _ = writeln!(out, "  {name}: {steps}");
    }
    let _ = writeln!(out, "\nFrom its last log to the first message, at worst");
    let seconds = |seconds: &u64| written(std::time::Duration::from_secs(*seconds));
    for (time, why) in &explained.waits {
        let _ = writeln!(out, "  {:>8}  {why}", seconds(time));
    }
    let total = seconds(&explained.at_worst_seconds);
    let _ = writeln!(out, "  {total:>8}  in all, and what the source and the channel themselves take");
    out
}
