//! Silences and recoveries of agents.

use std::collections::BTreeSet;

use log_monitor_channels::{Event, EventKind};

use super::Wrong;
use super::pipeline::Stalled;
use super::truth::{SLACK, Truth, next_round, told_within};
use super::volume::TooFew;
use super::watched::Watched;
use crate::index::newest;
use crate::scenario::{Agent, DAY, Document, Gateways, HOUR, Scenario};
use crate::spans::Spans;
use crate::world::Told;

pub fn check(scenario: &Scenario, truth: &Truth, stalls: &[Stalled], told: &[Told]) -> Result<(), Wrong> {
    let mut of_agent: Vec<Vec<&Told>> = vec![Vec::new(); scenario.agents.len()];
    for told in told {
        if let Some(place) = about(&told.event) {
            of_agent[place].push(told);
        }
    }
    let case = |place: usize| {
        let agent: &Agent = &scenario.agents[place];
        let expected = &scenario.kind_of(agent).hours.expected;
        Case {
            scenario,
            agent,
            truth,
            stalls,
            expected,
            overdue: &truth.overdue[place],
            watched: &truth.watched[place],
            few: &truth.few[place],
            before: None,
        }
    };
    let wrong = |place| move |(at, what): (i64, String)| Wrong { agent: Some(place), at, what };
    let before = scenario.gateways.as_ref().map(|gateways| {
        let open = |place: &usize| {
            let open = case(*place).open(&of_agent[*place]).map_err(wrong(*place));
            // One that logs, too little or again, explains nothing, whatever is told of it.
            open.map(|open| spans(&open, |_| true).and(&truth.overdue[*place]))
        };
        let open: Vec<Spans> = gateways.places.iter().map(open).collect::<Result<_, _>>()?;
        let told = gateways.places.iter().flat_map(|place| of_agent[*place].iter().copied());
        let incidents = told.filter_map(|told| told.event.incident).collect();
        Ok(Before { gateways, incidents, down: gateways.down(open.iter()) })
    });
    let before = before.transpose()?;
    (0..of_agent.len()).try_for_each(|place| {
        let case = case(place);
        let before = before.as_ref().filter(|before| before.gateways.are_before(case.agent));
        Case { before, ..case }.check(&of_agent[place]).map_err(wrong(place))
    })
}

/// The gateways that an agent is behind.
struct Before<'a> {
    gateways: &'a Gateways,
    incidents: BTreeSet<i64>,
    /// When it was told that too many of them are silent, and they are.
    down: Spans,
}

/// The place of the agent that an event is about.
pub fn about(event: &Event) -> Option<usize> {
    let of_agent =
        matches!(event.kind, EventKind::AgentSilent | EventKind::AgentRecovered | EventKind::AgentUnwatched);
    event.entity.as_ref().filter(|_| of_agent).map(|entity| Scenario::place(&entity.id))
}

/// Why an agent is told that logs, but too little.
pub const TOO_FEW: &str = "volume_too_low";

const BACK: &str = "it logs again, and its incident is still open";

/// One agent.
struct Case<'a> {
    scenario: &'a Scenario,
    agent: &'a Agent,
    truth: &'a Truth,
    stalls: &'a [Stalled],
    overdue: &'a Spans,
    watched: &'a Watched,
    /// When it logs less than it should.
    few: &'a TooFew,
    /// When it should log.
    expected: &'a Spans,
    before: Option<&'a Before<'a>>,
}

type Judged<T = ()> = Result<T, (i64, String)>;

impl Case<'_> {
    fn check(&self, told: &[&Told]) -> Judged {
        for (n, one) in told.iter().enumerate() {
            let again = told[..n].iter().any(|before| before.event.incident == one.event.incident);
            self.is_true(one, if again { &self.watched.perhaps } else { &self.watched.tellable })?;
        }
        let incidents = self.open(told)?;
        let open = spans(&incidents, |_| true);
        let good = &self.truth.good.and(&self.watched.surely);
        let silent = self.overdue.and(good).and(self.expected);
        let silent = silent.after_the_first(told_within(self.scenario, self.agent));
        never(&silent.and(&self.not(&open)), "it is silent, and nobody is told")?;
        never(
            &self.believed(self.overdue).and(&spans(&incidents, |open| open.logging == Logging::No)),
            BACK,
        )?;
        let amiss = self.overdue.or(self.few.perhaps.iter());
        never(&self.believed(&amiss).and(&open), BACK)?;
        let unlisted = self.not(&self.watched.perhaps).and(&self.truth.up).after_the_first(SLACK);
        never(&unlisted.and(&open), "it is listed no more, and its incident is still open")?;
        self.too_few_is_told(&incidents)?;
        self.is_told_alone_after_a_stall(told)
    }

    /// When it has been logging for so long that this is believed, by when it does not.
    fn believed(&self, amiss: &Spans) -> Spans {
        let kind = self.scenario.kind_of(self.agent);
        let believed = |from| match self.doubt(from) {
            0 => from,
            doubt => kind.after(from, doubt),
        };
        let logging = self.not(amiss).and(&self.truth.good).and(&self.watched.surely);
        Spans::of(logging.iter().map(|(from, to)| (believed(from) + next_round(self.scenario), to)))
    }

    /// That it logs too little is told, and then that it does not log any more.
    fn too_few_is_told(&self, incidents: &[Open]) -> Judged {
        let told_within = told_within(self.scenario, self.agent);
        let watched = self.truth.good.and(&self.watched.surely).and(self.expected);
        let known = self.not(&spans(incidents, |_| true)).and(&self.watched.surely);
        let few = self.few.surely.and(&self.not(self.overdue)).and(&watched);
        let few = few.and(&known.after_the_first(self.few.reach)).after_the_first(told_within);
        never(&few, "it logs too little, and nobody is told")?;
        let only =
            spans(incidents, |open| open.logging == Logging::TooFew && open.told.event.part_of.is_none());
        let kind = self.scenario.kind_of(self.agent);
        // What explains that others are silent gives it its time anew.
        let alone = self.not(&self.explained());
        let alone = alone.iter().map(|(from, to)| match from == self.scenario.from {
            true => (from, to),
            false => (kind.due(from), to),
        });
        // A clock that is set back is believed after a while, and takes as long to come to the deadline again.
        let wrong = Spans::of(self.scenario.clock.iter().map(|wrong| (wrong.from, wrong.to)));
        let stopped = self.overdue.and(&Spans::of(alone)).and(&watched).and(&self.not(&wrong));
        let stopped = stopped.after_the_first(told_within);
        never(&only.and(&stopped), "it does not log any more, and only that it logs too little is told")
    }

    /// When something is told that explains its silence.
    fn explained(&self) -> Spans {
        let stalls = self.stalls.iter().map(|stall| (stall.from, stall.to));
        Spans::of(stalls.chain(self.before.iter().flat_map(|before| before.down.iter())))
    }

    /// What was told with others is told by itself when they are back and it is not.
    fn is_told_alone_after_a_stall(&self, told: &[&Told]) -> Judged {
        let (kind, end) = (self.scenario.kind_of(self.agent), self.scenario.to);
        let explained = self.explained();
        for (n, part) in told.iter().enumerate().filter(|(_, told)| told.event.part_of.is_some()) {
            let from = self.explained_until(part)?;
            let next = told.get(n + 1).map_or(end, |next| next.at);
            let left = Spans::of([(from, next)]).and(&self.not(&explained));
            // Its time begins anew, and only hours in which it is expected to log count.
            let left = Spans::of(left.iter().map(|(from, to)| (kind.due(from), to)))
                .and(&self.truth.good)
                .and(self.overdue)
                .and(self.expected)
                .after_the_first(told_within(self.scenario, self.agent));
            never(&left, "the others are back, it is silent, and nobody is told")?;
        }
        Ok(())
    }

    /// When what explains a part is over; of somebody behind gateways, who may be a part of several things one
    /// after the other, when it begins.
    fn explained_until(&self, part: &Told) -> Judged<i64> {
        let of_gateways =
            self.before.filter(|before| part.event.part_of.is_some_and(|it| before.incidents.contains(&it)));
        if let Some(before) = of_gateways {
            return match before.down.touches(part.at - SLACK, part.at) {
                true => Ok(part.at),
                false => Err((part.at, "it is part of what gateways explain that work".to_owned())),
            };
        }
        let whole = self.stalls.iter().find(|stall| Some(stall.incident) == part.event.part_of);
        let Some(whole) = whole.filter(|whole| (whole.from..=whole.to).contains(&part.at)) else {
            return Err((part.at, "it is part of a stall that is not open".to_owned()));
        };
        if !whole.concerns(self.scenario, self.agent) {
            return Err((part.at, "it is part of a stall of others".to_owned()));
        }
        if !whole.explains(self.scenario, self.truth, part.at) {
            return Err((part.at, "it is part of a stall that began long ago, and others log".to_owned()));
        }
        Ok(if self.before.is_some() { part.at } else { whole.to })
    }

    /// How long it must log until that is believed: after its third silence in short time for a threshold,
    /// and twice as long after each more; then until its next document.
    fn doubt(&self, good: i64) -> i64 {
        // It may have been back before the source was.
        let amiss = self.overdue.iter().chain(self.few.perhaps.iter());
        let back = amiss.map(|(_, end)| end).filter(|end| *end <= good).max().unwrap_or(good);
        let threshold = self.scenario.kind_of(self.agent).threshold();
        let lately = (threshold * 8).clamp(HOUR, DAY) + told_within(self.scenario, self.agent);
        // It falls silent when that can be noticed: not while nothing is expected of it.
        let noticed = self.expected.and(&self.watched.surely).and(&self.truth.good);
        let fell = |(from, _): &(i64, i64)| noticed.from(*from).next().map_or(*from, |(at, _)| at);
        let silences = self.overdue.iter().filter(|one| (back - lately..back).contains(&fell(one))).count();
        let few = self.few.perhaps.iter().filter(|(from, _)| (back - lately..back).contains(from)).count();
        // Any log ends that there are none, and too few after it are the next.
        let again = self.overdue.iter().map(|(_, end)| end);
        let again =
            again.filter(|end| (back - lately..back).contains(end) && self.few.perhaps.contains(*end));
        (silences + few + again.count())
            .checked_sub(3)
            .map_or(0, |more| (threshold << more.min(16)).min(6 * HOUR) + threshold)
    }

    /// The other times.
    fn not(&self, spans: &Spans) -> Spans {
        spans.gaps(self.scenario.from, self.scenario.to)
    }

    /// Whether what an event says was so when it was written, and may be told then.
    fn is_true(&self, told: &Told, tellable: &Spans) -> Judged {
        let (from, to) = (told.at - SLACK, told.at);
        let was_so = match told.event.kind {
            EventKind::AgentSilent => {
                let few = self.few.perhaps.and(tellable).touches(from, to);
                let none = self.overdue.and(tellable).touches(from, to);
                match (told.event.cause.as_str(), told.event.part_of) {
                    (TOO_FEW, _) => few && self.not(self.overdue).touches(from, to),
                    (_, Some(_)) => few || none,
                    _ => none,
                }
            }
            EventKind::AgentUnwatched => !self.agent.listed.contains(told.at),
            _ => self.not(self.overdue).touches(from, to),
        };
        if !was_so {
            return Err((told.at, format!("{} is not true", told.event.kind)));
        }
        let alone = told.event.kind == EventKind::AgentSilent && told.event.part_of.is_none();
        let behind = self.before.and_then(|before| before.down.end_of(from)).is_some_and(|end| end >= to);
        if alone && behind {
            return Err((told.at, "it is told alone, and its gateways are silent".to_owned()));
        }
        let since = told.event.since.map(|since| since.timestamp_millis());
        if since.is_none() && told.event.kind == EventKind::AgentSilent && !self.expected.touches(from, to) {
            return Err((told.at, "nothing was ever expected of it".to_owned()));
        }
        match self.names_the_last_log(told, since) {
            true => Ok(()),
            false => Err((told.at, format!("{} names a last log that is none", told.event.kind))),
        }
    }

    /// Whether its last log is one, and for a silence the newest that could be found then. Who has never been
    /// seen is looked for in a week; where a question fails less is known.
    fn names_the_last_log(&self, told: &Told, since: Option<i64>) -> bool {
        let newest = |at: i64| newest(&self.agent.documents, at, at).map(|newest| newest.at);
        let documents = &self.agent.documents;
        // What is newer than the beginning of a round counts as of then: of who logs that can be its last.
        let logs = told.event.cause == TOO_FEW
            || told.event.part_of.is_some() && self.few.perhaps.touches(told.at - SLACK, told.at);
        let cut = if logs { SLACK } else { 0 };
        let is_it = |since: i64, one: &Document| (since..=since + cut).contains(&one.at);
        let known = since.is_none_or(|since| documents.iter().any(|one| is_it(since, one)));
        let before = newest(told.at - SLACK);
        let asked = !self.not(&self.truth.good).touches(told.at - SLACK, told.at);
        let long_ago = since.is_none() && before < Some(told.at - 7 * DAY + SLACK);
        let stale = told.event.kind == EventKind::AgentSilent && asked && !long_ago && since < before;
        known && !stale && since <= newest(told.at)
    }

    /// Whether it was told that its logs came late, and by the second time none had come for as long as it may
    /// be quiet.
    fn has_stopped(&self, first: &Told, told: &Told) -> bool {
        let from = told.at - self.scenario.kind_of(self.agent).threshold();
        // What is older than what came before it shows nothing new.
        let is_news = |one: &Document| {
            newest(&self.agent.documents, one.visible, one.visible).is_some_and(|it| it.at == one.at)
        };
        let came = |one: &Document| (from + SLACK..told.at - SLACK).contains(&one.visible) && is_news(one);
        first.event.cause == "late" && told.event.cause != "late" && !self.agent.documents.iter().any(came)
    }

    /// Whether that it logs too little was told, and by the second time it did not log at all.
    fn has_got_worse(&self, first: &Open, told: &Told) -> bool {
        let none = self.overdue.touches(told.at - SLACK, told.at);
        first.logging != Logging::No && told.event.cause != TOO_FEW && none
    }

    /// When its incidents are open, and what was told of each last.
    fn open<'t>(&self, told: &[&'t Told]) -> Judged<Vec<Open<'t>>> {
        let mut all = Vec::new();
        let mut open: Option<Open> = None;
        for told in told {
            let same = open.as_ref().is_some_and(|open| open.told.event.incident == told.event.incident);
            match (told.event.kind, open.take()) {
                (EventKind::AgentSilent, None) => open = Some(self.begun(told, None)),
                (EventKind::AgentSilent, Some(first))
                    if same
                        && (told.event.part_of.is_none() && first.told.event.part_of.is_some()
                            || self.has_stopped(first.told, told)
                            || self.has_got_worse(&first, told)) =>
                {
                    open = Some(self.begun(told, Some(first.logging)));
                    all.push(Open { to: told.at, ..first });
                }
                (EventKind::AgentSilent, Some(_)) => return Err((told.at, "it is told twice".to_owned())),
                (kind, Some(first)) if same => {
                    let few = first.logging == Logging::TooFew && kind == EventKind::AgentRecovered;
                    if few && !self.not(&self.few.surely).touches(told.at - SLACK, told.at) {
                        return Err((told.at, format!("{kind}, but it logs too little")));
                    }
                    all.push(Open { to: told.at, ..first });
                }
                (kind, _) => return Err((told.at, format!("{kind} ends nothing"))),
            }
        }
        all.extend(open);
        Ok(all)
    }

    /// What an event begins that tells its silence. Once it was told that it does not log at all, that stays.
    fn begun<'t>(&self, told: &'t Told, before: Option<Logging>) -> Open<'t> {
        let (from, to) = (told.at - SLACK, told.at);
        let perhaps = self.few.perhaps.touches(from, to);
        // Where the clock is wrong, that it is overdue may be noticed later.
        let lately = told.at - told_within(self.scenario, self.agent);
        let now = match (told.event.cause.as_str(), told.event.part_of) {
            (TOO_FEW, _) => Logging::TooFew,
            (_, Some(_)) if perhaps && !self.overdue.touches(from, to) => Logging::TooFew,
            (_, Some(_)) if perhaps && self.not(self.overdue).touches(lately, to) => Logging::Unclear,
            _ => Logging::No,
        };
        let stopped = before == Some(Logging::No) || before.is_some() && told.event.part_of.is_some();
        let logging = if stopped { Logging::No } else { now };
        Open { told, to: self.scenario.to, logging }
    }
}

/// What was told of an open incident, until it ended or something else was.
struct Open<'t> {
    told: &'t Told,
    to: i64,
    logging: Logging,
}

/// How an agent logs of which an incident is open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Logging {
    No,
    TooFew,
    /// One or the other: it is told with others, at about the time at which it stopped.
    Unclear,
}

/// When such incidents are open.
fn spans(incidents: &[Open], such: impl Fn(&Open) -> bool) -> Spans {
    Spans::of(incidents.iter().filter(|open| such(open)).map(|open| (open.told.at, open.to)))
}

fn never(spans: &Spans, what: &str) -> Judged {
    spans.iter().next().map_or(Ok(()), |(at, _)| Err((at, what.to_owned())))
}
