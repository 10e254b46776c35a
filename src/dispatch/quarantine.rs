//! A channel that refused for good is left alone: what is for it goes to the next step at once. From
//! time to time it is probed, and a message is tried on it, as is what somebody asks for; one that it accepts
//! brings it back.
//!
//! A probe that is good brings it back only if an earlier one was not: otherwise it says nothing of why
//! messages are refused, or the kind has none.

use std::sync::Arc;

use log_monitor_channels::{DeliveryError, MessageKind};
use rusqlite::Connection;
use tokio::task::JoinSet;

use super::channel::Channel;
use super::ends;
use super::escalation;
use super::health::Health;
use super::progress::{self, Findings};
use super::tick::Input;
use crate::journal::channels::{self, Probe, Quarantine};
use crate::journal::messages::{self, Message};
use crate::journal::{deliveries, events};
use crate::record;

/// From the refusal to the first probe, in milliseconds; each wait is twice the one before …
const FIRST: i64 = 60_000;

/// … up to this.
const LONGEST: i64 = 15 * 60_000;

/// How a probe of a channel ended.
pub type Probed = (String, Result<(), DeliveryError>);

/// Probes under way, and what came of those that have ended.
#[derive(Default)]
pub struct Probes {
    under_way: JoinSet<Probed>,
    ended: Vec<Probed>,
}

impl Probes {
    /// Starts one.
    pub fn start(&mut self, channel: Arc<Channel>, name: String) {
        self.under_way.spawn(async move {
            let result = channel.probe().await;
            (name, result)
        });
    }

    /// Waits until one ends; for ever, if none is under way.
    pub async fn end(&mut self) {
        match self.under_way.join_next().await {
            None => std::future::pending().await,
            Some(ended) => self.ended.extend(ended),
        }
    }

    /// Whether any is under way, or not taken.
    #[must_use]
    pub fn under_way(&self) -> bool {
        !self.under_way.is_empty() || !self.ended.is_empty()
    }

    /// What came of them.
    pub fn take(&mut self) -> Vec<Probed> {
        std::mem::take(&mut self.ended)
    }
}

/// The wait after so many probes, in milliseconds.
#[must_use]
pub fn wait(probes: u32) -> i64 {
    (FIRST << probes.min(16)).min(LONGEST)
}

/// Takes in how probes ended.
///
/// # Errors
/// As the database.
pub fn learn(
    connection: &Connection,
    health: &mut Health,
    input: &Input,
    findings: &mut Findings,
) -> rusqlite::Result<()> {
    for (channel, result) in &input.probed {
        let Some(quarantine) = health.quarantine(channel) else { continue };
        let change = match (result, quarantine.probe) {
            (Ok(()), Probe::Failed) => {
                let detail = format!("Channel {channel} can be reached again.");
                health.recovered(connection, channel, detail, input.now)?
            }
            (Ok(()), _) => {
                channels::set_probe(connection, channel, Probe::Good)?;
                None
            }
            (Err(error @ DeliveryError::PermanentChannel { .. }), _) => {
                channels::set_probe(connection, channel, Probe::Failed)?;
                // Perhaps nobody was told of it yet, since it had worked for a while.
                health.learn(connection, channel, &Err(error.clone()), input.now)?
            }
            (Err(_), _) => None,
        };
        if let Some(change) = change {
            let routes = &input.composer.routes;
            findings.events.extend(record::apply(connection, routes, vec![change], input.now)?);
        }
    }
    Ok(())
}

/// Sends what is due on channels in quarantine to the next step. Returns the channels to probe now.
///
/// # Errors
/// As the database.
pub fn pass_over(
    connection: &Connection,
    input: &Input,
    findings: &mut Findings,
) -> rusqlite::Result<Vec<String>> {
    if input.anew {
        channels::probe_all(connection, input.now)?;
    }
    let known = channels::all(connection)?;
    let quarantined = |name: &str| known.get(name).and_then(|known| known.quarantine.as_ref());
    let works = |name: &str| input.free.iter().any(|(one, _)| one == name) && quarantined(name).is_none();
    let mut probes = Vec::new();
    for (channel, _) in input.free.iter().filter(|(_, free)| *free > 0) {
        let Some(quarantine) = quarantined(channel) else { continue };
        if quarantine.probe_at <= input.now {
            channels::probed(connection, channel, input.now + wait(quarantine.probes))?;
            probes.push(channel.clone());
        }
        let mut due = deliveries::due(connection, channel, input.now)?;
        if quarantine.probe == Probe::Good && !due.is_empty() {
            // This one shows whether the channel works.
            due.remove(0);
            channels::set_probe(connection, channel, Probe::Unknown)?;
        }
        for (delivery, message) in due {
            if deliveries::is_asked_for(connection, delivery)? {
                continue;
            }
            let message = messages::get(connection, message)?;
            if has_another_way(connection, &message, channel, works)? {
                deliveries::fail(connection, delivery, &left_alone(quarantine))?;
                // It may have taken it before.
                ends::settle_debt(connection, &message, channel, input.now)?;
                progress::advance(connection, message, input.now, false, findings)?;
            }
        }
    }
    Ok(probes)
}

/// Whether somebody else may get it. The end of what a channel was told is for that channel only.
fn has_another_way(
    connection: &Connection,
    message: &Message,
    channel: &str,
    works: impl Fn(&str) -> bool,
) -> rusqlite::Result<bool> {
    if message.kind == MessageKind::Resolved {
        return Ok(false);
    }
    let further = escalation::hurried(connection, message)?;
    let mut later = message.steps.iter().skip(message.step + 1).chain(&further);
    if later.any(|step| step.to.iter().any(|name| works(name))) {
        return Ok(true);
    }
    let siblings = deliveries::of_message(connection, message.id)?;
    Ok(siblings.iter().any(|sibling| {
        sibling.channel != channel
            && (sibling.state == deliveries::State::Accepted
                || sibling.state.is_live() && works(&sibling.channel))
    }))
}

fn left_alone(quarantine: &Quarantine) -> String {
    let since = crate::clock::written(events::time(quarantine.since));
    format!("{}; it is left alone since {since}", quarantine.reason)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn probes_come_further_apart() {
        let minutes: Vec<i64> = [0, 1, 2, 3, 4, 5, 60, 200].map(|probes| wait(probes) / 60_000).into();
        assert_eq!(minutes, [1, 2, 4, 8, 15, 15, 15, 15]);
    }
}
