//! What reached people.
//!
//! - Somebody **must** accept every beginning that lasts, while some channel that it can take works.
//! - Whoever has a beginning, known or not, **must** be told its end, also where the channel refused it before.
//! - What a channel has accepted **must not** be sent there again, but where a kill ate the answer; a try
//!   after one without an answer, and no other, **must** say that it may be a duplicate.
//! - A channel that refused for good **must** be left alone for a minute, but for the ends of what it was told:
//!   the rest goes to others.
//! - While a silence holds, of whom it is nothing that begins in it **must** be told, nor what nobody has seen yet, nor any
//!   reminder; what lasts beyond it **must** be told then, and what does not **must not**.
//! - Nothing **must** be told to a channel twice, except by different routes; no beginning after its end;
//!   no end to whoever was not told the beginning; no reminder before its time, but with one whose time it is; and no more at a time than
//!   the budget of the routes.

use std::collections::BTreeMap;

use log_monitor_channels::{Event, EventKind, MessageKind, Notification};

use super::Wrong;
use super::agents::about;
use super::truth::{SLACK, Truth};
use crate::scenario::post::{LAST, Post};
use crate::scenario::{MINUTE, SECOND, Scenario};
use crate::spans::Spans;
use crate::vendors::{Answer, Letter, SLOWEST};
use crate::world::Told;

/// Whatever can be delivered is, within this: two steps, a pause after a refusal, tries that hang.
pub const LIMIT: i64 = 20 * MINUTE;

/// The interval of every route's budget.
const INTERVAL: i64 = MINUTE;

/// A channel that refused for good is not tried again sooner.
const ALONE: i64 = MINUTE;

pub fn check(
    scenario: &Scenario,
    truth: &Truth,
    post: &Post,
    told: &[Told],
    letters: &[Letter],
) -> Result<(), Wrong> {
    let mut of_event: BTreeMap<i64, Vec<&Letter>> = BTreeMap::new();
    let mut of_incident: BTreeMap<i64, Vec<&Letter>> = BTreeMap::new();
    for letter in letters {
        for event in &letter.notification.events {
            of_event.entry(event.id).or_default().push(letter);
            of_incident.entry(event.incident.unwrap_or_default()).or_default().push(letter);
        }
    }
    let when = |told: &Told| (told.event.incident.unwrap_or_default(), told.at);
    let ends = told.iter().filter(|told| told.event.kind.closes()).map(when).collect();
    // The first word of each stands.
    let begins = told.iter().rev().map(when).collect();
    let case = Case { scenario, truth, post, begins, ends, of_event, of_incident };
    told.iter().try_for_each(|told| case.reaches_somebody(told).and_then(|()| case.end_follows(told)))?;
    letters.iter().try_for_each(|letter| case.is_in_time(letter).and_then(|()| case.is_wanted(letter)))?;
    case.nothing_is_told_twice()?;
    for channel in &post.channels {
        let letters: Vec<&Letter> = letters.iter().filter(|letter| letter.channel == channel.name).collect();
        case.is_never_sent_again(&letters)?;
        case.is_left_alone(&letters)?;
        case.is_within_the_budget(&letters, post.routes_to(channel.name))?;
    }
    Ok(())
}

struct Case<'a> {
    scenario: &'a Scenario,
    truth: &'a Truth,
    post: &'a Post,
    /// When incidents began.
    begins: BTreeMap<i64, i64>,
    /// When they ended.
    ends: BTreeMap<i64, i64>,
    of_event: BTreeMap<i64, Vec<&'a Letter>>,
    of_incident: BTreeMap<i64, Vec<&'a Letter>>,
}

fn wrong(at: i64, what: String) -> Wrong {
    Wrong { agent: None, at, what }
}

fn accepted(letter: &Letter) -> Option<i64> {
    match letter.answer {
        Answer::Accepted(at) => Some(at),
        _ => None,
    }
}

fn begins(letter: &Letter) -> bool {
    matches!(letter.notification.kind, MessageKind::Firing | MessageKind::Reminder)
}

/// Whether somebody else can be told that: every route ends with a channel that never refuses, but for news of
/// that channel.
fn goes_elsewhere(letter: &Letter) -> bool {
    let of_last = |event: &Event| event.scope == LAST;
    letter.notification.kind != MessageKind::Resolved && !letter.notification.events.iter().any(of_last)
}

impl Case<'_> {
    fn of_event(&self, event: i64) -> &[&Letter] {
        self.of_event.get(&event).map_or(&[], Vec::as_slice)
    }

    fn of_incident(&self, incident: i64) -> &[&Letter] {
        self.of_incident.get(&incident).map_or(&[], Vec::as_slice)
    }

    /// When a channel has worked for so long that everything should be delivered.
    fn works(&self, channel: &str) -> Spans {
        let channel = self.post.channels.iter().find(|known| known.name == channel).expect("a channel");
        let troubles = Spans::of(channel.troubles.iter().map(|trouble| (trouble.from, trouble.to)));
        let well = troubles.gaps(self.scenario.from, self.scenario.to);
        well.and(&self.truth.up).after_the_first(LIMIT)
    }

    /// When nobody wants to be told of it.
    fn unwanted(&self, event: &Event) -> Spans {
        let silences = self.post.silences.iter().filter(|silence| silence.is_of(event));
        Spans::of(silences.map(|silence| (silence.from, silence.to())))
    }

    /// That nothing is told that nobody wants to be told of, but for what had been seen before.
    fn is_wanted(&self, letter: &Letter) -> Result<(), Wrong> {
        let Letter { at, channel, notification, .. } = letter;
        if !begins(letter) || notification.possible_duplicate {
            return Ok(());
        }
        for event in &notification.events {
            let unwanted = self.unwanted(event);
            let Some((from, _)) = unwanted.iter().find(|(from, to)| (from + SLACK..*to).contains(at)) else {
                continue;
            };
            let is_new = notification.created_at.timestamp_millis() >= from + SLACK;
            // A try that was under way then may have failed later.
            let was_seen = |one: &&Letter| {
                let failed = matches!(one.answer, Answer::Failed | Answer::Refused);
                one.at < from + SLACK && (!failed || one.at + MINUTE > from)
            };
            if is_new || !self.of_event(event.id).iter().any(was_seen) {
                return Err(wrong(*at, format!("{channel} is told what is not to be told for a while")));
            }
        }
        Ok(())
    }

    /// That somebody accepts what begins.
    fn reaches_somebody(&self, told: &Told) -> Result<(), Wrong> {
        let by_itself = matches!(
            told.event.kind,
            EventKind::AgentSilent | EventKind::SourceDown | EventKind::PipelineStalled
        );
        if !by_itself || told.event.part_of.is_some() {
            return Ok(());
        }
        let incident = told.event.incident.unwrap_or_default();
        let end = self.ends.get(&incident).copied().unwrap_or(self.scenario.to);
        let first = self.of_event(told.event.id).iter().filter_map(|letter| accepted(letter)).min();
        let waits = Spans::of([(told.at + LIMIT, end.min(first.unwrap_or(end)))]);
        let wanted = self.unwanted(&told.event).gaps(self.scenario.from, self.scenario.to);
        let late = waits.and(&self.works(LAST)).and(&wanted.after_the_first(LIMIT)).iter().next();
        let agent = about(&told.event);
        late.map_or(Ok(()), |(at, _)| Err(Wrong { agent, ..wrong(at, "nobody gets the message".to_owned()) }))
    }

    /// That whoever has a beginning is told the end.
    fn end_follows(&self, over: &Told) -> Result<(), Wrong> {
        if !over.event.kind.closes() {
            return Ok(());
        }
        let beginnings = self.of_incident(over.event.incident.unwrap_or_default()).iter();
        for letter in beginnings.filter(|letter| begins(letter)) {
            let at = match letter.answer {
                Answer::Accepted(at) => at,
                Answer::None => letter.at,
                Answer::Failed | Answer::Refused => continue,
            };
            let ends = self.of_event(over.event.id).iter().filter(|end| end.channel == letter.channel);
            let first = ends
                .filter(|end| accepted(end).is_some())
                .map(|end| end.at)
                .min()
                .unwrap_or(self.scenario.to);
            let waits = Spans::of([(at.max(over.at) + LIMIT, first)]);
            if let Some((at, _)) = waits.and(&self.works(letter.channel)).iter().next() {
                let what = format!("{} has the beginning, and gets no {}", letter.channel, over.event.kind);
                return Err(Wrong { agent: about(&over.event), ..wrong(at, what) });
            }
        }
        Ok(())
    }

    /// That no beginning is told after its end, and no end to whoever was not told the beginning.
    fn is_in_time(&self, letter: &Letter) -> Result<(), Wrong> {
        let Letter { at, channel, notification, .. } = letter;
        let incidents: Vec<i64> = notification.events.iter().filter_map(|event| event.incident).collect();
        let over = |incident: &i64| self.ends.get(incident).is_some_and(|end| end + SECOND < *at);
        if begins(letter) && !incidents.is_empty() && incidents.iter().all(over) {
            return Err(wrong(*at, format!("{channel} is told the beginning of what is over")));
        }
        let since = |incident: &i64| self.begins.get(incident).map_or(i64::MAX, |begin| at - begin);
        let first = self.post.routes.iter().map(|route| route.reminders.first).min().unwrap_or_default();
        let wait = first.as_millis() as i64 - SECOND;
        // A reminder may come early with others; those may be over when it is tried again.
        let same = notification.events.iter().flat_map(|event| self.of_event(event.id));
        let mut said = same.flat_map(|one| &one.notification.events).filter_map(|event| event.incident);
        if notification.kind == MessageKind::Reminder && said.all(|one| since(&one) < wait) {
            return Err(wrong(*at, format!("{channel} is reminded of what has only just begun")));
        }
        let was_told = |incident: &i64| {
            let mut all = self.of_incident(*incident).iter();
            all.any(|one| begins(one) && one.channel == *channel && one.at < *at)
        };
        let ends = notification.kind == MessageKind::Resolved;
        match !ends || incidents.iter().all(was_told) {
            true => Ok(()),
            false => Err(wrong(*at, format!("{channel} is told the end of what it does not know"))),
        }
    }

    fn nothing_is_told_twice(&self) -> Result<(), Wrong> {
        for letters in self.of_event.values() {
            for channel in &self.post.channels {
                let mut keys: Vec<(&str, i64)> = letters
                    .iter()
                    .filter(|letter| letter.channel == channel.name && accepted(letter).is_some())
                    .map(|letter| (letter.notification.idempotency_key.as_str(), letter.at))
                    .collect();
                keys.sort_unstable();
                keys.dedup_by_key(|(key, _)| *key);
                if keys.len() > self.post.routes_to(channel.name) {
                    return Err(wrong(keys[keys.len() - 1].1, format!("{} is told twice", channel.name)));
                }
            }
        }
        Ok(())
    }

    /// That what one channel has accepted is not sent again, and what it may have says so.
    fn is_never_sent_again(&self, letters: &[&Letter]) -> Result<(), Wrong> {
        let mut before: BTreeMap<&str, Vec<&Letter>> = BTreeMap::new();
        for letter in letters {
            let earlier = before.entry(&letter.notification.idempotency_key).or_default();
            let eaten =
                |at: i64| self.scenario.down.iter().any(|down| (at..at + SECOND).contains(&down.from));
            let known = |one: &&&Letter| accepted(one).is_some_and(|at| !eaten(at));
            if earlier.iter().any(|one| known(&one)) {
                return Err(wrong(letter.at, format!("{} accepted it, and gets it again", letter.channel)));
            }
            // What a stop cut off counts as sent, whatever the vendor made of it.
            let cut = |one: &Letter| {
                self.scenario.down.iter().any(|down| (one.at..=letter.at).contains(&down.from))
            };
            let may_have = earlier.iter().any(|one| one.answer == Answer::None || accepted(one).is_some());
            let doubted = letter.notification.possible_duplicate;
            if doubted != may_have && !(doubted && earlier.iter().any(|one| cut(one))) {
                return Err(wrong(letter.at, format!("{}: possible duplicate: {doubted}", letter.channel)));
            }
            earlier.push(letter);
        }
        Ok(())
    }

    /// That nothing that can go elsewhere is tried on a channel right after it refused.
    fn is_left_alone(&self, letters: &[&Letter]) -> Result<(), Wrong> {
        for (n, letter) in letters.iter().enumerate().filter(|(_, letter)| goes_elsewhere(letter)) {
            // Some tries were under way when it refused.
            let lately = letter.at - ALONE..letter.at - SLOWEST - SECOND;
            let refused = |one: &&&Letter| one.answer == Answer::Refused && lately.contains(&one.at);
            let Some(refused) = letters[..n].iter().rfind(refused) else { continue };
            let since = |at: i64| (refused.at..=letter.at).contains(&at);
            let is_back = letters[..n].iter().filter_map(|one| accepted(one)).any(since);
            let restarted = self.scenario.down.iter().any(|down| since(down.to));
            let clock_set = self.scenario.clock.iter().any(|wrong| since(wrong.from) || since(wrong.to));
            if !is_back && !restarted && !clock_set {
                return Err(wrong(letter.at, format!("{} has just refused, and is tried", letter.channel)));
            }
        }
        Ok(())
    }

    fn is_within_the_budget(&self, letters: &[&Letter], routes: usize) -> Result<(), Wrong> {
        let burst = self.post.routes.iter().map(|route| route.group.burst as usize).max().unwrap_or_default();
        // What waits is one more; and a clock that is set back brings the same minute again.
        let most = routes * (burst + 2) * if self.scenario.clock.is_empty() { 1 } else { 2 };
        let mut created: BTreeMap<&str, BTreeMap<&str, i64>> = BTreeMap::new();
        for letter in letters.iter().filter(|letter| letter.notification.kind == MessageKind::Firing) {
            let Notification { events, idempotency_key, created_at, .. } = &letter.notification;
            let of_topic = created.entry(events[0].kind.name()).or_default();
            of_topic.insert(idempotency_key, created_at.timestamp_millis());
        }
        for times in created.into_values() {
            let mut times: Vec<i64> = times.into_values().collect();
            times.sort_unstable();
            let storm = times.windows(most + 1).find(|times| times[most] - times[0] < INTERVAL);
            if let Some(times) = storm {
                return Err(wrong(times[0], format!("{} gets too much at once", letters[0].channel)));
            }
        }
        Ok(())
    }
}
