//! Who is told, and what goes wrong on the way.

use std::sync::Arc;
use std::time::Duration;

use fastrand::Rng;
use log_monitor::config::{Group, Need, Reminders, Route, Step, matcher::Matcher};
use log_monitor_channels::Event;

use super::{HOUR, MINUTE, troubles};

/// The channel that every route ends with. It never refuses for good.
pub const LAST: &str = "mail";

pub struct Post {
    pub routes: Arc<Vec<Route>>,
    pub channels: Vec<Channel>,
    /// In order of their beginnings.
    pub silences: Vec<Silenced>,
}

/// Somebody does not want to be told of the agents of a class for a while.
#[derive(Debug, Clone, Copy)]
pub struct Silenced {
    /// What their ids begin with.
    pub letter: char,
    pub from: i64,
    /// What was said at its beginning.
    pub until: i64,
    /// When it is ended before that, if it is.
    pub expired: Option<i64>,
}

impl Silenced {
    pub fn to(&self) -> i64 {
        self.expired.unwrap_or(self.until)
    }

    pub fn is_of(&self, event: &Event) -> bool {
        event.entity.as_ref().is_some_and(|entity| entity.id.starts_with(self.letter))
    }
}

/// A channel, and what is wrong with it when.
pub struct Channel {
    pub name: &'static str,
    pub troubles: Vec<Trouble>,
}

#[derive(Debug, Clone, Copy)]
pub struct Trouble {
    pub from: i64,
    pub to: i64,
    pub how: How,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum How {
    /// It cannot be reached.
    Down,
    /// It takes the message, and says nothing.
    Mute,
    /// It takes the message, and its answer is lost.
    Cut,
    /// It wants to be left alone for a while.
    Limits,
    /// It does not take the message in full.
    Shortens,
    /// It takes nothing any more.
    Refuses,
}

/// The last are not for everybody.
pub const HOW: [How; 6] = [How::Down, How::Mute, How::Cut, How::Limits, How::Shortens, How::Refuses];

impl Channel {
    /// What is wrong with it at a time.
    pub fn trouble(&self, at: i64) -> Option<How> {
        let trouble = self.troubles.iter().find(|trouble| (trouble.from..trouble.to).contains(&at));
        trouble.map(|trouble| trouble.how)
    }
}

impl Post {
    /// How many routes can bring the same to a channel.
    pub fn routes_to(&self, channel: &str) -> usize {
        let leads = |route: &&Route| route.steps.iter().any(|step| step.to.iter().any(|to| to == channel));
        self.routes.iter().filter(leads).count()
    }
}

pub fn post(from: i64, to: i64, rng: &mut Rng) -> Post {
    let channels = ["pager", "chat", "desk", LAST].map(|name| Channel {
        name,
        troubles: troubles(from, to, if name == LAST { &HOW[..4] } else { &HOW }, rng),
    });
    let stop = rng.bool();
    let routes = vec![
        Route { stop, ..route("ours", &["a*", "b*"], [&["pager"], &[LAST]], rng) },
        route("also", &["a*"], [&["chat", "desk"], &[LAST]], rng),
        route("catch_all", &[], [&["chat"], &["desk", LAST]], rng),
    ];
    Post { routes: Arc::new(routes), channels: channels.into(), silences: silences(from, to, rng) }
}

/// For minutes or hours, some of them at once.
fn silences(from: i64, to: i64, rng: &mut Rng) -> Vec<Silenced> {
    let silence = |_| {
        let (letter, from) = (['a', 'b', 'c'][rng.usize(..3)], rng.i64(from + HOUR..to - HOUR));
        let long = rng.i64(5 * MINUTE..8 * HOUR);
        let expired = rng.bool().then(|| from + rng.i64(MINUTE..long));
        Silenced { letter, from, until: from + long, expired }
    };
    let mut silences: Vec<Silenced> = (0..8).map(silence).collect();
    silences.sort_by_key(|silence| silence.from);
    silences
}

/// Each for less than a delivery is tried.
fn troubles(from: i64, to: i64, how: &[How], rng: &mut Rng) -> Vec<Trouble> {
    let spans = troubles::spans(from, to, rng.i64(0..12), 3 * HOUR, rng);
    spans.into_iter().map(|(from, to)| Trouble { from, to, how: how[rng.usize(..how.len())] }).collect()
}

fn route(name: &str, ids: &[&str], steps: [&[&str]; 2], rng: &mut Rng) -> Route {
    let mut seconds = |range: std::ops::Range<u64>| Duration::from_secs(rng.u64(range));
    let step = |to: &[&str]| Step {
        to: to.iter().map(|name| (*name).to_owned()).collect(),
        need: Need::Any,
        fallback_after: seconds(10..180),
        escalation: None,
    };
    let mut steps: Vec<Step> = steps.map(step).into();
    let reminders = Reminders { first: seconds(1800..7200), ..Reminders::default() };
    steps.iter_mut().for_each(|step| step.need = if rng.bool() { Need::Any } else { Need::All });
    let ids = (!ids.is_empty()).then(|| ("id", ids.iter().map(|id| (*id).to_owned()).collect::<Vec<_>>()));
    Route {
        name: name.to_owned(),
        matcher: Matcher::new(ids),
        active: None,
        steps,
        reminders,
        group: Group { burst: rng.u32(2..6), ..Group::default() },
        quiet: None,
        stop: false,
    }
}
