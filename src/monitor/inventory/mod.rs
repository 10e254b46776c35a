//! Who is watched: what a new list of agents changes. Pure.
//!
//! A list is never taken at its word when it says that agents are gone: a user who loses a right sees
//! fewer of them, and an agent that was only being enrolled anew is back a moment later.

mod changes;
mod doubt;
mod in_file;
mod names;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashMap, HashSet};

use compact_str::CompactString;

pub use self::changes::Changes;
use self::changes::keep_beginnings;
pub use self::doubt::Memory;
pub use self::in_file::{together, with_old_ids};
use crate::config::matcher::Matcher;
use crate::config::{Agent, Discover, ListedAs};
use crate::source::Listed;

/// The manager itself, as the API lists it (Wazuh 4.x; 5.0 has none).
const MANAGER: &str = "000";

/// The longest name that is taken, in bytes.
const LONGEST: usize = 256;

/// Whoever can write a log can invent names: of those that are known by their logs only, no more than
/// this are watched.
pub const MOST_WHO_LOG: usize = 50_000;

/// A list and how to read it.
pub struct Roll<'a> {
    /// What of it is wanted.
    pub rules: &'a Discover,
    /// Whom the agent file names: they are watched in any case.
    pub in_file: &'a [Agent],
    /// The list.
    pub listed: Vec<Listed>,
    /// Whether who is not on it is not enrolled; else they only did not log lately.
    pub whole: bool,
    /// In milliseconds.
    pub now: i64,
    /// Until when it is known who logged, in milliseconds: after a gap that is before `now`.
    pub known_until: i64,
    /// The newest life sign of an id; `None` = it is not watched, `Some(None)` = it was never seen.
    pub last_seen: &'a (dyn Fn(&str) -> Option<Option<i64>> + Sync),
    /// What was asked beside of a list that is not `whole`.
    pub namesakes: Namesakes,
}

/// What is known of agents of one name where only who logs is listed.
#[derive(Debug, Default)]
pub struct Namesakes {
    /// Who has stopped, and who of its name began after that; with its last log, in milliseconds.
    pub replaced: HashMap<String, (String, i64)>,
    /// Who was replaced before, and is listed only because of what it logged until then.
    pub past: HashSet<String>,
}

/// Why it is not believed that agents were removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Doubt {
    /// So many are not on the list …
    pub missing: usize,
    /// … of so many known agents, none of whom has been missing for a day, …
    pub of: usize,
    /// … of whom so many have logged since.
    pub log: usize,
}

/// What becomes of an agent that is known and not on the list.
#[derive(Debug, PartialEq, Eq)]
enum Fate {
    /// It is this one now.
    Renamed(String),
    /// It may be this one now: the next list will tell.
    MayBeRenamed,
    /// It is not on the list, and logs all the same.
    Logs,
    /// It is watched no more.
    Gone,
    /// It may be back on the next list.
    Waits,
}

/// Whether the rules of a discovery want this agent.
#[must_use]
pub fn wants(rules: &Discover, agent: &Agent) -> bool {
    let one_of =
        |matchers: &[Matcher]| matchers.iter().any(|matcher| matcher.matches(|key| agent.facts(key)));
    (rules.include.is_empty() || one_of(&rules.include))
        && !one_of(&rules.exclude)
        && (!is_manager(&agent.id) || rules.include.iter().any(|matcher| matcher.asks_for("id")))
}

/// Where several fields tell entities apart, the agent's is the first.
fn is_manager(id: &str) -> bool {
    id.split('|').next() == Some(MANAGER)
}

impl Roll<'_> {
    /// Compares the list with who is `known` from the lists before.
    pub fn call(self, known: &[Agent], memory: &mut Memory) -> Changes {
        let (mut listed, too_many) = self.wanted(known);
        let unwanted = if listed.is_empty() { self.others() } else { 0 };
        let known = self.still_wanted(known, &listed);
        listed.retain(|id, _| !self.namesakes.replaced.contains_key(id));
        let ids: HashSet<&str> = known.iter().map(|agent| agent.id.as_str()).collect();
        let absent: Vec<&Agent> =
            known.iter().copied().filter(|agent| !listed.contains_key(&agent.id)).collect();
        let only_in_file = self.only_in_file(&known, &listed);
        let anew = self.found_anew(&only_in_file, &ids, &listed, memory);
        let heirs = names::heirs(&absent, &listed);
        let fate = |agent: &&Agent| self.fate(agent, &ids, heirs.get(&agent.id), memory);
        let fates: Vec<Fate> = absent.iter().map(fate).collect();
        keep_beginnings(&known, &mut listed);
        memory.note(absent.iter().chain(&only_in_file).copied(), self.now);
        memory.note_replaced(&self.namesakes);
        let mut fates: Vec<(&Agent, Fate)> = absent.into_iter().zip(fates).collect();
        let doubt = self.doubt(&mut fates, known.len(), memory);
        fates.extend(anew);
        let changes = self.changes(&known, listed, fates, doubt.is_some(), memory);
        let (left_out, unwanted) = (memory.left_out(too_many), memory.unwanted(unwanted));
        Changes { left_out, unwanted, doubt, ..changes }
    }

    /// How many are on the list besides the manager.
    fn others(&self) -> usize {
        self.listed.iter().filter(|listed| !is_manager(&listed.key)).count()
    }

    /// Whether the list is not believed in whom it lacks; whoever has not been missing for a day waits then.
    fn doubt(&self, fates: &mut [(&Agent, Fate)], known: usize, memory: &Memory) -> Option<Doubt> {
        let absent = fates.len();
        let lately = fates.iter_mut().filter(|(agent, _)| !memory.is_believed(&agent.id, self.now));
        let mut lately: Vec<&mut Fate> = lately.map(|(_, fate)| fate).collect();
        let log = lately.iter().filter(|fate| ***fate == Fate::Logs).count();
        let silent = lately.iter().filter(|fate| matches!(fate, Fate::Gone | Fate::Waits)).count();
        let doubt = Doubt { missing: log + silent, of: known - (absent - lately.len()), log };
        if !self.whole || !doubt.is_serious() {
            return None;
        }
        lately.iter_mut().filter(|fate| ***fate == Fate::Gone).for_each(|fate| **fate = Fate::Waits);
        Some(doubt)
    }

    /// Those of the list that are to be watched, by id, and how many of them are too many.
    fn wanted(&self, known: &[Agent]) -> (BTreeMap<String, Agent>, usize) {
        let ids: HashSet<&str> = known.iter().map(|agent| agent.id.as_str()).collect();
        let agents = self.listed.iter().filter(|listed| !self.namesakes.past.contains(&*listed.key));
        let agents = agents.map(agent).filter(|agent| wants(self.rules, agent));
        let (old, new): (Vec<Agent>, Vec<Agent>) = agents.partition(|agent| ids.contains(agent.id.as_str()));
        let room = if self.whole { usize::MAX } else { MOST_WHO_LOG.saturating_sub(old.len()) };
        let too_many = new.len().saturating_sub(room);
        let all = old.into_iter().chain(new.into_iter().take(room));
        (all.map(|agent| (agent.id.clone(), agent)).collect(), too_many)
    }

    /// The known ones without those that the rules do not want any more, by what is on the list of them or
    /// was on it last.
    fn still_wanted<'k>(&self, known: &'k [Agent], listed: &BTreeMap<String, Agent>) -> Vec<&'k Agent> {
        let on_it: HashSet<&str> = self.listed.iter().map(|agent| agent.key.as_str()).collect();
        let wanted = |agent: &&Agent| match on_it.contains(agent.id.as_str()) {
            true => listed.contains_key(&agent.id),
            false => wants(self.rules, agent),
        };
        known.iter().filter(wanted).collect()
    }

    /// What becomes of an absent agent, whose name perhaps another one has.
    fn fate(&self, agent: &Agent, known: &HashSet<&str>, heir: Option<&String>, memory: &Memory) -> Fate {
        let (seen, missing) = ((self.last_seen)(&agent.id), memory.missing_since(&agent.id));
        if let Some((new, _)) = self.namesakes.replaced.get(&agent.id) {
            return Fate::Renamed(new.clone());
        }
        if let Some(heir) = heir {
            let is_new = !known.contains(heir.as_str());
            // One that is there already may be a clone; but not one that logs where this was removed.
            let is_later = self.whole && (self.last_seen)(heir).flatten() > seen.flatten();
            match (is_new, is_later, missing) {
                (true, ..) | (_, true, Some(_)) => return Fate::Renamed(heir.clone()),
                (_, true, None) => return Fate::MayBeRenamed,
                (_, false, _) => {}
            }
        }
        match (self.whole, missing) {
            (true, Some(since)) if doubt::still_logs(seen.flatten(), since) => Fate::Logs,
            // A list may be read again soon, and whoever logs now and then would not have logged since.
            (true, Some(since))
                if self.known_until.saturating_sub(since)
                    >= millis(self.rules.every).max(2 * doubt::STILL_LOGS) =>
            {
                Fate::Gone
            }
            (false, _) if self.is_forgotten(seen) => Fate::Gone,
            _ => Fate::Waits,
        }
    }

    /// Who is listed only as long as it logs, and has not for too long.
    fn is_forgotten(&self, seen: Option<Option<i64>>) -> bool {
        let horizon = self.known_until.saturating_sub(millis(self.rules.forget_after));
        seen.is_none_or(|seen| seen.is_some_and(|seen| seen < horizon))
    }
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
            version: listed.version.as_ref().map(text),
            watched_from: None,
            listed_since: None,
            spared_until: None,
            was: Vec::new(),
        }),
    }
}

fn millis(time: std::time::Duration) -> i64 {
    i64::try_from(time.as_millis()).unwrap_or(i64::MAX)
}
