//! `suggest`: intervals and hours that suit how agents really log, as a TOML patch. It changes nothing
//! itself.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use chrono_tz::Tz;

use super::Session;
use super::exit::Exit;
use super::learning::{Looked, subjects, unreadable, window};
use super::table::say;
use crate::config::calendar::{Calendar, Window, merged};
use crate::config::{Agent, Policy, Watch};
use crate::history::advice::{Advice, Habit, advise, often};
use crate::history::gaps::{Gaps, Listener};
use crate::history::quantiles::outages;
use crate::history::read::read;
use crate::history::waits::{Wait, Waits};
use crate::history::{Span, total, week};
use crate::monitor::Setup;
use crate::source::SourceError;

mod classes;
mod json;
mod patch;

/// Arguments of `suggest`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Learn from so many days back; hours of the week from 14 on
    #[arg(long, default_value_t = 14, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=366))]
    days: u16,
    /// By the clock of which place hours of the week are suggested, such as Europe/Rome
    #[arg(long, default_value_t = Tz::UTC, value_name = "ZONE", value_parser = zone_of)]
    time_zone: Tz,
    #[command(flatten)]
    looked: Looked,
}

fn zone_of(name: &str) -> Result<Tz, &'static str> {
    name.parse().map_err(|_| "there is no such time zone; write it like Europe/Rome")
}

/// What was learnt of a watch.
pub struct Learnt<'a> {
    /// The watch, with everybody in it.
    pub watch: &'a Watch,
    /// Over which time, in milliseconds.
    pub span: Span,
    /// How exact gaps are, in milliseconds.
    pub step: i64,
    /// By which clock hours are meant.
    pub zone: Tz,
    /// How long nobody of the watch logged, together, in milliseconds.
    pub all_quiet: i64,
    /// Of each agent, in the order of the watch.
    pub lessons: Vec<Lesson<'a>>,
}

/// What was learnt of an agent.
pub struct Lesson<'a> {
    /// The agent.
    pub agent: &'a Agent,
    /// What holds for it today.
    pub policy: Policy,
    /// Its first log in that time, in milliseconds; `None` = there is none.
    pub first: Option<i64>,
    /// What suits at all hours.
    pub advice: Advice,
    /// The hours in which it logs, and what suits within them, where that is a shorter interval.
    pub hours: Option<(Vec<Window>, Advice)>,
}

impl Lesson<'_> {
    /// Whether its hours can be those of a class of its own.
    #[must_use]
    pub fn has_own_hours(&self) -> bool {
        self.hours.is_some() && self.policy.class.is_none() && !self.agent.id.contains(['*', '?'])
    }

    /// What to paste for it.
    #[must_use]
    pub fn suggested(&self) -> Option<Duration> {
        let within = self.hours.as_ref().filter(|_| self.has_own_hours());
        within.map_or(&self.advice, |(_, advice)| advice).suggested
    }
}

/// Prints the patch.
pub async fn run(session: &Session<'_>, args: &Args) -> Exit {
    let setups = match subjects(session, &args.looked).await {
        Ok(setups) => setups,
        Err(exit) => return exit,
    };
    let now = Utc::now();
    let mut all = Vec::new();
    for setup in &setups {
        match learn(setup, args, now).await {
            Ok(learnt) => all.push(learnt),
            Err(error) => return unreadable(setup, &error),
        }
    }
    if args.looked.json {
        return super::exit::print_json(&all.iter().map(json::shown).collect::<Vec<_>>());
    }
    say(patch::text(&all).trim_end());
    Exit::Ok
}

async fn learn<'a>(setup: &'a Setup, args: &Args, now: DateTime<Utc>) -> Result<Learnt<'a>, SourceError> {
    let watch = &setup.watch;
    let (span, step) = window(watch, args.days, now);
    let keys: Vec<&str> = watch.agents.iter().map(|agent| agent.id.as_str()).collect();
    let mut listener = Listener::new(step);
    for agent in &watch.agents {
        watch.policy(agent).min_events.into_iter().for_each(|least| listener.expect(&agent.id, least));
    }
    read(&*setup.source, &keys, span, step, |heard, _| listener.hear(heard)).await?;
    let all_quiet = listener.all_quiet(watch.pipeline.count);
    let pauses = Pauses { all_quiet, span, shortest: listener.shortest() };
    let lessons = watch.agents.iter().map(|agent| lesson(watch, agent, &listener, &pauses, args.time_zone));
    let lessons = lessons.collect();
    Ok(Learnt { watch, span, step, zone: args.time_zone, all_quiet: total(all_quiet), lessons })
}

/// What holds for every agent of a watch.
struct Pauses<'a> {
    all_quiet: &'a [Span],
    span: Span,
    shortest: i64,
}

/// What was heard of an agent.
struct Habits {
    gaps: Gaps,
    /// Where more than one log is expected in each interval.
    waits: Option<Waits>,
}

fn lesson<'a>(
    watch: &Watch,
    agent: &'a Agent,
    listener: &Listener,
    pauses: &Pauses<'_>,
    zone: Tz,
) -> Lesson<'a> {
    let policy = watch.policy(agent);
    let habits = Habits { gaps: listener.of(&agent.id), waits: listener.waits_of(&agent.id).cloned() };
    let advice = advice(&policy, &habits, pauses);
    let hours = within_hours(&policy, &habits, pauses, zone).filter(|(_, within)| {
        within.suggested.is_some_and(|shorter| advice.suggested.is_none_or(|always| shorter < always))
    });
    Lesson { agent, policy, first: habits.gaps.first, advice, hours }
}

fn advice(policy: &Policy, Habits { gaps, waits }: &Habits, pauses: &Pauses<'_>) -> Advice {
    let span = gaps.first.map_or(0, |first| pauses.span.1 - first);
    let lengths = gaps.lengths(policy, pauses.all_quiet);
    if let Some(waits) = waits {
        return of_many(policy, waits, (&lengths, gaps.short), span, pauses);
    }
    let long: Vec<Wait> = lengths.iter().map(|(length, _)| Wait::for_one(*length)).collect();
    let habit = Habit { long: &long, short: gaps.short, shortest: pauses.shortest, span };
    advise(habit, policy.interval, policy.grace)
}

/// Where more than one log is expected in an interval. What is counted there is complete, since it ends a grace
/// before now.
fn of_many(
    policy: &Policy,
    waits: &Waits,
    (gaps, short): (&[(i64, Span)], usize),
    span: i64,
    pauses: &Pauses<'_>,
) -> Advice {
    // Many waits go over an outage, which is one gap.
    let lengths: Vec<i64> = gaps.iter().map(|(length, _)| *length).collect();
    let left = gaps.len() - outages(&lengths, short, pauses.shortest, often(span));
    let quiet = pauses.all_quiet.iter().chain(gaps[left..].iter().map(|(_, span)| span)).copied();
    let long = waits.lengths(policy, &merged(quiet.collect()));
    let habit = Habit { long: &long, short: waits.short, shortest: pauses.shortest, span };
    let mut advice = advise(habit, policy.interval, Duration::ZERO);
    advice.left_out.extend(&lengths[left..]);
    advice.left_out.sort_unstable();
    advice
}

/// What would suit within the hours in which it logs. Hours that are configured are left alone.
fn within_hours(
    policy: &Policy,
    habits: &Habits,
    pauses: &Pauses<'_>,
    zone: Tz,
) -> Option<(Vec<Window>, Advice)> {
    let calendar = policy.calendar.as_deref().cloned().unwrap_or_else(|| Calendar::always_but(Vec::new()));
    if !calendar.windows.is_empty() {
        return None;
    }
    let windows = week::windows(&habits.gaps.hours, habits.gaps.known(pauses.span), zone)?;
    let calendar = Arc::new(Calendar { zone, windows: windows.clone(), ..calendar });
    let policy = Policy { calendar: Some(calendar), ..policy.clone() };
    Some((windows, advice(&policy, habits, pauses)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::monitor::fixtures::watch;
    use crate::source::Heard;

    const MINUTE: i64 = 60_000;
    /// Monday, 2026-01-05 00:00 UTC.
    const MONDAY: i64 = 490_992 * 60 * MINUTE;

    /// What is learnt of an agent that logs in these minutes since that Monday, over so many days.
    fn learnt<R>(days: i64, logs: impl Fn(i64) -> bool, look: impl Fn(&Lesson<'_>) -> R) -> R {
        learnt_in(&watch(&["001"]), days, logs, look)
    }

    fn learnt_in<R>(
        watch: &Watch,
        days: i64,
        logs: impl Fn(i64) -> bool,
        look: impl Fn(&Lesson<'_>) -> R,
    ) -> R {
        let mut listener = Listener::new(MINUTE);
        let agent = &watch.agents[0];
        watch.policy(agent).min_events.into_iter().for_each(|least| listener.expect(&agent.id, least));
        for minute in (0..days * 1440).filter(|minute| logs(*minute)) {
            listener.hear(&[Heard { key: "001".into(), newest: MONDAY + minute * MINUTE, count: 5 }]);
        }
        let span = (MONDAY, MONDAY + days * 1440 * MINUTE);
        let pauses = Pauses { all_quiet: &[], span, shortest: listener.shortest() };
        look(&lesson(watch, agent, &listener, &pauses, Tz::UTC))
    }

    fn office(minute: i64) -> bool {
        minute % 7 == 0 && (480..1080).contains(&(minute % 1440)) && minute / 1440 % 7 < 5
    }

    #[test]
    fn who_pauses_at_night_needs_hours_and_no_long_interval() {
        let told = learnt(14, office, |lesson| {
            let (windows, within) = lesson.hours.as_ref().unwrap();
            (windows.len(), lesson.advice.suggested, within.suggested, lesson.suggested())
        });
        let minutes = |minutes: u64| Some(Duration::from_secs(minutes * 60));
        assert_eq!(told, (1, minutes(1440), minutes(10), minutes(10)));
        assert!(learnt(13, office, |lesson| lesson.hours.is_none()), "two weeks are needed");
        assert!(learnt(14, |minute| minute % 7 == 0, |lesson| lesson.hours.is_none()), "it never pauses");
    }

    #[test]
    fn of_whom_so_many_logs_are_expected_an_interval_is_suggested_in_which_they_come() {
        let mut watch = watch(&["001"]);
        watch.min_events = Some(20);
        let minutes = |minutes: u64| Some(Duration::from_secs(minutes * 60));
        let told = |lesson: &Lesson<'_>| (lesson.advice.choices[0].per_week, lesson.suggested());
        let always = learnt_in(&watch, 14, |_| true, told);
        assert_eq!(always, (0.0, minutes(5)), "they come in four minutes");
        let seldom = learnt_in(&watch, 14, |minute| minute % 7 == 0, told);
        assert_eq!(seldom, (0.5, minutes(30)), "in 28; never in a quarter of an hour, which is one alarm");
        // Fewer for half an hour each day.
        let thin = |minute: i64| minute % 1440 >= 30 || minute % 5 == 0;
        assert_eq!(learnt_in(&watch, 14, thin, told), (7.0, minutes(30)));
        // An outage of a day teaches nothing.
        let outage = |minute: i64| !(3000..4440).contains(&minute);
        let left_out = |lesson: &Lesson<'_>| (lesson.suggested(), lesson.advice.left_out.clone());
        assert_eq!(learnt_in(&watch, 14, outage, left_out), (minutes(5), vec![1441 * MINUTE]));
        let hours = learnt_in(&watch, 14, office, |lesson| (lesson.hours.is_some(), lesson.suggested()));
        assert_eq!(hours, (true, minutes(30)), "as long as it takes in its hours");
    }

    #[test]
    fn what_is_known_of_an_agent_begins_with_its_first_log() {
        // On its last three days: a pause of 40 minutes on each.
        let new = |minute: i64| minute >= 11 * 1440 && !(600..640).contains(&(minute % 1440));
        let now = learnt(14, new, |lesson| lesson.advice.choices[0].per_week);
        assert_eq!(now, 7.0, "three in three days are one a day");
    }
}
