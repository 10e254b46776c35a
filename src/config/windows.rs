//! Hours of the week, as the configuration writes them.

use chrono::NaiveTime;

use super::calendar::{DAYS, Window};

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
