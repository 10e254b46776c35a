//! Facts about this installation.

use rusqlite::{Connection, OptionalExtension, params};

/// The random id of this installation, made at the first start. Idempotency keys hang on it.
///
/// # Errors
/// As the database.
pub fn installation_id(connection: &Connection) -> rusqlite::Result<String> {
    let known = connection
        .query_row("SELECT value FROM meta WHERE key = 'installation'", [], |row| row.get(0))
        .optional()?;
    if let Some(id) = known {
        return Ok(id);
    }
    let id = format!("{:016x}", fastrand::u64(..));
    connection.execute("INSERT INTO meta (key, value) VALUES ('installation', ?1)", params![id])?;
    Ok(id)
}

/// When it was last told that documents of `watch` are dated ahead, in milliseconds.
///
/// # Errors
/// As the database.
pub fn skew_told(connection: &Connection, watch: &str) -> rusqlite::Result<Option<i64>> {
    time_of(connection, &format!("skew {watch}"))
}

/// Says that it is told at `now`, in milliseconds.
///
/// # Errors
/// As the database.
pub fn set_skew_told(connection: &Connection, watch: &str, now: i64) -> rusqlite::Result<()> {
    set_time(connection, &format!("skew {watch}"), now)
}

/// What is remembered of the last good round of `watch`.
///
/// # Errors
/// As the database.
pub fn last_round(connection: &Connection, watch: &str) -> rusqlite::Result<Option<String>> {
    text_of(connection, &format!("round {watch}"))
}

/// Remembers this of it.
///
/// # Errors
/// As the database.
pub fn set_last_round(connection: &Connection, watch: &str, what: &str) -> rusqlite::Result<()> {
    set_text(connection, &format!("round {watch}"), what)
}

/// What is remembered of the lists of agents of `watch`, which this source keeps.
///
/// # Errors
/// As the database.
pub fn of_lists(connection: &Connection, watch: &str, source: &str) -> rusqlite::Result<Option<String>> {
    let known = text_of(connection, &format!("lists {watch}"))?;
    Ok(known.and_then(|known| Some(known.strip_prefix(source)?.strip_prefix('\n')?.to_owned())))
}

/// Remembers this of them, and nothing of another source's.
///
/// # Errors
/// As the database.
pub fn set_of_lists(connection: &Connection, watch: &str, source: &str, what: &str) -> rusqlite::Result<()> {
    set_text(connection, &format!("lists {watch}"), &format!("{source}\n{what}"))
}

/// When log-monitor last said that it is there, in milliseconds; `None` before the first time.
///
/// # Errors
/// As the database.
pub fn alive(connection: &Connection) -> rusqlite::Result<Option<i64>> {
    time_of(connection, "alive")
}

/// When a source answered last, in milliseconds. A checkpoint: it may be some minutes behind.
///
/// # Errors
/// As the database.
pub fn answered(connection: &Connection, source: &str) -> rusqlite::Result<Option<i64>> {
    time_of(connection, &format!("answered {source}"))
}

/// Says that it answered at `at`, in milliseconds.
///
/// # Errors
/// As the database.
pub fn set_answered(connection: &Connection, source: &str, at: i64) -> rusqlite::Result<()> {
    set_time(connection, &format!("answered {source}"), at)
}

/// Since when the journal is kept, in milliseconds; `None` in one that an earlier version wrote.
///
/// # Errors
/// As the database.
pub fn begun(connection: &Connection) -> rusqlite::Result<Option<i64>> {
    time_of(connection, "begun")
}

/// Says that log-monitor is there at `now`, in milliseconds. The first time stays known.
///
/// # Errors
/// As the database.
pub fn set_alive(connection: &Connection, now: i64) -> rusqlite::Result<()> {
    connection.execute("INSERT OR IGNORE INTO meta (key, value) VALUES ('begun', ?1)", [now.to_string()])?;
    set_time(connection, "alive", now)
}

fn time_of(connection: &Connection, key: &str) -> rusqlite::Result<Option<i64>> {
    Ok(text_of(connection, key)?.and_then(|millis| millis.parse().ok()))
}

fn set_time(connection: &Connection, key: &str, time: i64) -> rusqlite::Result<()> {
    set_text(connection, key, &time.to_string())
}

fn text_of(connection: &Connection, key: &str) -> rusqlite::Result<Option<String>> {
    connection.query_row("SELECT value FROM meta WHERE key = ?1", [key], |row| row.get(0)).optional()
}

fn set_text(connection: &Connection, key: &str, text: &str) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "INSERT INTO meta (key, value) VALUES (?1, ?2)
             ON CONFLICT (key) DO UPDATE SET value = excluded.value",
        )?
        .execute(params![key, text])
        .map(drop)
}
