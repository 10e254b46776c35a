//! How much of the time in which logs were expected of an agent it did log. Pure.

use super::{Span, cut, total};
use crate::config::calendar::{merged, without};

/// A time in which an agent did not log as it should.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Lack {
    /// From when to when.
    pub span: Span,
    /// It logged, but less than it should.
    pub few: bool,
    /// The part of it, from 0 to 1, of which logs arrived late.
    pub late: f64,
}

/// How an agent, or a group of them, was covered.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Coverage {
    /// How many agents.
    pub agents: usize,
    /// How long it is known whether they logged, in milliseconds: all together.
    pub watched: i64,
    /// How long of that they did not.
    pub silent: i64,
    /// How much of that arrived late: nobody could see it then.
    pub late: i64,
    /// How long they logged, but less than they should.
    pub few: i64,
    /// How often they fell silent.
    pub silences: usize,
    /// The longest silence, and the agent's id.
    pub longest: Option<(Span, String)>,
}

impl Coverage {
    /// The coverage of agent `id`.
    ///
    /// What it lacked counts as far as it lies in `expected`. Of the time in which nobody looked
    /// (`blind`) nothing is known, unless a lack is known to have gone on through it.
    #[must_use]
    pub fn of_agent(id: &str, expected: &[Span], blind: &[Span], lacks: &[Lack]) -> Self {
        let within = |lack: &Lack| expected.iter().filter_map(|span| cut(lack.span, *span)).collect();
        let of_sort = |few: bool| -> Vec<(f64, Vec<Span>)> {
            let parts = lacks.iter().filter(|lack| lack.few == few).map(|lack| (lack.late, within(lack)));
            parts.filter(|(_, parts): &(f64, Vec<_>)| !parts.is_empty()).collect()
        };
        let all =
            |each: &[(f64, Vec<Span>)]| merged(each.iter().flat_map(|(_, parts)| parts.clone()).collect());
        let each = of_sort(false);
        let silent = all(&each);
        let few = without(all(&of_sort(true)), &silent);
        let unknown = without(without(merged(blind.to_vec()), &silent), &few);
        let outer = |parts: &Vec<Span>| (parts[0].0, parts[parts.len() - 1].1);
        let longest = each.iter().map(|(_, parts)| outer(parts)).max_by_key(|(from, to)| to - from);
        let late: f64 = each.iter().map(|(late, parts)| late * total(parts) as f64).sum();
        Self {
            agents: 1,
            watched: total(&without(expected.to_vec(), &unknown)),
            silent: total(&silent),
            late: (late as i64).min(total(&silent)),
            few: total(&few),
            silences: each.len(),
            longest: longest.map(|span| (span, id.to_owned())),
        }
    }

    /// Takes in others.
    pub fn add(&mut self, other: &Self) {
        self.agents += other.agents;
        self.watched += other.watched;
        self.silent += other.silent;
        self.late += other.late;
        self.few += other.few;
        self.silences += other.silences;
        let length = |longest: &Option<(Span, String)>| longest.as_ref().map(|((from, to), _)| to - from);
        if length(&other.longest) > length(&self.longest) {
            self.longest.clone_from(&other.longest);
        }
    }

    /// In percent, with two decimals, rounded down: 100 is said only where nothing was missing. `None`
    /// where nobody was watched.
    #[must_use]
    pub fn percent(&self) -> Option<f64> {
        let logged = i128::from(self.watched - self.silent);
        let hundredths = (logged * 10_000).checked_div(i128::from(self.watched))?;
        Some(hundredths as f64 / 100.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lacks(silences: &[Span]) -> Vec<Lack> {
        silences.iter().map(|span| Lack { span: *span, few: false, late: 0.0 }).collect()
    }

    fn covered(expected: &[Span], blind: &[Span], silences: &[Span]) -> (i64, i64, usize, Option<Span>) {
        let coverage = Coverage::of_agent("001", expected, blind, &lacks(silences));
        (coverage.watched, coverage.silent, coverage.silences, coverage.longest.map(|(span, _)| span))
    }

    #[test]
    fn silences_are_cut_to_the_month_and_counted_once() {
        // One from before, one that overlaps another, one that begins after the end.
        let silences = [(-50, 10), (40, 60), (55, 70), (100, 120)];
        assert_eq!(covered(&[(0, 100)], &[], &silences), (100, 40, 3, Some((40, 60))));
        assert_eq!(covered(&[], &[], &silences), (0, 0, 0, None));
    }

    #[test]
    fn only_expected_time_counts() {
        // Over the night between two days of work.
        assert_eq!(covered(&[(0, 10), (20, 30)], &[], &[(8, 22)]), (20, 4, 1, Some((8, 22))));
        assert_eq!(covered(&[(0, 10), (20, 30)], &[], &[(11, 19)]), (20, 0, 0, None));
    }

    #[test]
    fn what_nobody_saw_is_neither_covered_nor_silent() {
        assert_eq!(covered(&[(0, 100)], &[(90, 120), (10, 30)], &[]), (70, 0, 0, None));
        // It was silent before and after nobody looked, so it was meanwhile.
        assert_eq!(covered(&[(0, 100)], &[(10, 30)], &[(5, 20)]), (90, 15, 1, Some((5, 20))));
    }

    #[test]
    fn too_few_logs_are_no_silence_and_what_arrived_late_is() {
        let lack = |span, few, late| Lack { span, few, late };
        // From 40 on it logged too little, and from 50 to 60 nothing.
        let lacks = [lack((0, 20), false, 0.5), lack((40, 80), true, 0.0), lack((50, 60), false, 0.0)];
        let coverage = Coverage::of_agent("001", &[(10, 100)], &[(70, 90)], &lacks);
        let Coverage { watched, silent, late, few, silences, .. } = coverage;
        assert_eq!((watched, silent, late, few, silences), (80, 20, 5, 30, 2));
        assert_eq!(coverage.percent(), Some(75.0));
    }

    #[test]
    fn a_hundred_percent_is_not_said_of_less() {
        let percent = |silent| Coverage { watched: 2_592_000_000, silent, ..Coverage::default() }.percent();
        assert_eq!([0, 1, 60_000, 2_592_000_000].map(percent), [100.0, 99.99, 99.99, 0.0].map(Some));
        assert_eq!(Coverage::default().percent(), None);
    }

    #[test]
    fn a_group_is_its_agents_together() {
        let mut group = Coverage::default();
        group.add(&Coverage::of_agent("001", &[(0, 100)], &[], &lacks(&[(0, 10), (20, 25)])));
        group.add(&Coverage::of_agent("002", &[(50, 100)], &[], &lacks(&[(60, 90)])));
        let longest = Some(((60, 90), "002".to_owned()));
        let expected =
            Coverage { agents: 2, watched: 150, silent: 45, silences: 3, longest, late: 0, few: 0 };
        assert_eq!(group, expected);
        assert_eq!(group.percent(), Some(70.0));
    }
}
