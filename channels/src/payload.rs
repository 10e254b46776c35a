//! The JSON that `webhook` posts and `exec` writes to its program. Its shape is a contract: fields
//! are added, never changed, and `version` says when one has to be.

use chrono::{DateTime, Utc};
use serde::Serialize;

use crate::event::{Event, Severity};
use crate::notification::{Link, MessageKind, Notification};

/// A message as programs get it.
#[derive(Debug, Serialize)]
pub struct Payload<'a> {
    /// Of this shape: 1.
    pub version: u32,
    /// `firing`, `reminder`, `resolved` or `notice`.
    pub kind: MessageKind,
    /// Sent by `channels test`.
    pub test: bool,
    /// `info` to `critical`.
    pub severity: Severity,
    /// One line that alone tells what happened.
    pub title: &'a str,
    /// The rest, plain text. Absent in the short form.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub body: Option<&'a str>,
    /// Where people see more. Absent when there is nothing.
    #[serde(skip_serializing_if = "<[Link]>::is_empty")]
    pub links: &'a [Link],
    /// The name of this installation.
    pub installation: &'a str,
    /// When the message was written.
    pub created_at: DateTime<Utc>,
    /// The same for every try.
    pub idempotency_key: &'a str,
    /// From 1.
    pub attempt: u32,
    /// An earlier try may have arrived.
    pub possible_duplicate: bool,
    /// Why a channel before this one was not enough.
    pub fallback_reason: Option<&'a str>,
    /// The facts. Absent in the short form.
    #[serde(skip_serializing_if = "<[Event]>::is_empty")]
    pub events: &'a [Event],
}

impl<'a> Payload<'a> {
    /// What a notification is to a program.
    #[must_use]
    pub fn of(notification: &'a Notification) -> Self {
        let full = !notification.short;
        Self {
            version: 1,
            kind: notification.kind,
            test: notification.test,
            severity: notification.severity,
            title: &notification.title,
            body: full.then_some(&notification.body),
            links: &notification.links,
            installation: &notification.installation,
            created_at: notification.created_at,
            idempotency_key: &notification.idempotency_key,
            attempt: notification.attempt,
            possible_duplicate: notification.possible_duplicate,
            fallback_reason: notification.fallback_reason.as_deref(),
            events: if full { &notification.events } else { &[] },
        }
    }

    /// As bytes of JSON.
    ///
    /// # Errors
    /// Never in practice: every field has a JSON form.
    pub fn json(&self) -> Result<Vec<u8>, serde_json::Error> {
        serde_json::to_vec(self)
    }
}
