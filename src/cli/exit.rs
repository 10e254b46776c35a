//! Exit codes, in one place: they are a contract with scripts, cron, systemd and Nagios.

use std::process::ExitCode;

use serde::Serialize;

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// It did what it should; for `check`: every agent logs.
    Ok,
    /// It failed at run time; a probe failed; a channel did not accept.
    Failed,
    /// `check`: an agent is late.
    Warning,
    /// `check`: an agent is silent.
    Silent,
    /// `check`: a source cannot be read.
    Unknown,
    /// The configuration is refused (`EX_CONFIG` of sysexits.h).
    Config,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(match exit {
            Exit::Ok => 0,
            Exit::Failed | Exit::Warning => 1,
            Exit::Silent => 2,
            Exit::Unknown => 3,
            Exit::Config => 78,
        })
    }
}

/// Prints data for programs.
pub fn print_json<T: Serialize + ?Sized>(data: &T) -> Exit {
    match serde_json::to_string_pretty(data) {
        Ok(text) => {
            super::table::say(text);
            Exit::Ok
        }
        Err(error) => {
            eprintln!("error: {error}");
            Exit::Failed
        }
    }
}
