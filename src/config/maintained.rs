//! For whom maintenance holds: for those that it names, and for those that cannot log without them.

use super::model::{Agent, Dependency, Maintenance, Watch};

impl Maintenance {
    /// Whether it is maintenance of this agent, too.
    #[must_use]
    pub fn holds_for(&self, agent: &Agent) -> bool {
        self.matcher.matches(|key| agent.facts(key)) || self.behind.iter().any(|one| one.holds_for(agent))
    }

    /// Whether it leaves fewer of those on whom others depend than these need.
    fn stops(&self, dependency: &Dependency, agents: &[Agent]) -> bool {
        let members = agents.iter().filter(|agent| dependency.on.matches(|key| agent.facts(key)));
        let members: Vec<&Agent> = members.collect();
        let left = members.iter().filter(|agent| !self.holds_for(agent)).count();
        !members.is_empty() && left < dependency.need.of(members.len())
    }
}

impl Dependency {
    /// Whether this agent depends by it on others.
    #[must_use]
    pub fn holds_for(&self, agent: &Agent) -> bool {
        self.matcher.matches(|key| agent.facts(key)) && !self.on.matches(|key| agent.facts(key))
    }
}

impl Watch {
    /// The same watch, of these agents.
    #[must_use]
    pub fn with_agents(&self, agents: Vec<Agent>) -> Self {
        let mut watch = Self { agents, ..self.clone() };
        for maintenance in &mut watch.maintenance {
            maintenance.behind.clear();
            // Behind those that are behind it there may be others.
            for _ in &watch.dependencies {
                let behind = watch.dependencies.iter().filter(|one| maintenance.stops(one, &watch.agents));
                let behind: Vec<Dependency> = behind.cloned().collect();
                if behind == maintenance.behind {
                    break;
                }
                maintenance.behind = behind;
            }
        }
        watch
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Quorum;
    use crate::config::matcher::Matcher;
    use crate::monitor::fixtures;

    #[test]
    fn maintenance_of_a_gateway_is_that_of_those_behind_it_where_none_is_left() {
        let id = |ids: &[&'static str]| Matcher::new([("id", ids.to_vec())]);
        let behind = |who: &[&'static str], on: &[&'static str], need| Dependency {
            matcher: id(who),
            on: id(on),
            need,
        };
        let agents = ["gw-1", "gw-2", "switch", "pc-1", "printer"];
        let mut watch = fixtures::watch(&agents);
        watch.dependencies = vec![
            behind(&["pc-*"], &["switch"], Quorum::All),
            behind(&["switch", "gw-*"], &["gw-*"], Quorum::Count(1)),
        ];
        let paused = |ids: &[&'static str]| {
            let mut watch = watch.clone();
            watch.maintenance =
                vec![Maintenance { matcher: id(ids), pauses: Vec::new(), behind: Vec::new() }];
            let watch = watch.with_agents(watch.agents.clone());
            let held = watch.agents.iter().filter(|agent| watch.maintenance[0].holds_for(agent));
            held.map(|agent| agent.id.clone()).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(paused(&["gw-1"]), "gw-1", "the other one is enough");
        assert_eq!(paused(&["gw-*"]), "gw-1 gw-2 switch pc-1");
        assert_eq!(paused(&["switch"]), "switch pc-1");
    }
}
