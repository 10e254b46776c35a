//! When logs are expected: windows of the week in a time zone, without holidays and maintenance.
//! Pure. Instants are milliseconds since 1970, UTC.

use std::collections::BTreeSet;

use chrono::{
    DateTime, Datelike, Days, LocalResult, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, TimeZone, Utc,
};
use chrono_tz::Tz;

/// The days of the week, as the configuration writes them.
pub const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

/// How much is looked at in one step, in milliseconds.
const STEP: i64 = 8 * 86_400_000;

/// After so many steps (more than a year) nothing comes any more.
const STEPS: usize = 50;

/// The times at which logs are expected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Calendar {
    /// Where the clock hangs.
    pub zone: Tz,
    /// Always, if there is none.
    pub windows: Vec<Window>,
    /// Days on which no window begins.
    pub holidays: BTreeSet<NaiveDate>,
    /// When nothing is expected all the same.
    pub pauses: Vec<Pause>,
}

/// Maintenance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pause {
    /// Where its clock hangs.
    pub zone: Tz,
    /// When.
    pub when: When,
}

/// When maintenance is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// Once, between these local times.
    Once(NaiveDateTime, NaiveDateTime),
    /// On days of the week; with a number only on the so-manieth such day of a month, 0 for the last.
    Days(Window, Option<u8>),
}

/// A window that begins on some days of the week.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// Whether it begins on that day, from Monday.
    pub days: [bool; 7],
    /// By the clock of the zone.
    pub from: NaiveTime,
    /// By the clock of the zone; the next day's unless it is after `from`.
    pub to: NaiveTime,
}

impl Calendar {
    /// Logs are expected always, but for these.
    #[must_use]
    pub const fn always_but(pauses: Vec<Pause>) -> Self {
        Self { zone: Tz::UTC, windows: Vec::new(), holidays: BTreeSet::new(), pauses }
    }

    /// Whether logs are expected at `at`.
    #[must_use]
    pub fn is_active(&self, at: i64) -> bool {
        !self.spans(at, at + 1).is_empty()
    }

    /// When the window that holds at `at` ends.
    #[must_use]
    pub fn end_of(&self, at: i64) -> i64 {
        self.spans(at, at.saturating_add(STEP)).first().map_or(at, |(_, end)| *end)
    }

    /// When `active` milliseconds of expected time have passed since `from`; the far future when
    /// that is not within a year. With 0: when logs are expected next.
    #[must_use]
    pub fn after(&self, from: i64, active: i64) -> i64 {
        let mut left = active;
        for step in 0..STEPS as i64 {
            let start = from.saturating_add(step * STEP);
            for (begin, end) in self.spans(start, start.saturating_add(STEP)) {
                if end - begin > left || (end - begin == left && active > 0) {
                    return begin + left;
                }
                left -= end - begin;
            }
        }
        i64::MAX / 4
    }

    /// The other way round: since when `active` milliseconds of expected time have passed until `to`.
    #[must_use]
    pub fn before(&self, to: i64, active: i64) -> i64 {
        let mut left = active;
        for step in 1..=STEPS as i64 {
            let start = to.saturating_sub(step * STEP);
            for (begin, end) in self.spans(start, start.saturating_add(STEP)).into_iter().rev() {
                if end - begin >= left {
                    return end - left;
                }
                left -= end - begin;
            }
        }
        to.saturating_sub(STEPS as i64 * STEP)
    }

    /// The expected times within `from..to`, in order, none touching another.
    #[must_use]
    pub fn spans(&self, from: i64, to: i64) -> Vec<(i64, i64)> {
        let within = |spans: Vec<(i64, i64)>| {
            let cut = spans.into_iter().map(|(begin, end)| (begin.max(from), end.min(to)));
            merged(cut.filter(|(begin, end)| begin < end).collect())
        };
        let expected = match self.windows.is_empty() {
            true => vec![(from, to)],
            false => self.windows.iter().flat_map(|window| self.of_window(window, from, to)).collect(),
        };
        let paused = self.pauses.iter().flat_map(|pause| pause.spans(from, to)).collect();
        without(within(expected), &within(paused))
    }

    fn of_window(&self, window: &Window, from: i64, to: i64) -> Vec<(i64, i64)> {
        let begins = |day: &NaiveDate| window.begins_on(*day) && !self.holidays.contains(day);
        days(self.zone, from, to).filter(begins).map(|day| window.on(self.zone, day)).collect()
    }
}

impl Window {
    fn begins_on(&self, day: NaiveDate) -> bool {
        self.days[day.weekday().num_days_from_monday() as usize]
    }

    fn on(&self, zone: Tz, day: NaiveDate) -> (i64, i64) {
        let until = if self.to > self.from { day } else { day + Days::new(1) };
        (instant(zone, day.and_time(self.from), false), instant(zone, until.and_time(self.to), true))
    }
}

impl Pause {
    /// Its windows that may touch this time, whole, in order of their days.
    #[must_use]
    pub fn spans(&self, from: i64, to: i64) -> Vec<(i64, i64)> {
        match self.when {
            When::Once(begin, end) => vec![(instant(self.zone, begin, false), instant(self.zone, end, true))],
            When::Days(window, nth) => {
                let begins =
                    |day: &NaiveDate| window.begins_on(*day) && nth.is_none_or(|nth| is_nth(*day, nth));
                days(self.zone, from, to).filter(begins).map(|day| window.on(self.zone, day)).collect()
            }
        }
    }
}

/// Whether it is the `nth` of its day of the week in the month, 0 for the last.
fn is_nth(day: NaiveDate, nth: u8) -> bool {
    match nth {
        0 => (day + Days::new(7)).month() != day.month(),
        nth => day.day0() / 7 + 1 == u32::from(nth),
    }
}

/// The days whose windows can reach into `from..to`: one may have begun the day before; where a day
/// is skipped, two.
fn days(zone: Tz, from: i64, to: i64) -> impl Iterator<Item = NaiveDate> {
    let date = |at: i64| {
        let time = DateTime::<Utc>::from_timestamp_millis(at).unwrap_or_default();
        time.with_timezone(&zone).date_naive()
    };
    let last = date(to);
    (date(from) - Days::new(2)).iter_days().take_while(move |day| *day <= last)
}

/// The instant of a local time: of one that comes twice the first or the last, of one that is
/// skipped the end of the gap.
fn instant(zone: Tz, local: NaiveDateTime, last: bool) -> i64 {
    // A day at most is skipped (Samoa, 2011).
    for minutes in 0..=1500 {
        match zone.from_local_datetime(&(local + TimeDelta::minutes(minutes))) {
            LocalResult::Single(instant) => return instant.timestamp_millis(),
            LocalResult::Ambiguous(first, second) => {
                return if last { second } else { first }.timestamp_millis();
            }
            LocalResult::None => {}
        }
    }
    local.and_utc().timestamp_millis()
}

/// `spans` without `holes`; both in order and apart.
#[must_use]
pub fn without(spans: Vec<(i64, i64)>, holes: &[(i64, i64)]) -> Vec<(i64, i64)> {
    let mut out = Vec::with_capacity(spans.len());
    for (mut begin, end) in spans {
        for &(from, to) in holes {
            if to <= begin || from >= end {
                continue;
            }
            if from > begin {
                out.push((begin, from));
            }
            begin = to;
        }
        if begin < end {
            out.push((begin, end));
        }
    }
    out
}

/// The same time as `spans`, in order, none touching another.
#[must_use]
pub fn merged(mut spans: Vec<(i64, i64)>) -> Vec<(i64, i64)> {
    spans.sort_unstable();
    let mut out: Vec<(i64, i64)> = Vec::with_capacity(spans.len());
    for (begin, end) in spans {
        match out.last_mut() {
            Some(last) if begin <= last.1 => last.1 = last.1.max(end),
            _ => out.push((begin, end)),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const MINUTE: i64 = 60_000;
    const HOUR: i64 = 60 * MINUTE;

    fn at(text: &str) -> i64 {
        DateTime::parse_from_rfc3339(text).unwrap().timestamp_millis()
    }

    fn time(hour: u32, minute: u32) -> NaiveTime {
        NaiveTime::from_hms_opt(hour, minute, 0).unwrap()
    }

    fn office(zone: Tz) -> Calendar {
        let days = [true, true, true, true, true, false, false];
        let windows = vec![Window { days, from: time(8, 0), to: time(18, 0) }];
        Calendar { zone, windows, holidays: BTreeSet::new(), pauses: Vec::new() }
    }

    #[test]
    fn maintenance_stops_the_clock_once_weekly_or_on_a_day_of_the_month() {
        let paused = |when| Calendar {
            windows: Vec::new(),
            pauses: vec![Pause { zone: Tz::Europe__Rome, when }],
            ..office(Tz::UTC)
        };
        let local = |text: &str| NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M").unwrap();
        let once = paused(When::Once(local("2026-01-10 22:00"), local("2026-01-11 04:00")));
        let before = at("2026-01-10T21:55:00+01:00");
        assert_eq!(once.after(before, 15 * MINUTE), at("2026-01-11T04:10:00+01:00"));
        assert_eq!(once.before(at("2026-01-11T04:10:00+01:00"), 15 * MINUTE), before);
        let tuesdays = [false, true, false, false, false, false, false];
        let night = Window { days: tuesdays, from: time(22, 0), to: time(2, 0) };
        let second = paused(When::Days(night, Some(2)));
        let is_paused = |calendar: &Calendar, text: &str| !calendar.is_active(at(text));
        assert!(is_paused(&second, "2026-01-14T01:59:00+01:00"), "the night after the second Tuesday");
        assert!(!is_paused(&second, "2026-01-06T23:00:00+01:00"), "the first one");
        let last = paused(When::Days(night, Some(0)));
        assert!(
            is_paused(&last, "2026-01-27T23:00:00+01:00") && !is_paused(&last, "2026-01-20T23:00:00+01:00")
        );
        assert!(is_paused(&paused(When::Days(night, None)), "2026-01-20T23:00:00+01:00"));
        let both = Calendar { pauses: [&second.pauses[..], &last.pauses].concat(), ..second };
        assert!(
            is_paused(&both, "2026-01-27T23:00:00+01:00") && is_paused(&both, "2026-01-13T23:00:00+01:00")
        );
    }

    #[test]
    fn the_weekend_does_not_count() {
        let rome = office(Tz::Europe__Rome);
        // Friday 17:50 in Rome and a quarter of an hour of office time: Monday 08:05.
        let friday = at("2026-01-09T17:50:00+01:00");
        assert_eq!(rome.after(friday, 15 * MINUTE), at("2026-01-12T08:05:00+01:00"));
        assert_eq!(rome.before(at("2026-01-12T08:05:00+01:00"), 15 * MINUTE), friday);
        assert_eq!(rome.after(at("2026-01-10T12:00:00+01:00"), 0), at("2026-01-12T08:00:00+01:00"));
        assert!(rome.is_active(friday) && !rome.is_active(at("2026-01-09T18:00:00+01:00")));
        let holiday = BTreeSet::from([NaiveDate::from_ymd_opt(2026, 1, 12).unwrap()]);
        let rome = Calendar { holidays: holiday, ..rome };
        assert_eq!(rome.after(friday, 15 * MINUTE), at("2026-01-13T08:05:00+01:00"));
    }

    #[test]
    fn days_of_23_and_25_hours_are_what_they_are() {
        let days = [true; 7];
        let night = Window { days, from: time(0, 0), to: time(0, 0) };
        let whole = Calendar { windows: vec![night], ..office(Tz::Europe__Rome) };
        let length = |date: &str, next: &str, offsets: [&str; 2]| {
            let (from, to) = (
                at(&format!("{date}T00:00:00{}", offsets[0])),
                at(&format!("{next}T00:00:00{}", offsets[1])),
            );
            whole.spans(from, to).iter().map(|(begin, end)| end - begin).sum::<i64>() / HOUR
        };
        assert_eq!(length("2026-03-29", "2026-03-30", ["+01:00", "+02:00"]), 23);
        assert_eq!(length("2026-10-25", "2026-10-26", ["+02:00", "+01:00"]), 25);
        // 02:30 is skipped in spring: a window from then on begins at 03:00.
        let skipped = Window { days, from: time(2, 30), to: time(4, 0) };
        let spring = Calendar { windows: vec![skipped], ..office(Tz::Europe__Rome) };
        assert_eq!(spring.after(at("2026-03-29T00:00:00+01:00"), 0), at("2026-03-29T03:00:00+02:00"));
    }

    #[test]
    fn a_calendar_that_never_comes_ends_in_the_far_future() {
        let never = Calendar {
            windows: vec![Window { days: [false; 7], from: time(1, 0), to: time(2, 0) }],
            ..office(Tz::UTC)
        };
        assert!(never.after(0, 0) > at("9999-01-01T00:00:00Z"));
    }

    /// Whether a minute is expected, by looking at every window of every day around it.
    fn oracle(calendar: &Calendar, minute: i64) -> bool {
        let local = |at: i64| {
            DateTime::<Utc>::from_timestamp_millis(at).unwrap().with_timezone(&calendar.zone).naive_local()
        };
        let near: Vec<i64> = (-3000..3000).map(|offset| minute + offset * MINUTE).collect();
        (-2..=1).any(|offset| {
            let day = local(minute).date() + TimeDelta::days(offset);
            let begins = |window: &&Window| {
                window.days[day.weekday().num_days_from_monday() as usize]
                    && !calendar.holidays.contains(&day)
            };
            calendar.windows.iter().filter(begins).any(|window| {
                let until = if window.to > window.from { day } else { day + TimeDelta::days(1) };
                let (from, to) = (day.and_time(window.from), until.and_time(window.to));
                // The first minute at or after `from`, and the first that is at or after `to` for good.
                let begin = near.iter().copied().find(|at| local(*at) >= from);
                let end = near.iter().copied().rev().take_while(|at| local(*at) >= to).last();
                let end = match near.iter().any(|at| local(*at) == to) {
                    true => near.iter().copied().rev().find(|at| local(*at) == to),
                    false => end,
                };
                begin.zip(end).is_some_and(|(begin, end)| begin <= minute && minute < end)
            })
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(200))]

        #[test]
        fn every_minute_is_as_a_look_at_the_clock_says(
            zone in prop::sample::select(vec![Tz::UTC, Tz::Europe__Rome, Tz::America__New_York, Tz::Asia__Kolkata,
                                              Tz::Australia__Lord_Howe, Tz::America__Sao_Paulo]),
            windows in prop::collection::vec((any::<[bool; 7]>(), 0_u32..1440, 0_u32..1440), 1..3),
            // Around the changes of clocks of 2026, and some other days.
            day in prop::sample::select(vec![67_i64, 87, 93, 200, 276, 297, 304]),
            minute in 0_i64..1440,
        ) {
            let window = |(days, from, to): ([bool; 7], u32, u32)| Window {
                days, from: time(from / 60, from % 60), to: time(to / 60, to % 60),
            };
            let windows = windows.into_iter().map(window).collect();
            let calendar = Calendar { zone, windows, holidays: BTreeSet::new(), pauses: Vec::new() };
            let minute = at("2026-01-01T00:00:00Z") + (day * 1440 + minute) * MINUTE;
            prop_assert_eq!(calendar.is_active(minute), oracle(&calendar, minute));
        }
    }
}
