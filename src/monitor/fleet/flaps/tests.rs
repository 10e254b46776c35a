//! How long the end of a silence is doubted.

use super::*;

const MINUTE: i64 = 60_000;

#[test]
fn the_third_silence_is_over_only_after_a_threshold_of_logs_and_each_relapse_doubles_it() {
    let (mut flaps, threshold) = (Flaps::default(), 10 * MINUTE);
    for (round, held) in [(0, false), (20, false), (40, true)] {
        flaps.fell(7, round * MINUTE, threshold);
        let now = (round + 1) * MINUTE;
        assert_eq!(flaps.holds(7, now, now, threshold), held, "{round}");
    }
    let held = |flaps: &Flaps, last: i64| flaps.holds(7, last * MINUTE, 60 * MINUTE, threshold);
    flaps.seen(7, 42 * MINUTE, true, 42 * MINUTE, threshold);
    assert!(held(&flaps, 51) && !held(&flaps, 52));
    flaps.seen(7, 42 * MINUTE, false, 51 * MINUTE, threshold);
    flaps.seen(7, 55 * MINUTE, true, 56 * MINUTE, threshold);
    assert!(held(&flaps, 74) && !held(&flaps, 75));
}

#[test]
fn silences_that_are_long_ago_do_not_count() {
    let mut flaps = Flaps::default();
    (0..3).for_each(|ten| flaps.fell(1, ten * 10 * MINUTE, MINUTE));
    assert_eq!(flaps.count(1, 59 * MINUTE, MINUTE), 3);
    assert_eq!(flaps.count(1, 65 * MINUTE, MINUTE), 2);
    assert_eq!(hold(40, 16 * MINUTE), LONGEST_HOLD);
}
