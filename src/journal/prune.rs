//! Forgetting what is long over, so that the journal does not grow for ever.

use rusqlite::Connection;

/// How long closed incidents and what was sent of them are kept, in milliseconds: 90 days.
pub const KEEP: i64 = 90 * 86_400_000;

/// Messages before the time `?1` that nothing hangs on any more: no delivery, no open incident, and no
/// message that answers it.
const OLD: &str = "SELECT id FROM message WHERE created < ?1 AND outcome IS NOT NULL AND reminder_at IS NULL
    AND NOT EXISTS (SELECT 1 FROM message AS answer WHERE answer.parent = message.id)
    AND NOT EXISTS (SELECT 1 FROM digest WHERE firing = message.id)
    AND NOT EXISTS (SELECT 1 FROM delivery WHERE message = message.id AND state IN ('pending', 'waiting', 'sending'))
    AND NOT EXISTS (SELECT 1 FROM message_event JOIN event ON event.id = message_event.event
                    JOIN incident ON incident.id = event.incident
                    WHERE message_event.message = message.id AND incident.closed IS NULL)";

/// Deletes what was over before `now - KEEP`. Returns how many messages that were.
///
/// # Errors
/// As the database.
pub fn prune(connection: &Connection, now: i64) -> rusqlite::Result<usize> {
    let before = now - KEEP;
    let delete = |sql: &str| connection.execute(sql, [before]);
    // Answers go first, and then what they answered, which nothing hangs on any more.
    let mut pruned = 0;
    loop {
        match prune_leaves(connection, before)? {
            0 => break,
            count => pruned += count,
        }
    }
    delete(
        "DELETE FROM event WHERE at < ?1
         AND NOT EXISTS (SELECT 1 FROM message_event WHERE event = event.id)
         AND NOT EXISTS (SELECT 1 FROM incident WHERE incident.id = event.incident AND closed IS NULL)",
    )?;
    delete(
        "DELETE FROM incident WHERE closed < ?1
         AND NOT EXISTS (SELECT 1 FROM event WHERE incident = incident.id)
         AND NOT EXISTS (SELECT 1 FROM incident AS part WHERE part.part_of = incident.id)",
    )?;
    Ok(pruned)
}

fn prune_leaves(connection: &Connection, before: i64) -> rusqlite::Result<usize> {
    connection
        .execute_batch("CREATE TEMP TABLE IF NOT EXISTS old (id INTEGER PRIMARY KEY); DELETE FROM old")?;
    connection.execute(&format!("INSERT INTO old {OLD}"), [before])?;
    connection.execute_batch(
        "DELETE FROM attempt WHERE delivery IN (SELECT id FROM delivery WHERE message IN old);
         DELETE FROM delivery WHERE message IN old;
         DELETE FROM message_event WHERE message IN old;
         DELETE FROM digest WHERE message IN old;",
    )?;
    connection.execute("DELETE FROM message WHERE id IN old", [])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Need, Step};
    use crate::dispatch::fixtures::{agent_silent, start};
    use crate::journal::events::{self, millis};
    use crate::journal::incidents::{self, Subject};
    use crate::journal::messages::{self, NewMessage};
    use log_monitor_channels::{EventKind, MessageKind};

    fn message(
        connection: &Connection,
        event: i64,
        parent: Option<i64>,
        created: i64,
    ) -> rusqlite::Result<i64> {
        let message = messages::insert(
            connection,
            &NewMessage {
                route: "all".to_owned(),
                kind: if parent.is_some() { MessageKind::Resolved } else { MessageKind::Firing },
                topic: EventKind::AgentSilent,
                parent,
                created,
                send_at: created,
                steps: vec![Step {
                    to: vec!["soc".to_owned()],
                    need: Need::Any,
                    fallback_after: std::time::Duration::ZERO,
                    escalation: None,
                }],
                reminders: None,
                events: vec![event],
                held_by: None,
                escalation: None,
                grouped: String::new(),
                merges: messages::Merges::No,
            },
        )?;
        connection.execute("UPDATE delivery SET state = 'accepted' WHERE message = ?1", [message])?;
        messages::settle(connection, message, Some("accepted"))?;
        connection.execute(
            "INSERT INTO attempt (delivery, n, started, ended, outcome, reason)
             SELECT id, 1, 0, 0, 'accepted', '' FROM delivery WHERE message = ?1",
            [message],
        )?;
        Ok(message)
    }

    /// An incident with its firing.
    fn silence(connection: &Connection, id: &str) -> rusqlite::Result<(i64, i64)> {
        let mut event = agent_silent(id, "web");
        event.incident = Some(incidents::open(connection, Subject::Agent, &event)?);
        events::insert(connection, &mut event)?;
        Ok((event.incident.unwrap_or_default(), message(connection, event.id, None, millis(start()))?))
    }

    /// Its end with the resolution.
    fn recovery(connection: &Connection, incident: i64, firing: i64, at: i64) -> rusqlite::Result<i64> {
        let mut event = agent_silent("001", "web");
        (event.kind, event.incident, event.at) =
            (EventKind::AgentRecovered, Some(incident), events::time(at));
        events::insert(connection, &mut event)?;
        incidents::close(connection, incident, &event, 0)?;
        message(connection, event.id, Some(firing), at)
    }

    #[tokio::test]
    async fn what_is_long_over_is_forgotten_and_what_is_open_stays_for_ever() {
        let journal = crate::journal::Journal::in_memory().unwrap();
        let left = journal
            .write(|connection| {
                let (over, firing) = silence(connection, "001")?;
                silence(connection, "002")?;
                let end = millis(start()) + KEEP / 2;
                recovery(connection, over, firing, end)?;
                let young = prune(connection, millis(start()) + KEEP + 1)?;
                assert_eq!(young, 0, "the firing is old, but its resolution is not");
                assert_eq!(prune(connection, end + KEEP + 1)?, 2);
                let count = |table: &str| {
                    connection
                        .query_row(&format!("SELECT COUNT(*) FROM {table}"), [], |row| row.get::<_, i64>(0))
                };
                ["incident", "event", "message", "delivery", "attempt", "message_event"]
                    .into_iter()
                    .map(count)
                    .collect()
            })
            .await;
        assert_eq!(Result::<Vec<i64>, _>::unwrap(left), [1; 6]);
    }

    #[tokio::test]
    async fn a_stall_stays_as_long_as_an_agent_that_fell_silent_with_it() {
        let journal = crate::journal::Journal::in_memory().unwrap();
        journal
            .write(|connection| {
                let later = millis(start()) + KEEP + 86_400_000;
                let (stall, firing) = silence(connection, "node=node02")?;
                let mut part = agent_silent("002", "web");
                part.part_of = Some(stall);
                part.incident = Some(incidents::open(connection, Subject::Agent, &part)?);
                events::insert(connection, &mut part)?;
                recovery(connection, stall, firing, millis(start()))?;
                let count = || connection.query_row("SELECT COUNT(*) FROM incident", [], |row| row.get(0));
                prune(connection, later)?;
                assert_eq!(count(), Ok(2), "the part is open");
                part.at = start();
                incidents::close(connection, part.incident.unwrap_or_default(), &part, 0)?;
                // The part goes first, and what it was part of the next time.
                prune(connection, later)?;
                prune(connection, later)?;
                assert_eq!(count(), Ok(0));
                Ok(())
            })
            .await
            .unwrap();
    }
}
