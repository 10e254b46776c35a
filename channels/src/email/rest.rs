//! What is still to be sent where the server took a mail for some of its recipients only.

use lettre::message::Mailbox;
use ring::digest::{SHA256, digest};
use serde_json::json;

use crate::error::{DeliveryError, Reason};
use crate::notification::{Notification, Receipt};

/// The most recipients that a receipt can name, which has a kibibyte.
const MOST: usize = 50;

/// The places of those who are to get it: everybody, or whom an earlier try did not reach.
pub fn recipients(notification: &Notification, all: &[Mailbox]) -> Vec<usize> {
    let waiting = notification.rest_of.as_ref().map(|receipt| &receipt.reference["waiting"]);
    let waits = |mailbox: &Mailbox| match waiting.and_then(|waiting| waiting.as_array()) {
        Some(names) => names.iter().any(|name| *name == name_of(mailbox)),
        None => waiting.is_none(),
    };
    all.iter().enumerate().filter(|(_, mailbox)| waits(mailbox)).map(|(place, _)| place).collect()
}

/// A receipt that remembers who may be reached `later`.
pub fn receipt(message_id: &str, line: &str, later: &[&Mailbox]) -> Receipt {
    let waiting: Vec<String> = later.iter().take(MOST).map(|mailbox| name_of(mailbox)).collect();
    let mut reference = json!({ "message_id": message_id });
    if !waiting.is_empty() {
        reference["waiting"] = json!(waiting);
    }
    Receipt { reference, rest: !waiting.is_empty(), ..Receipt::line(line) }
}

/// A failure for the rest of a message: that somebody is refused for good says nothing of the channel, which has
/// taken it for others.
pub fn of_some(notification: &Notification, error: DeliveryError) -> DeliveryError {
    match error {
        DeliveryError::PermanentChannel { reason: reason @ (Reason::Gone | Reason::Rejected), detail }
            if notification.rest_of.is_some() =>
        {
            DeliveryError::PermanentMessage { reason, detail }
        }
        other => other,
    }
}

/// A mailbox by eight digits of its digest: receipts hold no address, and places change with the configuration.
fn name_of(mailbox: &Mailbox) -> String {
    let digest = digest(&SHA256, mailbox.email.to_string().as_bytes());
    digest.as_ref().iter().take(4).map(|byte| format!("{byte:02x}")).collect()
}
