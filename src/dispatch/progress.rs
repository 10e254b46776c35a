//! What follows from a try or from the passing of time: another try, the next step, a debt.

use log_monitor_channels::{DeliveryError, Event, MessageKind, Receipt};
use rusqlite::Connection;

use super::ends;
use super::escalation;
use super::health::Health;
use super::retry;
use super::steps::{self, Progress};
use crate::config::{Need, Route};
use crate::crash;
use crate::journal::deliveries::{self, Claim, Delivery, State};
use crate::journal::messages::{self, Message};
use crate::journal::{channels, events, lost};
use crate::record;

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

impl Finished {
    /// The same for each delivery that the try was for.
    #[must_use]
    pub fn each(&self) -> Vec<Self> {
        // The rest of what they were told in common is told once.
        let result = self.result.clone().map(|receipt| Receipt { rest: false, ..receipt });
        let others = self.claim.with.iter();
        let others =
            others.map(|claim| Self { claim: claim.clone(), result: result.clone(), ..self.clone() });
        std::iter::once(self.clone()).chain(others).collect()
    }
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
    health: &mut Health,
    finished: &Finished,
    now: i64,
    findings: &mut Findings,
) -> rusqlite::Result<()> {
    let Finished { claim, result, dice } = finished;
    let message = messages::get(connection, claim.message)?;
    let owed = message.kind == MessageKind::Resolved;
    let (mut ending, hold) = retry::ending(claim, result, owed, now, *dice);
    let ended = is_over(connection, &message)?;
    let of_rest = deliveries::receipt(connection, claim.message, &claim.channel)?.is_some();
    if result.as_ref().is_ok_and(|receipt| receipt.rest) && !ended {
        deliveries::insert_rest(connection, claim, now)?;
    }
    let over = ended && ending.state != State::Accepted;
    if over {
        ending.state = State::Dropped;
    }
    deliveries::finish(connection, claim, &ending, now)?;
    crash::point("receiving");
    if let Some(hold) = hold {
        channels::hold(connection, &claim.channel, now + hold.as_millis() as i64)?;
    }
    if result.as_ref().is_ok_and(|receipt| !receipt.untold) {
        lost::said(connection, claim.delivery)?;
    }
    if !ending.state.is_live() {
        ends::settle_debt(connection, &message, &claim.channel, now)?;
    }
    // Whom a channel does not reach beside those whom it has reached says nothing of the channel.
    let learnt = match of_rest && result.is_err() {
        true => None,
        false => health.learn(connection, &claim.channel, result, now)?,
    };
    if let Some(change) = learnt {
        findings.events.extend(record::apply(connection, routes, vec![change], now)?);
    }
    if over {
        return messages::settle(connection, message.id, Some("dropped"));
    }
    advance(connection, message, now, false, findings)
}

/// It ended while a try of it was under way: nobody needs to hear of its beginning any more. But a night's news is
/// told all the same.
fn is_over(connection: &Connection, message: &Message) -> rusqlite::Result<bool> {
    let begins = matches!(message.kind, MessageKind::Firing | MessageKind::Reminder);
    if !(begins && message.ended && messages::incidents(connection, message.id, true)?.is_empty()) {
        return Ok(false);
    }
    let told = events::of_message(connection, message.id)?;
    Ok(!told.iter().any(|event| event.kind.closes()))
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
        let at_step = at_step(&all, message.step);
        let need = message.steps.get(message.step).map_or(Need::Any, |step| step.need);
        match steps::judge(need, &at_step, overdue) {
            Progress::Accepted => return messages::settle(connection, message.id, Some("accepted")),
            Progress::Wait => return Ok(()),
            Progress::Next if message.step + 1 < message.steps.len() => {
                message.step += 1;
                overdue = false;
                messages::start_step(connection, &message, message.step, now)?;
            }
            Progress::Next => return last_step_failed(connection, &message, &all, now, findings),
        }
    }
}

/// Whether the channels of its step have accepted a message, whatever else is still tried.
///
/// # Errors
/// As the database.
pub fn is_reached(connection: &Connection, message: &Message) -> rusqlite::Result<bool> {
    let need = message.steps.get(message.step).map_or(Need::Any, |step| step.need);
    let all = deliveries::of_message(connection, message.id)?;
    Ok(steps::judge(need, &at_step(&all, message.step), false) == Progress::Accepted)
}

/// The states of a step's channels. What a channel has accepted for some counts as accepted, whatever becomes
/// of the rest.
fn at_step(all: &[Delivery], step: usize) -> Vec<State> {
    let all = all.iter().filter(|delivery| delivery.step == step);
    let is_rest = |one: &Delivery| {
        let mut others = all.clone().filter(|other| other.channel == one.channel && other.id < one.id);
        others.any(|other| other.state == State::Accepted)
    };
    all.clone().filter(|one| !is_rest(one)).map(|one| one.state).collect()
}

/// Earlier steps may still be at it; only when nothing is left has the message reached nobody.
fn last_step_failed(
    connection: &Connection,
    message: &Message,
    deliveries: &[Delivery],
    now: i64,
    findings: &mut Findings,
) -> rusqlite::Result<()> {
    let any = |test: fn(State) -> bool| deliveries.iter().any(|delivery| test(delivery.state));
    if any(|state| state == State::Accepted) {
        messages::settle(connection, message.id, Some("accepted"))
    } else if any(State::is_live) {
        messages::settle(connection, message.id, None)
    } else if any(|state| state == State::Failed) {
        messages::settle(connection, message.id, Some("exhausted"))?;
        if !escalation::hurry(connection, message, now)? {
            findings.exhausted.push(message.id);
        }
        Ok(())
    } else {
        messages::settle(connection, message.id, Some("dropped"))
    }
}
