//! What a round writes down: from verdicts, and what they have in common, to changes of the journal;
//! and from what the journal answers to the fleet's new state. Pure.

use std::collections::{BTreeMap, HashMap};

use log_monitor_channels::Event;

use super::Setup;
use super::finding::Finding;
use super::fleet::{self, Changed, Entity, Fleet, Outcome};
use super::outage::Outage;
use super::pipeline::{Begun, Common, Fate, Sorted, Stalls, Tally};
use super::verdict::Transition;
use super::words;
use super::words::way::Way;
use crate::config::Watch;
use crate::journal::entities::{Logging, Part, Silence};
use crate::journal::incidents::{Stall, Subject};
use crate::record::{Change, EntityChange, IncidentChange, Whole};

/// The surroundings of a round.
pub struct Round<'a> {
    /// The watch.
    pub setup: &'a Setup,
    /// Its entities, before the round's changes.
    pub fleet: &'a Fleet,
    /// What was found out about entities, by their place.
    pub findings: &'a HashMap<usize, Finding>,
    /// The stalls that are open.
    pub stalls: &'a Stalls,
    /// How long those that are over lasted, by their incidents.
    pub outages: &'a BTreeMap<i64, Outage>,
    /// In milliseconds.
    pub now: i64,
}

impl Round<'_> {
    /// First the stalls that are over, of which some may begin anew, then new ones and those that are worse (others
    /// refer to them by their place), then the entities.
    #[must_use]
    pub fn changes(&self, changed: &[Changed], sorted: &Sorted) -> Vec<Change> {
        let stalled = sorted.stalled.iter().map(|begun| {
            let mut event = self.stalled(begun);
            let flapping = self.stalls.flapping(&begun.common, self.now);
            event.detail.extend(flapping.map(|flapping| format!(" {}", flapping.of_stall())));
            let logging = begun.tally.logging_of_lost();
            Change { logging, ..Change::event(IncidentChange::Open(Subject::Pipeline), event) }
        });
        let worse = sorted.worse.iter().filter_map(|begun| {
            let mut event = self.stalled(begun);
            event.detail.insert_str(0, "It has got worse. ");
            Some(Change::event(IncidentChange::Worsen(self.stalls.of(&begun.common)?.incident), event))
        });
        let told = changed.iter().zip(&sorted.fates).filter_map(|(changed, fate)| match fate {
            Fate::Told => Some(self.change(changed, None)),
            Fate::Waits => None,
            Fate::PartOf(_) | Fate::DependsOn(_)
                if matches!(changed.transition, Transition::StillSilent { .. }) =>
            {
                None
            }
            Fate::PartOf(common) => {
                Some(self.change(changed, self.whole(sorted, common).map(|whole| (whole, "pipeline"))))
            }
            Fate::DependsOn(incident) => {
                Some(self.change(changed, Some((Whole::Incident(*incident), "dependency"))))
            }
        });
        self.over(sorted)
            .map(|(common, tally, stall)| self.ends(common, tally, stall, changed))
            .chain(stalled)
            .chain(worse)
            .chain(told)
            .collect()
    }

    /// The stalls that are over, as they were known.
    fn over<'s>(&'s self, sorted: &'s Sorted) -> impl Iterator<Item = (&'s Common, &'s Tally, Stall)> + 's {
        sorted.over.iter().filter_map(|(common, tally)| Some((common, tally, self.stalls.of(common)?)))
    }

    fn ends(&self, common: &Common, tally: &Tally, stall: Stall, changed: &[Changed]) -> Change {
        let Stall { incident, logging, .. } = stall;
        // Who was left when it was over that time is told by now.
        let left = (!self.stalls.is_doubted(common))
            .then(|| words::names(self.fleet, &self.left(changed, incident)));
        let (watch, outage) = (&self.setup.watch.name, self.outages.get(&incident));
        let event = words::flows_again(watch, common, (tally, logging), left.as_deref(), outage, self.now);
        Change::event(IncidentChange::Close(incident), event)
    }

    /// The incidents of the new stalls among those of [`changes`](Self::changes).
    #[must_use]
    pub fn of_stalls<'i>(&self, sorted: &Sorted, incidents: &'i [Option<i64>]) -> &'i [Option<i64>] {
        incidents.get(self.over(sorted).count()..).unwrap_or_default()
    }

    /// What becomes of the changed entities; `incidents` are those of [`changes`](Self::changes).
    #[must_use]
    pub fn outcomes(
        &self,
        changed: &[Changed],
        sorted: &Sorted,
        incidents: &[Option<i64>],
    ) -> Vec<(usize, Outcome)> {
        let stalls = self.of_stalls(sorted, incidents);
        let mut told = stalls.iter().skip(sorted.stalled.len() + sorted.worse.len()).copied();
        let mut outcomes = Vec::with_capacity(changed.len());
        for (changed, fate) in changed.iter().zip(&sorted.fates) {
            let outcome = match (fate, changed.transition) {
                (Fate::Waits, _) => Some(Outcome::Later(self.now + self.setup.watch.poll.as_millis() as i64)),
                (Fate::PartOf(_) | Fate::DependsOn(_), Transition::StillSilent { .. }) => None,
                (_, Transition::Recovered { .. }) => told.next().map(|_| Outcome::Fresh),
                (fate, _) => told.next().flatten().map(|incident| {
                    let part = self.part(fate, sorted, incidents);
                    Outcome::Silent(self.silence(changed, incident, part))
                }),
            };
            outcomes.extend(outcome.map(|outcome| (changed.at, outcome)));
        }
        outcomes
    }

    /// The way that the logs of the watch take.
    fn way(&self) -> &'static Way {
        Way::of(&*self.setup.source)
    }

    /// The words for a stall that begins, or gets worse.
    fn stalled(&self, begun: &Begun) -> Event {
        let names = words::names(self.fleet, &begun.lost);
        let Watch { name, pipeline, .. } = &self.setup.watch;
        words::stalled(name, begun, pipeline, &names, self.way(), self.now)
    }

    /// A silence as it is from now on, as the journal has it.
    fn silence(&self, changed: &Changed, incident: i64, part: Part) -> Silence {
        let before = self.fleet.entities()[changed.at].silence();
        let logging = self.logging(changed);
        let opened = before.map_or(self.now, |before| before.opened);
        let gets_worse = before.is_some_and(|before| before.logging != Logging::No) && logging == Logging::No;
        let worsened = before.and_then(|before| before.worsened).or(gets_worse.then_some(self.now));
        Silence { incident, opened, worsened, part, logging }
    }

    /// Whether it logs all the same.
    fn logging(&self, Changed { at, transition }: &Changed) -> Logging {
        match transition {
            Transition::Stopped { .. } => Logging::No,
            _ => self.findings.get(at).map_or(Logging::No, |finding| finding.cause.logging()),
        }
    }

    /// Whether a silence is told by itself.
    fn part(&self, fate: &Fate, sorted: &Sorted, incidents: &[Option<i64>]) -> Part {
        let whole = match fate {
            Fate::PartOf(common) => self.whole(sorted, common),
            Fate::DependsOn(incident) => Some(Whole::Incident(*incident)),
            Fate::Told | Fate::Waits => None,
        };
        match whole {
            Some(Whole::Incident(whole)) => Part::Of(whole),
            Some(Whole::OpenedBy(at)) => incidents.get(at).copied().flatten().map_or(Part::Alone, Part::Of),
            None => Part::Alone,
        }
    }

    /// An entity's change; `part` of what it is, and the word for that.
    fn change(&self, changed: &Changed, part: Option<(Whole, &str)>) -> Change {
        let entity = &self.fleet.entities()[changed.at];
        let policy = self.fleet.policy(entity);
        let incident = match changed.transition {
            Transition::FellSilent | Transition::FoundSilent => IncidentChange::Open(Subject::Agent),
            Transition::StillSilent { incident } | Transition::Stopped { incident } => {
                IncidentChange::Worsen(incident)
            }
            Transition::Recovered { incident, .. } => IncidentChange::Close(incident),
        };
        let nothing = Finding::default();
        let finding = self.findings.get(&changed.at).unwrap_or(&nothing);
        let watch = &self.setup.watch.name;
        let mut event =
            words::changed(watch, entity, policy, changed.transition, (finding, self.way()), self.now);
        if let Some(node) = self.fleet.node(entity) {
            event.labels.entry("node".to_owned()).or_insert_with(|| node.to_owned());
        }
        let part_of = part.map(|(whole, why)| {
            why.clone_into(&mut event.cause);
            whole
        });
        Change {
            incident,
            event,
            entity: EntityChange::Save(fleet::row(entity)),
            part_of,
            logging: self.logging(changed),
        }
    }

    /// The incident of a stall that is open, or is being opened by this round.
    fn whole(&self, sorted: &Sorted, common: &Common) -> Option<Whole> {
        let new = sorted.stalled.iter().position(|begun| begun.common == *common);
        new.map(|at| Whole::OpenedBy(self.over(sorted).count() + at))
            .or_else(|| self.stalls.of(common).map(|stall| Whole::Incident(stall.incident)))
    }

    /// Who fell silent with a stall, or shortly before, and is not back yet.
    fn left(&self, changed: &[Changed], incident: i64) -> Vec<usize> {
        let back: Vec<usize> = changed
            .iter()
            .filter(|changed| matches!(changed.transition, Transition::Recovered { .. }))
            .map(|changed| changed.at)
            .collect();
        let entities = self.fleet.entities().iter().enumerate();
        let part =
            |entity: &Entity| entity.silence().is_some_and(|silence| silence.part.whole() == Some(incident));
        entities.filter(|(at, entity)| part(entity) && !back.contains(at)).map(|(at, _)| at).collect()
    }
}
