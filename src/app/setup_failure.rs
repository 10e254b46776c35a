//! Telling that log-monitor itself did not come up. There is no daemon then, no journal and maybe
//! no valid configuration: every channel that can be built is tried in order until one accepts.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use chrono::Utc;
use log_monitor_channels::{Event, EventKind, MessageKind, Notification, Severity};

use crate::config::{Diagnostics, Loaded};
use crate::dispatch::channel::{Channels, build_all};
use crate::dispatch::render::{self, Facts, Words};
use crate::monitor::words;
use crate::wording::language::Language;

/// What log-monitor could not start for.
pub struct SetupFailure<'a> {
    /// `configuration` or `journal`.
    pub what: &'static str,
    /// In words free of secrets.
    pub problem: String,
    /// The journal's file; what was told is remembered beside it.
    pub journal: &'a Path,
}

/// Every error in one line each, `FILE:LINE:COLUMN: what`. Free of secrets.
#[must_use]
pub fn in_words(diagnostics: &Diagnostics) -> String {
    let errors = diagnostics.lines().filter(|(warning, _)| !warning);
    errors.map(|(_, line)| line).collect::<Vec<_>>().join("\n")
}

/// Tells that the configuration was refused through the first channel that can be built and takes it.
pub async fn tell_refused(loaded: Loaded) {
    let Ok(http) = log_monitor_channels::http::client() else { return };
    let order: Vec<String> = loaded.usable_channels.iter().map(|table| table.name.clone()).collect();
    let (built, _) = build_all(loaded.usable_channels, &http, &installation());
    let problem = format!("Its configuration was refused:\n{}", in_words(&loaded.diagnostics));
    SetupFailure { what: "configuration", problem, journal: &loaded.journal }.tell(&order, &built).await;
}

impl SetupFailure<'_> {
    /// Tells it through the first channel, in this order, that takes it. Whoever starts log-monitor
    /// again and again (a service manager, a container) is not a reason to tell it as often.
    pub async fn tell(&self, order: &[String], built: &Channels) {
        let told = Told::beside(self.journal);
        if told.lately(&self.problem) {
            return tracing::warn!("told not long ago that the setup failed for this; not told again");
        }
        let mut before = None;
        for name in order {
            let Some(channel) = built.get(name) else { continue };
            match channel.try_once(&notification(self.what, &self.problem, before.as_deref())).await {
                Ok(receipt) => {
                    told.remember(&self.problem);
                    return tracing::warn!("told through {name} that the setup failed ({})", receipt.line);
                }
                Err(error) => {
                    tracing::warn!("cannot tell through {name} that the setup failed: {error}");
                    before = Some(format!("{name} failed: {error}"));
                }
            }
        }
    }
}

/// When the same failed setup is told again. Alertmanager repeats after 4 h as well.
const AGAIN: Duration = Duration::from_secs(4 * 3600);

/// What was told last, in a file whose age says when.
struct Told(PathBuf);

impl Told {
    fn beside(journal: &Path) -> Self {
        Self(journal.with_file_name("setup-failed.txt"))
    }

    fn lately(&self, problem: &str) -> bool {
        let age = std::fs::metadata(&self.0).and_then(|file| file.modified()).map(|at| at.elapsed());
        // A file from the future was written before the clock was set back: its age is unknown.
        matches!(age, Ok(Ok(age)) if age < AGAIN)
            && std::fs::read(&self.0).is_ok_and(|told| told == problem.as_bytes())
    }

    fn remember(&self, problem: &str) {
        let folder = self.0.parent().unwrap_or(Path::new(""));
        if let Err(error) = std::fs::create_dir_all(folder).and_then(|()| std::fs::write(&self.0, problem)) {
            tracing::warn!(
                "cannot write {}, so a failed setup is told at each start: {error}",
                self.0.display()
            );
        }
    }
}

/// The setup is in order: the next failure is news, whatever it is.
pub fn forget(journal: &Path) {
    // Mostly there is nothing to forget.
    let _ = std::fs::remove_file(Told::beside(journal).0);
}

fn installation() -> String {
    hostname::get().unwrap_or_default().to_string_lossy().into_owned()
}

fn notification(what: &str, problem: &str, fallback_reason: Option<&str>) -> Notification {
    let now = Utc::now();
    let event = Event {
        cause: what.to_owned(),
        detail: format!("log-monitor did not start, so nothing is watched. {problem}"),
        labels: BTreeMap::new(),
        ..words::about(what, EventKind::SetupFailed, Severity::High, now.timestamp_millis())
    };
    let facts = Facts { fallback_reason, ..Facts::of(MessageKind::Notice) };
    let words = render::words(std::slice::from_ref(&event), &facts, Language::default());
    let Words { title, body, below } = words.joined();
    Notification {
        idempotency_key: format!("setup-{:016x}", fastrand::u64(..)),
        kind: MessageKind::Notice,
        test: false,
        severity: event.severity,
        title,
        body,
        below,
        installation: installation(),
        created_at: now,
        events: vec![event],
        attempt: 1,
        possible_duplicate: false,
        fallback_reason: fallback_reason.map(str::to_owned),
        in_reply_to: None,
        answers: None,
        rest_of: None,
        all_over: false,
        links: Vec::new(),
        short: false,
        payload: None,
    }
}
