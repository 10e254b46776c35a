//! What keeps a message from going out now, in one place and one order: a silence, an
//! acknowledgement, quiet hours. (A stalled pipeline, a dependency and maintenance come before them,
//! and are the monitor's: what they explain is part of another incident, or no silence at all. A
//! route's budget comes after them: see [`plan`](super::plan).)
//!
//! Only messages are held back. What happened is in the journal, with the reason, and the end of
//! what was told passes always.

use chrono::DateTime;
use log_monitor_channels::Event;
use rusqlite::Connection;

use super::router::Facts;
use crate::clock::written;
use crate::config::Route;
use crate::config::matcher::Matcher;
use crate::journal::acks::{self, Ack};
use crate::journal::messages::Held;
use crate::journal::silences::{self, Silence};

/// Why something waits, and until when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hold {
    /// In milliseconds.
    pub until: i64,
    /// Why, for people: `silence 3 by alice until …: patching`.
    pub held: Held,
}

impl Hold {
    const fn new(until: i64, reason: String, silence: Option<i64>) -> Self {
        Self { until, held: Held { reason, silence } }
    }
}

/// What can hold something back at one moment.
pub struct Suppression {
    silences: Vec<(Silence, Matcher)>,
    now: i64,
}

impl Suppression {
    /// What holds at `now`, in milliseconds.
    ///
    /// # Errors
    /// As the database.
    pub fn read(connection: &Connection, now: i64) -> rusqlite::Result<Self> {
        let matcher = |silence: Silence| {
            let conditions: Option<Matcher> = silence.matchers.iter().map(|text| text.parse().ok()).collect();
            // One that cannot be understood, or is for nothing in particular, holds nothing back.
            conditions.filter(|matcher| !matcher.is_empty()).map(|matcher| (silence, matcher))
        };
        let silences = silences::in_force(connection, now)?.into_iter().filter_map(matcher).collect();
        Ok(Self { silences, now })
    }

    /// What held at `at`, in milliseconds, by the silences that there were then.
    ///
    /// # Errors
    /// As the database.
    pub fn of_the_past(connection: &Connection, at: i64) -> rusqlite::Result<Self> {
        let mut held = Self::read(connection, at)?;
        held.silences.retain(|(silence, _)| silence.created <= at);
        Ok(held)
    }

    /// Nothing but what a route itself says.
    #[must_use]
    pub const fn none(now: i64) -> Self {
        Self { silences: Vec::new(), now }
    }

    /// What holds back the news of `event` on `route`.
    #[must_use]
    pub fn of(&self, event: &Event, route: &Route) -> Option<Hold> {
        self.silence(event).or_else(|| quiet_hours(event, route, self.now))
    }

    /// What holds it back, one after the other: a silence may end in quiet hours.
    #[must_use]
    pub fn each_of(&self, event: &Event, route: &Route) -> Vec<Hold> {
        let first = self.of(event, route);
        let ended = first.as_ref().filter(|hold| hold.held.silence.is_some());
        let then = ended.and_then(|silence| quiet_hours(event, route, silence.until));
        first.into_iter().chain(then).collect()
    }

    /// The silence that holds `event` back the longest.
    #[must_use]
    pub fn silence(&self, event: &Event) -> Option<Hold> {
        // Nearly always there is none.
        self.silences.first()?;
        let facts = Facts::of(event);
        let (silence, _) = self.silences.iter().find(|(_, matcher)| facts.satisfy(matcher))?;
        Some(Hold::new(silence.until, silence.said(), Some(silence.id)))
    }

    /// What holds back the news of `event` on its route; where that is gone, a silence only.
    #[must_use]
    pub fn on(&self, event: &Event, route: Option<&Route>) -> Option<Hold> {
        route.map_or_else(|| self.silence(event), |route| self.of(event, route))
    }

    /// What keeps anybody from being reminded of `event`, which goes on: somebody takes care of it, or its news
    /// would be held back.
    ///
    /// # Errors
    /// As the database.
    pub fn of_reminder(
        &self,
        connection: &Connection,
        event: &Event,
        route: Option<&Route>,
    ) -> rusqlite::Result<Option<Hold>> {
        let ack = event.incident.map(|incident| acks::of(connection, incident, self.now)).transpose()?;
        let ack = ack.flatten().filter(|ack| ack.covers(event.at.timestamp_millis(), event.severity));
        let ack = ack.map(|ack| Hold::new(ack.until, taken_care_of(&ack), None));
        Ok(self.on(event, route).into_iter().chain(ack).max_by_key(|hold| hold.until))
    }
}

fn quiet_hours(event: &Event, route: &Route, at: i64) -> Option<Hold> {
    let until = route.quiet.as_ref()?.until(event.severity, at)?;
    Some(Hold::new(until, format!("quiet hours until {}", said(until)), None))
}

/// How an acknowledgement holds something back, for people.
#[must_use]
pub fn taken_care_of(ack: &Ack) -> String {
    format!("acknowledged by {} until {}", ack.author, said(ack.until))
}

fn said(at: i64) -> String {
    DateTime::from_timestamp_millis(at).map_or_else(|| "the end".to_owned(), written)
}
