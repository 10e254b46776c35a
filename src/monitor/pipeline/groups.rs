//! The groups of a fleet at one moment. Pure.

use std::cell::OnceCell;
use std::collections::BTreeMap;

use super::common::{Common, commons};
use super::fate::LONGEST_WAIT;
use super::tally::{Allowed, Flow, Standing, Tally};
use crate::config::Pipeline;
use crate::journal::entities::{Part, Silence};
use crate::journal::incidents::Stall;
use crate::monitor::fleet::{Changed, Entity, Fleet};
use crate::monitor::verdict::{State, Transition, Verdict};

/// The groups of a fleet at one moment.
pub struct Groups<'a> {
    pub fleet: &'a Fleet,
    pub limits: &'a Pipeline,
    /// In milliseconds.
    pub now: i64,
    pub tallies: BTreeMap<Common, Tally>,
    flows: BTreeMap<Common, Flow>,
    /// Whether logs are expected of an entity of each kind: asked once for a kind, not for each of thousands.
    expects: Vec<OnceCell<bool>>,
    /// Places of entities that fell silent now or lately, and are part of nothing yet.
    pub lost: Vec<usize>,
    /// Places of those that were silent when they were first looked at, and stopped when others did.
    pub found: Vec<usize>,
    open: &'a BTreeMap<Common, Stall>,
    /// Places of entities that are silent, and explained by what is known.
    pub held: Vec<usize>,
}

impl<'a> Groups<'a> {
    /// As they are when entities have changed like this, with these stalls `open`.
    pub fn of(
        fleet: &'a Fleet,
        changed: &[Changed],
        open: &'a BTreeMap<Common, Stall>,
        limits: &'a Pipeline,
        now: i64,
    ) -> Self {
        let mut groups = Self {
            fleet,
            limits,
            now,
            open,
            tallies: BTreeMap::new(),
            flows: BTreeMap::new(),
            expects: vec![OnceCell::new(); fleet.kinds()],
            lost: Vec::new(),
            found: Vec::new(),
            held: Vec::new(),
        };
        let mut standings: Vec<Standing> =
            fleet.entities().iter().map(|entity| groups.standing(entity)).collect();
        for Changed { at, transition } in changed {
            if matches!(transition, Transition::FellSilent | Transition::Stopped { .. }) {
                standings[*at] = groups.of_lost(&fleet.entities()[*at]);
            }
        }
        groups.count(&standings);
        let found = changed.iter().filter(|changed| changed.transition == Transition::FoundSilent);
        groups.count_found(&found.map(|changed| changed.at).collect::<Vec<_>>());
        let flow = |(common, tally): (&Common, &Tally)| (common.clone(), tally.flow(limits.count));
        groups.flows = groups.tallies.iter().map(flow).collect();
        groups
    }

    /// Most entities are of a few kinds: they are counted by kind, and the kinds by group.
    fn count(&mut self, standings: &[Standing]) {
        let fleet = self.fleet;
        let mut kinds: Vec<Option<(&Entity, Tally)>> = vec![None; fleet.kinds()];
        for ((at, entity), standing) in fleet.entities().iter().enumerate().zip(standings) {
            match standing {
                Standing::Lost | Standing::Thin => self.lost.push(at),
                Standing::Held => self.held.push(at),
                Standing::Logging | Standing::Aside => {}
            }
            let (_, tally) = kinds[fleet.kind(entity)].get_or_insert_with(|| (entity, Tally::default()));
            tally.add(entity.last_seen, *standing, || self.allowed(entity));
        }
        for (entity, tally) in kinds.into_iter().flatten() {
            for common in commons(fleet, entity) {
                self.tallies.entry(common).or_default().merge(&tally);
            }
        }
    }

    /// What silence those of its policy and node are allowed.
    pub fn allowed(&self, entity: &Entity) -> Allowed {
        Allowed::by(self.fleet.policy(entity), self.fleet.lag_of(entity), self.now)
    }

    fn standing(&self, entity: &Entity) -> Standing {
        match entity.state {
            // Nobody expects anything of it now.
            State::Fresh | State::New if !self.expects(entity) => Standing::Aside,
            State::Fresh => Standing::Logging,
            // At the first look nobody was judged yet, but it logged until now.
            State::New if entity.last_seen.is_some() && !self.is_due(entity) => Standing::Logging,
            State::New => Standing::Aside,
            // It is back, or would be if it did not flap.
            State::Silent { .. } if self.fleet.verdict(entity, self.now) == Verdict::Fresh => {
                Standing::Logging
            }
            State::Silent { silence, .. } => match silence.part {
                Part::Of(_) => Standing::Held,
                Part::Alone | Part::Led(_) if self.counts_to_any(entity, silence) => Standing::Held,
                Part::Alone | Part::Led(_) if self.fell_before(self.now, entity, silence) => {
                    self.of_lost(entity)
                }
                Part::Alone | Part::Led(_) | Part::FreeSince(_) => Standing::Aside,
            },
        }
    }

    fn expects(&self, entity: &Entity) -> bool {
        let known = &self.expects[self.fleet.kind(entity)];
        *known.get_or_init(|| self.fleet.policy(entity).expects(self.now))
    }

    /// Whether it was told shortly before `then`, and was not silent for long by then: whoever was, when
    /// log-monitor first looked, did not fall silent with others.
    fn fell_before(&self, then: i64, entity: &Entity, silence: Silence) -> bool {
        let begin = then - self.window();
        (begin..=then).contains(&silence.noticed())
            && self.fleet.due(entity, self.now) >= begin - LONGEST_WAIT
    }

    fn of_lost(&self, entity: &Entity) -> Standing {
        if self.is_due(entity) { Standing::Lost } else { Standing::Thin }
    }

    pub fn is_due(&self, entity: &Entity) -> bool {
        self.fleet.due(entity, self.now) <= self.now
    }

    /// Whether it was told by itself shortly before a stall was noticed, of which it is as well.
    pub fn led_to(&self, entity: &Entity, silence: Silence, common: &Common, stall: &Stall) -> bool {
        self.fell_before(stall.noticed, entity, silence) && commons(self.fleet, entity).contains(common)
    }

    fn counts_to_any(&self, entity: &Entity, silence: Silence) -> bool {
        self.open.iter().any(|(common, stall)| self.counts_to(entity, silence, common, stall))
    }

    /// Whether it was told by itself, and counts to a stall all the same.
    fn counts_to(&self, entity: &Entity, silence: Silence, common: &Common, stall: &Stall) -> bool {
        self.led_to(entity, silence, common, stall) || self.stopped_in(entity, silence, common, stall)
    }

    /// Whether it began to log less with a stall, has stopped, and was told so by itself.
    fn stopped_in(&self, entity: &Entity, silence: Silence, common: &Common, stall: &Stall) -> bool {
        let began = (silence.opened - stall.opened).abs() <= self.window();
        silence.worsened.is_some() && began && commons(self.fleet, entity).contains(common)
    }

    pub fn window(&self) -> i64 {
        i64::try_from(self.limits.window.as_millis()).unwrap_or(i64::MAX / 4)
    }

    /// How documents of a group come.
    pub fn flow(&self, common: &Common) -> Flow {
        self.flows.get(common).copied().unwrap_or(Flow::Flowing)
    }

    /// The group of a known stall, if it is not stalled any more or is none any more.
    pub fn is_over(&self, common: &Common, stall: &Stall) -> Option<(Common, Tally)> {
        let Some(tally) = self.tallies.get(common) else {
            // After a restart nodes are not known before the source has told them.
            let unknown = matches!(common, Common::Node(_)) && !self.fleet.knows_nodes();
            return (!unknown).then(|| (common.clone(), Tally::default()));
        };
        let held = self.held.iter().filter(|at| self.is_of(**at, common, stall)).count();
        // Who falls silent in this round is not part of it yet; who gets worse in it was.
        let begins = self.now <= stall.noticed + self.window();
        let lost = |at: usize| begins && self.shares(at, common) || self.is_of(at, common, stall);
        let lost = self.lost.iter().filter(|at| lost(**at)).count();
        (!tally.is_stalled(held + lost, self.limits)).then(|| (common.clone(), tally.clone()))
    }

    pub fn is_of(&self, at: usize, common: &Common, stall: &Stall) -> bool {
        let entity = &self.fleet.entities()[at];
        entity.silence().is_some_and(|silence| match silence.part {
            Part::Alone | Part::Led(_) => self.counts_to(entity, silence, common, stall),
            part => part == Part::Of(stall.incident),
        })
    }

    pub fn shares(&self, at: usize, common: &Common) -> bool {
        commons(self.fleet, &self.fleet.entities()[at]).contains(common)
    }
}
