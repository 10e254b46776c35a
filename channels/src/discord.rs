//! Kind `discord`: a text in a channel, by a webhook.
//!
//! ```toml
//! [channels.soc]
//! kind = "discord"
//! webhook_url = { env = "DISCORD_WEBHOOK_URL" }
//! on_resolve = "edit"
//! ```
//!
//! Markdown in the text is escaped, and nothing in it mentions. `wait=true` makes Discord say whether the
//! message was kept, and under which id. Waits come from the answers; no rate is assumed: what took the last place
//! of a window (`X-RateLimit-Remaining: 0`) holds the channel until the next one (`X-RateLimit-Reset-After`).
//! Source: Discord's developer documentation of webhooks, rate limits and error codes.

use std::time::Duration;

use async_trait::async_trait;
use chrono::Utc;
use reqwest::header::HeaderMap;
use reqwest::{RequestBuilder, Url};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::error::{BuildError, DeliveryError, Reason};
use crate::http::{
    Answer, Proxy, below, check_status, check_url, client_with, parse_url, send, unexpected, wait_of,
};
use crate::notification::{Medium, Notification, OnResolve, Receipt};
use crate::notifier::{Capabilities, ChannelKind, Context, Notifier, Problem};
use crate::secret::Secret;
use crate::text::{defuse_mentions, escape_markdown, one_line, utf16_length};
use crate::tls::CaFile;

/// The most characters of a message. The longer of the possible ways to count is taken.
const MAX_CONTENT: usize = 2000;

/// The flag of a message that shows no preview of a link in it: nothing is fetched that a name asks for.
const SUPPRESS_EMBEDS: u32 = 1 << 2;

const MEDIUM: Medium = Medium {
    safe: |text| defuse_mentions(&escape_markdown(text)),
    strong: "**",
    length: utf16_length,
    max: MAX_CONTENT,
};

/// The keys of a `discord` channel.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DiscordConfig {
    /// The address of the webhook. Its last part is a token.
    pub webhook_url: Secret,
    /// The id of the thread to post to; the webhook of a forum needs one.
    pub thread_id: Option<String>,
    /// How the end of all that a firing told is shown: `reply`, a message of its own, or `edit` of the
    /// firing.
    #[serde(default)]
    pub on_resolve: OnResolve,
    /// PEM file with certificates of authorities to trust besides the system's.
    pub ca_file: Option<CaFile>,
    /// The address of the proxy that its requests go through, by `http`, `https`, `socks5` or `socks5h`; by
    /// default as HTTPS_PROXY and NO_PROXY say.
    pub proxy: Option<Proxy>,
}

/// Posts to Discord.
pub struct Discord {
    config: DiscordConfig,
    url: Url,
    http: reqwest::Client,
    timeout: Duration,
}

impl ChannelKind for Discord {
    const KIND: &'static str = "discord";
    type Config = DiscordConfig;

    fn capabilities() -> Capabilities {
        Capabilities { edit: true, max_body: Some(MAX_CONTENT), ..Capabilities::default() }
    }

    fn validate(config: &DiscordConfig) -> Vec<Problem> {
        let thread = config.thread_id.as_ref().filter(|id| !is_id(id));
        let thread = thread.map(|_| Problem::at("thread_id", "is no id: digits alone"));
        check_url("webhook_url", config.webhook_url.expose(), false).into_iter().chain(thread).collect()
    }

    fn host(config: &DiscordConfig) -> Option<String> {
        crate::http::host_of(config.webhook_url.expose())
    }

    fn edits(config: &DiscordConfig) -> bool {
        config.on_resolve == OnResolve::Edit
    }

    fn build(config: DiscordConfig, context: &Context) -> Result<Box<dyn Notifier>, BuildError> {
        let url = parse_url("webhook_url", config.webhook_url.expose())?;
        let http = client_with(config.ca_file.as_ref(), config.proxy.as_ref(), context)?;
        Ok(Box::new(Self { config, url, http, timeout: context.timeout }))
    }
}

fn is_id(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

#[async_trait]
impl Notifier for Discord {
    async fn notify(&self, notification: &Notification) -> Result<Receipt, DeliveryError> {
        let answer = self.send(self.request(notification).json(&message(notification))).await?;
        let said = answer.json();
        match said["id"].as_str() {
            Some(id) if is_id(id) => {
                let receipt = Receipt::keeping(&said, &["id"], one_line(&format!("message {id}"), 80));
                Ok(Receipt { hold: next_window(&answer.headers), ..receipt })
            }
            _ => Err(unexpected("Discord")),
        }
    }

    async fn probe(&self) -> Result<(), DeliveryError> {
        self.send(self.http.get(self.url.clone())).await.map(drop)
    }
}

impl Discord {
    /// A new message, or another text for that of the firing.
    fn request(&self, notification: &Notification) -> RequestBuilder {
        let mut url = self.url.clone();
        if let Some(thread) = &self.config.thread_id {
            url.query_pairs_mut().append_pair("thread_id", thread);
        }
        let firing = notification.to_edit(self.config.on_resolve).and_then(|firing| firing["id"].as_str());
        if let Some(id) = firing.filter(|id| is_id(id)) {
            return self.http.patch(below(&url, &["messages", id]));
        }
        url.query_pairs_mut().append_pair("wait", "true");
        self.http.post(url)
    }

    async fn send(&self, request: RequestBuilder) -> Result<Answer, DeliveryError> {
        let answer = send(request, self.timeout).await?;
        let said = answer.json();
        match said["code"].as_u64().filter(|_| !answer.status.is_success()) {
            Some(code) => Err(self.refusal(code, &said, &answer)),
            None => {
                check_status(&answer, &self.config.webhook_url.redact(&answer.body), Utc::now())
                    .map_err(|error| error.waiting(said["retry_after"].as_f64()))?;
                Ok(answer)
            }
        }
    }

    /// What an error code means where its status does not say it.
    fn refusal(&self, code: u64, said: &Value, answer: &Answer) -> DeliveryError {
        let told = self.config.webhook_url.redact(said["message"].as_str().unwrap_or_default());
        let detail = one_line(&format!("Discord says {code}: {told}"), 200);
        match code {
            // Unknown message, or one of somebody else: there is nothing to edit.
            10_008 | 50_005 => DeliveryError::permanent_message(Reason::Rejected, detail),
            // A thread that is archived or locked; a forum without `thread_id`.
            50_083 | 160_005 | 220_001 => DeliveryError::permanent_channel(Reason::Gone, detail),
            _ => match check_status(answer, &detail, Utc::now()) {
                Err(error) => error.waiting(said["retry_after"].as_f64()),
                Ok(()) => unexpected("Discord"),
            },
        }
    }
}

/// How long until more is taken, where this was the last that is for now: seconds, with a fraction (Discord's
/// developer documentation, Rate Limits).
fn next_window(headers: &HeaderMap) -> Option<Duration> {
    let said = |name: &str| headers.get(name)?.to_str().ok()?.trim().parse::<f64>().ok();
    (said("x-ratelimit-remaining")? < 1.0).then(|| said("x-ratelimit-reset-after").and_then(wait_of))?
}

fn message(notification: &Notification) -> Value {
    json!({
        "content": notification.in_one(&MEDIUM),
        "allowed_mentions": { "parse": [] },
        "flags": SUPPRESS_EMBEDS,
    })
}

#[cfg(test)]
mod tests;
