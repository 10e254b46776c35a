//! Which maintenance holds for whom: nobody is reminded of a silence during it, nor outside of hours, and what
//! is told after it names it. Pure; times in milliseconds.

use std::collections::{BTreeMap, HashMap};

use super::closed::closed;
use super::fleet::Fleet;
use super::window::{Why, Window};
use crate::config::Agent;
use crate::config::model::Maintenance;
use crate::journal::quiet::Quiet;

/// The next one is looked for so far ahead; it is written down before it begins.
const AHEAD: i64 = 86_400_000;

/// What is said after one names it for so long.
const AFTER: i64 = 3_600_000;

/// The maintenance of a watch's agents.
#[derive(Debug, Default)]
pub struct Windows {
    all: Vec<Maintenance>,
    /// By place in the fleet.
    of: HashMap<usize, Vec<usize>>,
}

/// What holds for a fleet around a moment: asked once for what thousands of agents share.
struct Around<'a> {
    windows: &'a Windows,
    fleet: &'a Fleet,
    now: i64,
    /// Closed hours, by the kind of an agent.
    closed: HashMap<usize, Option<Window>>,
    /// By the numbers of what holds for an agent.
    maintenance: HashMap<&'a [usize], Option<Window>>,
}

impl Around<'_> {
    /// Maintenance that holds, else closed hours, else maintenance that has just ended or comes next.
    fn of_agent(&mut self, at: usize) -> Option<Window> {
        let numbers = self.windows.numbers(at);
        let known = self.maintenance.entry(numbers);
        let maintenance = known.or_insert_with(|| self.windows.around(numbers, self.now)).clone();
        let holds = maintenance.as_ref().is_some_and(|window| window.contains(self.now));
        if holds { maintenance } else { self.hours_of(at).or(maintenance) }
    }

    fn hours_of(&mut self, at: usize) -> Option<Window> {
        let entity = &self.fleet.entities()[at];
        let known = self.closed.entry(self.fleet.kind(entity));
        known.or_insert_with(|| closed(self.fleet.policy(entity), self.now)).clone()
    }

    /// The time that the windows of all parts of a stall share.
    fn of_stall(&mut self, stall: i64) -> Option<Window> {
        let mut parts = self.fleet.silences().filter(|(_, silence)| silence.part.whole() == Some(stall));
        let first = self.of_agent(parts.next()?.0)?;
        let shared = parts.try_fold(first, |shared, (at, _)| Some(shared.and(self.of_agent(at)?)))?;
        (shared.from < shared.until).then_some(shared)
    }
}

impl Windows {
    /// As a watch says it of these agents, which stand at their places in the fleet.
    #[must_use]
    pub fn new(all: &[Maintenance], agents: &[Agent]) -> Self {
        let mut of: HashMap<usize, Vec<usize>> = HashMap::new();
        for (number, maintenance) in all.iter().enumerate() {
            let matches = |at: &usize| maintenance.holds_for(&agents[*at]);
            (0..agents.len()).filter(matches).for_each(|at| of.entry(at).or_default().push(number));
        }
        Self { all: all.to_vec(), of }
    }

    /// What ended last for an agent, after `since` and not after `now`.
    #[must_use]
    pub fn ended(&self, at: usize, since: i64, now: i64) -> Option<Window> {
        let windows = self.between(self.numbers(at), since, now);
        windows.into_iter().rfind(|window| window.until > since && window.until <= now)
    }

    /// When nothing is to be said of the silent agents of a fleet, and of these `stalls`: of one while nothing
    /// is to be said of any that is part of it.
    #[must_use]
    pub fn quiet(&self, fleet: &Fleet, stalls: impl Iterator<Item = i64>, now: i64) -> BTreeMap<i64, Quiet> {
        let mut around =
            Around { windows: self, fleet, now, closed: HashMap::new(), maintenance: HashMap::new() };
        let mut all = Vec::new();
        for (at, silence) in fleet.silences() {
            all.extend(around.of_agent(at).map(|window| (silence.incident, window)));
        }
        for stall in stalls {
            all.extend(around.of_stall(stall).map(|window| (stall, window)));
        }
        let quiet = |(incident, window): (i64, Window)| {
            let why = window.sentence();
            (incident, Quiet { incident, from: window.from, until: window.until, why })
        };
        all.into_iter().map(quiet).collect()
    }

    /// The window that holds at `now`, else one that has just ended, else the next.
    fn around(&self, numbers: &[usize], now: i64) -> Option<Window> {
        let windows = self.between(numbers, now - AFTER, now + AHEAD);
        let holds = windows.iter().position(|window| window.contains(now));
        windows.into_iter().nth(holds.unwrap_or(0))
    }

    /// The numbers of what holds for an agent.
    fn numbers(&self, at: usize) -> &[usize] {
        self.of.get(&at).map_or(&[], Vec::as_slice)
    }

    /// The windows of some maintenance that touch this time, in order.
    fn between(&self, numbers: &[usize], from: i64, to: i64) -> Vec<Window> {
        let mut all: Vec<Window> =
            numbers.iter().flat_map(|number| of_one(&self.all[*number], from, to)).collect();
        all.sort_by_key(|window| (window.from, window.until));
        all.into_iter().fold(Vec::new(), |mut apart: Vec<Window>, next| {
            match apart.last_mut().filter(|last| next.from <= last.until) {
                Some(last) if next.until > last.until => (last.until, last.why) = (next.until, next.why),
                Some(_) => {}
                None => apart.push(next),
            }
            apart
        })
    }
}

fn of_one(maintenance: &Maintenance, from: i64, to: i64) -> impl Iterator<Item = Window> {
    let of = match maintenance.matcher.is_empty() {
        true => "all agents".to_owned(),
        false => maintenance.matcher.to_string(),
    };
    let spans = maintenance.pauses.iter().flat_map(move |pause| pause.spans(from, to));
    let touches = spans.filter(move |(begin, end)| *begin < to && *end > from);
    touches.map(move |(from, until)| Window { from, until, why: Why::Maintenance(of.clone()) })
}

#[cfg(test)]
mod tests {
    use chrono::{NaiveDateTime, NaiveTime};
    use chrono_tz::Tz;

    use super::*;
    use crate::config::calendar::{self, Pause, When};
    use crate::config::matcher::Matcher;
    use crate::dispatch::fixtures::start;

    const HOUR: i64 = 3_600_000;

    fn once(name: &'static str, from: &str, to: &str) -> Maintenance {
        let local = |text: &str| NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M").unwrap();
        let pause = Pause { zone: Tz::UTC, when: When::Once(local(from), local(to)) };
        Maintenance { matcher: Matcher::new([("name", vec![name])]), pauses: vec![pause], behind: Vec::new() }
    }

    #[test]
    fn windows_that_overlap_are_one_and_have_the_name_of_the_last() {
        let all = [
            once("db-*", "2026-01-01 01:00", "2026-01-01 03:00"),
            once("*", "2026-01-01 02:00", "2026-01-01 04:00"),
        ];
        let windows = Windows::new(&all, &[Agent::in_file("001", "db-01"), Agent::in_file("002", "web-01")]);
        let hour = |hour: i64| start().timestamp_millis() + hour * HOUR;
        let of_both = windows.ended(0, hour(0), hour(5)).unwrap();
        assert_eq!((of_both.from, of_both.until), (hour(1), hour(4)));
        assert_eq!(windows.ended(1, hour(0), hour(5)).unwrap().from, hour(2));
        assert_eq!(windows.ended(0, hour(0), hour(4) - 1), None, "it holds");
        assert_eq!(windows.ended(0, hour(4), hour(5)), None, "it was over before");
        let said = of_both.sentence();
        assert!(said.starts_with("Maintenance of name=* ended at 2026-01-01 04:00:00 UTC"), "{said}");
    }

    #[test]
    fn what_holds_comes_before_what_has_just_ended_and_that_before_the_next() {
        let clock = |hour, minute| NaiveTime::from_hms_opt(hour, minute, 0).unwrap();
        let daily = |from, to| {
            let when = When::Days(calendar::Window { days: [true; 7], from, to }, None);
            Pause { zone: Tz::UTC, when }
        };
        let pauses = vec![daily(clock(2, 0), clock(4, 0)), daily(clock(4, 30), clock(5, 0))];
        let windows = Windows::new(
            &[Maintenance { matcher: Matcher::default(), pauses, behind: Vec::new() }],
            &[Agent::in_file("001", "")],
        );
        let begins = |minutes: i64| {
            let window =
                windows.around(windows.numbers(0), start().timestamp_millis() + minutes * 60_000).unwrap();
            (window.from - start().timestamp_millis()) / 60_000
        };
        assert_eq!([60, 120, 239].map(begins), [120; 3]);
        assert_eq!(begins(241), 120, "it has just ended");
        assert_eq!(begins(275), 270);
        assert_eq!(begins(400), 24 * 60 + 120, "the next day's");
    }
}
