//! What the manager counts of agents that are about to be silent. By itself a number says nothing: it is
//! read when an agent has used up most of its time, and again when that is over.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use tokio::task::JoinSet;
use tokio::time::Instant;

use super::Setup;
use super::beside::in_time;
use super::cause::Received;
use super::fleet::{Entity, Fleet, threshold};
use super::verdict::State;
use crate::source::{Counted, Counters, Source, SourceError};

/// The first look is at most so long before an agent is due, in milliseconds …
const LEAD: i64 = 5 * 60_000;

/// … and in this last part of what it is allowed: a healthy agent is asked about only when it is late.
const LAST_PART: i64 = 3;

/// So many agents have their first look in one round.
const FIRST_LOOKS: usize = 5;

/// First looks.
#[derive(Debug, Default)]
pub struct Looks {
    /// By the place of the source among those beside and the place of the entity.
    known: HashMap<(usize, usize), Look>,
    /// Those that are not answered yet, with the place of their source: no round waits for them. Dropped with
    /// this.
    asking: JoinSet<(usize, Vec<(usize, Look)>)>,
}

#[derive(Debug)]
struct Look {
    /// In milliseconds.
    at: i64,
    /// What the entity's newest life sign was then: what is received before another one says nothing.
    last_seen: Option<i64>,
    counted: Counted,
}

impl Looks {
    /// Begins to look for the first time at those that are soon due.
    pub fn ahead(&mut self, setup: &Setup, fleet: &Fleet, now: i64) {
        let beside = &setup.beside;
        self.known.retain(|(_, at), look| {
            let entity = &fleet.entities()[*at];
            entity.last_seen == look.last_seen && !matches!(entity.state, State::Silent { .. })
        });
        if beside.is_empty() || !self.asking.is_empty() {
            return;
        }
        let late = fleet.soon_due(now, now + LEAD).into_iter().filter(|at| is_late(fleet, *at, now));
        let new = late.filter(|at| (0..beside.len()).all(|source| !self.known.contains_key(&(source, *at))));
        let of_agent = |at: usize| {
            let entity = &fleet.entities()[at];
            Some((at, entity.last_seen, setup.source.agent_of(&entity.key)?.to_owned()))
        };
        let new: Vec<_> = new.filter_map(of_agent).take(FIRST_LOOKS).collect();
        for (place, (_, source)) in beside.iter().enumerate().filter(|_| !new.is_empty()) {
            let looking = look(source.clone(), new.clone(), now);
            self.asking.spawn(async move { (place, looking.await) });
        }
    }

    /// Takes in what was counted meanwhile. The places of the sources that did.
    pub fn take_in(&mut self) -> Vec<usize> {
        let mut answered = Vec::new();
        while let Some(looked) = self.asking.try_join_next() {
            let (source, looks) =
                looked.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()));
            answered.extend((!looks.is_empty()).then_some(source));
            self.known.extend(looks.into_iter().map(|(at, look)| ((source, at), look)));
        }
        answered
    }

    /// What a source's manager received of the agents behind these entities since the first look; nothing of
    /// those that were not looked at, or have logged since.
    pub async fn since(
        &self,
        (place, source): (usize, &dyn Source),
        (documents, fleet): (&dyn Source, &Fleet),
        entities: &[usize],
        until: Instant,
        now: i64,
    ) -> Vec<(usize, Received)> {
        let first = |at: &usize| {
            let (look, entity) = (self.known.get(&(place, *at))?, &fleet.entities()[*at]);
            let agent = documents.agent_of(&entity.key)?;
            (look.last_seen == entity.last_seen).then_some((*at, look, agent))
        };
        let known: Vec<(usize, &Look, &str)> = entities.iter().filter_map(first).collect();
        if known.is_empty() {
            return Vec::new();
        }
        let agents: Vec<&str> = known.iter().map(|(.., agent)| *agent).collect();
        let counted = counted(&agents, in_time(until, source.counters(&each_once(&agents))).await);
        let received = |((at, look, _), counted): ((usize, &Look, &str), Option<Counted>)| {
            Some((at, Received::between(look.counted, counted?, now - look.at)))
        };
        known.into_iter().zip(counted).filter_map(received).collect()
    }
}

/// What is counted of these entities (their places, newest life signs and agents) at `now` or whenever the source
/// answers.
async fn look(
    source: Arc<dyn Source>,
    of: Vec<(usize, Option<i64>, String)>,
    now: i64,
) -> Vec<(usize, Look)> {
    let began = Instant::now();
    let agents: Vec<&str> = of.iter().map(|(.., agent)| agent.as_str()).collect();
    let counted = counted(&agents, source.counters(&each_once(&agents)).await);
    let at = now + i64::try_from(began.elapsed().as_millis()).unwrap_or_default();
    let look = |((place, last_seen, _), counted): (&(usize, Option<i64>, String), Option<Counted>)| {
        Some((*place, Look { at, last_seen: *last_seen, counted: counted? }))
    };
    of.iter().zip(counted).filter_map(look).collect()
}

fn is_late(fleet: &Fleet, at: usize, now: i64) -> bool {
    let entity: &Entity = &fleet.entities()[at];
    fleet.due(entity, now) - now <= threshold(fleet.policy(entity)) / LAST_PART
}

/// Each costs a request, and several entities may be parts of one agent.
fn each_once<'a>(agents: &[&'a str]) -> Vec<&'a str> {
    Vec::from_iter(BTreeSet::from_iter(agents.iter().copied()))
}

/// What an answer says of each agent.
fn counted(agents: &[&str], answer: Result<Vec<Counters>, SourceError>) -> Vec<Option<Counted>> {
    let known = answer.unwrap_or_else(|error| {
        tracing::warn!("cannot read what the manager counted: {error}");
        Vec::new()
    });
    agents.iter().map(|id| known.iter().find(|one| one.key == *id).map(|one| one.counted)).collect()
}
