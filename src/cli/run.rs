//! `run`: the daemon, and `run --once` for cron.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::Session;
use super::exit::Exit;
use crate::app::daemon::{Base, Daemon, setups};
use crate::app::parts::Parts;
use crate::app::setup_failure::{self, SetupFailure};
use crate::app::triggers::{Trigger, Triggers};
use crate::app::{journal_health, lock};
use crate::clock::SystemClock;
use crate::config::{Diagnostics, Loaded, Settings, Watch};
use crate::journal::{Journal, JournalError, spool_path};

/// How long `--once` waits for its messages to be accepted by somebody.
const ONCE_LIMIT: Duration = Duration::from_secs(300);

/// Arguments of `run`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// One full round with its notifications sent, then exit
    #[arg(long)]
    once: bool,
}

/// Runs the daemon or one round.
pub async fn run(session: &Session<'_>, args: &Args) -> Exit {
    let mut loaded = session.load();
    let Some(settings) = loaded.settings.take() else {
        eprint!("{}", loaded.diagnostics.render(session.color_on_stderr()));
        setup_failure::tell_refused(loaded).await;
        return Exit::Config;
    };
    match start(session, settings, &loaded, args.once).await {
        Ok(exit) => exit,
        Err(error) => {
            tracing::error!("{error}");
            Exit::Failed
        }
    }
}

async fn start(
    session: &Session<'_>,
    settings: Settings,
    loaded: &Loaded,
    once: bool,
) -> Result<Exit, Box<dyn std::error::Error>> {
    if let Err(error) = session.log.configure(&settings.log) {
        tracing::error!(
            "log file {}: {error}",
            settings.log.file.as_deref().unwrap_or(Path::new("")).display()
        );
    }
    log_warnings(&loaded.diagnostics);
    let parts = Parts::build(settings)?;
    let _lock = lock::take(&parts.journal)?;
    let journal = match Journal::open(&parts.journal) {
        Ok(journal) => journal,
        Err(error) => {
            let failure =
                SetupFailure { what: "journal", problem: format!("{error}."), journal: &parts.journal };
            failure.tell(&order(&parts), &parts.channels).await;
            return Err(error.into());
        }
    };
    setup_failure::forget(&parts.journal);
    let ended = match once {
        true => run_once(&parts, journal.clone()).await.map_err(Into::into),
        false => run_daemon(session, &parts, journal.clone(), files(session, &loaded.files)).await,
    };
    // Before the lock is given back: nobody else may work with it until then.
    journal.close().await;
    ended
}

/// The channels in the order in which the catch-all falls back.
fn order(parts: &Parts) -> Vec<String> {
    let steps = parts.routes.last().into_iter().flat_map(|route| &route.steps);
    steps.flat_map(|step| step.to.iter().cloned()).collect()
}

fn log_warnings(warnings: &Diagnostics) {
    for (_, line) in warnings.lines() {
        tracing::warn!("{line}");
    }
}

async fn run_once(parts: &Parts, journal: Journal) -> Result<Exit, JournalError> {
    let spool = spool_path(&parts.journal);
    let mut base = Base::new(parts, journal, Arc::new(SystemClock), Some(spool)).await?;
    // What is only in memory is forgotten, if it cannot be written at the end either: the next run may tell it again.
    let in_memory = journal_health::tell(&base.recorder).await?;
    let health = Arc::default();
    let mut failed = false;
    let mut monitors = Vec::new();
    for setup in setups(parts) {
        monitors.push(base.monitor(setup, &health).await?);
    }
    for monitor in &mut monitors {
        failed |= monitor.round().await.is_err();
        monitor.checkpoint().await?;
    }
    let unsettled = base.dispatcher.drain(ONCE_LIMIT).await?;
    if unsettled > 0 {
        tracing::warn!(
            "{unsettled} messages were accepted by nobody: the next run goes on with what is not given up"
        );
    }
    Ok(if failed || unsettled > 0 || in_memory { Exit::Failed } else { Exit::Ok })
}

async fn run_daemon(
    session: &Session<'_>,
    parts: &Parts,
    journal: Journal,
    files: Vec<PathBuf>,
) -> Result<Exit, Box<dyn std::error::Error>> {
    // Signals first: one that comes while starting must not kill the process half-way.
    let mut triggers = Triggers::new(files)?;
    let mut daemon =
        Daemon::start(parts, journal, Arc::new(SystemClock), Some(spool_path(&parts.journal))).await?;
    let agents: usize = parts.watches.iter().map(|watch| watch.agents.len()).sum();
    tracing::info!("watching {agents} agents of {} watches", parts.watches.len());
    let mut refused = String::new();
    let exit = loop {
        let trigger = tokio::select! {
            trigger = triggers.next() => trigger,
            () = daemon.failed() => break Exit::Failed,
        };
        match trigger {
            Trigger::Stop => break Exit::Ok,
            Trigger::Reload(why) => triggers.watch(reload(session, &mut daemon, why, &mut refused).await?),
        }
    };
    tracing::info!("stopping");
    daemon.stop().await;
    Ok(exit)
}

/// Reads everything again, and says from which files. A configuration that is refused changes nothing and is told
/// once.
async fn reload(
    session: &Session<'_>,
    daemon: &mut Daemon,
    why: &str,
    refused: &mut String,
) -> Result<Vec<PathBuf>, JournalError> {
    let loaded = session.load();
    let files = files(session, &loaded.files);
    let problem = match loaded.settings {
        None => setup_failure::in_words(&loaded.diagnostics),
        Some(settings) => match prepare(settings) {
            Ok(parts) => {
                if let Err(error) = session.log.configure(&parts.log) {
                    tracing::error!("log file: {error}");
                }
                log_warnings(&loaded.diagnostics);
                daemon.reload(&parts).await?;
                refused.clear();
                tracing::info!("configuration read again ({why})");
                return Ok(files);
            }
            Err(problem) => problem,
        },
    };
    tracing::error!("reload refused ({why}), the old configuration goes on:\n{problem}");
    if problem != *refused {
        let detail = format!("A reload was refused, the old configuration goes on.\n{problem}");
        daemon.tell_setup_failed("reload", &detail).await?;
        *refused = problem;
    }
    Ok(files)
}

/// A reload is all or nothing, and a list that is suddenly empty is a mistake, not an order.
fn prepare(settings: Settings) -> Result<Parts, String> {
    let empty = |watch: &&Watch| watch.agents.is_empty() && watch.discover.is_none();
    if let Some(file) = settings.watches.iter().find(empty).and_then(|watch| watch.agent_file.as_ref()) {
        return Err(format!("{} lists no agent", file.display()));
    }
    Parts::build(settings).map_err(|error| error.to_string())
}

/// The files whose change is a reason to read everything again: those of the configuration, and those that it names.
fn files(session: &Session<'_>, named: &[PathBuf]) -> Vec<PathBuf> {
    let inputs = session.inputs();
    let own = inputs.env_files().into_iter().chain([inputs.file().to_owned()]);
    let mut files: Vec<PathBuf> = named.iter().cloned().chain(own).collect();
    files.sort();
    files.dedup();
    files
}
