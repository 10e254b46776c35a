//! Entities that go on under another key.

use std::collections::HashMap;

use rusqlite::{Connection, OptionalExtension, params};

use super::entities;

/// Entities go on under another key, old to new, with their history: the incidents that are over, too. If a key is
/// known already, whichever of the two is silent counts, the old one first; of two that log the later.
///
/// # Errors
/// As the database.
pub fn rename(connection: &Connection, watch: &str, moved: &[(String, String)]) -> rusqlite::Result<()> {
    let mut pasts = HashMap::with_capacity(moved.len());
    for (from, to) in moved {
        if let Some(label) = rename_one(connection, watch, from, to)? {
            pasts.insert(from.as_str(), (to.as_str(), label));
        }
    }
    if pasts.is_empty() { Ok(()) } else { move_pasts(connection, watch, &pasts) }
}

/// What stands in the journal of an entity.
struct Known {
    label: String,
    incident: Option<i64>,
    last_seen: Option<i64>,
}

/// The label of the entity, if there is one of the old key.
fn rename_one(
    connection: &Connection,
    watch: &str,
    from: &str,
    to: &str,
) -> rusqlite::Result<Option<String>> {
    let Some(old) = known(connection, watch, from)? else { return Ok(None) };
    let (incident, last_seen) = match known(connection, watch, to)? {
        Some(new) if old.incident.is_none() && (new.incident.is_some() || new.last_seen > old.last_seen) => {
            (new.incident, new.last_seen)
        }
        _ => (old.incident, old.last_seen),
    };
    entities::remove(connection, watch, to)?;
    connection
        .prepare_cached(
            "UPDATE entity SET key = ?3, incident = ?4, last_seen = ?5 WHERE watch = ?1 AND key = ?2",
        )?
        .execute(params![watch, from, to, incident, last_seen])?;
    connection
        .prepare_cached(
            "UPDATE incident SET key = ?3 WHERE subject = 'agent' AND scope = ?1 AND key = ?2 AND closed IS NULL",
        )?
        .execute(params![watch, from, to])?;
    Ok(Some(old.label))
}

fn known(connection: &Connection, watch: &str, key: &str) -> rusqlite::Result<Option<Known>> {
    connection
        .prepare_cached("SELECT label, incident, last_seen FROM entity WHERE watch = ?1 AND key = ?2")?
        .query_row(params![watch, key], |row| {
            Ok(Known { label: row.get(0)?, incident: row.get(1)?, last_seen: row.get(2)? })
        })
        .optional()
}

/// Moves the incidents that are over, by old key: to the new one, as far as they are of that label. What was of
/// another was somebody else's, who had the key before. One look for all, since whole fleets are enrolled anew.
fn move_pasts(
    connection: &Connection,
    watch: &str,
    pasts: &HashMap<&str, (&str, String)>,
) -> rusqlite::Result<()> {
    let over: Vec<(i64, String, String)> = connection
        .prepare_cached(
            "SELECT id, key, label FROM incident WHERE subject = 'agent' AND scope = ?1 AND closed IS NOT NULL",
        )?
        .query_map([watch], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?
        .collect::<rusqlite::Result<_>>()?;
    let mut update = connection.prepare_cached("UPDATE incident SET key = ?2 WHERE id = ?1")?;
    for (id, key, label) in over {
        if let Some((to, _)) = pasts.get(key.as_str()).filter(|(_, own)| *own == label) {
            update.execute(params![id, to])?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dispatch::fixtures::{agent_silent, start};
    use crate::journal::Journal;
    use crate::journal::entities::EntityRow;
    use crate::journal::events::millis;
    use crate::journal::incidents::{self, Subject, silences_since};
    use crate::journal::past;

    /// A silence that is over.
    fn silence(connection: &Connection, key: &str, label: &str) -> rusqlite::Result<()> {
        let event = agent_silent(key, label);
        let id = incidents::open(connection, Subject::Agent, &event)?;
        incidents::close(connection, id, &event, millis(event.at))
    }

    #[tokio::test]
    async fn what_is_over_goes_along_with_whoever_it_is_of() {
        let journal = Journal::in_memory().unwrap();
        let write = |connection: &Connection| {
            silence(connection, "004", "db-09")?;
            silence(connection, "004", "web-04")?;
            silence(connection, "005", "web-05")?;
            let (key, label) = ("004".to_owned(), "web-04".to_owned());
            let row = EntityRow { key, label, last_seen: None, silence: None, since: None };
            entities::save(connection, "default", &[row])?;
            let moved = [("004", "033"), ("005", "034")].map(|(old, new)| (old.to_owned(), new.to_owned()));
            rename(connection, "default", &moved)?;
            let known = past::silences(connection, millis(start()), i64::MAX)?;
            let flaps = silences_since(connection, Subject::Agent, "default", 0)?;
            Ok((known, flaps.into_iter().map(|(key, _)| key).collect::<Vec<_>>()))
        };
        let (known, flaps) = journal.write(write).await.unwrap();
        let known: Vec<_> = known.iter().map(|one| (one.key.as_str(), one.label.as_str())).collect();
        let expected = [("004", "db-09"), ("033", "web-04"), ("005", "web-05")];
        assert_eq!(known, expected, "004 was another one before, and 005 is not known");
        assert_eq!(flaps, ["004", "033", "005"]);
    }
}
