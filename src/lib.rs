//! log-monitor notices within minutes when a Wazuh agent stops logging, says why, tells the right
//! people by the right channel, falls back when that channel fails, and says when it is over.
//!
//! [`App`] is the whole program as a value; `docs/ARCHITECTURE.md` says how its parts hang together.

pub mod app;
pub mod bus;
pub mod cli;
pub mod clock;
pub mod config;
pub mod crash;
pub mod demo;
pub mod dispatch;
pub mod history;
pub mod journal;
pub mod logging;
pub mod monitor;
pub mod record;
pub mod simulation;
pub mod source;
pub mod wording;

pub use app::App;
