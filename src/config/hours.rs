//! From the `windows` of a class and the `maintenance` of a watch to calendars, with every mistake at
//! its place.

use std::collections::BTreeSet;
use std::path::Path;

use chrono::{NaiveDate, NaiveDateTime, NaiveTime};
use chrono_tz::{TZ_VARIANTS, Tz};
use toml::Spanned;

use super::calendar::{Calendar, DAYS, Pause, When, Window};
use super::diagnostics::At;
use super::reading::{Reading, shown_name};
use super::suggest;
use super::tables;
use super::windows;

/// The calendar of a class, if it has one.
pub fn calendar(reading: &mut Reading<'_>, class: &tables::Class) -> Option<Calendar> {
    let holidays = class.holidays_file.as_ref().map(|file| holidays(reading, file)).unwrap_or_default();
    if class.windows.is_empty() {
        let zone = class.time_zone.as_ref().map(|zone| ("time_zone", zone.span()));
        let file = class.holidays_file.as_ref().map(|file| ("holidays_file", file.span()));
        for (key, place) in zone.into_iter().chain(file) {
            let message = format!("`{key}` changes nothing without `windows`: logs are expected always");
            reading.findings.warning(At::Place(place), message);
        }
    }
    let weekly = weekly(reading, &class.windows, class.time_zone.as_ref())?;
    Some(Calendar { holidays, ..weekly })
}

/// The calendar of some windows, if there are any.
pub fn weekly(
    reading: &mut Reading<'_>,
    windows: &[tables::Window],
    time_zone: Option<&Spanned<String>>,
) -> Option<Calendar> {
    let zone = time_zone.and_then(|name| zone(reading, name));
    if let Some(window) = windows.first().filter(|_| time_zone.is_none()) {
        let help = "add `time_zone`, such as \"Europe/Rome\"";
        reading.findings.error(At::Place(window.from.span()), "windows of no time zone").help(help);
    }
    let mut known = Vec::new();
    for table in windows {
        let Some(window) = self::window(reading, table) else { continue };
        overlap(reading, table, &window, &known);
        known.push(window);
    }
    let windows = known;
    let (holidays, pauses) = (BTreeSet::new(), Vec::new());
    (!windows.is_empty()).then_some(Calendar { zone: zone?, windows, holidays, pauses })
}

/// Together they are one window: hardly what was meant.
fn overlap(reading: &mut Reading<'_>, table: &tables::Window, window: &Window, earlier: &[Window]) {
    let Some(other) = earlier.iter().find(|other| other.overlaps(window)) else { return };
    let said = windows::sentence(&[*other]);
    let message = match other == window {
        true => format!("the window {said} stands here twice"),
        false => format!("this window overlaps another one of the list, {said}"),
    };
    reading.findings.warning(At::Place(table.from.span()), message);
}

/// One maintenance window: once, or again and again, on each of its days.
pub fn pauses(reading: &mut Reading<'_>, table: &tables::Maintenance) -> Vec<Pause> {
    let zone = zone(reading, &table.time_zone);
    let date_time = |text: &str| NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M").ok();
    let whens = match (date_time(table.from.get_ref()), date_time(table.to.get_ref())) {
        (Some(from), Some(to)) => Vec::from_iter(once(reading, table, (from, to))),
        _ => repeated(reading, table),
    };
    let pause = |when| Some(Pause { zone: zone?, when });
    whens.into_iter().filter_map(pause).collect()
}

fn once(
    reading: &mut Reading<'_>,
    table: &tables::Maintenance,
    (from, to): (NaiveDateTime, NaiveDateTime),
) -> Option<When> {
    if from >= to {
        reading.findings.error(At::Place(table.to.span()), "it ends before it begins");
        return None;
    }
    if let Some(first) = table.days.first() {
        let message = "`days` means nothing where `from` and `to` name the days";
        let help = "leave it out, or write times of the day, such as `22:00`, to begin on each of these days";
        reading.findings.error(At::Place(first.span()), message).help(help);
    }
    Some(When::Once(from, to))
}

fn repeated(reading: &mut Reading<'_>, table: &tables::Maintenance) -> Vec<When> {
    let mut on = Vec::new();
    for name in &table.days {
        match numbered_days(name.get_ref()) {
            Some(days) => on.push(days),
            None => {
                let message = format!("`{}` is no day", shown_name(name.get_ref()));
                let help = "write `sun`, `mon-fri`, `2nd tue` or `last fri`";
                reading.findings.error(At::Place(name.span()), message).help(help);
            }
        }
    }
    if table.days.is_empty() {
        on.push(([true; 7], None));
    }
    let (from, to) = (clock(reading, &table.from), clock(reading, &table.to));
    let Some((from, to)) = from.zip(to) else { return Vec::new() };
    on.into_iter().map(|(days, nth)| When::Days(Window { days, from, to }, nth)).collect()
}

/// `sun`, `mon-fri`, or with a number in the month: `2nd tue`.
fn numbered_days(text: &str) -> Option<([bool; 7], Option<u8>)> {
    let (number, range) = match text.split_once(' ') {
        Some((which, range)) => {
            let number = windows::NTH.iter().position(|known| which.eq_ignore_ascii_case(known))?;
            (Some(u8::try_from(number).ok()?), range)
        }
        None => (None, text),
    };
    let mut days = [false; 7];
    day_range(range)?.for_each(|day| days[day % 7] = true);
    Some((days, number))
}

fn zone(reading: &mut Reading<'_>, name: &Spanned<String>) -> Option<Tz> {
    let zone = name.get_ref().parse();
    if zone.is_err() {
        let near = suggest::nearest(name.get_ref(), TZ_VARIANTS.iter().map(|zone| zone.name()));
        reading
            .findings
            .error(At::Place(name.span()), format!("unknown time zone `{}`", shown_name(name.get_ref())))
            .maybe_help(near.map(|near| format!("did you mean `{near}`?")));
    }
    zone.ok()
}

fn window(reading: &mut Reading<'_>, window: &tables::Window) -> Option<Window> {
    let mut days = [window.days.is_empty(); 7];
    for name in &window.days {
        match day_range(name.get_ref()) {
            Some(range) => range.for_each(|day| days[day % 7] = true),
            None => {
                let message = format!("`{}` is no day of the week", shown_name(name.get_ref()));
                let help = "write \"mon\", or \"mon-fri\" for several";
                reading.findings.error(At::Place(name.span()), message).help(help);
            }
        }
    }
    let (from, to) = (clock(reading, &window.from), clock(reading, &window.to));
    Some(Window { days, from: from?, to: to? })
}

/// `mon`, `mon-fri`, `sat-mon`, as numbers from Monday, which may go beyond Sunday.
fn day_range(text: &str) -> Option<std::ops::RangeInclusive<usize>> {
    let day = |name: &str| DAYS.iter().position(|known| name.trim().eq_ignore_ascii_case(known));
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let (first, last) = (day(first)?, day(last)?);
    Some(first..=if last < first { last + 7 } else { last })
}

/// `08:00`; `24:00` is the midnight at the end of a day.
fn clock(reading: &mut Reading<'_>, text: &Spanned<String>) -> Option<NaiveTime> {
    let time = match text.get_ref().as_str() {
        "24:00" => Some(NaiveTime::MIN),
        text => NaiveTime::parse_from_str(text, "%H:%M").ok(),
    };
    if time.is_none() {
        let message = format!("`{}` is no time of the day", shown_name(text.get_ref()));
        reading
            .findings
            .error(At::Place(text.span()), message)
            .help("write `08:00`; maintenance may be once: `2026-03-01 22:00`");
    }
    time
}

/// The good lines; bad ones are named.
fn holidays(reading: &mut Reading<'_>, file: &Spanned<impl AsRef<Path>>) -> BTreeSet<NaiveDate> {
    let path = file.get_ref().as_ref();
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) => {
            let message = format!("cannot read the holidays file {}: {error}", path.display());
            reading.findings.error(At::Place(file.span()), message);
            return BTreeSet::new();
        }
    };
    let mut days = BTreeSet::new();
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    for (number, line) in text.lines().enumerate() {
        let day = line.split('#').next().unwrap_or_default().trim();
        match day.parse() {
            Ok(day) => drop(days.insert(day)),
            Err(_) if day.is_empty() => {}
            Err(_) => {
                let at = At::Line(path.display().to_string(), Some(number + 1));
                reading.findings.warning(at, "line left out: not a day as YYYY-MM-DD");
            }
        }
    }
    days
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_of_the_week_and_of_the_month_are_read() {
        let days = |text| numbered_days(text).map(|(days, nth)| (days.map(u8::from), nth));
        assert_eq!(days("Tue"), Some(([0, 1, 0, 0, 0, 0, 0], None)));
        assert_eq!(days("sat-mon"), Some(([1, 0, 0, 0, 0, 1, 1], None)));
        assert_eq!(days("2nd tue"), Some(([0, 1, 0, 0, 0, 0, 0], Some(2))));
        assert_eq!(days("last fri"), Some(([0, 0, 0, 0, 1, 0, 0], Some(0))));
        for odd in ["", "tues", "6th tue", "2nd", "mon-", "1st mon tue"] {
            assert_eq!(days(odd), None, "{odd}");
        }
    }
}
