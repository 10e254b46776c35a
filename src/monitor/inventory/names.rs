//! Agents of one name: enrolled anew, or twice. Pure.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::doubt::still_logs;
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
        [new, other] if other.id == old.id => Some((old.id.clone(), new.id.clone())),
        _ => None,
    };
    absent.iter().filter_map(heir).collect()
}

/// Those of the newcomers whose name somebody has who came before them. Ids.
#[must_use]
pub fn twins(appeared: &[Agent], listed: &BTreeMap<String, Agent>) -> Vec<String> {
    let new: HashSet<&str> = appeared.iter().map(|agent| agent.id.as_str()).collect();
    let later = by_age(listed).into_iter().flat_map(|bearers| bearers.into_iter().skip(1));
    later.filter(|agent| new.contains(agent.id.as_str())).map(|agent| agent.id.clone()).collect()
}

/// Those of the `newcomers`, each with its time in milliseconds, whose name somebody has who came before them and has
/// logged since; with the one of these who logged last. Ids.
#[must_use]
pub fn sure_twins(
    newcomers: &BTreeMap<String, i64>,
    listed: &BTreeMap<String, Agent>,
    last_seen: impl Fn(&str) -> Option<i64>,
) -> BTreeMap<String, String> {
    let mut sure = BTreeMap::new();
    if newcomers.is_empty() {
        return sure;
    }
    for bearers in by_age(listed) {
        let mut last: Option<(i64, &str)> = None;
        for Agent { id, .. } in bearers {
            let since = newcomers.get(id);
            let other = last.filter(|(seen, _)| since.is_some_and(|since| still_logs(Some(*seen), *since)));
            sure.extend(other.map(|(_, other)| (id.clone(), other.to_owned())));
            let seen = last_seen(id).filter(|seen| last.is_none_or(|(newest, _)| *seen > newest));
            last = seen.map(|seen| (seen, id.as_str())).or(last);
        }
    }
    sure
}

/// The bearers of each name, whoever came first before the others.
fn by_age(listed: &BTreeMap<String, Agent>) -> Vec<Vec<&Agent>> {
    let mut names: Vec<Vec<&Agent>> = by_name(listed.values()).into_values().collect();
    let from = |agent: &Agent| agent.listed.as_ref().and_then(|listed| listed.watched_from);
    names.iter_mut().for_each(|bearers| bearers.sort_by_key(|agent| from(agent)));
    names
}

fn by_name<'a>(agents: impl Iterator<Item = &'a Agent>) -> HashMap<&'a str, Vec<&'a Agent>> {
    let mut bearers: HashMap<&str, Vec<&Agent>> = HashMap::new();
    for agent in agents.filter(|agent| !agent.label.is_empty()) {
        bearers.entry(&agent.label).or_default().push(agent);
    }
    bearers
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_namesakes_nobody_is_looked_up() {
        let listed = BTreeMap::from([("001".to_owned(), Agent::in_file("001", "web-01"))]);
        let looked_up = |id: &str| panic!("{id} is looked up");
        assert!(sure_twins(&BTreeMap::new(), &listed, looked_up).is_empty());
    }
}
