//! One transaction of the dispatcher: what ended is closed, what is due is written, what can be
//! sent is claimed. Everything it decides it reads from the journal, so a lost hint costs time and
//! never a message.

use std::collections::BTreeMap;

use log_monitor_channels::{Event, Notification};
use rusqlite::Connection;

use super::adopt;
use super::budget::{self, Limits};
use super::compose::{self, Composer};
use super::escalation;
use super::health::Health;
use super::hold::{self, Seen};
use super::progress::{self, Findings, Finished};
use super::quarantine::{self, Probed};
use super::reminders;
use crate::crash;
use crate::journal::deliveries::{self, Claim};
use crate::journal::{channels, lost, messages};

/// What a tick is given.
#[derive(Debug, Clone)]
pub struct Input {
    /// Tries that have ended.
    pub finished: Vec<Finished>,
    /// Every configured channel, and how many more tries it may have under way.
    pub free: Vec<(String, usize)>,
    /// Probes that have ended.
    pub probed: Vec<Probed>,
    /// The channels may not be what they were: this is a start or a reload.
    pub anew: bool,
    /// What an earlier tick has seen of silences and acknowledgements.
    pub seen: Seen,
    /// What each of them may be sent, and how.
    pub limits: BTreeMap<String, Limits>,
    /// Now, in milliseconds.
    pub now: i64,
    /// How messages are put into words, and the routes in force.
    pub composer: Composer,
}

/// What a tick found.
#[derive(Debug, Default)]
pub struct Output {
    /// What to send now.
    pub claims: Vec<(Claim, Vec<Notification>)>,
    /// The channels to probe now.
    pub probes: Vec<String>,
    /// Events that were written.
    pub events: Vec<Event>,
    /// Messages that reached nobody, in words.
    pub undelivered: Vec<Notification>,
    /// How many those were.
    pub exhausted: i64,
    /// When there is something to do again, in milliseconds.
    pub wake_at: Option<i64>,
    /// What this tick has seen of silences and acknowledgements.
    pub seen: Seen,
}

/// Runs a tick.
///
/// # Errors
/// As the database.
pub fn run(connection: &Connection, input: &Input) -> rusqlite::Result<Output> {
    let routes = &*input.composer.routes;
    let mut findings = Findings::default();
    finish(connection, input, &mut findings)?;
    adopt::all(connection, input, &mut findings)?;
    for due in messages::fallbacks_due(connection, input.now)? {
        progress::advance(connection, messages::get(connection, due)?, input.now, true, &mut findings)?;
    }
    findings.events.extend(reminders::write_due(connection, routes, input.now)?);
    escalation::write_due(connection, routes, input.now)?;
    // Also what was written just now.
    adopt::all(connection, input, &mut findings)?;
    let seen = hold::look_again(connection, routes, input.seen, input.now)?;
    let probes = quarantine::pass_over(connection, input, &mut findings)?;
    let (claims, wake_at) = claim(connection, input)?;
    let compose = |id: &i64| compose::undelivered(connection, &input.composer, *id, None);
    Ok(Output {
        claims,
        probes,
        wake_at: [wake_at, messages::next_timer(connection)?].into_iter().flatten().min(),
        exhausted: findings.exhausted.len() as i64,
        undelivered: findings.exhausted.iter().map(compose).collect::<rusqlite::Result<_>>()?,
        events: findings.events,
        seen,
    })
}

fn finish(connection: &Connection, input: &Input, findings: &mut Findings) -> rusqlite::Result<()> {
    if input.finished.is_empty() && input.probed.is_empty() {
        return Ok(());
    }
    let mut health = Health::read(connection)?;
    let routes = &*input.composer.routes;
    input.finished.iter().flat_map(Finished::each).try_for_each(|ended| {
        progress::finish(connection, routes, &mut health, &ended, input.now, findings)
    })?;
    quarantine::learn(connection, &mut health, input, findings)
}

/// A claimed delivery with the words for it.
type Ready = (Claim, Vec<Notification>);

/// Claims what every channel has room for; also when the next delivery will be due.
fn claim(connection: &Connection, input: &Input) -> rusqlite::Result<(Vec<Ready>, Option<i64>)> {
    let known = channels::all(connection)?;
    let lost = lost::any(connection)?;
    let (mut ready, mut wake_at) = (Vec::new(), None::<i64>);
    for (channel, free) in input.free.iter().filter(|(_, free)| *free > 0) {
        let held_until = known.get(channel).and_then(|known| known.held_until).filter(|at| *at > input.now);
        if held_until.is_none() {
            let limits = input.limits.get(channel).cloned().unwrap_or_default();
            for mut claim in budget::claim(connection, channel, &limits, *free, input.now)? {
                if lost && claim.posted.is_empty() {
                    lost::say(connection, claim.delivery)?;
                }
                let mut notifications = compose::delivery(connection, &input.composer, &limits, &claim)?;
                budget::one_by_one(&limits, &mut claim, &mut notifications);
                crash::point("claiming");
                ready.push((claim, notifications));
            }
        }
        let due = deliveries::next_due(connection, channel)?.map(|due| due.max(held_until.unwrap_or(due)));
        wake_at = [wake_at, due].into_iter().flatten().min();
    }
    Ok((ready, wake_at))
}
