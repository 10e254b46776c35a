//! What waits for a channel that has a budget: what of it can be one try, and what has to wait on.

use log_monitor_channels::{EventKind, MessageKind};
use rusqlite::{Connection, Row, params};

use super::deliveries::{Claim, accepted_by, posted, read_claim};

/// How the reason of a delivery begins that waits for its channel's budget.
pub const OVER_BUDGET: &str = "over budget";

/// What follows it where a try has failed before.
const AFTER: &str = ", after: ";

/// The most that is looked at in one go; the rest is still there at the next.
const MOST: i64 = 5000;

/// A delivery whose turn it could be.
#[derive(Debug, Clone, PartialEq)]
pub struct Waiting {
    /// It, should its turn come.
    pub claim: Claim,
    /// When it may be tried, in milliseconds.
    pub not_before: i64,
    /// It cannot wait: an end, or something severe.
    pub urgent: bool,
    /// Why it waits.
    reason: Option<String>,
    sort: Sort,
}

/// What can be one message.
#[derive(Debug, Clone, PartialEq)]
struct Sort {
    route: String,
    kind: MessageKind,
    topic: EventKind,
    /// The delivery of the post that it answers, where that matters.
    answers: Option<i64>,
    /// What it was tried with, where the vendor may have it or some of its posts: that must be sent again as it was.
    again: Option<i64>,
}

impl Waiting {
    /// Whether the two can be one message.
    #[must_use]
    pub fn goes_with(&self, other: &Self) -> bool {
        self.sort == other.sort && !self.claim.short && !other.claim.short
    }

    /// Whether it must be sent with whatever it was sent with before.
    #[must_use]
    pub const fn goes_again(&self) -> bool {
        self.sort.again.is_some()
    }
}

/// When the tries of a channel after `since` began, the newest first. What was sent together is one.
/// What seems to be of later than `now` was tried before our clock was set back.
///
/// # Errors
/// As the database.
pub fn tries(connection: &Connection, channel: &str, since: i64, now: i64) -> rusqlite::Result<Vec<i64>> {
    // No delivery has a try that is newer than its last.
    connection
        .prepare_cached(
            "SELECT attempt.started FROM delivery JOIN attempt ON attempt.delivery = delivery.id
             WHERE delivery.channel = ?1 AND delivery.tried > ?2 AND attempt.started > ?2
             AND attempt.started <= ?3 AND attempt.merged_into IS NULL
             UNION ALL SELECT tried FROM delivery
             WHERE channel = ?1 AND tried > ?2 AND tried <= ?3 AND state = 'sending' AND merged_into IS NULL
             ORDER BY 1 DESC",
        )?
        .query_map(params![channel, since, now], |row| row.get(0))?
        .collect()
}

/// What could be tried at `now`, in the order of its turn: what is due, and what waits for the budget.
/// `by_post` where what answers two posts cannot be one message.
///
/// # Errors
/// As the database.
pub fn of_channel(
    connection: &Connection,
    channel: &str,
    by_post: bool,
    now: i64,
) -> rusqlite::Result<Vec<Waiting>> {
    connection
        .prepare_cached(
            "SELECT delivery.id, message, delivery.step, channel, attempts + 1, short, uncertain, deadline, reason,
                    not_before, merged_into, route, kind, topic,
                    CASE WHEN ?3 THEN (SELECT COALESCE(told.merged_into, told.id) FROM delivery AS told
                        WHERE told.message = parent AND told.channel = ?1 AND told.state = 'accepted') END AS answers,
                    kind = 'resolved' OR EXISTS (
                        SELECT 1 FROM message_event JOIN event ON event.id = message_event.event
                        WHERE message_event.message = message.id AND json_valid(body)
                        AND json_extract(body, '$.severity') IN ('high', 'critical')) AS urgent
             FROM delivery JOIN message ON message.id = delivery.message
             WHERE channel = ?1 AND state IN ('pending', 'waiting')
             AND (not_before <= ?2 OR reason LIKE 'over budget%')
             ORDER BY urgent DESC, not_before, delivery.id LIMIT ?4",
        )?
        .query_map(params![channel, now, by_post, MOST], |row| read(connection, row, now))?
        .collect()
}

fn read(connection: &Connection, row: &Row<'_>, now: i64) -> rusqlite::Result<Waiting> {
    let mut claim = read_claim(row, now)?;
    claim.posted = posted(connection, &claim)?;
    let (kind, topic): (String, String) = (row.get("kind")?, row.get("topic")?);
    let before: Option<i64> = row.get("merged_into")?;
    // Also who is told by itself what others have accepted.
    let alone = claim.uncertain
        || !claim.posted.is_empty()
        || accepted_by(connection, claim.message, &claim.channel)?.is_some();
    Ok(Waiting {
        not_before: row.get("not_before")?,
        urgent: row.get("urgent")?,
        reason: row.get("reason")?,
        sort: Sort {
            route: row.get("route")?,
            kind: MessageKind::from_name(&kind).unwrap_or(MessageKind::Notice),
            topic: EventKind::from_name(&topic).unwrap_or(EventKind::SetupFailed),
            answers: row.get("answers")?,
            again: alone.then(|| before.unwrap_or(claim.delivery)),
        },
        claim,
    })
}

/// Claims deliveries for one try, as that of the oldest of them.
///
/// # Errors
/// As the database.
pub fn claim(connection: &Connection, mut together: Vec<Waiting>, now: i64) -> rusqlite::Result<Claim> {
    // The same one again after a crash, since the key that the vendor knows hangs on it.
    together.sort_by_key(|one| one.claim.delivery);
    let mut claims = together.into_iter().map(|one| one.claim);
    let mut first = claims.next().ok_or(rusqlite::Error::QueryReturnedNoRows)?;
    first.with = claims.collect();
    let mut mark = connection.prepare_cached(
        "UPDATE delivery SET state = 'sending', tried = ?2, attempts = ?3, merged_into = ?4 WHERE id = ?1",
    )?;
    mark.execute(params![first.delivery, now, first.n, None::<i64>])?;
    for claim in &first.with {
        mark.execute(params![claim.delivery, now, claim.n, first.delivery])?;
    }
    Ok(first)
}

/// Holds a delivery back for its channel's budget. That it waits does not count towards its deadline, nor
/// towards its fallback unless it cannot wait, has failed already, or another channel of its step is tried.
///
/// # Errors
/// As the database.
pub fn defer(connection: &Connection, one: &Waiting, until: i64, budget: &str) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "UPDATE delivery SET not_before = ?2, deadline = deadline + ?2 - not_before, reason = ?3 WHERE id = ?1",
        )?
        .execute(params![one.claim.delivery, until, over_budget(one, budget)])?;
    let has_failed = one.claim.n > 1 && one.claim.posted.is_empty();
    if one.urgent || has_failed {
        return Ok(());
    }
    connection
        .prepare_cached(
            "UPDATE message SET fallback_at = fallback_at + ?2 WHERE id = ?1 AND NOT EXISTS (
                 SELECT 1 FROM delivery WHERE message = ?1 AND step = message.step
                 AND state IN ('pending', 'sending', 'waiting') AND COALESCE(reason, '') NOT LIKE 'over budget%')",
        )?
        .execute(params![one.claim.message, until - one.not_before])
        .map(drop)
}

/// Why it waits, and how its last try failed.
fn over_budget(one: &Waiting, budget: &str) -> String {
    let reason = one.reason.as_deref().unwrap_or_default();
    let failed = if reason.starts_with(OVER_BUDGET) {
        reason.split_once(AFTER).map(|(_, failed)| failed)
    } else {
        Some(reason)
    };
    match failed.filter(|failed| !failed.is_empty()) {
        Some(failed) => format!("{OVER_BUDGET} ({budget}){AFTER}{failed}"),
        None => format!("{OVER_BUDGET} ({budget})"),
    }
}
