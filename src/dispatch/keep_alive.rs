//! Vendors that take a firing for over unless they hear of it again: until its end they do.
//!
//! A repetition has the key of its firing, tells what still goes on and nothing else, and is no
//! delivery: it is in no list, and when it fails the next one is soon enough.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use log_monitor_channels::{MessageKind, Notification};
use rusqlite::Connection;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::Instant;

use super::channel::{Channel, Channels};
use super::compose::{self, Composer};
use super::render::{Facts, Words};
use crate::journal::deliveries::{self, Alive};
use crate::journal::{Journal, incidents};
use crate::wording::Subject;

/// How many repetitions may be under way to a channel at once: one that hangs must not let the others run out.
const AT_ONCE: usize = 16;

/// When each channel that wants it was told last what goes on.
#[derive(Debug, Default)]
pub struct KeepAlive(HashMap<String, Turn>);

#[derive(Debug)]
struct Turn {
    began: Instant,
    told: Option<JoinHandle<()>>,
}

impl KeepAlive {
    /// The channels whose turn it is. One that is still being told misses it.
    pub fn due(&mut self, channels: &Channels) -> Vec<String> {
        let now = Instant::now();
        let mut due = Vec::new();
        for (name, channel) in channels {
            let Some(every) = channel.keep_alive else { continue };
            let turn = self.0.get_mut(name);
            if turn.as_ref().is_some_and(|turn| now.duration_since(turn.began) < every) {
                continue;
            }
            let told = turn.and_then(|turn| turn.told.take()).filter(|told| !told.is_finished());
            if told.is_none() {
                due.push(name.clone());
            }
            self.0.insert(name.clone(), Turn { began: now, told });
        }
        due
    }

    /// A channel is being told.
    pub fn telling(&mut self, name: &str, told: JoinHandle<()>) {
        if let Some(turn) = self.0.get_mut(name) {
            turn.told = Some(told);
        }
    }

    /// How long until it is the next one's turn.
    #[must_use]
    pub fn wait(&self, channels: &Channels) -> Option<Duration> {
        let wait = |(name, channel): (&String, &Arc<Channel>)| {
            let left = channel.keep_alive?.saturating_sub(self.0.get(name)?.began.elapsed());
            Some(left)
        };
        channels.iter().filter_map(wait).min()
    }
}

/// Tells a channel what it accepted and still goes on, some at once.
pub async fn tell(journal: Journal, composer: Composer, channel: Arc<Channel>, name: String) {
    let of = name.clone();
    let alive = match journal.write(move |connection| deliveries::alive(connection, &of)).await {
        Ok(alive) => alive,
        Err(error) => return tracing::error!("{name} was not told what goes on: {error}"),
    };
    let mut under_way = JoinSet::new();
    for one in alive {
        if under_way.len() >= AT_ONCE {
            under_way.join_next().await;
        }
        under_way.spawn(tell_one(journal.clone(), composer.clone(), channel.clone(), name.clone(), one));
    }
    under_way.join_all().await;
}

/// What is over by now is not told: its end was.
async fn tell_one(journal: Journal, composer: Composer, channel: Arc<Channel>, name: String, one: Alive) {
    let of = name.clone();
    let as_it_is = journal.write(move |connection| as_it_is(connection, &composer, &of, one)).await;
    let told: Result<(), String> = match as_it_is {
        Ok(None) => Ok(()),
        Ok(Some(notification)) => channel
            .try_once(&notification)
            .await
            .map(drop)
            .map_err(|error| format!("{error}: {}", notification.title)),
        Err(error) => Err(error.to_string()),
    };
    if let Err(error) = told {
        tracing::warn!("{name} was not told that it goes on: {error}");
    }
}

/// What a channel accepted as far as it still goes on, with what it said to the firing.
fn as_it_is(
    connection: &Connection,
    composer: &Composer,
    channel: &str,
    Alive { delivery, message }: Alive,
) -> rusqlite::Result<Option<Notification>> {
    let mut notification = compose::accepted(connection, composer, message, delivery, channel)?;
    let open = |incident: Option<i64>| {
        incident.is_some_and(|one| incidents::is_open(connection, one).unwrap_or(true))
    };
    notification.events.retain(|event| open(event.incident));
    if notification.events.is_empty() {
        return Ok(None);
    }
    notification.kind = MessageKind::Firing;
    let (events, installation) = (&notification.events, &*composer.installation);
    notification.links = composer.wording.links(events, installation);
    let (facts, links) = (&Facts::of(MessageKind::Firing), &notification.links);
    let subject = Subject { events, facts, links, installation };
    let Words { title, body, below } = composer.wording.message(Some(channel), &subject).joined();
    Ok(Some(Notification { title, body, below, ..notification }))
}
