//! Agents: how often they log, and when they do not.

use fastrand::Rng;

use super::hours::hours;
use super::{Agent, Document, Kind, SECOND, Scenario, Stall};
use crate::spans::Spans;

/// Three classes, which may be quiet for some rounds or for many.
pub fn kinds(from: i64, to: i64, poll: i64, rng: &mut Rng) -> Vec<Kind> {
    let kind = |letter| Kind {
        letter,
        interval: rng.i64(5..30) * poll,
        grace: rng.i64(0..180) * SECOND,
        least: None,
        site: [None, Some("harbour"), Some("tower")][rng.usize(..3)],
        hours: hours(from, to, rng),
    };
    ['a', 'b', 'c'].into_iter().map(kind).collect()
}

/// Of one class a number of logs is expected, in every third world.
pub fn expect_many(kinds: &mut [Kind], seed: u64) {
    if seed % 3 == 1 {
        let of = (seed / 3) as usize % kinds.len();
        kinds[of].least = Some(3 + seed / 9 % 3);
    }
}

pub fn agent(scenario: &Scenario, place: usize, nodes: &[String], rng: &mut Rng) -> Agent {
    let kind = rng.usize(..scenario.kinds.len());
    let of = &scenario.kinds[kind];
    let (Kind { letter, hours, .. }, threshold) = (of, of.threshold());
    let node = (!nodes.is_empty()).then(|| nodes[rng.usize(..nodes.len())].clone());
    let concerned = |stall: &&Stall| stall.common.is_of(of, node.as_deref()) && (!stall.half || rng.bool());
    let (kept, lost): (Vec<&Stall>, Vec<&Stall>) =
        scenario.stalls.iter().filter(concerned).partition(|stall| stall.kept);
    let outages = outages(scenario, threshold, rng).or(lost.iter().map(|stall| (stall.from, stall.to)));
    let (sparse, stops) =
        if of.least.is_some() { sparse(scenario, threshold, rng) } else { Default::default() };
    let outages = outages.or(stops.iter());
    let jams = jams(scenario, threshold, rng).or(kept.iter().map(|stall| (stall.from, stall.to)));
    let off = if hours.off { hours.expected.gaps(i64::MIN, i64::MAX) } else { Spans::default() };
    let documents = documents(scenario, of, [&outages.or(off.iter()), &sparse], &jams, rng);
    let listed = listed(scenario, rng);
    Agent { id: format!("{letter}{place:04}"), kind, node, listed, outages, sparse, jams, documents }
}

/// Always for most; some come later, some leave, some come back.
fn listed(scenario: &Scenario, rng: &mut Rng) -> Spans {
    let (begin, end) = (i64::MIN, i64::MAX);
    // The list is edited now and then, for several of them at once.
    let (every, between) = (12 * scenario.poll, scenario.poll / 2);
    let edited = |at: i64| at - (at - scenario.from) % every + between;
    let mut moments = [(); 2].map(|()| edited(rng.i64(scenario.from..scenario.to)));
    moments.sort_unstable();
    match rng.u8(0..60) {
        0 => Spans::of([(begin, moments[0])]),
        1 => Spans::of([(moments[0], end)]),
        2 => Spans::of([(begin, moments[0]), (moments[1], end)]),
        _ => Spans::of([(begin, end)]),
    }
}

/// None at all for some, none any more for others, and around its threshold for most.
fn outages(scenario: &Scenario, threshold: i64, rng: &mut Rng) -> Spans {
    let (from, to) = (scenario.from, scenario.to);
    let always = (i64::MIN, i64::MAX);
    match rng.u8(..100) {
        0 => return Spans::of([always]),
        1 => return Spans::of([(i64::MIN, rng.i64(from..to))]),
        2 => return Spans::of([(rng.i64(from..to), i64::MAX)]),
        _ => {}
    }
    let count = rng.usize(..6);
    let outage = |_| {
        let begin = rng.i64(from - 2 * threshold..to);
        let part = [rng.f64(), 0.8 + rng.f64() * 0.4, 1.0 + rng.f64() * 5.0][rng.usize(..3)];
        (begin, begin + (threshold as f64 * part) as i64)
    };
    Spans::of((0..count).map(outage))
}

/// Documents wait for less or more time than is allowed.
fn jams(scenario: &Scenario, threshold: i64, rng: &mut Rng) -> Spans {
    let count = rng.usize(0..3);
    let jam = |_| {
        let begin = rng.i64(scenario.from..scenario.to);
        (begin, begin + rng.i64(0..threshold * 2))
    };
    Spans::of((0..count).map(jam))
}

/// When it logs less than it should, for up to some thresholds, and when it does not log before or after that.
fn sparse(scenario: &Scenario, threshold: i64, rng: &mut Rng) -> (Spans, Spans) {
    let (mut sparse, mut stops) = (Vec::new(), Vec::new());
    for _ in 0..rng.usize(0..4) {
        let mut long = |most: i64| rng.i64(threshold / 2..most * threshold);
        let (less, none) = (long(7), long(4));
        let begin = rng.i64(scenario.from..scenario.to);
        let end = begin + less;
        sparse.push((begin, end));
        stops.extend([None, None, Some((begin - none, begin)), Some((end, end + none))][rng.usize(..4)]);
    }
    (Spans::of(sparse), Spans::of(stops))
}

/// Documents at least three times as often as they must be, and more where a number of them is expected, outside
/// of outages; some are late.
fn documents(
    scenario: &Scenario,
    kind: &Kind,
    [outages, sparse]: [&Spans; 2],
    jams: &Spans,
    rng: &mut Rng,
) -> Vec<Document> {
    let threshold = kind.threshold();
    let period = threshold / rng.i64(if kind.least.is_some() { 8..16 } else { 3..8 });
    let mut at = scenario.from - 3 * threshold;
    let mut documents = Vec::with_capacity(((scenario.to - at) / period * 2) as usize);
    while at < scenario.to {
        at += match sparse.contains(at) {
            true => rng.i64(threshold / 2..threshold * 9 / 10),
            false => rng.i64(period / 3..period),
        };
        let late = if rng.u8(0..50) == 0 { threshold } else { 20 * SECOND };
        let visible = jams.end_of(at).unwrap_or(at) + rng.i64(0..late);
        if !outages.contains(at) {
            documents.push(Document { at, visible });
        }
    }
    documents
}
