//! Who sends through which node.

use chrono::{DateTime, TimeDelta, Utc};

use super::answered::What;
use super::{Beside, PATIENCE};
use crate::monitor::fleet::Fleet;
use crate::monitor::{Setup, gather};

/// How often the source is asked who sends through which node.
const HOMES: TimeDelta = TimeDelta::hours(1);

/// And one that did not answer.
const ASK_AGAIN: TimeDelta = TimeDelta::minutes(5);

/// A larger fleet is not read page by page to learn its nodes.
const ASKED_WHERE: usize = 10_000;

impl Beside {
    /// Asks for it from time to time, and on that occasion for documents from the future.
    pub(super) async fn look_up_homes(&mut self, setup: &Setup, fleet: &mut Fleet, now: DateTime<Utc>) {
        let told = self.homes_told && self.answered.values().all(Result::is_ok);
        let every = if told { HOMES } else { ASK_AGAIN };
        if self.homes_asked.is_some_and(|asked| now - asked < every && now >= asked) {
            return;
        }
        self.homes_asked = Some(now);
        let homes = gather::homes(&*setup.source, fleet, now).await;
        self.homes_told = homes.is_ok();
        if let Err(error) = homes {
            tracing::warn!("cannot look up which nodes the agents send through: {error}");
        }
        match gather::ahead(&*setup.source, fleet, now).await {
            Ok(ahead) => self.ahead = ahead,
            Err(error) => tracing::warn!("cannot look for documents from the future: {error}"),
        }
        for (name, source) in &setup.beside {
            let asking = async {
                match fleet.knows_nodes() || fleet.entities().len() > ASKED_WHERE {
                    true => source.probe().await,
                    false => gather::homes(&**source, fleet, now).await,
                }
            };
            // Whoever is slow is not down: it is asked again, and no round waits for it.
            match tokio::time::timeout(PATIENCE, asking).await {
                Ok(answered) => self.note(name.clone(), What::Why, answered, now),
                Err(_) => tracing::warn!("{name} does not say in time which nodes the agents send through"),
            }
        }
    }
}
