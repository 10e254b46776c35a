//! What comes late, and what is from the future.

use chrono::{DateTime, Utc};
use tokio::time::Instant;

use super::{ASKED_ONE_BY_ONE, Beside, in_time};
use crate::journal::events::millis;
use crate::journal::{JournalError, meta};
use crate::monitor::cause::Cause;
use crate::monitor::fleet::Fleet;
use crate::monitor::words::way::Way;
use crate::monitor::{Setup, gather, words};
use crate::record::{Change, IncidentChange, Recorder};

const DAY: i64 = 86_400_000;

impl Beside {
    /// Tells of documents from the future, once a day as long as there are any.
    ///
    /// # Errors
    /// When it cannot be written down; the next look tries again.
    pub async fn tell_of_skew(
        &mut self,
        recorder: &Recorder,
        setup: &Setup,
        fleet: &Fleet,
    ) -> Result<(), JournalError> {
        let ahead = std::mem::take(&mut self.ahead);
        let Some(most) = ahead.iter().map(|(_, ahead)| *ahead).max() else { return Ok(()) };
        let watch = setup.watch.name.as_str();
        let (now, name) = (millis(recorder.clock.now()), watch.to_owned());
        let told = recorder.journal.write(move |connection| meta::skew_told(connection, &name)).await?;
        if told.is_some_and(|told| (0..DAY).contains(&(now - told))) {
            return Ok(());
        }
        let places: Vec<usize> = ahead.iter().map(|(at, _)| *at).collect();
        let event = words::skewed(watch, &words::names(fleet, &places), most, Way::of(&*setup.source), now);
        recorder.record(vec![Change::event(IncidentChange::None, event)]).await?;
        let name = watch.to_owned();
        recorder.journal.write(move |connection| meta::set_skew_told(connection, &name, now)).await
    }

    /// Whether those that fell silent, in order of place, have documents from the future: a clock is wrong, and not
    /// they.
    pub(super) async fn look_ahead_of(
        &mut self,
        setup: &Setup,
        fleet: &Fleet,
        silent: &[usize],
        until: Instant,
        now: DateTime<Utc>,
    ) {
        if silent.is_empty() {
            return;
        }
        match in_time(until, gather::ahead(&*setup.source, fleet, now)).await {
            Ok(ahead) => {
                for (at, by) in ahead.iter().filter(|(at, _)| silent.binary_search(at).is_ok()) {
                    self.findings.entry(*at).or_default().ahead = Some(*by);
                }
                self.ahead = ahead;
            }
            Err(error) => tracing::warn!("cannot look for documents from the future: {error}"),
        }
    }

    /// How many documents have come late of those that are silent for that reason.
    pub(super) async fn count_what_is_late(&mut self, setup: &Setup, fleet: &Fleet, until: Instant) {
        let late = self.findings.iter_mut().filter(|(_, finding)| matches!(finding.cause, Cause::Late(_)));
        for (at, finding) in late.take(ASKED_ONE_BY_ONE) {
            match in_time(until, gather::late(&*setup.source, fleet, *at)).await {
                Ok(count) => finding.late = count,
                Err(error) => return tracing::debug!("cannot count what comes late: {error}"),
            }
        }
    }
}
