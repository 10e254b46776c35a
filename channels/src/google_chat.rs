//! Kind `google_chat`: a text in a space of Google Chat, by a webhook.
//!
//! ```toml
//! [channels.soc]
//! kind = "google_chat"
//! webhook_url = { env = "GOOGLE_CHAT_WEBHOOK_URL" }
//! ```
//!
//! Each firing begins a thread, under its own idempotency key; reminders and the resolution answer there.
//! The same key is the request's id, so that a second try makes no second message. The text has no
//! escapes: what could format, link or mention gets a zero-width space.
//! Source: Google's documentation of webhooks, of `spaces.messages.create` and of formatting texts.

use std::time::Duration;

use async_trait::async_trait;
use chrono::Utc;
use reqwest::Url;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;

use crate::error::{BuildError, DeliveryError, Reason};
use crate::http::{Answer, Proxy, check_status, check_url, client_with, parse_url, send, unexpected};
use crate::notification::{Medium, Notification, Receipt};
use crate::notifier::{Capabilities, ChannelKind, Context, Notifier, Problem};
use crate::secret::Secret;
use crate::text::{defuse_mentions, one_line};
use crate::tls::CaFile;

/// The most bytes of a text.
const MAX_TEXT: usize = 4096;

const MEDIUM: Medium = Medium { safe, strong: "*", length: str::len, max: MAX_TEXT };

/// The keys of a `google_chat` channel.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GoogleChatConfig {
    /// The address of the webhook, with its `key` and `token`.
    pub webhook_url: Secret,
    /// PEM file with certificates of authorities to trust besides the system's.
    pub ca_file: Option<CaFile>,
    /// The proxy that its requests go through: `http://HOST:PORT`, `https://…`, `socks5://…` or `socks5h://…`,
    /// with `USER:PASSWORD@` before the host where it wants them. By default as HTTPS_PROXY and NO_PROXY say.
    pub proxy: Option<Proxy>,
}

/// Posts to Google Chat.
pub struct GoogleChat {
    secret: Secret,
    url: Url,
    http: reqwest::Client,
    timeout: Duration,
}

impl ChannelKind for GoogleChat {
    const KIND: &'static str = "google_chat";
    type Config = GoogleChatConfig;

    fn capabilities() -> Capabilities {
        Capabilities { thread: true, idempotent: true, max_body: Some(MAX_TEXT), ..Capabilities::default() }
    }

    fn validate(config: &GoogleChatConfig) -> Vec<Problem> {
        check_url("webhook_url", config.webhook_url.expose(), false).into_iter().collect()
    }

    fn host(config: &GoogleChatConfig) -> Option<String> {
        crate::http::host_of(config.webhook_url.expose())
    }

    fn provider(host: &str) -> Option<&'static str> {
        crate::host::is_of(host, "googleapis.com").then_some("Google")
    }

    fn build(config: GoogleChatConfig, context: &Context) -> Result<Box<dyn Notifier>, BuildError> {
        let mut url = parse_url("webhook_url", config.webhook_url.expose())?;
        url.query_pairs_mut().append_pair("messageReplyOption", "REPLY_MESSAGE_FALLBACK_TO_NEW_THREAD");
        let http = client_with(config.ca_file.as_ref(), config.proxy.as_ref(), context)?;
        Ok(Box::new(Self { secret: config.webhook_url, url, http, timeout: context.timeout }))
    }
}

#[async_trait]
impl Notifier for GoogleChat {
    async fn notify(&self, notification: &Notification) -> Result<Receipt, DeliveryError> {
        let mut url = self.url.clone();
        url.query_pairs_mut().append_pair("requestId", &notification.idempotency_key);
        let thread = thread(notification);
        let message = json!({ "text": notification.in_one(&MEDIUM), "thread": { "threadKey": thread } });
        let answer = send(self.http.post(url).json(&message), self.timeout).await?;
        let line = format!("message {}", self.id(&answer)?);
        Ok(Receipt::keeping(&json!({ "thread_key": thread }), &["thread_key"], line))
    }
}

/// The thread of the firing that it answers, or one of its own.
fn thread(notification: &Notification) -> &str {
    if notification.short { &notification.idempotency_key } else { notification.key_of_firing("thread_key") }
}

impl GoogleChat {
    /// The id of the message that was made, without that of its space.
    fn id(&self, answer: &Answer) -> Result<String, DeliveryError> {
        let said = answer.json();
        let error = &said["error"];
        let quote = self.secret.redact(error["message"].as_str().unwrap_or(&answer.body));
        // A wrong key is a bad request, by its status.
        let reasons = error["details"].as_array().into_iter().flatten().map(|detail| &detail["reason"]);
        if reasons.into_iter().any(|reason| reason == "API_KEY_INVALID") {
            return Err(DeliveryError::permanent_channel(Reason::Auth, one_line(&quote, 200)));
        }
        check_status(answer, &quote, Utc::now())?;
        let name = said["name"].as_str().and_then(|name| name.rsplit('/').next());
        name.map(|id| one_line(&self.secret.redact(id), 80)).ok_or_else(|| unexpected("Google"))
    }
}

/// Text in which no `<` begins a link or a mention, and no mark a format. Within a word a mark means
/// nothing, so that most names can still be copied.
fn safe(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut in_word = false;
    for c in defuse_mentions(text).chars() {
        out.push(c);
        if c == '<' || "*_~`".contains(c) && !in_word {
            out.push('\u{200b}');
        }
        in_word = c.is_alphanumeric();
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::MessageKind;
    use crate::conformance::{self, HttpSuite, oversize, sample};
    use crate::testing::{HttpServer, Reply, Request};

    const HOOK: &str = "/v1/spaces/AAAAspace1/messages?key=S3cret-Key&token=S3cret-T0ken%3D%3D";

    fn config(base: &str) -> String {
        format!("webhook_url = \"{base}{HOOK}\"")
    }

    fn created() -> Reply {
        Reply::json(200, &json!({ "name": "spaces/AAAAspace1/messages/BBB.BBB" }))
    }

    fn parameter(request: &Request, name: &str) -> String {
        let url = Url::parse(&format!("http://x{}", request.path)).unwrap();
        let found = url.query_pairs().find(|(key, _)| key == name);
        found.map(|(_, value)| value.into_owned()).unwrap_or_default()
    }

    fn harmless(request: &Request) -> Result<(), String> {
        let text = request.json()["text"].as_str().unwrap_or_default().to_owned();
        let acts = ["<!", "<@", "<http", "<users", "@everyone", " *b", " _i", " `c"];
        acts.iter().find(|act| text.contains(**act)).map_or(Ok(()), |act| Err(format!("{act} in {text}")))
    }

    #[tokio::test]
    async fn it_conforms() {
        conformance::http::<GoogleChat>(&HttpSuite {
            config: &config,
            secrets: &["S3cret-Key", "S3cret-T0ken"],
            accepts: created(),
            idempotency: Some(&|request| parameter(request, "requestId")),
            harmless: &harmless,
        })
        .await;
    }

    #[tokio::test]
    async fn a_firing_and_what_answers_it_are_one_thread() {
        let server = HttpServer::start(|_| created()).await.unwrap();
        let channel = conformance::build::<GoogleChat>(&config(&server.url("")));
        let firing = channel.notify(&sample()).await.unwrap();
        assert_eq!(firing.line, "message BBB.BBB");
        let end = Notification {
            idempotency_key: "k-2".to_owned(),
            kind: MessageKind::Resolved,
            in_reply_to: Some(firing),
            ..sample()
        };
        channel.notify(&end).await.unwrap();
        for request in server.received() {
            assert_eq!(request.json()["thread"]["threadKey"], sample().idempotency_key);
            assert_eq!(parameter(&request, "messageReplyOption"), "REPLY_MESSAGE_FALLBACK_TO_NEW_THREAD");
            assert_eq!(parameter(&request, "token"), "S3cret-T0ken==");
        }
    }

    #[tokio::test]
    async fn a_wrong_key_needs_repair_although_it_is_a_bad_request_to_google() {
        let error = json!({ "code": 400, "message": "API key not valid.", "details": [{ "reason": "API_KEY_INVALID" }] });
        let server = HttpServer::start(move |_| Reply::json(400, &json!({ "error": error }))).await.unwrap();
        let error = conformance::build::<GoogleChat>(&config(&server.url(""))).notify(&sample()).await;
        let expected = DeliveryError::permanent_channel(Reason::Auth, "API key not valid.");
        assert_eq!(error, Err(expected));
    }

    #[test]
    fn no_text_is_longer_than_google_takes_and_names_stay_as_they_are() {
        let fire = Notification { title: "🔥*".repeat(900), body: "🔥 *".repeat(9_000), ..sample() };
        for notification in [oversize(), fire] {
            assert!(notification.in_one(&MEDIUM).len() <= MAX_TEXT);
        }
        assert_eq!(safe("db_03 <users/all> _i_"), "db_03 <\u{200b}users/all> _\u{200b}i_");
    }
}
