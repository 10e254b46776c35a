//! What `backtest` and `suggest` have in common: which watches, over which time, and their history.

use chrono::{DateTime, TimeDelta, Utc};
use log_monitor_channels::text::one_line;

use super::Session;
use super::exit::Exit;
use super::watched::watched;
use crate::app::daemon::setups;
use crate::app::parts::Parts;
use crate::config::{Settings, Watch};
use crate::history::Span;
use crate::history::read::{floor, step};
use crate::monitor::{Setup, inventory, roll_call};
use crate::source::SourceError;

/// What is looked at.
#[derive(Debug, clap::Args)]
pub struct Looked {
    /// This watch only
    #[arg(long, value_name = "NAME")]
    pub watch: Option<String>,
    /// As JSON
    #[arg(long)]
    pub json: bool,
}

/// The watches that are asked for, each with its source and everybody in it.
///
/// # Errors
/// When the configuration is refused, there is no such watch, or the journal or a list of agents
/// cannot be read; that is printed.
pub async fn subjects(session: &Session<'_>, looked: &Looked) -> Result<Vec<Setup>, Exit> {
    let mut settings = session.settings()?;
    if let Some(name) = &looked.watch {
        only(&mut settings, name)?;
    }
    let known: Vec<Watch> = settings
        .watches
        .iter()
        .map(|watch| watched(&settings, watch).map(std::borrow::Cow::into_owned))
        .collect::<Result<_, _>>()
        .map_err(|error| failed(format!("journal {}: {error}", settings.journal.display())))?;
    let parts = Parts::build(settings).map_err(|error| failed(error.to_string()))?;
    let mut setups = setups(&parts);
    for (setup, watch) in setups.iter_mut().zip(known) {
        setup.watch = watch;
        list(setup).await.map_err(|error| unreadable(setup, &error))?;
    }
    Ok(setups)
}

fn only(settings: &mut Settings, name: &str) -> Result<(), Exit> {
    let known: Vec<String> = settings.watches.iter().map(|watch| format!("`{}`", watch.name)).collect();
    settings.watches.retain(|watch| watch.name == name);
    match settings.watches.is_empty() {
        true => {
            Err(failed(format!("there is no watch `{}`: there is {}", one_line(name, 80), known.join(", "))))
        }
        false => Ok(()),
    }
}

/// Before `run` has written down who was discovered, the list itself says it.
async fn list(setup: &mut Setup) -> Result<(), SourceError> {
    let (Some(rules), Some((_, source))) = (&setup.watch.discover, &setup.lister) else { return Ok(()) };
    if setup.watch.agents.iter().all(|agent| agent.listed.is_none()) {
        let listed = roll_call::listed_now(&**source, rules, TimeDelta::hours(1), Utc::now()).await?;
        setup.watch.agents = inventory::together(setup.watch.agents.clone(), listed.agents);
    }
    Ok(())
}

/// The last whole steps of so many days before `now`, and how long one is, in milliseconds.
#[must_use]
pub fn window(watch: &Watch, days: u16, now: DateTime<Utc>) -> (Span, i64) {
    let step = step(watch.poll);
    let to = floor(now.timestamp_millis(), step);
    ((floor(to - i64::from(days) * 86_400_000, step), to), step)
}

/// Says why a source could not be read.
pub fn unreadable(setup: &Setup, error: &SourceError) -> Exit {
    let names: Vec<&str> = error.by(&setup.watch.source).map(|(name, _)| name).collect();
    let detail = one_line(&error.detail, 300);
    failed(format!("watch {}: source {}: {detail}", setup.watch.name, names.join(", ")))
}

fn failed(why: impl std::fmt::Display) -> Exit {
    eprintln!("error: {why}");
    Exit::Failed
}
