//! From pages to a whole list of agents, or the knowledge that it is none. Pure.

use std::collections::BTreeMap;

use compact_str::CompactString;

use super::agents::{Agent, Page};

/// How many agents a page lists ("recommended not to exceed 500", API reference, `limit`) …
const USUAL: usize = 500;

/// … and where there are more than this: 100,000 agents are 21 requests then, which are within the
/// budget of a minute. 100,000 at once are allowed (wazuh/wazuh#8798), if there are 10 s to answer.
const LARGE: usize = 5_000;

/// A longer list is none of a Wazuh server.
const MOST: usize = 1_000_000;

/// The pages that were read so far. Each begins with the last agent of the one before: that one is
/// somewhere else when agents came or went meanwhile, and the total need not tell.
#[derive(Default)]
pub struct Pages {
    agents: BTreeMap<CompactString, Agent>,
    last: Option<CompactString>,
    /// How many agents of the list were read.
    read: usize,
    total: usize,
}

/// Where the list stands after a page.
#[derive(Debug, PartialEq, Eq)]
pub enum Read {
    /// There are more pages.
    InPart,
    /// Each agent is there once.
    Whole,
    /// The pages do not fit together. The list has changed while it was read, or is none.
    Unsound,
}

impl Pages {
    /// Where the next page begins.
    #[must_use]
    pub const fn offset(&self) -> usize {
        self.read.saturating_sub(1)
    }

    /// How many agents the next page should list.
    #[must_use]
    pub const fn limit(&self) -> usize {
        if self.total > LARGE { LARGE } else { USUAL }
    }

    /// Adds the next page. One that brings nobody new, or lists fewer than it should and is not the
    /// last, ends it: there would be no end of them.
    pub fn add(&mut self, page: Page) -> Read {
        let (limit, listed, known) = (self.limit(), page.agents.len(), self.agents.len());
        let first = page.agents.first().map(|agent| &agent.listed.key);
        if self.last.is_some() && first != self.last.as_ref() {
            return Read::Unsound;
        }
        (self.read, self.total) = (self.offset() + listed, page.total);
        self.last = page.agents.last().map(|agent| agent.listed.key.clone());
        self.agents.extend(page.agents.into_iter().map(|agent| (agent.listed.key.clone(), agent)));
        match self.read >= self.total {
            true if self.agents.len() == self.total => Read::Whole,
            false if listed == limit && self.agents.len() > known && self.total <= MOST => Read::InPart,
            _ => Read::Unsound,
        }
    }

    /// Everybody on them, by id.
    #[must_use]
    pub fn into_agents(self) -> Vec<Agent> {
        self.agents.into_values().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::{Connection, Link, Listed};

    fn agent(id: usize) -> Agent {
        let key = CompactString::from(format!("{id:06}"));
        let listed = Listed { key: key.clone(), ..Listed::default() };
        let link = Link::Connected;
        Agent {
            listed,
            connection: Connection { key, link, last_keepalive: None, lost_at: None, node: None },
        }
    }

    fn page(ids: impl Iterator<Item = usize>, total: usize) -> Page {
        Page { agents: ids.map(agent).collect(), total }
    }

    #[test]
    fn a_hundred_thousand_agents_are_within_the_budget_of_a_minute() {
        let (mut pages, mut requests) = (Pages::default(), 1);
        while pages.add(page((0..100_000).skip(pages.offset()).take(pages.limit()), 100_000)) == Read::InPart
        {
            requests += 1;
        }
        assert_eq!((pages.into_agents().len(), requests), (100_000, 21));
    }

    #[test]
    fn pages_that_bring_nobody_new_or_too_few_have_no_end() {
        let second = |ids| {
            let mut pages = Pages::default();
            assert_eq!(pages.add(page(0..500, 2000)), Read::InPart);
            pages.add(page(ids, 2000))
        };
        assert_eq!(second(499..999), Read::InPart);
        assert_eq!(second(499..998), Read::Unsound, "one is missing");
        assert_eq!(second(0..0), Read::Unsound);
        let mut same = Pages::default();
        same.add(page((0..499).chain([499]), 2000));
        assert_eq!(same.add(page([499].into_iter().chain(0..499), 2000)), Read::Unsound, "nobody is new");
        assert_eq!(Pages::default().add(page(0..500, MOST + 1)), Read::Unsound);
    }
}
