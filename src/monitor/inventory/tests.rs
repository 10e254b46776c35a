//! Lists of agents, one after the other.

use std::time::Duration;

use super::*;
use crate::config::matcher::Matcher;
use crate::monitor::words;

const HOUR: i64 = 3_600_000;

fn rules() -> Discover {
    Discover {
        source: "api".to_owned(),
        include: Vec::new(),
        exclude: vec![Matcher::new([("group", vec!["lab"])])],
        every: Duration::from_secs(600),
        probation: Duration::from_secs(3600),
        forget_after: Duration::from_secs(86_400),
    }
}

fn listed(key: &str, name: &str) -> Listed {
    Listed { key: key.into(), name: name.into(), ..Listed::default() }
}

/// Nobody is seen logging.
fn call(known: &[Agent], list: &[Listed], memory: &mut Memory, now: i64) -> Changes {
    call_seeing(&|_| Some(None), known, list, memory, now)
}

/// Who was seen, and when.
type Seen<'a> = &'a (dyn Fn(&str) -> Option<Option<i64>> + Sync);

/// A whole list, of which all is known until now.
fn roll<'a>(rules: &'a Discover, last_seen: Seen<'a>, list: &[Listed], now: i64) -> Roll<'a> {
    Roll {
        rules,
        in_file: &[],
        listed: list.to_vec(),
        whole: true,
        now,
        known_until: now,
        last_seen,
        namesakes: Namesakes::default(),
    }
}

fn call_seeing(
    last_seen: Seen<'_>,
    known: &[Agent],
    list: &[Listed],
    memory: &mut Memory,
    now: i64,
) -> Changes {
    roll(&rules(), last_seen, list, now).call(known, memory)
}

fn ids(agents: &[Agent]) -> Vec<&str> {
    agents.iter().map(|agent| agent.id.as_str()).collect()
}

#[test]
fn the_first_list_is_watched_at_once_without_the_manager_and_what_is_excluded() {
    let lab = Listed { groups: vec!["default".into(), "lab".into()], ..listed("003", "x") };
    let list = [listed("000", "manager"), listed("001", "web-01"), listed("002", "db-01"), lab];
    let changes = call(&[], &list, &mut Memory::default(), 0);
    assert_eq!(ids(&changes.agents), ["001", "002"]);
    assert!(changes.appeared.iter().all(|agent| agent.listed.as_ref().unwrap().watched_from.is_none()));
    assert!(changes.appeared.iter().all(|agent| agent.known_since() == Some(0)), "a report counts from then");
}

#[test]
fn whoever_appears_later_has_a_probation_that_later_lists_keep() {
    let mut memory = Memory::default();
    let known = call(&[], &[listed("001", "a")], &mut memory, 0).agents;
    let list = [listed("001", "a"), listed("002", "b")];
    let found = call(&known, &list, &mut memory, HOUR);
    assert_eq!((ids(&found.appeared), found.twins.len()), (vec!["002"], 0));
    let again = call(&found.agents, &list, &mut memory, HOUR + 600_000);
    assert_eq!(again.agents[1].listed.as_ref().unwrap().watched_from, Some(2 * HOUR));
    assert_eq!(again.appeared, []);
}

/// Whoever was told to have the name of another one, and that one.
fn told_twins(changes: &Changes) -> Vec<(&str, &str)> {
    changes.twins.iter().map(|(agent, other)| (agent.id.as_str(), other.as_str())).collect()
}

#[test]
fn a_name_that_two_have_is_told_once_and_only_when_the_first_of_them_has_logged_since() {
    let alone = [listed("001", "a")];
    let twin = [listed("001", "a"), listed("003", "a")];
    // At which minutes a list is read, and until when 001 logs.
    let told = |last: i64, lists: &[(&[Listed], i64)]| {
        let mut memory = Memory::default();
        let mut known = call(&[], &alone, &mut memory, 0).agents;
        let mut told = Vec::new();
        for (list, minute) in lists {
            let last = last.min(*minute) * 60_000;
            let seen = move |id: &str| Some((id == "001").then_some(last));
            let found = call_seeing(&seen, &known, list, &mut memory, minute * 60_000);
            told.extend(
                told_twins(&found).into_iter().map(|(new, other)| format!("{minute}: {new} as {other}")),
            );
            known = found.agents;
        }
        told
    };
    assert_eq!(told(65, &[(&twin, 60), (&twin, 70), (&twin, 80)]), ["70: 003 as 001"]);
    assert_eq!(told(61, &[(&twin, 60), (&twin, 70), (&twin, 80)]), [""; 0], "it was enrolled anew");
}

#[test]
fn a_probation_outlasts_a_list_that_lacks_the_newcomer_and_it_is_known_when_it_ended() {
    let (list, lacks) = ([listed("001", "a"), listed("002", "b")], [listed("001", "a")]);
    let anew = [listed("001", "a"), listed("009", "b")];
    let from = |known: &[Agent]| known[1].listed.as_ref().unwrap().watched_from;
    let (mut memory, mut known) = (Memory::default(), Vec::new());
    // The second gap is shortly before its end.
    let minutes: [(&[Listed], i64); 6] =
        [(&lacks, 0), (&list, 60), (&lacks, 70), (&list, 75), (&lacks, 112), (&list, 115)];
    for (list, minute) in minutes {
        known = call(&known, list, &mut memory, minute * 60_000).agents;
    }
    assert_eq!(from(&known), Some(2 * HOUR));
    let later = call(&known, &list, &mut memory, 50 * HOUR).agents;
    assert_eq!(from(&later), Some(2 * HOUR), "a report of the month counts from then");
    assert_eq!(later[0].known_since(), Some(0), "and who was on the first list from that one");
    let later = call(&later, &anew, &mut memory, 51 * HOUR);
    assert_eq!((later.renamed.len(), from(&later.agents)), (1, Some(2 * HOUR)), "and it goes on");
}

#[test]
fn whoever_is_missing_twice_is_gone_and_whoever_comes_back_under_another_id_goes_on() {
    let mut memory = Memory::default();
    let known = call(&[], &[listed("001", "a"), listed("002", "b")], &mut memory, 0).agents;
    let once = call(&known, &[listed("001", "a")], &mut memory, 1);
    assert_eq!((ids(&once.agents), once.gone.len()), (vec!["001", "002"], 0), "it may be on its way");
    let soon = call(&once.agents, &[listed("001", "a")], &mut memory, 2);
    assert_eq!((ids(&soon.agents), soon.gone.len()), (vec!["001", "002"], 0), "the list was only read again");
    let twice = call(&once.agents, &[listed("001", "a")], &mut memory, HOUR);
    assert_eq!((ids(&twice.agents), ids(&twice.gone)), (vec!["001"], vec!["002"]));
    let anew = call(&once.agents, &[listed("001", "a"), listed("009", "b")], &mut memory, HOUR);
    assert_eq!((ids(&anew.agents), anew.gone.len(), anew.appeared.len()), (vec!["001", "009"], 0, 0));
    assert_eq!((anew.renamed[0].0.as_str(), anew.renamed[0].1.id.as_str()), ("002", "009"));
}

#[test]
fn whoever_is_back_on_the_list_has_no_more_time_than_before() {
    let (list, mut memory) = ([listed("001", "a"), listed("002", "b")], Memory::default());
    let known = call(&[], &list, &mut memory, 0).agents;
    let from = |changes: &Changes| changes.agents[1].listed.as_ref().unwrap().spared_until;
    let once = call(&known, &list[..1], &mut memory, HOUR);
    assert!(from(&once) > Some(HOUR), "it may be removed");
    assert_eq!(from(&call(&once.agents, &list, &mut memory, HOUR + 1)), None);
}

fn many(count: usize) -> Vec<Listed> {
    (1..=count).map(|n| listed(&format!("{n:04}"), &format!("h{n}"))).collect()
}

#[test]
fn a_loss_of_rights_is_not_the_removal_of_many_agents() {
    // A fifth of a small fleet, or many of a large one.
    for (known, left) in [(20, 10), (3000, 2600)] {
        let (list, mut memory) = (many(known), Memory::default());
        let known = call(&[], &list, &mut memory, 0).agents;
        let mut later = |hours: i64| call(&known, &list[..left], &mut memory, hours * HOUR);
        let missing = list.len() - left;
        for hours in [1, 2, 20] {
            let found = later(hours);
            assert_eq!((found.doubt, found.gone.len()), (Some(Doubt { missing, of: list.len(), log: 0 }), 0));
            assert_eq!(found.agents, known);
        }
        assert_eq!((later(25).doubt, later(25).gone.len()), (None, missing), "it has stayed so for a day");
    }
}

#[test]
fn a_list_that_lacks_somebody_who_logs_removes_nobody() {
    let (list, mut memory) = (many(30), Memory::default());
    let known = call(&[], &list, &mut memory, 0).agents;
    // 0001 logs at all times; 0002 has stopped.
    let mut later = |at: i64| {
        let seen = move |id: &str| Some(Some(if id == "0001" { at } else { -HOUR }));
        call_seeing(&seen, &known, &list[2..], &mut memory, at)
    };
    assert_eq!(later(HOUR).doubt, None, "two may be removed");
    let found = later(2 * HOUR);
    assert_eq!((found.doubt, found.gone.len()), (Some(Doubt { missing: 2, of: 30, log: 1 }), 0));
    let found = later(27 * HOUR);
    assert_eq!((found.doubt, ids(&found.gone)), (None, vec!["0002"]), "who logs is never removed");
    assert_eq!(found.agents[0].id, "0001");
}

#[test]
fn one_that_has_logged_off_the_list_for_days_takes_the_doubt_from_no_loss_of_rights() {
    let (list, mut memory) = (many(401), Memory::default());
    let known = call(&[], &list, &mut memory, 0).agents;
    let mut at = |left: &[Listed], hours: i64| {
        let seen = |id: &str| Some(Some(if id == "0001" { hours * HOUR } else { 0 }));
        call_seeing(&seen, &known, left, &mut memory, hours * HOUR)
    };
    let doubts = [1, 2, 24, 26, 72].map(|hours| at(&list[1..], hours).doubt.is_some());
    assert_eq!(doubts, [false, true, true, false, false], "it has been so for a day");
    for hours in [73, 74, 90] {
        let found = at(&[], hours);
        assert_eq!((found.doubt, found.gone.len()), (Some(Doubt { missing: 400, of: 400, log: 0 }), 0));
    }
}

#[test]
fn whoever_goes_missing_during_a_doubt_has_a_day_too() {
    let (list, mut memory) = (many(20), Memory::default());
    let known = call(&[], &list, &mut memory, 0).agents;
    let mut at = |left: &[Listed], hours: i64| call(&known, left, &mut memory, hours * HOUR);
    assert!(at(&list[5..], 1).doubt.is_some());
    assert_eq!(at(&[], 24).doubt, Some(Doubt { missing: 20, of: 20, log: 0 }));
    let found = at(&[], 25);
    assert_eq!((found.doubt, found.gone.len()), (Some(Doubt { missing: 15, of: 15, log: 0 }), 5));
    assert_eq!(at(&[], 48).gone.len(), 20);
}

#[test]
fn a_doubt_keeps_no_newcomer_out() {
    let (list, mut memory) = (many(20), Memory::default());
    let known = call(&[], &list, &mut memory, 0).agents;
    let found = call(&known, &[&list[..10], &[listed("9999", "new")]].concat(), &mut memory, HOUR);
    assert!(found.doubt.is_some());
    assert_eq!((ids(&found.appeared), found.agents.len()), (vec!["9999"], 21));
}

#[test]
fn whom_the_rules_do_not_want_any_more_is_let_go_at_once_and_missed_by_nobody() {
    let (list, mut memory) = (many(20), Memory::default());
    let known = call(&[], &list, &mut memory, 0).agents;
    // By a rule that is new, or because they are in an excluded group now.
    let rules = Discover { exclude: vec![Matcher::new([("name", vec!["h1?"])])], ..rules() };
    let found = roll(&rules, &|_| Some(Some(1)), &list, 1).call(&known, &mut memory);
    assert_eq!((found.agents.len(), found.gone.len(), found.doubt), (10, 0, None));
    let grouped = |listed: &Listed| Listed { groups: vec!["lab".into()], ..listed.clone() };
    let moved: Vec<Listed> = list.iter().map(grouped).collect();
    let found = call(&known, &moved, &mut memory, 2);
    assert_eq!((found.agents.len(), found.gone.len(), found.doubt), (0, 0, None));
}

#[test]
fn an_old_id_that_leaves_later_hands_its_history_to_the_one_that_logs_under_its_name() {
    let mut memory = Memory::default();
    let known = call(&[], &[listed("003", "b")], &mut memory, 0).agents;
    let both = [listed("003", "b"), listed("009", "b")];
    let found = call(&known, &both, &mut memory, 1);
    assert_eq!((found.twins.len(), found.renamed.len()), (0, 0), "which of them goes on is not known yet");
    let known = found.agents;
    let left = |newer: &'static str| {
        let seen = move |id: &str| Some(Some(i64::from(id == newer)));
        let mut memory = Memory::default();
        call_seeing(&seen, &known, &both[1..], &mut memory, 2);
        call_seeing(&seen, &known, &both[1..], &mut memory, HOUR)
    };
    let anew = left("009");
    assert_eq!((anew.renamed[0].0.as_str(), anew.renamed[0].1.id.as_str()), ("003", "009"));
    assert_eq!((ids(&anew.agents), anew.gone.len(), anew.twins.len()), (vec!["009"], 0, 0));
    let other = left("003");
    assert_eq!((ids(&other.gone), other.renamed.len()), (vec!["003"], 0), "009 has not taken its place");
}

#[test]
fn names_that_two_have_are_told_once_also_of_the_first_list() {
    let mut memory = Memory::default();
    let list = [listed("001", "a"), listed("002", "a"), listed("003", "b"), listed("004", "a")];
    let known = call(&[], &list, &mut memory, 0).agents;
    let all_log = |_: &str| Some(Some(HOUR));
    let later = call_seeing(&all_log, &known, &list, &mut memory, HOUR);
    assert_eq!(told_twins(&later), [("002", "001"), ("004", "001")]);
    assert_eq!(told_twins(&call_seeing(&all_log, &known, &list, &mut memory, 2 * HOUR)), []);
}

#[test]
fn a_third_of_a_name_is_told_with_whichever_of_the_others_logs() {
    let both = [listed("001", "a"), listed("002", "a")];
    let third = [&both[..], &[listed("003", "a")]].concat();
    // The first of them is dead.
    let seen = |id: &str| Some((id != "001").then_some(2 * HOUR));
    let mut memory = Memory::default();
    let known = call(&[], &both, &mut memory, 0).agents;
    let known = call(&known, &third, &mut memory, HOUR).agents;
    let told = call_seeing(&seen, &known, &third, &mut memory, 2 * HOUR);
    assert_eq!(told_twins(&told), [("003", "002")]);
    let later = call_seeing(&seen, &told.agents, &third, &mut memory, 3 * HOUR);
    assert_eq!(told_twins(&later), [], "and 002 not with 003, which came after it");
}

#[test]
fn logs_with_invented_names_do_not_fill_the_memory_and_are_told_once() {
    let (rules, mut memory) = (rules(), Memory::default());
    let mut who_logs = |count: usize, known: &[Agent]| {
        let roll = Roll { whole: false, ..roll(&rules, &|_| None, &many(count), 0) };
        roll.call(known, &mut memory)
    };
    let known = who_logs(3, &[]).agents;
    let found = who_logs(MOST_WHO_LOG + 7, &known);
    assert_eq!((found.agents.len(), found.left_out), (MOST_WHO_LOG, 7));
    assert_eq!(who_logs(MOST_WHO_LOG + 9, &found.agents).left_out, 0);
}

#[test]
fn the_manager_is_known_among_several_fields_too() {
    let mut memory = Memory::default();
    let found = call(&[], &[listed("000|/var/log/a", ""), listed("0001|b", "")], &mut memory, 0);
    assert_eq!(ids(&found.agents), ["0001|b"]);
}

#[test]
fn silence_is_not_removal_where_only_those_who_log_are_listed() {
    let list = [listed("001", "a"), listed("002", "b")];
    let known = call(&[], &list, &mut Memory::default(), 0).agents;
    let (rules, mut memory) = (rules(), Memory::default());
    let mut later = |days: i64| {
        let roll = roll(&rules, &|_| Some(Some(0)), &list[..1], days * 24 * HOUR);
        Roll { whole: false, ..roll }.call(&known, &mut memory)
    };
    assert_eq!(ids(&later(0).agents), ["001", "002"]);
    assert_eq!(ids(&later(1).agents), ["001", "002"]);
    assert_eq!(ids(&later(2).gone), ["002"]);
}

/// 002 is in both, and 009 logs for two hours.
fn with_a_file(known: &[Agent], list: &[Listed], memory: &mut Memory, now: i64) -> Changes {
    let (rules, in_file) = (rules(), [Agent::in_file("002", "Web 2")]);
    let last_seen = |id: &str| Some((id == "009").then_some(now.min(2 * HOUR)));
    Roll { in_file: &in_file, ..roll(&rules, &last_seen, list, now) }.call(known, memory)
}

#[test]
fn whoever_the_agent_file_names_is_watched_on_when_it_leaves_the_list_and_that_is_said() {
    let (list, mut memory) = ([listed("001", "a"), listed("002", "web-02")], Memory::default());
    let known = with_a_file(&[], &list, &mut memory, 0).agents;
    with_a_file(&known, &list[..1], &mut memory, 1);
    let found = with_a_file(&known, &list[..1], &mut memory, HOUR);
    assert_eq!((found.gone.len(), found.kept[0].1.id.as_str()), (0, "002"));
    let said = words::inventory_changed("default", &found, HOUR).unwrap().detail;
    assert_eq!(said, "No longer listed, but watched on, since the agent file names it, is 002 Web 2.");
    assert_eq!(ids(&together(vec![Agent::in_file("002", "Web 2")], found.agents)), ["002", "001"]);
}

#[test]
fn whoever_is_enrolled_anew_is_watched_in_the_place_of_the_id_in_the_agent_file() {
    let (old, new) =
        ([listed("001", "a"), listed("002", "web-02")], [listed("001", "a"), listed("009", "web-02")]);
    let in_file = vec![Agent::in_file("002", "Web 2")];
    let mut memory = Memory::default();
    let known = with_a_file(&[], &old, &mut memory, 0).agents;
    let found = with_a_file(&known, &new, &mut memory, HOUR);
    assert_eq!(found.moved(), [("002".to_owned(), "009".to_owned())]);
    let said = words::inventory_changed("default", &found, HOUR).unwrap().detail;
    assert!(
        said.ends_with("Where the agent file has the old id, the new one is watched in its place."),
        "{said}"
    );
    let later = with_a_file(&found.agents, &new, &mut memory, 2 * HOUR);
    let watched = together(in_file.clone(), later.agents.clone());
    assert_eq!(ids(&watched), ["009", "001"]);
    assert_eq!((watched[0].label.as_str(), watched[0].facts("id")), ("Web 2", vec!["009", "002"]));
    // It leaves in its turn: the file still names it.
    with_a_file(&later.agents, &new[..1], &mut memory, 3 * HOUR);
    let left = with_a_file(&later.agents, &new[..1], &mut memory, 4 * HOUR);
    assert_eq!((left.gone.len(), left.moved()), (0, vec![("009".to_owned(), "002".to_owned())]));
    assert_eq!(ids(&together(in_file.clone(), left.agents)), ["002", "001"]);
    // Or the old one is back.
    let both = [&new[..], &old[1..]].concat();
    let back = with_a_file(&later.agents, &both, &mut memory, 3 * HOUR);
    assert_eq!(ids(&together(in_file, back.agents)), ["002", "001", "009"]);
}

#[test]
fn whoever_is_enrolled_anew_long_after_it_left_the_list_is_found_by_its_name_in_the_agent_file() {
    let (rules, in_file) = (rules(), [Agent::in_file("002", "web-02")]);
    let mut memory = Memory::default();
    let mut call = |known: &[Agent], list: &[Listed], logs: &str, now: i64| {
        let last_seen = |id: &str| Some((id == logs).then_some(now));
        Roll { in_file: &in_file, ..roll(&rules, &last_seen, list, now) }.call(known, &mut memory)
    };
    let list = [listed("001", "a"), listed("009", "web-02")];
    let known = call(&[], &list[..1], "", 0).agents;
    let appeared = call(&known, &list, "009", HOUR);
    assert_eq!((ids(&appeared.appeared), appeared.renamed.len()), (vec!["009"], 0), "it has not logged yet");
    assert_eq!(call(&appeared.agents, &list, "002", 2 * HOUR).renamed, [], "the one of the file does");
    let found = call(&appeared.agents, &list, "009", 2 * HOUR);
    assert_eq!(found.moved(), [("002".to_owned(), "009".to_owned())]);
    assert_eq!(ids(&together(in_file.to_vec(), found.agents.clone())), ["009", "001"]);
    assert_eq!(call(&found.agents, &list, "009", 3 * HOUR).renamed, [], "once");
}
