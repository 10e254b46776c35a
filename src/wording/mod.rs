//! What a configuration says about the words of its messages.

pub mod links;

use log_monitor_channels::{Event, Link};

use links::Pattern;

/// How messages are put into words.
#[derive(Debug, Clone, Default)]
pub struct Wording {
    /// Where people see more, in the order of the configuration.
    pub links: Vec<Pattern>,
}

impl Wording {
    /// The links of a message about these events.
    #[must_use]
    pub fn links(&self, events: &[Event], installation: &str) -> Vec<Link> {
        self.links.iter().filter_map(|pattern| pattern.fill(events, installation)).collect()
    }
}
