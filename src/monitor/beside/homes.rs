//! Who sends through which node.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use tokio::time::{Instant, timeout_at};

use super::answered::What;
use super::{Beside, in_time};
use crate::journal::events::millis;
use crate::monitor::fleet::Fleet;
use crate::monitor::roll_call::PATIENCE;
use crate::monitor::{Setup, gather};
use crate::source::{Membership, Query, Source, SourceError};

/// How often sources are asked who sends through which node.
const HOMES: TimeDelta = TimeDelta::hours(1);

/// And the source of documents, when it did not answer that, …
const ASK_AGAIN: TimeDelta = TimeDelta::minutes(5);

/// … and one beside, which may be asked nothing else for hours. Rounds are up to a minute apart: the next try
/// comes within that.
const ASK_BESIDE_AGAIN: TimeDelta = TimeDelta::seconds(30);

/// What no message waits for may take so long.
const QUIETLY: Duration = Duration::from_secs(60);

/// A larger fleet is not read page by page to learn its nodes.
const ASKED_WHERE: usize = 10_000;

/// What a source beside says, by its name.
pub(super) type Homes = (String, Result<Vec<Membership>, SourceError>);

impl Beside {
    /// Asks for it from time to time, and on that occasion for documents from the future. Where one of the suspects is
    /// to be told, that has time, for as long again, if it is known from before; if not, it takes a part of the time
    /// until `until`: the rest is for what explains the silence.
    pub(super) async fn look_up_homes(
        &mut self,
        setup: &Setup,
        fleet: &mut Fleet,
        suspects: &[usize],
        until: Instant,
        now: DateTime<Utc>,
    ) {
        let every = if self.homes_told { HOMES } else { ASK_AGAIN };
        if is_recent(self.homes_asked, every, now) {
            return;
        }
        let is_quiet = fleet.judge(suspects, millis(now)).is_empty();
        if !is_quiet && fleet.knows_nodes() && is_recent(self.homes_asked, every * 2, now) {
            return;
        }
        self.homes_asked = Some(now);
        let until = if is_quiet { Instant::now() + QUIETLY } else { until.min(Instant::now() + PATIENCE) };
        let homes = in_time(until, gather::homes(&*setup.source, fleet, now)).await;
        self.homes_told = homes.is_ok();
        if let Err(error) = homes {
            tracing::warn!("cannot look up which nodes the agents send through: {error}");
        }
        match in_time(until, gather::ahead(&*setup.source, fleet, now)).await {
            Ok(ahead) => self.ahead = ahead,
            Err(error) => tracing::warn!("cannot look for documents from the future: {error}"),
        }
    }

    /// Asks the sources beside for it, too, or at least whether they answer. Whoever is slow is not down, and no
    /// round waits for it: what takes longer is taken in by a later one.
    pub(super) async fn ask_beside_for_homes(
        &mut self,
        setup: &Setup,
        fleet: &mut Fleet,
        now: DateTime<Utc>,
    ) {
        let mut until = Instant::now();
        if self.asking.is_empty() {
            until += if self.slow.is_empty() { PATIENCE } else { Duration::ZERO };
            let is_known = fleet.knows_nodes() || fleet.entities().len() > ASKED_WHERE;
            let due = setup.beside.iter().filter(|(name, _)| self.is_due(name, now));
            let query = || (!is_known).then(|| gather::of_homes(fleet, now));
            self.asking = due.map(|(name, source)| homes(name.clone(), source.clone(), query())).collect();
        }
        while let Ok(Some(asked)) = timeout_at(until, self.asking.join_next()).await {
            let (name, homes) = asked.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()));
            let answered = homes.map(|homes| fleet.take_homes(&homes));
            self.beside_asked.insert(name.clone(), now);
            self.note(name, What::Why, answered, now);
        }
    }

    /// Whether it is time to ask this source beside.
    fn is_due(&self, source: &str, now: DateTime<Utc>) -> bool {
        let answered = self.answered.get(&(source.to_owned(), What::Why));
        let every = if answered.is_some_and(Result::is_err) { ASK_BESIDE_AGAIN } else { HOMES };
        !is_recent(self.beside_asked.get(source).copied(), every, now)
    }
}

/// Whether that was less than `every` ago.
fn is_recent(asked: Option<DateTime<Utc>>, every: TimeDelta, now: DateTime<Utc>) -> bool {
    asked.is_some_and(|asked| now - asked < every && now >= asked)
}

/// Asks for what is in the `query`, or whether it answers at all.
async fn homes(name: String, source: Arc<dyn Source>, query: Option<Query<'static>>) -> Homes {
    let answered = match query {
        Some(query) => source.nodes(&query).await,
        None => source.probe().await.map(|()| Vec::new()),
    };
    (name, answered)
}
