//! Kind `slack`: an incoming webhook, or a bot with `chat.postMessage`.
//!
//! ```toml
//! [channels.soc]
//! kind = "slack"
//! token = { env = "SLACK_TOKEN" }
//! channel = "#soc"
//! on_resolve = "edit"
//! ```
//!
//! The message is Block Kit whose texts are all `plain_text`, so that no name in it formats,
//! mentions or links (links are elements of rich text); `text`, which notifications and screen readers use, is the title alone.
//! Limits and error codes: Slack's documentation of blocks, `chat.postMessage`, `chat.update` and
//! incoming webhooks.

mod api;
mod blocks;

use std::time::Duration;

use async_trait::async_trait;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;

use crate::error::{BuildError, DeliveryError};
use crate::http::{Proxy, check_secret_header, check_url, client_with};
use crate::notification::{Notification, OnResolve, Receipt};
use crate::notifier::{Capabilities, ChannelKind, Context, Notifier, Problem};
use crate::secret::Secret;
use crate::tls::CaFile;

use api::Bot;
pub use blocks::message;

/// The keys of a `slack` channel: `webhook_url`, or `token` and `channel`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SlackConfig {
    /// The address of an incoming webhook.
    pub webhook_url: Option<Secret>,
    /// The token of a bot with the scope `chat:write`.
    pub token: Option<Secret>,
    /// Where the bot posts: `#name` or an id.
    pub channel: Option<String>,
    /// How the bot shows that all of a firing is over: `reply` in its thread, or `edit` of its message.
    #[serde(default)]
    pub on_resolve: OnResolve,
    /// The address of the Web API, for a proxy.
    #[serde(default = "usual_api")]
    pub api_url: String,
    /// PEM file with certificates of authorities to trust besides the system's.
    pub ca_file: Option<CaFile>,
    /// The address of the proxy that its requests go through, by `http`, `https`, `socks5` or `socks5h`; by
    /// default as HTTPS_PROXY and NO_PROXY say.
    pub proxy: Option<Proxy>,
    /// Allows plain http to another machine.
    #[serde(default)]
    pub insecure: bool,
}

fn usual_api() -> String {
    "https://slack.com/api".to_owned()
}

/// Posts to Slack.
pub struct Slack {
    way: Way,
    http: reqwest::Client,
    timeout: Duration,
}

/// The two ways in.
enum Way {
    Webhook(Secret),
    Bot(Bot),
}

impl ChannelKind for Slack {
    const KIND: &'static str = "slack";
    type Config = SlackConfig;

    fn capabilities() -> Capabilities {
        Capabilities { thread: true, edit: true, max_body: Some(blocks::MAX_BODY), ..Capabilities::default() }
    }

    fn validate(config: &SlackConfig) -> Vec<Problem> {
        let way = match (&config.webhook_url, &config.token, &config.channel) {
            (Some(_), None, _) | (None, Some(_), Some(_)) => None,
            (Some(_), Some(_), _) => {
                Some(Problem::at("token", "there is a `webhook_url`, too").help("keep one of the two"))
            }
            (None, Some(_), None) => Some(Problem::table("`token` needs a `channel` to post to")),
            (None, None, _) => Some(Problem::table("needs `webhook_url`, or `token` and `channel`")),
        };
        let hook = config
            .webhook_url
            .as_ref()
            .and_then(|url| check_url("webhook_url", url.expose(), config.insecure));
        let api = check_url("api_url", &config.api_url, config.insecure);
        let edit = config.webhook_url.is_some() && config.on_resolve == OnResolve::Edit;
        let edit = edit.then(|| {
            Problem::at("on_resolve", "a webhook cannot edit").help("use a bot: `token` and `channel`")
        });
        let channel = config.webhook_url.is_some() && config.token.is_none() && config.channel.is_some();
        let channel = channel.then(|| {
            Problem::at("channel", "a webhook posts where it was made for, whatever this says")
                .help("leave it out, or use a bot: `token` and `channel`")
                .warning()
        });
        let token = check_secret_header("token", config.token.as_ref());
        [way, hook, api, token, edit, channel].into_iter().flatten().collect()
    }

    fn host(config: &SlackConfig) -> Option<String> {
        let webhook = config.webhook_url.as_ref().map(Secret::expose);
        crate::http::host_of(webhook.unwrap_or(&config.api_url))
    }

    fn provider(host: &str) -> Option<&'static str> {
        crate::host::is_of(host, "slack.com").then_some("Slack")
    }

    fn edits(config: &SlackConfig) -> bool {
        config.on_resolve == OnResolve::Edit
    }

    fn build(config: SlackConfig, context: &Context) -> Result<Box<dyn Notifier>, BuildError> {
        let http = client_with(config.ca_file.as_ref(), config.proxy.as_ref(), context)?;
        let SlackConfig { webhook_url, token, channel, on_resolve, api_url, .. } = config;
        let way = match (webhook_url, token, channel) {
            (Some(url), _, _) => Way::Webhook(url),
            (None, Some(token), Some(channel)) => {
                let api_url = api_url.trim_end_matches('/').to_owned();
                Way::Bot(Bot { token, channel, api_url, on_resolve })
            }
            _ => return Err(BuildError("needs `webhook_url`, or `token` and `channel`".to_owned())),
        };
        Ok(Box::new(Self { way, http, timeout: context.timeout }))
    }
}

#[async_trait]
impl Notifier for Slack {
    async fn notify(&self, notification: &Notification) -> Result<Receipt, DeliveryError> {
        match &self.way {
            Way::Webhook(url) => self.post_webhook(url, &message(notification)).await,
            Way::Bot(bot) => self.post_by_bot(bot, notification).await,
        }
    }

    /// A webhook cannot be tried without posting; for a bot there is `auth.test`.
    async fn probe(&self) -> Result<(), DeliveryError> {
        match &self.way {
            Way::Webhook(_) => Ok(()),
            Way::Bot(bot) => self.call(bot, "auth.test", &json!({})).await.map(drop),
        }
    }
}

#[cfg(test)]
mod tests;
