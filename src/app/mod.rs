//! The program as a value: registries of kinds, put together and run.
//!
//! ```no_run
//! use log_monitor::App;
//!
//! fn main() -> std::process::ExitCode {
//!     App::new().with_default_channels().run()
//! }
//! ```
//!
//! A channel of your own is one more link in that chain, `.channel::<Pager>()`, and so is a source,
//! `.source::<Heartbeats>()`; see `examples/custom_channel.rs` and `examples/custom_source.rs`.

use std::process::ExitCode;

use log_monitor_channels::{ChannelKind, Registry};

use crate::source::{SourceKind, SourceRegistry};

pub mod daemon;
pub(crate) mod downtime;
mod event_log;
pub mod journal_health;
pub mod lock;
pub mod parts;
pub mod setup_failure;
mod supervise;
pub mod triggers;

/// log-monitor, before it runs.
#[derive(Debug, Clone, Default)]
pub struct App {
    channels: Registry,
    sources: SourceRegistry,
}

impl App {
    /// A program with the built-in sources and no channels yet.
    #[must_use]
    pub fn new() -> Self {
        Self { channels: Registry::new(), sources: crate::source::default_sources() }
    }

    /// Adds every kind of channel that comes with log-monitor.
    ///
    /// # Panics
    /// When one of them is there already.
    #[must_use]
    pub fn with_default_channels(mut self) -> Self {
        self.channels = log_monitor_channels::add_defaults(self.channels);
        self
    }

    /// Adds a kind of channel.
    ///
    /// # Panics
    /// When a kind of that name is there already.
    #[must_use]
    pub fn channel<K: ChannelKind>(mut self) -> Self {
        self.channels = self.channels.with::<K>();
        self
    }

    /// Adds a kind of source.
    ///
    /// # Panics
    /// When a kind of that name is there already.
    #[must_use]
    pub fn source<K: SourceKind>(mut self) -> Self {
        self.sources = self.sources.with::<K>();
        self
    }

    /// The kinds of channel.
    #[must_use]
    pub const fn channels(&self) -> &Registry {
        &self.channels
    }

    /// The kinds of source.
    #[must_use]
    pub const fn sources(&self) -> &SourceRegistry {
        &self.sources
    }

    /// Reads the command line and does what it says. The process's exit code is the contract of
    /// `cli::exit`.
    #[must_use]
    pub fn run(self) -> ExitCode {
        crate::cli::main(&self, std::env::args_os())
    }
}
