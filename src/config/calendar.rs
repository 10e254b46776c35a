//! When logs are expected: windows of the week in a time zone, without holidays. Pure. Instants are
//! milliseconds since 1970, UTC.

use std::collections::BTreeSet;

use chrono::{DateTime, Datelike, Days, LocalResult, NaiveDate, NaiveTime, TimeDelta, TimeZone, Utc};
use chrono_tz::Tz;

/// How much is looked at in one step, in milliseconds.
const STEP: i64 = 8 * 86_400_000;

/// After so many steps (more than a year) nothing comes any more.
const STEPS: usize = 50;

/// The times at which logs are expected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Calendar {
    /// Where the clock hangs.
    pub zone: Tz,
    /// Never empty.
    pub windows: Vec<Window>,
    /// Days on which no window begins.
    pub holidays: BTreeSet<NaiveDate>,
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
    /// Whether logs are expected at `at`.
    #[must_use]
    pub fn is_active(&self, at: i64) -> bool {
        !self.spans(at, at + 1).is_empty()
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
    fn spans(&self, from: i64, to: i64) -> Vec<(i64, i64)> {
        let date = |at: i64| {
            let time = DateTime::<Utc>::from_timestamp_millis(at).unwrap_or_default();
            time.with_timezone(&self.zone).date_naive()
        };
        let mut spans: Vec<(i64, i64)> = Vec::new();
        // A window may have begun the day before; where a day is skipped, two.
        let mut day = date(from) - Days::new(2);
        let last = date(to);
        while day <= last {
            if !self.holidays.contains(&day) {
                let begins = |window: &&Window| window.days[day.weekday().num_days_from_monday() as usize];
                spans.extend(self.windows.iter().filter(begins).map(|window| self.on(window, day)));
            }
            day = day + Days::new(1);
        }
        let cut = spans.into_iter().map(|(begin, end)| (begin.max(from), end.min(to)));
        merged(cut.filter(|(begin, end)| begin < end).collect())
    }

    fn on(&self, window: &Window, day: NaiveDate) -> (i64, i64) {
        let until = if window.to > window.from { day } else { day + Days::new(1) };
        (self.instant(day, window.from, false), self.instant(until, window.to, true))
    }

    /// The instant of a local time: of one that comes twice the first or the last, of one that is
    /// skipped the end of the gap.
    fn instant(&self, day: NaiveDate, time: NaiveTime, last: bool) -> i64 {
        let mut local = day.and_time(time);
        // A day at most is skipped (Samoa, 2011).
        for _ in 0..=1500 {
            match self.zone.from_local_datetime(&local) {
                LocalResult::Single(instant) => return instant.timestamp_millis(),
                LocalResult::Ambiguous(first, second) => {
                    return if last { second } else { first }.timestamp_millis();
                }
                LocalResult::None => local += TimeDelta::minutes(1),
            }
        }
        day.and_time(time).and_utc().timestamp_millis()
    }
}

fn merged(mut spans: Vec<(i64, i64)>) -> Vec<(i64, i64)> {
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
        Calendar { zone, windows, holidays: BTreeSet::new() }
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
            let calendar = Calendar { zone, windows, holidays: BTreeSet::new() };
            let minute = at("2026-01-01T00:00:00Z") + (day * 1440 + minute) * MINUTE;
            prop_assert_eq!(calendar.is_active(minute), oracle(&calendar, minute));
        }
    }
}
