//! When nobody is reminded of silent agents, since no logs are expected of them: outside of their hours.
//! Pure; times in milliseconds.

use super::fleet::threshold;
use super::window::{Why, Window};
use crate::config::Policy;
use crate::config::calendar::Calendar;

/// As its hours begin an agent has its threshold, but no longer than this, before it is reminded of.
const LONGEST: i64 = 30 * 60_000;

/// The closed time around `now`, with what follows it.
#[must_use]
pub fn closed(policy: &Policy, now: i64) -> Option<Window> {
    let calendar = policy.calendar.as_ref().filter(|calendar| !calendar.windows.is_empty())?;
    let hours = Calendar { pauses: Vec::new(), ..Calendar::clone(calendar) };
    let anew = threshold(policy).min(LONGEST);
    let from = match hours.is_active(now) {
        false => hours.before(now, 0),
        // Since the hours began there was not as much time.
        true => {
            let lately = hours.spans(now - anew, now + 1);
            lately
                .first()
                .filter(|(begin, _)| *begin > now - anew)
                .map(|(begin, _)| hours.before(*begin, 0))?
        }
    };
    let opens = hours.after(from, 0);
    Some(Window { from, until: opens + anew, why: Why::Hours(opens) })
}

#[cfg(test)]
mod tests {
    use chrono::NaiveTime;
    use chrono_tz::Tz;

    use super::*;
    use crate::config::calendar;
    use crate::dispatch::fixtures::start;
    use crate::monitor::fixtures::watch;

    const MINUTE: i64 = 60_000;

    #[test]
    fn nobody_is_reminded_at_night_nor_as_the_office_opens() {
        let clock = |hour| NaiveTime::from_hms_opt(hour, 0, 0).unwrap();
        let windows = vec![calendar::Window { days: [true; 7], from: clock(8), to: clock(18) }];
        let (holidays, pauses) = (std::collections::BTreeSet::new(), Vec::new());
        let calendar = Calendar { zone: Tz::UTC, windows, holidays, pauses };
        let watch = watch(&["001"]);
        let policy = Policy { calendar: Some(calendar.into()), ..watch.policy(&watch.agents[0]) };
        let at = |minutes: i64| start().timestamp_millis() + minutes * MINUTE;
        let around = |minutes| closed(&policy, at(minutes)).map(|window| (window.from, window.until));
        // The threshold is 16 minutes.
        let night = Some((at(18 * 60), at(32 * 60 + 16)));
        assert_eq!(around(18 * 60 - 1), None);
        for minutes in [18 * 60, 24 * 60, 32 * 60 - 1, 32 * 60, 32 * 60 + 15] {
            assert_eq!(around(minutes), night, "{minutes}");
        }
        assert_eq!(around(32 * 60 + 16), None);
        assert_eq!(closed(&watch.policy(&watch.agents[0]), at(0)), None, "always");
    }
}
