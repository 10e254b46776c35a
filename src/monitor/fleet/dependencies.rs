//! Entities that depend on others: behind a gateway that is down nobody logs. Pure.

use std::collections::{BTreeSet, HashMap};

use super::{Entity, Fleet, lag, threshold};
use crate::config::{Agent, Dependency};
use crate::journal::entities::Logging;
use crate::monitor::verdict::State;

/// Who depends on whom, by place in the fleet.
#[derive(Debug, Default)]
pub struct Dependencies {
    groups: Vec<Group>,
    of: HashMap<usize, Vec<usize>>,
    /// What was left out: the number of a dependency by which an agent would depend on itself, through
    /// others, and the place of the first such agent.
    pub circular: Vec<(usize, usize)>,
}

/// So many of these have to log.
#[derive(Debug)]
struct Group {
    /// Which dependency of the watch says so.
    number: usize,
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
        for (number, dependency) in dependencies.iter().enumerate() {
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
            all.groups.push(Group { number, need: dependency.need.of(members.len()), members });
        }
        all.leave_circles_out();
        all
    }

    /// Nobody depends on itself, through others: each of them would be explained by the next, and none told.
    fn leave_circles_out(&mut self) {
        let (entities, groups) = self.circles();
        for (at, group) in entities.iter().flat_map(|at| groups.iter().map(move |group| (at, group))) {
            let of = self.of.entry(*at).or_default();
            if of.contains(group) {
                of.retain(|known| known != group);
                let number = self.groups[*group].number;
                if self.circular.iter().all(|(known, _)| *known != number) {
                    self.circular.push((number, *at));
                }
            }
        }
        self.circular.sort_unstable();
    }

    /// The entities and groups that lie on circles: what depends on nothing of the rest, or has nothing of
    /// the rest that depends on it, is left out until that changes nothing.
    fn circles(&self) -> (BTreeSet<usize>, BTreeSet<usize>) {
        let mut entities: BTreeSet<usize> = self.of.keys().copied().collect();
        let mut groups: BTreeSet<usize> = (0..self.groups.len()).collect();
        loop {
            let before = entities.len() + groups.len();
            groups.retain(|group| self.groups[*group].members.iter().any(|at| entities.contains(at)));
            let members: BTreeSet<usize> =
                groups.iter().flat_map(|group| self.groups[*group].members.iter().copied()).collect();
            entities
                .retain(|at| members.contains(at) && self.of[at].iter().any(|group| groups.contains(group)));
            let needed: BTreeSet<usize> =
                entities.iter().flat_map(|at| self.of[at].iter().copied()).collect();
            groups.retain(|group| needed.contains(group));
            if entities.len() + groups.len() == before {
                return (entities, groups);
            }
        }
    }
}

impl Fleet {
    /// How those are at `now` on whom an entity depends.
    #[must_use]
    pub fn upstream(&self, at: usize, now: i64) -> Upstream {
        let groups = self.dependencies.of.get(&at).into_iter().flatten();
        let most = threshold(self.policy(&self.entities[at])) / 2;
        let each = groups.map(|group| self.group(&self.dependencies.groups[*group], most, now));
        each.fold(Upstream::Up, |worst, one| match (worst, one) {
            (Upstream::Down(_), _) | (_, Upstream::Up) => worst,
            (_, one) => one,
        })
    }

    /// Who depends on whom.
    #[must_use]
    pub const fn dependencies(&self) -> &Dependencies {
        &self.dependencies
    }

    fn group(&self, group: &Group, most: i64, now: i64) -> Upstream {
        let (mut sure, mut perhaps, mut down) = (0, 0, None);
        for member in group.members.iter().map(|at| &self.entities[*at]) {
            // Who has not logged for so long, or for half of what those are allowed that depend on it, may have
            // stopped with them.
            let late = self.lag_of(member);
            let doubt = late + lag::doubt(self.policy(member), late).min(most);
            match self.does_not_log(member, now) {
                Some(incident) => down = down.or(Some(incident)),
                None if member.last_seen.is_some_and(|seen| now - seen < doubt) => sure += 1,
                None => perhaps += 1,
            }
        }
        match down {
            _ if sure >= group.need => Upstream::Up,
            Some(incident) if sure + perhaps < group.need => Upstream::Down(incident),
            _ => Upstream::Unknown,
        }
    }

    /// The incident of one that does not log. There is one of whoever logs too little, and of whoever logs again
    /// where that is not believed yet; and that it may be quiet for longer than when it was told is no log.
    fn does_not_log(&self, entity: &Entity, now: i64) -> Option<i64> {
        let State::Silent { silence, since } = entity.state else { return None };
        let logged = silence.logging == Logging::TooFew || entity.last_seen > since;
        (!logged || self.due(entity, now) <= now).then_some(silence.incident)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Quorum;
    use crate::config::matcher::Matcher;

    #[test]
    fn nobody_depends_on_itself_through_others_and_who_depends_on_those_still_does() {
        let agents: Vec<Agent> = (0..6).map(|id| Agent::in_file(&format!("{id}"), "")).collect();
        let on = |who: &'static str, on: &'static str| Dependency {
            matcher: Matcher::new([("id", vec![who])]),
            on: Matcher::new([("id", vec![on])]),
            need: Quorum::All,
        };
        // 0 and 1 need each other through 2; 3 is behind 0, and 0 behind 4.
        let all = [on("0", "1"), on("1", "2"), on("3", "0"), on("0", "4"), on("2", "0"), on("5", "9")];
        let known = Dependencies::new(&all, &agents);
        assert_eq!(known.circular, [(0, 0), (1, 1), (4, 2)]);
        let left: Vec<usize> = (0..6).map(|at| known.of.get(&at).map_or(0, Vec::len)).collect();
        assert_eq!(left, [1, 0, 0, 1, 0, 0]);
        assert_eq!(Dependencies::new(&all[..4], &agents).circular, []);
    }
}
