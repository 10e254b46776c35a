//! Single cases, told in words. All of them, minute by minute: `oracle`.

use super::*;

pub const MINUTE: i64 = 60_000;
const HOUR: i64 = 60 * MINUTE;

pub fn at(text: &str) -> i64 {
    DateTime::parse_from_rfc3339(text).unwrap().timestamp_millis()
}

pub fn time(hour: u32, minute: u32) -> NaiveTime {
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
    assert!(is_paused(&last, "2026-01-27T23:00:00+01:00") && !is_paused(&last, "2026-01-20T23:00:00+01:00"));
    assert!(is_paused(&paused(When::Days(night, None)), "2026-01-20T23:00:00+01:00"));
    let both = Calendar { pauses: [&second.pauses[..], &last.pauses].concat(), ..second };
    assert!(is_paused(&both, "2026-01-27T23:00:00+01:00") && is_paused(&both, "2026-01-13T23:00:00+01:00"));
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
        let (from, to) =
            (at(&format!("{date}T00:00:00{}", offsets[0])), at(&format!("{next}T00:00:00{}", offsets[1])));
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
