//! What all HTTP channels share: one client, one reading of statuses, capped answers.

mod client;
mod header;
mod login;
mod proxy;
mod url;

use std::time::Duration;

use chrono::{DateTime, Utc};
use reqwest::header::{AUTHORIZATION, HeaderMap, RETRY_AFTER};
use reqwest::{Request, RequestBuilder, StatusCode};

use crate::error::{DeliveryError, Reason};
use crate::notification::Receipt;
use crate::secret::Secret;
use crate::text::one_line;
use crate::tls;

pub use client::{client, client_builder, client_with, install_tls_provider, own_client};
pub use header::{check_header, check_secret_header};
pub use login::Login;
pub use proxy::Proxy;
pub use url::{below, check_url, host_of, parse_url};

/// The most of an answer that is read, in bytes. No vendor's receipt is near it.
pub const MAX_ANSWER: usize = 64 * 1024;

/// The longest wait that a vendor may ask for; a larger Retry-After is cut to it.
pub const MAX_RETRY_AFTER: Duration = Duration::from_secs(3600);

/// An answer, read up to [`MAX_ANSWER`].
#[derive(Debug)]
pub struct Answer {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The text, replacement characters where it was not UTF-8, without the login of the request.
    pub body: String,
}

impl Answer {
    /// The text as JSON, `Null` when it is none.
    #[must_use]
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap_or_default()
    }
}

/// Sends one request and reads its answer. The login in its header is taken out of the text, in the form in
/// which it was sent: in Basic (RFC 7617), user and password are no text that a kind knows.
///
/// # Errors
/// Transient, without the URL, when there was no whole answer within `timeout`; permanent when the request
/// cannot even be made.
pub async fn send(request: RequestBuilder, timeout: Duration) -> Result<Answer, DeliveryError> {
    let (client, request) = request.timeout(timeout).build_split();
    let request = request.map_err(request_error)?;
    let login = login_of(&request);
    let mut response = client.execute(request).await.map_err(request_error)?;
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(request_error)? {
        body.extend_from_slice(&chunk);
        if body.len() >= MAX_ANSWER {
            body.truncate(MAX_ANSWER);
            break;
        }
    }
    let text = String::from_utf8_lossy(&body);
    Ok(Answer {
        status: response.status(),
        headers: response.headers().clone(),
        body: login.map_or_else(|| text.to_string(), |login| login.redact(&text)),
    })
}

/// The login of a request, as its header says it after the scheme: base64 of user and password in Basic (RFC 7617).
#[must_use]
pub fn login_of(request: &Request) -> Option<Secret> {
    let header = request.headers().get(AUTHORIZATION)?.to_str().ok()?;
    Some(Secret::new(header.split_once(' ').map_or(header, |(_, login)| login)))
}

/// What a failed request means, in words without its URL.
fn request_error(error: reqwest::Error) -> DeliveryError {
    let error = error.without_url();
    let cause = innermost(&error);
    if error.is_builder() {
        let detail = format!("nothing was sent, for the configuration makes no request: {cause}");
        DeliveryError::permanent_channel(Reason::Local, detail)
    } else if error.is_connect() && error.is_timeout() {
        DeliveryError::transient(Reason::Network, "cannot connect in time")
    } else if error.is_timeout() {
        DeliveryError::transient(Reason::Timeout, "no answer in time")
    } else if let found @ Some(_) = tls::rustls_error(&error).filter(|error| tls::wants_to_know_us(error)) {
        DeliveryError::transient(Reason::Tls, format!("TLS: {}", tls::trouble(found)))
    } else if cause.contains("certificate") || cause.contains("TLS") {
        DeliveryError::transient(Reason::Tls, format!("TLS: {cause}"))
    } else if error.is_connect() {
        DeliveryError::transient(Reason::Network, format!("cannot connect: {cause}"))
    } else {
        DeliveryError::transient(Reason::Broken, format!("connection broke: {cause}"))
    }
}

/// The text of the error at the bottom, which is the one that says something.
pub fn innermost(error: &dyn std::error::Error) -> String {
    let mut deepest = error;
    while let Some(source) = deepest.source() {
        deepest = source;
    }
    one_line(&deepest.to_string(), 200)
}

/// Success, or what the status means by the rules that HTTP vendors share. `quote` is the part of
/// the answer worth repeating; redact it first.
///
/// ```
/// use log_monitor_channels::http::{Answer, check_status};
/// use log_monitor_channels::{DeliveryError, Reason};
///
/// let answer = |status: u16| Answer {
///     status: status.try_into().unwrap(),
///     headers: reqwest::header::HeaderMap::new(),
///     body: String::new(),
/// };
/// let error = |status| check_status(&answer(status), "no such hook", chrono::Utc::now()).unwrap_err();
/// assert_eq!(error(404), DeliveryError::permanent_channel(Reason::Gone, "HTTP 404 Not Found: no such hook"));
/// assert!(matches!(error(503), DeliveryError::Transient { .. }));
/// assert!(matches!(error(422), DeliveryError::PermanentMessage { .. }));
/// ```
///
/// # Errors
/// For every status outside 200–299.
pub fn check_status(answer: &Answer, quote: &str, now: DateTime<Utc>) -> Result<(), DeliveryError> {
    let status = answer.status;
    let detail = match one_line(quote, 200) {
        quote if quote.is_empty() => format!("HTTP {status}"),
        quote => format!("HTTP {status}: {quote}"),
    };
    match status.as_u16() {
        200..=299 => Ok(()),
        429 => Err(DeliveryError::Transient {
            reason: Reason::RateLimited,
            detail: format!("rate limited ({detail})"),
            retry_after: retry_after(&answer.headers, now),
        }),
        408 | 425 | 500..=599 => Err(DeliveryError::Transient {
            reason: Reason::Server,
            detail,
            retry_after: retry_after(&answer.headers, now),
        }),
        401 | 403 | 407 => Err(DeliveryError::permanent_channel(Reason::Auth, detail)),
        404 | 410 => Err(DeliveryError::permanent_channel(Reason::Gone, detail)),
        413 => Err(DeliveryError::permanent_message(Reason::TooLarge, detail)),
        300..=399 => Err(DeliveryError::permanent_channel(Reason::UnexpectedAnswer, detail)),
        _ => Err(DeliveryError::permanent_message(Reason::Rejected, detail)),
    }
}

/// The receipt of a vendor that says `ok`, and nothing else, where it accepts. `said` is its redacted answer.
///
/// # Errors
/// When it says anything else.
pub fn said_ok(answer: &Answer, said: &str) -> Result<Receipt, DeliveryError> {
    match said {
        "ok" => Ok(Receipt::line("ok")),
        other => Err(DeliveryError::transient(
            Reason::UnexpectedAnswer,
            format!("HTTP {} with \"{other}\" in place of \"ok\"", answer.status),
        )),
    }
}

/// A success by its status whose text is not what `vendor` documents, such as the login page of a proxy.
#[must_use]
pub fn unexpected(vendor: &str) -> DeliveryError {
    DeliveryError::transient(Reason::UnexpectedAnswer, format!("the answer is not what {vendor} documents"))
}

/// The wait that a Retry-After header asks for, in seconds or as a date (RFC 9110 §10.2.3),
/// capped at [`MAX_RETRY_AFTER`]. A date in the past is no wait.
#[must_use]
pub fn retry_after(headers: &HeaderMap, now: DateTime<Utc>) -> Option<Duration> {
    let value = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    let wait = match value.parse::<u64>() {
        Ok(seconds) => Duration::from_secs(seconds),
        Err(_) => {
            let date = DateTime::parse_from_rfc2822(value).ok()?;
            (date.with_timezone(&Utc) - now).to_std().unwrap_or_default()
        }
    };
    Some(wait.min(MAX_RETRY_AFTER))
}

/// The wait of so many seconds, capped at [`MAX_RETRY_AFTER`]; none of what is no number.
#[must_use]
pub fn wait_of(seconds: f64) -> Option<Duration> {
    Duration::try_from_secs_f64(seconds.clamp(0.0, MAX_RETRY_AFTER.as_secs_f64())).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(value: &str) -> HeaderMap {
        HeaderMap::from_iter([(RETRY_AFTER, value.parse().unwrap())])
    }

    #[tokio::test]
    async fn a_request_that_cannot_be_made_needs_a_repair_and_was_never_sent() {
        let request = client().unwrap().get("https://a.example").bearer_auth("S3cret\nTOKEN");
        let error = send(request, Duration::from_secs(1)).await.unwrap_err();
        assert!(matches!(error, DeliveryError::PermanentChannel { reason: Reason::Local, .. }), "{error:?}");
        assert!(!error.to_string().contains("S3cret") && !error.reason().may_have_arrived(), "{error}");
    }

    #[test]
    fn retry_after_is_read_as_seconds_and_as_date() {
        let now = DateTime::parse_from_rfc3339("2026-01-01T00:00:00Z").unwrap().with_timezone(&Utc);
        let wait = |value| retry_after(&header(value), now).map(|wait| wait.as_secs());
        assert_eq!(wait("30"), Some(30));
        assert_eq!(wait("Thu, 01 Jan 2026 00:01:00 GMT"), Some(60));
        assert_eq!(wait("Wed, 31 Dec 2025 00:00:00 GMT"), Some(0));
        assert_eq!(wait("999999"), Some(3600));
        assert_eq!(wait("soon"), None);
    }
}
