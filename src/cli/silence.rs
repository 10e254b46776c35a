//! `silence add`, `silence list` and `silence expire`: what is not to be told for a while.

use std::path::Path;
use std::time::Duration;

use chrono::{DateTime, Utc};
use serde::Serialize;

use super::Session;
use super::exit::Exit;
use super::table::{print, say, table};
use super::who::{author, span};
use crate::clock::written;
use crate::config::matcher::{Condition, Pattern};
use crate::config::vocabulary::{self, Slip};
use crate::config::{Settings, suggest};
use crate::journal::events::{millis, time};
use crate::journal::silences::{self, Silence};
use crate::journal::{self, JournalError};

/// Subcommands of `silence`.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Hold back the news of what matches, for a while; a daemon that runs sees it at once
    Add {
        /// What, as routes match it; each must: `name=fw-*`, `site!=MIL`, `name~^fw`
        #[arg(required = true, value_name = "MATCHER", value_parser = matcher)]
        matchers: Vec<String>,
        /// For how long: `2h`, `1d 12h`
        #[arg(long = "for", value_name = "DURATION", value_parser = span)]
        span: Duration,
        /// Why
        #[arg(long)]
        reason: String,
        /// Who says so [default: this user]
        #[arg(long)]
        author: Option<String>,
    },
    /// The silences that hold, with what they hold back
    List {
        /// Those that are over, too
        #[arg(long)]
        all: bool,
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// End a silence: what it held back and still goes on is told now
    Expire {
        /// Its number
        id: i64,
    },
}

/// A silence as `--json` prints it.
#[derive(Debug, Serialize)]
struct Shown {
    id: i64,
    matchers: Vec<String>,
    author: String,
    reason: String,
    created: DateTime<Utc>,
    until: DateTime<Utc>,
    in_force: bool,
    /// How many messages it holds back.
    holds_back: i64,
}

/// Does what the subcommand says.
pub fn run(session: &Session<'_>, command: Command) -> Exit {
    let settings = match session.settings() {
        Ok(settings) => settings,
        Err(exit) => return exit,
    };
    let journal = &settings.journal;
    let now = Utc::now();
    let done = match command {
        Command::Add { matchers, span, reason, author } => {
            matchers
                .iter()
                .filter_map(|text| doubt(text, &settings))
                .for_each(|slip| eprintln!("warning: {slip}"));
            return add(journal, matchers, now + span, reason, author, now);
        }
        Command::List { all, json } => return list(journal, all, json, now),
        Command::Expire { id } => journal::edit(journal, |db| silences::expire(db, id, millis(now))),
    };
    match done {
        Ok(true) => say("it is over; what it held back and still goes on is told now"),
        Ok(false) => {
            eprintln!("error: no silence of that number is in force; `silence list` shows those that are");
            return Exit::Failed;
        }
        Err(error) => return failed(journal, &error),
    }
    Exit::Ok
}

/// The text itself, if it can be understood.
fn matcher(text: &str) -> Result<String, String> {
    let condition = text.parse::<Condition>()?;
    let mut globs =
        condition.any.iter().chain(&condition.none).filter(|one| !matches!(one, Pattern::Regex(_)));
    match globs.find_map(|glob| vocabulary::unknown(&condition.key, &glob.to_string())) {
        Some(slip) => Err(slip.to_string()),
        None => Ok(text.to_owned()),
    }
}

/// A matcher with a key that is nearly one of those there are holds nothing back, most probably.
fn doubt(matcher: &str, settings: &Settings) -> Option<Slip> {
    let key = matcher.parse::<Condition>().ok()?.key;
    vocabulary::misspelt(&key, &suggest::keys_of_events(&settings.watches))
}

fn add(
    journal: &Path,
    matchers: Vec<String>,
    until: DateTime<Utc>,
    reason: String,
    author: Option<String>,
    now: DateTime<Utc>,
) -> Exit {
    let author = author.unwrap_or_else(self::author);
    let silence = Silence { id: 0, matchers, author, reason, created: millis(now), until: millis(until) };
    match journal::edit(journal, |db| silences::add(db, &silence)) {
        Ok(id) => say(format!("silence {id} holds until {}", written(until))),
        Err(error) => return failed(journal, &error),
    }
    Exit::Ok
}

fn list(journal: &Path, all: bool, json: bool, now: DateTime<Utc>) -> Exit {
    match read(journal, all, now) {
        Ok(shown) if json => super::exit::print_json(&shown),
        Ok(shown) => {
            let mut rows = table(&["id", "what", "until", "by", "reason", "holds back"]);
            for one in shown {
                let until = if one.in_force { written(one.until) } else { "over".to_owned() };
                let (id, what, held) =
                    (one.id.to_string(), one.matchers.join(" "), one.holds_back.to_string());
                rows.add_row([id, what, until, one.author, one.reason, held]);
            }
            print(rows, "no silence is in force");
            Exit::Ok
        }
        Err(error) => failed(journal, &error),
    }
}

fn read(journal: &Path, all: bool, now: DateTime<Utc>) -> Result<Vec<Shown>, JournalError> {
    if !journal.exists() {
        return Ok(Vec::new());
    }
    let db = journal::open_read_only(journal)?;
    let now = millis(now);
    let known = if all { silences::all(&db)? } else { silences::in_force(&db, now)? };
    let shown = |one: Silence| {
        Ok(Shown {
            holds_back: silences::holds_back(&db, one.id, now)?,
            in_force: one.until > now,
            created: time(one.created),
            until: time(one.until),
            id: one.id,
            matchers: one.matchers,
            author: one.author,
            reason: one.reason,
        })
    };
    Ok(known.into_iter().map(shown).collect::<rusqlite::Result<_>>()?)
}

fn failed(journal: &Path, error: &JournalError) -> Exit {
    eprintln!("error: journal {}: {error}", journal.display());
    Exit::Failed
}
