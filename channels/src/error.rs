//! How a try can fail. The framework decides by the variant alone what happens next.

use std::time::Duration;

use crate::http::wait_of;

/// Why a try did not end in acceptance.
///
/// The text is for people and is journalled and sent: it must hold no URL, token or address.
///
/// ```
/// use std::time::Duration;
/// use log_monitor_channels::{DeliveryError, Reason};
///
/// // A vendor that says in the text of its answer how long to wait, and one that never does.
/// let limited = DeliveryError::transient(Reason::RateLimited, "rate limited").waiting(Some(2.5));
/// let silent = DeliveryError::transient(Reason::RateLimited, "rate limited").or_wait(Duration::from_secs(60));
/// for (error, seconds) in [(limited, 2.5), (silent, 60.0)] {
///     assert!(matches!(error, DeliveryError::Transient { retry_after: Some(wait), .. } if wait.as_secs_f64() == seconds));
/// }
/// ```
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DeliveryError {
    /// It may work later: network, timeout, 408, 425, 429, 5xx, SMTP 4xx.
    #[error("{detail}")]
    Transient {
        /// For metrics.
        reason: Reason,
        /// For people.
        detail: String,
        /// How long the vendor asked us to wait. Holds the whole channel, not only this message.
        retry_after: Option<Duration>,
    },
    /// The vendor will never take *this* message: too large, bad format. The framework sends the
    /// plain short form once, then moves on.
    #[error("{detail}")]
    PermanentMessage {
        /// For metrics.
        reason: Reason,
        /// For people.
        detail: String,
    },
    /// The vendor will take nothing from this channel until somebody repairs it: bad token, gone.
    #[error("{detail}")]
    PermanentChannel {
        /// For metrics.
        reason: Reason,
        /// For people.
        detail: String,
    },
}

impl DeliveryError {
    /// A failure that may pass.
    pub fn transient(reason: Reason, detail: impl Into<String>) -> Self {
        Self::Transient { reason, detail: detail.into(), retry_after: None }
    }

    /// A message that will never be taken.
    pub fn permanent_message(reason: Reason, detail: impl Into<String>) -> Self {
        Self::PermanentMessage { reason, detail: detail.into() }
    }

    /// A channel that needs repair.
    pub fn permanent_channel(reason: Reason, detail: impl Into<String>) -> Self {
        Self::PermanentChannel { reason, detail: detail.into() }
    }

    /// The same with the wait that the text of the answer asks for, in seconds, where no header did;
    /// capped at [`MAX_RETRY_AFTER`](crate::http::MAX_RETRY_AFTER).
    #[must_use]
    pub fn waiting(mut self, seconds: Option<f64>) -> Self {
        if let Self::Transient { retry_after: wait @ None, .. } = &mut self {
            *wait = seconds.and_then(wait_of);
        }
        self
    }

    /// The same, but a rate limit whose vendor named no wait gets this one.
    #[must_use]
    pub fn or_wait(self, wait: Duration) -> Self {
        match self {
            Self::Transient { reason: Reason::RateLimited, detail, retry_after: None } => {
                Self::Transient { reason: Reason::RateLimited, detail, retry_after: Some(wait) }
            }
            other => other,
        }
    }

    /// The word for metrics and JSON.
    #[must_use]
    pub const fn reason(&self) -> Reason {
        match self {
            Self::Transient { reason, .. }
            | Self::PermanentMessage { reason, .. }
            | Self::PermanentChannel { reason, .. } => *reason,
        }
    }
}

/// A closed set of reasons, so that they can be counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Reason {
    /// No connection.
    Network,
    /// The connection broke after something was sent: the vendor may have the message.
    Broken,
    /// No answer in time.
    Timeout,
    /// Certificates or protocol of TLS.
    Tls,
    /// Told to slow down.
    RateLimited,
    /// Credentials refused, or not enough rights.
    Auth,
    /// The address exists no more: channel, webhook, mailbox.
    Gone,
    /// Larger than the vendor takes.
    TooLarge,
    /// Refused as malformed.
    Rejected,
    /// The vendor has trouble of its own.
    Server,
    /// The answer was not what the vendor documents.
    UnexpectedAnswer,
    /// A local program failed, or what is configured here makes no request.
    Local,
}

impl Reason {
    /// Every reason.
    pub const ALL: [Self; 12] = [
        Self::Network,
        Self::Broken,
        Self::Timeout,
        Self::Tls,
        Self::RateLimited,
        Self::Auth,
        Self::Gone,
        Self::TooLarge,
        Self::Rejected,
        Self::Server,
        Self::UnexpectedAnswer,
        Self::Local,
    ];

    /// Whether the vendor may have taken the message all the same, so that the next try may be a
    /// duplicate.
    #[must_use]
    pub const fn may_have_arrived(self) -> bool {
        matches!(self, Self::Timeout | Self::Broken)
    }

    /// The contract name, such as `rate_limited`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Network => "network",
            Self::Broken => "broken",
            Self::Timeout => "timeout",
            Self::Tls => "tls",
            Self::RateLimited => "rate_limited",
            Self::Auth => "auth",
            Self::Gone => "gone",
            Self::TooLarge => "too_large",
            Self::Rejected => "rejected",
            Self::Server => "server",
            Self::UnexpectedAnswer => "unexpected_answer",
            Self::Local => "local",
        }
    }
}

/// A channel that could not be built although its configuration is valid. Free of secrets.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct BuildError(pub String);
