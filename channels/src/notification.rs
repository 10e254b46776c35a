//! What a notifier is handed, and what it hands back.

mod medium;
mod shown;

use std::time::Duration;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::event::{Event, Severity};
pub use medium::Medium;
pub use shown::Tone;

/// The part a message plays in an incident's life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MessageKind {
    /// Something began.
    Firing,
    /// It still goes on.
    Reminder,
    /// It is over. Answers a [`Firing`](Self::Firing).
    Resolved,
    /// It happened, and nothing will end it.
    Notice,
}

impl MessageKind {
    /// The contract name, such as `firing`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Firing => "firing",
            Self::Reminder => "reminder",
            Self::Resolved => "resolved",
            Self::Notice => "notice",
        }
    }

    /// The kind of that contract name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Firing, Self::Reminder, Self::Resolved, Self::Notice]
            .into_iter()
            .find(|kind| kind.name() == name)
    }
}

/// One message for one channel, rendered, with all that a vendor may want to know.
///
/// `title` and `body` are plain text in which agent names are already on one line and free of
/// control characters; escaping them for the medium (mrkdwn, HTML, headers) is the notifier's job.
///
/// ```
/// use log_monitor_channels::{Link, Notification, conformance};
///
/// let link = Link { title: "Dashboard".to_owned(), url: "https://wazuh.example/?id=007".to_owned() };
/// let notification = Notification { links: vec![link], ..conformance::sample() };
/// assert_eq!(notification.marked_title(80), "🔴 Silent: 007 db-03, no logs for 16 min");
/// assert!(notification.text(500).ends_with("\nDashboard: https://wazuh.example/?id=007"));
/// assert!(notification.footer().starts_with("log-monitor on test, 2026-01-01"));
/// ```
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Notification {
    /// The same for every try of this delivery, also after a restart. Pass it on where the vendor
    /// takes one: `Idempotency-Key`, `Message-ID`, `dedup_key`, a transaction id.
    pub idempotency_key: String,
    /// The part it plays.
    pub kind: MessageKind,
    /// Sent by `channels test`, not by an event: the title says so too.
    pub test: bool,
    /// The highest severity among the events.
    pub severity: Severity,
    /// One line that alone tells who, what and since when.
    pub title: String,
    /// The rest, plain text with `\n` line ends, without the links. Never empty. Take it from
    /// [`text`](Self::text), which shortens it and adds them.
    pub body: String,
    /// The end of `body` that is kept where that is cut, such as why it came this way. Empty where there is none.
    pub below: String,
    /// Where people see more, the most useful first.
    pub links: Vec<Link>,
    /// The name of this installation of log-monitor.
    pub installation: String,
    /// When the message was written (not this try).
    pub created_at: DateTime<Utc>,
    /// The facts behind it, in the journal's order. Never empty.
    pub events: Vec<Event>,
    /// 1 for the first try of this delivery.
    pub attempt: u32,
    /// An earlier try was cut off (by a crash, a timeout, a broken connection), so the vendor may have
    /// this message already.
    pub possible_duplicate: bool,
    /// Why the channel before this one was not enough, such as
    /// `soc (slack) failed: rate limited`. The body says it too.
    pub fallback_reason: Option<String>,
    /// What this same channel answered to the firing, for edits, threads and `References`.
    pub in_reply_to: Option<Receipt>,
    /// The key with which this same channel was told of the firing, also where its answer was lost and the
    /// firing may or may not have arrived. See [`key_of_firing`](Self::key_of_firing).
    pub answers: Option<String>,
    /// Some of its recipients have this message; this is what was said then. It is for the others alone.
    pub rest_of: Option<Receipt>,
    /// A resolution of everything that its firing told: what the vendor shows of it may be closed, or
    /// edited to say that it is over.
    pub all_over: bool,
    /// The vendor refused the full message as such: send the plain short form of it.
    pub short: bool,
    /// What is to be sent as it is, for a kind that has [`Capabilities::payload`](crate::Capabilities::payload):
    /// a template of the configuration wrote it of this message. None in the short form.
    pub payload: Option<Written>,
}

/// What somebody's template made of a message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Written {
    /// What it is, such as `application/json`: good as a header.
    pub content_type: String,
    /// All of it.
    pub text: String,
}

/// How a resolution is shown, where the vendor has both.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OnResolve {
    /// A message of its own, which answers the firing where the vendor has threads.
    #[default]
    Reply,
    /// The firing's own message is changed to say that all of it is over.
    Edit,
}

/// A place to see more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Link {
    /// What is there, on one line: `Dashboard`.
    pub title: String,
    /// Its address, `https` or `http`, percent-encoded.
    pub url: String,
}

/// What the vendor answered when it accepted.
///
/// ```
/// use log_monitor_channels::Receipt;
///
/// let answer = serde_json::json!({ "ok": true, "ts": "1.2", "channel": "C1", "message": { "text": "…" } });
/// let receipt = Receipt::keeping(&answer, &["channel", "ts"], "posted 1.2");
/// assert_eq!(receipt.reference, serde_json::json!({ "channel": "C1", "ts": "1.2" }));
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Receipt {
    /// The vendor's reference, for the kind's own later use (edits, threads). At most 1 KiB as JSON.
    pub reference: serde_json::Value,
    /// One line for people, such as `250 queued as 1abc`. Free of secrets.
    pub line: String,
    /// Only some of several recipients were reached, and others may be later: the framework tries again for
    /// those, with this receipt as [`Notification::rest_of`].
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub rest: bool,
    /// The vendor was told nothing, for there was nothing to tell, such as the end of what it knows nothing of.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub untold: bool,
    /// The vendor takes no further message before this long from now: the framework sends none on the whole
    /// channel until then. It is not kept with the receipt.
    #[serde(skip)]
    pub hold: Option<Duration>,
}

/// The most bytes of an id that is kept; Matrix has the longest, of 255.
const MAX_ID: usize = 300;

impl Receipt {
    /// A receipt with nothing to refer to later.
    #[must_use]
    pub fn line(line: impl Into<String>) -> Self {
        Self { line: line.into(), ..Self::default() }
    }

    /// A receipt for what needed no telling, and why.
    #[must_use]
    pub fn untold(line: impl Into<String>) -> Self {
        Self { untold: true, ..Self::line(line) }
    }

    /// A receipt with what `answer` has under `keys`, to refer to later. What is longer than any id
    /// is left out.
    #[must_use]
    pub fn keeping(answer: &serde_json::Value, keys: &[&str], line: impl Into<String>) -> Self {
        let short = |key: &&str| answer[*key].to_string().len() <= MAX_ID;
        let kept = keys.iter().filter(|key| short(key)).map(|key| ((*key).to_owned(), answer[*key].clone()));
        Self { reference: serde_json::Value::Object(kept.collect()), ..Self::line(line) }
    }
}
