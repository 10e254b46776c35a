//! HTTP to a server of Wazuh's: one request, and what broke on the way in words for people.

use std::error::Error as StdError;
use std::time::Duration;

use chrono::{DateTime, Utc};
use log_monitor_channels::http::{innermost, retry_after};
use log_monitor_channels::{BuildError, Secret};
use reqwest::header::{DATE, HeaderMap};
use reqwest::{Client, ClientBuilder, RequestBuilder, Response, Url};

use super::handshake;
use crate::source::{SourceError, SourceReason};

/// The most of an answer that is read, in bytes after unpacking. 100,000 agents take about 6 MB.
pub const MAX_ANSWER: usize = 32 * 1024 * 1024;

/// What came back.
#[derive(Debug)]
pub struct Reply {
    /// The HTTP status.
    pub status: u16,
    /// The body, whole.
    pub body: Vec<u8>,
    /// How long to wait before the next request, if it says so: at most an hour.
    pub retry_after: Option<Duration>,
    /// When it was sent by the server's own clock, to the second, if it says so.
    pub date: Option<DateTime<Utc>>,
}

/// The way to one server.
#[derive(Debug)]
pub struct Wire {
    /// Makes requests; [`send`](Wire::send) sends them.
    pub client: Client,
    /// The address that everything is below.
    pub base: Url,
    /// What the server is, for sentences: `indexer`.
    who: &'static str,
    timeout: Duration,
    /// What must not be repeated to anybody.
    secrets: Vec<Secret>,
}

/// An address, or why it is none.
///
/// # Errors
/// Without the address, which may hold a password.
pub fn parsed(url: &str) -> Result<Url, BuildError> {
    Url::parse(url).map_err(|error| BuildError(error.to_string()))
}

impl Wire {
    /// Connects to nothing. A request and its answer may take `timeout`.
    ///
    /// # Errors
    /// When the client cannot be built.
    pub fn new(
        who: &'static str,
        client: ClientBuilder,
        base: Url,
        timeout: Duration,
    ) -> Result<Self, BuildError> {
        let client = client.build().map_err(|error| BuildError(innermost(&error.without_url())))?;
        Ok(Self { client, base, who, timeout, secrets: Vec::new() })
    }

    /// Never repeats this in an error.
    pub fn hide(&mut self, secrets: impl IntoIterator<Item = Secret>) {
        self.secrets.extend(secrets);
    }

    /// `HOST:PORT`, by which people know the server.
    #[must_use]
    pub fn place(&self) -> String {
        let port = self.base.port_or_known_default().unwrap_or_default();
        format!("{}:{port}", self.base.host_str().unwrap_or_default())
    }

    /// Sends one request and reads its answer, whatever the status.
    ///
    /// # Errors
    /// When there was no whole answer.
    pub async fn send(&self, request: RequestBuilder) -> Result<Reply, SourceError> {
        let response = request.timeout(self.timeout).send().await.map_err(|error| self.broke(error))?;
        let status = response.status().as_u16();
        let retry_after = retry_after(response.headers(), Utc::now());
        let date = date(response.headers());
        Ok(Reply { status, body: self.read(response).await?, retry_after, date })
    }

    async fn read(&self, mut response: Response) -> Result<Vec<u8>, SourceError> {
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| self.broke(error))? {
            if body.len() + chunk.len() > MAX_ANSWER {
                let detail = format!("sent more than {} MiB; no list of agents is so long", MAX_ANSWER >> 20);
                return Err(self.told(&SourceError::new(SourceReason::Malformed, detail)));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body)
    }

    /// The same with the server in front and without secrets.
    #[must_use]
    pub fn told(&self, error: &SourceError) -> SourceError {
        let sentence = format!("the {} at {} {}", self.who, self.place(), error.detail);
        let detail = self.secrets.iter().fold(sentence, |text, secret| secret.redact(&text));
        SourceError::new(error.reason, detail)
    }

    fn broke(&self, error: reqwest::Error) -> SourceError {
        let error = error.without_url();
        let detail = innermost(&error);
        let (reason, detail) = match tls_error(&error) {
            Some(tls) => (SourceReason::Tls, handshake::trouble(tls)),
            None if error.is_timeout() => {
                let limit = crate::config::duration::human(self.timeout);
                (SourceReason::Timeout, format!("gave no whole answer within {limit}"))
            }
            None if error.is_connect() => (
                SourceReason::Network,
                format!("cannot be reached ({detail}): check `url` and whether it runs"),
            ),
            None if error.is_decode() && !is_broken_connection(&error) => {
                (SourceReason::Malformed, format!("sent an answer that cannot be unpacked ({detail})"))
            }
            None if self.base.scheme() == "http" => (
                SourceReason::Network,
                format!(
                    "broke off the connection ({detail}): is it `https://` that `url` should begin with?"
                ),
            ),
            None => (SourceReason::Network, format!("broke off the connection ({detail})")),
        };
        self.told(&SourceError::new(reason, detail))
    }
}

/// RFC 9110 §6.6.1.
fn date(headers: &HeaderMap) -> Option<DateTime<Utc>> {
    let date = headers.get(DATE)?.to_str().ok()?;
    DateTime::parse_from_rfc2822(date).ok().map(|date| date.to_utc())
}

/// The causes of an error, itself first.
fn chain<'a>(error: &'a (dyn StdError + 'static)) -> impl Iterator<Item = &'a (dyn StdError + 'static)> {
    std::iter::successors(Some(error), |error| cause(*error))
}

/// What is behind an error. An `io::Error` hides what it wraps from `source`.
fn cause<'a>(error: &'a (dyn StdError + 'static)) -> Option<&'a (dyn StdError + 'static)> {
    match error.downcast_ref::<std::io::Error>() {
        Some(io) => io.get_ref().map(|inner| inner as &(dyn StdError + 'static)),
        None => error.source(),
    }
}

fn tls_error(error: &reqwest::Error) -> Option<&rustls::Error> {
    chain(error).find_map(|cause| cause.downcast_ref())
}

/// A body that ends early is reported as one that cannot be decoded.
fn is_broken_connection(error: &reqwest::Error) -> bool {
    chain(error).any(|cause| {
        let text = cause.to_string();
        text.contains("connection") || text.contains("end of file before message length reached")
    })
}
