//! From the `windows` of a class to its calendar, with every mistake at its place.

use std::collections::BTreeSet;
use std::path::Path;

use chrono::{NaiveDate, NaiveTime};
use chrono_tz::{TZ_VARIANTS, Tz};
use toml::Spanned;

use super::calendar::{Calendar, Window};
use super::diagnostics::At;
use super::reading::{Reading, shown_name};
use super::suggest;
use super::tables;

const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

/// The calendar of a class, if it has one.
pub fn calendar(reading: &mut Reading<'_>, class: &tables::Class) -> Option<Calendar> {
    let windows: Vec<Window> =
        class.windows.iter().filter_map(|window| self::window(reading, window)).collect();
    let zone = class.time_zone.as_ref().and_then(|name| zone(reading, name));
    let holidays = class.holidays_file.as_ref().map(|file| holidays(reading, file)).unwrap_or_default();
    if let Some(window) = class.windows.first().filter(|_| class.time_zone.is_none()) {
        let help = "add `time_zone`, such as \"Europe/Rome\"";
        reading.findings.error(At::Place(window.from.span()), "windows of no time zone").help(help);
    }
    (!windows.is_empty()).then_some(Calendar { zone: zone?, windows, holidays })
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
        reading.findings.error(At::Place(text.span()), message).help("write \"08:00\"");
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
