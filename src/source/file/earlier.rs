//! Which files hold what was logged before the file that is followed began.
//!
//! Wazuh keeps `alerts/alerts.json` as `alerts/2026/Jan/ossec-alerts-07.json` too, with `-001` and so
//! on where it rotates within a day, and compresses it after midnight (Wazuh 4.x,
//! `src/analysisd/alerts/getloglocation.c`, `src/monitord`). Others, such as logrotate, put
//! `alerts.json.1` or `alerts.json-20260107` beside it. Either may end with `.gz`.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use chrono::{DateTime, Days, Utc};

/// The most that is read of the files before the last two, in bytes as they were written, unpacked:
/// more would hold up rounds for minutes.
pub const MOST_BYTES: u64 = 4 << 30;

/// So many files, the last ones, are read however long they are.
const ALWAYS: usize = 2;

/// A file is written to until shortly after the last document in it, in milliseconds.
const SLACK: i64 = 600_000;

/// No question reaches back further, in days.
const FURTHEST: u64 = 400;

/// A file of earlier documents.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Earlier {
    modified: SystemTime,
    path: PathBuf,
    bytes: u64,
}

/// The files that may hold documents since `since`, the oldest first, and of each whether it is read
/// however long it is. Times in milliseconds.
///
/// # Errors
/// Of listing, and when the others hold more than `most` bytes.
pub fn files(path: &Path, since: i64, now: i64, most: u64) -> io::Result<Vec<(PathBuf, bool)>> {
    let since = DateTime::from_timestamp_millis(since.saturating_sub(SLACK)).unwrap_or_default();
    // One of a log and its compressed form: the name without `.gz`, plain before compressed.
    let mut found: BTreeMap<PathBuf, Earlier> = BTreeMap::new();
    for (directory, is_one) in places(path, since, now) {
        for earlier in list(&directory, &*is_one)? {
            let plain = if super::opened::is_compressed(&earlier.path) {
                earlier.path.with_extension("")
            } else {
                earlier.path.clone()
            };
            if earlier.modified >= SystemTime::from(since)
                && found.get(&plain).is_none_or(|f| f.path != plain)
            {
                found.insert(plain, earlier);
            }
        }
    }
    let mut found: Vec<Earlier> = found.into_values().collect();
    found.sort_by_key(|earlier| earlier.modified);
    let old = found.len().saturating_sub(ALWAYS);
    affordable(&found[..old], most)?;
    Ok(found.into_iter().enumerate().map(|(number, earlier)| (earlier.path, number >= old)).collect())
}

type IsOne = Box<dyn Fn(&str) -> bool>;

/// Where to look, and which names count there.
fn places(path: &Path, since: DateTime<Utc>, now: i64) -> Vec<(PathBuf, IsOne)> {
    let (Some(directory), Some(name)) = (path.parent(), path.file_name().and_then(|name| name.to_str()))
    else {
        return Vec::new();
    };
    // Of `alerts.json` alone, the folder is the one in which we are.
    let directory = if directory.as_os_str().is_empty() { Path::new(".") } else { directory };
    let own = name.to_owned();
    let beside: IsOne = Box::new(move |other| other.strip_prefix(&*own).is_some_and(is_number));
    let mut places = vec![(directory.to_owned(), beside)];
    let daily = match name {
        "alerts.json" => "ossec-alerts-",
        "archives.json" => "ossec-archive-",
        _ => return places,
    };
    for month in months(since, now) {
        let is_daily = move |other: &str| {
            let rest = other.strip_prefix(daily).map(|rest| rest.strip_suffix(".gz").unwrap_or(rest));
            rest.and_then(|rest| rest.strip_suffix(".json")).is_some_and(is_number)
        };
        places.push((directory.join(month), Box::new(is_daily)));
    }
    places
}

/// `2026/Jan` and so on. The manager's day may be another than ours.
fn months(since: DateTime<Utc>, now: i64) -> BTreeSet<String> {
    let last = DateTime::from_timestamp_millis(now).unwrap_or_default().date_naive() + Days::new(1);
    let first = (since.date_naive() - Days::new(1)).max(last - Days::new(FURTHEST));
    first.iter_days().take_while(|day| *day <= last).map(|day| day.format("%Y/%b").to_string()).collect()
}

/// `.1`, `-20260107.gz`, `07-001`: a number or a date, and nothing else.
fn is_number(rest: &str) -> bool {
    let rest = rest.strip_suffix(".gz").unwrap_or(rest);
    !rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_digit() || b".-_".contains(&byte))
}

fn list(directory: &Path, is_one: &dyn Fn(&str) -> bool) -> io::Result<Vec<Earlier>> {
    let entries = match std::fs::read_dir(directory) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let mut found = Vec::new();
    for entry in entries {
        let entry = entry?;
        if !entry.file_name().to_str().is_some_and(is_one) {
            continue;
        }
        let metadata = entry.metadata()?;
        if metadata.is_file() {
            let path = entry.path();
            let bytes = super::opened::unpacked_len(&path, metadata.len());
            found.push(Earlier { modified: metadata.modified()?, path, bytes });
        }
    }
    Ok(found)
}

/// Whether these may be read: what a packed one says of its length may be too little, but then
/// [`Metered`] finds out.
fn affordable(old: &[Earlier], most: u64) -> io::Result<()> {
    let bytes = old.iter().fold(0_u64, |bytes, earlier| bytes.saturating_add(earlier.bytes));
    match old.first() {
        Some(first) if bytes > most => Err(too_far(&format!(", the first of them {}", first.path.display()))),
        _ => Ok(()),
    }
}

fn too_far(which: &str) -> io::Error {
    let gibibytes = MOST_BYTES >> 30;
    io::Error::other(format!(
        "looking so far back would read more than {gibibytes} GiB of earlier files{which}"
    ))
}

/// Reads so many bytes, and is an error after them.
pub struct Metered<'a, R> {
    /// Where they come from.
    pub from: R,
    /// How many are left.
    pub left: &'a mut u64,
}

impl<R: Read> Read for Metered<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.from.read(buffer)?;
        *self.left = self.left.checked_sub(read as u64).ok_or_else(|| too_far(""))?;
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn beside_a_bare_name_is_where_we_are() {
        let beside = |path: &str| places(Path::new(path), DateTime::default(), 0).remove(0).0;
        assert_eq!(beside("alerts.json"), Path::new("."));
        assert_eq!(beside("logs/alerts.json"), Path::new("logs"));
    }
}
