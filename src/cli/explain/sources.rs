//! What each source of a watch does, and what it last said as far as the journal knows.

use std::collections::BTreeMap;
use std::time::Duration;

use log_monitor_channels::text::one_line;
use rusqlite::Result;
use serde::Serialize;

use super::standing::{Known, View};
use crate::cli::table::moment;
use crate::clock::written;
use crate::config::latency::Part;
use crate::config::{Agent, Policy, SourceTable, Watch};
use crate::journal::events::{millis, time};
use crate::journal::incidents::{self, IncidentRow, Subject};
use crate::journal::{meta, past};
use crate::monitor::cause::Cause;
use crate::monitor::fleet::lag::Measured;
use crate::monitor::memory::Memory;
use crate::monitor::words::span;

/// So many nodes are named.
const NODES: usize = 5;

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
    let mut names: Vec<&str> = watch.documents().collect();
    names.extend(watch.beside.iter().map(String::as_str));
    names.extend(lists.filter(|name| !names.contains(name)));
    let one = |name: &str| {
        let kind = tables.iter().find(|source| source.name == name).map_or("", |source| source.kind);
        let decides = watch.documents().any(|source| source == name);
        let tells = watch.beside.iter().any(|beside| beside == name);
        let does = [
            decides.then_some("decides who is silent"),
            tells.then_some("tells why"),
            (lists == Some(name)).then_some("lists who is watched"),
        ];
        let mut said = Vec::new();
        if let Some((view, known)) = known {
            said.push(view.said(answer(view, name)?));
            said.extend(decides.then(|| documents(view, known, !watch.also.is_empty())).flatten());
            said.extend(decides.then(|| lateness(&lags(view, watch).ok()?)).flatten());
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

/// The newest document of the agent: of several sources the journal knows the newest of them all.
fn documents(view: &View, known: &Known, several: bool) -> Option<String> {
    let of_all = if several { ", in any source" } else { "" };
    known.newest().map(|newest| match newest {
        Some(newest) => {
            format!("newest document of this agent{of_all}: {}", moment(Some(time(newest)), view.at))
        }
        None => format!("no document of this agent{of_all}"),
    })
}

/// How late documents come by node, if that was measured shortly before.
///
/// # Errors
/// As the database.
pub fn lags(view: &View, watch: &Watch) -> Result<BTreeMap<String, Measured>> {
    let memory = Memory::read(&view.connection, &watch.name)?;
    Ok(memory.map(|memory| memory.lags_at(millis(view.at))).unwrap_or_default())
}

/// What an agent's verdict waits for since its documents are known to come late.
///
/// # Errors
/// As the database.
pub fn wait(view: &View, watch: &Watch, agent: &Agent, policy: &Policy) -> Result<Option<Part>> {
    let lags = lags(view, watch)?;
    let node = agent.listed.as_ref().and_then(|listed| listed.node.as_deref());
    let known = node.and_then(|node| lags.get(node)).map(|lag| lag.known);
    let known = known.or_else(|| lags.values().map(|lag| lag.known).max()).unwrap_or_default();
    let time = Duration::from_millis(known.try_into().unwrap_or_default()).saturating_sub(policy.grace);
    let (what, why) = ("ingest lag", "logs are measured to come so much later than that (ingest lag)");
    Ok((!time.is_zero()).then_some(Part { time, what: what.to_owned(), why: why.to_owned() }))
}

fn lateness(lags: &BTreeMap<String, Measured>) -> Option<String> {
    let one = |(node, lag): (&String, &Measured)| match node.as_str() {
        "" => span(lag.at_most),
        node => format!("{} (node {})", span(lag.at_most), one_line(node, 40)),
    };
    let all: Vec<String> = lags.iter().take(NODES).map(one).collect();
    let more = lags.len().checked_sub(NODES + 1).map_or("", |_| ", …");
    (!all.is_empty()).then(|| format!("its documents come late by at most {}{more}", all.join(", ")))
}

/// How the agent was connected when it fell silent; the words with the keepalive are among what was told.
fn connection(known: &Known) -> Option<String> {
    let event = known.event().filter(|event| Cause::is_of_connection(&event.cause))?;
    Some(format!("of this agent at {}: {}", written(event.at), event.cause.replace('_', " ")))
}
