//! log-monitor's own log: a file in the line format of the original script, and standard error.
//!
//! A line of the file is `YYYY/MM/DD HH:MM:SS Name: LEVEL - message`, in local time. The file is
//! opened anew on [`Log::reopen`], so that it can be rotated by renaming.

use std::fmt::Write as _;
use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use chrono::Local;
use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::{Event, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::{Context, SubscriberExt};
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt;

use crate::config::{Level, LogSettings};

/// What standard error shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Screen {
    /// Objects instead of lines.
    pub json: bool,
    /// Colours.
    pub colour: bool,
    /// The least that is shown.
    pub level: LevelFilter,
}

/// A handle to the log file; clones share it.
#[derive(Clone, Default)]
pub struct Log {
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    settings: RwLock<Option<LogSettings>>,
    file: Mutex<Option<File>>,
}

/// Starts logging to standard error. The file follows with [`Log::configure`], when the
/// configuration is known.
#[must_use]
pub fn start(screen: Screen) -> Log {
    let log = Log::default();
    let file = FileLayer(log.clone());
    let registry = tracing_subscriber::registry().with(file);
    let stderr = tracing_subscriber::fmt::layer().with_writer(std::io::stderr).with_target(false);
    // A second start (tests in one process) keeps the first: nothing is lost by it.
    let _ = if screen.json {
        registry.with(stderr.json().flatten_event(true).with_filter(OwnOnly(screen.level))).try_init()
    } else {
        registry.with(stderr.with_ansi(screen.colour).with_filter(OwnOnly(screen.level))).try_init()
    };
    log
}

impl Log {
    /// Uses these settings from now on.
    ///
    /// # Errors
    /// When the file cannot be opened; standard error still has everything.
    pub fn configure(&self, settings: &LogSettings) -> std::io::Result<()> {
        *self.shared.settings.write().unwrap_or_else(PoisonError::into_inner) = Some(settings.clone());
        self.reopen()
    }

    /// Opens the file anew, as after a rotation.
    ///
    /// # Errors
    /// When it cannot be opened.
    pub fn reopen(&self) -> std::io::Result<()> {
        let path = self.path();
        let file = path.as_deref().map(open).transpose();
        let mut slot = self.shared.file.lock().unwrap_or_else(PoisonError::into_inner);
        *slot = file.as_ref().ok().and_then(|file| file.as_ref()?.try_clone().ok());
        file.map(drop)
    }

    fn path(&self) -> Option<PathBuf> {
        let settings = self.shared.settings.read().unwrap_or_else(PoisonError::into_inner);
        settings.as_ref()?.file.clone()
    }

    fn takes(&self, level: tracing::Level) -> bool {
        let settings = self.shared.settings.read().unwrap_or_else(PoisonError::into_inner);
        settings.as_ref().is_some_and(|settings| level <= filter(settings.level))
    }
}

/// The filter of a configured level.
#[must_use]
pub const fn filter(level: Level) -> LevelFilter {
    match level {
        Level::Off => LevelFilter::OFF,
        Level::Error => LevelFilter::ERROR,
        Level::Warn => LevelFilter::WARN,
        Level::Info => LevelFilter::INFO,
        Level::Debug => LevelFilter::DEBUG,
    }
}

fn open(path: &Path) -> std::io::Result<File> {
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        std::fs::create_dir_all(folder)?;
    }
    OpenOptions::new().create(true).append(true).open(path)
}

/// Libraries below us log at debug what may hold addresses and answers; only our own lines pass.
fn is_own(target: &str) -> bool {
    target.starts_with("log_monitor")
}

struct OwnOnly(LevelFilter);

impl<S> tracing_subscriber::layer::Filter<S> for OwnOnly {
    fn enabled(&self, metadata: &tracing::Metadata<'_>, _: &Context<'_, S>) -> bool {
        is_own(metadata.target()) && *metadata.level() <= self.0
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(self.0)
    }
}

struct FileLayer(Log);

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for FileLayer {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let metadata = event.metadata();
        if !is_own(metadata.target()) || !self.0.takes(*metadata.level()) {
            return;
        }
        let mut message = Message(String::new());
        event.record(&mut message);
        let line = line(&Local::now().format("%Y/%m/%d %H:%M:%S").to_string(), metadata, &message.0);
        if let Some(file) = self.0.shared.file.lock().unwrap_or_else(PoisonError::into_inner).as_mut() {
            // A log that cannot be written must not stop what it logs.
            let _ = file.write_all(line.as_bytes());
        }
    }
}

/// One line of the original's format; further lines of a message are indented under it.
fn line(time: &str, metadata: &tracing::Metadata<'_>, message: &str) -> String {
    let name = name(metadata.target());
    let level = match *metadata.level() {
        tracing::Level::WARN => "WARNING",
        tracing::Level::TRACE => "DEBUG",
        level => level.as_str(),
    };
    let message = log_monitor_channels::text::plain(message.trim_end()).replace('\n', "\n    ");
    format!("{time} {name}: {level} - {message}\n")
}

/// `Monitor` for `log_monitor::monitor::gather`, `Channels` for anything of that crate.
fn name(target: &str) -> String {
    let module = match target.strip_prefix("log_monitor::") {
        Some(rest) => rest.split("::").next().unwrap_or(rest),
        None if target.starts_with("log_monitor_channels") => "channels",
        None => "log-monitor",
    };
    let mut letters = module.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

struct Message(String);

impl Visit for Message {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        let _ = match field.name() {
            "message" => write!(self.0, "{value:?}"),
            name => write!(self.0, " {name}={value:?}"),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_the_parts() {
        assert_eq!(name("log_monitor::monitor::gather"), "Monitor");
        assert_eq!(name("log_monitor_channels::log"), "Channels");
        assert_eq!(name("log_monitor"), "Log-monitor");
    }

    #[test]
    fn the_file_has_the_lines_of_the_original_and_keeps_the_level() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log-files/log_monitoring.log");
        let log = Log::default();
        log.configure(&LogSettings { file: Some(path.clone()), level: Level::Warn }).unwrap();
        let subscriber = tracing_subscriber::registry().with(FileLayer(log));
        tracing::subscriber::with_default(subscriber, || {
            tracing::warn!("first\nsec\u{1b}ond");
            tracing::info!("not this");
        });
        let text = std::fs::read_to_string(path).unwrap();
        let (time, rest) = text.split_at(19);
        assert!(chrono::NaiveDateTime::parse_from_str(time, "%Y/%m/%d %H:%M:%S").is_ok(), "{text}");
        assert_eq!(rest, " Logging: WARNING - first\n    sec ond\n");
    }
}
