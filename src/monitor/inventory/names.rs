//! Agents of one name: enrolled anew, or twice. Pure.

use std::collections::{BTreeMap, HashMap};

use super::{Memory, Roll};
use crate::config::Agent;

impl Roll<'_> {
    /// Of the `known` who have stopped, whose name one other agent of the list has, and nobody else: old id to
    /// new.
    #[must_use]
    pub fn namesakes(&self, known: &[Agent], stopped: &HashMap<&str, i64>) -> HashMap<String, String> {
        let (mut listed, _) = self.wanted(known);
        listed.retain(|id, _| !stopped.contains_key(id.as_str()));
        let stopped: Vec<&Agent> =
            known.iter().filter(|agent| stopped.contains_key(agent.id.as_str())).collect();
        heirs(&stopped, &listed)
    }

    /// Who was replaced before and is on the list, with its last log until then, in milliseconds.
    #[must_use]
    pub fn on_it_and_replaced(&self, memory: &Memory) -> HashMap<&str, i64> {
        let replaced = |key: &str| memory.last_log_of_replaced(key);
        self.listed.iter().filter_map(|listed| Some((&*listed.key, replaced(&listed.key)?))).collect()
    }
}

/// Whoever is absent while exactly one agent of the list has their name, which nobody else has, may have
/// been enrolled anew: old id to new.
#[must_use]
pub fn heirs(absent: &[&Agent], listed: &BTreeMap<String, Agent>) -> HashMap<String, String> {
    let bearers = by_name(listed.values().chain(absent.iter().copied()));
    let heir = |old: &&Agent| match bearers.get(old.label.as_str())?.as_slice() {
        [new, other] if *other == old.id => Some((old.id.clone(), (*new).to_owned())),
        _ => None,
    };
    absent.iter().filter_map(heir).collect()
}

/// Those of the newcomers whose name another agent has, with that one; of newcomers of one name all but
/// the first. Ids.
#[must_use]
pub fn twins(appeared: &[Agent], listed: &BTreeMap<String, Agent>) -> Vec<(String, String)> {
    let bearers = by_name(listed.values());
    let new: std::collections::HashSet<&str> = appeared.iter().map(|agent| agent.id.as_str()).collect();
    let other = |agent: &Agent| {
        let ids = bearers.get(agent.label.as_str())?;
        let before = |id: &&&str| !new.contains(**id) || **id < agent.id.as_str();
        ids.iter().find(before).map(|id| (agent.id.clone(), (*id).to_owned()))
    };
    appeared.iter().filter_map(other).collect()
}

fn by_name<'a>(agents: impl Iterator<Item = &'a Agent>) -> HashMap<&'a str, Vec<&'a str>> {
    let mut ids: HashMap<&str, Vec<&str>> = HashMap::new();
    for agent in agents.filter(|agent| !agent.label.is_empty()) {
        ids.entry(&agent.label).or_default().push(&agent.id);
    }
    ids
}
