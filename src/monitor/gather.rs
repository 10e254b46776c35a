//! The questions of one round, asked of a source. Everything or nothing: a round that is not
//! answered in full judges nobody.

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

use super::cause::Cause;
use super::fleet::Fleet;
use super::verdict::State;
use super::words::LOOK_BACK;
use crate::journal::events::time;
use crate::source::{Connection, Entities, Observation, Query, Source, SourceError, SourceReason};

/// Each round looks this far behind the last good one: documents arrive late.
const OVERLAP: TimeDelta = TimeDelta::minutes(2);

/// Documents further ahead of our clock than this are not looked at.
const AHEAD: TimeDelta = TimeDelta::minutes(5);

/// And nothing is looked for beyond this.
const FAR_AHEAD: TimeDelta = TimeDelta::days(3650);

/// Up to this many entities are named in a query; more are filtered here.
const NAMED: usize = 1024;

/// Pauses before asking again, when asking again may help.
const PAUSES: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(2)];

/// Asks for what is new since `good_until` (`None`: over the longest threshold), takes the entities
/// that are due, and looks at them and at the silent ones over their whole threshold. Returns these
/// suspects; the fleet knows the rest. Documents count up to `horizon`: `now`, or what another clock
/// calls now.
///
/// # Errors
/// When the source did not answer in full. The fleet's deadlines are as before.
pub async fn gather(
    source: &dyn Source,
    fleet: &mut Fleet,
    good_until: Option<DateTime<Utc>>,
    now: DateTime<Utc>,
    horizon: DateTime<Utc>,
) -> Result<Vec<usize>, SourceError> {
    let whole = time(fleet.look_back(now.timestamp_millis()));
    let from = good_until.map_or(whole, |until| (until - OVERLAP).max(whole));
    let window = Window { from, known_until: good_until, horizon };
    see(source, fleet, &[], window).await?;
    count(source, fleet, now).await?;
    let mut due = fleet.take_due(now.timestamp_millis());
    due.extend(fleet.take_thin(now.timestamp_millis()));
    let mut suspects = due.clone();
    suspects.extend(fleet.silent());
    match look_closer(source, fleet, &suspects, window, now).await {
        Ok(()) => {
            fleet.watch_for_flapping(&suspects, now.timestamp_millis());
            Ok(suspects)
        }
        Err(error) => {
            fleet.put_back(&due, now.timestamp_millis());
            Err(error)
        }
    }
}

/// What a question is about.
#[derive(Clone, Copy)]
struct Window {
    from: DateTime<Utc>,
    /// Until when everything is known, as far as it was there.
    known_until: Option<DateTime<Utc>>,
    horizon: DateTime<Utc>,
}

/// Counts the documents of those of whom a number is expected.
async fn count(source: &dyn Source, fleet: &mut Fleet, now: DateTime<Utc>) -> Result<(), SourceError> {
    for ((from, to), places) in fleet.to_count(now.timestamp_millis()) {
        let keys: Vec<&str> = places.iter().map(|at| &*fleet.entities()[*at].key).collect();
        let entities =
            if keys.len() <= NAMED { Entities::Only(&keys) } else { Entities::All(fleet.entities().len()) };
        let query = Query { from: time(from), to: time(to), entities };
        let volumes = again(|| source.volumes(&query)).await?;
        fleet.take_volumes(&places, &volumes, to);
    }
    Ok(())
}

/// Asks who sends through which node. That only helps to explain silences, so a failure is no
/// failure of the round.
///
/// # Errors
/// When the source did not answer.
pub async fn homes(source: &dyn Source, fleet: &mut Fleet, now: DateTime<Utc>) -> Result<(), SourceError> {
    let window = TimeDelta::milliseconds(fleet.longest_threshold()).max(TimeDelta::hours(1));
    let entities = Entities::All(fleet.entities().len());
    let homes = source.nodes(&Query { from: now - window, to: now + AHEAD, entities }).await?;
    fleet.take_homes(&homes);
    Ok(())
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

/// Asks why entities are silent: how the agents behind them are connected.
///
/// # Errors
/// When the source did not answer.
pub async fn causes(
    source: &dyn Source,
    agents: &[(usize, String)],
    now: DateTime<Utc>,
) -> Result<HashMap<usize, Cause>, SourceError> {
    let ids: BTreeSet<&str> = agents.iter().map(|(_, id)| id.as_str()).collect();
    let connections = source.connections(&Vec::from_iter(ids)).await?;
    let known: HashMap<&str, &Connection> =
        connections.iter().map(|connection| (connection.key.as_str(), connection)).collect();
    let cause = |id: &str| Cause::of(known.get(id).copied(), now.timestamp_millis());
    Ok(agents.iter().map(|(at, id)| (*at, cause(id))).collect())
}

/// Who is asked why may not hold a message up.
#[must_use]
pub fn too_late() -> SourceError {
    SourceError::new(SourceReason::Timeout, "it did not say in time why agents are silent")
}

/// Looks at suspects over their whole threshold, unless the round's window covered it.
async fn look_closer(
    source: &dyn Source,
    fleet: &mut Fleet,
    suspects: &[usize],
    covered: Window,
    now: DateTime<Utc>,
) -> Result<(), SourceError> {
    let from = time(fleet.look_back_of(suspects, now.timestamp_millis()));
    if !suspects.is_empty() && from < covered.from {
        see(source, fleet, suspects, Window { from, ..covered }).await?;
    }
    let strangers: Vec<usize> = suspects.iter().copied().filter(|at| is_unexplained(fleet, *at)).collect();
    if !strangers.is_empty() {
        let long_ago = now - TimeDelta::from_std(LOOK_BACK).unwrap_or_default();
        // For the message only: when this fails, the message says less.
        if let Err(error) = see(source, fleet, &strangers, Window { from: long_ago, ..covered }).await {
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
    Window { from, known_until, horizon }: Window,
) -> Result<(), SourceError> {
    let size = fleet.entities().len();
    let asked = if some.is_empty() { size } else { some.len() };
    let keys: Vec<&str> = match (asked <= NAMED, some.is_empty()) {
        (false, _) => Vec::new(),
        (true, true) => fleet.entities().iter().map(|entity| &*entity.key).collect(),
        (true, false) => some.iter().map(|at| &*fleet.entities()[*at].key).collect(),
    };
    let entities = if keys.is_empty() { Entities::All(size) } else { Entities::Only(&keys) };
    let query = Query { from, to: horizon + AHEAD, entities };
    let answer = again(|| source.newest(&query)).await?;
    let known_until = known_until.map(|until| until.timestamp_millis());
    fleet.observe(&answer.newest, known_until, horizon.timestamp_millis());
    Ok(())
}

/// Asks, and asks again where that may help.
async fn again<T, F>(ask: impl Fn() -> F) -> Result<T, SourceError>
where
    F: Future<Output = Result<T, SourceError>>,
{
    let mut pauses = PAUSES.into_iter();
    loop {
        match ask().await {
            Err(error) if error.reason.may_pass() => match pauses.next() {
                Some(pause) => {
                    tracing::debug!("asking again in {pause:?}: {error}");
                    tokio::time::sleep(pause).await;
                }
                None => return Err(error),
            },
            answer => return answer,
        }
    }
}
