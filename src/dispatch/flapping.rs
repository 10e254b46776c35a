//! Silences that are not over yet although their agents log again, since they flap.

use log_monitor_channels::Event;
use rusqlite::Connection;

use crate::clock::written;
use crate::config::vocabulary::FLAPPING;
use crate::journal::events::time;
use crate::journal::notes;

/// What is still to be said of a silence, with what is known of it by now.
///
/// # Errors
/// As the database.
pub fn as_it_is(connection: &Connection, event: Event) -> rusqlite::Result<Event> {
    let Some(incident) = event.incident else { return Ok(event) };
    Ok(match notes::back_since(connection, incident)? {
        None => event,
        Some(since) => Event {
            cause: FLAPPING.to_owned(),
            detail: format!(
                "It has logged again since {}, but it flaps: its end is told once it has logged for long enough without \
                 a pause.",
                written(time(since))
            ),
            ..event
        },
    })
}
