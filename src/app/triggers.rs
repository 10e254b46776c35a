//! When to read the configuration again: on SIGHUP, every hour, and when a file changed.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::{Instant, Interval, interval_at};

const HOUR: Duration = Duration::from_secs(3600);

/// How often files are looked at. A change counts when the file was the same at two looks in a
/// row, so that nothing is read while somebody is still writing it.
const LOOK: Duration = Duration::from_secs(2);

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trigger {
    /// Read the configuration again, for this reason.
    Reload(&'static str),
    /// Stop gracefully.
    Stop,
}

/// Waits for triggers.
pub struct Triggers {
    hangup: Signal,
    terminate: Signal,
    interrupt: Signal,
    hourly: Interval,
    look: Interval,
    files: Files,
}

impl Triggers {
    /// Listens for signals and looks at `files`.
    ///
    /// # Errors
    /// When signals cannot be listened for.
    pub fn new(files: Vec<PathBuf>) -> std::io::Result<Self> {
        Ok(Self {
            hangup: signal(SignalKind::hangup())?,
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hourly: interval_at(Instant::now() + HOUR, HOUR),
            look: interval_at(Instant::now() + LOOK, LOOK),
            files: Files::new(files),
        })
    }

    /// Looks at other files from now on.
    pub fn watch(&mut self, files: Vec<PathBuf>) {
        if files != self.files.paths() {
            self.files = Files::new(files);
        }
    }

    /// The next trigger.
    pub async fn next(&mut self) -> Trigger {
        loop {
            tokio::select! {
                _ = self.terminate.recv() => return Trigger::Stop,
                _ = self.interrupt.recv() => return Trigger::Stop,
                _ = self.hangup.recv() => return Trigger::Reload("SIGHUP"),
                _ = self.hourly.tick() => return Trigger::Reload("hourly"),
                _ = self.look.tick() => if self.files.changed() { return Trigger::Reload("a file changed") },
            }
        }
    }
}

/// What a look at a file shows; `None` when it is not there.
type Print = Option<(SystemTime, u64)>;

/// Files and how they looked.
struct Files {
    seen: BTreeMap<PathBuf, (Print, Print)>,
}

impl Files {
    fn new(paths: Vec<PathBuf>) -> Self {
        let now = |path: PathBuf| {
            let print = print(&path);
            (path, (print, print))
        };
        Self { seen: paths.into_iter().map(now).collect() }
    }

    fn paths(&self) -> Vec<PathBuf> {
        self.seen.keys().cloned().collect()
    }

    /// Whether a file differs from how it was used last, and has come to rest.
    fn changed(&mut self) -> bool {
        let mut any = false;
        for (path, (used, last)) in &mut self.seen {
            let now = print(path);
            if now == *last && now != *used {
                *used = now;
                any = true;
            }
            *last = now;
        }
        any
    }
}

fn print(path: &std::path::Path) -> Print {
    let metadata = std::fs::metadata(path).ok()?;
    Some((metadata.modified().ok()?, metadata.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_counts_as_changed_once_and_only_when_it_has_come_to_rest() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("agents.csv");
        std::fs::write(&path, "001,a\n").unwrap();
        let mut files = Files::new(vec![path.clone()]);
        assert!(!files.changed());
        std::fs::write(&path, "001,a\n002,").unwrap();
        assert!(!files.changed(), "just written");
        std::fs::write(&path, "001,a\n002,b\n").unwrap();
        assert!(!files.changed(), "still being written");
        assert!(files.changed());
        assert!(!files.changed());
    }

    #[tokio::test(start_paused = true)]
    async fn everything_is_read_again_every_hour() {
        let mut triggers = Triggers::new(Vec::new()).unwrap();
        for hours in 1..=3 {
            let started = Instant::now();
            assert_eq!(triggers.next().await, Trigger::Reload("hourly"));
            assert_eq!(started.elapsed(), HOUR, "after {hours} h");
        }
    }
}
