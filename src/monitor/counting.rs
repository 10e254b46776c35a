//! What the manager counts of agents that are about to be silent. By itself a number says nothing: it is
//! read when an agent has used up most of its time, and again when that is over.

use std::collections::HashMap;
use std::sync::Arc;

use tokio::time::Instant;

use super::beside::in_time;
use super::cause::Received;
use super::fleet::{Entity, Fleet, threshold};
use super::verdict::State;
use crate::source::{Counted, Source};

/// The first look is at most so long before an agent is due, in milliseconds …
const LEAD: i64 = 5 * 60_000;

/// … and in this last part of what it is allowed: a healthy agent is asked about only when it is late.
const LAST_PART: i64 = 3;

/// So many agents have their first look in one round.
const FIRST_LOOKS: usize = 5;

/// First looks, by the place of the source among those beside and the place of the entity.
#[derive(Debug, Default)]
pub struct Looks(HashMap<(usize, usize), Look>);

#[derive(Debug)]
struct Look {
    /// In milliseconds.
    at: i64,
    /// What the entity's newest life sign was then: what is received before another one says nothing.
    last_seen: Option<i64>,
    counted: Counted,
}

impl Looks {
    /// Looks for the first time at those that are soon due. Which sources have counted.
    pub async fn ahead<'b>(
        &mut self,
        beside: &'b [(String, Arc<dyn Source>)],
        fleet: &Fleet,
        until: Instant,
        now: i64,
    ) -> Vec<&'b str> {
        self.0.retain(|(_, at), look| {
            let entity = &fleet.entities()[*at];
            entity.last_seen == look.last_seen && !matches!(entity.state, State::Silent { .. })
        });
        if beside.is_empty() {
            return Vec::new();
        }
        let late = fleet.soon_due(now, now + LEAD).into_iter().filter(|at| is_late(fleet, *at, now));
        let new = late.filter(|at| (0..beside.len()).all(|source| !self.0.contains_key(&(source, *at))));
        let new: Vec<usize> = new.take(FIRST_LOOKS).collect();
        let mut answered = Vec::new();
        for (source, (name, asked)) in beside.iter().enumerate() {
            let counted = counters(&**asked, fleet, &new, until).await;
            answered.extend((!counted.is_empty()).then_some(name.as_str()));
            for (at, counted) in counted {
                let last_seen = fleet.entities()[at].last_seen;
                self.0.insert((source, at), Look { at: now, last_seen, counted });
            }
        }
        answered
    }

    /// What a source's manager received of these entities since the first look; nothing of those that
    /// were not looked at, or have logged since.
    pub async fn since(
        &self,
        (place, source): (usize, &dyn Source),
        fleet: &Fleet,
        entities: &[usize],
        until: Instant,
        now: i64,
    ) -> Vec<(usize, Received)> {
        let first = |at: &usize| {
            let look = self.0.get(&(place, *at))?;
            (look.last_seen == fleet.entities()[*at].last_seen).then_some(look)
        };
        let known: Vec<usize> = entities.iter().copied().filter(|at| first(at).is_some()).collect();
        let received = |(at, counted): (usize, Counted)| {
            first(&at).map(|look| (at, Received::between(look.counted, counted, now - look.at)))
        };
        counters(source, fleet, &known, until).await.into_iter().filter_map(received).collect()
    }
}

fn is_late(fleet: &Fleet, at: usize, now: i64) -> bool {
    let entity: &Entity = &fleet.entities()[at];
    fleet.due(entity, now) - now <= threshold(fleet.policy(entity)) / LAST_PART
}

async fn counters(
    source: &dyn Source,
    fleet: &Fleet,
    places: &[usize],
    until: Instant,
) -> Vec<(usize, Counted)> {
    if places.is_empty() {
        return Vec::new();
    }
    let keys: Vec<&str> = places.iter().map(|at| &*fleet.entities()[*at].key).collect();
    match in_time(until, source.counters(&keys)).await {
        Ok(known) => {
            let counted = |key: &str| known.iter().find(|one| one.key == key).map(|one| one.counted);
            places.iter().zip(&keys).filter_map(|(at, key)| Some((*at, counted(key)?))).collect()
        }
        Err(error) => {
            tracing::warn!("cannot read what the manager counted: {error}");
            Vec::new()
        }
    }
}
