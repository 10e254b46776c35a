//! What follows from a try or from the passing of time: the next step, a debt, a dead channel.

use std::collections::BTreeMap;

use log_monitor_channels::{DeliveryError, Event, EventKind, MessageKind, Receipt, Severity};
use rusqlite::Connection;

use super::plan;
use super::retry;
use super::steps::{self, Progress};
use crate::config::Route;
use crate::journal::deliveries::{self, Claim, Delivery, State};
use crate::journal::events::time;
use crate::journal::holds;
use crate::journal::incidents::{self, Subject};
use crate::journal::messages::{self, Message};
use crate::record::{self, Change, IncidentChange};

/// A try that has ended.
#[derive(Debug, Clone)]
pub struct Finished {
    /// What was tried.
    pub claim: Claim,
    /// How it ended.
    pub result: Result<Receipt, DeliveryError>,
    /// In 0..1, drawn when it ended: a transaction may run twice, the dice only once.
    pub dice: f64,
}

/// What a transaction found that the world must hear of.
#[derive(Debug, Default)]
pub struct Findings {
    /// Events that were written.
    pub events: Vec<Event>,
    /// Messages that reached nobody.
    pub exhausted: Vec<i64>,
}

/// Closes a try and goes on from there.
///
/// # Errors
/// As the database.
pub fn finish(
    connection: &Connection,
    routes: &[Route],
    finished: &Finished,
    now: i64,
    findings: &mut Findings,
) -> rusqlite::Result<()> {
    let Finished { claim, result, dice } = finished;
    let (mut ending, hold) = retry::ending(claim, result, now, *dice);
    let message = messages::get(connection, claim.message)?;
    let over = ending.state != State::Accepted && is_over(connection, &message)?;
    if over {
        ending.state = State::Dropped;
    }
    deliveries::finish(connection, claim, &ending, now)?;
    if let Some(hold) = hold {
        holds::set(connection, &claim.channel, now + hold.as_millis() as i64)?;
    }
    if ending.state == State::Accepted {
        plan::settle_debt(connection, &message, &claim.channel, now)?;
    }
    let changes = channel_health(connection, &claim.channel, result, now)?;
    findings.events.extend(record::apply(connection, routes, changes, now)?);
    if over {
        return messages::settle(connection, message.id, Some("dropped"));
    }
    advance(connection, message, now, false, findings)
}

/// It ended while a try of it was under way: nobody needs to hear of its beginning any more.
fn is_over(connection: &Connection, message: &Message) -> rusqlite::Result<bool> {
    let begins = matches!(message.kind, MessageKind::Firing | MessageKind::Reminder);
    Ok(begins && messages::incidents(connection, message.id, true)?.is_empty())
}

/// Brings a message to where it should be: settled, waiting, or at a later step.
///
/// # Errors
/// As the database.
pub fn advance(
    connection: &Connection,
    mut message: Message,
    now: i64,
    mut overdue: bool,
    findings: &mut Findings,
) -> rusqlite::Result<()> {
    loop {
        let all = deliveries::of_message(connection, message.id)?;
        let at_step: Vec<State> = all
            .iter()
            .filter(|delivery| delivery.step == message.step)
            .map(|delivery| delivery.state)
            .collect();
        match steps::judge(message.steps[message.step].need, &at_step, overdue) {
            Progress::Accepted => return messages::settle(connection, message.id, Some("accepted")),
            Progress::Wait => return Ok(()),
            Progress::Next if message.step + 1 < message.steps.len() => {
                message.step += 1;
                overdue = false;
                messages::start_step(connection, &message, message.step, now)?;
            }
            Progress::Next => return last_step_failed(connection, &message, &all, findings),
        }
    }
}

/// Earlier steps may still be at it; only when nothing is left has the message reached nobody.
fn last_step_failed(
    connection: &Connection,
    message: &Message,
    deliveries: &[Delivery],
    findings: &mut Findings,
) -> rusqlite::Result<()> {
    let any = |test: fn(State) -> bool| deliveries.iter().any(|delivery| test(delivery.state));
    if any(|state| state == State::Accepted) {
        messages::settle(connection, message.id, Some("accepted"))
    } else if any(State::is_live) {
        messages::settle(connection, message.id, None)
    } else if any(|state| state == State::Failed) {
        findings.exhausted.push(message.id);
        messages::settle(connection, message.id, Some("exhausted"))
    } else {
        messages::settle(connection, message.id, Some("dropped"))
    }
}

/// A channel that refuses for good is told of once, and once more when it accepts again.
fn channel_health(
    connection: &Connection,
    channel: &str,
    result: &Result<Receipt, DeliveryError>,
    now: i64,
) -> rusqlite::Result<Vec<Change>> {
    let open = incidents::open_for(connection, Subject::Channel, channel)?;
    let event = |kind, severity, cause: &str, detail| Event {
        id: 0,
        incident: None,
        kind,
        at: time(now),
        severity,
        scope: channel.to_owned(),
        entity: None,
        since: None,
        threshold_seconds: None,
        cause: cause.to_owned(),
        detail,
        labels: BTreeMap::new(),
    };
    Ok(match (result, open) {
        (Err(error @ DeliveryError::PermanentChannel { reason, .. }), None) => {
            let detail = format!(
                "Channel {channel} refuses every message: {error}. Until somebody repairs it, its messages go to the next step of their route."
            );
            let event = event(EventKind::ChannelUnhealthy, Severity::High, reason.name(), detail);
            vec![Change::event(IncidentChange::Open(Subject::Channel), event)]
        }
        (Ok(_), Some(incident)) => {
            let detail = format!("Channel {channel} accepts messages again.");
            let event = event(EventKind::ChannelRecovered, Severity::Info, "accepted", detail);
            vec![Change::event(IncidentChange::Close(incident), event)]
        }
        _ => Vec::new(),
    })
}

/// Deliveries for a channel that is no longer configured go to the catch-all instead.
///
/// # Errors
/// As the database.
pub fn adopt_orphans(
    connection: &Connection,
    routes: &[Route],
    channels: &[String],
    now: i64,
    findings: &mut Findings,
) -> rusqlite::Result<()> {
    let Some(catch_all) = routes.last() else { return Ok(()) };
    for (delivery, message, channel) in deliveries::orphans(connection, channels)? {
        deliveries::fail(connection, delivery, &format!("channel {channel} is no longer configured"))?;
        let message = messages::get(connection, message)?;
        deliveries::insert(connection, message.id, message.step, &catch_all.steps[0].to, now)?;
        advance(connection, message, now, false, findings)?;
    }
    Ok(())
}
