//! When logs are expected: windows of the week in a time zone, without holidays and maintenance.
//! Pure. Instants are milliseconds since 1970, UTC.

#[cfg(test)]
mod oracle;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use chrono::{
    DateTime, Datelike, Days, LocalResult, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, TimeZone, Utc,
};
use chrono_tz::Tz;

/// The days of the week, as the configuration writes them.
pub const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

/// One day, in milliseconds.
const DAY: i64 = 86_400_000;

/// How much is looked at in one step at most, in milliseconds.
const STEP: i64 = 8 * DAY;

/// Beyond this (more than a year), nothing comes any more.
const HORIZON: i64 = 50 * STEP;

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

    /// Whether, in weeks without holidays and maintenance, it holds whenever `other` does.
    #[must_use]
    pub fn covers_week_of(&self, other: &Self) -> bool {
        // By the clock of their zone each day of such a week has 24 hours; Monday the fifth of January 1970 begins one.
        let week = |windows: &[Window]| {
            let (windows, none) = (windows.to_vec(), Self::always_but(Vec::new()));
            Self { windows, ..none }.spans(4 * DAY, 11 * DAY)
        };
        let (own, others) = (week(&self.windows), week(&other.windows));
        let within = |other: &(i64, i64)| own.iter().any(|one| one.0 <= other.0 && other.1 <= one.1);
        self.zone == other.zone && others.iter().all(within)
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
        for (near, far) in steps() {
            for (begin, end) in self.spans(from.saturating_add(near), from.saturating_add(far)) {
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
        for (near, far) in steps() {
            for (begin, end) in self.spans(to.saturating_sub(far), to.saturating_sub(near)).into_iter().rev()
            {
                if end - begin >= left {
                    return end - left;
                }
                left -= end - begin;
            }
        }
        to.saturating_sub(HORIZON)
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
    /// Whether both begin on some day and hold at some time then, by the clock. (That one reaches past midnight
    /// into another is how nights and weekends are written.)
    #[must_use]
    pub fn overlaps(&self, other: &Self) -> bool {
        let share = (0..7).any(|day| self.days[day] && other.days[day]);
        let later = (self.from - other.from).num_milliseconds();
        share && -self.length() < later && later < other.length()
    }

    fn length(&self) -> i64 {
        match (self.to - self.from).num_milliseconds().rem_euclid(DAY) {
            0 => DAY,
            length => length,
        }
    }

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

/// The distances between which to look, near ones first and in small steps: most deadlines are within a day.
fn steps() -> impl Iterator<Item = (i64, i64)> {
    let next = |far: i64| (far + far.clamp(DAY, STEP)).min(HORIZON);
    let steps = std::iter::successors(Some((0, DAY)), move |(_, far)| Some((*far, next(*far))));
    steps.take_while(|(near, _)| *near < HORIZON)
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
