//! Whether silences have one cause: everything of a watch, a node or a label that falls silent at
//! once did not break one by one. Pure.
//!
//! Two signs of a stalled pipeline: a share of a group fell silent within a window, or the newest
//! document of the whole group is older than the shortest silence that any of its members is
//! allowed. While the second is only in the making, verdicts wait, so that the first agents of a
//! broken node are not told one by one.

mod tally;

use std::cmp::Reverse;
use std::collections::BTreeMap;

use super::fleet::dependencies::Upstream;
use super::fleet::{Changed, Entity, Fleet, threshold};
use super::verdict::{State, Transition};
use crate::config::Pipeline;
use crate::config::latency::LONGEST_DOUBT;
use crate::journal::entities::Part;
use crate::journal::incidents::Stall;

pub use tally::{Common, Flow, Standing, Tally};

/// A verdict waits no longer than this, in milliseconds.
const LONGEST_WAIT: i64 = LONGEST_DOUBT.as_millis() as i64;

/// So many of a watch, in percent, are all of it.
const ALL: usize = 90;

/// What becomes of an entity that changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fate {
    /// It is told by itself.
    Told,
    /// It is part of this stall.
    PartOf(Common),
    /// Somebody on whom it depends is silent, with this incident.
    DependsOn(i64),
    /// It is judged later.
    Waits,
}

/// What a round found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sorted {
    /// New stalls, with the groups as they are.
    pub stalled: Vec<(Common, Tally)>,
    /// Stalls that are over, with the groups as they are.
    pub over: Vec<(Common, Tally)>,
    /// What becomes of each change, in order.
    pub fates: Vec<Fate>,
}

impl Sorted {
    /// Nothing in common.
    #[must_use]
    pub fn all_told(changes: usize) -> Self {
        Self { stalled: Vec::new(), over: Vec::new(), fates: vec![Fate::Told; changes] }
    }
}

/// Finds what the changes of a round have in common. `open` are the stalls that are known.
#[must_use]
pub fn sort(
    fleet: &Fleet,
    changed: &[Changed],
    open: &BTreeMap<Common, Stall>,
    limits: &Pipeline,
    now: i64,
) -> Sorted {
    // What fell silent shortly before a stall was noticed belongs to it as long as it lasts.
    let first = open.values().map(|stall| stall.opened).min().unwrap_or(now).min(now);
    let lately = first - limits.window.as_millis() as i64;
    let groups = Groups::of(fleet, changed, limits, lately, now);
    let over: Vec<(Common, Tally)> = open.keys().filter_map(|common| groups.is_over(common)).collect();
    let ended = |common: &Common| over.iter().any(|(known, _)| known == common);
    let mut known: Vec<Common> = open.keys().filter(|common| !ended(common)).cloned().collect();
    let stalled = groups.newly_stalled(&known);
    known.extend(stalled.iter().map(|(common, _)| common.clone()));
    known.sort();
    let fates = changed.iter().map(|changed| groups.fate(changed, &known)).collect();
    Sorted { stalled, over, fates }
}

/// The groups of a fleet at one moment.
struct Groups<'a> {
    fleet: &'a Fleet,
    limits: &'a Pipeline,
    now: i64,
    tallies: BTreeMap<Common, Tally>,
    /// Places of entities that fell silent and are part of no stall yet.
    lost: Vec<usize>,
}

impl<'a> Groups<'a> {
    fn of(fleet: &'a Fleet, changed: &[Changed], limits: &'a Pipeline, lately: i64, now: i64) -> Self {
        let mut standings: Vec<Standing> =
            fleet.entities().iter().map(|entity| standing(fleet, entity, lately, now)).collect();
        for Changed { at, transition } in changed {
            match transition {
                Transition::FellSilent => standings[*at] = Standing::Lost,
                Transition::Recovered { .. } => standings[*at] = Standing::Logging,
                Transition::FoundSilent | Transition::StillSilent { .. } => {}
            }
        }
        // Most entities are of a few kinds: they are counted by kind, and the kinds by group.
        let mut kinds: Vec<Option<(&Entity, Tally)>> = vec![None; fleet.kinds()];
        let mut lost = Vec::new();
        for ((at, entity), standing) in fleet.entities().iter().enumerate().zip(standings) {
            if standing == Standing::Lost && !is_part(entity) {
                lost.push(at);
            }
            let (_, tally) = kinds[fleet.kind(entity)].get_or_insert_with(|| (entity, Tally::default()));
            tally.add(entity, threshold(fleet.policy(entity)), standing);
        }
        let mut tallies: BTreeMap<Common, Tally> = BTreeMap::new();
        for (entity, tally) in kinds.into_iter().flatten() {
            commons(fleet, entity)
                .into_iter()
                .for_each(|common| tallies.entry(common).or_default().merge(&tally));
        }
        Self { fleet, limits, now, tallies, lost }
    }

    fn flow(&self, common: &Common) -> Flow {
        self.tallies.get(common).map_or(Flow::Flowing, |tally| tally.flow(self.limits, self.now))
    }

    /// The group of a known stall, if it flows again or is no more.
    fn is_over(&self, common: &Common) -> Option<(Common, Tally)> {
        // After a restart nodes are not known before the source has told them.
        let unknown = matches!(common, Common::Node(_)) && !self.fleet.knows_nodes();
        let over = self.flow(common) == Flow::Flowing && !unknown;
        over.then(|| (common.clone(), self.tallies.get(common).cloned().unwrap_or_default()))
    }

    /// The stalls that explain what the known ones do not: the watch if it is all of it, else the
    /// groups that explain most, and the watch for many that share nothing else.
    fn newly_stalled(&self, known: &[Common]) -> Vec<(Common, Tally)> {
        let new = |common: &&Common| !known.contains(common) && self.flow(common) == Flow::Stalled;
        if known.contains(&Common::Watch) || !self.tallies.keys().any(|common| new(&common)) {
            return Vec::new();
        }
        let mut left = self.unexplained(&self.lost, known);
        if left.is_empty() {
            return Vec::new();
        }
        let watch = self.tallies.get(&Common::Watch).cloned().unwrap_or_default();
        let stalled = self.flow(&Common::Watch) == Flow::Stalled;
        if stalled && (watch.lost * 100 >= watch.watched * ALL || self.is_quiet(&watch)) {
            return vec![(Common::Watch, watch)];
        }
        let mut found = Vec::new();
        while let Some((common, tally)) = self.best(&left, known, &found) {
            left = self.unexplained(&left, std::slice::from_ref(&common));
            found.push((common, tally));
        }
        if stalled && left.len() >= self.limits.count && found.is_empty() {
            found.push((Common::Watch, watch));
        }
        found
    }

    fn is_quiet(&self, tally: &Tally) -> bool {
        tally.newest.zip(tally.limit).is_some_and(|(newest, limit)| self.now - newest >= limit)
    }

    /// The stalled group, other than the watch, that explains most of `left`; of two equal ones the
    /// smaller.
    fn best(&self, left: &[usize], known: &[Common], found: &[(Common, Tally)]) -> Option<(Common, Tally)> {
        let mut explains: BTreeMap<Common, usize> = BTreeMap::new();
        for common in left.iter().flat_map(|at| commons(self.fleet, &self.fleet.entities()[*at])) {
            *explains.entry(common).or_default() += 1;
        }
        let new = |common: &Common| {
            *common != Common::Watch && !known.contains(common) && found.iter().all(|(one, _)| one != common)
        };
        let enough = |common: &Common, count: usize| {
            self.flow(common) == Flow::Stalled
                && (count >= self.limits.count || self.is_quiet(&self.tallies[common]))
        };
        explains
            .into_iter()
            .filter(|(common, count)| new(common) && enough(common, *count))
            .max_by_key(|(common, count)| (*count, Reverse(self.tallies[common].watched)))
            .map(|(common, _)| (common.clone(), self.tallies[&common].clone()))
    }

    fn unexplained(&self, lost: &[usize], known: &[Common]) -> Vec<usize> {
        let explained = |at: &usize| self.explained_by(*at, known).is_some();
        lost.iter().copied().filter(|at| !explained(at)).collect()
    }

    fn explained_by(&self, at: usize, known: &[Common]) -> Option<Common> {
        let own = commons(self.fleet, &self.fleet.entities()[at]);
        own.into_iter().find(|common| known.contains(common))
    }

    fn fate(&self, changed: &Changed, known: &[Common]) -> Fate {
        let entity = &self.fleet.entities()[changed.at];
        let explained = || self.explained_by(changed.at, known);
        match changed.transition {
            Transition::Recovered { .. } => Fate::Told,
            Transition::FellSilent | Transition::FoundSilent | Transition::StillSilent { .. } => {
                let upstream = self.fleet.upstream(changed.at, self.now);
                let may_wait = changed.transition == Transition::FellSilent && self.may_wait(entity);
                match (explained(), upstream) {
                    (Some(common), _) => Fate::PartOf(common),
                    (None, Upstream::Down(incident)) => Fate::DependsOn(incident),
                    (None, Upstream::Unknown) if may_wait => Fate::Waits,
                    (None, _) if may_wait && self.is_doubtful(entity) => Fate::Waits,
                    (None, _) => Fate::Told,
                }
            }
        }
    }

    fn may_wait(&self, entity: &Entity) -> bool {
        self.now.saturating_sub(self.fleet.due(entity, self.now)) < LONGEST_WAIT
    }

    /// Whether it should not be judged yet, since its watch or node may be stalling.
    fn is_doubtful(&self, entity: &Entity) -> bool {
        let doubtful =
            |common: &Common| !matches!(common, Common::Label(..)) && self.flow(common) == Flow::Doubtful;
        commons(self.fleet, entity).iter().any(doubtful)
    }
}

fn standing(fleet: &Fleet, entity: &Entity, lately: i64, now: i64) -> Standing {
    match entity.state {
        // Nobody expects anything of it now.
        State::Fresh if !fleet.policy(entity).expects(now) => Standing::Aside,
        State::Fresh => Standing::Logging,
        State::New => Standing::Aside,
        State::Silent { silence, .. } => match silence.part {
            Part::Of(_) => Standing::Lost,
            Part::Alone if silence.opened >= lately => Standing::Lost,
            Part::Alone | Part::FreeSince(_) => Standing::Aside,
        },
    }
}

const fn is_part(entity: &Entity) -> bool {
    matches!(entity.state, State::Silent { silence, .. } if matches!(silence.part, Part::Of(_)))
}

/// What an entity has in common with others, the widest first.
fn commons(fleet: &Fleet, entity: &Entity) -> Vec<Common> {
    let node = fleet.node(entity).map(|name| Common::Node(name.to_owned()));
    let labels = fleet.policy(entity).labels.iter().filter(|(label, _)| *label != "severity");
    let labels = labels.map(|(label, value)| Common::Label(label.clone(), value.clone()));
    [Common::Watch].into_iter().chain(node).chain(labels).collect()
}
