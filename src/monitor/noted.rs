//! What a round learns of silences without telling anything: whom they are told with from now on, and
//! who logs again although that is not believed yet.

use super::fleet::flaps::Return;
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
        let parts = pipeline::regroup(&self.fleet, &self.stalls, &self.setup.watch.pipeline, now);
        let returns = self.fleet.returns();
        let part = |(at, part): &(usize, Part)| {
            let note = match *part {
                Part::Alone => return None,
                Part::Led(whole) => Note::LedTo(whole),
                Part::Of(whole) => Note::PartOf(whole),
                Part::FreeSince(since) => Note::FreeSince(since),
            };
            Some((self.fleet.entities()[*at].silence()?.incident, note))
        };
        let back = |known: &Return| {
            let since = std::iter::once(Note::BackSince(known.since));
            let logged = known.spells.iter().map(|spell| Note::Logged(*spell));
            since.chain(logged).map(|note| (known.incident, note)).collect::<Vec<_>>()
        };
        let back = returns.iter().flat_map(back);
        let notes: Vec<(i64, Note)> = parts.iter().filter_map(part).chain(back).collect();
        if notes.is_empty() {
            return Ok(());
        }
        self.recorder.journal.write(move |connection| notes::write(connection, &notes)).await?;
        self.fleet.regroup(&parts);
        self.fleet.take_returns(&returns);
        Ok(())
    }
}
