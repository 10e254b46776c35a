//! What is read back after a start, and what is refused.

use std::io;
use std::time::{Duration, UNIX_EPOCH};

use super::rotation::{compress, gzip};
use super::*;

/// Sets when a file was written to last.
fn age(path: &std::path::Path, seconds: i64) {
    let at = UNIX_EPOCH + Duration::from_millis((NOW - seconds * 1000) as u64);
    File::options().append(true).open(path).unwrap().set_modified(at).unwrap();
}

#[test]
fn a_restart_neither_loses_nor_counts_twice() {
    let place = Place::new();
    place.append(&(line("001", 60) + &line("002", 50)));
    assert_eq!(place.count("001"), 1);
    place.append(&line("001", 40));
    let place = place.restarted();
    assert_eq!(place.newest(), seen(&[("001", 40), ("002", 50)]));
    assert_eq!(["001", "002"].map(|key| place.count(key)), [2, 1]);
}

#[test]
fn a_log_that_begins_within_the_window_is_read_back_into_yesterdays() {
    for compressed in [false, true] {
        let place = Place::new();
        place.append(&line("001", 60));
        fs::hard_link(place.log(), place.daily(7)).unwrap();
        fs::write(place.daily(6), line("002", 1800) + &line("003", 7200)).unwrap();
        // Not written to within the window: whatever it holds, it is not opened.
        fs::write(place.daily(5), line("009", 1700)).unwrap();
        age(&place.daily(5), 100_000);
        if compressed {
            compress(&place.daily(6));
        }
        assert_eq!(place.newest(), seen(&[("001", 60), ("002", 1800)]));
        assert_eq!(["001", "002"].map(|key| place.count(key)), [1, 1]);
    }
}

#[test]
fn a_question_that_reaches_further_back_reads_further_back() {
    let place = Place::new();
    place.append(&line("001", 60));
    fs::write(place.daily(6), line("002", 7200)).unwrap();
    age(&place.daily(6), 7200);
    assert_eq!(place.newest(), seen(&[("001", 60)]));
    assert_eq!(place.newest_at(NOW, 3 * HOUR).unwrap(), seen(&[("001", 60_000), ("002", 7_200_000)]));
    assert_eq!(place.count("001"), 1);
}

/// Twelve mebibytes, an hour each; now and then a line with a time that is wrong.
#[test]
fn of_a_long_log_only_its_end_is_read_and_a_wrong_time_hides_nothing() {
    let place = Place::new();
    let mut text = String::new();
    for second in (0..12 * 3600).rev() {
        let hour = second / 3600;
        let wrong = if second % 100 == 50 { line("old", 90 * 86_400) } else { String::new() };
        let filler = "x".repeat(600);
        let line = line(&format!("{hour:03}"), second).replace("rule \\\"of", &format!("{filler} \\\"of"));
        text.push_str(&(line + &wrong));
    }
    place.append(&text);
    let newest = place.newest();
    assert_eq!(newest, seen(&[("000", 0), ("001", 3600)]));
    assert_eq!(place.count("000"), 3600);
    let first = place.ask(NOW, |work| Ok(work.followed(NOW - HOUR)?.get("011").is_some())).unwrap();
    assert!(!first, "the beginning was read");
}

#[test]
fn a_log_that_is_not_there_or_may_not_be_read_is_an_error_and_an_empty_one_an_answer() {
    let place = Place::new();
    let error = place.newest_at(NOW, HOUR).unwrap_err();
    assert_eq!(error.reason, SourceReason::NoIndex);
    assert!(error.detail.contains("alerts.json is not there. Check `path`"), "{error}");
    File::create(place.log()).unwrap();
    assert_eq!(place.newest(), []);
    fs::remove_file(place.log()).unwrap();
    fs::create_dir(place.log()).unwrap();
    let error = place.newest_at(NOW, HOUR).unwrap_err();
    assert!(error.detail.ends_with("it is not a file"), "{error}");
    let denied = opened::told(&place.log(), &io::ErrorKind::PermissionDenied.into());
    assert_eq!(denied.reason, SourceReason::Rights);
    assert!(denied.detail.contains("member of `wazuh`"), "{denied}");
}

#[test]
fn an_earlier_log_that_is_broken_is_an_error_and_not_silence() {
    let place = Place::new();
    place.append(&line("001", 60));
    fs::write(place.daily(6).with_extension("json.gz"), "no gzip").unwrap();
    let error = place.newest_at(NOW, HOUR).unwrap_err();
    assert_eq!(error.reason, SourceReason::Incomplete);
    assert!(error.detail.contains("ossec-alerts-06.json.gz cannot be read"), "{error}");
}

/// What is counted is what a packed log unpacks to, even if it says less at its end: the last of its
/// parts is short here.
#[test]
fn looking_too_far_back_is_an_error_however_well_the_logs_are_packed() {
    let place = Place::new();
    place.append(&line("001", 60));
    for day in 1..=5 {
        fs::write(place.daily(day), line(&format!("10{day}"), 1000).repeat(2000)).unwrap();
        compress(&place.daily(day));
        age(&place.daily(day).with_extension("json.gz"), 3000 - i64::from(day));
    }
    let newest = |most| {
        place.ask(NOW, |work| {
            work.plan.most = most;
            Ok(work.followed(NOW - HOUR)?.iter().count())
        })
    };
    let honest = newest(1 << 20).unwrap_err();
    assert!(honest.detail.contains("more than 4 GiB of earlier files, the first of them"), "{honest}");
    let packed = place.daily(1).with_extension("json.gz");
    File::options().append(true).open(&packed).unwrap().write_all(&gzip(b"\n")).unwrap();
    age(&packed, 2999);
    let found_out = newest((3 * line("001", 60).len() * 2000 - 1000) as u64).unwrap_err();
    assert!(found_out.detail.contains("ossec-alerts-03.json.gz cannot be read"), "{found_out}");
    assert!(found_out.detail.ends_with("more than 4 GiB of earlier files"), "{found_out}");
    assert_eq!(newest(1 << 30), Ok(6));
}

#[test]
fn the_wrong_file_and_the_wrong_field_are_errors() {
    let place = Place::new();
    place.append(&"** Alert 1767780000.1: - syslog\n".repeat(20));
    assert_eq!(place.newest_at(NOW, HOUR).unwrap_err().reason, SourceReason::Malformed);
    assert_eq!(place.ask(NOW, |work| work.probe()).unwrap_err().reason, SourceReason::Malformed);
    let place = Place::with("entity_field = 'agent.nmae'");
    place.append(&line("001", 60).repeat(200));
    let error = place.newest_at(NOW, HOUR).unwrap_err();
    assert_eq!(error.reason, SourceReason::Mapping);
    assert!(error.detail.contains("has the field agent.nmae"), "{error}");
}

#[test]
fn nobody_waits_for_a_question_that_was_given_up() {
    let place = Place::new();
    place.append(&line("001", 60));
    let stop = Arc::new(AtomicBool::new(true));
    let asked = place.source.work_at(NOW, stop, |work| work.followed(NOW - HOUR).map(drop));
    assert_eq!(asked.unwrap_err().reason, SourceReason::Incomplete);
    assert_eq!(place.newest(), seen(&[("001", 60)]));
}
