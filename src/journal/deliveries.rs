//! Deliveries (one message on one channel) and their attempts.

use log_monitor_channels::Receipt;
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::waiting::OVER_BUDGET;

/// How long a delivery is tried, in milliseconds.
pub const DEADLINE: i64 = 24 * 3600 * 1000;

/// Where a delivery stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Not tried yet.
    Pending,
    /// A try is under way.
    Sending,
    /// A try failed; there will be another.
    Waiting,
    /// The channel has it.
    Accepted,
    /// It never will.
    Failed,
    /// Overtaken by events.
    Dropped,
}

impl State {
    /// As it stands in the database.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Sending => "sending",
            Self::Waiting => "waiting",
            Self::Accepted => "accepted",
            Self::Failed => "failed",
            Self::Dropped => "dropped",
        }
    }

    fn from_name(name: &str) -> Self {
        [Self::Pending, Self::Sending, Self::Waiting, Self::Accepted, Self::Dropped]
            .into_iter()
            .find(|state| state.name() == name)
            .unwrap_or(Self::Failed)
    }

    /// Whether it may still be accepted.
    #[must_use]
    pub const fn is_live(self) -> bool {
        matches!(self, Self::Pending | Self::Sending | Self::Waiting)
    }
}

/// One delivery as its siblings see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// Its number.
    pub id: i64,
    /// The step of the message that it belongs to.
    pub step: usize,
    /// The channel's name.
    pub channel: String,
    /// Where it stands.
    pub state: State,
    /// Why it waits, failed or was dropped.
    pub reason: Option<String>,
}

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
}

/// Writes the deliveries of a step, but not to a channel that this message is on its way to
/// already (or that has it).
///
/// # Errors
/// As the database.
pub fn insert(
    connection: &Connection,
    message: i64,
    step: usize,
    channels: &[String],
    not_before: i64,
) -> rusqlite::Result<()> {
    let mut statement = connection.prepare_cached(
        "INSERT INTO delivery (message, step, channel, state, not_before, deadline)
         SELECT ?1, ?2, ?3, 'pending', ?4, ?5
         WHERE NOT EXISTS (SELECT 1 FROM delivery WHERE message = ?1 AND channel = ?3)",
    )?;
    for channel in channels {
        statement.execute(params![message, step as i64, channel, not_before, not_before + DEADLINE])?;
    }
    Ok(())
}

/// Claims up to `limit` due deliveries of a channel and marks them as sending, so that after a crash
/// it is known that something may have been sent.
///
/// # Errors
/// As the database.
pub fn claim(connection: &Connection, channel: &str, limit: usize, now: i64) -> rusqlite::Result<Vec<Claim>> {
    let claims: Vec<Claim> = connection
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
    for claim in &claims {
        mark.execute(params![claim.delivery, now, claim.n])?;
    }
    Ok(claims)
}

/// A firing that a channel has accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Alive {
    /// The delivery.
    pub delivery: i64,
    /// Its message.
    pub message: i64,
}

/// The firings that a channel has accepted and of which something goes on; of one that it accepted
/// only as a reminder, the first reminder.
///
/// # Errors
/// As the database.
pub fn alive(connection: &Connection, channel: &str) -> rusqlite::Result<Vec<Alive>> {
    connection
        .prepare_cached(
            "SELECT MIN(delivery.id), delivery.message FROM incident
             JOIN event ON event.incident = incident.id
             JOIN message_event ON message_event.event = event.id
             JOIN message ON message.id = message_event.message AND message.kind IN ('firing', 'reminder')
             JOIN delivery ON delivery.message = message.id AND delivery.channel = ?1
                  AND delivery.state = 'accepted'
             WHERE incident.closed IS NULL GROUP BY COALESCE(message.parent, message.id) ORDER BY 1",
        )?
        .query_map([channel], |row| Ok(Alive { delivery: row.get(0)?, message: row.get(1)? }))?
        .collect()
}

/// Sends a delivery that has failed again, as if it were new. Returns whether there is one.
///
/// # Errors
/// As the database.
pub fn retry(connection: &Connection, id: i64, now: i64) -> rusqlite::Result<bool> {
    let found = connection.execute(
        "UPDATE delivery SET state = 'pending', not_before = ?2, deadline = ?3, reason = NULL
         WHERE id = ?1 AND state = 'failed'",
        params![id, now, now + DEADLINE],
    )?;
    connection.execute(
        "UPDATE message SET outcome = NULL WHERE outcome = 'exhausted'
         AND id = (SELECT message FROM delivery WHERE id = ?1 AND state = 'pending')",
        [id],
    )?;
    Ok(found > 0)
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
    })
}

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
    connection
        .prepare_cached(
            "INSERT INTO attempt (delivery, n, started, ended, outcome, reason, merged_into)
             SELECT ?1, ?2, ?3, ?4, ?5, ?6, merged_into FROM delivery WHERE id = ?1",
        )?
        .execute(params![claim.delivery, claim.n, claim.tried, now, ending.outcome, ending.reason])?;
    let receipt = ending.receipt.as_ref().map(|receipt| serde_json::to_string(receipt).unwrap_or_default());
    let reason = (ending.state != State::Accepted).then_some(&ending.reason);
    connection
        .prepare_cached(
            "UPDATE delivery SET state = ?2, reason = ?3, receipt = ?4,
                    not_before = COALESCE(?5, not_before), short = short OR ?6, uncertain = uncertain OR ?7
             WHERE id = ?1 AND (state = 'sending' OR ?2 = 'accepted')",
        )?
        .execute(params![
            claim.delivery,
            ending.state.name(),
            reason,
            receipt,
            ending.not_before,
            ending.short,
            ending.uncertain
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

/// All deliveries of a message, in order.
///
/// # Errors
/// As the database.
pub fn of_message(connection: &Connection, message: i64) -> rusqlite::Result<Vec<Delivery>> {
    connection
        .prepare_cached(
            "SELECT id, step, channel, state, reason FROM delivery WHERE message = ?1 ORDER BY id",
        )?
        .query_map([message], |row| {
            Ok(Delivery {
                id: row.get(0)?,
                step: row.get::<_, i64>(1)? as usize,
                channel: row.get(2)?,
                state: State::from_name(&row.get::<_, String>(3)?),
                reason: row.get(4)?,
            })
        })?
        .collect()
}

/// The channels that accepted a firing or any of its reminders, and those that may have: a try was cut off,
/// and there will be no other.
///
/// # Errors
/// As the database.
pub fn heard_by(connection: &Connection, firing: i64) -> rusqlite::Result<Vec<String>> {
    connection
        .prepare_cached(
            "SELECT DISTINCT delivery.channel FROM delivery JOIN message ON message.id = delivery.message
             WHERE (message.id = ?1 OR message.id IN (SELECT message FROM reminder_of WHERE firing = ?1))
             AND (delivery.state = 'accepted' OR delivery.uncertain AND delivery.state IN ('dropped', 'failed'))
             ORDER BY delivery.id",
        )?
        .query_map([firing], |row| row.get(0))?
        .collect()
}

/// Whether no channel was tried yet for a message.
///
/// # Errors
/// As the database.
pub fn is_untried(connection: &Connection, message: i64) -> rusqlite::Result<bool> {
    connection
        .prepare_cached("SELECT COALESCE(MAX(attempts), 0) = 0 FROM delivery WHERE message = ?1")?
        .query_row([message], |row| row.get(0))
}

/// What a channel answered to a message.
///
/// # Errors
/// As the database.
pub fn receipt(connection: &Connection, message: i64, channel: &str) -> rusqlite::Result<Option<Receipt>> {
    let text: Option<String> = connection
        .prepare_cached(
            "SELECT receipt FROM delivery WHERE message = ?1 AND channel = ?2 AND state = 'accepted' LIMIT 1",
        )?
        .query_row(params![message, channel], |row| row.get(0))
        .optional()?
        .flatten();
    Ok(text.and_then(|text| serde_json::from_str(&text).ok()))
}

/// The first post by which `channel` was told of an incident: its delivery, and what the channel answered.
///
/// # Errors
/// As the database.
pub fn post_of(
    connection: &Connection,
    incident: i64,
    channel: &str,
) -> rusqlite::Result<Option<(i64, Option<Receipt>)>> {
    connection
        .prepare_cached(
            "SELECT COALESCE(merged_into, delivery.id), receipt FROM event
             JOIN message_event ON message_event.event = event.id
             JOIN message ON message.id = message_event.message AND message.kind IN ('firing', 'reminder')
             JOIN delivery ON delivery.message = message.id AND channel = ?2 AND state = 'accepted'
             WHERE event.incident = ?1 ORDER BY message.kind, delivery.id LIMIT 1",
        )?
        .query_row(params![incident, channel], |row| {
            let receipt: Option<String> = row.get(1)?;
            Ok((row.get(0)?, receipt.and_then(|text| serde_json::from_str(&text).ok())))
        })
        .optional()
}

/// The messages that a delivery was the post of.
///
/// # Errors
/// As the database.
pub fn told_by(connection: &Connection, delivery: i64) -> rusqlite::Result<Vec<i64>> {
    connection
        .prepare_cached("SELECT message FROM delivery WHERE id = ?1 OR merged_into = ?1 ORDER BY message")?
        .query_map([delivery], |row| row.get(0))?
        .collect()
}

/// Drops what is not under way of a message. Returns how many.
///
/// # Errors
/// As the database.
pub fn drop_unsent(connection: &Connection, message: i64, reason: &str) -> rusqlite::Result<usize> {
    connection
        .prepare_cached(
            "UPDATE delivery SET state = 'dropped', reason = ?2
             WHERE message = ?1 AND state IN ('pending', 'waiting')",
        )?
        .execute(params![message, reason])
}

/// The channels that something waits for: from one to the next through the index, however much that
/// is.
///
/// # Errors
/// As the database.
pub fn waiting_channels(connection: &Connection) -> rusqlite::Result<Vec<String>> {
    connection
        .prepare_cached(
            "WITH RECURSIVE waiting (channel) AS (
                 SELECT MIN(channel) FROM delivery WHERE state IN ('pending', 'waiting')
                 UNION ALL
                 SELECT (SELECT MIN(channel) FROM delivery
                         WHERE state IN ('pending', 'waiting') AND delivery.channel > waiting.channel)
                 FROM waiting WHERE channel IS NOT NULL)
             SELECT channel FROM waiting WHERE channel IS NOT NULL",
        )?
        .query_map([], |row| row.get(0))?
        .collect()
}

/// What waits for a channel: the delivery and its message.
///
/// # Errors
/// As the database.
pub fn waiting_for(connection: &Connection, channel: &str) -> rusqlite::Result<Vec<(i64, i64)>> {
    connection
        .prepare_cached(
            "SELECT id, message FROM delivery WHERE channel = ?1 AND state IN ('pending', 'waiting')",
        )?
        .query_map([channel], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect()
}

/// What may be tried on a channel at `now`: the delivery and its message, in their order.
///
/// # Errors
/// As the database.
pub fn due(connection: &Connection, channel: &str, now: i64) -> rusqlite::Result<Vec<(i64, i64)>> {
    connection
        .prepare_cached(
            "SELECT id, message FROM delivery
             WHERE channel = ?1 AND state IN ('pending', 'waiting') AND not_before <= ?2
             ORDER BY not_before, id",
        )?
        .query_map(params![channel, now], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect()
}

/// Ends a delivery that has no try under way.
///
/// # Errors
/// As the database.
pub fn fail(connection: &Connection, delivery: i64, reason: &str) -> rusqlite::Result<()> {
    connection
        .prepare_cached("UPDATE delivery SET state = 'failed', reason = ?2 WHERE id = ?1")?
        .execute(params![delivery, reason])
        .map(drop)
}

/// The earliest time at which a delivery of `channel` may be tried.
///
/// # Errors
/// As the database.
pub fn next_due(connection: &Connection, channel: &str) -> rusqlite::Result<Option<i64>> {
    // Not MIN(): that would look at every row that waits.
    connection
        .prepare_cached(
            "SELECT not_before FROM delivery WHERE channel = ?1 AND state IN ('pending', 'waiting')
             ORDER BY not_before LIMIT 1",
        )?
        .query_row([channel], |row| row.get(0))
        .optional()
}

/// How many deliveries may still be accepted.
///
/// # Errors
/// As the database.
pub fn live(connection: &Connection) -> rusqlite::Result<i64> {
    connection
        .prepare_cached("SELECT COUNT(*) FROM delivery WHERE state IN ('pending', 'waiting', 'sending')")?
        .query_row([], |row| row.get(0))
}
