//! How silent agents are connected, and what their manager received.

use chrono::{DateTime, Utc};

use super::answered::What;
use super::{ASKED_ONE_BY_ONE, Beside, patiently};
use crate::journal::events::millis;
use crate::monitor::cause::{Cause, Received};
use crate::monitor::fleet::Fleet;
use crate::monitor::{Setup, gather};
use crate::source::Source;

impl Beside {
    /// How silent agents are connected, where they do not say themselves why they are.
    pub(super) async fn ask_why(
        &mut self,
        setup: &Setup,
        fleet: &Fleet,
        silent: &[usize],
        now: DateTime<Utc>,
    ) {
        let unknown = |at: &usize| self.findings.get(at).is_some_and(|known| known.cause == Cause::NotAsked);
        let unknown: Vec<usize> = silent.iter().copied().filter(unknown).collect();
        let agents = gather::agents(&*setup.source, fleet, &unknown);
        for (place, (name, source)) in setup.beside.iter().enumerate() {
            // Nobody answers who is not asked.
            let asked = match agents.is_empty() {
                true => None,
                false => Some(patiently(gather::causes(&**source, &agents, now)).await),
            };
            for at in &unknown {
                let told = asked.as_ref().and_then(|asked| asked.as_ref().ok()?.get(at).cloned());
                self.findings.entry(*at).or_default().cause.learn(told.unwrap_or(Cause::CannotTell));
            }
            if let Some(asked) = asked {
                self.note(name.clone(), What::Why, asked.map(drop), now);
            }
            self.count_again((place, &**source), fleet, &unknown, millis(now)).await;
        }
    }

    /// What the manager received of agents that are connected and silent, since the first look.
    async fn count_again(&mut self, source: (usize, &dyn Source), fleet: &Fleet, silent: &[usize], now: i64) {
        let connected = |at: &&usize| {
            let cause = self.findings.get(at).map(|finding| &finding.cause);
            matches!(cause, Some(Cause::ConnectedButSilent(_, Received::Unknown)))
        };
        let places: Vec<usize> = silent.iter().filter(connected).copied().take(ASKED_ONE_BY_ONE).collect();
        for (at, received) in self.looks.since(source, fleet, &places, now).await {
            if let Some(Cause::ConnectedButSilent(_, known)) =
                self.findings.get_mut(&at).map(|finding| &mut finding.cause)
            {
                *known = received;
            }
        }
    }
}
