//! Kind `log`: the message as a line in log-monitor's own log. It cannot fail, so it is also what
//! remains when every other channel did.

use async_trait::async_trait;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::error::{BuildError, DeliveryError};
use crate::event::Severity;
use crate::notification::{MessageKind, Notification, Receipt};
use crate::notifier::{ChannelKind, Context, Notifier};

/// Writes each message to the log.
#[derive(Debug)]
pub struct Log {
    name: String,
}

/// It has no keys of its own.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LogConfig {}

impl ChannelKind for Log {
    const KIND: &'static str = "log";
    type Config = LogConfig;

    fn build(_: LogConfig, context: &Context) -> Result<Box<dyn Notifier>, BuildError> {
        Ok(Box::new(Self { name: context.name.clone() }))
    }
}

#[async_trait]
impl Notifier for Log {
    async fn notify(&self, notification: &Notification) -> Result<Receipt, DeliveryError> {
        let Notification { title, body, .. } = notification;
        match (notification.kind, notification.severity) {
            (MessageKind::Firing | MessageKind::Reminder, severity) if severity >= Severity::High => {
                tracing::error!(channel = self.name, "{title}\n{body}");
            }
            (MessageKind::Firing | MessageKind::Reminder, _) => {
                tracing::warn!(channel = self.name, "{title}\n{body}");
            }
            _ => tracing::info!(channel = self.name, "{title}\n{body}"),
        }
        Ok(Receipt::line("written to the log"))
    }
}
