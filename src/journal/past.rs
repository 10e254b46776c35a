//! What the journal knows of a time that is over.

use rusqlite::{Connection, params};

use super::{meta, prune};

/// An agent did not log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Silence {
    /// Its watch.
    pub watch: String,
    /// Its key there.
    pub key: String,
    /// Its label, then.
    pub label: String,
    /// The last log before, or when it was noticed that there is none; in milliseconds.
    pub from: i64,
    /// Its recovery, in milliseconds; `None` = it still is.
    pub to: Option<i64>,
    /// It is part of a stall of the pipeline.
    pub of_stall: bool,
}

/// The silences that reach into `from..to` (milliseconds), the oldest first.
///
/// # Errors
/// As the database.
pub fn silences(connection: &Connection, from: i64, to: i64) -> rusqlite::Result<Vec<Silence>> {
    connection
        .prepare(
            "SELECT scope, key, label, COALESCE(since, opened), closed, part_of FROM incident
             WHERE subject = 'agent' AND COALESCE(since, opened) < ?2 AND (closed IS NULL OR closed > ?1)
             ORDER BY COALESCE(since, opened), id",
        )?
        .query_map([from, to], |row| {
            Ok(Silence {
                watch: row.get(0)?,
                key: row.get(1)?,
                label: row.get(2)?,
                from: row.get(3)?,
                to: row.get(4)?,
                of_stall: row.get::<_, Option<i64>>(5)?.is_some(),
            })
        })?
        .collect()
}

/// When a source could not be read within `from..to` (milliseconds).
///
/// # Errors
/// As the database.
pub fn unreadable(
    connection: &Connection,
    source: &str,
    from: i64,
    to: i64,
) -> rusqlite::Result<Vec<(i64, i64)>> {
    connection
        .prepare(
            "SELECT opened, COALESCE(closed, ?3) FROM incident
             WHERE subject = 'source' AND scope = ?1 AND opened < ?3 AND (closed IS NULL OR closed > ?2)",
        )?
        .query_map(params![source, from, to], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect()
}

/// When log-monitor did not run within `from..to` (milliseconds).
///
/// # Errors
/// As the database.
pub fn absences(connection: &Connection, from: i64, to: i64) -> rusqlite::Result<Vec<(i64, i64)>> {
    let events: Vec<(i64, String)> = connection
        .prepare("SELECT at, body FROM event WHERE kind = 'monitoring_resumed' AND at > ?1")?
        .query_map([from], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<rusqlite::Result<_>>()?;
    let absence = |(at, body): (i64, String)| {
        let event: log_monitor_channels::Event = serde_json::from_str(&body).ok()?;
        Some((super::events::millis(event.since?), at)).filter(|(since, _)| *since < to)
    };
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
    use crate::journal::events::{self, millis};
    use crate::journal::incidents::{self, Subject};
    use log_monitor_channels::{Event, EventKind};

    const HOUR: i64 = 3_600_000;

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
                incidents::close(connection, over, &agent_silent("001", "web"))?;
                incidents::open(connection, Subject::Agent, &agent_silent("002", "db"))?;
                let known = |from, to| silences(connection, from, to);
                assert_eq!(known(begin, begin + 1)?.len(), 2);
                assert_eq!(known(0, begin)?, []);
                let open = known(opened, opened + 1)?;
                assert_eq!(
                    open.iter().map(|one| (&*one.key, one.from, one.to)).collect::<Vec<_>>(),
                    [("002", begin, None)]
                );

                let source = Event { scope: "wazuh".to_owned(), entity: None, ..agent_silent("", "") };
                incidents::open(connection, Subject::Source, &source)?;
                let unreadable = |source| unreadable(connection, source, begin, opened + HOUR);
                assert_eq!(
                    (unreadable("wazuh")?, unreadable("other")?),
                    (vec![(opened, opened + HOUR)], vec![])
                );

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
