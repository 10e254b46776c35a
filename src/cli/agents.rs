//! `agents`: who is watched, and how each stands by the journal.

use std::collections::HashMap;
use std::path::Path;

use chrono::{DateTime, Utc};
use log_monitor_channels::text::one_line;
use serde::Serialize;

use super::Session;
use super::exit::Exit;
use super::table::{moment, print, table};
use super::watched::watched;
use crate::config::duration::{human, written};
use crate::config::{Agent, Watch};
use crate::journal::entities::{self, EntityRow};
use crate::journal::events::time;
use crate::journal::{JournalError, open_read_only};
use crate::monitor::fleet::threshold;

/// Arguments of `agents`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Only the silent ones
    #[arg(long)]
    silent: bool,
    /// As JSON
    #[arg(long)]
    json: bool,
}

/// An agent as `--json` prints it.
#[derive(Debug, Serialize)]
struct Shown {
    watch: String,
    id: String,
    label: String,
    /// Of its Wazuh agent, where a list says it.
    version: Option<String>,
    state: &'static str,
    last_seen: Option<DateTime<Utc>>,
    interval_seconds: u64,
    grace_seconds: u64,
    class: Option<usize>,
    severity: &'static str,
    next_check: Option<DateTime<Utc>>,
    incident: Option<i64>,
}

/// Lists the agents.
pub fn run(session: &Session<'_>, args: &Args) -> Exit {
    let settings = match session.settings() {
        Ok(settings) => settings,
        Err(exit) => return exit,
    };
    let mut all = Vec::new();
    for watch in &settings.watches {
        let known =
            watched(&settings, watch).and_then(|watch| Ok((rows(&settings.journal, &watch.name)?, watch)));
        match known {
            Ok((rows, watch)) => {
                all.extend(watch.agents.iter().map(|agent| shown(&watch, agent, rows.get(&agent.id))));
            }
            Err(error) => {
                eprintln!("error: journal {}: {error}", settings.journal.display());
                return Exit::Failed;
            }
        }
    }
    all.retain(|agent| !args.silent || agent.state == "silent");
    show(&all, args)
}

fn rows(path: &Path, watch: &str) -> Result<HashMap<String, EntityRow>, JournalError> {
    if !path.exists() {
        return Ok(HashMap::new());
    }
    let rows = entities::of_watch(&open_read_only(path)?, watch)?;
    Ok(rows.into_iter().map(|row| (row.key.clone(), row)).collect())
}

fn shown(watch: &Watch, agent: &Agent, row: Option<&EntityRow>) -> Shown {
    let policy = watch.policy(agent);
    let last_seen = row.and_then(|row| row.last_seen).map(time);
    let incident = row.and_then(|row| row.silence).map(|silence| silence.incident);
    let state = match (row, incident) {
        (None, _) => "new",
        (Some(_), Some(_)) => "silent",
        (Some(_), None) => "logging",
    };
    let due = last_seen.map(|seen| time(policy.due(seen.timestamp_millis(), threshold(&policy))));
    Shown {
        watch: watch.name.clone(),
        id: agent.id.clone(),
        label: agent.label.clone(),
        version: agent.version().map(str::to_owned),
        state,
        last_seen,
        interval_seconds: policy.interval.as_secs(),
        grace_seconds: policy.grace.as_secs(),
        class: policy.class,
        severity: policy.severity.name(),
        next_check: due.filter(|_| incident.is_none()),
        incident,
    }
}

fn show(shown: &[Shown], args: &Args) -> Exit {
    if args.json {
        return super::exit::print_json(shown);
    }
    let now = Utc::now();
    let header =
        ["watch", "id", "label", "state", "last seen", "silent after", "class", "next check", "version"];
    // Nobody keeps versions in an agent file.
    let with_version = shown.iter().any(|agent| agent.version.is_some());
    let columns = if with_version { header.len() } else { header.len() - 1 };
    let mut rows = table(&header[..columns]);
    for agent in shown {
        let due = match agent.next_check {
            Some(at) if at > now => format!("in {}", human((at - now).to_std().unwrap_or_default())),
            Some(_) => "now".to_owned(),
            None => "every round".to_owned(),
        };
        let seconds = std::time::Duration::from_secs;
        let cells = [
            agent.watch.clone(),
            agent.id.clone(),
            one_line(&agent.label, 40),
            agent.state.to_owned(),
            moment(agent.last_seen, now),
            format!(
                "{} + {}",
                written(seconds(agent.interval_seconds)),
                written(seconds(agent.grace_seconds))
            ),
            agent.class.map_or_else(|| "-".to_owned(), |class| class.to_string()),
            due,
            agent.version.as_deref().map_or_else(|| "-".to_owned(), |version| one_line(version, 20)),
        ];
        rows.add_row(cells.into_iter().take(columns));
    }
    print(rows, "no agents");
    Exit::Ok
}
