//! Silences: what is not to be told for a while, by whom and why.

use chrono::DateTime;
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::messages;
use crate::clock::written;

/// A silence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Silence {
    /// Its number.
    pub id: i64,
    /// Of what, as it was written: `name=fw-*`. Each must match.
    pub matchers: Vec<String>,
    /// Who said so.
    pub author: String,
    /// Why.
    pub reason: String,
    /// In milliseconds.
    pub created: i64,
    /// It holds until then, in milliseconds.
    pub until: i64,
}

impl Silence {
    /// How it holds something back, for people.
    #[must_use]
    pub fn said(&self) -> String {
        let until = DateTime::from_timestamp_millis(self.until).map_or_else(|| "the end".to_owned(), written);
        format!("silence {} by {} until {until}: {}", self.id, self.author, self.reason)
    }
}

/// Adds a silence; its `id` is not used. Returns its number.
///
/// # Errors
/// As the database.
pub fn add(connection: &Connection, silence: &Silence) -> rusqlite::Result<i64> {
    let matchers = serde_json::Value::from(silence.matchers.clone()).to_string();
    connection
        .prepare_cached(
            "INSERT INTO silence (matchers, author, reason, created, until) VALUES (?1, ?2, ?3, ?4, ?5)",
        )?
        .insert(params![matchers, silence.author, silence.reason, silence.created, silence.until])
}

/// The silences that hold at `now`, the one that ends last first.
///
/// # Errors
/// As the database.
pub fn in_force(connection: &Connection, now: i64) -> rusqlite::Result<Vec<Silence>> {
    connection
        .prepare_cached("SELECT * FROM silence WHERE until > ?1 ORDER BY until DESC, id")?
        .query_map([now], read)?
        .collect()
}

/// The number of the newest silence; 0 while there was none.
///
/// # Errors
/// As the database.
pub fn newest(connection: &Connection) -> rusqlite::Result<i64> {
    connection.prepare_cached("SELECT COALESCE(MAX(id), 0) FROM silence")?.query_row([], |row| row.get(0))
}

/// Every silence, the newest first.
///
/// # Errors
/// As the database.
pub fn all(connection: &Connection) -> rusqlite::Result<Vec<Silence>> {
    connection.prepare("SELECT * FROM silence ORDER BY id DESC")?.query_map([], read)?.collect()
}

/// Ends a silence at `now`, and lets go what it holds back, which says so. Returns whether there was one in force.
///
/// # Errors
/// As the database.
pub fn expire(connection: &Connection, id: i64, now: i64) -> rusqlite::Result<bool> {
    let ended = connection
        .execute("UPDATE silence SET until = ?2 WHERE id = ?1 AND until > ?2", params![id, now])?
        > 0;
    let silence =
        connection.prepare("SELECT * FROM silence WHERE id = ?1")?.query_row([id], read).optional()?;
    if let Some(silence) = silence.filter(|_| ended) {
        connection.execute(
            "UPDATE message SET held_by = ?3 WHERE silence = ?1 AND send_at > ?2",
            params![id, now, silence.said()],
        )?;
    }
    connection
        .prepare("SELECT id FROM message WHERE silence = ?1 AND send_at > ?2")?
        .query_map([id, now], |row| row.get(0))?
        .collect::<rusqlite::Result<Vec<i64>>>()?
        .into_iter()
        .try_for_each(|held| messages::send_at(connection, held, now))?;
    Ok(ended)
}

/// How many messages a silence holds back at `now`.
///
/// # Errors
/// As the database.
pub fn holds_back(connection: &Connection, id: i64, now: i64) -> rusqlite::Result<i64> {
    connection
        .prepare_cached(
            "SELECT COUNT(*) FROM message WHERE silence = ?1 AND send_at > ?2 AND outcome IS NULL",
        )?
        .query_row([id, now], |row| row.get(0))
}

fn read(row: &Row<'_>) -> rusqlite::Result<Silence> {
    let matchers: String = row.get("matchers")?;
    Ok(Silence {
        id: row.get("id")?,
        matchers: serde_json::from_str(&matchers).unwrap_or_default(),
        author: row.get("author")?,
        reason: row.get("reason")?,
        created: row.get("created")?,
        until: row.get("until")?,
    })
}
