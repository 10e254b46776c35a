//! What is known of a channel beyond its configuration: how long it asked us to wait, since when it has
//! failed, and whether it is left alone.

use std::collections::BTreeMap;

use rusqlite::{Connection, Row, params};

/// What is known of one channel. Times are in milliseconds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Known {
    /// It must not be called before this.
    pub held_until: Option<i64>,
    /// Since then every try has failed.
    pub failing_since: Option<i64>,
    /// It refused for good.
    pub quarantine: Option<Quarantine>,
}

/// Nothing is sent on a channel that has another way. Times are in milliseconds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quarantine {
    /// When it refused.
    pub since: i64,
    /// What it said, for people.
    pub reason: String,
    /// When it is to be probed next.
    pub probe_at: i64,
    /// How many times it was probed.
    pub probes: u32,
    /// What the last one said.
    pub probe: Probe,
}

/// What a probe said of a channel in quarantine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Probe {
    /// Nothing that is of use still.
    Unknown,
    /// Nothing is wrong: the next message is to show it.
    Good,
    /// It does not work.
    Failed,
}

/// Every channel of which something is known.
///
/// # Errors
/// As the database.
pub fn all(connection: &Connection) -> rusqlite::Result<BTreeMap<String, Known>> {
    connection
        .prepare_cached(
            "SELECT name, held_until, failing_since, quarantined, refusal, probe_at, probes, probe FROM channel",
        )?
        .query_map([], |row| Ok((row.get(0)?, known(row)?)))?
        .collect()
}

fn known(row: &Row<'_>) -> rusqlite::Result<Known> {
    let quarantine = |since| -> rusqlite::Result<Quarantine> {
        let probe: Option<bool> = row.get(7)?;
        Ok(Quarantine {
            since,
            reason: row.get(4)?,
            probe_at: row.get(5)?,
            probes: row.get(6)?,
            probe: probe.map_or(Probe::Unknown, |good| if good { Probe::Good } else { Probe::Failed }),
        })
    };
    let since: Option<i64> = row.get(3)?;
    Ok(Known {
        held_until: row.get(1)?,
        failing_since: row.get(2)?,
        quarantine: since.map(quarantine).transpose()?,
    })
}

/// Holds a channel until a time, unless it is held for longer already.
///
/// # Errors
/// As the database.
pub fn hold(connection: &Connection, channel: &str, until: i64) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "INSERT INTO channel (name, held_until) VALUES (?1, ?2)
             ON CONFLICT (name) DO UPDATE SET held_until = MAX(COALESCE(held_until, 0), excluded.held_until)",
        )?
        .execute(params![channel, until])
        .map(drop)
}

/// Notes since when a channel has failed; `None` when it accepts.
///
/// # Errors
/// As the database.
pub fn set_failing(connection: &Connection, channel: &str, since: Option<i64>) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "INSERT INTO channel (name, failing_since) VALUES (?1, ?2)
             ON CONFLICT (name) DO UPDATE SET failing_since = excluded.failing_since",
        )?
        .execute(params![channel, since])
        .map(drop)
}

/// Puts a channel into quarantine, unless it is there already.
///
/// # Errors
/// As the database.
pub fn quarantine(connection: &Connection, channel: &str, of: &Quarantine) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "INSERT INTO channel (name, quarantined, refusal, probe_at, probes) VALUES (?1, ?2, ?3, ?4, 0)
             ON CONFLICT (name) DO UPDATE SET quarantined = excluded.quarantined, refusal = excluded.refusal,
                 probe_at = excluded.probe_at, probes = 0, probe = NULL WHERE quarantined IS NULL",
        )?
        .execute(params![channel, of.since, of.reason, of.probe_at])
        .map(drop)
}

/// Takes a channel out of quarantine.
///
/// # Errors
/// As the database.
pub fn release(connection: &Connection, channel: &str) -> rusqlite::Result<()> {
    connection
        .prepare_cached("UPDATE channel SET quarantined = NULL WHERE name = ?1")?
        .execute([channel])
        .map(drop)
}

/// Notes that a channel is being probed, and when that is due again.
///
/// # Errors
/// As the database.
pub fn probed(connection: &Connection, channel: &str, next: i64) -> rusqlite::Result<()> {
    connection
        .prepare_cached("UPDATE channel SET probe_at = ?2, probes = probes + 1 WHERE name = ?1")?
        .execute(params![channel, next])
        .map(drop)
}

/// Notes what a probe said.
///
/// # Errors
/// As the database.
pub fn set_probe(connection: &Connection, channel: &str, probe: Probe) -> rusqlite::Result<()> {
    let good = match probe {
        Probe::Unknown => None,
        Probe::Good => Some(true),
        Probe::Failed => Some(false),
    };
    connection
        .prepare_cached("UPDATE channel SET probe = ?2 WHERE name = ?1")?
        .execute(params![channel, good])
        .map(drop)
}

/// Every channel in quarantine is to be probed at `now`: it may have been mended.
///
/// # Errors
/// As the database.
pub fn probe_all(connection: &Connection, now: i64) -> rusqlite::Result<()> {
    connection
        .execute("UPDATE channel SET probe_at = ?1, probes = 0 WHERE quarantined IS NOT NULL", [now])
        .map(drop)
}
