//! When a message of a route may go out: at once while the route's budget lasts, else merged with what
//! comes meanwhile, of its group or, in a storm, of all.

use std::time::Duration;

use log_monitor_channels::EventKind;
use rusqlite::Connection;

use crate::config::Group;
use crate::journal::messages::{self, Merges, Sent};

/// When a message may go out, and with whom.
#[derive(Debug, PartialEq, Eq)]
pub struct Slot {
    /// In milliseconds.
    pub at: i64,
    /// Whether it waits because many came before it.
    pub merges: Merges,
    /// Its group; empty where it is of all.
    pub grouped: String,
}

/// The slot of a message of a route, topic and group, by what went out before it.
///
/// # Errors
/// As the database.
pub fn of(
    connection: &Connection,
    (route, topic, grouped): (&str, EventKind, &str),
    group: &Group,
    now: i64,
) -> rusqlite::Result<Slot> {
    let since = now - millis(group.interval);
    let of_group = messages::newest(connection, (route, topic, Some(grouped)), since, group.burst)?;
    let of_route = match group.by.is_empty() {
        true => Vec::new(),
        false => messages::newest(connection, (route, topic, None), since, group.storm)?,
    };
    let storm: Vec<Sent> =
        of_route.into_iter().map(|sent| Sent { held: sent.held && sent.whole, ..sent }).collect();
    let soonest = now + millis(group.wait);
    let of_all = over(&storm, group.storm, group.interval, now);
    let grouped = if of_all.is_some() { String::new() } else { grouped.to_owned() };
    Ok(match of_all.or_else(|| over(&of_group, group.burst, group.interval, now)) {
        Some((at, merges)) => Slot { at: at.max(soonest), merges, grouped },
        None => Slot { at: soonest, merges: Merges::No, grouped },
    })
}

/// `None` while `most` are not reached. Then the message waits and takes in what comes meanwhile; and as
/// long as it goes on like that, there is one message an interval. Pure; `newest` holds what was sent
/// within the interval, newest first.
fn over(newest: &[Sent], most: u32, interval: Duration, now: i64) -> Option<(i64, Merges)> {
    let interval = millis(interval);
    let full = newest.get(most as usize - 1).map(|oldest| oldest.at + interval);
    let storm = newest.first().filter(|last| last.held).map(|last| last.at + interval);
    // What seems to be from later than an interval was sent before our clock was set back.
    let at = [full, storm].into_iter().flatten().max()?.clamp(now, now + interval);
    Some((at, if storm.is_some() { Merges::GoesOn } else { Merges::Begins }))
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX / 4)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    fn at(at: i64, held: bool) -> Sent {
        Sent { at, held, whole: true }
    }

    #[test]
    fn a_budget_is_spent_at_once_and_then_there_is_one_message_an_interval() {
        let over = |newest: &[Sent]| over(newest, 2, MINUTE, 100_000);
        assert_eq!(over(&[]), None);
        assert_eq!(over(&[at(90_000, false)]), None);
        assert_eq!(over(&[at(95_000, false), at(90_000, false)]), Some((150_000, Merges::Begins)));
        assert_eq!(over(&[at(95_000, true)]), Some((155_000, Merges::GoesOn)), "a storm that goes on");
    }

    #[test]
    fn a_clock_that_was_set_back_holds_nothing_longer_than_an_interval() {
        let tomorrow = [at(86_400_000, false), at(86_400_000, false)];
        assert_eq!(over(&tomorrow, 2, MINUTE, 100_000), Some((160_000, Merges::Begins)));
    }
}
