//! What can be learnt from the past: how well agents were covered, what other settings would have
//! fired, and which intervals suit.

pub mod advice;
mod counts;
pub mod coverage;
pub mod gaps;
pub mod month;
pub mod quantiles;
pub mod read;
pub mod replay;
pub mod report;
pub mod unknown;
pub mod waits;
pub mod week;

/// A stretch of time from its first up to before its last instant, in milliseconds since 1970, UTC.
pub type Span = (i64, i64);

/// How long spans that do not touch are together, in milliseconds.
#[must_use]
pub fn total(spans: &[Span]) -> i64 {
    spans.iter().map(|(from, to)| to - from).sum()
}

/// What of `span` lies within `bounds`.
#[must_use]
pub fn cut((from, to): Span, bounds: Span) -> Option<Span> {
    let (from, to) = (from.max(bounds.0), to.min(bounds.1));
    (from < to).then_some((from, to))
}
