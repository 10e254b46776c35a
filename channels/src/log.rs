//! Kind `log`: the message as a line in log-monitor's own log. It cannot fail, so it is also what
//! remains when every other channel did.

use async_trait::async_trait;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::error::{BuildError, DeliveryError};
use crate::event::Severity;
use crate::notification::{MessageKind, Notification, Receipt};
use crate::notifier::{Capabilities, ChannelKind, Context, Notifier};
use crate::text;

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

    fn capabilities() -> Capabilities {
        Capabilities { reaches_people: false, ..Capabilities::default() }
    }

    fn build(_: LogConfig, context: &Context) -> Result<Box<dyn Notifier>, BuildError> {
        Ok(Box::new(Self { name: context.name.clone() }))
    }
}

#[async_trait]
impl Notifier for Log {
    async fn notify(&self, notification: &Notification) -> Result<Receipt, DeliveryError> {
        let title = text::one_line(&notification.title, usize::MAX);
        // Indented, so that no line of it can pass for an entry of its own.
        let body = text::plain(&notification.text(usize::MAX)).replace('\n', "\n    ");
        match (notification.kind, notification.severity) {
            (MessageKind::Firing | MessageKind::Reminder, severity) if severity >= Severity::High => {
                tracing::error!(channel = self.name, "{title}\n    {body}");
            }
            (MessageKind::Firing | MessageKind::Reminder, _) => {
                tracing::warn!(channel = self.name, "{title}\n    {body}");
            }
            _ => tracing::info!(channel = self.name, "{title}\n    {body}"),
        }
        Ok(Receipt::line("written to the log"))
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::sync::{Arc, Mutex};

    use super::*;
    use crate::conformance::{Arrival, FarEnd, Scene, conforms};

    /// Whoever reads the log.
    #[derive(Clone, Default)]
    struct Reader(Arc<Mutex<Vec<String>>>);

    impl FarEnd for Reader {
        fn accept(&self) {}

        /// It cannot fail.
        fn scenes(&self) -> Vec<Scene<'_>> {
            Vec::new()
        }

        fn arrived(&self) -> Vec<Arrival> {
            let events = std::mem::take(&mut *self.0.lock().unwrap());
            let arrival = |text: String| {
                let controls = text.contains(|c: char| c.is_control() && c != '\n');
                let forged = text.lines().skip(1).any(|line| !line.starts_with(' '));
                let harm = (controls || forged).then(|| text.clone());
                Arrival { size: text.len(), text, harm, ..Arrival::default() }
            };
            events.into_iter().map(arrival).collect()
        }
    }

    impl Write for Reader {
        fn write(&mut self, event: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().push(String::from_utf8_lossy(event).into_owned());
            Ok(event.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[tokio::test]
    async fn it_conforms() {
        let reader = Reader::default();
        let writer = reader.clone();
        let log = tracing_subscriber::fmt().with_ansi(false).with_writer(move || writer.clone()).finish();
        let _guard = tracing::subscriber::set_default(log);
        conforms::<Log>(&reader, "", &[]).await;
    }
}
