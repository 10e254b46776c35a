//! What the manager says of an agent, and in which words.

use super::*;
use crate::monitor::words::way::{IN_FILE, INDEXED};

const NOW: i64 = 1_767_226_200_000;

fn connection(link: Link, keepalive: i64) -> Connection {
    let (key, lost_at) = ("001".into(), Some(NOW - 60_000));
    Connection { key, link, last_keepalive: Some(NOW - keepalive), lost_at, node: None }
}

#[test]
fn the_keepalive_says_more_than_the_status() {
    let cause = |link, keepalive| Cause::of(Some(&connection(link, keepalive)), NOW);
    assert_eq!(cause(Link::Connected, 12_000).name(), Some("connected_but_silent"));
    let stale = cause(Link::Connected, 4 * 60_000);
    assert_eq!(stale, Cause::Lost(Some(NOW - 240_000)), "the manager has not noticed yet");
    assert!(stale.sentence(&INDEXED, NOW).unwrap().contains("last keepalive is 4 min old"));
    assert_eq!(cause(Link::Stopped, 12_000), Cause::Stopped(Some(NOW - 60_000)));
    let plain = cause(Link::Disconnected, 240_000).sentence(&INDEXED, NOW).unwrap();
    assert!(
        plain.starts_with("Its Wazuh agent is disconnected; its last keepalive is 4 min old ("),
        "{plain}"
    );
    assert_eq!(cause(Link::NotEnrolled, 0).name(), Some("not_enrolled"));
    assert_eq!(Cause::of(None, NOW), Cause::CannotTell, "absence is no answer");
    assert_eq!(Cause::default().sentence(&INDEXED, NOW), None);
}

#[test]
fn a_pending_agent_that_ever_sent_a_sign_was_connected() {
    let cause = |keepalive| Cause::of(Some(&connection(Link::Pending, keepalive)), NOW);
    assert_eq!(cause(12_000), Cause::ConnectedButSilent(Some(NOW - 12_000), Received::Unknown));
    assert_eq!(cause(240_000), Cause::Disconnected(Some(NOW - 240_000)), "it has said no more since");
    let never = Connection { last_keepalive: None, ..connection(Link::Pending, 0) };
    assert_eq!(Cause::of(Some(&never), NOW), Cause::NeverConnected);
}

#[test]
fn of_several_servers_the_one_that_knows_the_agent_is_believed() {
    let mut cause = Cause::default();
    for (told, known) in [
        (Cause::CannotTell, Cause::CannotTell),
        (Cause::NotEnrolled, Cause::NotEnrolled),
        (Cause::CannotTell, Cause::NotEnrolled),
        (Cause::NeverConnected, Cause::NeverConnected),
        (Cause::NotEnrolled, Cause::NeverConnected),
    ] {
        cause.learn(told);
        assert_eq!(cause, known);
    }
}

#[test]
fn counters_tell_which_link_broke_and_nothing_once_they_were_set_back() {
    let counted = |received, logs| Counted { received, logs };
    let between = |before, after| Received::between(before, after, 300_000);
    assert_eq!(between(counted(500, Some(20)), counted(500, Some(20))), Received::Nothing(300_000));
    assert_eq!(between(counted(500, Some(20)), counted(540, Some(20))), Received::NoLogs(40, 300_000));
    assert_eq!(between(counted(500, None), counted(540, None)), Received::Events(40, 300_000));
    assert_eq!(between(counted(500, Some(20)), counted(40, Some(1))), Received::Unknown);
    let said =
        Cause::ConnectedButSilent(Some(NOW), Received::Events(40, 300_000)).sentence(&INDEXED, NOW).unwrap();
    assert!(said.contains("received 40 events of the last 5 min, but the indexer has none"), "{said}");
    let read = Cause::ConnectedButSilent(Some(NOW), Received::Events(40, 300_000)).sentence(&IN_FILE, NOW);
    assert!(read.unwrap().contains("but its file has none of them"));
}
