//! Quantiles of gaps, outages among them, and intervals as people write them. Pure. Gaps are in
//! milliseconds, the shortest first.

use std::time::Duration;

const MINUTE: u64 = 60;
const HOUR: u64 = 3600;

/// Intervals that are easy to read, in seconds.
const SENSIBLE: [u64; 10] = [
    5 * MINUTE,
    10 * MINUTE,
    15 * MINUTE,
    30 * MINUTE,
    HOUR,
    2 * HOUR,
    4 * HOUR,
    8 * HOUR,
    12 * HOUR,
    24 * HOUR,
];

/// A gap that is shorter than this, in milliseconds, is taken for no outage …
const OUTAGE: i64 = 3_600_000;

/// … nor is one that is not so many times as long as 99 % of the gaps.
const FAR_OUT: i64 = 4;

/// The sensible interval that is as long as `gap` or the next longer one; `None` above a day.
#[must_use]
pub fn sensible(gap: i64) -> Option<Duration> {
    let seconds = u64::try_from(gap).unwrap_or_default().div_ceil(1000);
    SENSIBLE.into_iter().find(|interval| *interval >= seconds).map(Duration::from_secs)
}

/// The gap that a part of `share` (0 to 1) of all gaps does not exceed. `short` gaps are at most as long
/// as `shortest`.
#[must_use]
pub fn quantile(long: &[i64], short: usize, shortest: i64, share: f64) -> i64 {
    let all = long.len() + short;
    let rank = (share * all as f64).ceil() as usize;
    match rank.min(all).checked_sub(short + 1) {
        Some(place) => long[place],
        None => shortest,
    }
}

/// How many gaps at the end of `long` are outages: so long, and so rare, that they are no habit. At
/// most `often` of at least half the length may be left; of equals, the longest goes first.
#[must_use]
pub fn outages(long: &[i64], short: usize, shortest: i64, often: usize) -> usize {
    let usual = quantile(long, short, shortest, 0.99);
    let mut left = long.len();
    while let Some(longest) = long[..left].last() {
        let alike = left - long[..left].partition_point(|gap| *gap < longest / 2);
        if *longest < OUTAGE || *longest <= usual.saturating_mul(FAR_OUT) || alike > often {
            break;
        }
        left -= 1;
    }
    long.len() - left
}

#[cfg(test)]
mod tests {
    use super::*;

    const M: i64 = 60_000;

    #[test]
    fn intervals_are_rounded_up_to_what_people_write() {
        let rounded = |gap: i64| sensible(gap).map(|interval| interval.as_secs() / 60);
        assert_eq!([0, 5 * M, 5 * M + 1, 61 * M, 1440 * M].map(rounded), [5, 5, 10, 120, 1440].map(Some));
        assert_eq!(rounded(1440 * M + 1), None);
    }

    #[test]
    fn quantiles_count_the_short_gaps_that_nobody_wrote_down() {
        let long = [10, 20, 30, 40];
        assert_eq!(quantile(&long, 0, 2, 0.5), 20);
        assert_eq!(quantile(&long, 996, 2, 0.99), 2);
        assert_eq!(quantile(&long, 996, 2, 0.998), 20);
        assert_eq!(quantile(&long, 996, 2, 1.0), 40);
        assert_eq!(quantile(&[], 0, 2, 0.99), 2);
    }

    #[test]
    fn an_outage_is_long_and_rare_and_a_night_is_neither_outage_nor_rare() {
        let with = |long: &[i64]| {
            let mut gaps = vec![5 * M; 2000];
            gaps.extend(long.iter().map(|minutes| minutes * M));
            outages(&gaps, 0, 2 * M, 1)
        };
        assert_eq!(with(&[]), 0);
        assert_eq!(with(&[540]), 1, "one of nine hours");
        assert_eq!(with(&[540, 1800]), 2, "each of its own length");
        assert_eq!(with(&[600; 10]), 0, "ten nights");
        assert_eq!(with(&[600, 600, 600, 3480, 3480]), 0, "nights and weekends");
        assert_eq!(with(&[600, 600, 600, 5000]), 1, "nights, and one of three days");
        assert_eq!(with(&[40]), 0, "not long enough to be sure");
    }
}
