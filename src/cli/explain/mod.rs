//! `explain`: everything that holds for one agent, where it comes from, and how long it takes at
//! worst until somebody hears of its silence.

mod standing;

use std::fmt::Write as _;

use chrono::{DateTime, NaiveDateTime, Utc};
use log_monitor_channels::text::one_line;
use log_monitor_channels::{Entity, Event, EventKind};
use serde::Serialize;

use self::standing::Known;
use super::Session;
use super::exit::Exit;
use super::table::say;
use super::watched::watched;
use crate::clock::written as written_time;
use crate::config::agents::nearest_id;
use crate::config::duration::written;
use crate::config::{Agent, Loaded, Policy, Route, Settings, Watch, latency, report};
use crate::dispatch::router;
use crate::journal::JournalError;
use crate::monitor::words;

/// Arguments of `explain`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Its id, or the name in the agent file
    agent: String,
    /// At another time than now: `2026-11-24T03:00:00+01:00`, or `2026-11-24 03:00` in UTC
    #[arg(long, value_name = "TIME", value_parser = moment_of)]
    at: Option<DateTime<Utc>>,
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
    /// Of its Wazuh agent, where a list says it.
    version: Option<String>,
    class: Option<usize>,
    /// Key, value, and where it was set.
    values: Vec<[String; 3]>,
    at: DateTime<Utc>,
    state: String,
    /// What keeps its silence from being told.
    suppressions: Vec<String>,
    /// Name, what it is for, and how it answers.
    sources: Vec<[String; 3]>,
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
    let at = args.at.unwrap_or_else(Utc::now);
    let found = match find(&loaded, settings, &args.agent, at) {
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
fn find(
    loaded: &Loaded,
    settings: &Settings,
    name: &str,
    at: DateTime<Utc>,
) -> Result<Vec<Explained>, JournalError> {
    let mut found = Vec::new();
    for watch in &settings.watches {
        let watch = watched(settings, watch)?;
        for agent in watch.agents.iter().filter(|agent| agent.id == name || agent.label == name) {
            found.push(explain(loaded, settings, &watch, agent, at)?);
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
    at: DateTime<Utc>,
) -> Result<Explained, JournalError> {
    let policy = watch.policy(agent);
    let silent = event(watch, agent, &policy);
    let routes = router::select(&settings.routes, &silent);
    let waits = latency::parts(watch, &policy, routes.first().copied());
    let known = Known::read(settings, &watch.name, &agent.id, at)?;
    let state = known.as_ref().map(|known| known.state(at));
    Ok(Explained {
        id: agent.id.clone(),
        label: agent.label.clone(),
        watch: watch.name.clone(),
        version: agent.version().map(str::to_owned),
        class: policy.class,
        values: values(loaded, watch, agent, &policy),
        at,
        state: state.unwrap_or_else(|| "not looked at yet: there is no journal".to_owned()),
        suppressions: standing::suppressions(known.as_ref(), watch, agent, &policy, at),
        sources: sources(settings, watch)?,
        routes: routes.iter().map(|route| told(route, settings)).collect(),
        at_worst_seconds: latency::total(&waits).as_secs(),
        waits: waits.into_iter().map(|part| (part.time.as_secs(), part.why)).collect(),
    })
}

fn sources(settings: &Settings, watch: &Watch) -> Result<Vec<[String; 3]>, JournalError> {
    let lists = watch.discover.as_ref().map(|discover| discover.source.as_str());
    let mut names: Vec<&str> = vec![&watch.source];
    names.extend(watch.beside.iter().map(String::as_str));
    names.extend(lists.filter(|name| !names.contains(name)));
    let one = |name: &str| {
        let known = settings.sources.iter().find(|source| source.name == name);
        let kind = known.map_or("", |source| source.kind);
        let mut tasks = Vec::new();
        tasks.extend((name == watch.source).then_some("decides who is silent"));
        tasks.extend(watch.beside.iter().any(|beside| beside == name).then_some("tells why"));
        tasks.extend((lists == Some(name)).then_some("lists who is watched"));
        let what = format!("{kind}: {}", tasks.join(", "));
        Ok([name.to_owned(), what, standing::source_state(settings, name)?])
    };
    names.into_iter().map(one).collect()
}

/// A time as people write it.
pub fn moment_of(text: &str) -> Result<DateTime<Utc>, String> {
    if let Ok(zoned) = DateTime::parse_from_rfc3339(text) {
        return Ok(zoned.to_utc());
    }
    let plain = ["%Y-%m-%d %H:%M", "%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S"];
    let read = |form: &&str| NaiveDateTime::parse_from_str(text, form).ok();
    let found = plain.iter().find_map(read);
    found.map(|time| time.and_utc()).ok_or_else(|| "write it like `2026-11-24 03:00` (UTC)".to_owned())
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

fn text(explained: &Explained) -> String {
    let version = explained.version.as_ref().map(|version| format!(", agent {}", one_line(version, 20)));
    let mut out = format!(
        "{} {} of watch {}{}\n",
        explained.id,
        one_line(&explained.label, 80),
        one_line(&explained.watch, 80),
        version.unwrap_or_default()
    );
    let _ = writeln!(out, "  {}", explained.state);
    for suppression in &explained.suppressions {
        let _ = writeln!(out, "  {suppression}");
    }
    let _ = writeln!(out, "\nWhat holds at {}", written_time(explained.at));
    for [key, value, origin] in &explained.values {
        let _ = writeln!(out, "  {key:<12} {value:<10} {origin}");
    }
    let _ = writeln!(out, "\nSources");
    for [name, what, how] in &explained.sources {
        let _ = writeln!(out, "  {name} ({what}): {how}");
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
