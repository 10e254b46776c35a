//! A list that a source keeps: who comes to be on it, and who is removed.

use std::time::Duration;

use fastrand::Rng;
use log_monitor::config::Discover;

use super::{HOUR, MINUTE, Pace, Scenario, duration, troubles};
use crate::spans::Spans;

/// The name of the source that keeps it.
pub const KEEPER: &str = "api";

/// Every so manieth world has one.
const EVERY: u64 = 4;

/// A reader without rights sees one of so many.
const SEEN: usize = 4;

pub struct Register {
    /// How often it is read.
    pub every: i64,
    /// How long whoever comes to be on it has to begin to log.
    pub probation: i64,
    /// When the configuration is read again.
    pub reloads: Vec<i64>,
    /// When it cannot be read.
    pub unreadable: Spans,
    /// When its reader may not see most of them. (What lasts for a day is believed.)
    pub lacking: Spans,
}

impl Register {
    /// Whether it can be read at a time and says that an agent is on it.
    pub fn shows(&self, place: usize, at: i64) -> bool {
        place.is_multiple_of(SEEN) || !self.lacking.contains(at)
    }

    /// When it cannot be believed.
    pub fn troubled(&self) -> Spans {
        self.unreadable.or(self.lacking.iter())
    }

    pub fn rules(&self) -> Discover {
        Discover {
            source: KEEPER.to_owned(),
            include: Vec::new(),
            exclude: Vec::new(),
            every: duration(self.every),
            probation: duration(self.probation),
            forget_after: Duration::MAX,
        }
    }
}

/// From then on agents are discovered: the gateways are always on the list, and few of the others come and go.
pub fn register(scenario: &mut Scenario, pace: Pace) -> Option<Register> {
    let seed = scenario.seed;
    let (every, probation) = match pace {
        Pace::Fast => (5..30, 10..180),
        Pace::Slow => (60..720, 120..2880),
        Pace::Told | Pace::Many => return None,
    };
    if seed % EVERY != EVERY - 1 {
        return None;
    }
    // Dice of its own: a seed without a list is what it was.
    let rng = &mut Rng::with_seed(!seed);
    let (every, probation) = (rng.i64(every) * MINUTE, rng.i64(probation) * MINUTE);
    let (from, to) = (scenario.from, scenario.to);
    let moment = |rng: &mut Rng| rng.i64(from + HOUR..to);
    // A list that lacks many is another story, even if they are removed one by one.
    let mut removals = 4 + scenario.agents.len() / 20;
    for place in 0..scenario.agents.len() {
        let is_gateway = scenario.gateways.as_ref().is_some_and(|before| before.places.contains(&place));
        let (mut since, mut until) = (i64::MIN, i64::MAX);
        match rng.u8(0..5) {
            _ if is_gateway => {}
            0 => since = moment(rng),
            1 if removals > 0 => {
                until = moment(rng);
                removals -= 1;
            }
            _ => {}
        }
        let threshold = scenario.kinds[scenario.agents[place].kind].threshold();
        let begins = if since > from { since + rng.i64(0..2 * probation) } else { since };
        let stops = if until < to { until - rng.i64(0..threshold) } else { until };
        let agent = &mut scenario.agents[place];
        agent.listed = Spans::of([(since, until)]);
        agent.breaks(&Spans::of([(i64::MIN, begins), (stops, i64::MAX)]));
    }
    let reloads = (0..rng.usize(0..4)).map(|_| moment(rng)).collect();
    let mut spans = |most: i64| {
        let spans = troubles::spans(from + HOUR, to, rng.i64(0..4), most, rng);
        Spans::of(spans.into_iter().map(|(from, to)| (from, to.min(from + 20 * HOUR))))
    };
    let (unreadable, lacking) = (spans(8 * every), spans(8 * every));
    Some(Register { every, probation, reloads, unreadable, lacking })
}
