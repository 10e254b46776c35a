//! What each source of a watch does, and what it last said as far as the journal knows.

use rusqlite::Result;
use serde::Serialize;

use super::standing::{Known, View};
use crate::cli::table::moment;
use crate::clock::written;
use crate::config::{SourceTable, Watch};
use crate::journal::events::{millis, time};
use crate::journal::incidents::{self, IncidentRow, Subject};
use crate::journal::{meta, past};
use crate::monitor::cause::Cause;

/// A source of a watch.
#[derive(Debug, Serialize)]
pub struct Said {
    /// Its name.
    pub name: String,
    /// Its kind.
    pub kind: &'static str,
    /// What it is for.
    pub does: Vec<&'static str>,
    /// What it last said, of itself and of the agent.
    pub said: Vec<String>,
}

/// Every source of a watch.
///
/// # Errors
/// When the journal cannot be read.
pub fn sources(tables: &[SourceTable], watch: &Watch, known: Option<(&View, &Known)>) -> Result<Vec<Said>> {
    let lists = watch.discover.as_ref().map(|discover| discover.source.as_str());
    let mut names: Vec<&str> = vec![&watch.source];
    names.extend(watch.beside.iter().map(String::as_str));
    names.extend(lists.filter(|name| !names.contains(name)));
    let one = |name: &str| {
        let kind = tables.iter().find(|source| source.name == name).map_or("", |source| source.kind);
        let (decides, tells) = (name == watch.source, watch.beside.iter().any(|beside| beside == name));
        let does = [
            decides.then_some("decides who is silent"),
            tells.then_some("tells why"),
            (lists == Some(name)).then_some("lists who is watched"),
        ];
        let mut said = Vec::new();
        if let Some((view, known)) = known {
            said.push(answer(view, name)?);
            said.extend(decides.then(|| documents(view, known)).flatten());
            said.extend(tells.then(|| connection(known)).flatten());
        } else {
            said.push(NOT_ASKED.to_owned());
        }
        Ok(Said { name: name.to_owned(), kind, does: does.into_iter().flatten().collect(), said })
    };
    names.into_iter().map(one).collect()
}

const NOT_ASKED: &str = "not asked yet";

/// Whether it answered.
fn answer(view: &View, source: &str) -> Result<String> {
    let (connection, at) = (&view.connection, millis(view.at));
    if let Some(begins) = view.before_the_journal() {
        return Ok(begins);
    }
    let failure = incidents::last_at(connection, Subject::Source, source, "", at)?;
    if let Some(failure) = failure.filter(|failure| failure.closed.is_none_or(|closed| closed > at)) {
        return Ok(failed(&failure));
    }
    let away =
        past::absences(connection, at, at + 1)?.into_iter().find(|(from, to)| (*from..*to).contains(&at));
    if let Some((from, to)) = away {
        let (from, to) = (written(time(from)), written(time(to)));
        return Ok(format!("not asked: log-monitor was away from {from} to {to}"));
    }
    Ok(match meta::answered(connection, source)? {
        None => NOT_ASKED.to_owned(),
        Some(last) if last > at => "answered, as far as is known: no failure of it was open".to_owned(),
        Some(last) => {
            format!("last answer, written down every 5 min: {}", moment(Some(time(last)), view.at))
        }
    })
}

fn failed(failure: &IncidentRow) -> String {
    let (opened, id, cause) = (written(time(failure.opened)), failure.id, &failure.cause);
    match failure.closed {
        None => format!("cannot be read since {opened}, incident {id} ({cause})"),
        Some(closed) => {
            format!("could not be read from {opened} to {}, incident {id} ({cause})", written(time(closed)))
        }
    }
}

/// The newest document of the agent.
fn documents(view: &View, known: &Known) -> Option<String> {
    known.newest().map(|newest| match newest {
        Some(newest) => format!("newest document of this agent: {}", moment(Some(time(newest)), view.at)),
        None => "no document of this agent".to_owned(),
    })
}

/// How the agent was connected when it fell silent; the words with the keepalive are among what was told.
fn connection(known: &Known) -> Option<String> {
    let event = known.event().filter(|event| Cause::is_of_connection(&event.cause))?;
    Some(format!("of this agent at {}: {}", written(event.at), event.cause.replace('_', " ")))
}
