//! Who is watched as far as the journal knows: the agent file's and whom a source listed last.

use std::borrow::Cow;

use crate::config::{Settings, Watch};
use crate::journal::{JournalError, listed, open_read_only};
use crate::monitor::inventory::together;
use crate::monitor::roster::Roster;

/// The watch with everybody in it.
///
/// # Errors
/// When the journal cannot be read.
pub fn watched<'w>(settings: &Settings, watch: &'w Watch) -> Result<Cow<'w, Watch>, JournalError> {
    let Some(rules) = watch.discover.as_ref().filter(|_| settings.journal.exists()) else {
        return Ok(Cow::Borrowed(watch));
    };
    let entries = listed::of_watch(&open_read_only(&settings.journal)?, &watch.name)?;
    let agents = together(watch.agents.clone(), Roster::new(entries, rules).listed);
    Ok(Cow::Owned(watch.with_agents(agents)))
}
