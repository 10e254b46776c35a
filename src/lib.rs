//! log-monitor notices within minutes when a Wazuh agent stops logging, says why, tells the right
//! people by the right channel, falls back when that channel fails, and says when it is over.

pub mod clock;
pub mod config;
pub mod source;
