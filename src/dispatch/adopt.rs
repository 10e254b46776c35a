//! What becomes of messages whose channel is no longer configured: the catch-all is their next step, so that
//! they say why they come that way, and fall back like any other.

use rusqlite::Connection;

use super::progress::{self, Findings};
use super::tick::Input;
use crate::config::{Route, Step};
use crate::journal::deliveries;
use crate::journal::messages::{self, Message};

/// Gives what waits for channels that are gone to the catch-all.
///
/// # Errors
/// As the database.
pub fn all(connection: &Connection, input: &Input, findings: &mut Findings) -> rusqlite::Result<()> {
    let is_gone = |channel: &String| !input.free.iter().any(|(known, _)| known == channel);
    let waiting = deliveries::waiting_channels(connection)?;
    waiting
        .into_iter()
        .filter(is_gone)
        .try_for_each(|channel| adopt(connection, &input.composer.routes, &channel, input.now, findings))
}

fn adopt(
    connection: &Connection,
    routes: &[Route],
    channel: &str,
    now: i64,
    findings: &mut Findings,
) -> rusqlite::Result<()> {
    let Some(catch_all) = routes.last() else { return Ok(()) };
    let (chain, _) = Step::chain(&catch_all.steps);
    for (delivery, message) in deliveries::waiting_for(connection, channel)? {
        deliveries::fail(connection, delivery, &format!("channel {channel} is no longer configured"))?;
        let mut message = messages::get(connection, message)?;
        if !progress::is_reached(connection, &message)? && !has_each(connection, &message, &chain[0].to)? {
            go_on_with(connection, &mut message, chain, now)?;
        }
        progress::advance(connection, message, now, false, findings)?;
    }
    Ok(())
}

/// Whether a message is on its way to all of these already, or was.
fn has_each(connection: &Connection, message: &Message, channels: &[String]) -> rusqlite::Result<bool> {
    let known = deliveries::of_message(connection, message.id)?;
    Ok(channels.iter().all(|name| known.iter().any(|delivery| delivery.channel == *name)))
}

/// Starts `chain` as the next steps of a message, before its own.
fn go_on_with(
    connection: &Connection,
    message: &mut Message,
    chain: &[Step],
    now: i64,
) -> rusqlite::Result<()> {
    let next = (message.step + 1).min(message.steps.len());
    if !message.steps[next..].starts_with(chain) {
        message.steps.splice(next..next, chain.iter().cloned());
        messages::set_steps(connection, message.id, &message.steps)?;
    }
    message.step = next;
    // What is held back waits on.
    messages::start_step(connection, message, next, now.max(message.send_at))
}
