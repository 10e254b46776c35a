//! The resolved configuration: what the rest of the program works with. Every name in it is known
//! to exist, every number is in range.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::wording::Wording;

mod agent;
mod channel;
mod route;
mod watch;

pub use agent::*;
pub use channel::*;
pub use route::*;
pub use watch::*;

/// A whole configuration, checked, its sources and channels not yet built.
pub struct Settings {
    /// The name of this installation in messages; the host name by default.
    pub installation: String,
    /// In the order of the configuration.
    pub sources: Vec<SourceTable>,
    /// In the order of the configuration.
    pub watches: Vec<Watch>,
    /// In the order of the configuration.
    pub channels: Vec<ChannelTable>,
    /// In the order of the configuration; the last one is the catch-all, which matches everything.
    pub routes: Vec<Route>,
    /// How messages are put into words.
    pub wording: Wording,
    /// The journal's file.
    pub journal: PathBuf,
    /// The log.
    pub log: LogSettings,
}

/// A `[sources.NAME]` table that has been read.
pub struct SourceTable {
    /// Its name.
    pub name: String,
    /// Its kind.
    pub kind: &'static str,
    /// What it can see.
    pub sees: crate::source::Sees,
    /// Ready to build.
    pub decoded: Box<dyn crate::source::registry::Decoded>,
}

/// Where log-monitor's own log goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogSettings {
    /// The file, in the original's line format; `None` = standard error only.
    pub file: Option<PathBuf>,
    /// What is written.
    pub level: Level,
}

/// How much is logged (`LOGGING_LEVEL` 0–3 of the original, and `debug`).
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// Nothing.
    Off,
    /// Errors.
    Error,
    /// Errors and warnings.
    Warn,
    /// Errors, warnings and what happened.
    #[default]
    Info,
    /// Everything.
    Debug,
}
