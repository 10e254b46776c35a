//! What happens in one simulated world, all of it made from a seed before it is played. Times are
//! true ones, in milliseconds since 1970.

mod agents;
mod gateways;
mod hours;
pub mod post;
pub mod register;
mod troubles;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use fastrand::Rng;
use log_monitor::config::{self, Class, Pipeline, Suspicion, Watch, matcher::Matcher, model::Maintenance};
use log_monitor::source::SourceReason;

use crate::spans::Spans;
pub use gateways::Gateways;
use hours::Hours;
use post::Post;
use register::Register;
pub use troubles::REASONS;

pub const SECOND: i64 = 1000;
pub const MINUTE: i64 = 60 * SECOND;
pub const HOUR: i64 = 60 * MINUTE;
pub const DAY: i64 = 24 * HOUR;

/// 2026-01-01 00:00:00 UTC, a Thursday.
const START: i64 = 1_767_225_600_000;

/// How often agents log, and rounds are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pace {
    /// Some times a day, for months.
    Slow,
    /// Every few minutes, for days.
    Fast,
    /// Every few minutes, for days, and people are told.
    Told,
    /// Some times a day, for months, and thousands of them.
    Many,
}

pub struct Scenario {
    pub seed: u64,
    pub from: i64,
    pub to: i64,
    pub poll: i64,
    pub kinds: Vec<Kind>,
    pub agents: Vec<Agent>,
    /// When the source does not answer.
    pub broken: Vec<Broken>,
    /// When log-monitor does not run.
    pub down: Vec<Down>,
    /// When nothing comes from many agents.
    pub stalls: Vec<Stall>,
    /// When this machine's clock is wrong.
    pub clock: Vec<ClockError>,
    /// On whom some depend.
    pub gateways: Option<Gateways>,
    /// Who is told, if anybody is.
    pub post: Option<Post>,
    /// The list that agents are discovered from, if they are.
    pub register: Option<Register>,
}

/// A class of agents.
#[derive(Debug, Clone)]
pub struct Kind {
    /// What the ids of its agents begin with.
    pub letter: char,
    pub interval: i64,
    pub grace: i64,
    /// How many documents are expected in each interval, of some.
    pub least: Option<u64>,
    /// Where its agents are, for some.
    pub site: Option<&'static str>,
    pub hours: Hours,
}

impl Kind {
    /// How long its agents may be quiet.
    pub const fn threshold(&self) -> i64 {
        self.interval + self.grace
    }

    /// Its agents.
    fn matcher(&self) -> Matcher {
        Matcher::new([("id", vec![format!("{}*", self.letter)])])
    }

    /// When the time is up that a document gives to its agent.
    pub fn due(&self, at: i64) -> i64 {
        self.after(at, self.threshold())
    }

    /// When so much time has passed in which its agents are expected to log.
    pub fn after(&self, at: i64, mut left: i64) -> i64 {
        for (from, to) in self.hours.expected.from(at) {
            if to - from >= left {
                return from + left;
            }
            left -= to - from;
        }
        i64::MAX / 4
    }
}

pub struct Agent {
    pub id: String,
    /// The place of its kind.
    pub kind: usize,
    /// The node it sends through, if it is of a cluster.
    pub node: Option<String>,
    /// When it is on the list.
    pub listed: Spans,
    /// When it does not log.
    pub outages: Spans,
    /// When it logs less than it should.
    pub sparse: Spans,
    /// When its documents wait to be indexed.
    pub jams: Spans,
    /// In order of their times.
    pub documents: Vec<Document>,
}

impl Agent {
    /// What people know it by.
    pub fn name(&self) -> String {
        format!("host-{}", Scenario::place(&self.id))
    }

    /// When it is on the list no more.
    pub fn removed_at(&self) -> i64 {
        self.listed.iter().last().map_or(i64::MIN, |(_, until)| until)
    }
}

#[derive(Debug, Clone, Copy)]
pub struct Document {
    /// Its time.
    pub at: i64,
    /// From when on it can be found.
    pub visible: i64,
}

#[derive(Debug, Clone, Copy)]
pub struct Broken {
    pub from: i64,
    pub to: i64,
    pub reason: SourceReason,
}

#[derive(Debug, Clone, Copy)]
pub struct Down {
    pub from: i64,
    pub to: i64,
    /// Without time to write anything down.
    pub killed: bool,
}

/// What agents have in common.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Common {
    All,
    Node(String),
    Site(String),
}

impl Common {
    /// Whether agents of this kind and node have it.
    fn is_of(&self, kind: &Kind, node: Option<&str>) -> bool {
        match self {
            Self::All => true,
            Self::Node(name) => node == Some(name),
            Self::Site(name) => kind.site == Some(name),
        }
    }
}

/// What agents have in common, of whom nothing comes.
#[derive(Debug, Clone)]
pub struct Stall {
    pub from: i64,
    pub to: i64,
    pub common: Common,
    /// Whether it is only of about half of them, some more or less.
    pub half: bool,
    /// Whether the documents are indexed after it.
    pub kept: bool,
}

/// This machine's clock is so far ahead.
#[derive(Debug, Clone, Copy)]
pub struct ClockError {
    pub from: i64,
    pub to: i64,
    pub ahead: i64,
}

/// What is done with log-monitor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Step {
    Stop,
    Kill,
    Start,
    Reload,
    /// Somebody adds the silence of this place.
    Silence(usize),
    /// Somebody ends it.
    Expire(usize),
}

impl Scenario {
    pub fn new(seed: u64, pace: Pace) -> Self {
        let mut rng = Rng::with_seed(seed);
        let rng = &mut rng;
        let (days, size, poll) = match pace {
            Pace::Slow => (rng.i64(90..150), rng.usize(80..220), rng.i64(180..300) * MINUTE),
            Pace::Many => (rng.i64(60..70), rng.usize(2000..2400), rng.i64(360..420) * MINUTE),
            Pace::Fast => (rng.i64(2..5), rng.usize(12..60), rng.i64(1..5) * MINUTE),
            Pace::Told => (rng.i64(1..3), rng.usize(12..60), rng.i64(1..5) * MINUTE),
        };
        let (from, to) = (START, START + days * DAY);
        let mut kinds = agents::kinds(from, to, poll, rng);
        agents::expect_many(&mut kinds, seed);
        let nodes: Vec<String> = (0..rng.usize(0..4)).map(|n| format!("node{n}")).collect();
        let down = troubles::down(from, to, kinds[0].threshold(), rng);
        let mut scenario = Self {
            seed,
            from,
            to,
            poll,
            agents: Vec::new(),
            broken: troubles::broken(from, to, kinds[0].threshold(), rng),
            clock: troubles::clock(from, to, &down, rng),
            down,
            stalls: troubles::stalls(from, to, kinds[0].threshold(), &commons(&nodes, &kinds), rng),
            gateways: None,
            post: None,
            register: None,
            kinds,
        };
        scenario.agents = (0..size).map(|place| agents::agent(&scenario, place, &nodes, rng)).collect();
        scenario.gateways = (rng.u8(0..4) > 0).then(|| gateways::gateways(&mut scenario, rng));
        scenario.post = (pace == Pace::Told).then(|| post::post(from, to, rng));
        if let Some(post) = &mut scenario.post {
            // A silence holds until a time of the clock on the wall, which comes twice where that is set back.
            match seed % 2 {
                0 => post.silences.clear(),
                _ => scenario.clock.clear(),
            }
        }
        scenario.register = register::register(&mut scenario, pace);
        scenario
    }

    pub fn agent_days(&self) -> f64 {
        self.agents.len() as f64 * (self.to - self.from) as f64 / DAY as f64
    }

    /// How far this machine's clock is ahead.
    pub fn clock_error(&self, now: i64) -> i64 {
        let wrong = self.clock.iter().find(|wrong| (wrong.from..wrong.to).contains(&now));
        wrong.map_or(0, |wrong| wrong.ahead)
    }

    /// The place of the agent with this id.
    pub fn place(id: &str) -> usize {
        id[1..].parse().expect("a letter and a number")
    }

    /// Whether an agent has that in common with others.
    pub fn has(&self, agent: &Agent, common: &Common) -> bool {
        common.is_of(self.kind_of(agent), agent.node.as_deref())
    }

    pub fn kind_of(&self, agent: &Agent) -> &Kind {
        match &self.gateways {
            Some(gateways) if gateways.are_before(agent) => &gateways.behind,
            _ => &self.kinds[agent.kind],
        }
    }

    /// The configuration that is in force at a time.
    pub fn watch(&self, now: i64) -> Watch {
        let listed = |agent: &&Agent| self.register.is_none() && agent.listed.contains(now);
        let agents = self.agents.iter().filter(listed);
        let agents = agents.map(|agent| config::Agent::in_file(&agent.id, "")).collect();
        Watch {
            name: "default".to_owned(),
            source: "wazuh".to_owned(),
            also: Vec::new(),
            beside: Vec::new(),
            agent_file: None,
            agents,
            discover: self.register.as_ref().map(Register::rules),
            interval: Duration::from_secs(900),
            grace: Duration::from_secs(60),
            poll: duration(self.poll),
            intervals: BTreeMap::new(),
            classes: self.kinds.iter().map(class).collect(),
            maintenance: self.kinds.iter().map(maintenance).collect(),
            dependencies: self.gateways.iter().map(|before| before.dependency(&self.agents)).collect(),
            pipeline: Pipeline::default(),
            suspicion: Suspicion::default(),
            min_events: None,
        }
    }

    /// What is done with log-monitor, and when.
    pub fn steps(&self) -> Vec<(i64, Step)> {
        let stop = |down: &Down| if down.killed { Step::Kill } else { Step::Stop };
        let down = self.down.iter().flat_map(|down| [(down.from, stop(down)), (down.to, Step::Start)]);
        let changes = self.agents.iter().flat_map(|agent| agent.listed.iter());
        let changes: Vec<i64> = match &self.register {
            Some(register) => register.reloads.clone(),
            None => changes.flat_map(|(from, to)| [from, to]).collect(),
        };
        let reloads = changes.into_iter().map(|at| (at, Step::Reload));
        let silences = self.post.iter().flat_map(|post| post.silences.iter().enumerate());
        let silences = silences.flat_map(|(place, silence)| {
            let expired = silence.expired.map(|at| (at, Step::Expire(place)));
            [(silence.from, Step::Silence(place))].into_iter().chain(expired)
        });
        let mut steps: Vec<(i64, Step)> =
            down.chain(reloads).chain(silences).filter(|(at, _)| (self.from..self.to).contains(at)).collect();
        steps.extend([(self.from, Step::Start), (self.to, Step::Stop)]);
        steps.sort_unstable();
        steps
    }
}

fn commons(nodes: &[String], kinds: &[Kind]) -> Vec<Common> {
    let nodes = nodes.iter().map(|name| Common::Node(name.clone()));
    let sites = kinds.iter().filter_map(|kind| Some(Common::Site(kind.site?.to_owned())));
    [Common::All].into_iter().chain(nodes).chain(sites).collect()
}

fn class(kind: &Kind) -> Class {
    Class {
        matcher: kind.matcher(),
        interval: Some(duration(kind.interval)),
        grace: Some(duration(kind.grace)),
        min_events: kind.least,
        calendar: kind.hours.calendar.clone().map(Arc::new),
        max_time_to_notify: None,
        labels: kind.site.map(|site| ("site".to_owned(), site.to_owned())).into_iter().collect(),
    }
}

fn maintenance(kind: &Kind) -> Maintenance {
    Maintenance { matcher: kind.matcher(), pauses: kind.hours.pauses.clone(), behind: Vec::new() }
}

fn duration(millis: i64) -> Duration {
    Duration::from_millis(millis.try_into().unwrap_or_default())
}
