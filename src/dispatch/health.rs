//! Whether a channel works: a dead one is told of once, through the others, and once more when it
//! accepts again. One that refuses for good is left alone until then ([`quarantine`]).

use std::collections::BTreeMap;

use log_monitor_channels::{DeliveryError, Event, EventKind, Receipt, Severity};
use rusqlite::Connection;

use super::quarantine;
use crate::config::duration::human;
use crate::journal::channels::{self, Known, Probe, Quarantine};
use crate::journal::deliveries;
use crate::journal::events::time;
use crate::journal::incidents::{self, Subject};
use crate::record::{Change, IncidentChange};

/// A channel that has accepted nothing for this long, in milliseconds, is unhealthy even though it
/// may work at the next try. Shorter troubles are told by the fallbacks that they cause.
const PATIENCE: i64 = 15 * 60_000;

/// Whoever was told of a channel is not told again within this, in milliseconds: one that works now and then
/// would be nothing but messages.
const COOLDOWN: i64 = 24 * 3_600_000;

/// What a tick knows of the channels.
#[derive(Debug, Default)]
pub struct Health {
    known: BTreeMap<String, Known>,
    /// The open incidents, by channel.
    incidents: BTreeMap<String, i64>,
}

/// What the end of a try says of its channel.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Finding {
    /// Nothing new.
    None,
    /// The first failure after it worked.
    BeginsToFail,
    /// It needs somebody, for this reason.
    Unhealthy(&'static str, String),
    /// It accepts again.
    Recovered,
}

impl Health {
    /// What the journal knows.
    ///
    /// # Errors
    /// As the database.
    pub fn read(connection: &Connection) -> rusqlite::Result<Self> {
        Ok(Self {
            known: channels::all(connection)?,
            incidents: incidents::open_of(connection, Subject::Channel)?,
        })
    }

    /// Takes in how a try on `channel` ended. Returns the change to write down, if any.
    ///
    /// # Errors
    /// As the database.
    pub fn learn(
        &mut self,
        connection: &Connection,
        channel: &str,
        result: &Result<Receipt, DeliveryError>,
        now: i64,
    ) -> rusqlite::Result<Option<Change>> {
        if let Err(DeliveryError::PermanentChannel { detail, .. }) = result {
            self.leave_alone(connection, channel, detail, now)?;
        }
        let known = self.known.entry(channel.to_owned()).or_default();
        let unhealthy = self.incidents.contains_key(channel) || known.quarantine.is_some() && result.is_ok();
        match find(result, known.failing_since, unhealthy, now) {
            Finding::None => Ok(None),
            Finding::BeginsToFail => {
                known.failing_since = Some(now);
                channels::set_failing(connection, channel, known.failing_since).map(|()| None)
            }
            Finding::Unhealthy(cause, detail) => self.unhealthy(connection, channel, cause, detail, now),
            Finding::Recovered => {
                let detail = format!("Channel {channel} accepts messages again.");
                self.recovered(connection, channel, detail, now)
            }
        }
    }

    /// It needs somebody: returns the change to write down, unless somebody was told lately.
    fn unhealthy(
        &mut self,
        connection: &Connection,
        channel: &str,
        cause: &str,
        detail: String,
        now: i64,
    ) -> rusqlite::Result<Option<Change>> {
        let last = incidents::last_at(connection, Subject::Channel, channel, "", now)?;
        if last.is_some_and(|last| now - last.opened < COOLDOWN) {
            return Ok(None);
        }
        // Filled in at the next tick; until then it only has to be there.
        self.incidents.insert(channel.to_owned(), 0);
        Ok(Some(change(channel, IncidentChange::Open(Subject::Channel), cause, detail, now)))
    }

    /// What is known of a channel that is left alone.
    #[must_use]
    pub fn quarantine(&self, channel: &str) -> Option<&Quarantine> {
        self.known.get(channel)?.quarantine.as_ref()
    }

    fn leave_alone(
        &mut self,
        connection: &Connection,
        channel: &str,
        detail: &str,
        now: i64,
    ) -> rusqlite::Result<()> {
        let known = self.known.entry(channel.to_owned()).or_default();
        if known.quarantine.is_some() {
            return Ok(());
        }
        let quarantine = Quarantine {
            since: now,
            reason: detail.to_owned(),
            probe_at: now + quarantine::wait(0),
            probes: 0,
            probe: Probe::Unknown,
        };
        channels::quarantine(connection, channel, &quarantine)?;
        known.quarantine = Some(quarantine);
        Ok(())
    }

    /// It works again: notes that. Returns the change to write down, if anybody was told that it did not.
    ///
    /// # Errors
    /// As the database.
    pub fn recovered(
        &mut self,
        connection: &Connection,
        channel: &str,
        detail: String,
        now: i64,
    ) -> rusqlite::Result<Option<Change>> {
        self.known.insert(channel.to_owned(), Known::default());
        channels::set_failing(connection, channel, None)?;
        channels::release(connection, channel)?;
        deliveries::wake_ends(connection, channel, now)?;
        let incident = self.incidents.remove(channel).filter(|incident| *incident != 0);
        Ok(incident.map(|id| change(channel, IncidentChange::Close(id), "accepted", detail, now)))
    }
}

/// The decision. Pure.
fn find(
    result: &Result<Receipt, DeliveryError>,
    failing_since: Option<i64>,
    known_unhealthy: bool,
    now: i64,
) -> Finding {
    match (result, failing_since) {
        // What needed no telling says nothing of what is told.
        (Ok(Receipt { untold: true, .. }), _) => Finding::None,
        (Ok(_), None) if !known_unhealthy => Finding::None,
        (Ok(_), _) => Finding::Recovered,
        (Err(DeliveryError::PermanentMessage { .. }), _) => Finding::None,
        (Err(error @ DeliveryError::PermanentChannel { reason, .. }), _) if !known_unhealthy => {
            Finding::Unhealthy(reason.name(), format!("refuses every message: {error}"))
        }
        (Err(DeliveryError::Transient { .. }), None) => Finding::BeginsToFail,
        (Err(error @ DeliveryError::Transient { reason, .. }), Some(since))
            if !known_unhealthy && now - since >= PATIENCE =>
        {
            let long = human(std::time::Duration::from_millis((now - since).unsigned_abs()));
            Finding::Unhealthy(
                reason.name(),
                format!("has accepted nothing for {long}, last failure: {error}"),
            )
        }
        (Err(_), _) => Finding::None,
    }
}

fn change(channel: &str, incident: IncidentChange, cause: &str, detail: String, now: i64) -> Change {
    let opens = matches!(incident, IncidentChange::Open(_));
    let detail = match opens {
        true => format!(
            "Channel {channel} {detail}. Until that is over, its messages go to the next step of their route."
        ),
        false => detail,
    };
    let event = Event {
        id: 0,
        incident: None,
        part_of: None,
        kind: if opens { EventKind::ChannelUnhealthy } else { EventKind::ChannelRecovered },
        at: time(now),
        severity: if opens { Severity::High } else { Severity::Info },
        scope: channel.to_owned(),
        entity: None,
        since: None,
        back: None,
        arrived_late: None,
        threshold_seconds: None,
        cause: cause.to_owned(),
        detail,
        labels: BTreeMap::new(),
    };
    Change::event(incident, event)
}

#[cfg(test)]
mod tests {
    use super::*;
    use log_monitor_channels::Reason;

    fn accepted() -> Result<Receipt, DeliveryError> {
        Ok(Receipt::default())
    }

    fn down() -> Result<Receipt, DeliveryError> {
        Err(DeliveryError::transient(Reason::Network, "cannot connect"))
    }

    #[test]
    fn a_passing_failure_is_told_after_a_quarter_of_an_hour_and_once() {
        assert_eq!(find(&down(), None, false, 0), Finding::BeginsToFail);
        assert_eq!(find(&down(), Some(0), false, PATIENCE - 1), Finding::None);
        assert!(matches!(find(&down(), Some(0), false, PATIENCE), Finding::Unhealthy("network", _)));
        assert_eq!(find(&down(), Some(0), true, PATIENCE * 9), Finding::None);
    }

    #[test]
    fn a_refusal_is_told_at_once_and_a_refused_message_says_nothing_of_the_channel() {
        let gone = Err(DeliveryError::permanent_channel(Reason::Gone, "HTTP 404"));
        assert!(matches!(find(&gone, None, false, 0), Finding::Unhealthy("gone", _)));
        assert_eq!(find(&gone, None, true, 0), Finding::None);
        let refused = Err(DeliveryError::permanent_message(Reason::Rejected, "HTTP 400"));
        assert_eq!(find(&refused, Some(0), false, PATIENCE), Finding::None);
    }

    #[test]
    fn what_accepts_is_healthy_again() {
        assert_eq!(find(&accepted(), None, false, 0), Finding::None);
        assert_eq!(find(&accepted(), Some(0), false, 0), Finding::Recovered);
        assert_eq!(find(&accepted(), None, true, 0), Finding::Recovered);
        assert_eq!(find(&Ok(Receipt::untold("nothing to resolve")), Some(0), true, 0), Finding::None);
    }
}
