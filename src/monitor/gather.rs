//! The questions of one round, asked of a source. Everything or nothing: a round that is not
//! answered in full judges nobody.

use std::collections::{BTreeSet, HashMap};

use chrono::{DateTime, TimeDelta, Utc};
use tokio::time::Instant;

use super::asking::again;
use super::beside::patiently;
use super::cause::Cause;
use super::fleet::{Fleet, Looked};
use super::verdict::State;
use super::words::LOOK_BACK;
use crate::journal::events::{millis, time};
use crate::source::{Connection, Entities, Frontier, Observation, Query, Source, SourceError, SourceReason};

/// Each round looks this far behind the last good one, in milliseconds, and as much further as documents are
/// known to come late; where those that came last, within an hour, were older, as far as that.
const OVERLAP: i64 = 2 * 60_000;

/// Documents further ahead of our clock than this are not looked at.
const AHEAD: TimeDelta = TimeDelta::minutes(5);

/// Who sends through which node is not looked for beyond this, however seldom logs are expected.
const LONGEST_AGO: TimeDelta = TimeDelta::days(31);

/// And nothing is looked for beyond this.
const FAR_AHEAD: TimeDelta = TimeDelta::days(3650);

/// Up to this many entities are named in a query; more are filtered here.
const NAMED: usize = 1024;

/// What a round has asked.
#[derive(Debug)]
pub struct Gathered {
    /// Who must be judged; the fleet knows the rest.
    pub suspects: Vec<usize>,
    /// What it looked at.
    pub looked: Looked,
    /// How far each of several sources is.
    pub frontiers: Vec<Frontier>,
}

/// Asks for what is new since what the last good round `looked` at (`None`: over the longest threshold),
/// takes the entities that are due, and looks at these suspects and at the silent ones over their whole
/// threshold. Documents count up to `horizon`: `now`, or what another clock calls now.
///
/// # Errors
/// When the source did not answer in full. The fleet's deadlines are as before.
pub async fn gather(
    source: &dyn Source,
    fleet: &mut Fleet,
    looked: Option<Looked>,
    now: DateTime<Utc>,
    horizon: DateTime<Utc>,
) -> Result<Gathered, SourceError> {
    let until = millis(now);
    let whole = fleet.look_back(until);
    fleet.next_round(until);
    let overlap = (OVERLAP + fleet.longest_lag()).max(fleet.longest_reach(until));
    let from = looked.map_or(whole, |looked| (looked.until - overlap).max(whole));
    let look = Look { from, looked, now: until, horizon: millis(horizon) };
    let frontiers = see(source, fleet, &[], look).await?;
    fleet.catch_up(until);
    count(source, fleet, now).await?;
    let mut due = fleet.take_due(until);
    due.extend(fleet.take_thin(until));
    let mut suspects = due.clone();
    suspects.extend(fleet.silent());
    match look_closer(source, fleet, &suspects, look).await {
        Ok(()) => {
            fleet.watch_for_flapping(&suspects, until);
            Ok(Gathered { suspects, looked: Looked { from, until }, frontiers })
        }
        Err(error) => {
            fleet.put_back(&due, until);
            Err(error)
        }
    }
}

/// What a question is about. Times in milliseconds.
#[derive(Clone, Copy)]
struct Look {
    from: i64,
    looked: Option<Looked>,
    now: i64,
    horizon: i64,
}

/// Counts the documents of those of whom a number is expected.
async fn count(source: &dyn Source, fleet: &mut Fleet, now: DateTime<Utc>) -> Result<(), SourceError> {
    for ((from, to), places) in fleet.to_count(now.timestamp_millis()) {
        let keys = keys(fleet, &places);
        let query = Query { from: time(from), to: time(to), entities: entities(fleet, &keys) };
        let volumes = again(|| source.volumes(&query)).await?;
        fleet.take_volumes(&places, &volumes, to, millis(now));
        look_before(source, fleet, &places, from, millis(now)).await;
    }
    Ok(())
}

/// Asks whether those of whom there is too little after `from` logged before it. Until that is answered they are
/// taken to have only begun.
async fn look_before(source: &dyn Source, fleet: &mut Fleet, places: &[usize], from: i64, now: i64) {
    let Some((since, few)) = fleet.perhaps_begun(places, from) else { return };
    let keys = keys(fleet, &few);
    let query = Query { from: time(since), to: time(from - 1), entities: entities(fleet, &keys) };
    match patiently(again(|| source.newest(&query))).await {
        Ok(earlier) => fleet.take_earlier(&few, &earlier.newest, from, now),
        Err(error) => tracing::warn!("cannot look up whether {} agents logged before: {error}", few.len()),
    }
}

fn keys<'f>(fleet: &'f Fleet, places: &[usize]) -> Vec<&'f str> {
    places.iter().map(|at| &*fleet.entities()[*at].key).collect()
}

/// These, or all where they are too many to be named.
fn entities<'k>(fleet: &Fleet, keys: &'k [&'k str]) -> Entities<'k> {
    if keys.len() <= NAMED { Entities::Only(keys) } else { Entities::All(fleet.entities().len()) }
}

/// Asks who sends through which node. That only helps to explain silences, so a failure is no
/// failure of the round.
///
/// # Errors
/// When the source did not answer.
pub async fn homes(source: &dyn Source, fleet: &mut Fleet, now: DateTime<Utc>) -> Result<(), SourceError> {
    let homes = source.nodes(&of_homes(fleet, now)).await?;
    fleet.take_homes(&homes);
    Ok(())
}

/// What is asked for it.
#[must_use]
pub fn of_homes(fleet: &Fleet, now: DateTime<Utc>) -> Query<'static> {
    let from = time(fleet.look_back(millis(now))).clamp(now - LONGEST_AGO, now - TimeDelta::hours(1));
    Query { from, to: now + AHEAD, entities: Entities::All(fleet.entities().len()) }
}

/// Asks who has documents from the future, and how far ahead the newest of each is, in milliseconds.
///
/// # Errors
/// When the source did not answer.
pub async fn ahead(
    source: &dyn Source,
    fleet: &Fleet,
    now: DateTime<Utc>,
) -> Result<Vec<(usize, i64)>, SourceError> {
    let entities = Entities::All(fleet.entities().len());
    let query = Query { from: now + AHEAD, to: now + FAR_AHEAD, entities };
    let newest = source.newest(&query).await?.newest;
    let ahead = |seen: &Observation| Some((fleet.place(&seen.key)?, seen.last_seen - now.timestamp_millis()));
    Ok(newest.iter().filter_map(ahead).collect())
}

/// The agents behind entities, where the source of their documents knows them.
#[must_use]
pub fn agents(documents: &dyn Source, fleet: &Fleet, places: &[usize]) -> Vec<(usize, String)> {
    let agent = |at: &usize| Some((*at, documents.agent_of(&fleet.entities()[*at].key)?.to_owned()));
    places.iter().filter_map(agent).collect()
}

/// Asks why entities are silent: how the agents behind them are connected, as far as that is told until then.
///
/// # Errors
/// When the source did not answer.
pub async fn causes(
    source: &dyn Source,
    agents: &[(usize, String)],
    (until, now): (Instant, DateTime<Utc>),
) -> Result<HashMap<usize, Cause>, SourceError> {
    let ids: BTreeSet<&str> = agents.iter().map(|(_, id)| id.as_str()).collect();
    let connections = source.connections(&Vec::from_iter(ids), until).await?;
    let known: HashMap<&str, &Connection> =
        connections.iter().map(|connection| (connection.key.as_str(), connection)).collect();
    let cause = |id: &str| Cause::of(known.get(id).copied(), now.timestamp_millis());
    Ok(agents.iter().map(|(at, id)| (*at, cause(id))).collect())
}

/// Asks how many documents of an entity have come late since they do; `None` = none do.
///
/// # Errors
/// When the source did not answer, or counts nothing.
pub async fn late(source: &dyn Source, fleet: &Fleet, at: usize) -> Result<Option<u64>, SourceError> {
    let Some((from, to)) = fleet.late_since(at) else { return Ok(None) };
    let entities = Entities::Only(&[&fleet.entities()[at].key]);
    let volumes = source.volumes(&Query { from: time(from), to: time(to), entities }).await?;
    Ok(volumes.first().map(|volume| volume.count))
}

/// Who is asked what a message can do without may not hold it up.
#[must_use]
pub fn too_late() -> SourceError {
    SourceError::new(SourceReason::Timeout, "it did not answer in time")
}

/// Looks at suspects over their whole threshold, or since they were last seen, unless the round's own
/// question covered that.
async fn look_closer(
    source: &dyn Source,
    fleet: &mut Fleet,
    suspects: &[usize],
    look: Look,
) -> Result<(), SourceError> {
    let long_ago = look.now - i64::try_from(LOOK_BACK.as_millis()).unwrap_or(i64::MAX);
    let from = fleet.look_back_of(suspects, look.now).max(long_ago.min(fleet.look_back(look.now)));
    if !suspects.is_empty() && from < look.from {
        see(source, fleet, suspects, Look { from, ..look }).await?;
    }
    fleet.looked_at(suspects, look.now);
    let strangers: Vec<usize> = suspects.iter().copied().filter(|at| is_unexplained(fleet, *at)).collect();
    if !strangers.is_empty() {
        let asking = see(source, fleet, &strangers, Look { from: long_ago, ..look });
        // For the message only: when this fails, the message says less.
        if let Err(error) = patiently(asking).await {
            tracing::warn!("cannot look up when {} agents were last seen: {error}", strangers.len());
        }
    }
    Ok(())
}

/// Not told yet, and nowhere to be seen: somebody will ask when it last was.
fn is_unexplained(fleet: &Fleet, at: usize) -> bool {
    let entity = &fleet.entities()[at];
    !matches!(entity.state, State::Silent { .. }) && entity.last_seen.is_none()
}

/// One question, for some entities or (none named) for the fleet.
async fn see(
    source: &dyn Source,
    fleet: &mut Fleet,
    some: &[usize],
    Look { from, looked, now, horizon }: Look,
) -> Result<Vec<Frontier>, SourceError> {
    let size = fleet.entities().len();
    let asked = if some.is_empty() { size } else { some.len() };
    let keys: Vec<&str> = match (asked <= NAMED, some.is_empty()) {
        (false, _) => Vec::new(),
        (true, true) => fleet.entities().iter().map(|entity| &*entity.key).collect(),
        (true, false) => some.iter().map(|at| &*fleet.entities()[*at].key).collect(),
    };
    let entities = if keys.is_empty() { Entities::All(size) } else { Entities::Only(&keys) };
    let query = Query { from: time(from), to: time(horizon) + AHEAD, entities };
    let answer = again(|| source.newest(&query)).await?;
    fleet.observe(&answer.newest, looked, now, horizon);
    Ok(answer.frontiers)
}
