//! `check-config`: reads all layers, prints every problem and every value with its origin, and on
//! request logs in to sources and channels without sending anything.

use std::io::Write;
use std::time::Duration;

use chrono::Utc;
use log_monitor_channels::{Context, http};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::check::longest;
use super::exit::Exit;
use crate::config::diagnostics::{At, Diagnostics};
use crate::config::resolved::{self, Resolved};
use crate::config::{ChannelTable, Loaded, Settings, SourceTable, TRY_TIMEOUT, Watch, report};
use crate::monitor::{memory, roll_call, words};
use crate::source::{Source, SourceContext};

/// A probe that takes longer has failed.
const PROBE_TIMEOUT: Duration = Duration::from_secs(60);

/// Flags of `check-config`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::Args)]
pub struct Args {
    /// Log in to every source and channel, without sending anything
    #[arg(long)]
    pub probe: bool,
    /// Refuse warnings, too
    #[arg(long)]
    pub strict: bool,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// What a login to a source or channel came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Probe {
    /// `source` or `channel`.
    pub what: &'static str,
    /// Its name.
    pub name: String,
    /// Its kind.
    pub kind: &'static str,
    /// What is wrong, if anything.
    pub error: Option<String>,
}

/// Prints problems to `err` and everything else to `out`. `color` holds for both.
pub async fn run(
    args: Args,
    loaded: Loaded,
    color: bool,
    out: &mut (impl Write + Send),
    err: &mut (impl Write + Send),
) -> Exit {
    let Loaded { settings, mut diagnostics, resolved, .. } = loaded;
    if let Some(settings) = &settings {
        warn_of_lags(settings, &resolved, &mut diagnostics);
    }
    let refused = settings.is_none() || args.strict && diagnostics.warnings() > 0;
    // Whoever stops reading early is not an error of ours; hence the ignored results.
    if !args.json {
        let _ = err.write_all(diagnostics.render(color).as_bytes());
        let _ = out.write_all(text(&report::values(&resolved), settings.as_ref()).as_bytes());
    }
    let mut answer = report::to_json(&resolved, settings.as_ref());
    let probes = match settings {
        Some(settings) if args.probe && !refused => probe(settings).await,
        _ => Vec::new(),
    };
    if args.json {
        answer["valid"] = Value::Bool(!refused);
        answer["problems"] = diagnostics.to_json();
        answer["probes"] = probes.iter().map(Probe::to_json).collect();
        let _ = writeln!(out, "{answer:#}");
    } else if !probes.is_empty() {
        let lines: String = probes.iter().map(|probe| format!("  {}\n", probe.line())).collect();
        let _ = write!(out, "\nProbes\n{lines}");
    }
    match probes.iter().any(|probe| probe.error.is_some()) {
        _ if refused => Exit::Config,
        true => Exit::Failed,
        false => Exit::Ok,
    }
}

/// An interval that is shorter than logs are known to come late, as far as a daemon has written it down.
fn warn_of_lags(settings: &Settings, values: &[Resolved], diagnostics: &mut Diagnostics) {
    for watch in &settings.watches {
        let lags = memory::lags_of(settings, watch, Utc::now().timestamp_millis()).unwrap_or_default();
        let interval = i64::try_from(watch.shortest_interval().as_millis()).unwrap_or(i64::MAX);
        if let Some(late) = memory::too_late(&lags, interval) {
            let path = resolved::path("watches", &[&watch.name, "interval"]);
            let at = resolved::origin(values, &path)
                .map_or(At::Nowhere, |origin| At::Line(origin.name.clone(), origin.line));
            diagnostics.warn(at, format!("watch `{}`: {late}", watch.name));
        }
    }
}

fn text(values: &str, settings: Option<&Settings>) -> String {
    let rest = settings.map(|settings| {
        let (watches, routes) = (report::watches(settings), report::routes(settings));
        let spool = crate::journal::spool_path(&settings.journal);
        format!(
            "\nWhat is watched\n{watches}\nWhere messages go\n{routes}\n  \
             Every event is in the log at once, too. What no channel takes within a day is logged as\n  \
             REACHED NOBODY and kept in {}.\n",
            spool.display()
        )
    });
    format!("Values and where they come from\n{values}{}", rest.unwrap_or_default())
}

/// Logs in to every source and channel at once, and sends nothing.
pub async fn probe(settings: Settings) -> Vec<Probe> {
    let mut tasks = JoinSet::new();
    let client = http::client();
    for (at, table) in settings.sources.into_iter().enumerate() {
        let lists = |watch: &&Watch| watch.discover.as_ref().is_some_and(|rules| rules.source == table.name);
        let watches: Vec<Watch> = settings.watches.iter().filter(lists).cloned().collect();
        tasks.spawn(async move { ((0, at), source(table, &watches).await) });
    }
    for (at, table) in settings.channels.into_iter().enumerate() {
        let context = client.as_ref().map_err(ToString::to_string).map(|http| Context {
            name: table.name.clone(),
            http: http.clone(),
            installation: settings.installation.clone(),
            timeout: TRY_TIMEOUT,
        });
        tasks.spawn(async move { ((1, at), channel(table, context).await) });
    }
    let mut probes = tasks.join_all().await;
    probes.sort_by_key(|(order, _)| *order);
    probes.into_iter().map(|(_, probe)| probe).collect()
}

/// One that lists whom `watches` discover.
async fn source(table: SourceTable, watches: &[Watch]) -> Probe {
    let context = SourceContext { name: table.name.clone() };
    let look = async {
        let source = table.decoded.build(&context).map_err(|error| error.to_string())?;
        in_time(async { source.probe().await.map_err(|error| error.to_string()) }).await?;
        // A long list takes longer than a probe may.
        let lists = tokio::time::timeout(PROBE_TIMEOUT, wanted(&*source, watches));
        lists.await.unwrap_or(Ok(()))
    };
    Probe { what: "source", name: context.name.clone(), kind: table.kind, error: look.await.err() }
}

/// Whether each watch wants somebody of its list, if anybody is on it.
async fn wanted(source: &dyn Source, watches: &[Watch]) -> Result<(), String> {
    for watch in watches {
        let Some(rules) = &watch.discover else { continue };
        let listed = roll_call::listed_now(source, rules, longest(watch), Utc::now()).await;
        match listed.map_err(|error| error.to_string())?.unwanted {
            0 => {}
            listed => return Err(format!("watch {}: {}", watch.name, words::unwanted(listed))),
        }
    }
    Ok(())
}

async fn channel(table: ChannelTable, context: Result<Context, String>) -> Probe {
    let login = async {
        let notifier = table.decoded.build(&context?).map_err(|error| error.to_string())?;
        notifier.probe().await.map_err(|error| error.to_string())
    };
    Probe { what: "channel", name: table.name, kind: table.kind, error: in_time(login).await.err() }
}

async fn in_time(login: impl Future<Output = Result<(), String>>) -> Result<(), String> {
    let late = |_| Err(format!("no answer within {} s", PROBE_TIMEOUT.as_secs()));
    tokio::time::timeout(PROBE_TIMEOUT, login).await.unwrap_or_else(late)
}

impl Probe {
    fn line(&self) -> String {
        let answer = self.error.as_deref().map_or("ok".to_owned(), |error| format!("FAILED: {error}"));
        format!("{} {} ({}): {answer}", self.what, self.name, self.kind)
    }

    fn to_json(&self) -> Value {
        json!({
            "what": self.what, "name": self.name, "kind": self.kind,
            "ok": self.error.is_none(), "error": self.error,
        })
    }
}
