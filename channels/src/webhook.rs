//! Kind `webhook`: JSON to an address of yours, signed where you want to know that it is ours.
//!
//! With `secret`, each request carries `X-Log-Monitor-Timestamp` (seconds since 1970) and
//! `X-Log-Monitor-Signature: sha256=HEX`, the HMAC-SHA256 of `TIMESTAMP:BODY`. Check both, and
//! refuse old timestamps. `Idempotency-Key` is the same for every try of one message.

use std::collections::BTreeMap;
use std::time::Duration;

use async_trait::async_trait;
use chrono::Utc;
use reqwest::header::{HeaderName, HeaderValue};
use ring::hmac;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::error::{BuildError, DeliveryError, Reason};
use crate::http::{Login, Proxy, check_status, check_url, client_with, own_client, send};
use crate::notification::{Notification, Receipt, Written};
use crate::notifier::{Capabilities, ChannelKind, Context, Notifier, Problem};
use crate::payload::Payload;
use crate::secret::Secret;
use crate::tls::{CaFile, Identity, PemFile};

/// The keys of a `webhook` channel.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WebhookConfig {
    /// Where to post. It often holds a token, so it is a secret.
    pub url: Secret,
    /// How: `post` or `put`.
    #[serde(default)]
    pub method: Method,
    /// Sent as `Authorization: Bearer …`.
    pub bearer: Option<Secret>,
    /// User name for basic authentication, in place of `bearer`; then with `password`.
    pub username: Option<String>,
    /// Password of `username`.
    pub password: Option<Secret>,
    /// The key of the HMAC-SHA256 signature; none if it is absent.
    pub secret: Option<Secret>,
    /// Further headers. Their values are secrets, too.
    #[serde(default)]
    pub headers: BTreeMap<String, Secret>,
    /// PEM file with certificates of authorities to trust besides the system's.
    pub ca_file: Option<CaFile>,
    /// PEM file with a certificate of ours, for a server that wants one (mTLS), and those between it and its
    /// authority. The key may be in it, too.
    pub client_certificate: Option<PemFile>,
    /// PEM file with the key of `client_certificate`, without a password.
    pub client_key: Option<PemFile>,
    /// The address of the proxy that its requests go through, by `http`, `https`, `socks5` or `socks5h`; by
    /// default as HTTPS_PROXY and NO_PROXY say.
    pub proxy: Option<Proxy>,
    /// Allows plain http to another machine.
    #[serde(default)]
    pub insecure: bool,
}

/// How it is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    /// POST.
    #[default]
    Post,
    /// PUT.
    Put,
}

impl WebhookConfig {
    fn login(&self) -> Login<'_> {
        let token = ("bearer", self.bearer.as_ref());
        Login { username: self.username.as_ref(), password: self.password.as_ref(), token }
    }

    fn identity(&self) -> Result<Option<Identity>, Problem> {
        Identity::of(self.client_certificate.as_ref(), self.client_key.as_ref())
    }
}

/// Posts JSON.
pub struct Webhook {
    config: WebhookConfig,
    http: reqwest::Client,
    timeout: Duration,
}

/// Headers that are ours to set.
const RESERVED: [&str; 5] = [
    "authorization",
    "content-type",
    "idempotency-key",
    "x-log-monitor-signature",
    "x-log-monitor-timestamp",
];

impl ChannelKind for Webhook {
    const KIND: &'static str = "webhook";
    type Config = WebhookConfig;

    fn capabilities() -> Capabilities {
        Capabilities { idempotent: true, payload: true, ..Capabilities::default() }
    }

    fn validate(config: &WebhookConfig) -> Vec<Problem> {
        let url = check_url("url", config.url.expose(), config.insecure);
        url.into_iter()
            .chain(config.login().problem())
            .chain(config.identity().err())
            .chain(config.headers.iter().filter_map(|(name, value)| check_own_header(name, value)))
            .collect()
    }

    fn host(config: &WebhookConfig) -> Option<String> {
        crate::http::host_of(config.url.expose())
    }

    fn build(config: WebhookConfig, context: &Context) -> Result<Box<dyn Notifier>, BuildError> {
        let (ca_file, proxy) = (config.ca_file.as_ref(), config.proxy.as_ref());
        let http = match config.identity().map_err(|problem| BuildError(problem.message))? {
            None => client_with(ca_file, proxy, context)?,
            identity => own_client(ca_file, identity.as_ref(), proxy)?,
        };
        Ok(Box::new(Self { config, http, timeout: context.timeout }))
    }
}

fn check_own_header(name: &str, value: &Secret) -> Option<Problem> {
    if HeaderName::from_bytes(name.as_bytes()).is_err() || HeaderValue::from_str(value.expose()).is_err() {
        return Some(Problem::at("headers", format!("`{name}` is no valid header")));
    }
    let reserved = RESERVED.iter().any(|reserved| reserved.eq_ignore_ascii_case(name));
    reserved.then(|| {
        Problem::at("headers", format!("`{name}` is set by log-monitor"))
            .help("use `bearer`, `username` or `secret` instead")
    })
}

impl Webhook {
    fn request(
        &self,
        notification: &Notification,
        (content_type, body): (&str, Vec<u8>),
        timestamp: i64,
    ) -> reqwest::RequestBuilder {
        let method = match self.config.method {
            Method::Post => reqwest::Method::POST,
            Method::Put => reqwest::Method::PUT,
        };
        let request = self.http.request(method, self.config.url.expose());
        let mut request = self
            .config
            .login()
            .on(request)
            .header("content-type", content_type)
            .header("idempotency-key", &notification.idempotency_key);
        if let Some(secret) = &self.config.secret {
            let signature = format!("sha256={}", signature(secret, timestamp, &body));
            request = request
                .header("x-log-monitor-timestamp", timestamp)
                .header("x-log-monitor-signature", signature);
        }
        for (name, value) in &self.config.headers {
            request = request.header(name, value.expose());
        }
        request.body(body)
    }

    fn redact(&self, text: &str) -> String {
        let WebhookConfig { url, secret, headers, .. } = &self.config;
        let secrets = [Some(url), secret.as_ref()].into_iter().flatten().chain(headers.values());
        secrets.fold(self.config.login().redact(text), |text, secret| secret.redact(&text))
    }
}

/// What is sent, and as what: what a template wrote, else the message as JSON.
fn content(notification: &Notification) -> Result<(&str, Vec<u8>), DeliveryError> {
    if let Some(Written { content_type, text }) = &notification.payload {
        return Ok((content_type, text.clone().into_bytes()));
    }
    let json = Payload::of(notification).json();
    let json = json.map_err(|error| DeliveryError::permanent_message(Reason::Local, error.to_string()))?;
    Ok(("application/json", json))
}

/// HMAC-SHA256 of `TIMESTAMP:BODY`, in hexadecimal.
fn signature(secret: &Secret, timestamp: i64, body: &[u8]) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.expose().as_bytes());
    let mut context = hmac::Context::with_key(&key);
    context.update(format!("{timestamp}:").as_bytes());
    context.update(body);
    context.sign().as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

#[async_trait]
impl Notifier for Webhook {
    async fn notify(&self, notification: &Notification) -> Result<Receipt, DeliveryError> {
        let now = Utc::now();
        let answer =
            send(self.request(notification, content(notification)?, now.timestamp()), self.timeout).await?;
        check_status(&answer, &self.redact(&answer.body), now)?;
        Ok(Receipt::line(format!("HTTP {}", answer.status)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conformance::{self, HttpSuite};
    use crate::testing::{HttpServer, Reply};

    const PATH: &str = "/hook/t0ken-in-the-path";

    fn config(base: &str) -> String {
        format!(
            "url = \"{base}{PATH}\"\nbearer = \"b3arer-token\"\nsecret = \"s1gning-key\"\nheaders = {{ x-api-key = \"h3ader-key\" }}"
        )
    }

    #[tokio::test]
    async fn it_conforms() {
        conformance::http::<Webhook>(&HttpSuite {
            config: &config,
            secrets: &["t0ken-in-the-path", "b3arer-token", "s1gning-key", "h3ader-key"],
            accepts: Reply::new(200, "thank you"),
            idempotency: Some(&|request| request.header("idempotency-key").to_owned()),
            harmless: &|_| Ok(()),
        })
        .await;
    }

    #[tokio::test]
    async fn it_conforms_with_a_password() {
        conformance::http::<Webhook>(&HttpSuite {
            config: &|base| format!("url = \"{base}\"\nusername = \"lm\"\npassword = \"p4ss&word\""),
            secrets: &["p4ss&word", "p4ss%26word"],
            accepts: Reply::new(200, "thank you"),
            idempotency: Some(&|request| request.header("idempotency-key").to_owned()),
            harmless: &|_| Ok(()),
        })
        .await;
    }

    #[tokio::test]
    async fn the_signature_is_over_timestamp_and_body() {
        let server = HttpServer::start(|_| Reply::new(202, "")).await.unwrap();
        let notifier = conformance::build::<Webhook>(&config(&server.url("")));
        notifier.notify(&conformance::sample()).await.unwrap();
        let request = server.received().remove(0);
        let timestamp: i64 = request.header("x-log-monitor-timestamp").parse().unwrap();
        assert!((Utc::now().timestamp() - timestamp).abs() < 60);
        let expected = signature(&Secret::new("s1gning-key"), timestamp, &request.body);
        assert_eq!(request.header("x-log-monitor-signature"), format!("sha256={expected}"));
        assert_eq!(request.header("authorization"), "Bearer b3arer-token");
        assert_eq!(request.json()["events"][0]["kind"], "agent_silent");
    }

    #[tokio::test]
    async fn what_a_template_wrote_is_sent_and_signed_as_it_is() {
        let server = HttpServer::start(|_| Reply::new(202, "")).await.unwrap();
        let content_type = "text/csv; charset=utf-8".to_owned();
        let payload = Some(Written { content_type, text: "007,\"db-03\"\n".to_owned() });
        let own = Notification { payload, ..conformance::sample() };
        conformance::build::<Webhook>(&config(&server.url(""))).notify(&own).await.unwrap();
        let request = server.received().remove(0);
        assert_eq!(request.header("content-type"), "text/csv; charset=utf-8");
        assert_eq!(request.body, b"007,\"db-03\"\n");
        let timestamp = request.header("x-log-monitor-timestamp").parse().unwrap();
        let expected = signature(&Secret::new("s1gning-key"), timestamp, &request.body);
        assert_eq!(request.header("x-log-monitor-signature"), format!("sha256={expected}"));
    }

    #[tokio::test]
    async fn it_may_be_a_put_of_a_user() {
        let server = HttpServer::start(|_| Reply::new(204, "")).await.unwrap();
        let table = format!(
            "url = {:?}\nmethod = \"put\"\nusername = \"lm\"\npassword = \"s3cret\"",
            server.url("/x")
        );
        conformance::build::<Webhook>(&table).notify(&conformance::sample()).await.unwrap();
        let request = server.received().remove(0);
        assert_eq!((request.method.as_str(), request.header("authorization")), ("PUT", "Basic bG06czNjcmV0"));
    }

    #[test]
    fn the_signature_is_the_one_of_the_standard() {
        // RFC 4231's test case 2, with its data split at the colon that we add: HMAC is over bytes.
        let key = hmac::Key::new(hmac::HMAC_SHA256, b"Jefe");
        let tag = hmac::sign(&key, b"7:what do ya want");
        let hex: String = tag.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(signature(&Secret::new("Jefe"), 7, b"what do ya want"), hex);
    }

    #[test]
    fn a_header_of_ours_cannot_be_replaced() {
        let config = toml::from_str::<WebhookConfig>(
            "url = \"https://a.example/\"\nheaders = { Idempotency-Key = \"x\", \"bad name\" = \"y\" }",
        );
        let problems = Webhook::validate(&config.unwrap());
        assert_eq!(problems.len(), 2, "{problems:?}");
    }
}
