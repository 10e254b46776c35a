//! A notifier that writes down what it is handed and answers what it is told to.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;

use crate::error::DeliveryError;
use crate::notification::{Notification, Receipt};
use crate::notifier::Notifier;

/// Clones share one script and one record.
///
/// ```
/// use log_monitor_channels::testing::Recorder;
/// use log_monitor_channels::{DeliveryError, Notifier, Reason, conformance::sample};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let recorder = Recorder::new();
/// recorder.script([Err(DeliveryError::transient(Reason::Server, "try later"))]);
/// assert!(recorder.notify(&sample()).await.is_err());
/// assert_eq!(recorder.notify(&sample()).await.unwrap().line, "recorded as number 2");
/// assert_eq!(recorder.received().len(), 2);
/// # }
/// ```
#[derive(Debug, Clone, Default)]
pub struct Recorder {
    shared: Arc<Mutex<Shared>>,
}

#[derive(Debug, Default)]
struct Shared {
    script: VecDeque<Result<Receipt, DeliveryError>>,
    always: Option<DeliveryError>,
    probed: u32,
    probe: Option<DeliveryError>,
    received: Vec<Notification>,
}

impl Recorder {
    /// Accepts everything.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Answers the next tries with these, then accepts again.
    pub fn script(&self, answers: impl IntoIterator<Item = Result<Receipt, DeliveryError>>) {
        self.lock().script.extend(answers);
    }

    /// Fails every try that no script covers, until `None` is given.
    pub fn fail_always(&self, error: Option<DeliveryError>) {
        self.lock().always = error;
    }

    /// Fails every probe, until `None` is given.
    pub fn fail_probes(&self, error: Option<DeliveryError>) {
        self.lock().probe = error;
    }

    /// How many times it was probed.
    #[must_use]
    pub fn probed(&self) -> u32 {
        self.lock().probed
    }

    /// Every try so far, refused ones too.
    #[must_use]
    pub fn received(&self) -> Vec<Notification> {
        self.lock().received.clone()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Shared> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Notifier for Recorder {
    async fn notify(&self, notification: &Notification) -> Result<Receipt, DeliveryError> {
        let mut shared = self.lock();
        shared.received.push(notification.clone());
        let number = shared.received.len();
        let receipt = Receipt {
            reference: serde_json::json!({ "number": number }),
            ..Receipt::line(format!("recorded as number {number}"))
        };
        match shared.script.pop_front() {
            Some(answer) => answer,
            None => shared.always.clone().map_or(Ok(receipt), Err),
        }
    }

    async fn probe(&self) -> Result<(), DeliveryError> {
        let mut shared = self.lock();
        shared.probed += 1;
        shared.probe.clone().map_or(Ok(()), Err)
    }
}
