//! What is answered, and which lines count.

use super::*;
use crate::source::{Heard, Listed, Membership, Word};

#[test]
fn a_document_of_the_future_hides_no_older_one_and_counts_when_its_time_has_come() {
    let place = Place::new();
    place.append(&(line("001", 60) + &line("001", -7200) + &line("001", 30)));
    assert_eq!(place.newest(), seen(&[("001", 30)]));
    let later = place.newest_at(NOW + 3 * HOUR, 4 * HOUR).unwrap();
    assert_eq!(later, seen(&[("001", HOUR)]));
}

#[test]
fn whoever_did_not_log_in_the_window_is_absent() {
    let place = Place::new();
    place.append(&(line("002", 3000) + &line("001", 60)));
    assert_eq!(place.newest().len(), 2);
    assert_eq!(place.newest_at(NOW, HOUR / 2).unwrap(), seen(&[("001", 60_000)]));
    let wanted = Wanted::by(&Query {
        from: DateTime::from_timestamp_millis(NOW - HOUR).unwrap(),
        to: DateTime::from_timestamp_millis(NOW).unwrap(),
        entities: Entities::Only(&["002", "003"]),
    });
    let answer = place.ask(NOW, |work| Ok(answers::newest(work.followed(NOW - HOUR)?, &wanted))).unwrap();
    assert_eq!(answer.newest.len(), 1);
    assert_eq!(answer.newest[0].key, "002");
}

#[test]
fn lines_that_are_no_documents_are_passed_over() {
    let place = Place::new();
    place.append(&line("001", 60));
    place.append("junk\n{}\n[1]\n{\"timestamp\":\"now\",\"agent\":{\"id\":\"005\"}}\n\n\u{0}\n");
    place.append(&"y".repeat(3 * lines::LONGEST));
    place.append(&format!("\n{}", line("002", 50)));
    assert_eq!(place.newest(), seen(&[("001", 60), ("002", 50)]));
    let junk = place.source.followed.lock().unwrap().follower.as_ref().unwrap().book.tally.junk;
    assert_eq!(junk, 6);
}

#[test]
fn the_rest_of_a_line_that_was_too_long_is_no_line() {
    let place = Place::new();
    place.append(&(line("001", 60) + &"y".repeat(2 * lines::LONGEST)));
    assert_eq!(place.newest(), seen(&[("001", 60)]));
    place.append(&line("666", 1));
    assert_eq!(place.newest(), seen(&[("001", 60)]));
    place.append(&line("002", 50));
    assert_eq!(place.newest(), seen(&[("001", 60), ("002", 50)]));
}

#[test]
fn entities_are_told_apart_by_the_field_that_is_configured() {
    for (field, key) in [
        ("agent.id", "001"),
        ("agent.name", "host-001"),
        ("predecoder.hostname", "h001"),
        ("location", "C:\\logs\\001"),
        ("cluster.node", "node-0"),
        ("rule.id", "5710"),
    ] {
        let place = Place::with(&format!("entity_field = {field:?}"));
        place.append(&line("001", 60));
        assert_eq!(place.newest(), seen(&[(key, 60)]), "{field}");
    }
}

/// The key is the one of the indexer.
#[test]
fn several_fields_together_tell_entities_apart() {
    let place = Place::with("entity_field = ['agent.id', 'location']");
    let other = line("001", 40).replace("C:\\\\logs\\\\001", "a|b%");
    let strange = line("0|1%", 20).replace("C:\\\\logs\\\\0|1%", "/var/log/auth.log");
    let nowhere = line("001", 10).replace("location", "place");
    place.append(&(line("001", 60) + &other + &line("001", 30) + &strange + &nowhere));
    let keys = [("001|C:\\logs\\001", 30), ("001|a|b%", 40), ("0%7C1%25|/var/log/auth.log", 20)];
    let mut expected = seen(&keys);
    expected.sort();
    assert_eq!(place.newest(), expected);
    assert_eq!(place.count("001|C:\\logs\\001"), 2);
    assert_eq!(place.last_words((NOW - HOUR, NOW), 9).len(), 3, "of all logs of 001");
    let at = |millis| DateTime::from_timestamp_millis(millis).unwrap();
    let entities = Entities::Only(&["001", "0%7C1%25", "002"]);
    let only = Wanted::by(&Query { from: at(NOW - HOUR), to: at(NOW), entities });
    let wholes = place.ask(NOW, |work| Ok(answers::wholes(work.followed(NOW - HOUR)?, &only, 2))).unwrap();
    let mut wholes: Vec<_> =
        wholes.iter().map(|seen| (seen.key.as_str(), (NOW - seen.last_seen) / 1000)).collect();
    wholes.sort_unstable();
    assert_eq!(wholes, [("0%7C1%25", 20), ("001", 30)]);
    let window = wanted(NOW - HOUR, NOW);
    let names = place.ask(NOW, |work| Ok(answers::inventory(work.followed(NOW - HOUR)?, &window, Some(2))));
    assert!(names.unwrap().iter().any(|listed| listed.name == "host-001 a|b%"));
}

#[test]
fn what_the_manager_writes_about_an_agent_counts_only_when_asked_for() {
    let place = Place::new();
    let about = [
        line("001", 10).replace("5710", "504"),
        line("001", 10).replace("sshd", "log_monitor"),
        line("001", 10).replace("C:\\\\logs\\\\001", "wazuh-monitord"),
        line("001", 10).replace("C:\\\\logs\\\\001", "wazuh\\u002dremoted"),
    ];
    place.append(&(line("001", 60) + &about.concat()));
    assert_eq!(place.newest(), seen(&[("001", 60)]));
    let trusting = Place::with("count_manager_documents = true");
    trusting.append(&about.concat());
    assert_eq!(trusting.count("001"), 4);
}

#[test]
fn who_there_is_and_the_way_they_send() {
    let place = Place::new();
    place.append(&(line("001", 60) + &line("101", 50)));
    let window = wanted(NOW - HOUR, NOW);
    let (listed, nodes) = place
        .ask(NOW, |work| {
            let ledger = work.followed(NOW - HOUR)?;
            Ok((answers::inventory(ledger, &window, Some(1)), answers::nodes(ledger, &window)))
        })
        .unwrap();
    assert!(nodes.contains(&Membership { key: "101".into(), node: "node-1".into() }));
    let first = listed.iter().find(|listed| listed.key == "001").unwrap();
    let node = Some("node-0".into());
    assert_eq!(*first, Listed { key: "001".into(), name: "host-001".into(), node, ..Listed::default() });
    assert!(!place.source.lists_all());
}

#[test]
fn the_last_words_are_the_newest_alerts_before_then() {
    let place = Place::new();
    (0..30).rev().for_each(|age| place.append(&line("001", age * 10)));
    let words = place.last_words((NOW - HOUR, NOW - 45_000), 3);
    assert_eq!(words.iter().map(|word| (NOW - word.at) / 1000).collect::<Vec<_>>(), [50, 60, 70]);
    assert_eq!((words[0].rule.as_str(), words[0].level), ("5710", 5));
    assert_eq!((words[0].description.as_str(), &*words[0].groups[0]), ("rule \"of\" 001", "sshd"));
}

/// Also what the manager says about an agent, which is no sign of its life; but nothing that log-monitor does.
#[test]
fn as_many_last_words_as_are_asked_for_are_found_although_fewer_are_in_memory() {
    let place = Place::new();
    let ages = |words: Vec<Word>| words.iter().map(|word| (NOW - word.at) / 1000).collect::<Vec<_>>();
    (0..150).rev().for_each(|age| place.append(&(line("001", age + 10) + &line("002", age + 10))));
    let stopped = line("001", 3).replace("5710", "506").replace("C:\\\\logs\\\\001", "wazuh-remoted");
    place.append(&(stopped + &line("001", 1).replace("sshd", "log_monitor")));
    assert_eq!(place.newest(), seen(&[("001", 10), ("002", 10)]));
    let words = place.last_words((NOW - HOUR, NOW), 100);
    assert_eq!(words[0].rule, "506");
    assert_eq!(ages(words), [3].into_iter().chain(10..109).collect::<Vec<_>>());
    assert_eq!(ages(place.last_words((NOW - HOUR, NOW - 130_000), 100)), (130..160).collect::<Vec<_>>());
    assert_eq!(ages(place.last_words((NOW - 25_000, NOW), 100)).len(), 17);
    assert_eq!(place.last_words((NOW - HOUR, NOW), 500).len(), 151);
    assert_eq!(place.last_words((NOW - HOUR, NOW), 0).len() + place.last_words((NOW, NOW), 9).len(), 0);
}

/// Steps of a minute come from memory, others from the file: the sums are the same.
#[test]
fn the_history_is_the_same_from_memory_and_from_the_file() {
    let place = Place::new();
    (0..120).rev().for_each(|age| place.append(&line("001", age * 20)));
    let window = wanted(NOW - HOUR, NOW);
    let history = |step| -> Vec<Heard> {
        place
            .ask(NOW, |work| work.steps(NOW - HOUR, step, |ledger| answers::history(ledger, &window, step)))
            .unwrap()
    };
    let (tens, minutes, halves) = (history(600_000), history(60_000), history(30_000));
    // The newest is at the full hour, in a step of its own.
    assert_eq!(tens.iter().map(|heard| heard.count).collect::<Vec<_>>(), [29, 30, 30, 30, 1]);
    assert_eq!((tens.last().unwrap().newest, &*tens[0].key), (NOW, "001"));
    for steps in [&tens, &minutes, &halves] {
        assert_eq!(steps.iter().map(|heard| heard.count).sum::<u64>(), 120);
        assert!(steps.is_sorted_by_key(|heard| heard.newest));
    }
    assert!(halves.len() > minutes.len());
    assert_eq!(place.count("001"), 120);
}

/// In windows that end whenever one happens to ask.
#[test]
fn whoever_logs_at_a_steady_rate_has_the_same_number_in_every_window() {
    let place = Place::new();
    (0..300).rev().for_each(|age| place.append(&line("001", age * 2)));
    let count = |seconds: i64, age: i64| {
        let (to, length) = (NOW - age * 1000, seconds * 1000);
        let (wanted, step) = wanted(to - length, to).in_steps();
        let (from, question) = (wanted.from(), |ledger: &_| answers::volumes(ledger, &wanted));
        place.ask(NOW, |work| work.steps(from, step, question)).unwrap().first().map(|of| of.count)
    };
    for (seconds, expected) in [(20, 10), (60, 30), (90, 45), (300, 150)] {
        let counts: Vec<_> = (0..70).map(|age| count(seconds, age)).collect();
        assert_eq!(counts, [Some(expected); 70], "in {seconds} s");
    }
}

#[tokio::test]
async fn the_source_answers_by_the_real_clock() {
    let place = Place::new();
    let now = Utc::now();
    let age = (NOW - millis(now)) / 1000 + 120;
    place.append(&line("001", age));
    let query = Query { from: now - chrono::TimeDelta::hours(1), to: now, entities: Entities::All(1) };
    place.source.probe().await.unwrap();
    assert_eq!(place.source.newest(&query).await.unwrap().newest.len(), 1);
    assert_eq!(place.source.volumes(&query).await.unwrap()[0].count, 1);
    assert_eq!(place.source.last_words("001", query.from, now, 5).await.unwrap().len(), 1);
}
