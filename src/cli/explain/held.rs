//! What people have said that keeps the news of a silence back: silences, quiet hours of routes, and who
//! takes care of it.

use log_monitor_channels::Event;
use log_monitor_channels::text::one_line;
use rusqlite::Result;

use super::standing::{Known, View};
use crate::clock::written;
use crate::config::Route;
use crate::dispatch::suppress::Suppression;
use crate::journal::acks;
use crate::journal::events::time;

/// What holds back the news of `event`, at its own time, on these routes.
///
/// # Errors
/// When the journal cannot be read.
pub fn held(view: Option<(&View, &Known)>, event: &Event, routes: &[&Route]) -> Result<Vec<String>> {
    let at = event.at.timestamp_millis();
    let suppression = match view {
        Some((view, _)) => Suppression::of_the_past(&view.connection, at)?,
        None => Suppression::none(at),
    };
    let said = |reason: &str| one_line(reason, 300);
    let mut held = Vec::new();
    match suppression.silence(event) {
        Some(hold) => held.push(format!("held back by {}", said(&hold.held.reason))),
        None => held.extend(routes.iter().filter_map(|route| {
            let hold = suppression.of(event, route)?;
            Some(format!("{} waits: {}", route.name, said(&hold.held.reason)))
        })),
    }
    if let Some((view, incident)) = view.and_then(|(view, known)| Some((view, known.open()?))) {
        let ack = acks::of(&view.connection, incident.id, at)?.filter(|ack| ack.created <= at);
        held.extend(ack.map(|ack| {
            let until = written(time(ack.until));
            let why = if ack.reason.is_empty() { String::new() } else { format!(": {}", said(&ack.reason)) };
            format!("{} takes care of it until {until}, no reminders{why}", one_line(&ack.author, 80))
        }));
    }
    Ok(held)
}
