//! Which interval suits an agent. Pure.

use std::time::Duration;

use super::quantiles::{outages, quantile, sensible};
use super::waits::Wait;

const DAY: f64 = 86_400_000.0;

/// Fewer gaps than this teach nothing.
pub const ENOUGH: usize = 20;

/// An interval is quiet enough with at most so many false alarms a week: one in four.
pub const QUIET: f64 = 0.25;

/// How an agent logged.
#[derive(Debug, Clone, Copy)]
pub struct Habit<'a> {
    /// Its longer gaps, the shortest first.
    pub long: &'a [Wait],
    /// How many were shorter.
    pub short: usize,
    /// How long those were at most, in milliseconds.
    pub shortest: i64,
    /// How long it is known how it logs, in milliseconds.
    pub span: i64,
}

/// An interval, and what it would have done.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Choice {
    /// Where it comes from: `now`, `p99`, `p99.9`, `max x 1.5`.
    pub from: &'static str,
    /// The interval; `None` = it would be longer than a day.
    pub interval: Option<Duration>,
    /// Alarms in a week while nothing was wrong.
    pub per_week: f64,
}

/// What is said of an agent.
#[derive(Debug, Clone, PartialEq)]
pub struct Advice {
    /// How many gaps were looked at.
    pub gaps: usize,
    /// The longest of them, in milliseconds.
    pub longest: i64,
    /// Gaps that were taken for outages, in milliseconds.
    pub left_out: Vec<i64>,
    /// Today's interval first.
    pub choices: Vec<Choice>,
    /// The shortest quiet one.
    pub suggested: Option<Duration>,
}

/// Weighs intervals for an agent that has `now` and `grace` today.
#[must_use]
pub fn advise(habit: Habit<'_>, now: Duration, grace: Duration) -> Advice {
    let Habit { long, short, shortest, span } = habit;
    let weeks = span as f64 / DAY / 7.0;
    let lengths: Vec<i64> = long.iter().map(|wait| wait.long).collect();
    let left = long.len() - outages(&lengths, short, shortest, often(span));
    let (kept, left_out) = lengths.split_at(left);
    let longest = kept.last().copied().unwrap_or_default();
    let choice = |from, interval: Option<Duration>| {
        let threshold = interval.map_or(i64::MAX, |interval| millis(interval.saturating_add(grace)));
        let alarms = long[..left].iter().filter(|wait| wait.alarms(threshold)).count();
        Choice { from, interval, per_week: if alarms == 0 { 0.0 } else { alarms as f64 / weeks } }
    };
    let learnt = [
        choice("p99", sensible(quantile(kept, short, shortest, 0.99))),
        choice("p99.9", sensible(quantile(kept, short, shortest, 0.999))),
        choice("max x 1.5", sensible(longest.max(shortest).saturating_mul(3) / 2)),
    ];
    let gaps = kept.len() + short;
    let quiet = learnt.iter().filter(|choice| gaps >= ENOUGH && choice.per_week <= QUIET);
    let suggested = quiet.filter_map(|choice| choice.interval).min();
    let choices = std::iter::once(choice("now", Some(now))).chain(learnt).collect();
    Advice { gaps, longest, left_out: left_out.to_vec(), choices, suggested }
}

/// What came no more than so many times in `span` milliseconds may be an outage: less than once a week, or once.
#[must_use]
pub fn often(span: i64) -> usize {
    ((span as f64 / DAY / 7.0) as usize).saturating_sub(1).max(1)
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const M: i64 = 60_000;

    fn minutes(interval: Option<Duration>) -> Option<u64> {
        interval.map(|interval| interval.as_secs() / 60)
    }

    fn advised(long: &[(i64, usize)], short: usize) -> Advice {
        let mut gaps: Vec<i64> = long.iter().flat_map(|(minutes, count)| vec![minutes * M; *count]).collect();
        gaps.sort_unstable();
        let gaps: Vec<Wait> = gaps.into_iter().map(Wait::for_one).collect();
        let habit = Habit { long: &gaps, short, shortest: 2 * M, span: 14 * DAY as i64 };
        advise(habit, Duration::from_secs(900), Duration::from_secs(60))
    }

    #[test]
    fn each_choice_says_what_it_would_have_cost() {
        // A backup of 50 minutes each night.
        let advice = advised(&[(8, 1000), (50, 14)], 5000);
        let told: Vec<_> = advice.choices.iter().map(|c| (c.from, minutes(c.interval), c.per_week)).collect();
        assert_eq!(
            told,
            [
                ("now", Some(15), 7.0),
                ("p99", Some(10), 7.0),
                ("p99.9", Some(60), 0.0),
                ("max x 1.5", Some(120), 0.0),
            ]
        );
        assert_eq!((minutes(advice.suggested), advice.gaps, advice.longest), (Some(60), 6014, 50 * M));
    }

    #[test]
    fn an_outage_is_not_learnt_as_normal() {
        let (with, without) = (advised(&[(8, 1000), (900, 1)], 5000), advised(&[(8, 1000)], 5000));
        assert_eq!((&with.choices, with.suggested), (&without.choices, without.suggested));
        assert_eq!((with.left_out, minutes(with.suggested)), (vec![900 * M], Some(10)));
    }

    #[test]
    fn who_logs_too_rarely_is_told_no_interval() {
        assert_eq!(advised(&[(30, 5)], 0).suggested, None, "too few");
        // Nights of ten hours and weekends: only more than a day would be quiet.
        let laptop = advised(&[(600, 10), (3480, 2)], 4000);
        assert_eq!((minutes(laptop.choices[2].interval), laptop.choices[2].per_week), (Some(720), 1.0));
        assert_eq!((minutes(laptop.choices[3].interval), laptop.suggested), (None, None));
    }
}
