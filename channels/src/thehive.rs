//! Kind `thehive`: an alert in TheHive 5, which its end closes.
//!
//! ```toml
//! [channels.cases]
//! kind = "thehive"
//! url = "https://thehive.example"
//! api_key = { file = "/run/secrets/thehive" }
//! ```
//!
//! A firing becomes an alert whose `sourceRef` is its idempotency key: TheHive refuses a second one of
//! the same `type`, `source` and `sourceRef`, which therefore counts as delivered. Reminders, and the
//! recovery of some of a group, are comments on it. The end of all of it closes the alert if nobody has
//! begun with it yet; else that is a comment, too: what analysts decided stays as it is. An alert that
//! somebody deleted needs no end. The agents of an alert are its observables, of the type `hostname`.
//!
//! The key's user needs `manageAlert/create`, `manageAlert/update` and `manageComment`.
//!
//! Source: StrangeBee's specification of the API (OpenAPI of 5.6: lengths, 201, 204), and for the
//! refusal of a second alert TheHive's source (`AlertSrv`, status 400).

mod alert;

use std::time::Duration;

use async_trait::async_trait;
use chrono::Utc;
use reqwest::{Method, StatusCode};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::error::{BuildError, DeliveryError};
use crate::http::{Answer, Proxy, check_header, check_status, check_url, client_with, send, unexpected};
use crate::notification::{MessageKind, Notification, Receipt};
use crate::notifier::{Capabilities, ChannelKind, Context, Notifier, Problem};
use crate::secret::Secret;
use crate::text::one_line;
use crate::tls::CaFile;

pub use alert::alert;

/// The keys of a `thehive` channel.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TheHiveConfig {
    /// The address of TheHive: `https://thehive.example`.
    pub url: String,
    /// The API key of a user.
    pub api_key: Secret,
    /// The organisation that gets the alerts, where it is not the default one of the user.
    pub organisation: Option<String>,
    /// The `type` of the alerts, at most 32 characters.
    #[serde(default = "usual_type")]
    pub alert_type: String,
    /// Tags of every alert, besides `log-monitor`, the events' names and their labels.
    #[serde(default)]
    pub tags: Vec<String>,
    /// The status with which an end closes an alert: one of the stage Closed.
    #[serde(default = "usual_status")]
    pub closed_status: String,
    /// PEM file with certificates of authorities to trust besides the system's.
    pub ca_file: Option<CaFile>,
    /// The address of the proxy that its requests go through, by `http`, `https`, `socks5` or `socks5h`; by
    /// default as HTTPS_PROXY and NO_PROXY say.
    pub proxy: Option<Proxy>,
    /// Allows plain http to another machine.
    #[serde(default)]
    pub insecure: bool,
}

fn usual_type() -> String {
    "log-monitor".to_owned()
}

/// A status that every TheHive has.
fn usual_status() -> String {
    "Ignored".to_owned()
}

/// Creates alerts, comments on them and closes them.
pub struct TheHive {
    config: TheHiveConfig,
    http: reqwest::Client,
    timeout: Duration,
}

impl ChannelKind for TheHive {
    const KIND: &'static str = "thehive";
    type Config = TheHiveConfig;

    fn capabilities() -> Capabilities {
        let max_body = Some(alert::MAX_TEXT);
        Capabilities { resolve: true, idempotent: true, max_body, ..Capabilities::default() }
    }

    fn validate(config: &TheHiveConfig) -> Vec<Problem> {
        let length = |key, text: &str, max| {
            let length = text.chars().count();
            (length == 0 || length > max)
                .then(|| Problem::at(key, format!("must have 1 to {max} characters")))
        };
        let url = check_url("url", &config.url, config.insecure);
        let kind = length("alert_type", &config.alert_type, alert::MAX_TYPE);
        let status = length("closed_status", &config.closed_status, 64);
        let tags = config.tags.iter().find_map(|tag| length("tags", tag, alert::MAX_TAG));
        let key = check_header("api_key", config.api_key.expose());
        let organisation = config.organisation.as_ref().and_then(|name| check_header("organisation", name));
        [url, key, organisation, kind, status, tags].into_iter().flatten().collect()
    }

    fn host(config: &TheHiveConfig) -> Option<String> {
        crate::http::host_of(&config.url)
    }

    fn build(config: TheHiveConfig, context: &Context) -> Result<Box<dyn Notifier>, BuildError> {
        let http = client_with(config.ca_file.as_ref(), config.proxy.as_ref(), context)?;
        Ok(Box::new(Self { config, http, timeout: context.timeout }))
    }
}

#[async_trait]
impl Notifier for TheHive {
    async fn notify(&self, notification: &Notification) -> Result<Receipt, DeliveryError> {
        let deadline = Instant::now() + self.timeout;
        let source_ref = one_line(notification.key_of_firing("source_ref"), alert::MAX_REF);
        let follows = notification.follows();
        if !follows && notification.kind == MessageKind::Resolved {
            // An alert of it would stay open for ever.
            return Ok(Receipt::untold("nothing to close"));
        }
        let updated = match follows {
            true => self.update(&source_ref, notification, deadline).await?,
            false => None,
        };
        // Whether there was one is not known of a firing whose answer was lost.
        let to_be_seen = notification.in_reply_to.is_none() && notification.kind != MessageKind::Resolved;
        let receipt = match updated {
            Some(line) => Receipt::line(line),
            None if !follows || to_be_seen => Receipt::line(self.create(notification, deadline).await?),
            None => Receipt::untold("its alert is there no more"),
        };
        Ok(Receipt { reference: json!({ "source_ref": source_ref }), ..receipt })
    }

    async fn probe(&self) -> Result<(), DeliveryError> {
        let deadline = Instant::now() + self.timeout;
        let answer = self.call(Method::GET, "user/current", None, deadline).await?;
        self.check(&answer).map(drop)
    }
}

impl TheHive {
    async fn create(&self, notification: &Notification, deadline: Instant) -> Result<String, DeliveryError> {
        let body = alert::alert(notification, &self.config.alert_type, &self.config.tags);
        let answer = self.call(Method::POST, "alert", Some(&body), deadline).await?;
        if matches!(answer.status, StatusCode::BAD_REQUEST | StatusCode::CONFLICT)
            && answer.body.contains("already exist")
        {
            return Ok("the alert is there already".to_owned());
        }
        let said = self.check(&answer)?;
        let id = said["_id"].as_str().ok_or_else(|| unexpected("TheHive"))?;
        Ok(format!("alert {}", one_line(&self.config.api_key.redact(id), 80)))
    }

    /// Changes the alert of that reference, if there is one.
    async fn update(
        &self,
        source_ref: &str,
        notification: &Notification,
        deadline: Instant,
    ) -> Result<Option<&'static str>, DeliveryError> {
        let query = alert::query(source_ref);
        let found = self.check(&self.call(Method::POST, "query", Some(&query), deadline).await?)?;
        let found = found.as_array().ok_or_else(|| unexpected("TheHive"))?.first();
        let Some((id, stage)) = found.and_then(|alert| Some((alert["_id"].as_str()?, &alert["stage"])))
        else {
            return Ok(None);
        };
        let over = notification.kind == MessageKind::Resolved && notification.all_over;
        let text = alert::text(notification);
        let (method, path, body, line) = if over && stage == "New" {
            let body = json!({ "status": self.config.closed_status, "summary": text });
            (Method::PATCH, format!("alert/{}", segment(id)), body, "closed its alert")
        } else {
            let body = json!({ "message": text });
            (Method::POST, format!("alert/{}/comment", segment(id)), body, "commented on its alert")
        };
        self.check(&self.call(method, &path, Some(&body), deadline).await?)?;
        Ok(Some(line))
    }

    async fn call(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
        deadline: Instant,
    ) -> Result<Answer, DeliveryError> {
        let url = format!("{}/api/v1/{path}", self.config.url.trim_end_matches('/'));
        let mut request = self.http.request(method, url).bearer_auth(self.config.api_key.expose());
        if let Some(organisation) = &self.config.organisation {
            request = request.header("x-organisation", organisation);
        }
        if let Some(body) = body {
            request = request.json(body);
        }
        send(request, deadline - Instant::now()).await
    }

    fn check(&self, answer: &Answer) -> Result<Value, DeliveryError> {
        check_status(answer, &self.config.api_key.redact(&answer.body), Utc::now())?;
        Ok(answer.json())
    }
}

/// An id of TheHive's as part of a path: `~12345`. Of anything else only what is harmless there.
fn segment(id: &str) -> String {
    id.chars().filter(|c| c.is_ascii_alphanumeric() || matches!(c, '~' | '-' | '_')).take(128).collect()
}

#[cfg(test)]
mod tests;
