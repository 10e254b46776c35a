//! Kind `alertmanager`: alerts for Prometheus Alertmanager, which groups, silences and routes them.
//!
//! ```toml
//! [channels.prometheus]
//! kind = "alertmanager"
//! urls = ["http://am-1.example:9093", "http://am-2.example:9093"]
//! insecure = true
//! ```
//!
//! Each event is an alert of its own, so that the recovery of some of a group ends theirs alone. Its
//! labels are `alertname` (`AgentSilent`), `severity`, `scope`, `installation`, `entity_id`, for agents
//! `entity_label`, and the event's own; they stay the same from its begin to its end, by which
//! Alertmanager knows it again. Times and words are annotations.
//!
//! Alertmanager ends an alert that it no longer hears of, so it is told of it every minute, each time
//! until three minutes later. So does that whose answer was lost: its end may have another severity, and so be
//! another alert. A notice, which nothing ends, stays for an hour.
//!
//! Every peer of a cluster gets every alert: they tell each other of silences and of what was sent,
//! not of alerts. One that takes it is enough; the others have two seconds more, and hear of what lasts in a
//! minute.
//!
//! Sources: Alertmanager's API (`api/v2/openapi.yaml`: 200, 400, 500), "Alerting/Clients" and "High
//! Availability" in its documentation; names of labels: Prometheus' data model.

mod alert;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use chrono::Utc;
use reqwest::RequestBuilder;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout_at};

use crate::error::{BuildError, DeliveryError, Reason};
use crate::http::{Login, Proxy, check_status, check_url, client_with, send, unexpected};
use crate::notification::{Notification, Receipt};
use crate::notifier::{Capabilities, ChannelKind, Context, Notifier, Problem};
use crate::secret::Secret;
use crate::text::one_line;
use crate::tls::CaFile;

pub use alert::alerts;

/// How often an alert is repeated while it lasts; it is said to last three times as long.
const KEEP_ALIVE: Duration = Duration::from_secs(60);

/// How much longer the other peers are waited for when one has taken it.
const GRACE: Duration = Duration::from_secs(2);

/// The keys of an `alertmanager` channel.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AlertmanagerConfig {
    /// The addresses of all peers of the cluster, each as far as its `--web.route-prefix`:
    /// `http://am-1.example:9093`.
    pub urls: Vec<String>,
    /// User name for basic authentication, where `--web.config.file` wants it; then with `password`.
    pub username: Option<String>,
    /// Password of `username`.
    pub password: Option<Secret>,
    /// Sent as `Authorization: Bearer …`, for a proxy in front.
    pub bearer: Option<Secret>,
    /// PEM file with certificates of authorities to trust besides the system's.
    pub ca_file: Option<CaFile>,
    /// The proxy that its requests go through: `http://HOST:PORT`, `https://…`, `socks5://…` or `socks5h://…`,
    /// with `USER:PASSWORD@` before the host where it wants them. By default as HTTPS_PROXY and NO_PROXY say.
    pub proxy: Option<Proxy>,
    /// Allows plain http to another machine.
    #[serde(default)]
    pub insecure: bool,
}

impl AlertmanagerConfig {
    fn login(&self) -> Login<'_> {
        let token = ("bearer", self.bearer.as_ref());
        Login { username: self.username.as_ref(), password: self.password.as_ref(), token }
    }
}

/// Posts alerts.
pub struct Alertmanager {
    config: Arc<AlertmanagerConfig>,
    http: reqwest::Client,
    timeout: Duration,
}

impl ChannelKind for Alertmanager {
    const KIND: &'static str = "alertmanager";
    type Config = AlertmanagerConfig;

    fn capabilities() -> Capabilities {
        Capabilities {
            resolve: true,
            max_body: Some(alert::MAX_TEXT),
            keep_alive: Some(KEEP_ALIVE),
            ..Capabilities::default()
        }
    }

    fn validate(config: &AlertmanagerConfig) -> Vec<Problem> {
        let none = config.urls.is_empty().then(|| Problem::at("urls", "no address"));
        let urls = config.urls.iter().filter_map(|url| check_url("urls", url, config.insecure));
        none.into_iter().chain(urls).chain(config.login().problem()).collect()
    }

    fn host(config: &AlertmanagerConfig) -> Option<String> {
        // Of several peers one is enough.
        match &config.urls[..] {
            [only] => crate::http::host_of(only),
            _ => None,
        }
    }

    fn build(config: AlertmanagerConfig, context: &Context) -> Result<Box<dyn Notifier>, BuildError> {
        let http = client_with(config.ca_file.as_ref(), config.proxy.as_ref(), context)?;
        Ok(Box::new(Self { config: Arc::new(config), http, timeout: context.timeout }))
    }
}

#[async_trait]
impl Notifier for Alertmanager {
    async fn notify(&self, notification: &Notification) -> Result<Receipt, DeliveryError> {
        let severities = alert::Severities::of(notification);
        let alerts = alert::alerts(notification, Utc::now(), KEEP_ALIVE * 3);
        let posts = self.peers("alerts").map(|url| self.http.post(url).json(&alerts)).collect();
        let line = verdict(self.ask_all(posts).await)?;
        Ok(Receipt { reference: severities.reference(), ..Receipt::line(line) })
    }

    async fn probe(&self) -> Result<(), DeliveryError> {
        let gets = self.peers("status").map(|url| self.http.get(url)).collect();
        verdict(self.ask_all(gets).await).map(drop)
    }
}

impl Alertmanager {
    fn peers(&self, path: &str) -> impl Iterator<Item = String> {
        self.config.urls.iter().map(move |url| format!("{}/api/v2/{path}", url.trim_end_matches('/')))
    }

    /// Asks every peer at the same time, until all have answered, or for [`GRACE`] after one has said yes;
    /// their answers in the order of `requests`.
    async fn ask_all(&self, requests: Vec<RequestBuilder>) -> Vec<Result<(), DeliveryError>> {
        let silent = Err(DeliveryError::transient(Reason::Timeout, "no answer yet"));
        let mut answers = vec![silent; requests.len()];
        let mut asked = JoinSet::new();
        for (place, request) in requests.into_iter().enumerate() {
            let (config, timeout) = (self.config.clone(), self.timeout);
            asked.spawn(async move { (place, ask(config.login(), request, timeout).await) });
        }
        let mut until = Instant::now() + self.timeout * 2;
        while let Ok(Some(answered)) = timeout_at(until, asked.join_next()).await {
            let Ok((place, answer)) = answered else { continue };
            if answer.is_ok() {
                until = until.min(Instant::now() + GRACE);
            }
            answers[place] = answer;
        }
        answers
    }
}

async fn ask(login: Login<'_>, request: RequestBuilder, timeout: Duration) -> Result<(), DeliveryError> {
    let answer = send(login.on(request), timeout).await?;
    check_status(&answer, &login.redact(&answer.body), Utc::now())?;
    // To alerts it answers with nothing, to anything else in JSON; a proxy's page is neither.
    match answer.json() {
        Value::Null if !answer.body.trim().is_empty() => Err(unexpected("Alertmanager")),
        _ => Ok(()),
    }
}

/// One peer is enough; the others are named by their place. When none took it, an error that may pass
/// counts before one that does not.
fn verdict(answers: Vec<Result<(), DeliveryError>>) -> Result<String, DeliveryError> {
    let all = answers.len();
    let mut errors: Vec<(usize, DeliveryError)> = Vec::new();
    for (place, answer) in answers.into_iter().enumerate() {
        errors.extend(answer.err().map(|error| (place + 1, error)));
    }
    if errors.len() < all {
        let failed = errors.iter().map(|(place, error)| format!("; peer {place}: {error}"));
        let line = format!("taken by {} of {all}{}", all - errors.len(), failed.collect::<String>());
        return Ok(one_line(&line, 300));
    }
    errors.sort_by_key(|(_, error)| !matches!(error, DeliveryError::Transient { .. }));
    let first = errors.into_iter().next().map(|(_, error)| error);
    Err(first.unwrap_or_else(|| unexpected("Alertmanager")))
}

#[cfg(test)]
mod tests;
