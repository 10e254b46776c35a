//! Who is watched: what a new list of agents changes. Pure.
//!
//! A list is never taken at its word when it says that agents are gone: a user who loses a right sees
//! fewer of them, and an agent that was only being enrolled anew is back a moment later.

use std::collections::{BTreeMap, HashMap, HashSet};

use compact_str::CompactString;

use crate::config::{Agent, Discover, ListedAs};
use crate::source::Listed;

/// The manager itself, as the API lists it (Wazuh 4.x; 5.0 has none).
const MANAGER: &str = "000";

/// A list that lacks at least so many known agents …
const MANY_MISSING: usize = 5;

/// … and this part of them, in percent, is a loss of rights rather than a removal …
const SHARE_MISSING: usize = 20;

/// … unless it stays so for a day, in milliseconds.
const BELIEVED_AFTER: i64 = 86_400_000;

/// The longest name that is taken, in bytes.
const LONGEST: usize = 256;

/// What is remembered from one list to the next. Times in milliseconds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Memory {
    /// Who was missing in the last list.
    missing: HashSet<String>,
    /// Since when too many have been missing.
    doubted: Option<i64>,
}

/// A list and how to read it.
pub struct Roll<'a> {
    /// What of it is wanted.
    pub rules: &'a Discover,
    /// The list.
    pub listed: Vec<Listed>,
    /// Whether who is not on it is not enrolled; else they only did not log lately.
    pub whole: bool,
    /// In milliseconds.
    pub now: i64,
}

/// What a list means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// So many known agents are missing that it is not believed.
    Doubtful(usize),
    /// This.
    Changes(Changes),
}

/// What a list changes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Changes {
    /// Who is listed from now on.
    pub agents: Vec<Agent>,
    /// Who was not listed before.
    pub appeared: Vec<Agent>,
    /// Who is not listed any more.
    pub gone: Vec<Agent>,
    /// Who was enrolled anew: the old id and the agent as it is now.
    pub renamed: Vec<(String, Agent)>,
    /// Newcomers with the name of somebody else.
    pub twins: Vec<(Agent, String)>,
}

impl Roll<'_> {
    /// Compares the list with who is `known` from the lists before. `forgotten` says who, listed only as
    /// long as they log, has been silent for too long.
    pub fn call(self, known: &[Agent], forgotten: impl Fn(&Agent) -> bool, memory: &mut Memory) -> Found {
        let first = known.is_empty();
        let mut listed = self.wanted();
        let known_ids: HashSet<&str> = known.iter().map(|agent| agent.id.as_str()).collect();
        let absent: Vec<&Agent> = known.iter().filter(|agent| !listed.contains_key(&agent.id)).collect();
        let renamed = renamed(&absent, &listed, &known_ids);
        let missing: Vec<&Agent> = absent.into_iter().filter(|a| !renamed.contains_key(&a.id)).collect();
        if self.whole && self.is_doubtful(missing.len(), known.len(), memory) {
            return Found::Doubtful(missing.len());
        }
        let may_go = |agent: &&&Agent| {
            if self.whole { memory.missing.contains(&agent.id) } else { forgotten(agent) }
        };
        let gone: Vec<Agent> = missing.iter().filter(may_go).map(|agent| (*agent).clone()).collect();
        let gone_ids: HashSet<&str> = gone.iter().map(|agent| agent.id.as_str()).collect();
        let stay = missing.iter().filter(|agent| !gone_ids.contains(agent.id.as_str()));
        let stay: Vec<Agent> = stay.map(|agent| (*agent).clone()).collect();
        memory.missing = stay.iter().map(|agent| agent.id.clone()).collect();
        self.keep_probation(known, &mut listed);
        let heirs: HashSet<&str> = renamed.values().map(String::as_str).collect();
        let new = listed.values_mut().filter(|agent| !known_ids.contains(agent.id.as_str()));
        let newcomers = new.filter(|agent| !heirs.contains(agent.id.as_str()));
        let appeared: Vec<Agent> = newcomers
            .map(|agent| {
                let from = (!first).then(|| self.now.saturating_add(millis(self.rules.probation)));
                agent.listed.get_or_insert_default().watched_from = from;
                agent.clone()
            })
            .collect();
        let twins = if first { Vec::new() } else { twins(&appeared, &listed) };
        let renamed = renamed.into_iter().map(|(old, new)| (old, listed[&new].clone())).collect();
        let agents = listed.into_values().chain(stay).collect();
        Found::Changes(Changes { agents, appeared, gone, renamed, twins })
    }

    /// Those of the list that are to be watched, by id.
    fn wanted(&self) -> BTreeMap<String, Agent> {
        let one_of = |matchers: &[crate::config::matcher::Matcher], agent: &Agent| {
            matchers.iter().any(|matcher| matcher.matches(|key| agent.facts(key)))
        };
        let asks_for_ids = self.rules.include.iter().any(|matcher| matcher.asks_for("id"));
        let wanted = |agent: &Agent| {
            (self.rules.include.is_empty() || one_of(&self.rules.include, agent))
                && !one_of(&self.rules.exclude, agent)
                && (agent.id != MANAGER || asks_for_ids)
        };
        let agents = self.listed.iter().map(agent).filter(wanted);
        agents.map(|agent| (agent.id.clone(), agent)).collect()
    }

    fn is_doubtful(&self, missing: usize, known: usize, memory: &mut Memory) -> bool {
        if missing < MANY_MISSING || missing * 100 < known * SHARE_MISSING {
            memory.doubted = None;
            return false;
        }
        let since = *memory.doubted.get_or_insert(self.now);
        self.now - since < BELIEVED_AFTER
    }

    fn keep_probation(&self, known: &[Agent], listed: &mut BTreeMap<String, Agent>) {
        for agent in known {
            let from = agent.listed.as_ref().and_then(|listed| listed.watched_from);
            if let (Some(from), Some(now)) = (from.filter(|from| *from > self.now), listed.get_mut(&agent.id))
            {
                now.listed.get_or_insert_default().watched_from = Some(from);
            }
        }
    }
}

/// Whoever is missing while exactly one newcomer has their name, which nobody else has, was enrolled
/// anew: old id to new.
fn renamed(
    absent: &[&Agent],
    listed: &BTreeMap<String, Agent>,
    known: &HashSet<&str>,
) -> BTreeMap<String, String> {
    let mut bearers: HashMap<&str, Vec<&Agent>> = HashMap::new();
    for agent in listed.values().chain(absent.iter().copied()).filter(|agent| !agent.label.is_empty()) {
        bearers.entry(&agent.label).or_default().push(agent);
    }
    let heir = |old: &&Agent| match bearers.get(old.label.as_str())?.as_slice() {
        [new, other] if other.id == old.id && !known.contains(new.id.as_str()) => {
            Some((old.id.clone(), new.id.clone()))
        }
        _ => None,
    };
    absent.iter().filter_map(heir).collect()
}

fn twins(appeared: &[Agent], listed: &BTreeMap<String, Agent>) -> Vec<(Agent, String)> {
    let mut by_name: HashMap<&str, Vec<&str>> = HashMap::new();
    for agent in listed.values().filter(|agent| !agent.label.is_empty()) {
        by_name.entry(&agent.label).or_default().push(&agent.id);
    }
    let other = |agent: &Agent| {
        let ids = by_name.get(agent.label.as_str())?;
        ids.iter().find(|id| **id != agent.id).map(|id| (agent.clone(), (*id).to_owned()))
    };
    appeared.iter().filter_map(other).collect()
}

fn agent(listed: &Listed) -> Agent {
    let text = |text: &CompactString| log_monitor_channels::text::one_line(text, LONGEST);
    Agent {
        id: listed.key.to_string(),
        label: text(&listed.name),
        listed: Some(ListedAs {
            groups: listed.groups.iter().map(text).collect(),
            labels: listed.labels.clone(),
            node: listed.node.as_ref().map(text),
            watched_from: None,
        }),
    }
}

fn millis(time: std::time::Duration) -> i64 {
    i64::try_from(time.as_millis()).unwrap_or(i64::MAX)
}

/// Who is watched in all: the agent file's, with what the list says of them, and the listed.
#[must_use]
pub fn together(in_file: Vec<Agent>, listed: Vec<Agent>) -> Vec<Agent> {
    let mut listed: BTreeMap<String, Agent> = listed.into_iter().map(|a| (a.id.clone(), a)).collect();
    let mut all: Vec<Agent> = in_file;
    for agent in &mut all {
        if let Some(known) = listed.remove(&agent.id) {
            agent.listed = known.listed.map(|listed| ListedAs { watched_from: None, ..listed });
            if agent.label.is_empty() {
                agent.label = known.label;
            }
        }
    }
    all.extend(listed.into_values());
    all
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::config::matcher::Matcher;

    const HOUR: i64 = 3_600_000;

    fn rules() -> Discover {
        Discover {
            source: "api".to_owned(),
            include: Vec::new(),
            exclude: vec![Matcher::new([("group", vec!["lab"])])],
            every: Duration::from_secs(600),
            probation: Duration::from_secs(3600),
            forget_after: Duration::from_secs(86_400),
        }
    }

    fn listed(key: &str, name: &str) -> Listed {
        Listed { key: key.into(), name: name.into(), ..Listed::default() }
    }

    fn call(known: &[Agent], list: &[Listed], memory: &mut Memory, now: i64) -> Found {
        let rules = rules();
        Roll { rules: &rules, listed: list.to_vec(), whole: true, now }.call(known, |_| false, memory)
    }

    fn changes(found: Found) -> Changes {
        match found {
            Found::Changes(changes) => changes,
            Found::Doubtful(missing) => panic!("doubts {missing}"),
        }
    }

    fn ids(agents: &[Agent]) -> Vec<&str> {
        agents.iter().map(|agent| agent.id.as_str()).collect()
    }

    #[test]
    fn the_first_list_is_watched_at_once_without_the_manager_and_what_is_excluded() {
        let lab = Listed { groups: vec!["default".into(), "lab".into()], ..listed("003", "x") };
        let list = [listed("000", "manager"), listed("001", "web-01"), listed("002", "db-01"), lab];
        let changes = changes(call(&[], &list, &mut Memory::default(), 0));
        assert_eq!(ids(&changes.agents), ["001", "002"]);
        assert!(changes.appeared.iter().all(|agent| agent.listed.as_ref().unwrap().watched_from.is_none()));
    }

    #[test]
    fn whoever_appears_later_has_a_probation_that_later_lists_keep() {
        let mut memory = Memory::default();
        let known = changes(call(&[], &[listed("001", "a")], &mut memory, 0)).agents;
        let list = [listed("001", "a"), listed("002", "b")];
        let found = changes(call(&known, &list, &mut memory, HOUR));
        assert_eq!((ids(&found.appeared), found.twins.len()), (vec!["002"], 0));
        let again = changes(call(&found.agents, &list, &mut memory, HOUR + 600_000));
        assert_eq!(again.agents[1].listed.as_ref().unwrap().watched_from, Some(2 * HOUR));
        assert_eq!(again.appeared, []);
        let twin = [listed("001", "a"), listed("002", "b"), listed("003", "a")];
        let found = changes(call(&again.agents, &twin, &mut memory, 2 * HOUR));
        assert_eq!((found.twins[0].0.id.as_str(), found.twins[0].1.as_str()), ("003", "001"));
    }

    #[test]
    fn whoever_is_missing_twice_is_gone_and_whoever_comes_back_under_another_id_goes_on() {
        let mut memory = Memory::default();
        let known = changes(call(&[], &[listed("001", "a"), listed("002", "b")], &mut memory, 0)).agents;
        let once = changes(call(&known, &[listed("001", "a")], &mut memory, 1));
        assert_eq!((ids(&once.agents), once.gone.len()), (vec!["001", "002"], 0), "it may be on its way");
        let twice = changes(call(&once.agents, &[listed("001", "a")], &mut memory, 2));
        assert_eq!((ids(&twice.agents), ids(&twice.gone)), (vec!["001"], vec!["002"]));
        let anew = changes(call(&once.agents, &[listed("001", "a"), listed("009", "b")], &mut memory, 2));
        assert_eq!((ids(&anew.agents), anew.gone.len(), anew.appeared.len()), (vec!["001", "009"], 0, 0));
        assert_eq!((anew.renamed[0].0.as_str(), anew.renamed[0].1.id.as_str()), ("002", "009"));
    }

    #[test]
    fn a_loss_of_rights_is_not_the_removal_of_many_agents() {
        let list: Vec<Listed> = (1..=20).map(|n| listed(&format!("{n:03}"), &format!("h{n}"))).collect();
        let mut memory = Memory::default();
        let known = changes(call(&[], &list, &mut memory, 0)).agents;
        assert_eq!(call(&known, &list[..10], &mut memory, HOUR), Found::Doubtful(10));
        assert_eq!(call(&known, &list[..10], &mut memory, 20 * HOUR), Found::Doubtful(10));
        let believed = changes(call(&known, &list[..10], &mut memory, 25 * HOUR));
        assert_eq!(believed.agents.len(), 20, "and then, too, it has to be seen twice");
        assert_eq!(changes(call(&known, &list[..10], &mut memory, 26 * HOUR)).gone.len(), 10);
    }

    #[test]
    fn silence_is_not_removal_where_only_those_who_log_are_listed() {
        let known = changes(call(&[], &[listed("001", "a"), listed("002", "b")], &mut Memory::default(), 0));
        let rules = rules();
        let mut memory = Memory::default();
        let mut later = |old: bool| {
            let roll = Roll { rules: &rules, listed: vec![listed("001", "a")], whole: false, now: 1 };
            changes(roll.call(&known.agents, |_| old, &mut memory))
        };
        assert_eq!(ids(&later(false).agents), ["001", "002"]);
        assert_eq!(ids(&later(false).agents), ["001", "002"]);
        assert_eq!(ids(&later(true).gone), ["002"]);
    }
}
