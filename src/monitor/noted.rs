//! What a round learns of silences and stalls without telling anything: whom they are told with from now on,
//! and who logs again although that is not believed yet.

use super::{Monitor, pipeline};
use crate::journal::JournalError;
use crate::journal::entities::Part;
use crate::journal::notes::{self, Note};

impl Monitor {
    /// Writes it down, and then takes it in.
    ///
    /// # Errors
    /// When nothing was written; the next round learns it again.
    pub(super) async fn take_notes(&mut self, now: i64) -> Result<(), JournalError> {
        let parts = pipeline::regroup(&self.fleet, &self.stalls.open, &self.setup.watch.pipeline, now);
        let part = |(at, part): &(usize, Part)| {
            let note = match *part {
                Part::Alone => return None,
                Part::Led(whole) => Note::LedTo(whole),
                Part::Of(whole) => Note::PartOf(whole),
                Part::FreeSince(since) => Note::FreeSince(since),
            };
            Some((self.fleet.entities()[*at].silence()?.incident, note))
        };
        let mut notes: Vec<(i64, Note)> = parts.iter().filter_map(part).collect();
        notes.extend(self.fleet.notes());
        notes.extend(self.stalls.notes());
        if notes.is_empty() {
            return Ok(());
        }
        self.recorder.journal.write(move |connection| notes::write(connection, &notes)).await?;
        self.fleet.regroup(&parts);
        self.fleet.are_noted();
        self.stalls.are_noted();
        Ok(())
    }
}
