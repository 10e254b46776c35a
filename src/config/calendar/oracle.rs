//! Against a look at the clock for each minute, which is slow and hard to get wrong.

use proptest::prelude::*;

use super::tests::{MINUTE, at, time};
use super::*;

/// The table of expected minutes is this long to each side …
const SIDE: i64 = 4 * 1440;

/// … and what is in it may have begun so many minutes before it.
const MARGIN: i64 = 3 * 1440;

/// What the clock of a zone shows in each minute around another one.
struct Clock(Vec<NaiveDateTime>);

impl Clock {
    fn of(zone: Tz, around: i64) -> Self {
        let shown = |minute: i64| {
            DateTime::<Utc>::from_timestamp_millis(around + minute * MINUTE)
                .unwrap()
                .with_timezone(&zone)
                .naive_local()
        };
        Self((-SIDE - MARGIN..SIDE + MARGIN).map(shown).collect())
    }

    fn days(&self) -> BTreeSet<NaiveDate> {
        let (first, last) = (self.0[0].date(), self.0[self.0.len() - 1].date());
        first.iter_days().skip(1).take_while(|day| *day + Days::new(1) < last).collect()
    }

    /// The minutes from the first look that shows `from` or more to the last that shows `to`, or to the
    /// end of the gap in which it would be.
    fn between(&self, from: NaiveDateTime, to: NaiveDateTime) -> std::ops::Range<usize> {
        let begin = self.0.iter().position(|shown| *shown >= from).unwrap();
        let end = self.0.iter().rposition(|shown| *shown == to);
        begin..end.or_else(|| self.0.iter().position(|shown| *shown >= to)).unwrap()
    }

    fn of_window(&self, window: &Window, begins: impl Fn(NaiveDate) -> bool) -> Vec<std::ops::Range<usize>> {
        let is_named = |day: &NaiveDate| window.days[day.weekday().num_days_from_monday() as usize];
        let until = |day: NaiveDate| if window.to > window.from { day } else { day.succ_opt().unwrap() };
        let span = |day: NaiveDate| self.between(day.and_time(window.from), until(day).and_time(window.to));
        self.days().into_iter().filter(is_named).filter(|day| begins(*day)).map(span).collect()
    }
}

/// Counts the days of that name in the month.
fn counts(day: NaiveDate, nth: Option<u8>) -> bool {
    let month = day.with_day(1).unwrap().iter_days().take_while(|other| other.month() == day.month());
    let same: Vec<NaiveDate> = month.filter(|other| other.weekday() == day.weekday()).collect();
    match nth {
        None => true,
        Some(0) => same.last() == Some(&day),
        Some(nth) => same.get(usize::from(nth) - 1) == Some(&day),
    }
}

/// Of each minute around that one, whether logs are expected in it.
fn table(calendar: &Calendar, around: i64) -> Vec<bool> {
    let clock = Clock::of(calendar.zone, around);
    let mut expected = vec![calendar.windows.is_empty(); clock.0.len()];
    for window in &calendar.windows {
        for span in clock.of_window(window, |day| !calendar.holidays.contains(&day)) {
            expected[span].fill(true);
        }
    }
    for pause in &calendar.pauses {
        let clock = Clock::of(pause.zone, around);
        let spans = match pause.when {
            When::Once(from, to) => vec![clock.between(from, to)],
            When::Days(window, nth) => clock.of_window(&window, |day| counts(day, nth)),
        };
        spans.into_iter().for_each(|span| expected[span].fill(false));
    }
    expected[MARGIN as usize..][..2 * SIDE as usize].to_vec()
}

/// How many minutes one has to go through until so many of them were expected; none that end it when
/// there are not so many. With 0: until one is.
fn minutes(expected: impl Iterator<Item = bool>, active: i64) -> Option<i64> {
    let mut left = active;
    for (passed, is_expected) in (0..).zip(expected) {
        if active == 0 && is_expected {
            return Some(passed);
        }
        left -= i64::from(is_expected);
        if active > 0 && left == 0 {
            return Some(passed + 1);
        }
    }
    None
}

fn window() -> impl Strategy<Value = Window> {
    let of_day = |minute: u32| time(minute / 60, minute % 60);
    let window = move |(days, from, to)| Window { days, from: of_day(from), to: of_day(to) };
    (any::<[bool; 7]>(), 0_u32..1440, 0_u32..1440).prop_map(window)
}

fn zone() -> impl Strategy<Value = Tz> {
    // Half an hour of summer time, summer time that begins at midnight, and a day that was left out.
    prop::sample::select(vec![
        Tz::UTC,
        Tz::Europe__Rome,
        Tz::America__New_York,
        Tz::Asia__Kolkata,
        Tz::Australia__Lord_Howe,
        Tz::America__Santiago,
        Tz::Pacific__Apia,
    ])
}

/// Noon of days around which clocks change in those zones, and of another one.
fn noon() -> impl Strategy<Value = i64> {
    prop::sample::select(vec![
        "2026-03-08",
        "2026-03-29",
        "2026-04-05",
        "2026-07-20",
        "2026-09-06",
        "2026-10-04",
        "2026-10-25",
        "2026-11-01",
        "2011-12-30",
    ])
    .prop_map(|day| at(&format!("{day}T12:00:00Z")))
}

fn pause(noon: i64) -> impl Strategy<Value = Pause> {
    let local =
        move |minute: i64| DateTime::from_timestamp_millis(noon + minute * MINUTE).unwrap().naive_utc();
    let once = (-SIDE..SIDE, 1_i64..3000)
        .prop_map(move |(from, length)| When::Once(local(from), local(from + length)));
    let days = (window(), prop::option::of(0_u8..=5)).prop_map(|(window, nth)| When::Days(window, nth));
    (zone(), prop_oneof![once, days]).prop_map(|(zone, when)| Pause { zone, when })
}

fn calendar() -> impl Strategy<Value = (Calendar, i64)> {
    noon().prop_flat_map(|noon| {
        let day = move |days: i64| {
            DateTime::from_timestamp_millis(noon + days * 1440 * MINUTE).unwrap().date_naive()
        };
        let holidays = prop::collection::btree_set((-6_i64..6).prop_map(day), 0..4);
        let windows = prop::collection::vec(window(), 0..3);
        let pauses = prop::collection::vec(pause(noon), 0..3);
        let calendar = |(zone, windows, holidays, pauses)| Calendar { zone, windows, holidays, pauses };
        (zone(), windows, holidays, pauses).prop_map(calendar).prop_map(move |calendar| (calendar, noon))
    })
}

/// Windows of which some cover others.
fn coarse() -> impl Strategy<Value = Vec<Window>> {
    let week = [
        [true; 7],
        [true, true, true, true, true, false, false],
        [false, false, false, false, false, true, true],
    ];
    let window = (prop::sample::select(week.to_vec()), 0_u32..4, 0_u32..4)
        .prop_map(|(days, from, to)| Window { days, from: time(from * 6, 0), to: time(to * 6, 0) });
    prop::collection::vec(window, 1..3)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn all_is_as_a_look_at_the_clock_in_each_minute_says(
        (calendar, noon) in calendar(), asked in -2000_i64..2000, active in prop_oneof![Just(0), 0_i64..4000],
    ) {
        let table = table(&calendar, noon);
        let (from, to) = (noon - SIDE * MINUTE, noon + SIDE * MINUTE);
        let place = |at: i64| ((at - from) / MINUTE) as usize;
        let mut spans = vec![false; table.len()];
        for (begin, end) in calendar.spans(from, to) {
            spans[place(begin)..place(end)].fill(true);
        }
        prop_assert!(spans == table);
        let now = noon + asked * MINUTE;
        prop_assert_eq!(calendar.is_active(now), table[place(now)]);
        let after = minutes(table[place(now)..].iter().copied(), active);
        match after {
            Some(after) => prop_assert_eq!(calendar.after(now, active * MINUTE), now + after * MINUTE),
            None => prop_assert!(calendar.after(now, active * MINUTE) >= to),
        }
        match minutes(table[..place(now)].iter().rev().copied(), active) {
            Some(before) => prop_assert_eq!(calendar.before(now, active * MINUTE), now - before * MINUTE),
            None => prop_assert!(calendar.before(now, active * MINUTE) <= from),
        }
    }

    #[test]
    fn hours_that_cover_others_hold_whenever_those_do(
        zone in zone(), noon in noon(), own in coarse(), other in coarse(),
        asked in prop::collection::vec(-SIDE..SIDE, 50),
    ) {
        let [own, other] = [own, other].map(|windows| {
            Calendar { zone, windows, holidays: BTreeSet::new(), pauses: Vec::new() }
        });
        for at in asked.into_iter().map(|minute| noon + minute * MINUTE) {
            let holds = own.is_active(at) || !other.is_active(at);
            prop_assert!(holds || !own.covers_week_of(&other), "{at}");
        }
    }
}
