//! Which of a channel's posts a message goes on with: what the channel accepted, or may have, of the beginning
//! of its incidents. One post may have been of several messages, and one message may be about several posts.

use std::collections::HashSet;

use log_monitor_channels::{Event, MessageKind, Receipt};
use rusqlite::Connection;

use super::budget::Limits;
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
fn of(connection: &Connection, claim: &Claim, events: &[Event]) -> rusqlite::Result<(Vec<Post>, Vec<Event>)> {
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

/// What one notification of a message is of: its events, and the posts that they go on with.
pub type Part = (Vec<Event>, Vec<Post>);

/// The notifications that a message of `kind` with these events is: one; one for each post where the vendor keeps
/// a state of each; and where ends take the place of their beginnings, one for each that is over altogether, with
/// all its ends, and one of the rest. (Answers stay one message: it is seen beside the threads.)
///
/// # Errors
/// As the database.
pub fn parts(
    connection: &Connection,
    limits: &Limits,
    claim: &Claim,
    kind: MessageKind,
    mut events: Vec<Event>,
) -> rusqlite::Result<Vec<Part>> {
    if !matches!(kind, MessageKind::Reminder | MessageKind::Resolved) {
        return Ok(vec![(events, Vec::new())]);
    }
    let mut parts: Vec<Part> = Vec::new();
    if kind == MessageKind::Resolved && (limits.resolve || limits.edit) {
        for mut post in of_each_firing(connection, claim, &events)? {
            let edited = !limits.resolve && can_be_edited(connection, &post)?;
            if edited {
                with_all_ends(connection, &mut post)?;
            }
            if limits.resolve || edited {
                parts.push((post.events.clone(), vec![post]));
            }
        }
        events.retain(|event| !parts.iter().any(|(said, _)| said.iter().any(|one| one.id == event.id)));
    }
    if events.is_empty() {
        return Ok(parts);
    }
    let (posts, rest) = of(connection, claim, &events)?;
    if limits.resolve {
        parts.extend(posts.into_iter().map(|post| (post.events.clone(), vec![post])));
        if !rest.is_empty() {
            // Last, since what the vendor says to it is what is remembered.
            parts.push((rest, Vec::new()));
        }
    } else {
        parts.push((events, posts));
    }
    Ok(parts)
}

/// Whether all that a post told is over, and the vendor said how it can be named.
fn can_be_edited(connection: &Connection, post: &Post) -> rusqlite::Result<bool> {
    let open = still_open(connection, post.delivery, std::slice::from_ref(post))?;
    Ok(post.receipt.is_some() && open.is_empty())
}

/// What takes the place of a post says all that became of what it told: the end of some of it may be in another
/// message, whose words this one would take away.
fn with_all_ends(connection: &Connection, post: &mut Post) -> rusqlite::Result<()> {
    for end in events::ends_of_post(connection, post.delivery)? {
        if post.events.iter().all(|event| event.incident != end.incident) {
            post.events.push(end);
        }
    }
    post.events.sort_by_key(|event| event.id);
    Ok(())
}

/// Every post by which a firing told the channel of these events, or may have: what got worse was told by several.
/// An escalation that the vendor took as more of a firing's post is none.
fn of_each_firing(connection: &Connection, claim: &Claim, events: &[Event]) -> rusqlite::Result<Vec<Post>> {
    let mut posts: Vec<Post> = Vec::new();
    for event in events {
        let Some(incident) = event.incident else { continue };
        let mut told = deliveries::firing_posts_of(connection, incident, &claim.channel)?;
        let mut known = HashSet::new();
        told.retain(|(_, receipt)| {
            let reference = receipt.as_ref().map(|receipt| &receipt.reference).filter(|one| !one.is_null());
            reference.is_none_or(|reference| known.insert(reference.to_string()))
        });
        for (delivery, receipt) in told {
            match posts.iter_mut().find(|post| post.delivery == delivery) {
                Some(post) => post.events.push(event.clone()),
                None => posts.push(Post { delivery, receipt, events: vec![event.clone()] }),
            }
        }
    }
    Ok(posts)
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
