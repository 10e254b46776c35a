//! A configured channel that was built, and one guarded try on it.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use log_monitor_channels::{Context, DeliveryError, Notification, Notifier, Reason, Receipt};

use super::budget::Limits;
use crate::config::{ChannelTable, TRY_TIMEOUT};

/// Added to [`TRY_TIMEOUT`] before the framework itself cuts a try off: a notifier's own timeout says
/// better what hung.
const GUARD: Duration = Duration::from_secs(10);

/// A channel that can be sent on.
pub struct Channel {
    /// Its kind.
    pub kind: &'static str,
    /// How many tries may be under way at once.
    pub max_in_flight: usize,
    /// What it may be sent, and how.
    pub limits: Limits,
    /// How often it must hear that something goes on, if at all.
    pub keep_alive: Option<Duration>,
    /// What sends.
    pub notifier: Box<dyn Notifier>,
}

/// Channels by name.
pub type Channels = BTreeMap<String, Arc<Channel>>;

/// Builds every channel; those that cannot be built are returned with the reason.
pub fn build_all(
    tables: Vec<ChannelTable>,
    http: &reqwest::Client,
    installation: &str,
) -> (Channels, Vec<(String, String)>) {
    let (mut built, mut failed) = (Channels::new(), Vec::new());
    for table in tables {
        let ChannelTable {
            name,
            kind,
            max_in_flight,
            budgets,
            resolve,
            edit,
            max_body,
            keep_alive,
            decoded,
            ..
        } = table;
        let context = Context {
            name: name.clone(),
            http: http.clone(),
            installation: installation.to_owned(),
            timeout: TRY_TIMEOUT,
        };
        match decoded.build(&context) {
            Ok(notifier) => {
                let limits = Limits { budgets, resolve, edit, max_body };
                built.insert(name, Arc::new(Channel { kind, max_in_flight, limits, keep_alive, notifier }));
            }
            Err(error) => failed.push((name, error.to_string())),
        }
    }
    (built, failed)
}

impl Channel {
    /// Makes one try that ends in bounded time, whatever the notifier does, with no more text than its kind takes.
    ///
    /// # Errors
    /// As the notifier; a panic and a hang are transient failures of ours.
    pub async fn try_once(&self, notification: &Notification) -> Result<Receipt, DeliveryError> {
        let notification = within(notification, self.limits.max_body);
        bounded(self.notifier.notify(&notification)).await
    }

    /// Probes in bounded time, too.
    ///
    /// # Errors
    /// As [`try_once`](Self::try_once).
    pub async fn probe(&self) -> Result<(), DeliveryError> {
        bounded(self.notifier.probe()).await
    }
}

/// With a body of at most `max` characters. What says most is kept: title and links stand apart from it, and why it
/// came this way is cut last.
fn within(notification: &Notification, max: Option<usize>) -> Cow<'_, Notification> {
    match max.filter(|max| notification.body.chars().nth(*max).is_some()) {
        Some(max) => Cow::Owned(notification.with_body_within(max)),
        None => Cow::Borrowed(notification),
    }
}

async fn bounded<T>(
    work: impl Future<Output = Result<T, DeliveryError>> + Unpin,
) -> Result<T, DeliveryError> {
    match tokio::time::timeout(TRY_TIMEOUT + GUARD, CatchUnwind(AssertUnwindSafe(work))).await {
        Ok(Ok(result)) => result,
        Ok(Err(())) => Err(DeliveryError::transient(Reason::Local, "the channel's code panicked")),
        Err(_) => Err(DeliveryError::transient(Reason::Timeout, "no answer in time")),
    }
}

/// A future whose panic is an answer.
struct CatchUnwind<F>(AssertUnwindSafe<F>);

impl<F: Future + Unpin> Future for CatchUnwind<F> {
    type Output = Result<F::Output, ()>;

    fn poll(
        mut self: std::pin::Pin<&mut Self>,
        context: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Self::Output> {
        let inner = &mut self.0.0;
        std::panic::catch_unwind(AssertUnwindSafe(|| std::pin::Pin::new(inner).poll(context)))
            .map_or(std::task::Poll::Ready(Err(())), |poll| poll.map(Ok))
    }
}

#[cfg(test)]
mod tests {
    use log_monitor_channels::conformance::{oversize, sample};
    use log_monitor_channels::testing::Recorder;

    use super::*;

    #[tokio::test]
    async fn no_kind_is_handed_a_longer_body_than_it_takes() {
        let vendor = Recorder::new();
        let limits = Limits { max_body: Some(60), ..Limits::default() };
        let notifier = Box::new(vendor.clone());
        let channel = Channel { kind: "recorder", max_in_flight: 1, limits, keep_alive: None, notifier };
        channel.try_once(&oversize()).await.unwrap();
        channel.try_once(&sample()).await.unwrap();
        let told = vendor.received();
        assert!(
            told[0].body.starts_with("a line of text\n") && told[0].body.ends_with('…'),
            "{}",
            told[0].body
        );
        assert_eq!((told[0].body.chars().count(), &told[0].title), (60, &oversize().title));
        assert_eq!(told[1], sample());
    }
}
