//! Vendors that take a firing for over unless they hear of it again: until its end they do.
//!
//! A repetition has the key of its firing, tells what still goes on and nothing else, and is no
//! delivery: it is in no list, and when it fails the next one is soon enough.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use log_monitor_channels::{MessageKind, Notification};
use rusqlite::Connection;
use tokio::time::Instant;

use super::channel::{Channel, Channels};
use super::compose::{self, Composer};
use super::render::Facts;
use crate::journal::deliveries::{self, Alive};
use crate::journal::incidents;
use crate::wording::Subject;

/// When each channel that wants it was told last what goes on.
#[derive(Debug, Default)]
pub struct KeepAlive(HashMap<String, Instant>);

impl KeepAlive {
    /// The channels whose turn it is.
    pub fn due(&mut self, channels: &Channels) -> Vec<String> {
        let now = Instant::now();
        let mut due = Vec::new();
        for (name, channel) in channels {
            let Some(every) = channel.keep_alive else { continue };
            if self.0.get(name).is_none_or(|last| now.duration_since(*last) >= every) {
                self.0.insert(name.clone(), now);
                due.push(name.clone());
            }
        }
        due
    }

    /// How long until it is the next one's turn.
    #[must_use]
    pub fn wait(&self, channels: &Channels) -> Option<Duration> {
        let wait = |(name, channel): (&String, &Arc<Channel>)| {
            let left = channel.keep_alive?.saturating_sub(self.0.get(name)?.elapsed());
            Some(left)
        };
        channels.iter().filter_map(wait).min()
    }
}

/// What a channel accepted and still goes on, each with what it said to the firing.
///
/// # Errors
/// As the database.
pub fn alive(
    connection: &Connection,
    composer: &Composer,
    channel: &str,
) -> rusqlite::Result<Vec<Notification>> {
    let mut alive = Vec::new();
    for Alive { delivery, message } in deliveries::alive(connection, channel)? {
        let mut notification = compose::accepted(connection, composer, message, delivery, channel)?;
        let open = |incident: Option<i64>| {
            incident.is_some_and(|one| incidents::is_open(connection, one).unwrap_or(true))
        };
        notification.events.retain(|event| open(event.incident));
        if notification.events.is_empty() {
            continue;
        }
        notification.kind = MessageKind::Firing;
        let (events, installation) = (&notification.events, &*composer.installation);
        notification.links = composer.wording.links(events, installation);
        let (facts, links) = (&Facts::of(MessageKind::Firing), &notification.links);
        let subject = Subject { events, facts, links, installation };
        (notification.title, notification.body) = composer.wording.message(Some(channel), &subject);
        alive.push(notification);
    }
    Ok(alive)
}

/// Tells a channel, one after the other.
pub async fn tell(channel: Arc<Channel>, name: String, alive: Vec<Notification>) {
    for notification in alive {
        if let Err(error) = channel.try_once(&notification).await {
            tracing::warn!("{name} was not told that it goes on: {error}: {}", notification.title);
        }
    }
}
