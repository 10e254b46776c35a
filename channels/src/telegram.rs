//! Kind `telegram`: a message of a bot.
//!
//! ```toml
//! [channels.soc]
//! kind = "telegram"
//! token = { env = "TELEGRAM_TOKEN" }
//! chat_id = "-1001234567890"
//! on_resolve = "edit"
//! ```
//!
//! A group that becomes a supergroup gets another id: it is sent there as long as log-monitor runs, and the
//! log says what to write here.
//!
//! No `parse_mode` is given, so that nothing in a text is markup; nor is a preview of links.
//! Source: Telegram's documentation of the Bot API (`sendMessage`, `editMessageText`,
//! `ResponseParameters`). Its errors have no codes of their own: their descriptions tell them apart.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use chrono::Utc;
use reqwest::Url;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::error::{BuildError, DeliveryError, Reason};
use crate::http::{Answer, Proxy, below, check_status, check_url, client_with, parse_url, send, unexpected};
use crate::notification::{Medium, Notification, OnResolve, Receipt};
use crate::notifier::{Capabilities, ChannelKind, Context, Notifier, Problem};
use crate::secret::Secret;
use crate::text::{defuse_mentions, one_line, utf16_length};
use crate::tls::CaFile;

/// The most characters of a text, in UTF-16 as everywhere in Telegram.
const MAX_TEXT: usize = 4096;

const MEDIUM: Medium = Medium { safe: defuse_mentions, strong: "", length: utf16_length, max: MAX_TEXT };

/// What descriptions say where no message will be taken until somebody mends it.
const NEEDS_REPAIR: [&str; 7] = [
    "chat not found",
    "group chat was deactivated",
    "message thread not found",
    "not enough rights",
    "have no rights",
    "chat_write_forbidden",
    "topic_",
];

/// The keys of a `telegram` channel.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TelegramConfig {
    /// The token of the bot.
    pub token: Secret,
    /// Where it posts: the id of a chat, or `@name` of a public channel.
    pub chat_id: String,
    /// The id of the topic of a group that has topics.
    #[schemars(example = 42)]
    pub message_thread_id: Option<i64>,
    /// How the end of all that a firing told is shown: `reply` to it, or `edit` of it.
    #[serde(default)]
    pub on_resolve: OnResolve,
    /// The address of the Bot API, for a server of your own.
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
    "https://api.telegram.org".to_owned()
}

/// Sends as a bot.
pub struct Telegram {
    name: String,
    config: TelegramConfig,
    /// The id that its chat has by now, where that is another one than configured.
    moved: Mutex<Option<i64>>,
    /// Below it, a method is one more segment.
    bot_url: Url,
    http: reqwest::Client,
    timeout: Duration,
}

impl ChannelKind for Telegram {
    const KIND: &'static str = "telegram";
    type Config = TelegramConfig;

    fn capabilities() -> Capabilities {
        Capabilities { thread: true, edit: true, max_body: Some(MAX_TEXT), ..Capabilities::default() }
    }

    fn validate(config: &TelegramConfig) -> Vec<Problem> {
        let chat = (!is_chat(&config.chat_id))
            .then(|| Problem::at("chat_id", "is neither the id of a chat nor `@name` of a channel"));
        check_url("api_url", &config.api_url, config.insecure).into_iter().chain(chat).collect()
    }

    fn host(config: &TelegramConfig) -> Option<String> {
        crate::http::host_of(&config.api_url)
    }

    fn edits(config: &TelegramConfig) -> bool {
        config.on_resolve == OnResolve::Edit
    }

    fn build(config: TelegramConfig, context: &Context) -> Result<Box<dyn Notifier>, BuildError> {
        let bot = format!("bot{}", config.token.expose());
        let bot_url = below(&parse_url("api_url", &config.api_url)?, &[&bot]);
        let (name, moved) = (context.name.clone(), Mutex::default());
        let http = client_with(config.ca_file.as_ref(), config.proxy.as_ref(), context)?;
        let timeout = context.timeout;
        Ok(Box::new(Self { name, config, moved, bot_url, http, timeout }))
    }
}

fn is_chat(text: &str) -> bool {
    text.parse::<i64>().is_ok() || text.strip_prefix('@').is_some_and(|name| !name.is_empty())
}

#[async_trait]
impl Notifier for Telegram {
    async fn notify(&self, notification: &Notification) -> Result<Receipt, DeliveryError> {
        let text = notification.in_one(&MEDIUM);
        let deadline = Instant::now() + self.timeout;
        match self.send_to(self.chat(), &text, notification, deadline).await {
            Err(Refusal::Moved(id)) => {
                self.move_to(id);
                let mut receipt = self.send_to(self.chat(), &text, notification, deadline).await?;
                receipt.line += &format!("; {}", moved_to(id));
                Ok(receipt)
            }
            result => Ok(result?),
        }
    }

    async fn probe(&self) -> Result<(), DeliveryError> {
        self.call("getMe", &json!({}), Instant::now() + self.timeout).await?;
        Ok(())
    }
}

fn receipt(id: i64, done: &str) -> Receipt {
    Receipt { reference: json!({ "message_id": id }), ..Receipt::line(format!("{done} {id}")) }
}

fn moved_to(id: i64) -> String {
    format!("the group has become a supergroup: set `chat_id` to \"{id}\"")
}

/// Why Telegram did not do what it was asked to.
enum Refusal {
    /// The group has another id now.
    Moved(i64),
    /// Anything else.
    Other(DeliveryError),
}

impl From<DeliveryError> for Refusal {
    fn from(error: DeliveryError) -> Self {
        Self::Other(error)
    }
}

impl From<Refusal> for DeliveryError {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Moved(id) => Self::permanent_channel(Reason::Gone, moved_to(id)),
            Refusal::Other(error) => error,
        }
    }
}

impl Telegram {
    fn chat(&self) -> String {
        let moved = *self.moved.lock().unwrap_or_else(PoisonError::into_inner);
        moved.map_or_else(|| self.config.chat_id.clone(), |id| id.to_string())
    }

    fn move_to(&self, id: i64) {
        tracing::warn!("{}: {}", self.name, moved_to(id));
        *self.moved.lock().unwrap_or_else(PoisonError::into_inner) = Some(id);
    }

    async fn send_to(
        &self,
        chat: String,
        text: &str,
        notification: &Notification,
        deadline: Instant,
    ) -> Result<Receipt, Refusal> {
        let mut body = json!({
            "chat_id": chat,
            "text": text,
            "link_preview_options": { "is_disabled": true },
        });
        let id = |firing: &Value| firing["message_id"].as_i64();
        if let Some(id) = notification.to_edit(self.config.on_resolve).and_then(id) {
            body["message_id"] = json!(id);
            self.call("editMessageText", &body, deadline).await?;
            return Ok(receipt(id, "edited"));
        }
        if let Some(topic) = self.config.message_thread_id {
            body["message_thread_id"] = json!(topic);
        }
        if let Some(id) = notification.to_answer().and_then(id) {
            body["reply_parameters"] = json!({ "message_id": id, "allow_sending_without_reply": true });
        }
        let message = self.call("sendMessage", &body, deadline).await?;
        Ok(receipt(id(&message).ok_or_else(|| unexpected("Telegram"))?, "message"))
    }

    async fn call(&self, method: &str, body: &Value, deadline: Instant) -> Result<Value, Refusal> {
        let url = below(&self.bot_url, &[method]);
        let answer = send(self.http.post(url).json(body), deadline - Instant::now()).await?;
        let said = answer.json();
        match (said["ok"].as_bool(), said["description"].as_str()) {
            (Some(true), _) if answer.status.is_success() => Ok(said["result"].clone()),
            // An earlier try has edited it.
            (Some(false), Some(told)) if told.contains("message is not modified") => Ok(Value::Null),
            (Some(false), Some(told)) => Err(refusal(&self.redact(told), &said["parameters"], &answer)),
            _ => {
                check_status(&answer, &self.redact(&answer.body), Utc::now())?;
                Err(unexpected("Telegram").into())
            }
        }
    }

    /// Without the token, and without its secret part where the rest of it was written otherwise.
    fn redact(&self, text: &str) -> String {
        let token = &self.config.token;
        let part = token.expose().split_once(':').map_or("", |(_, part)| part);
        Secret::new(part).redact(&token.redact(text))
    }
}

/// What an error means, by its parameters, its description and its status.
fn refusal(told: &str, parameters: &Value, answer: &Answer) -> Refusal {
    match parameters["migrate_to_chat_id"].as_i64() {
        Some(id) => Refusal::Moved(id),
        None => Refusal::Other(error(told, parameters, answer)),
    }
}

fn error(told: &str, parameters: &Value, answer: &Answer) -> DeliveryError {
    let lower = told.to_lowercase();
    if NEEDS_REPAIR.iter().any(|words| lower.contains(words)) {
        return DeliveryError::permanent_channel(Reason::Gone, one_line(told, 200));
    }
    if lower.contains("message is too long") {
        return DeliveryError::permanent_message(Reason::TooLarge, one_line(told, 200));
    }
    match check_status(answer, told, Utc::now()) {
        Err(error) => error.waiting(parameters["retry_after"].as_f64()),
        Ok(()) => unexpected("Telegram"),
    }
}

#[cfg(test)]
mod tests;
