//! Kind `matrix`: a message in a room of Matrix, without encryption.
//!
//! ```toml
//! [channels.soc]
//! kind = "matrix"
//! homeserver = "https://matrix.example.org"
//! token = { env = "MATRIX_TOKEN" }
//! room_id = "!abcdefghijklmnop:example.org"
//! on_resolve = "edit"
//! ```
//!
//! The idempotency key is the transaction's id: of a second try the server makes no second message. The
//! text has no formatted part, and its empty `m.mentions` says that it mentions nobody.
//! Source: the Matrix specification, client-server API (sending events, replies, threads, replacements,
//! size limits, errors).

use std::time::Duration;

use async_trait::async_trait;
use chrono::Utc;
use reqwest::{RequestBuilder, Url};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::error::{BuildError, DeliveryError};
use crate::http::{
    Proxy, below, check_header, check_status, check_url, client_with, parse_url, send, unexpected,
};
use crate::notification::{Medium, Notification, OnResolve, Receipt};
use crate::notifier::{Capabilities, ChannelKind, Context, Notifier, Problem};
use crate::secret::Secret;
use crate::text::{defuse_mentions, json_length, one_line};
use crate::tls::CaFile;

/// The most bytes of a text as JSON: an event has at most 65,536, and an edit holds its text twice.
const MAX_TEXT: usize = 24_000;

const MEDIUM: Medium = Medium { safe: defuse_mentions, strong: "", length: json_length, max: MAX_TEXT };

/// The keys of a `matrix` channel.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MatrixConfig {
    /// The address of the homeserver.
    pub homeserver: String,
    /// The access token of a user who is in the room.
    pub token: Secret,
    /// The id of the room, which begins with `!`. An alias is none.
    pub room_id: String,
    /// `notice`, as bots do, or `text`, which more clients tell people about.
    #[serde(default)]
    pub message_type: MessageType,
    /// How reminders and ends answer the firing: `reply`, or in a `thread`.
    #[serde(default)]
    pub answer: Answer,
    /// How the end of all that a firing told is shown: `reply`, which is an answer as above, or `edit` of
    /// the firing.
    #[serde(default)]
    pub on_resolve: OnResolve,
    /// PEM file with certificates of authorities to trust besides the system's.
    pub ca_file: Option<CaFile>,
    /// The address of the proxy that its requests go through, by `http`, `https`, `socks5` or `socks5h`; by
    /// default as HTTPS_PROXY and NO_PROXY say.
    pub proxy: Option<Proxy>,
    /// Allows plain http to another machine.
    #[serde(default)]
    pub insecure: bool,
}

/// What a message is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum MessageType {
    /// `m.notice`: of a program; clients may tell nobody.
    #[default]
    Notice,
    /// `m.text`: as people write.
    Text,
}

/// How a message refers to the one that it answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// A reply in the room.
    #[default]
    Reply,
    /// In a thread that the firing begins.
    Thread,
}

/// Sends to a room.
pub struct Matrix {
    config: MatrixConfig,
    /// The client-server API, `…/_matrix/client/v3`.
    api: Url,
    http: reqwest::Client,
    timeout: Duration,
}

impl ChannelKind for Matrix {
    const KIND: &'static str = "matrix";
    type Config = MatrixConfig;

    fn capabilities() -> Capabilities {
        let max_body = Some(MAX_TEXT);
        Capabilities { thread: true, edit: true, idempotent: true, max_body, ..Capabilities::default() }
    }

    fn validate(config: &MatrixConfig) -> Vec<Problem> {
        let room = (!config.room_id.starts_with('!')).then(|| {
            Problem::at("room_id", "is no id of a room: it begins with `!`")
                .help("clients show the id in the room's settings, under Advanced")
        });
        let token = check_header("token", config.token.expose());
        let url = check_url("homeserver", &config.homeserver, config.insecure);
        [url, room, token].into_iter().flatten().collect()
    }

    fn host(config: &MatrixConfig) -> Option<String> {
        crate::http::host_of(&config.homeserver)
    }

    fn edits(config: &MatrixConfig) -> bool {
        config.on_resolve == OnResolve::Edit
    }

    fn build(config: MatrixConfig, context: &Context) -> Result<Box<dyn Notifier>, BuildError> {
        let server = parse_url("homeserver", &config.homeserver)?;
        let api = below(&server, &["_matrix", "client", "v3"]);
        let http = client_with(config.ca_file.as_ref(), config.proxy.as_ref(), context)?;
        Ok(Box::new(Self { config, api, http, timeout: context.timeout }))
    }
}

#[async_trait]
impl Notifier for Matrix {
    async fn notify(&self, notification: &Notification) -> Result<Receipt, DeliveryError> {
        let (room, key) = (&self.config.room_id, &notification.idempotency_key);
        let url = below(&self.api, &["rooms", room, "send", "m.room.message", key]);
        let said = self.call(self.http.put(url).json(&self.content(notification))).await?;
        let id = said["event_id"].as_str().ok_or_else(|| unexpected("Matrix"))?;
        Ok(Receipt::keeping(&said, &["event_id"], one_line(&format!("event {id}"), 80)))
    }

    async fn probe(&self) -> Result<(), DeliveryError> {
        self.call(self.http.get(below(&self.api, &["account", "whoami"]))).await.map(drop)
    }
}

impl Matrix {
    async fn call(&self, request: RequestBuilder) -> Result<Value, DeliveryError> {
        let token = &self.config.token;
        let answer = send(request.bearer_auth(token.expose()), self.timeout).await?;
        let said = answer.json();
        let quote = match (said["errcode"].as_str(), said["error"].as_str()) {
            (Some(code), told) => token.redact(&format!("{code}: {}", told.unwrap_or_default())),
            (None, _) => token.redact(&answer.body),
        };
        let wait = said["retry_after_ms"].as_f64().map(|milliseconds| milliseconds / 1_000.0);
        check_status(&answer, &quote, Utc::now()).map_err(|error| error.waiting(wait))?;
        Ok(said)
    }

    /// The content of the event.
    fn content(&self, notification: &Notification) -> Value {
        let text = notification.in_one(&MEDIUM);
        let id = |firing: &Value| firing["event_id"].as_str().map(str::to_owned);
        let mut content = self.message(&text);
        if let Some(id) = notification.to_edit(self.config.on_resolve).and_then(id) {
            // The text itself is for clients that know no edits.
            content = self.message(&format!("* {text}"));
            content["m.new_content"] = self.message(&text);
            content["m.relates_to"] = json!({ "rel_type": "m.replace", "event_id": id });
        } else if let Some(id) = notification.to_answer().and_then(id) {
            content["m.relates_to"] = self.answer_to(&id);
        }
        content
    }

    fn message(&self, text: &str) -> Value {
        let kind = match self.config.message_type {
            MessageType::Notice => "m.notice",
            MessageType::Text => "m.text",
        };
        json!({ "msgtype": kind, "body": text, "m.mentions": {} })
    }

    fn answer_to(&self, id: &str) -> Value {
        let reply = json!({ "event_id": id });
        match self.config.answer {
            Answer::Reply => json!({ "m.in_reply_to": reply }),
            // The reply in it is for clients that know no threads.
            Answer::Thread => {
                json!({ "rel_type": "m.thread", "event_id": id, "is_falling_back": true, "m.in_reply_to": reply })
            }
        }
    }
}

#[cfg(test)]
mod tests;
