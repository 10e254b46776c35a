//! What goes wrong with the source and with log-monitor itself.

use fastrand::Rng;
use log_monitor::source::SourceReason;

use super::{Broken, ClockError, Common, DAY, Down, HOUR, MINUTE, SECOND, Stall};

pub const REASONS: [SourceReason; 6] = [
    SourceReason::Network,
    SourceReason::Timeout,
    SourceReason::Auth,
    SourceReason::NoIndex,
    SourceReason::Incomplete,
    SourceReason::Overloaded,
];

/// Now and then for some seconds, for some minutes, or for longer than agents may be quiet.
pub fn broken(from: i64, to: i64, threshold: i64, rng: &mut Rng) -> Vec<Broken> {
    let spans = spans(from, to, rng.i64(0..8), threshold, rng);
    spans
        .into_iter()
        .map(|(from, to)| Broken { from, to, reason: REASONS[rng.usize(..REASONS.len())] })
        .collect()
}

/// Stops and kills, for a moment or for long.
pub fn down(from: i64, to: i64, threshold: i64, rng: &mut Rng) -> Vec<Down> {
    let spans = spans(from, to, rng.i64(0..8), threshold, rng);
    spans.into_iter().map(|(from, to)| Down { from, to, killed: rng.bool() }).collect()
}

/// All of them, a node or a site, or half of one, for less or more time than agents may be quiet.
pub fn stalls(from: i64, to: i64, threshold: i64, commons: &[Common], rng: &mut Rng) -> Vec<Stall> {
    let spans = spans(from, to, rng.i64(0..5), threshold * 3, rng);
    let stall = |(from, to)| {
        let common = commons[rng.usize(..commons.len())].clone();
        Stall { from, to, common, half: rng.u8(0..3) == 0, kept: rng.bool() }
    };
    spans.into_iter().map(stall).collect()
}

/// Set forward or back for a while, but never at a start: who starts with a wrong clock believes it. (A
/// minute is a small correction, and believed, too.)
pub fn clock(from: i64, to: i64, down: &[Down], rng: &mut Rng) -> Vec<ClockError> {
    let spans = spans(from, to, rng.i64(0..4), HOUR, rng);
    let apart = |(from, to): &(i64, i64)| down.iter().all(|down| *to < down.from || *from > down.to + MINUTE);
    let ahead = |rng: &mut Rng| {
        let far = [rng.i64(2..6) * MINUTE, rng.i64(1..50) * HOUR][rng.usize(..2)];
        if rng.bool() { far } else { -far }
    };
    spans.into_iter().filter(apart).map(|(from, to)| ClockError { from, to, ahead: ahead(rng) }).collect()
}

/// So many spans, in order and apart.
pub fn spans(from: i64, to: i64, count: i64, threshold: i64, rng: &mut Rng) -> Vec<(i64, i64)> {
    let room = (to - from) / count.max(1);
    let span = |n: i64| {
        let begin = from + n * room + rng.i64(0..room / 2);
        let long =
            [rng.i64(1..60) * SECOND, rng.i64(1..60) * MINUTE, rng.i64(0..2 * threshold)][rng.usize(..3)];
        (begin, (begin + long.max(1)).min(begin + room / 2).min(begin + 3 * DAY))
    };
    (0..count).map(span).collect()
}
