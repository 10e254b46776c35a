//! Messages that reached nobody, until one that is accepted has said so.
//!
//! `message.lost` is the delivery whose text says it, 0 once that was accepted.

use rusqlite::{Connection, params};

/// What is to be said still: nobody is being told right now, and nobody was or is to be told of it later instead.
const UNSAID: &str = "outcome = 'exhausted' AND lost IS NOT 0 AND escalate_at IS NULL
    AND NOT EXISTS (SELECT 1 FROM delivery WHERE delivery.id = message.lost AND state = 'sending')
    AND NOT EXISTS (SELECT 1 FROM message AS later
                    WHERE later.escalation IS NOT NULL
                    AND (later.parent = message.id
                         OR later.parent = message.parent AND message.escalation IS NOT NULL
                            AND later.id > message.id))";

/// Whether there is anything to be said.
///
/// # Errors
/// As the database.
pub fn any(connection: &Connection) -> rusqlite::Result<bool> {
    connection
        .prepare_cached(&format!("SELECT EXISTS (SELECT 1 FROM message WHERE {UNSAID})"))?
        .query_row([], |row| row.get(0))
}

/// It is to be said by this delivery.
///
/// # Errors
/// As the database.
pub fn say(connection: &Connection, delivery: i64) -> rusqlite::Result<()> {
    connection
        .prepare_cached(&format!("UPDATE message SET lost = ?1 WHERE {UNSAID}"))?
        .execute([delivery])
        .map(drop)
}

/// What a delivery says of, oldest first.
///
/// # Errors
/// As the database.
pub fn said_by(connection: &Connection, delivery: i64) -> rusqlite::Result<Vec<i64>> {
    connection
        .prepare_cached("SELECT id FROM message WHERE lost = ?1 AND lost > 0 ORDER BY id")?
        .query_map(params![delivery], |row| row.get(0))?
        .collect()
}

/// The delivery was accepted: what it says of is said.
///
/// # Errors
/// As the database.
pub fn said(connection: &Connection, delivery: i64) -> rusqlite::Result<()> {
    let said = said_by(connection, delivery)?;
    // Nearly always there is none, and a look is cheaper than an update of nothing.
    let mut mark = connection.prepare_cached("UPDATE message SET lost = 0 WHERE id = ?1")?;
    said.iter().try_for_each(|message| mark.execute([message]).map(drop))
}
