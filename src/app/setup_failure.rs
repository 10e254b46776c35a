//! Telling that log-monitor itself did not come up. There is no daemon then, no journal and maybe
//! no valid configuration: every channel that can be built is tried in order until one accepts.

use std::collections::BTreeMap;

use chrono::Utc;
use log_monitor_channels::{Event, EventKind, MessageKind, Notification, Severity};

use crate::config::ChannelTable;
use crate::config::diagnostics::Diagnostics;
use crate::dispatch::channel::{Channels, build_all};
use crate::dispatch::render::{self, Facts};
use crate::monitor::words;

/// Every error in one line each, `FILE:LINE:COLUMN: what`. Free of secrets.
#[must_use]
pub fn in_words(diagnostics: &Diagnostics) -> String {
    let errors = diagnostics.lines().filter(|(warning, _)| !warning);
    errors.map(|(_, line)| line).collect::<Vec<_>>().join("\n")
}

/// Tells that the configuration was refused through the first channel that can be built and takes it.
pub async fn tell_refused(channels: Vec<ChannelTable>, diagnostics: &Diagnostics) {
    let Ok(http) = log_monitor_channels::http::client() else { return };
    let order: Vec<String> = channels.iter().map(|table| table.name.clone()).collect();
    let (built, _) = build_all(channels, &http, &installation());
    tell(
        &order,
        &built,
        "configuration",
        &format!("Its configuration was refused:\n{}", in_words(diagnostics)),
    )
    .await;
}

/// Tells the problem with `what` through the first channel, in this order, that takes it.
pub async fn tell(order: &[String], built: &Channels, what: &str, problem: &str) {
    let mut before = None;
    for name in order {
        let Some(channel) = built.get(name) else { continue };
        match channel.try_once(&notification(what, problem, before.as_deref())).await {
            Ok(receipt) => {
                return tracing::warn!("told through {name} that the setup failed ({})", receipt.line);
            }
            Err(error) => {
                tracing::warn!("cannot tell through {name} that the setup failed: {error}");
                before = Some(format!("{name} failed: {error}"));
            }
        }
    }
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
    let (title, body) = render::message(std::slice::from_ref(&event), &facts);
    Notification {
        idempotency_key: format!("setup-{:016x}", fastrand::u64(..)),
        kind: MessageKind::Notice,
        test: false,
        severity: event.severity,
        title,
        body,
        installation: installation(),
        created_at: now,
        events: vec![event],
        attempt: 1,
        possible_duplicate: false,
        fallback_reason: fallback_reason.map(str::to_owned),
        in_reply_to: None,
        short: false,
    }
}
