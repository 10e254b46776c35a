//! What a list changes. Pure.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::doubt::STILL_LOGS;
use super::{Doubt, Fate, Memory, Roll, millis, names};
use crate::config::{Agent, ListedAs};

/// What a list changes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Changes {
    /// Who is listed from now on, by id.
    pub agents: Vec<Agent>,
    /// Who was not listed before.
    pub appeared: Vec<Agent>,
    /// Who is not listed any more.
    pub gone: Vec<Agent>,
    /// Who is not listed any more and in the agent file: their id on the list and how the file names them.
    pub kept: Vec<(String, Agent)>,
    /// Who was enrolled anew: the old id and the agent as it is now.
    pub renamed: Vec<(String, Agent)>,
    /// Newcomers with the name of somebody else, who has logged since.
    pub twins: Vec<(Agent, String)>,
    /// How many are too many to be watched, when that is new.
    pub left_out: usize,
    /// How many are on the list, where the rules want none of them and that is new.
    pub unwanted: usize,
    /// It lacks agents, and is not believed in that.
    pub doubt: Option<Doubt>,
}

impl Changes {
    /// Whose history goes on under another id: the old one and the new one.
    #[must_use]
    pub fn moved(&self) -> Vec<(String, String)> {
        let pairs = self.renamed.iter().chain(&self.kept);
        pairs.map(|(old, new)| (old.clone(), new.id.clone())).filter(|(old, new)| old != new).collect()
    }
}

impl Roll<'_> {
    /// By the fates of those that are not on the list; `doubted` is whether these were removed.
    pub(super) fn changes(
        &self,
        known: &[&Agent],
        mut listed: BTreeMap<String, Agent>,
        fates: Vec<(&Agent, Fate)>,
        doubted: bool,
        memory: &mut Memory,
    ) -> Changes {
        let mut changes = Changes::default();
        let (mut stay, mut renamed) = (Vec::new(), Vec::new());
        for (agent, fate) in fates {
            match fate {
                Fate::Renamed(new) => renamed.push((agent.id.clone(), new)),
                Fate::Gone => match self.as_in_file(agent) {
                    Some(in_file) => changes.kept.push((agent.id.clone(), in_file)),
                    None => changes.gone.push(agent.clone()),
                },
                Fate::MayBeRenamed | Fate::Waits if !doubted => stay.push(self.given_time(agent)),
                Fate::MayBeRenamed | Fate::Logs | Fate::Waits => stay.push(agent.clone()),
            }
        }
        self.remember_ids(known.iter().copied().chain(self.in_file), &renamed, &mut listed);
        hand_on_beginnings(known, &renamed, &mut listed);
        changes.renamed = renamed.into_iter().map(|(old, new)| (old, listed[&new].clone())).collect();
        changes.appeared = self.newcomers(known, &mut listed, &changes.renamed);
        memory.note_twins(names::twins(&changes.appeared, &listed), self.now);
        listed.extend(stay.into_iter().map(|agent| (agent.id.clone(), agent)));
        let twins = memory.sure_twins(&listed, |id| (self.last_seen)(id).flatten()).into_iter();
        changes.twins = twins.map(|(new, other)| (listed[&new].clone(), other)).collect();
        changes.agents = listed.into_values().collect();
        changes
    }

    /// Whoever was removed is not silent: until the next list nobody is told so.
    fn given_time(&self, agent: &Agent) -> Agent {
        let mut agent = agent.clone();
        if self.whole {
            agent.listed.get_or_insert_default().spared_until = Some(self.next_list());
        }
        agent
    }

    /// When the next list is there, and who logs by then is known, in milliseconds.
    fn next_list(&self) -> i64 {
        self.now.saturating_add(millis(self.rules.every)).saturating_add(STILL_LOGS)
    }

    /// Who is new, each with its probation; on the first list nobody has one.
    fn newcomers(
        &self,
        known: &[&Agent],
        listed: &mut BTreeMap<String, Agent>,
        renamed: &[(String, Agent)],
    ) -> Vec<Agent> {
        let heirs = renamed.iter().map(|(_, agent)| agent.id.as_str());
        let old: HashSet<&str> = known.iter().map(|agent| agent.id.as_str()).chain(heirs).collect();
        let from = (!known.is_empty()).then(|| self.now.saturating_add(millis(self.rules.probation)));
        let new = listed.values_mut().filter(|agent| !old.contains(agent.id.as_str()));
        new.map(|agent| {
            let listed = agent.listed.get_or_insert_default();
            (listed.watched_from, listed.listed_since) = (from, Some(self.now));
            agent.clone()
        })
        .collect()
    }
}

/// Whoever was enrolled anew is watched since its old id was.
fn hand_on_beginnings(known: &[&Agent], renamed: &[(String, String)], listed: &mut BTreeMap<String, Agent>) {
    let heirs: HashMap<&str, &str> = renamed.iter().map(|(old, new)| (old.as_str(), new.as_str())).collect();
    for agent in known {
        if let Some(heir) = heirs.get(agent.id.as_str()).and_then(|new| listed.get_mut(*new)) {
            hand_on(agent, heir);
        }
    }
}

/// Since when each is watched stays as it is.
pub(super) fn keep_beginnings(known: &[&Agent], listed: &mut BTreeMap<String, Agent>) {
    for agent in known {
        if let Some(now) = listed.get_mut(&agent.id) {
            hand_on(agent, now);
        }
    }
}

fn hand_on(from: &Agent, to: &mut Agent) {
    let begins = |listed: &ListedAs| (listed.watched_from, listed.listed_since);
    let begins = from.listed.as_ref().map(begins).unwrap_or_default();
    let to = to.listed.get_or_insert_default();
    (to.watched_from, to.listed_since) = begins;
}
