//! Entities that depend on others: behind a gateway that is down nobody logs. Pure.

use std::collections::HashMap;

use super::{Fleet, threshold};
use crate::config::{Agent, Dependency};
use crate::monitor::verdict::State;

/// Who has not logged for this long, in milliseconds …
const DOUBT: i64 = 3 * 60_000;

/// … or this part of what it is allowed is not known to be there.
const DOUBT_PART: i64 = 5;

/// Who depends on whom, by place in the fleet.
#[derive(Debug, Default)]
pub struct Dependencies {
    groups: Vec<Group>,
    of: HashMap<usize, Vec<usize>>,
}

/// So many of these have to log.
#[derive(Debug)]
struct Group {
    members: Vec<usize>,
    need: usize,
}

/// How those are on whom an entity depends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Upstream {
    /// Enough of them log, or it depends on nobody.
    Up,
    /// They may be going silent, too.
    Unknown,
    /// Too few of them log; the incident of one that does not.
    Down(i64),
}

impl Dependencies {
    /// As a watch says it of these agents, which stand at their places in the fleet.
    #[must_use]
    pub fn new(dependencies: &[Dependency], agents: &[Agent]) -> Self {
        let mut all = Self::default();
        for dependency in dependencies {
            let matching = |matcher: &crate::config::matcher::Matcher| -> Vec<usize> {
                let matches = |at: &usize| matcher.matches(|key| agents[*at].facts(key));
                (0..agents.len()).filter(matches).collect()
            };
            let members = matching(&dependency.on);
            if members.is_empty() {
                continue;
            }
            for at in matching(&dependency.matcher).into_iter().filter(|at| !members.contains(at)) {
                all.of.entry(at).or_default().push(all.groups.len());
            }
            all.groups.push(Group { need: dependency.need.of(members.len()), members });
        }
        all
    }
}

impl Fleet {
    /// How those are at `now` on whom an entity depends.
    #[must_use]
    pub fn upstream(&self, at: usize, now: i64) -> Upstream {
        let groups = self.dependencies.of.get(&at).into_iter().flatten();
        let each = groups.map(|group| self.group(&self.dependencies.groups[*group], now));
        each.fold(Upstream::Up, |worst, one| match (worst, one) {
            (Upstream::Down(_), _) | (_, Upstream::Up) => worst,
            (_, one) => one,
        })
    }

    fn group(&self, group: &Group, now: i64) -> Upstream {
        let (mut sure, mut perhaps, mut down) = (0, 0, None);
        for member in group.members.iter().map(|at| &self.entities[*at]) {
            let doubt = DOUBT.max(threshold(self.policy(member)) / DOUBT_PART);
            match member.state {
                State::Silent { silence, .. } => down = down.or(Some(silence.incident)),
                _ if member.last_seen.is_some_and(|seen| now - seen < doubt) => sure += 1,
                _ => perhaps += 1,
            }
        }
        match down {
            _ if sure >= group.need => Upstream::Up,
            Some(incident) if sure + perhaps < group.need => Upstream::Down(incident),
            _ => Upstream::Unknown,
        }
    }
}
