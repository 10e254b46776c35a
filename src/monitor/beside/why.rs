//! How silent agents are connected, and what their manager received.

use std::collections::HashMap;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout_at};

use super::answered::What;
use super::{ASKED_ONE_BY_ONE, Beside};
use crate::journal::events::millis;
use crate::monitor::cause::{Cause, Received};
use crate::monitor::fleet::Fleet;
use crate::monitor::{Setup, gather};
use crate::source::{Source, SourceError};

/// What a source says, with its place among those beside; `None` = not in time.
type Asked = (usize, Option<Result<HashMap<usize, Cause>, SourceError>>);

impl Beside {
    /// Those of them that do not say themselves why they are silent.
    pub(super) fn unexplained(&self, silent: &[usize]) -> Vec<usize> {
        let unknown = |at: &usize| self.findings.get(at).is_some_and(|known| known.cause == Cause::NotAsked);
        silent.iter().copied().filter(unknown).collect()
    }

    /// Begins to ask all sources beside how the agents behind these entities are connected. None waits for
    /// another, and the source of documents is asked meanwhile.
    pub(super) fn begin_to_ask_why(
        &self,
        setup: &Setup,
        fleet: &Fleet,
        silent: &[usize],
        until: Instant,
        now: DateTime<Utc>,
    ) -> JoinSet<Asked> {
        let agents = gather::agents(&*setup.source, fleet, silent);
        let beside = setup.beside.iter().enumerate();
        // Nobody answers who is not asked, and nobody is slow who was given no time.
        let is_worth_it = !agents.is_empty() && Instant::now() < until;
        let asked = beside.filter(|(_, (name, _))| is_worth_it && !self.slow.contains(name));
        let ask = |(place, (_, source)): (usize, &(String, Arc<dyn Source>))| {
            let (source, agents) = (source.clone(), agents.clone());
            async move {
                let asking = gather::causes(&*source, &agents, (until, now));
                (place, timeout_at(until, asking).await.ok())
            }
        };
        asked.map(ask).collect()
    }

    /// Takes in what was asked of them, and asks what the manager received.
    pub(super) async fn learn_why(
        &mut self,
        setup: &Setup,
        fleet: &Fleet,
        silent: &[usize],
        asking: JoinSet<Asked>,
        (until, now): (Instant, DateTime<Utc>),
    ) {
        if !setup.beside.is_empty() {
            silent.iter().for_each(|at| self.learn(*at, Cause::CannotTell));
        }
        let mut answers = asking.join_all().await;
        answers.sort_unstable_by_key(|(place, _)| *place);
        for (place, answered) in answers {
            let (name, source) = &setup.beside[place];
            match answered {
                Some(answered) => self.note_why(name, answered, now),
                // Whoever is slow is not down: whether it is, it is asked from the next round on.
                None => {
                    tracing::warn!("{name} does not say in time how silent agents are connected");
                    self.beside_asked.remove(name);
                    self.slow.insert(name.clone());
                }
            }
            self.count_again((place, &**source), (&*setup.source, fleet), silent, (until, now)).await;
        }
    }

    fn note_why(
        &mut self,
        source: &str,
        answered: Result<HashMap<usize, Cause>, SourceError>,
        now: DateTime<Utc>,
    ) {
        let told = answered.map(|causes| causes.into_iter().for_each(|(at, cause)| self.learn(at, cause)));
        self.note(source.to_owned(), What::Why, told, now);
    }

    fn learn(&mut self, at: usize, cause: Cause) {
        self.findings.entry(at).or_default().cause.learn(cause);
    }

    /// What the manager received of agents that are connected and silent, since the first look.
    async fn count_again(
        &mut self,
        source: (usize, &dyn Source),
        of: (&dyn Source, &Fleet),
        silent: &[usize],
        (until, now): (Instant, DateTime<Utc>),
    ) {
        let connected = |at: &&usize| {
            let cause = self.findings.get(at).map(|finding| &finding.cause);
            matches!(cause, Some(Cause::ConnectedButSilent(_, Received::Unknown)))
        };
        let places: Vec<usize> = silent.iter().filter(connected).copied().take(ASKED_ONE_BY_ONE).collect();
        for (at, received) in self.looks.since(source, of, &places, until, millis(now)).await {
            if let Some(Cause::ConnectedButSilent(_, known)) =
                self.findings.get_mut(&at).map(|finding| &mut finding.cause)
            {
                *known = received;
            }
        }
    }
}
