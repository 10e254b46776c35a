//! What the journal knows of a time that is over.

use log_monitor_channels::{Event, Severity};
use rusqlite::{Connection, Row, params};

use super::entities::Logging;
use super::events::millis;
use super::spells::Spell;
use super::{meta, prune, spells};
use crate::config::vocabulary::ENROLLED_ANEW;

/// An agent did not log. Where it flapped, an incident is several of these.
#[derive(Debug, Clone, PartialEq)]
pub struct Silence {
    /// Its watch.
    pub watch: String,
    /// Its key there.
    pub key: String,
    /// Its label, then.
    pub label: String,
    /// It logged, but less than it should.
    pub few: bool,
    /// The last log before, or when it was noticed that there is none; in milliseconds.
    pub from: i64,
    /// When it logged again, in milliseconds; `None` = it still does not.
    pub to: Option<i64>,
    /// The part of that time, from 0 to 1, of which logs arrived late; `None` = not known.
    pub late: Option<f64>,
}

/// The silences that reach into `from..to` (milliseconds), the oldest first.
///
/// # Errors
/// As the database.
pub fn silences(connection: &Connection, from: i64, to: i64) -> rusqlite::Result<Vec<Silence>> {
    let incidents: Vec<Incident> = connection
        .prepare(&format!(
            "{SILENCE} WHERE subject = 'agent' AND COALESCE(since, opened) < ?2 AND (closed IS NULL OR closed > ?1)
             ORDER BY COALESCE(since, opened), id"
        ))?
        .query_map([from, to], incident)?
        .collect::<rusqlite::Result<_>>()?;
    let mut silences = Vec::with_capacity(incidents.len());
    for Incident { id, silence, stopped, .. } in incidents.into_iter().filter(|one| !one.goes_on) {
        let each = apart(silence, &spells::of(connection, id)?);
        silences.extend(each.into_iter().flat_map(|one| until_it_stopped(one, stopped)));
    }
    silences.retain(|silence| silence.from < to && silence.to.is_none_or(|end| end > from));
    Ok(silences)
}

/// The silences that were parts of an incident, and are over since their agents log again: of those that logged too
/// little and then stopped, that apart.
///
/// # Errors
/// As the database.
pub fn ended_parts(connection: &Connection, whole: i64) -> rusqlite::Result<Vec<Silence>> {
    let parts: Vec<Incident> = connection
        .prepare_cached(&format!("{SILENCE} WHERE part_of = ?1 AND outcome = 'agent_recovered'"))?
        .query_map([whole], incident)?
        .collect::<rusqlite::Result<_>>()?;
    let apart = |Incident { silence, stopped, .. }: Incident| until_it_stopped(silence, stopped);
    Ok(parts.into_iter().flat_map(apart).collect())
}

/// What stands in the journal of one incident of an agent.
struct Incident {
    id: i64,
    silence: Silence,
    /// As another one, which began before.
    goes_on: bool,
    /// When whoever had logged too little stopped altogether, in milliseconds.
    stopped: Option<i64>,
}

/// The columns of an [`Incident`].
const SILENCE: &str = "SELECT scope, key, label, logging, COALESCE(since, opened), closed,
        (SELECT body FROM event WHERE event.incident = incident.id AND kind = outcome), id, stopped
    FROM incident";

fn incident(row: &Row<'_>) -> rusqlite::Result<Incident> {
    let end = row.get::<_, Option<String>>(6)?.and_then(|body| event(&body));
    let goes_on = end.as_ref().is_some_and(|end| end.cause == ENROLLED_ANEW);
    let (back, late) = end.map_or((None, None), |end| (end.back.map(millis), end.arrived_late));
    let silence = Silence {
        watch: row.get(0)?,
        key: row.get(1)?,
        label: row.get(2)?,
        few: Logging::of(row.get::<_, Option<String>>(3)?.as_deref(), None) == Logging::TooFew,
        from: row.get(4)?,
        to: back.or(row.get(5)?),
        late,
    };
    Ok(Incident { id: row.get(7)?, silence, goes_on, stopped: row.get(8)? })
}

/// An incident without the times in which its agent logged.
fn apart(mut silence: Silence, logged: &[Spell]) -> Vec<Silence> {
    let mut silences = Vec::with_capacity(logged.len() + 1);
    for spell in logged {
        silences.push(Silence { to: Some(spell.begins), ..silence.clone() });
        silence.from = spell.ends;
    }
    silences.push(silence);
    silences
}

/// Of what began as too few logs, the time before and after the last of these.
fn until_it_stopped(one: Silence, stopped: Option<i64>) -> Vec<Silence> {
    let Some(stopped) = stopped.filter(|_| one.few) else { return vec![one] };
    let end = one.to.unwrap_or(i64::MAX);
    let few = Silence { to: Some(end.min(stopped)), late: None, ..one.clone() };
    let silent = Silence { from: one.from.max(stopped), few: false, ..one };
    [few, silent].into_iter().filter(|part| part.to.is_none_or(|to| to > part.from)).collect()
}

/// An event as it is stored; nothing of one that is damaged.
fn event(body: &str) -> Option<Event> {
    serde_json::from_str(body).ok()
}

/// When nobody saw what came from these sources within `from..to` (milliseconds): log-monitor did not run, or one of
/// them failed as badly as `severity` says.
///
/// # Errors
/// As the database.
pub fn unseen<'s>(
    connection: &Connection,
    sources: impl IntoIterator<Item = &'s str>,
    severity: Severity,
    (from, to): (i64, i64),
) -> rusqlite::Result<Vec<(i64, i64)>> {
    let mut unseen = absences(connection, from, to)?;
    for source in sources {
        unseen.extend(unreadable(connection, source, severity, (from, to))?);
    }
    Ok(unseen)
}

/// When a source failed within `from..to` (milliseconds), as far as that was at least as bad as `severity`: less is no
/// more than a list, or a question about a reason.
fn unreadable(
    connection: &Connection,
    source: &str,
    severity: Severity,
    (from, to): (i64, i64),
) -> rusqlite::Result<Vec<(i64, i64)>> {
    let incidents: Vec<(i64, i64)> = connection
        .prepare(
            "SELECT id, COALESCE(closed, ?3) FROM incident
             WHERE subject = 'source' AND scope = ?1 AND opened < ?3 AND (closed IS NULL OR closed > ?2)",
        )?
        .query_map(params![source, from, to], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<rusqlite::Result<_>>()?;
    let mut times = Vec::with_capacity(incidents.len());
    for (incident, end) in incidents {
        times.extend(
            as_bad_as(connection, incident, severity)?.filter(|begin| *begin < to).map(|begin| (begin, end)),
        );
    }
    Ok(times)
}

/// Since when an incident was told to be at least so bad, in milliseconds.
fn as_bad_as(connection: &Connection, incident: i64, severity: Severity) -> rusqlite::Result<Option<i64>> {
    let told: Vec<(i64, String)> = connection
        .prepare_cached(
            "SELECT at, body FROM event WHERE incident = ?1 AND kind = 'source_down' ORDER BY id",
        )?
        .query_map([incident], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<rusqlite::Result<_>>()?;
    // Of one whose record is damaged the worst is taken.
    let is_so = |(_, body): &&(i64, String)| event(body).is_none_or(|event| event.severity >= severity);
    Ok(told.iter().find(is_so).map(|(at, _)| *at))
}

/// When log-monitor did not run within `from..to` (milliseconds).
///
/// # Errors
/// As the database.
pub fn absences(connection: &Connection, from: i64, to: i64) -> rusqlite::Result<Vec<(i64, i64)>> {
    let events: Vec<(i64, String)> = connection
        .prepare(
            "SELECT at, body FROM event WHERE incident IS NULL AND kind = 'monitoring_resumed' AND at > ?1",
        )?
        .query_map([from], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<rusqlite::Result<_>>()?;
    let absence =
        |(at, body): (i64, String)| Some((millis(event(&body)?.since?), at)).filter(|(since, _)| *since < to);
    Ok(events.into_iter().filter_map(absence).collect())
}

/// Since when nothing is missing at `now`, in milliseconds; `None` in a journal that holds nothing.
///
/// # Errors
/// As the database.
pub fn reach(connection: &Connection, now: i64) -> rusqlite::Result<Option<i64>> {
    let oldest = |sql: &str| connection.query_row(sql, [], |row| row.get::<_, Option<i64>>(0));
    let known = [
        meta::begun(connection)?,
        oldest("SELECT MIN(at) FROM event")?,
        oldest("SELECT MIN(opened) FROM incident")?,
    ];
    Ok(known.into_iter().flatten().min().map(|oldest| oldest.max(now - prune::KEEP)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dispatch::fixtures::{agent_silent, start};
    use crate::journal::Journal;
    use crate::journal::events::{self, time};
    use crate::journal::incidents::{self, Subject};
    use chrono::TimeDelta;
    use log_monitor_channels::EventKind;

    const HOUR: i64 = 3_600_000;

    #[tokio::test]
    async fn of_a_part_of_a_stall_only_the_time_since_it_stopped_arrived_late() {
        let journal = Journal::in_memory().unwrap();
        let parts = journal.write(|connection| {
            let begun = agent_silent("001", "web");
            let stopped =
                Event { since: begun.since.map(|since| since + TimeDelta::hours(1)), ..begun.clone() };
            let stall = incidents::open(connection, Subject::Pipeline, &agent_silent("node=a", ""))?;
            let part = Event { part_of: Some(stall), ..begun.clone() };
            let incident = incidents::open(connection, Subject::Agent, &part)?;
            incidents::set_logging(connection, incident, Logging::TooFew, &begun)?;
            incidents::set_logging(connection, incident, Logging::No, &stopped)?;
            let back = stopped.since.map(|since| since + TimeDelta::hours(1));
            let kind = EventKind::AgentRecovered;
            let mut end = Event { kind, incident: Some(incident), back, arrived_late: Some(0.5), ..begun };
            events::insert(connection, &mut end)?;
            incidents::close(connection, incident, &end, 0)?;
            ended_parts(connection, stall)
        });
        let parts = parts.await.unwrap();
        let parts: Vec<_> =
            parts.iter().map(|part| (part.few, part.to.unwrap() - part.from, part.late)).collect();
        assert_eq!(parts, [(true, HOUR, None), (false, HOUR, Some(0.5))]);
    }

    #[tokio::test]
    async fn the_past_is_what_reached_into_a_time_and_goes_back_to_the_first_sign() {
        let journal = Journal::in_memory().unwrap();
        journal
            .write(|connection| {
                let (begin, opened) = (millis(start()), millis(start()) + 16 * 60_000);
                assert_eq!(reach(connection, begin)?, None, "an empty journal");
                meta::set_alive(connection, begin - HOUR)?;
                meta::set_alive(connection, begin)?;
                assert_eq!(reach(connection, begin)?, Some(begin - HOUR));
                assert_eq!(reach(connection, begin + 2 * prune::KEEP)?, Some(begin + prune::KEEP));

                let over = incidents::open(connection, Subject::Agent, &agent_silent("001", "web"))?;
                let mut end = Event {
                    kind: EventKind::AgentRecovered,
                    incident: Some(over),
                    back: Some(time(begin + 1)),
                    arrived_late: Some(0.5),
                    ..agent_silent("001", "web")
                };
                events::insert(connection, &mut end)?;
                incidents::close(connection, over, &end, 0)?;
                incidents::open(connection, Subject::Agent, &agent_silent("002", "db"))?;
                let known = |from, to| silences(connection, from, to);
                let [first, second] = &known(begin, begin + 1)?[..] else { panic!("two") };
                assert_eq!((first.from, first.to), (begin, Some(begin + 1)));
                assert_eq!((first.late, second.late, second.to), (Some(0.5), None, None));
                assert_eq!(known(0, begin)?, []);
                let open = known(opened, opened + 1)?;
                assert_eq!(
                    open.iter().map(|one| (&*one.key, one.from, one.to)).collect::<Vec<_>>(),
                    [("002", begin, None)]
                );

                let (begins, ends) = (opened + HOUR, opened + 2 * HOUR);
                spells::write(connection, 2, &Spell { begins, ends, noticed: ends + HOUR })?;
                let apart: Vec<_> =
                    known(opened, opened + 4 * HOUR)?.iter().map(|one| (one.from, one.to)).collect();
                assert_eq!(apart, [(begin, Some(begins)), (ends, None)], "it logged in between");

                let source = Event { scope: "wazuh".to_owned(), entity: None, ..agent_silent("", "") };
                let down =
                    Event { kind: EventKind::SourceDown, severity: Severity::Medium, ..source.clone() };
                let list = incidents::open(connection, Subject::Source, &down)?;
                let unreadable =
                    |source| unreadable(connection, source, Severity::High, (begin, opened + HOUR));
                let tell = |severity, minutes| {
                    let at = down.at + chrono::TimeDelta::minutes(minutes);
                    let mut told = Event { incident: Some(list), severity, at, ..down.clone() };
                    events::insert(connection, &mut told)
                };
                tell(Severity::Medium, 0)?;
                assert_eq!(unreadable("wazuh")?, [], "only its list");
                tell(Severity::High, 10)?;
                let since = (opened + 10 * 60_000, opened + HOUR);
                assert_eq!((unreadable("wazuh")?, unreadable("other")?), (vec![since], vec![]));

                let mut resumed = Event { kind: EventKind::MonitoringResumed, ..source };
                events::insert(connection, &mut resumed)?;
                assert_eq!(absences(connection, begin, opened)?, [(begin, opened)]);
                assert_eq!(absences(connection, opened, opened + 1)?, []);
                Ok(())
            })
            .await
            .unwrap();
    }
}
