//! One request over the wire, and what broke on the way.

use std::error::Error as StdError;

use log_monitor_channels::http::{client_builder, innermost};
use log_monitor_channels::{BuildError, Secret};
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE};
use reqwest::{Client, Method, Request, Response, Url};
use rustls::CertificateError;
use serde_json::Value;

use super::config::IndexerConfig;
use crate::source::{SourceError, SourceReason};

/// The most of an answer that is read, in bytes after unpacking. 100,000 agents take about 6 MB.
pub const MAX_ANSWER: usize = 32 * 1024 * 1024;

/// What came back.
pub struct Reply {
    /// The HTTP status.
    pub status: u16,
    /// The body, whole.
    pub body: Vec<u8>,
}

/// A connection to one indexer.
#[derive(Debug)]
pub struct Wire {
    client: Client,
    config: IndexerConfig,
    base: Url,
    /// What must not be repeated to anybody: the password, and the header made of it.
    secrets: Vec<Secret>,
}

impl Wire {
    /// Prepares everything, connects to nothing.
    pub fn new(config: IndexerConfig) -> Result<Self, BuildError> {
        let build_error = |error: &dyn StdError| BuildError(innermost(error));
        let base = Url::parse(&config.url).map_err(|error| build_error(&error))?;
        let mut client = client_builder();
        if let Some(file) = &config.ca_file {
            client = client.tls_certs_merge(file.certificates().iter().cloned());
        } else if base.scheme() == "http" {
            // Without TLS the system's authorities need not be read.
            client = client.tls_certs_only([]);
        }
        let client = client.tls_danger_accept_invalid_certs(!config.verify_certificates).build();
        let client = client.map_err(|error| build_error(&error.without_url()))?;
        let mut wire = Self { client, config, base, secrets: Vec::new() };
        wire.secrets = wire.find_secrets();
        Ok(wire)
    }

    /// What the requests hold that nobody should see.
    fn find_secrets(&self) -> Vec<Secret> {
        let request = self.request(Method::GET, self.base.clone(), None);
        let header = request.ok().and_then(|request| {
            let login = request.headers().get(AUTHORIZATION)?.to_str().ok()?;
            Some(Secret::new(login.trim_start_matches("Basic ")))
        });
        header.into_iter().chain(self.config.password.clone()).collect()
    }

    /// `HOST:PORT`, by which people know the server.
    pub fn place(&self) -> String {
        let port = self.base.port_or_known_default().unwrap_or_default();
        format!("{}:{port}", self.base.host_str().unwrap_or_default())
    }

    /// `BASE/INDEX/VERB?PARAMETERS`.
    pub fn url(&self, verb: &str, parameters: &[(&str, &str)]) -> Url {
        let mut url = self.base.clone();
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().push(&self.config.index).push(verb);
        }
        url.query_pairs_mut().extend_pairs(parameters);
        url
    }

    /// Sends one request and reads its answer, whatever the status.
    pub async fn send(&self, method: Method, url: Url, body: Option<&Value>) -> Result<Reply, SourceError> {
        let request = self.request(method, url, body).map_err(|error| self.broke(error))?;
        let response = self.client.execute(request).await.map_err(|error| self.broke(error))?;
        let status = response.status().as_u16();
        let body = self.read(response).await?;
        Ok(Reply { status, body })
    }

    fn request(&self, method: Method, url: Url, body: Option<&Value>) -> reqwest::Result<Request> {
        let mut request = self.client.request(method, url).timeout(self.config.timeout.0);
        if let Some(body) = body {
            request = request.header(CONTENT_TYPE, "application/json").body(body.to_string());
        }
        if let (Some(name), Some(password)) = (&self.config.username, &self.config.password) {
            request = request.basic_auth(name, Some(password.expose()));
        }
        request.build()
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
    pub fn told(&self, error: &SourceError) -> SourceError {
        let sentence = format!("the indexer at {} {}", self.place(), error.detail);
        let detail = self.secrets.iter().fold(sentence, |text, secret| secret.redact(&text));
        SourceError::new(error.reason, detail)
    }

    fn broke(&self, error: reqwest::Error) -> SourceError {
        let error = error.without_url();
        let detail = innermost(&error);
        let (reason, detail) = match tls_error(&error) {
            Some(tls) => (SourceReason::Tls, about_tls(tls)),
            None if error.is_timeout() => {
                let limit = crate::config::duration::human(self.config.timeout.0);
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

/// `DnsName("a.example")` and `IpAddress(127.0.0.1)`, as rustls lists names, without its types.
fn plain_name(name: &str) -> &str {
    let inner = name.split_once('(').map_or(name, |(_, rest)| rest.trim_end_matches(')'));
    inner.trim_matches('"')
}

/// Which of the usual mistakes it is, and what to do.
fn about_tls(error: &rustls::Error) -> String {
    use CertificateError as Bad;
    match error {
        rustls::Error::InvalidCertificate(bad) => match bad {
            Bad::UnknownIssuer => "has a certificate of an unknown issuer: set `ca_file` to the root CA \
                                   that signed it (`root-ca.pem` in a Wazuh installation)"
                .to_owned(),
            // Each installation's root has the same name, so a wrong one is found by its signature.
            Bad::BadSignature => "has a certificate that the root CA in `ca_file` has not signed: is it \
                                  the file of another installation?"
                .to_owned(),
            Bad::NotValidForNameContext { presented, .. } => {
                let names = presented.iter().map(|name| plain_name(name)).collect::<Vec<_>>().join(", ");
                format!("has a certificate for other names ({names}): use one of them in `url`")
            }
            Bad::NotValidForName => "has a certificate for another name: correct `url`".to_owned(),
            Bad::Expired | Bad::ExpiredContext { .. } => "has a certificate that has expired".to_owned(),
            Bad::NotValidYet | Bad::NotValidYetContext { .. } => {
                "has a certificate that is not valid yet: compare the clocks".to_owned()
            }
            other => format!("has a certificate that does not verify: {other}"),
        },
        rustls::Error::InvalidMessage(_) => {
            "does not speak TLS: is it `http://` that `url` should begin with?".to_owned()
        }
        other => format!("failed in the TLS handshake: {other}"),
    }
}
