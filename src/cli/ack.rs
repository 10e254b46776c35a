//! `ack`: somebody takes care of an incident, so that nobody is reminded of it.

use std::time::Duration;

use chrono::Utc;
use log_monitor_channels::Severity;

use super::Session;
use super::exit::Exit;
use super::table::say;
use super::who::{author, span};
use crate::clock::written;
use crate::journal::acks::{self, Ack};
use crate::journal::events::millis;
use crate::journal::{self, incidents};

/// Arguments of `ack`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The incident's number, from `incidents`
    incident: i64,
    /// For how long, unless it is over before: `8h`
    #[arg(long = "for", value_name = "DURATION", value_parser = span, default_value = "8h")]
    span: Duration,
    /// What is done about it
    #[arg(long, default_value = "")]
    reason: String,
    /// Who takes care [default: this user]
    #[arg(long)]
    author: Option<String>,
}

/// Takes it down.
pub fn run(session: &Session<'_>, args: &Args) -> Exit {
    let settings = match session.settings() {
        Ok(settings) => settings,
        Err(exit) => return exit,
    };
    let now = Utc::now();
    let until = now + args.span;
    let done = journal::edit(&settings.journal, |db| {
        let Some(severity) = incidents::severity_of_open(db, args.incident)? else { return Ok(false) };
        let ack = Ack {
            incident: args.incident,
            author: args.author.clone().unwrap_or_else(author),
            reason: args.reason.clone(),
            severity: Severity::from_name(&severity).unwrap_or_default(),
            created: millis(now),
            until: millis(until),
        };
        acks::set(db, &ack).map(|()| true)
    });
    match done {
        Ok(true) => {
            say(format!("no reminder of incident {} until {}", args.incident, written(until)));
            Exit::Ok
        }
        Ok(false) => {
            eprintln!("error: no incident {} is open; `incidents` lists those that are", args.incident);
            Exit::Failed
        }
        Err(error) => {
            eprintln!("error: journal {}: {error}", settings.journal.display());
            Exit::Failed
        }
    }
}
