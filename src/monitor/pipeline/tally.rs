//! Groups of entities, counted at one moment, and how their documents come. Pure.

use crate::config::{Pipeline, Policy};
use crate::journal::entities::Logging;
use crate::monitor::fleet::{lag, threshold};

/// A group of entities at one moment. Times in milliseconds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tally {
    /// Entities that log, or did until now, and those that are told with others.
    pub watched: usize,
    /// Those of them that fell silent now or lately.
    pub lost: usize,
    /// Those of these that log, but less than they should.
    pub thin: usize,
    /// Those that are silent and explained already, or were so at the first look.
    pub held: usize,
    /// The newest life sign of any of its entities.
    pub newest: Option<i64>,
    /// What silence they are allowed, those with the same together.
    allowed: Vec<Allowed>,
}

/// What silence some entities are allowed, of the time in which they are expected to log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Allowed {
    /// Whoever logged last at this time is overdue now.
    overdue: i64,
    /// Whoever logged last at this time is in doubt now.
    doubtful: i64,
    entities: usize,
}

impl Allowed {
    /// What `policy` allows where documents are known to come `late` by so much, as seen at `now`.
    #[must_use]
    pub fn by(policy: &Policy, late: i64, now: i64) -> Self {
        let allowed = threshold(policy) + lag::stretch(policy, late);
        let doubt = late + lag::doubt(policy, late);
        Self { overdue: policy.since(now, allowed), doubtful: policy.since(now, doubt), entities: 0 }
    }
}

/// How documents of a group come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flow {
    /// They do.
    Flowing,
    /// Too early to tell.
    Doubtful,
    /// They do not.
    Stopped,
}

impl Tally {
    /// How documents come: whether the newest of all is so old that `count` of its entities would be
    /// overdue or in doubt if it were theirs. (One that may be quiet for less time than the others says
    /// nothing about them.)
    #[must_use]
    pub fn flow(&self, count: usize) -> Flow {
        let Some(newest) = self.newest else { return Flow::Flowing };
        let enough = |of: fn(&Allowed) -> i64| {
            let them = self.allowed.iter().filter(|allowed| newest <= of(allowed));
            them.map(|allowed| allowed.entities).sum::<usize>() >= count.max(1)
        };
        match () {
            () if enough(|allowed| allowed.overdue) => Flow::Stopped,
            () if enough(|allowed| allowed.doubtful) => Flow::Doubtful,
            () => Flow::Flowing,
        }
    }

    /// Whether it begins to stall: nothing comes any more, or many of those that are not explained
    /// already fell silent lately.
    #[must_use]
    pub fn stalls(&self, limits: &Pipeline) -> bool {
        let many = is_many(self.lost, self.watched - self.held, limits.count, limits.share);
        self.flow(limits.count) == Flow::Stopped || many
    }

    /// Whether it is still stalled with so many of it `silent`. It may have become smaller since.
    #[must_use]
    pub fn is_stalled(&self, silent: usize, limits: &Pipeline) -> bool {
        let count = limits.count.min(self.watched);
        self.flow(count) != Flow::Flowing || is_many(silent, self.watched, count, limits.share)
    }

    /// How many of them log.
    #[must_use]
    pub const fn logging(&self) -> usize {
        self.watched - self.lost - self.held
    }

    /// How those log that fell silent now or lately.
    #[must_use]
    pub const fn logging_of_lost(&self) -> Logging {
        if self.thin > 0 && self.thin == self.lost { Logging::TooFew } else { Logging::No }
    }

    /// Takes in another group.
    pub fn merge(&mut self, other: &Self) {
        self.watched += other.watched;
        self.lost += other.lost;
        self.thin += other.thin;
        self.held += other.held;
        self.newest = self.newest.max(other.newest);
        self.allowed.extend(&other.allowed);
    }

    /// Takes in an entity of a group that is `allowed` the same silence.
    pub fn add(&mut self, last_seen: Option<i64>, standing: Standing, allowed: impl FnOnce() -> Allowed) {
        self.newest = self.newest.max(last_seen);
        if standing == Standing::Aside {
            return;
        }
        self.watched += 1;
        self.lost += usize::from(matches!(standing, Standing::Lost | Standing::Thin));
        self.thin += usize::from(standing == Standing::Thin);
        self.held += usize::from(standing == Standing::Held);
        if self.allowed.is_empty() {
            self.allowed.push(allowed());
        }
        self.allowed[0].entities += 1;
    }
}

/// Whether so many `silent` ones of a group make a stall.
pub fn is_many(silent: usize, of: usize, count: usize, share: f64) -> bool {
    silent > 0 && silent >= count && silent as f64 >= share * of as f64
}

/// How an entity counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// It logs.
    Logging,
    /// It fell silent now or lately.
    Lost,
    /// So it did, but it logs: less than it should.
    Thin,
    /// It is silent, and explained by what is known already, or was so when it was first looked at.
    Held,
    /// Silent for long, or never judged: it says nothing about now.
    Aside,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::monitor::fixtures::watch;

    const MINUTE: i64 = 60_000;

    /// Entities that may be quiet for so many minutes, the newest log of which is `age` minutes old.
    fn group(minutes: &[u64], age: i64) -> Tally {
        late_group(minutes, 1, 0, age)
    }

    /// The same with so many minutes of grace, where logs come so many minutes late.
    fn late_group(minutes: &[u64], grace: u64, late: i64, age: i64) -> Tally {
        let watch = watch(&["001"]);
        let mut all = Tally { newest: Some(-age * MINUTE), ..Tally::default() };
        for minutes in minutes {
            let of = |minutes| std::time::Duration::from_secs(60 * minutes);
            let policy =
                Policy { interval: of(minutes - grace), grace: of(grace), ..watch.policy(&watch.agents[0]) };
            let mut one = Tally::default();
            one.add(None, Standing::Logging, || Allowed::by(&policy, late * MINUTE, 0));
            all.merge(&one);
        }
        all
    }

    #[test]
    fn a_few_that_may_be_quiet_for_less_time_than_the_others_decide_nothing() {
        let mixed = [10, 10, 10, 10, 60, 60, 60, 240];
        let flows = [11, 13, 59, 60].map(|age| group(&mixed, age).flow(5));
        assert_eq!(flows, [Flow::Flowing, Flow::Doubtful, Flow::Doubtful, Flow::Stopped]);
        let short = [0, 1, 2].map(|age| group(&[2; 5], age).flow(5));
        assert_eq!(short, [Flow::Flowing, Flow::Doubtful, Flow::Stopped]);
        assert_eq!(group(&mixed[..4], 1000).flow(5), Flow::Flowing, "too few to be a group");
    }

    #[test]
    fn where_logs_come_late_what_is_allowed_counts_from_when_they_are_expected() {
        let flows = |minutes, grace, late, ages: [i64; 4]| {
            ages.map(|age| late_group(&[minutes; 5], grace, late, age).flow(5))
        };
        let told = [Flow::Flowing, Flow::Doubtful, Flow::Doubtful, Flow::Stopped];
        assert_eq!(flows(16, 1, 14, [17, 18, 28, 29]), told);
        assert_eq!(flows(12, 10, 20, [20, 21, 21, 22]), told, "most of it is grace, which is for the same");
        assert_eq!(flows(16, 5, 3, [6, 7, 15, 16]), told, "the grace is longer");
    }

    #[test]
    fn whoever_is_explained_already_is_not_lost_again_and_proves_nothing() {
        let limits = Pipeline::default();
        let of = |lost, held| Tally { watched: 20, lost, held, ..group(&[], 0) };
        assert!(of(10, 0).stalls(&limits) && !of(9, 0).stalls(&limits));
        assert!(of(5, 10).stalls(&limits) && !of(4, 10).stalls(&limits));
        let left = Tally { watched: 3, ..group(&[], 0) };
        assert!(left.is_stalled(3, &limits), "the others were taken off the list");
        assert!(!left.is_stalled(1, &limits) && !Tally::default().is_stalled(0, &limits));
    }
}
