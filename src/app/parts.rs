//! From a checked configuration to things that work. Opens no connection.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use log_monitor_channels::BuildError;

use crate::config::{LogSettings, Route, Settings, SourceTable, Watch};
use crate::dispatch::channel::{self, Channels};
use crate::source::{Source, SourceContext};
use crate::wording::Wording;

/// A configuration, built.
pub struct Parts {
    /// Sources by name.
    pub sources: BTreeMap<String, Arc<dyn Source>>,
    /// Channels by name.
    pub channels: Arc<Channels>,
    /// In order; the last one is the catch-all.
    pub routes: Arc<Vec<Route>>,
    /// How messages are put into words.
    pub wording: Arc<Wording>,
    /// In the order of the configuration.
    pub watches: Vec<Watch>,
    /// The name of this installation.
    pub installation: Arc<str>,
    /// The journal's file.
    pub journal: PathBuf,
    /// The log.
    pub log: LogSettings,
}

impl Parts {
    /// Builds everything.
    ///
    /// # Errors
    /// When something cannot be built; reading the configuration has tried it, so it changed since.
    pub fn build(settings: Settings) -> Result<Self, BuildError> {
        let Settings { installation, sources, watches, channels, routes, wording, journal, log } = settings;
        let http = log_monitor_channels::http::client()?;
        let (channels, failed) = channel::build_all(channels, &http, &installation);
        if let Some((name, reason)) = failed.first() {
            return Err(BuildError(format!("channel {name}: {reason}")));
        }
        let sources = sources.into_iter().map(build_source).collect::<Result<_, _>>()?;
        Ok(Self {
            sources,
            channels: Arc::new(channels),
            routes: Arc::new(routes),
            wording: Arc::new(wording),
            watches,
            installation: installation.into(),
            journal,
            log,
        })
    }
}

fn build_source(table: SourceTable) -> Result<(String, Arc<dyn Source>), BuildError> {
    let SourceTable { name, decoded, .. } = table;
    match decoded.build(&SourceContext { name: name.clone() }) {
        Ok(source) => Ok((name, Arc::from(source))),
        Err(BuildError(reason)) => Err(BuildError(format!("source {name}: {reason}"))),
    }
}
