//! When logs are expected of a class: as the configuration says it, and as spans of time that are
//! counted off day by day.

use std::collections::BTreeSet;

use chrono::{DateTime, Datelike, Days, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, TimeZone};
use chrono_tz::Tz;
use fastrand::Rng;
use log_monitor::config::calendar::{Calendar, Pause, When, Window};

use super::DAY;
use crate::spans::Spans;

const ZONES: [Tz; 4] = [Tz::Europe__Rome, Tz::America__New_York, Tz::Asia__Kolkata, Tz::Australia__Lord_Howe];

/// No threshold is longer, even where only some hours of some days count.
const MARGIN: i64 = 60 * DAY;

#[derive(Debug, Clone)]
pub struct Hours {
    /// Of its class.
    pub calendar: Option<Calendar>,
    /// Of its watch.
    pub pauses: Vec<Pause>,
    /// When these are.
    pub paused: Spans,
    /// When logs are expected, after all.
    pub expected: Spans,
    /// Whether its machines are off at other times.
    pub off: bool,
}

/// Always for some, working hours for others, and maintenance for some of both.
pub fn hours(from: i64, to: i64, rng: &mut Rng) -> Hours {
    let (from, to) = (from - MARGIN, to + MARGIN);
    let zone = ZONES[rng.usize(..ZONES.len())];
    let windows = if rng.bool() { vec![working_hours(rng)] } else { Vec::new() };
    let pauses: Vec<When> = (0..rng.usize(0..4)).map(|_| pause(from, to, rng)).collect();
    let expected = match windows.first() {
        Some(window) => Spans::of(days(from, to, |day| on(window, day)).map(|day| span(zone, window, day))),
        None => Spans::of([(i64::MIN / 4, i64::MAX / 4)]),
    };
    let paused = Spans::of(pauses.iter().flat_map(|when| paused(zone, when, from, to)));
    let calendar = (!windows.is_empty()).then_some(Calendar {
        zone,
        windows,
        holidays: BTreeSet::new(),
        pauses: Vec::new(),
    });
    Hours {
        off: calendar.is_some() && rng.bool(),
        calendar,
        pauses: pauses.into_iter().map(|when| Pause { zone, when }).collect(),
        expected: without(&expected, &paused),
        paused,
    }
}

/// The times of the one that are not within the other.
pub fn without(expected: &Spans, paused: &Spans) -> Spans {
    expected.and(&paused.gaps(i64::MIN / 4, i64::MAX / 4))
}

fn working_hours(rng: &mut Rng) -> Window {
    let weekend = rng.bool();
    let days = [true, true, true, true, true, weekend, weekend];
    Window { days, from: time(rng.u32(5..8), 0), to: time(rng.u32(20..23), 30) }
}

fn pause(from: i64, to: i64, rng: &mut Rng) -> When {
    if rng.bool() {
        let begin = DateTime::from_timestamp_millis(rng.i64(from..to) / DAY * DAY).unwrap().naive_utc();
        let begin = begin + TimeDelta::minutes(rng.i64(4 * 60..23 * 60));
        let end = begin + TimeDelta::hours([1, 24, 49][rng.usize(..3)]);
        return When::Once(begin, end);
    }
    let mut days = [false; 7];
    days[rng.usize(..7)] = true;
    let nth = [None, Some(2), Some(0)][rng.usize(..3)];
    When::Days(Window { days, from: time(rng.u32(18..24), 15), to: time(rng.u32(4..8), 45) }, nth)
}

fn paused(zone: Tz, when: &When, from: i64, to: i64) -> Vec<(i64, i64)> {
    match when {
        When::Once(begin, end) => vec![(at(zone, *begin), at(zone, *end))],
        When::Days(window, nth) => {
            let on = |day: NaiveDate| on(window, day) && nth.is_none_or(|nth| is_of_month(day, nth));
            days(from, to, on).map(|day| span(zone, window, day)).collect()
        }
    }
}

fn is_of_month(day: NaiveDate, nth: u8) -> bool {
    match nth {
        0 => (day + Days::new(7)).month() > day.month() || (day + Days::new(7)).year() > day.year(),
        _ => (8..15).contains(&day.day()),
    }
}

fn on(window: &Window, day: NaiveDate) -> bool {
    window.days[day.weekday().num_days_from_monday() as usize]
}

fn days(from: i64, to: i64, on: impl Fn(NaiveDate) -> bool) -> impl Iterator<Item = NaiveDate> {
    let day = |at: i64| DateTime::from_timestamp_millis(at).unwrap().date_naive();
    day(from).iter_days().take_while(move |one| *one <= day(to)).filter(move |day| on(*day))
}

fn span(zone: Tz, window: &Window, day: NaiveDate) -> (i64, i64) {
    let until = if window.to > window.from { day } else { day + Days::new(1) };
    (at(zone, day.and_time(window.from)), at(zone, until.and_time(window.to)))
}

/// None of the times above is skipped or comes twice: clocks change between one and three.
fn at(zone: Tz, local: NaiveDateTime) -> i64 {
    zone.from_local_datetime(&local).single().expect("a time that is once").timestamp_millis()
}

fn time(hour: u32, minute: u32) -> NaiveTime {
    NaiveTime::from_hms_opt(hour, minute, 0).unwrap()
}
