//! Tries of deliveries: claimed before a call, closed after it.

use log_monitor_channels::Receipt;
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::{State, posted};
use crate::journal::waiting::OVER_BUDGET;

/// A delivery that was claimed for one try.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// The delivery.
    pub delivery: i64,
    /// The number of this try, from 1.
    pub n: u32,
    /// When it began, in milliseconds.
    pub tried: i64,
    /// Its message.
    pub message: i64,
    /// The step of the message.
    pub step: usize,
    /// The channel's name.
    pub channel: String,
    /// Send the plain short form.
    pub short: bool,
    /// An earlier try was cut off before its answer came.
    pub uncertain: bool,
    /// When it is given up, in milliseconds.
    pub deadline: i64,
    /// Why it waited until now, where that was no failure.
    pub held: Option<String>,
    /// Others that this try is for, too.
    pub with: Vec<Self>,
    /// Of several posts that it is, the keys of those that the channel has accepted.
    pub posted: Vec<String>,
    /// The key of the one that this try is for, where more follow.
    pub post: Option<String>,
}

/// Claims up to `limit` due deliveries of a channel and marks them as sending, so that after a crash
/// it is known that something may have been sent.
///
/// # Errors
/// As the database.
pub fn claim(connection: &Connection, channel: &str, limit: usize, now: i64) -> rusqlite::Result<Vec<Claim>> {
    let mut claims: Vec<Claim> = connection
        .prepare_cached(
            "SELECT id, message, step, channel, attempts + 1, short, uncertain, deadline, reason FROM delivery
             WHERE channel = ?1 AND state IN ('pending', 'waiting') AND not_before <= ?2
             ORDER BY not_before, id LIMIT ?3",
        )?
        .query_map(params![channel, now, limit as i64], |row| read_claim(row, now))?
        .collect::<rusqlite::Result<_>>()?;
    let mut mark = connection.prepare_cached(
        "UPDATE delivery SET state = 'sending', tried = ?2, attempts = ?3, merged_into = NULL WHERE id = ?1",
    )?;
    for claim in &mut claims {
        claim.posted = posted(connection, claim)?;
        mark.execute(params![claim.delivery, now, claim.n])?;
    }
    Ok(claims)
}

/// Reads `id, message, step, channel, attempts + 1, short, uncertain, deadline, reason`.
///
/// # Errors
/// As the database.
pub fn read_claim(row: &Row<'_>, now: i64) -> rusqlite::Result<Claim> {
    let reason: Option<String> = row.get(8)?;
    Ok(Claim {
        delivery: row.get(0)?,
        tried: now,
        message: row.get(1)?,
        step: row.get::<_, i64>(2)? as usize,
        channel: row.get(3)?,
        n: row.get(4)?,
        short: row.get(5)?,
        uncertain: row.get(6)?,
        deadline: row.get(7)?,
        held: reason.filter(|reason| reason.starts_with(OVER_BUDGET)),
        with: Vec::new(),
        posted: Vec::new(),
        post: None,
    })
}

/// The word for a try after which the channel has what was sent.
pub const ACCEPTED: &str = "accepted";

/// How a try ended, as the journal keeps it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ending {
    /// The delivery's new state.
    pub state: State,
    /// The word for the try: `accepted`, `transient`, `permanent_message`, `permanent_channel`.
    pub outcome: &'static str,
    /// For people, free of secrets; the receipt's line when accepted.
    pub reason: String,
    /// When the next try may be, in milliseconds.
    pub not_before: Option<i64>,
    /// The next try is in the short form.
    pub short: bool,
    /// The vendor may have taken it all the same.
    pub uncertain: bool,
    /// What the vendor answered.
    pub receipt: Option<Receipt>,
}

/// Closes a try. Only a delivery that is still `sending` changes: one that was given back or
/// dropped meanwhile keeps its state, unless the channel accepted it, which is a fact.
///
/// # Errors
/// As the database.
pub fn finish(connection: &Connection, claim: &Claim, ending: &Ending, now: i64) -> rusqlite::Result<()> {
    let merged_into = connection
        .prepare_cached("SELECT merged_into FROM delivery WHERE id = ?1")?
        .query_row([claim.delivery], |row| row.get::<_, Option<i64>>(0))
        .optional()?;
    // A broken page of the journal may have taken it away meanwhile.
    let Some(merged_into) = merged_into else { return Ok(()) };
    connection
        .prepare_cached(
            "INSERT INTO attempt (delivery, n, started, ended, outcome, reason, merged_into, post)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        )?
        .execute(params![
            claim.delivery,
            claim.n,
            claim.tried,
            now,
            ending.outcome,
            ending.reason,
            merged_into,
            claim.post
        ])?;
    let receipt = ending.receipt.as_ref().map(|receipt| serde_json::to_string(receipt).unwrap_or_default());
    let accepted = ending.outcome == ACCEPTED;
    let reason = (!accepted).then_some(&ending.reason);
    connection
        .prepare_cached(
            "UPDATE delivery SET state = ?2, reason = ?3, receipt = ?4,
                    not_before = COALESCE(?5, not_before), short = CASE WHEN ?8 THEN 0 ELSE short OR ?6 END,
                    uncertain = CASE WHEN ?8 AND ?2 <> 'accepted' THEN 0 ELSE uncertain OR ?7 END
             WHERE id = ?1 AND (state = 'sending' OR ?2 = 'accepted')",
        )?
        .execute(params![
            claim.delivery,
            ending.state.name(),
            reason,
            receipt,
            ending.not_before,
            ending.short,
            ending.uncertain,
            accepted
        ])
        .map(drop)
}

/// Gives back what was being sent when the program died: it is sent again, marked as a possible
/// duplicate. Returns how many.
///
/// # Errors
/// As the database.
pub fn recover_interrupted(connection: &Connection, now: i64) -> rusqlite::Result<usize> {
    connection.execute(
        "INSERT INTO attempt (delivery, n, started, ended, outcome, reason, merged_into)
         SELECT id, attempts, tried, ?1, 'interrupted', 'log-monitor stopped during this try', merged_into
         FROM delivery WHERE state = 'sending'",
        [now],
    )?;
    connection.execute(
        "UPDATE delivery SET state = 'waiting', not_before = ?1, uncertain = 1 WHERE state = 'sending'",
        [now],
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::schema;

    #[test]
    fn the_end_of_a_try_whose_delivery_is_lost_stops_nothing() {
        let journal = Connection::open_in_memory().unwrap();
        schema::prepare(&journal).unwrap();
        let claim = Claim {
            delivery: 7,
            n: 1,
            tried: 0,
            message: 7,
            step: 0,
            channel: "soc".to_owned(),
            short: false,
            uncertain: false,
            deadline: 0,
            held: None,
            with: Vec::new(),
            posted: Vec::new(),
            post: None,
        };
        let ending = Ending {
            state: State::Accepted,
            outcome: ACCEPTED,
            reason: "HTTP 200".to_owned(),
            not_before: None,
            short: false,
            uncertain: false,
            receipt: None,
        };
        finish(&journal, &claim, &ending, 0).unwrap();
        let tries: i64 = journal.query_row("SELECT COUNT(*) FROM attempt", [], |row| row.get(0)).unwrap();
        assert_eq!(tries, 0);
    }
}
