//! How many tries a channel may have within a time. What goes over waits, and what waits for one
//! route and is of one sort is one try then; nothing is dropped for it. A quarter of each window is
//! kept for what cannot wait: high severities and resolutions.
//!
//! What was sent is read from the journal's tries, so that a restart changes nothing. The decisions
//! (`room`, `free_at`, `choose`) are pure.

use log_monitor_channels::Notification;
use rusqlite::Connection;

use crate::config::Budget;
use crate::journal::deliveries::{self, Claim};
use crate::journal::waiting::{self, Waiting};

/// What a channel may be sent, and how.
#[derive(Debug, Clone, Default)]
pub struct Limits {
    /// All of them hold; none = no limit.
    pub budgets: Vec<Budget>,
    /// The vendor keeps a state of its own, which a resolution closes: what answers two posts cannot be one
    /// message.
    pub resolve: bool,
    /// The end of what a post told takes its place.
    pub edit: bool,
    /// The most characters of a body that it takes.
    pub max_body: Option<usize>,
}

/// Claims what `channel` has room for, as many tries as `free` at most.
///
/// # Errors
/// As the database.
pub fn claim(
    connection: &Connection,
    channel: &str,
    limits: &Limits,
    free: usize,
    now: i64,
) -> rusqlite::Result<Vec<Claim>> {
    let budgets = &limits.budgets;
    let Some(longest) = budgets.iter().map(per).max() else {
        return deliveries::claim(connection, channel, free, now);
    };
    if deliveries::next_due(connection, channel)?.is_none_or(|due| due > now) {
        return Ok(Vec::new());
    }
    let mut tried = waiting::tries(connection, channel, now - longest, now)?;
    let waiting = waiting::of_channel(connection, channel, limits.resolve, now)?;
    let (taken, left) = choose(waiting, free, |urgent| room(budgets, &tried, urgent, now));
    tried.splice(0..0, taken.iter().map(|_| now));
    for one in left.into_iter().filter(|one| one.not_before <= now) {
        if let Some((until, budget)) = free_at(budgets, &tried, one.urgent).filter(|(until, _)| *until > now)
        {
            waiting::defer(connection, &one, until, &budget.to_string())?;
        }
    }
    taken.into_iter().map(|together| waiting::claim(connection, together, now)).collect()
}

/// Of several posts that a claim is, those that are to be made now: what is not accepted yet, and only one of
/// that where the channel has a budget, which each of them is a try of, or where each may be refused, as an edit.
pub fn one_by_one(limits: &Limits, claim: &mut Claim, posts: &mut Vec<Notification>) {
    posts.retain(|post| !claim.posted.contains(&post.idempotency_key));
    if (limits.budgets.is_empty() && !limits.edit) || posts.len() < 2 {
        return;
    }
    posts.truncate(1);
    claim.post = posts.first().map(|post| post.idempotency_key.clone());
    for other in &mut claim.with {
        other.post.clone_from(&claim.post);
    }
}

fn per(budget: &Budget) -> i64 {
    i64::try_from(budget.per.as_millis()).unwrap_or(i64::MAX)
}

/// How much of a window is for what can wait, or for what cannot.
const fn share(budget: &Budget, urgent: bool) -> usize {
    if urgent { budget.count } else { budget.count - budget.count / 4 }
}

/// How many tries may begin at `now`; `tried` are the earlier ones, the newest first. Milliseconds.
fn room(budgets: &[Budget], tried: &[i64], urgent: bool, now: i64) -> usize {
    let left = |budget: &Budget| {
        let used = tried.iter().filter(|at| **at > now - per(budget)).count();
        share(budget, urgent).saturating_sub(used)
    };
    budgets.iter().map(left).min().unwrap_or(usize::MAX)
}

/// When the next try may begin, and what it waits for until then.
fn free_at<'b>(budgets: &'b [Budget], tried: &[i64], urgent: bool) -> Option<(i64, &'b Budget)> {
    let free = |budget: &'b Budget| Some((tried.get(share(budget, urgent) - 1)? + per(budget), budget));
    budgets.iter().filter_map(free).max_by_key(|(at, _)| *at)
}

/// Who goes now, each list as one try, and who does not. `waiting` is in the order of its turn, with what
/// cannot wait first. Only when there is not room for each by itself, what can be is merged.
fn choose(
    waiting: Vec<Waiting>,
    free: usize,
    room: impl Fn(bool) -> usize,
) -> (Vec<Vec<Waiting>>, Vec<Waiting>) {
    let each = waiting.len() <= room(waiting.iter().all(|one| one.urgent));
    let mut tries: Vec<Vec<Waiting>> = Vec::new();
    for one in waiting {
        match tries.iter_mut().find(|together| together[0].goes_with(&one) && (!each || one.goes_again())) {
            Some(together) => together.push(one),
            None => tries.push(vec![one]),
        }
    }
    let (mut taken, mut left) = (Vec::new(), Vec::new());
    for together in tries {
        if taken.len() < free.min(room(together[0].urgent)) {
            taken.push(together);
        } else {
            left.extend(together);
        }
    }
    (taken, left)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn budgets(texts: &[&str]) -> Vec<Budget> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    #[test]
    fn every_window_holds_and_a_quarter_of_each_is_kept_for_what_cannot_wait() {
        let two = budgets(&["1 per 1s", "8 per 1m"]);
        assert_eq!(room(&two, &[], false, 100_000), 1);
        assert_eq!(room(&two, &[99_500], true, 100_000), 0, "a second is not over");
        assert_eq!(free_at(&two, &[99_500], false).unwrap().0, 100_500);
        let six: Vec<i64> = (0..6).map(|at| 90_000 - at * 1000).collect();
        assert_eq!((room(&two, &six, false, 100_000), room(&two, &six, true, 100_000)), (0, 1));
        let (at, budget) = free_at(&two, &six, false).unwrap();
        assert_eq!((at, budget.to_string().as_str()), (145_000, "8 per 1m"), "the sixth leaves the minute");
    }

    #[test]
    fn a_budget_of_one_keeps_nothing_back() {
        assert_eq!(room(&budgets(&["1 per 1h"]), &[], false, 0), 1);
    }
}
