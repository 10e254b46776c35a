//! Which of a channel's posts a message goes on with: what the channel accepted, or may have, of the beginning
//! of its incidents. One post may have been of several messages, and one message may be about several posts.

use log_monitor_channels::{Event, Receipt};
use rusqlite::Connection;

use crate::journal::deliveries::{self, Claim};
use crate::journal::events;
use crate::journal::incidents;

/// A post and what is said of it.
#[derive(Debug, Clone)]
pub struct Post {
    /// The delivery that it was.
    pub delivery: i64,
    /// What the channel answered, unless that was lost.
    pub receipt: Option<Receipt>,
    /// What is said of it.
    pub events: Vec<Event>,
}

/// The posts of its channel that `events` of `claim` go on with, in the order of the events, and those events
/// of which it was told nothing.
///
/// # Errors
/// As the database.
pub fn of(
    connection: &Connection,
    claim: &Claim,
    events: &[Event],
) -> rusqlite::Result<(Vec<Post>, Vec<Event>)> {
    let told_of = |incident| deliveries::post_of(connection, incident, &claim.channel, claim.delivery);
    let (mut posts, mut rest): (Vec<Post>, Vec<Event>) = (Vec::new(), Vec::new());
    for event in events {
        let Some((delivery, receipt)) = event.incident.map(told_of).transpose()?.flatten() else {
            rest.push(event.clone());
            continue;
        };
        match posts.iter_mut().find(|post| post.delivery == delivery) {
            Some(post) => post.events.push(event.clone()),
            None => posts.push(Post { delivery, receipt, events: vec![event.clone()] }),
        }
    }
    Ok((posts, rest))
}

/// What was told by some posts and still goes on; by `firing`, where there are none.
///
/// # Errors
/// As the database.
pub fn still_open(connection: &Connection, firing: i64, posts: &[Post]) -> rusqlite::Result<Vec<Event>> {
    let mut messages = if posts.is_empty() { vec![firing] } else { Vec::new() };
    for post in posts {
        messages.extend(deliveries::told_by(connection, post.delivery)?);
    }
    messages.sort_unstable();
    messages.dedup();
    let mut open: Vec<Event> = Vec::new();
    for message in messages {
        for event in events::of_message(connection, message)? {
            let Some(incident) = event.incident else { continue };
            let known = open.iter().any(|known| known.incident == Some(incident));
            if !known && incidents::is_open(connection, incident).unwrap_or(false) {
                open.push(event);
            }
        }
    }
    Ok(open)
}
