//! Who goes on under another id, where it is only known who logs: nobody tells there that an agent was enrolled
//! anew, but the old id has stopped, and the other one of its name began after that.

use std::collections::{HashMap, HashSet};

use chrono::{DateTime, TimeDelta, Utc};

use super::Monitor;
use super::beside::patiently;
use super::inventory::{Namesakes, Roll};
use super::verdict::{State, Transition};
use crate::journal::events::{millis, time};
use crate::source::{Entities, Observation, Query, SourceError};

/// So many are looked at for a list: each costs a request.
const MOST: usize = 20;

/// Whoever stopped so long before what a list is of is not looked at any more.
const LATELY: TimeDelta = TimeDelta::days(1);

impl Monitor {
    /// What is known of agents of one name, by a list of who logged within `window`. `suspects` may be called
    /// silent now.
    pub(super) async fn namesakes(
        &self,
        roll: &Roll<'_>,
        suspects: &[usize],
        window: TimeDelta,
        now: DateTime<Utc>,
    ) -> Namesakes {
        let mut namesakes = Namesakes { past: self.past(roll, now).await, ..Namesakes::default() };
        let stopped = self.stopped(suspects, now, window);
        for (old, new) in roll.namesakes(&self.roster.listed, &stopped).into_iter().take(MOST) {
            let last = stopped[old.as_str()];
            // Whoever is on the list and did not log so long before the other stopped began later.
            let before = self.logged(&[&new], time(last) - window, time(last)).await;
            if before.is_ok_and(|before| before.is_empty()) {
                namesakes.replaced.insert(old, (new, last));
            }
        }
        namesakes
    }

    /// Who is silent or about to be called so, and logged last not too long ago, in milliseconds.
    fn stopped(&self, suspects: &[usize], now: DateTime<Utc>, window: TimeDelta) -> HashMap<&str, i64> {
        let (entities, now, ago) = (self.fleet.entities(), millis(now), window + LATELY);
        let falls =
            self.fleet.judge(suspects, now).into_iter().filter(|changed| {
                matches!(changed.transition, Transition::FellSilent | Transition::FoundSilent)
            });
        let silent = self.fleet.silent().into_iter().filter(|at| match entities[*at].state {
            State::Silent { since, .. } => entities[*at].last_seen <= since,
            State::New | State::Fresh => false,
        });
        let stopped = falls.map(|changed| &entities[changed.at]).chain(silent.map(|at| &entities[at]));
        let lately = stopped.filter_map(|entity| Some((&*entity.key, entity.last_seen?)));
        lately.filter(|(_, last)| now - last <= ago.num_milliseconds()).collect()
    }

    /// Who was replaced, and is on the list only with what it logged before. As long as that is not known
    /// nobody is back.
    async fn past(&self, roll: &Roll<'_>, now: DateTime<Utc>) -> HashSet<String> {
        let replaced = roll.on_it_and_replaced(&self.roster.memory);
        let Some(first) = replaced.values().min() else { return HashSet::new() };
        let keys: Vec<&str> = replaced.keys().copied().collect();
        let newest = self.logged(&keys, time(*first), now).await.unwrap_or_default();
        let is_back =
            |seen: &&Observation| replaced.get(&*seen.key).is_some_and(|last| seen.last_seen > *last);
        let back: HashSet<&str> = newest.iter().filter(is_back).map(|seen| &*seen.key).collect();
        keys.into_iter().filter(|key| !back.contains(key)).map(str::to_owned).collect()
    }

    async fn logged(
        &self,
        keys: &[&str],
        from: DateTime<Utc>,
        to: DateTime<Utc>,
    ) -> Result<Vec<Observation>, SourceError> {
        let query = Query { from, to, entities: Entities::Only(keys) };
        Ok(patiently(self.setup.source.newest(&query)).await?.newest)
    }
}
