//! The source against real files in a directory of its own. The time is an argument.

mod agreement;
mod following;
mod questions;
mod restart;
mod rotation;

use std::fs::{self, File, OpenOptions};
use std::io::Write as _;
use std::path::PathBuf;
use std::sync::Arc;

use super::answers::{self, Wanted};
use super::*;
use crate::source::Entities;

/// 2026-01-07T10:00:00Z.
const NOW: i64 = 1_767_780_000_000;

const HOUR: i64 = 3_600_000;

/// A directory with the manager's logs.
struct Place {
    directory: tempfile::TempDir,
    source: LogFile,
}

impl Place {
    fn new() -> Self {
        Self::with("")
    }

    /// With these further keys.
    fn with(keys: &str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("alerts.json");
        let config: FileConfig = toml::from_str(&format!("path = {path:?}\n{keys}")).unwrap();
        assert_eq!(config.problems(), []);
        Self { directory, source: LogFile { config: Arc::new(config), followed: Arc::default() } }
    }

    /// What is there as it would be after a restart of ours.
    fn restarted(self) -> Self {
        Self { source: LogFile { followed: Arc::default(), ..self.source }, ..self }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn log(&self) -> PathBuf {
        self.path("alerts.json")
    }

    fn append(&self, text: &str) {
        let mut file = OpenOptions::new().create(true).append(true).open(self.log()).unwrap();
        file.write_all(text.as_bytes()).unwrap();
    }

    /// Wazuh's own name for the log of a day of January 2026.
    fn daily(&self, day: u32) -> PathBuf {
        fs::create_dir_all(self.path("2026/Jan")).unwrap();
        self.path(&format!("2026/Jan/ossec-alerts-{day:02}.json"))
    }

    fn ask<T>(
        &self,
        now: i64,
        question: impl FnOnce(&mut Work<'_>) -> Result<T, SourceError>,
    ) -> Result<T, SourceError> {
        self.source.work_at(now, Arc::default(), question)
    }

    /// Who logged within the last so many milliseconds before `now`, and when, before `now`.
    fn newest_at(&self, now: i64, window: i64) -> Result<Vec<(String, i64)>, SourceError> {
        let wanted = wanted(now - window, now + 300_000);
        let answer = self.ask(now, |work| Ok(answers::newest(work.followed(now - window)?, &wanted)))?;
        let mut seen: Vec<_> =
            answer.newest.into_iter().map(|seen| (seen.key.to_string(), now - seen.last_seen)).collect();
        seen.sort();
        Ok(seen)
    }

    /// The same of the last hour, and in seconds.
    fn newest(&self) -> Vec<(String, i64)> {
        let seen = self.newest_at(NOW, HOUR).unwrap();
        seen.into_iter().map(|(key, age)| (key, age / 1000)).collect()
    }

    /// What agent 001 logged last within the window.
    fn last_words(&self, window: (i64, i64), count: usize) -> Vec<Word> {
        self.ask(NOW, |work| work.last_words("001", window, count)).unwrap()
    }

    /// How many documents `key` has in the last hour.
    fn count(&self, key: &str) -> u64 {
        let wanted = wanted(NOW - HOUR, NOW);
        let volumes =
            self.ask(NOW, |work| Ok(answers::volumes(work.followed(NOW - HOUR)?, &wanted))).unwrap();
        volumes.into_iter().find(|volume| volume.key == key).map_or(0, |volume| volume.count)
    }
}

fn wanted(from: i64, to: i64) -> Wanted {
    let at = |millis| DateTime::from_timestamp_millis(millis).unwrap();
    Wanted::by(&Query { from: at(from), to: at(to), entities: Entities::All(0) })
}

fn seen(all: &[(&str, i64)]) -> Vec<(String, i64)> {
    all.iter().map(|(key, age)| ((*key).to_owned(), *age)).collect()
}

/// A line of an agent so many seconds ago.
fn line(agent: &str, age: i64) -> String {
    let at = DateTime::from_timestamp_millis(NOW - age * 1000).unwrap();
    let at = at.format("%Y-%m-%dT%H:%M:%S%.3f%z");
    format!(
        "{{\"timestamp\":\"{at}\",\"rule\":{{\"level\":5,\"description\":\"rule \\\"of\\\" {agent}\",\"id\":\"5710\",\
         \"groups\":[\"sshd\"]}},\"agent\":{{\"id\":\"{agent}\",\"name\":\"host-{agent}\"}},\"id\":\"{age}\",\
         \"cluster\":{{\"name\":\"wazuh\",\"node\":\"node-{}\"}},\"predecoder\":{{\"hostname\":\"h{agent}\"}},\
         \"location\":\"C:\\\\logs\\\\{agent}\"}}\n",
        &agent[..1]
    )
}
