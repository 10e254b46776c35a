//! A month of the calendar, in UTC: of one length for every reader, whatever clocks are set there.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, Datelike, Months, NaiveDate, Utc};

use super::Span;

/// A month.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Month(NaiveDate);

impl Month {
    /// The last one that is over at `now`.
    #[must_use]
    pub fn last_whole(now: DateTime<Utc>) -> Self {
        let first = now.date_naive().with_day(1).unwrap_or_default();
        Self(first - Months::new(1))
    }

    /// From its first instant to the next month's.
    #[must_use]
    pub fn span(self) -> Span {
        let midnight = |day: NaiveDate| day.and_time(chrono::NaiveTime::MIN).and_utc().timestamp_millis();
        (midnight(self.0), midnight(self.0 + Months::new(1)))
    }

    /// As one says it: `November 2026`.
    #[must_use]
    pub fn name(self) -> String {
        self.0.format("%B %Y").to_string()
    }
}

impl FromStr for Month {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let date = NaiveDate::parse_from_str(&format!("{text}-01"), "%Y-%m-%d").ok();
        date.filter(|date| (1970..=9999).contains(&date.year())).map(Self).ok_or("write it as 2026-11")
    }
}

impl fmt::Display for Month {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.format("%Y-%m"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    #[test]
    fn a_month_is_whole_in_utc_whatever_clocks_were_set() {
        let days = |text: &str| {
            let (from, to) = text.parse::<Month>().unwrap().span();
            (to - from) as f64 / 86_400_000.0
        };
        // Clocks are set in March and October in Europe: neither month is an hour short or long.
        assert_eq!(["2026-02", "2028-02", "2026-03", "2026-10"].map(days), [28.0, 29.0, 31.0, 31.0]);
        let (from, to) = "2026-12".parse::<Month>().unwrap().span();
        assert_eq!(
            (from, to),
            (at("2026-12-01T00:00:00Z").timestamp_millis(), at("2027-01-01T00:00:00Z").timestamp_millis())
        );
    }

    #[test]
    fn the_last_whole_month_is_the_one_before() {
        let last = |text: &str| Month::last_whole(at(text)).to_string();
        assert_eq!(last("2026-01-01T00:00:00Z"), "2025-12");
        assert_eq!(last("2026-03-31T23:59:59Z"), "2026-02");
    }

    #[test]
    fn what_is_no_month_is_refused() {
        for text in ["2026", "2026-13", "2026-11-01", "november", "", "99999-01"] {
            assert!(text.parse::<Month>().is_err(), "{text}");
        }
    }
}
