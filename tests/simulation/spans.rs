//! Sets of times, as spans: in order, none touching another. Milliseconds.

/// A set of times.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Spans(Vec<(i64, i64)>);

impl Spans {
    /// The times within any of these.
    pub fn of(spans: impl IntoIterator<Item = (i64, i64)>) -> Self {
        let mut spans: Vec<(i64, i64)> = spans.into_iter().filter(|(from, to)| from < to).collect();
        spans.sort_unstable();
        let mut merged: Vec<(i64, i64)> = Vec::with_capacity(spans.len());
        for (from, to) in spans {
            match merged.last_mut() {
                Some(last) if from <= last.1 => last.1 = last.1.max(to),
                _ => merged.push((from, to)),
            }
        }
        Self(merged)
    }

    pub fn iter(&self) -> impl Iterator<Item = (i64, i64)> {
        self.0.iter().copied()
    }

    /// What is left of them from a time on.
    pub fn from(&self, at: i64) -> impl Iterator<Item = (i64, i64)> {
        let next = self.0.partition_point(|span| span.1 <= at);
        self.0[next..].iter().map(move |(from, to)| ((*from).max(at), *to))
    }

    /// The times within, and those within any of these.
    pub fn or(&self, others: impl IntoIterator<Item = (i64, i64)>) -> Self {
        Self::of(self.iter().chain(others))
    }

    /// The times within both.
    pub fn and(&self, other: &Self) -> Self {
        let (mut left, mut right) = (self.0.as_slice(), other.0.as_slice());
        let mut both = Vec::new();
        while let (Some(a), Some(b)) = (left.first(), right.first()) {
            let (from, to) = (a.0.max(b.0), a.1.min(b.1));
            if from < to {
                both.push((from, to));
            }
            if a.1 <= b.1 { left = &left[1..] } else { right = &right[1..] }
        }
        Self(both)
    }

    /// The times of `from..to` that are not within.
    pub fn gaps(&self, from: i64, to: i64) -> Self {
        let begins = std::iter::once(from).chain(self.iter().map(|span| span.1));
        let ends = self.iter().map(|span| span.0).chain([to]);
        Self(begins.zip(ends).map(|(a, b)| (a.max(from), b.min(to))).filter(|(a, b)| a < b).collect())
    }

    /// What is left when the first `by` of every span is not.
    pub fn after_the_first(&self, by: i64) -> Self {
        Self(self.iter().map(|(from, to)| (from + by, to)).filter(|(from, to)| from < to).collect())
    }

    pub fn contains(&self, at: i64) -> bool {
        self.end_of(at).is_some()
    }

    /// The end of the span that a time is within.
    pub fn end_of(&self, at: i64) -> Option<i64> {
        let next = self.0.partition_point(|span| span.1 <= at);
        self.0.get(next).filter(|span| span.0 <= at).map(|span| span.1)
    }

    /// Whether some time of `from..=to` is within.
    pub fn touches(&self, from: i64, to: i64) -> bool {
        let next = self.0.partition_point(|span| span.1 <= from);
        self.0.get(next).is_some_and(|span| span.0 <= to)
    }
}

#[test]
fn spans_are_sets() {
    let some = Spans::of([(5, 7), (1, 3), (2, 4), (9, 9)]);
    assert_eq!(some, Spans(vec![(1, 4), (5, 7)]));
    assert_eq!(some.gaps(0, 10), Spans(vec![(0, 1), (4, 5), (7, 10)]));
    assert_eq!(some.and(&some.gaps(0, 10)), Spans::default());
    assert_eq!(some.and(&Spans::of([(3, 6)])), Spans(vec![(3, 4), (5, 6)]));
    assert_eq!(some.after_the_first(2), Spans(vec![(3, 4)]));
    assert!(some.contains(1) && !some.contains(4) && some.touches(4, 5) && !some.touches(7, 9));
}
