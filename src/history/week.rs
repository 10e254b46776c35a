//! In which hours of the week an agent logs, where that is a habit. Pure.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Datelike, NaiveTime, Timelike, Utc};
use chrono_tz::Tz;

use super::Span;
use super::gaps::HOUR;
use crate::config::calendar::Window;

const HOURS: usize = 24;
const WEEK: usize = 7 * HOURS;

/// Each hour of the week must have come so often.
const WEEKS: u32 = 2;

/// It is quiet in an hour of the week in which it logged at most once in so many weeks.
const SELDOM: u32 = 5;

/// A pause of fewer hours than this is none.
const SHORTEST: usize = 4;

/// How often an hour of the week came, and in how many of them it logged.
#[derive(Debug, Clone, Copy, Default)]
struct Hour {
    came: u32,
    logged: u32,
}

impl Hour {
    const fn is_quiet(self) -> bool {
        self.logged * SELDOM <= self.came
    }
}

/// The windows, by the clock of `zone`, in which somebody logs who logged in these `hours` since 1970,
/// and of whom it is known within `known`. `None` where that is less than two weeks, where it never
/// pauses, or where it logs too irregularly to say.
#[must_use]
pub fn windows(hours: &[i64], known: Span, zone: Tz) -> Option<Vec<Window>> {
    let week = tally(hours, known, zone);
    if week.iter().any(|hour| hour.came < WEEKS) {
        return None;
    }
    let active = without_short_pauses(week.map(Hour::is_quiet).map(|quiet| !quiet));
    let within = (0..WEEK).filter(|at| active[*at]).map(|at| week[at]);
    let (came, logged) = within.fold((0, 0), |sum, hour| (sum.0 + hour.came, sum.1 + hour.logged));
    // In three quarters of its hours it does log.
    let regular = came > 0 && logged * 4 >= came * 3;
    (regular && active.contains(&false)).then(|| as_windows(&active))
}

fn tally(hours: &[i64], known: Span, zone: Tz) -> [Hour; WEEK] {
    let mut week = [Hour::default(); WEEK];
    for hour in known.0.div_euclid(HOUR)..=(known.1 - 1).div_euclid(HOUR) {
        let logged = u32::from(hours.binary_search(&hour).is_ok());
        // Where clocks are half an hour off, it is part of two hours of theirs.
        for at in BTreeSet::from([hour * HOUR, (hour + 1) * HOUR - 1].map(|at| place(at, zone))) {
            week[at].came += 1;
            week[at].logged += logged;
        }
    }
    week
}

/// The hour of the week, from Monday.
fn place(at: i64, zone: Tz) -> usize {
    let local = DateTime::<Utc>::from_timestamp_millis(at).unwrap_or_default().with_timezone(&zone);
    local.weekday().num_days_from_monday() as usize * HOURS + local.hour() as usize
}

/// Pauses may go over the end of the week.
fn without_short_pauses(mut active: [bool; WEEK]) -> [bool; WEEK] {
    for (start, length) in runs(&active, false) {
        if length < SHORTEST {
            (start..start + length).for_each(|at| active[at % WEEK] = true);
        }
    }
    active
}

/// Where stretches of `wanted` begin, and how long they are; none where all of the week is one.
fn runs(active: &[bool; WEEK], wanted: bool) -> Vec<(usize, usize)> {
    let is = |at: usize| active[at % WEEK] == wanted;
    let begins = (0..WEEK).filter(|at| is(*at) && !is(at + WEEK - 1));
    begins.map(|start| (start, (start..).take_while(|at| is(*at)).count())).collect()
}

/// A window lasts a day at most: longer stretches are cut at midnight.
fn as_windows(active: &[bool; WEEK]) -> Vec<Window> {
    let mut days: BTreeMap<(usize, usize), [bool; 7]> = BTreeMap::new();
    for (start, length) in runs(active, true) {
        let mut from = start;
        while from < start + length {
            let midnight = if length > HOURS { (from / HOURS + 1) * HOURS } else { usize::MAX };
            let to = midnight.min(start + length);
            days.entry((from % HOURS, to % HOURS)).or_default()[from / HOURS % 7] = true;
            from = to;
        }
    }
    let time = |hour: usize| NaiveTime::from_hms_opt(hour as u32, 0, 0).unwrap_or_default();
    days.into_iter().map(|((from, to), days)| Window { days, from: time(from), to: time(to) }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Monday, 2026-01-05 00:00 UTC, in hours since 1970.
    const MONDAY: i64 = 490_992;

    /// What an agent would be told that logs in these hours, counted from that Monday, over so many days.
    fn told(days: i64, zone: Tz, logs: impl Fn(i64) -> bool) -> Option<Vec<String>> {
        let hours: Vec<i64> = (0..days * 24).filter(|hour| logs(*hour)).map(|hour| MONDAY + hour).collect();
        let windows = windows(&hours, (MONDAY * HOUR, (MONDAY + days * 24) * HOUR), zone)?;
        let shown = |window: &Window| {
            let days: String = window.days.iter().map(|day| if *day { 'x' } else { '-' }).collect();
            format!("{days} {}-{}", window.from.format("%H"), window.to.format("%H"))
        };
        Some(windows.iter().map(shown).collect())
    }

    fn office(hour: i64) -> bool {
        (8..18).contains(&(hour % 24)) && hour / 24 % 7 < 5
    }

    fn list(windows: &[&str]) -> Option<Vec<String>> {
        Some(windows.iter().map(|&window| window.to_owned()).collect())
    }

    #[test]
    fn nights_and_weekends_are_learnt_by_the_clock_of_the_place() {
        assert_eq!(told(14, Tz::UTC, office), list(&["xxxxx-- 08-18"]));
        assert_eq!(told(14, Tz::Europe__Rome, office), list(&["xxxxx-- 09-19"]));
        // Half an hour off: both hours that it reaches into.
        assert_eq!(told(14, Tz::Asia__Kolkata, office), list(&["xxxxx-- 13-00"]));
        // A lunch, a backup on one night, and a day off change nothing; a backup each night does.
        let lunch = |hour| office(hour) && hour % 24 != 12 && hour != 33 || hour == 26;
        assert_eq!(told(35, Tz::UTC, lunch), list(&["xxxxx-- 08-18"]));
        let backup = |hour| office(hour) || hour % 24 == 3;
        assert_eq!(told(14, Tz::UTC, backup), list(&["xxxxxxx 03-04", "xxxxx-- 08-18"]));
    }

    #[test]
    fn stretches_go_over_midnight_and_whole_days_are_days() {
        assert_eq!(told(14, Tz::UTC, |hour| !(6..22).contains(&(hour % 24))), list(&["xxxxxxx 22-06"]));
        let week = |hour: i64| (6..112).contains(&(hour % 168));
        assert_eq!(told(14, Tz::UTC, week), list(&["-xxx--- 00-00", "----x-- 00-16", "x------ 06-00"]));
    }

    #[test]
    fn what_is_no_habit_is_not_learnt() {
        assert_eq!(told(13, Tz::UTC, office), None, "less than two weeks");
        assert_eq!(told(14, Tz::UTC, |_| true), None, "it never pauses");
        assert_eq!(told(14, Tz::UTC, |hour| !(2..5).contains(&(hour % 24))), None, "too short a pause");
        assert_eq!(told(28, Tz::UTC, |hour| hour * hour % 11 == 3), None, "now and then");
        assert_eq!(told(14, Tz::UTC, |_| false), None);
    }
}
