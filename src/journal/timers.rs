//! All timers of delivery, moved when the clock was set: what was to happen in ten minutes still
//! happens in ten minutes, and nothing is given up because a day seems to have passed.

use std::ops::RangeInclusive;

use rusqlite::{Connection, OptionalExtension};

use super::meta;

/// A journal whose newest entry is this much later than now, in milliseconds, was written before the
/// clock was set back.
const TOLERATED: i64 = 60_000;

/// Moves every timer by so many milliseconds, but for messages that were `written` by the clock as it is.
///
/// # Errors
/// As the database.
pub fn shift(connection: &Connection, by: i64, written: &RangeInclusive<i64>) -> rusqlite::Result<()> {
    for sql in [
        "UPDATE delivery SET not_before = not_before + ?1, deadline = deadline + ?1
         WHERE state IN ('pending', 'waiting', 'sending')
         AND message NOT IN (SELECT id FROM message WHERE created BETWEEN ?2 AND ?3)",
        // Escalations are due so long after it.
        "UPDATE message SET send_at = send_at + ?1
         WHERE (outcome IS NULL OR escalate_at IS NOT NULL) AND created NOT BETWEEN ?2 AND ?3",
        "UPDATE message SET fallback_at = fallback_at + ?1
         WHERE fallback_at IS NOT NULL AND created NOT BETWEEN ?2 AND ?3",
        "UPDATE message SET reminder_at = reminder_at + ?1
         WHERE reminder_at IS NOT NULL AND created NOT BETWEEN ?2 AND ?3",
        "UPDATE message SET escalate_at = escalate_at + ?1
         WHERE escalate_at IS NOT NULL AND created NOT BETWEEN ?2 AND ?3",
    ] {
        connection.execute(sql, [by, *written.start(), *written.end()])?;
    }
    let channels = "UPDATE channel SET held_until = held_until + ?1, failing_since = failing_since + ?1,
                    probe_at = probe_at + ?1";
    connection.execute(channels, [by]).map(drop)
}

/// How far the clock was set back while nobody looked, in milliseconds (negative), as far as the last sign of
/// life tells, or without one the newest entries.
///
/// # Errors
/// As the database.
pub fn set_back_by(connection: &Connection, now: i64) -> rusqlite::Result<Option<i64>> {
    let newest = |sql: &str| connection.query_row(sql, [], |row| row.get::<_, i64>(0)).optional();
    // Entries may be of a time in which the clock was wrong.
    let last = match meta::alive(connection)? {
        Some(alive) => Some(alive),
        None => newest("SELECT at FROM event ORDER BY id DESC LIMIT 1")?
            .max(newest("SELECT ended FROM attempt ORDER BY id DESC LIMIT 1")?),
    };
    Ok(last.map(|last| now - last).filter(|back| *back < -TOLERATED))
}
