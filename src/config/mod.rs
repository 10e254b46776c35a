//! Configuration: layers, their origins, and what comes out of them.
//!
//! Everything is read first into one position space ([`source_map`]), parsed and merged with its
//! positions ([`layers`]), then read table by table against the schemas of its kinds
//! (`reading`), so that one run tells all that is wrong and where.

pub mod agents;
mod budget;
pub mod calendar;
mod coerce;
pub mod diagnostics;
pub mod document;
mod domains;
mod dotenv;
pub mod example;
mod family;
mod files;
mod health;
pub use log_monitor_channels::duration;
mod hiding;
mod hours;
mod inside;
pub mod latency;
pub mod layers;
mod links;
mod maintained;
pub mod matcher;
pub mod migrate;
pub mod model;
mod named;
mod original;
mod own_keys;
mod promises;
mod reading;
pub mod report;
pub mod resolved;
mod routes;
mod schema;
mod secrets;
mod settings;
pub mod source_map;
pub mod suggest;
mod suspicion;
pub mod tables;
mod templates;
pub mod toml_text;
mod tree;
pub mod vocabulary;
mod watches;
pub mod windows;

pub use budget::Budget;
pub use diagnostics::{Diagnostic, Diagnostics};
pub use layers::{Flag, Inputs};
pub use model::{
    Agent, ChannelTable, Class, Dependency, Discover, Escalation, Group, Level, ListedAs, LogSettings, Need,
    Pipeline, Policy, Quiet, Quorum, Reminders, Route, Settings, SourceTable, Step, Unless, Watch,
};
pub use named::TRY_TIMEOUT;
pub use resolved::Resolved;
pub use settings::{Loaded, load};
pub use suspicion::Suspicion;

/// The commented file with every key and its default.
pub const REFERENCE: &str = include_str!("../../config/log-monitor.toml");

#[cfg(test)]
mod tests;
