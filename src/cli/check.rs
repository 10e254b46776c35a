//! `check`: one round without a journal and without messages. Exit codes and the first line of
//! output are those of a Nagios plugin.

use std::collections::BTreeMap;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use log_monitor_channels::text::one_line;
use serde::Serialize;

use super::Session;
use super::exit::Exit;
use super::table::{moment, print, say, table};
use super::watched::watched;
use crate::app::daemon::setups;
use crate::app::parts::Parts;
use crate::config::duration::{human, written};
use crate::config::{Agent, Watch};
use crate::journal::events::time;
use crate::monitor::fleet::lag::Measured;
use crate::monitor::fleet::{Entity, Fleet};
use crate::monitor::verdict::{Verdict, judge};
use crate::monitor::{Setup, gather, inventory, memory, roll_call};
use crate::source::SourceError;

/// Arguments of `check`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// As JSON
    #[arg(long)]
    json: bool,
}

/// How late logs come, by node.
type Lags = BTreeMap<String, Measured>;

/// An agent as `--json` prints it.
#[derive(Debug, Serialize)]
struct Shown {
    watch: String,
    id: String,
    label: String,
    /// `ok`, `late` (over its interval, within its grace) or `silent`.
    state: &'static str,
    last_seen: Option<DateTime<Utc>>,
    interval: String,
}

#[derive(Debug, Serialize)]
struct Report {
    agents: Vec<Shown>,
    /// The nodes that agents send through, and how far behind they are.
    nodes: Vec<Node>,
    /// Sources that could not be read.
    errors: Vec<Problem>,
}

/// Documents carry no time of arrival: by a single look a node is as far behind as its newest one is old,
/// or less. A daemon knows better.
#[derive(Debug, Serialize)]
struct Node {
    watch: String,
    /// Empty where no node is known.
    node: String,
    agents: usize,
    newest: Option<DateTime<Utc>>,
    /// How late its logs come, at most.
    lag_seconds: Option<f64>,
}

#[derive(Debug, Serialize)]
struct Problem {
    watch: String,
    source: String,
    reason: &'static str,
    detail: String,
}

/// Looks once.
pub async fn run(session: &Session<'_>, args: &Args) -> Exit {
    let settings = match session.settings() {
        Ok(settings) => settings,
        Err(exit) => return exit,
    };
    // Who is listed only as long as it logs is known from before; without a journal nobody is.
    let known = |watch| watched(&settings, watch).map(|watch| watch.agents.clone()).unwrap_or_default();
    let known: Vec<Vec<Agent>> = settings.watches.iter().map(known).collect();
    let now = Utc::now().timestamp_millis();
    let lags = |watch| memory::lags_of(&settings, watch, now).unwrap_or_default();
    let lags: Vec<Lags> = settings.watches.iter().map(lags).collect();
    let parts = match Parts::build(settings) {
        Ok(parts) => parts,
        Err(error) => {
            eprintln!("error: {error}");
            return Exit::Unknown;
        }
    };
    let mut report = Report { agents: Vec::new(), nodes: Vec::new(), errors: Vec::new() };
    for ((setup, known), lags) in setups(&parts).into_iter().zip(known).zip(lags) {
        look(&setup, known, &lags, &mut report).await;
    }
    let exit = verdict(&report);
    if args.json {
        super::exit::print_json(&report);
    } else {
        show(report, exit);
    }
    exit
}

async fn look(setup: &Setup, known: Vec<Agent>, lags: &Lags, report: &mut Report) {
    let now = Utc::now();
    let mut watch = setup.watch.clone();
    if let (Some(rules), Some((name, source))) = (&watch.discover, &setup.lister) {
        match roll_call::listed_now(&**source, rules, longest(&watch), now).await {
            Ok(listed) if source.lists_all() => {
                let listed = inventory::with_old_ids(listed.agents, &known);
                watch.agents = inventory::together(watch.agents, listed);
            }
            Ok(listed) => watch.agents = inventory::together(known, listed.agents),
            Err(error) => report.errors.push(problem(&setup.watch.name, name, error)),
        }
    }
    let (mut fleet, _) = Fleet::new(&watch, Vec::new());
    fleet.remember_lags(lags);
    match gather::gather(&*setup.source, &mut fleet, None, now, now).await {
        Ok(_) => {
            let shown = fleet.entities().iter().map(|entity| shown(&setup.watch.name, &fleet, entity, now));
            report.agents.extend(shown);
            if let Err(error) = gather::homes(&*setup.source, &mut fleet, now).await {
                tracing::debug!("which nodes the agents send through is not known: {error}");
            }
            report.nodes.extend(nodes(&setup.watch.name, &fleet, lags, now));
        }
        Err(error) => {
            let failed = error.by(&setup.watch.source);
            report.errors.extend(failed.map(|(name, error)| problem(&setup.watch.name, name, error.clone())));
        }
    }
}

/// The longest time for which anybody of a watch may be silent.
pub fn longest(watch: &Watch) -> TimeDelta {
    let longest = watch.classes.iter().filter_map(|class| class.interval).max();
    TimeDelta::from_std(longest.unwrap_or_default().max(watch.interval)).unwrap_or(TimeDelta::MAX)
}

fn nodes(watch: &str, fleet: &Fleet, lags: &Lags, now: DateTime<Utc>) -> Vec<Node> {
    let node = |(name, agents, newest): (&str, usize, Option<i64>)| {
        let age = newest.map(|newest| (now.timestamp_millis() - newest).max(0));
        let lag = lags.get(name).map(|lag| lag.at_most).into_iter().chain(age).min();
        Node {
            watch: watch.to_owned(),
            node: name.to_owned(),
            agents,
            newest: newest.map(time),
            lag_seconds: lag.map(|lag| lag as f64 / 1000.0),
        }
    };
    fleet.nodes().into_iter().map(node).collect()
}

fn problem(watch: &str, source: &str, error: SourceError) -> Problem {
    Problem {
        watch: watch.to_owned(),
        source: source.to_owned(),
        reason: error.reason.name(),
        detail: error.detail,
    }
}

fn shown(watch: &str, fleet: &Fleet, entity: &Entity, now: DateTime<Utc>) -> Shown {
    let policy = fleet.policy(entity);
    let now = now.timestamp_millis();
    let interval = i64::try_from(policy.interval.as_millis()).unwrap_or(i64::MAX);
    let due = |allowed| entity.last_seen.map_or_else(|| policy.due(now, 0), |seen| policy.due(seen, allowed));
    let state = match (fleet.verdict(entity, now), judge(entity.last_seen, due(interval), now)) {
        (Verdict::Silent { .. }, _) => "silent",
        (Verdict::Fresh, Verdict::Silent { .. }) => "late",
        (Verdict::Fresh, Verdict::Fresh) => "ok",
    };
    Shown {
        watch: watch.to_owned(),
        id: entity.key.to_string(),
        label: entity.label.to_string(),
        state,
        last_seen: entity.last_seen.map(time),
        interval: written(policy.interval),
    }
}

fn count(report: &Report, state: &str) -> usize {
    report.agents.iter().filter(|agent| agent.state == state).count()
}

/// Silence that is certain outweighs what is not known; that outweighs lateness. An empty list is
/// nothing known.
fn verdict(report: &Report) -> Exit {
    match (count(report, "silent"), report.errors.len(), count(report, "late")) {
        (0, 0, 0) if report.agents.is_empty() => Exit::Unknown,
        (0, 0, 0) => Exit::Ok,
        (0, 0, _) => Exit::Warning,
        (0, _, _) => Exit::Unknown,
        _ => Exit::Silent,
    }
}

fn show(mut report: Report, exit: Exit) {
    let word = match exit {
        Exit::Ok => "OK",
        Exit::Warning => "WARNING",
        Exit::Silent => "CRITICAL",
        _ => "UNKNOWN",
    };
    let (silent, late) = (count(&report, "silent"), count(&report, "late"));
    let mut summary = format!("{word}: {silent} of {} agents silent, {late} late", report.agents.len());
    for error in &report.errors {
        summary.push_str(&format!(
            "; source {} cannot be read: {}",
            error.source,
            one_line(&error.detail, 300)
        ));
    }
    say(summary);
    report
        .agents
        .sort_by_key(|agent| ["silent", "late", "ok"].iter().position(|state| *state == agent.state));
    let now = Utc::now();
    let mut rows = table(&["watch", "id", "label", "state", "last seen", "silent after"]);
    for agent in report.agents {
        rows.add_row([
            agent.watch,
            agent.id,
            one_line(&agent.label, 40),
            agent.state.to_owned(),
            moment(agent.last_seen, now),
            agent.interval,
        ]);
    }
    if !rows.is_empty() {
        print(rows, "");
    }
    let mut rows = table(&["watch", "node", "agents", "newest log", "late at most"]);
    for Node { watch, node, agents, newest, lag_seconds } in report.nodes {
        let node = if node.is_empty() { "-".to_owned() } else { one_line(&node, 40) };
        let lag = lag_seconds.map_or_else(|| "-".to_owned(), |lag| human(Duration::from_secs_f64(lag)));
        rows.add_row([watch, node, agents.to_string(), moment(newest, now), lag]);
    }
    if !rows.is_empty() {
        say("");
        print(rows, "");
    }
}
