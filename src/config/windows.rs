//! Hours of the week, as the configuration writes them.

use chrono::NaiveTime;

use super::calendar::{DAYS, Pause, When, Window};

/// The days of a window as the configuration writes them: `mon-fri`, `sun`. Every day: all of them.
#[must_use]
pub fn days(window: &Window) -> Vec<String> {
    let mut ranges = Vec::new();
    let mut from = 0;
    while from < DAYS.len() {
        let length = window.days[from..].iter().take_while(|day| **day).count();
        match length {
            0 => {}
            1 => ranges.push(DAYS[from].to_owned()),
            _ => ranges.push(format!("{}-{}", DAYS[from], DAYS[from + length - 1])),
        }
        from += length.max(1);
    }
    ranges
}

/// When it begins and ends, as the configuration writes it.
#[must_use]
pub fn clock(window: &Window) -> (String, String) {
    let to = match window.to {
        NaiveTime::MIN => "24:00".to_owned(),
        to => to.format("%H:%M").to_string(),
    };
    (window.from.format("%H:%M").to_string(), to)
}

/// `mon-fri 08:00-18:00`, and more of them.
#[must_use]
pub fn sentence(windows: &[Window]) -> String {
    let one = |window: &Window| {
        let (from, to) = clock(window);
        format!("{} {from}-{to}", days(window).join(" "))
    };
    windows.iter().map(one).collect::<Vec<_>>().join(", ")
}

/// The numbers of days in a month, by which [`When::Days`] counts them.
pub const NTH: [&str; 6] = ["last", "1st", "2nd", "3rd", "4th", "5th"];

/// `2nd tue 02:00-04:00, sun 00:00-06:00 Europe/Rome`, or `2026-03-01 22:00 to 2026-03-02 04:00 Europe/Rome`: the
/// pauses of one maintenance, which have one zone.
#[must_use]
pub fn maintenance(pauses: &[Pause]) -> String {
    let one = |pause: &Pause| match pause.when {
        When::Once(from, to) => {
            format!("{} to {}", from.format("%Y-%m-%d %H:%M"), to.format("%Y-%m-%d %H:%M"))
        }
        When::Days(window, None) => sentence(&[window]),
        When::Days(window, Some(nth)) => format!("{} {}", NTH[usize::from(nth)], sentence(&[window])),
    };
    let whens: Vec<String> = pauses.iter().map(one).collect();
    let zone = pauses.first().map_or_else(String::new, |pause| format!(" {}", pause.zone));
    format!("{}{zone}", whens.join(", "))
}
