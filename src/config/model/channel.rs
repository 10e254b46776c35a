//! A channel as it is configured.

use std::time::Duration;

use log_monitor_channels::Capabilities;
use log_monitor_channels::registry::{Decoded, Kind};

use crate::config::budget::Budget;
use crate::wording::Voice;

/// A `[channels.NAME]` table that has been read.
pub struct ChannelTable {
    /// Its name.
    pub name: String,
    /// Its kind.
    pub kind: &'static str,
    /// Whether somebody reads what it takes.
    pub reaches_people: bool,
    /// Whether the vendor keeps a state of its own, which a resolution closes.
    pub resolve: bool,
    /// Whether a resolution takes the place of its firing.
    pub edit: bool,
    /// The most characters of a body that it takes.
    pub max_body: Option<usize>,
    /// How many tries may be under way at once.
    pub max_in_flight: usize,
    /// How many tries there may be within a time.
    pub budgets: Vec<Budget>,
    /// How often it must hear that something goes on, if at all.
    pub keep_alive: Option<Duration>,
    /// How it wants its messages.
    pub voice: Voice,
    /// Ready to build.
    pub decoded: Box<dyn Decoded>,
}

impl ChannelTable {
    /// A channel as its kind makes it, where nothing else is configured of how it is used.
    #[must_use]
    pub fn of(name: &str, kind: &Kind, decoded: Box<dyn Decoded>) -> Self {
        let Capabilities { reaches_people, resolve, max_body, keep_alive, .. } = kind.capabilities();
        Self {
            name: name.to_owned(),
            kind: kind.name(),
            reaches_people,
            resolve,
            edit: decoded.edits(),
            max_body,
            max_in_flight: max_in_flight(kind.capabilities()),
            budgets: Vec::new(),
            keep_alive,
            voice: Voice::default(),
            decoded,
        }
    }
}

/// How many messages may be under way to a channel of such a kind unless its table says otherwise.
#[must_use]
pub const fn max_in_flight(capabilities: Capabilities) -> usize {
    if capabilities.ordered { 1 } else { 4 }
}
