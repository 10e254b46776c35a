//! Rotation in every form: nothing is lost and nothing is counted twice.

use super::*;

#[test]
fn lines_that_come_in_are_read_once_and_a_partial_one_is_waited_for() {
    let place = Place::new();
    place.append(&line("001", 60));
    assert_eq!(place.newest(), seen(&[("001", 60)]));
    let next = line("001", 30);
    place.append(&next[..100]);
    assert_eq!(place.newest(), seen(&[("001", 60)]));
    place.append(&next[100..]);
    assert_eq!(place.newest(), seen(&[("001", 30)]));
    assert_eq!(place.count("001"), 2);
}

#[test]
fn a_renamed_log_is_read_to_its_end_before_the_new_one() {
    let place = Place::new();
    place.append(&line("001", 60));
    assert_eq!(place.count("001"), 1);
    // Its last line has no newline.
    place.append(line("002", 50).trim_end());
    fs::rename(place.log(), place.path("alerts.json.1")).unwrap();
    place.append(&line("003", 40));
    assert_eq!(place.newest(), seen(&[("001", 60), ("002", 50), ("003", 40)]));
    assert_eq!(["001", "002", "003"].map(|key| place.count(key)), [1, 1, 1]);
}

#[test]
fn as_long_as_the_new_log_is_empty_the_old_one_may_still_be_written_to() {
    let place = Place::new();
    place.append(&line("001", 60));
    assert_eq!(place.count("001"), 1);
    fs::rename(place.log(), place.path("alerts.json.1")).unwrap();
    File::create(place.log()).unwrap();
    assert_eq!(place.count("001"), 1);
    let mut old = OpenOptions::new().append(true).open(place.path("alerts.json.1")).unwrap();
    old.write_all(line("002", 50).as_bytes()).unwrap();
    place.append(&line("001", 40));
    assert_eq!(["001", "002"].map(|key| place.count(key)), [2, 1]);
}

/// `alerts.json` is a hard link of the log of the day; after midnight the old one is compressed.
#[test]
fn wazuhs_midnight_loses_nothing_and_counts_nothing_twice() {
    let place = Place::new();
    place.append(&line("001", 60));
    fs::hard_link(place.log(), place.daily(6)).unwrap();
    assert_eq!(place.count("001"), 1);
    place.append(&line("001", 50));
    fs::remove_file(place.log()).unwrap();
    place.append(&line("001", 40));
    fs::hard_link(place.log(), place.daily(7)).unwrap();
    assert_eq!(place.count("001"), 3);
    compress(&place.daily(6));
    place.append(&line("001", 30));
    assert_eq!(place.count("001"), 4);
}

#[test]
fn logs_that_came_and_went_between_two_looks_are_read() {
    let place = Place::new();
    place.append(&line("001", 60));
    fs::hard_link(place.log(), place.daily(7)).unwrap();
    assert_eq!(place.count("001"), 1);
    fs::remove_file(place.log()).unwrap();
    // Rotated by size within the day.
    fs::write(place.path("2026/Jan/ossec-alerts-07-001.json"), line("001", 50)).unwrap();
    fs::write(place.path("2026/Jan/ossec-alerts-07-002.json"), line("001", 40)).unwrap();
    compress(&place.path("2026/Jan/ossec-alerts-07-001.json"));
    place.append(&line("001", 30));
    assert_eq!(place.count("001"), 4);
    assert_eq!(place.count("001"), 4);
}

#[test]
fn a_log_that_is_cut_off_is_read_on_in_its_copy_and_then_from_its_beginning() {
    for (compressed, regrown) in [(false, 1), (true, 1), (false, 9)] {
        let place = Place::new();
        place.append(&line("001", 60));
        assert_eq!(place.count("001"), 1);
        place.append(&line("002", 50));
        fs::copy(place.log(), place.path("alerts.json.1")).unwrap();
        if compressed {
            compress(&place.path("alerts.json.1"));
        }
        fs::write(place.log(), "").unwrap();
        // Even if it has become longer than it was.
        (0..regrown).for_each(|age| place.append(&line("003", age)));
        assert_eq!(["001", "002", "003"].map(|key| place.count(key)), [1, 1, regrown as u64]);
    }
}

#[test]
fn a_log_that_is_cut_off_without_a_copy_goes_on() {
    let place = Place::new();
    place.append(&(line("001", 60) + &line("001", 59)));
    assert_eq!(place.count("001"), 2);
    fs::write(place.log(), line("002", 10)).unwrap();
    assert_eq!(place.newest(), seen(&[("001", 59), ("002", 10)]));
}

#[test]
fn a_log_may_be_away_for_a_moment_and_then_it_is_an_error() {
    let place = Place::new();
    place.append(&line("001", 60));
    assert!(place.newest_at(NOW, HOUR).is_ok());
    fs::rename(place.log(), place.path("alerts.json.1")).unwrap();
    assert_eq!(place.newest_at(NOW + 1000, HOUR).unwrap(), seen(&[("001", 61_000)]));
    let error = place.newest_at(NOW + 120_000, HOUR).unwrap_err();
    assert_eq!(error.reason, SourceReason::NoIndex);
    place.append(&line("001", 0));
    assert_eq!(place.newest_at(NOW + 120_000, HOUR).unwrap(), seen(&[("001", 120_000)]));
}

/// As `monitord` does.
pub fn compress(path: &std::path::Path) {
    fs::write(format!("{}.gz", path.display()), gzip(&fs::read(path).unwrap())).unwrap();
    fs::remove_file(path).unwrap();
}

pub fn gzip(text: &[u8]) -> Vec<u8> {
    let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packer.write_all(text).unwrap();
    packer.finish().unwrap()
}
