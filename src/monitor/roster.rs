//! Who was listed last, and when the list is read again.

use chrono::{DateTime, TimeDelta, Utc};
use tokio::task::JoinSet;

use super::inventory::{Memory, wants};
use crate::config::{Agent, Discover};
use crate::journal::listed;
use crate::source::{Listed, SourceError};

/// A list that could not be read is asked for again after this.
const ASK_AGAIN: TimeDelta = TimeDelta::minutes(1);

/// Before somebody is called silent the list is read again, unless it is younger than this for each request
/// that it takes: that leaves most of an API's budget to other questions.
const RECENT: TimeDelta = TimeDelta::seconds(10);

/// So many agents are a request, in a long list so many.
const PAGES: [usize; 2] = [500, 5_000];

/// Where agents are listed, and what is remembered of it.
#[derive(Default)]
pub struct Roster {
    /// Who was listed last.
    pub listed: Vec<Agent>,
    /// What is remembered from one list to the next.
    pub memory: Memory,
    /// When it was asked for last.
    pub asked: Option<DateTime<Utc>>,
    /// Whether it could not be had, or not be believed.
    pub failed: bool,
    /// The list that is being read, if one is; dropped with the roster.
    pub reading: JoinSet<Result<Vec<Listed>, SourceError>>,
}

impl Roster {
    /// As the journal remembers it, without whom the rules do not want any more.
    #[must_use]
    pub fn new(entries: Vec<listed::Entry>, rules: &Discover) -> Self {
        let agent = |(_, facts): (String, String)| serde_json::from_str(&facts).ok();
        let known = entries.into_iter().filter_map(agent).filter(|agent| wants(rules, agent));
        Self { listed: known.collect(), ..Self::default() }
    }

    /// Whether it was read so lately that nobody has to read it again.
    #[must_use]
    pub fn is_young(&self, now: DateTime<Utc>) -> bool {
        let [short, long] = PAGES;
        let agents = self.listed.len();
        let requests = 1 + if agents > long { agents / long } else { agents / short };
        let recent = RECENT * i32::try_from(requests).unwrap_or(i32::MAX);
        self.asked.is_some_and(|asked| (TimeDelta::zero()..recent).contains(&(now - asked)))
    }

    /// Whether it is time to read it.
    #[must_use]
    pub fn is_due(&self, rules: &Discover, now: DateTime<Utc>) -> bool {
        let every = TimeDelta::from_std(rules.every).unwrap_or(TimeDelta::MAX);
        let wait = if self.failed { ASK_AGAIN.min(every) } else { every };
        self.asked.is_none_or(|asked| now - asked >= wait || now < asked)
    }
}
