//! Agents that the agent file names, beside a list. Pure.
//!
//! Whom the file names is watched whatever a list says. A list only tells under which id: one that was
//! enrolled anew is watched in the place of the one that the file names.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::{Fate, Memory, Roll, names};
use crate::config::{Agent, ListedAs};

impl Roll<'_> {
    /// The agents of the file that neither the list nor those before have, nor in their place another one.
    pub(super) fn only_in_file(&self, known: &[&Agent], listed: &BTreeMap<String, Agent>) -> Vec<&Agent> {
        let ids: HashSet<&str> = known.iter().flat_map(|agent| agent.ids()).collect();
        let is_new = |agent: &&Agent| !ids.contains(agent.id.as_str()) && !listed.contains_key(&agent.id);
        self.in_file.iter().filter(is_new).collect()
    }

    /// Those of them under whose name another one is known by now, which logs later. One list alone is not
    /// enough.
    pub(super) fn found_anew<'a>(
        &self,
        only_in_file: &[&'a Agent],
        known: &HashSet<&str>,
        listed: &BTreeMap<String, Agent>,
        memory: &Memory,
    ) -> Vec<(&'a Agent, Fate)> {
        let mut heirs = names::heirs(only_in_file, listed);
        let seen = |id: &str| (self.last_seen)(id).flatten();
        let sure = |id: &str| memory.missing_since(id).is_some();
        heirs.retain(|old, new| known.contains(new.as_str()) && seen(new) > seen(old) && sure(old));
        let anew = |agent: &&'a Agent| Some((*agent, Fate::Renamed(heirs.get(&agent.id)?.clone())));
        only_in_file.iter().filter_map(anew).collect()
    }

    /// The agent as the file names it, by the id that it has or by one that it had.
    pub(super) fn as_in_file(&self, agent: &Agent) -> Option<Agent> {
        agent.ids().find_map(|id| self.in_file.iter().find(|in_file| in_file.id == id)).cloned()
    }

    /// By which ids the file names whoever was enrolled anew, as far as the list does not have them:
    /// `before` are those that were known.
    pub(super) fn remember_ids<'k>(
        &self,
        before: impl Iterator<Item = &'k Agent>,
        renamed: &[(String, String)],
        listed: &mut BTreeMap<String, Agent>,
    ) {
        let heirs: HashMap<&str, &str> =
            renamed.iter().map(|(old, new)| (old.as_str(), new.as_str())).collect();
        let in_file: HashSet<&str> = self.in_file.iter().map(|agent| agent.id.as_str()).collect();
        for agent in before {
            let now = heirs.get(agent.id.as_str()).copied().unwrap_or(&agent.id);
            let old = agent.ids().filter(|id| *id != now && in_file.contains(id));
            let old: Vec<String> = old.filter(|id| !listed.contains_key(*id)).map(str::to_owned).collect();
            let Some(now) = listed.get_mut(now).filter(|_| !old.is_empty()) else { continue };
            let was = &mut now.listed.get_or_insert_default().was;
            was.extend(old);
            was.sort();
            was.dedup();
        }
    }
}

/// Who is watched in all: the agent file's, with what the list says of them, and the listed. Whoever was
/// enrolled anew stands in the place of the one that the file names.
#[must_use]
pub fn together(in_file: Vec<Agent>, listed: Vec<Agent>) -> Vec<Agent> {
    let mut listed: BTreeMap<String, Agent> = listed.into_iter().map(|a| (a.id.clone(), a)).collect();
    let heir = |agent: &Agent| agent.ids().skip(1).map(|was| (was.to_owned(), agent.id.clone())).collect();
    let heirs: HashMap<String, String> = listed.values().flat_map::<Vec<_>, _>(heir).collect();
    let mut taken: HashSet<String> = in_file.iter().map(|agent| agent.id.clone()).collect();
    let mut all: Vec<Agent> = Vec::new();
    for mut agent in in_file {
        if let Some(heir) = heirs.get(&agent.id).filter(|_| !listed.contains_key(&agent.id)) {
            if !taken.insert(heir.clone()) {
                continue;
            }
            agent.id.clone_from(heir);
        }
        if let Some(known) = listed.remove(&agent.id) {
            let from_the_start =
                |listed| ListedAs { watched_from: None, listed_since: None, spared_until: None, ..listed };
            agent.listed = known.listed.map(from_the_start);
            if agent.label.is_empty() {
                agent.label = known.label;
            }
        }
        all.push(agent);
    }
    all.extend(listed.into_values());
    all
}

/// The agents of a list that is read for a single look, with the ids that the `known` ones had.
#[must_use]
pub fn with_old_ids(mut listed: Vec<Agent>, known: &[Agent]) -> Vec<Agent> {
    let old = |agent: &Agent| {
        let known = known.iter().find(|known| known.id == agent.id)?;
        Some(known.listed.as_ref()?.was.clone())
    };
    for agent in &mut listed {
        if let Some(was) = old(agent) {
            agent.listed.get_or_insert_default().was = was;
        }
    }
    listed
}
