//! Kind `ntfy`: a push message through ntfy.sh or a server of your own.
//!
//! ```toml
//! [channels.phone]
//! kind = "ntfy"
//! server = "https://ntfy.example.org"
//! topic = "soc"
//! token = { env = "NTFY_TOKEN" }
//! ```
//!
//! The priority follows the severity; an end is never more than usual. No Markdown is asked for.
//! Sources: ntfy's documentation of publishing as JSON, and its server's source: JSON may be twice as long
//! as the message limit, and an answer of 429 names no wait.

use std::time::Duration;

use async_trait::async_trait;
use chrono::Utc;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::error::{BuildError, DeliveryError, Reason};
use crate::event::Severity;
use crate::http::{Answer, Login, Proxy, check_status, check_url, client_with, send, unexpected};
use crate::notification::{Link, MessageKind, Notification, Receipt};
use crate::notifier::{Capabilities, ChannelKind, Context, Notifier, Problem};
use crate::secret::Secret;
use crate::text::{fitting, one_line};
use crate::tls::CaFile;

/// The most bytes of a message, unless the server was configured otherwise.
const MAX_MESSAGE: usize = 4096;
/// The most bytes of it as JSON.
const MAX_JSON: usize = 2 * MAX_MESSAGE;
/// The most that the topic adds to it.
const TOPIC: usize = 80;
/// The most buttons.
const MAX_ACTIONS: usize = 3;
/// The most bytes of an address: the message should keep room.
const MAX_URL: usize = 500;
/// The usual one of the priorities 1 to 5.
const USUAL: u8 = 3;

/// The keys of an `ntfy` channel.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NtfyConfig {
    /// The address of the server.
    #[serde(default = "usual_server")]
    pub server: String,
    /// The topic. On a public server whoever knows it can read it, so it is a secret.
    pub topic: Secret,
    /// An access token.
    pub token: Option<Secret>,
    /// A user, in place of a token.
    pub username: Option<String>,
    /// The user's password.
    pub password: Option<Secret>,
    /// PEM file with certificates of authorities to trust besides the system's.
    pub ca_file: Option<CaFile>,
    /// The address of the proxy that its requests go through, by `http`, `https`, `socks5` or `socks5h`; by
    /// default as HTTPS_PROXY and NO_PROXY say.
    pub proxy: Option<Proxy>,
    /// Allows plain http to another machine.
    #[serde(default)]
    pub insecure: bool,
}

impl NtfyConfig {
    fn login(&self) -> Login<'_> {
        let token = ("token", self.token.as_ref());
        Login { username: self.username.as_ref(), password: self.password.as_ref(), token }
    }
}

fn usual_server() -> String {
    "https://ntfy.sh".to_owned()
}

/// Publishes to a topic.
pub struct Ntfy {
    config: NtfyConfig,
    http: reqwest::Client,
    timeout: Duration,
}

impl ChannelKind for Ntfy {
    const KIND: &'static str = "ntfy";
    type Config = NtfyConfig;

    fn capabilities() -> Capabilities {
        Capabilities { max_body: Some(MAX_MESSAGE), ..Capabilities::default() }
    }

    fn validate(config: &NtfyConfig) -> Vec<Problem> {
        let topic = (!is_topic(config.topic.expose()))
            .then(|| Problem::at("topic", "is no topic: up to 64 letters, digits, `_` and `-`"));
        let url = check_url("server", &config.server, config.insecure);
        [url, topic, config.login().problem()].into_iter().flatten().collect()
    }

    fn host(config: &NtfyConfig) -> Option<String> {
        crate::http::host_of(&config.server)
    }

    fn build(config: NtfyConfig, context: &Context) -> Result<Box<dyn Notifier>, BuildError> {
        let http = client_with(config.ca_file.as_ref(), config.proxy.as_ref(), context)?;
        Ok(Box::new(Self { config, http, timeout: context.timeout }))
    }
}

fn is_topic(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"_-".contains(&byte);
    (1..=64).contains(&text.len()) && text.bytes().all(allowed)
}

#[async_trait]
impl Notifier for Ntfy {
    async fn notify(&self, notification: &Notification) -> Result<Receipt, DeliveryError> {
        let mut message = message(notification);
        message["topic"] = json!(self.config.topic.expose());
        let post = self.config.login().on(self.http.post(&self.config.server));
        let answer = send(post.json(&message), self.timeout).await?;
        let id = self.id(&answer)?;
        Ok(Receipt::line(format!("message {id}")))
    }
}

impl Ntfy {
    /// The id of the message that was published.
    fn id(&self, answer: &Answer) -> Result<String, DeliveryError> {
        let said = answer.json();
        let quote = self.redact(said["error"].as_str().unwrap_or(&answer.body));
        // A topic that the server does not allow is a bad request, by its status.
        if matches!(said["code"].as_u64(), Some(40_009 | 40_010)) {
            return Err(DeliveryError::permanent_channel(Reason::Gone, one_line(&quote, 200)));
        }
        check_status(answer, &quote, Utc::now())?;
        said["id"].as_str().map(|id| one_line(id, 40)).ok_or_else(|| unexpected("ntfy"))
    }

    fn redact(&self, text: &str) -> String {
        self.config.login().redact(&self.config.topic.redact(text))
    }
}

/// All but the topic. The short form is the title, as the message.
fn message(notification: &Notification) -> Value {
    let title = one_line(&notification.title, 250);
    let priority = priority(notification);
    if notification.short {
        return json!({ "message": title, "priority": priority });
    }
    let mut frame = json!({ "title": title, "priority": priority, "tags": tags(notification) });
    let links: Vec<&Link> = notification.links.iter().filter(|link| link.url.len() <= MAX_URL).collect();
    if let Some(first) = links.first() {
        frame["click"] = json!(first.url);
        frame["actions"] = links.iter().take(MAX_ACTIONS).map(|link| action(link)).collect();
    }
    let whole = |most| {
        let text = format!("{}\n\n{}", notification.text(most), notification.footer());
        (text.len(), with(&frame, "message", json!(text)))
    };
    let fits =
        |bytes: usize, whole: &Value| bytes <= MAX_MESSAGE && whole.to_string().len() <= MAX_JSON - TOPIC;
    fitting(MAX_MESSAGE, whole, |(bytes, whole)| fits(*bytes, whole)).1
}

fn with(frame: &Value, key: &str, value: Value) -> Value {
    let mut whole = frame.clone();
    whole[key] = value;
    whole
}

fn action(link: &Link) -> Value {
    json!({ "action": "view", "label": one_line(&link.title, 40), "url": link.url })
}

/// From 1 to 5. What is over wakes nobody.
fn priority(notification: &Notification) -> u8 {
    let priority = match notification.severity {
        Severity::Critical => 5,
        Severity::High => 4,
        Severity::Medium => USUAL,
        Severity::Low => 2,
        Severity::Info => 1,
    };
    if notification.kind == MessageKind::Resolved { priority.min(USUAL) } else { priority }
}

/// What it tells, as the short name of an emoji, and how severe it is.
fn tags(notification: &Notification) -> [&'static str; 2] {
    let circle = match notification.kind {
        MessageKind::Firing => "red_circle",
        MessageKind::Reminder => "orange_circle",
        MessageKind::Resolved => "green_circle",
        MessageKind::Notice => "blue_circle",
    };
    [circle, notification.severity.name()]
}

#[cfg(test)]
mod tests;
