//! What happens, as lines of the log.

use log_monitor_channels::Severity;
use log_monitor_channels::text::one_line;

use crate::record::Recorder;

/// The log is a consumer of the bus like any other: a line for each event.
pub(super) async fn follow(recorder: Recorder, cursor: i64) {
    let mut subscription = recorder.bus.subscribe(recorder.journal.clone(), cursor);
    loop {
        let event = match subscription.next().await {
            Ok(Some(event)) => event,
            Ok(None) => return,
            Err(error) => {
                tracing::error!("log of events: {error}");
                continue;
            }
        };
        let who = event.entity.as_ref().map_or_else(
            || event.scope.clone(),
            |entity| one_line(&format!("{} {}", entity.id, entity.label), 120),
        );
        let (kind, cause, detail) = (event.kind, &event.cause, &event.detail);
        match event.severity {
            _ if kind.closes() => tracing::info!("{kind} {who}: {detail}"),
            Severity::High | Severity::Critical => tracing::error!("{kind} {who} ({cause}): {detail}"),
            _ => tracing::warn!("{kind} {who} ({cause}): {detail}"),
        }
    }
}
