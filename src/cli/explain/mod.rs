//! `explain`: everything that holds for one agent, where it comes from, and how long it takes at
//! worst until somebody hears of its silence.

mod held;
mod sources;
mod standing;
mod text;
mod values;

use chrono::{DateTime, NaiveDateTime, Utc};
use log_monitor_channels::Event;
use log_monitor_channels::text::one_line;
use serde::Serialize;

pub use self::standing::closed;
use self::standing::{Known, View};
use super::Session;
use super::exit::Exit;
use super::table::say;
use super::watched::watched;
use crate::config::agents::nearest_id;
use crate::config::latency::Sure;
use crate::config::{Agent, Loaded, Policy, Route, Settings, Watch, latency, report};
use crate::dispatch::router;
use crate::journal::JournalError;
use crate::journal::events::millis;

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
    /// What was found out about the silence that was open then.
    told: Option<String>,
    /// What keeps its silence from being told.
    suppressions: Vec<String>,
    sources: Vec<sources::Said>,
    /// Name and steps.
    routes: Vec<[String; 2]>,
    /// Seconds and reason.
    waits: Vec<(u64, String)>,
    at_worst_seconds: u64,
    /// Which channel a person reads first, and what if that fails; `None` = none is certain to be told.
    first_told: Option<String>,
    /// The clock stands still while no logs are expected.
    expected_time_only: bool,
    /// Routes are not the same at all times of the week.
    differs_by_time: bool,
}

/// Explains every agent of that id or name.
pub fn run(session: &Session<'_>, args: &Args) -> Exit {
    let loaded = session.load();
    let Some(settings) = &loaded.settings else {
        eprint!("{}", loaded.diagnostics.render(session.color_on_stderr()));
        return Exit::Config;
    };
    let now = Utc::now();
    let found = match find(&loaded, settings, &args.agent, args.at.unwrap_or(now), now) {
        Ok(found) => found,
        Err(error) => {
            eprintln!("error: journal {}: {error}", settings.journal.display());
            return Exit::Failed;
        }
    };
    if found.is_empty() {
        eprintln!("error: {}", unknown(settings, &args.agent));
        return Exit::Failed;
    }
    if args.json {
        return super::exit::print_json(&found);
    }
    found.iter().for_each(|explained| say(text::text(explained)));
    Exit::Ok
}

/// Every agent of that id or name, in whichever watch.
fn find(
    loaded: &Loaded,
    settings: &Settings,
    name: &str,
    at: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Result<Vec<Explained>, JournalError> {
    let view = View::open(settings, at, now)?;
    let mut found = Vec::new();
    for watch in &settings.watches {
        let watch = watched(settings, watch)?;
        for agent in watch.agents.iter().filter(|agent| agent.id == name || agent.label == name) {
            found.push(explain(loaded, settings, &watch, agent, (at, view.as_ref()))?);
        }
    }
    Ok(found)
}

/// What to say of somebody whom nobody watches, as far as is known.
fn unknown(settings: &Settings, name: &str) -> String {
    let near = settings.watches.iter().find_map(|watch| nearest_id(name, &watch.agents));
    let near = near.map(|id| format!("; did you mean `{id}`?"));
    let hint = near.or_else(|| {
        let watch = one_line(&settings.watches.iter().find(|watch| !is_listed(settings, watch))?.name, 80);
        Some(format!(
            "; of watch `{watch}` nobody whom a list names is in the journal: run log-monitor, or `check-config --probe` \
             if it runs"
        ))
    });
    format!("no watch has an agent `{}`{}", one_line(name, 80), hint.unwrap_or_default())
}

/// Whether somebody is known of the list of a watch, if it has one.
fn is_listed(settings: &Settings, watch: &Watch) -> bool {
    let is_known = |watch: &Watch| watch.agents.iter().any(|agent| agent.listed.is_some());
    watch.discover.is_none() || watched(settings, watch).is_ok_and(|watch| is_known(&watch))
}

fn explain(
    loaded: &Loaded,
    settings: &Settings,
    watch: &Watch,
    agent: &Agent,
    (at, view): (DateTime<Utc>, Option<&View>),
) -> Result<Explained, JournalError> {
    let policy = watch.policy(agent);
    let known = view.map(|view| Known::read(view, &watch.name, &agent.id)).transpose()?;
    let event = silence(watch, agent, &policy, known.as_ref().and_then(Known::event), at);
    let routes = router::select(&settings.routes, &event);
    let soonest = latency::soonest(&routes, &settings.channels, &event);
    let told_first = soonest.or(routes.first().map(|route| Sure { route, at: 0 }));
    let mut waits = latency::parts(watch, &policy, told_first, &event);
    waits.extend(soonest.and_then(|told| latency::over_budget(told, &settings.channels)));
    waits.extend(view.map(|view| sources::wait(view, watch, agent, &policy)).transpose()?.flatten());
    let state = view.zip(known.as_ref()).map(|(view, known)| view.said(known.state()));
    let mut suppressions = standing::suppressions(known.as_ref(), watch, agent, &policy, at);
    suppressions.extend(held::held(view.zip(known.as_ref()), &event, &routes)?);
    Ok(Explained {
        id: agent.id.clone(),
        label: agent.label.clone(),
        watch: watch.name.clone(),
        version: agent.version().map(str::to_owned),
        class: policy.class,
        values: values::values(loaded, watch, agent, &policy, (&event, known.as_ref().and_then(Known::open))),
        at,
        state: state.unwrap_or_else(|| "not looked at yet: there is no journal".to_owned()),
        told: known.as_ref().and_then(Known::told),
        suppressions,
        sources: sources::sources(&settings.sources, watch, view.zip(known.as_ref()))?,
        routes: routes.iter().map(|route| told(route, settings)).collect(),
        at_worst_seconds: latency::total(&waits).as_secs(),
        first_told: soonest.map(|told| latency::condition(told, &settings.channels)),
        expected_time_only: policy.calendar.is_some(),
        differs_by_time: settings.routes.iter().any(|route| route.active.is_some() || route.quiet.is_some()),
        waits: waits.into_iter().map(|part| (part.time.as_secs(), part.why)).collect(),
    })
}

/// The event of its silence at `at`: the one that is `open` as it was told, else as it would be.
fn silence(watch: &Watch, agent: &Agent, policy: &Policy, open: Option<&Event>, at: DateTime<Utc>) -> Event {
    let usual = latency::silence(watch, agent, policy, millis(at));
    let Some(open) = open else { return usual };
    Event { severity: open.severity, cause: open.cause.clone(), labels: open.labels.clone(), ..usual }
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

fn told(route: &&Route, settings: &Settings) -> [String; 2] {
    [route.name.clone(), report::tells(&route.steps, settings)]
}

#[cfg(test)]
mod tests;
