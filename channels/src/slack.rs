//! Kind `slack`: an incoming webhook, or a bot with `chat.postMessage`.
//!
//! The message is Block Kit whose texts are all `plain_text`, so that no name in it formats,
//! mentions or links; `text`, which notifications and screen readers use, is the title alone.
//! Limits and error codes: Slack's documentation of blocks, `chat.postMessage` and incoming webhooks.

use std::time::Duration;

use async_trait::async_trait;
use chrono::Utc;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::error::{BuildError, DeliveryError, Reason};
use crate::http::{Answer, check_status, check_url, retry_after, send};
use crate::notification::{MessageKind, Notification, Receipt};
use crate::notifier::{Capabilities, ChannelKind, Context, Notifier, Problem};
use crate::secret::Secret;
use crate::text::{defuse_mentions, one_line, shorten};

/// The most characters of a header block.
const MAX_HEADER: usize = 150;
/// The most characters of a section's text.
const MAX_SECTION: usize = 3000;
/// The most sections of ours: a message of over 50 blocks is refused.
const MAX_SECTIONS: usize = 10;
/// What is left of [`MAX_SECTION`] where escaping makes five characters of one.
const SECTION: usize = MAX_SECTION / 5;

/// The keys of a `slack` channel: `webhook_url`, or `token` and `channel`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SlackConfig {
    /// The address of an incoming webhook.
    pub webhook_url: Option<Secret>,
    /// The token of a bot with the scope `chat:write`. Its resolutions answer in a thread.
    pub token: Option<Secret>,
    /// Where the bot posts: `#name` or an id.
    pub channel: Option<String>,
    /// The address of the Web API, for a proxy.
    #[serde(default = "usual_api")]
    pub api_url: String,
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
    Bot { token: Secret, channel: String, api_url: String },
}

impl ChannelKind for Slack {
    const KIND: &'static str = "slack";
    type Config = SlackConfig;

    fn capabilities() -> Capabilities {
        Capabilities { thread: true, max_body: Some(SECTION * MAX_SECTIONS), ..Capabilities::default() }
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
        way.into_iter().chain(hook).chain(check_url("api_url", &config.api_url, config.insecure)).collect()
    }

    fn build(config: SlackConfig, context: &Context) -> Result<Box<dyn Notifier>, BuildError> {
        let way = match (config.webhook_url, config.token, config.channel) {
            (Some(url), _, _) => Way::Webhook(url),
            (None, Some(token), Some(channel)) => {
                Way::Bot { token, channel, api_url: config.api_url.trim_end_matches('/').to_owned() }
            }
            _ => return Err(BuildError("needs `webhook_url`, or `token` and `channel`".to_owned())),
        };
        Ok(Box::new(Self { way, http: context.http.clone(), timeout: context.timeout }))
    }
}

#[async_trait]
impl Notifier for Slack {
    async fn notify(&self, notification: &Notification) -> Result<Receipt, DeliveryError> {
        match &self.way {
            Way::Webhook(url) => self.post_webhook(url, &message(notification)).await,
            Way::Bot { token, channel, api_url } => {
                let mut body = message(notification);
                body["channel"] = json!(channel);
                let firing = notification.in_reply_to.as_ref().map(|receipt| &receipt.reference["ts"]);
                // In short form without: it may be the thread that Slack does not take.
                if let Some(ts) = firing.filter(|ts| ts.is_string() && !notification.short) {
                    body["thread_ts"] = ts.clone();
                    // The end should be seen by those who do not follow the thread.
                    body["reply_broadcast"] = json!(notification.kind == MessageKind::Resolved);
                }
                let answer = self.call(token, &format!("{api_url}/chat.postMessage"), &body).await?;
                let reference = json!({ "channel": answer["channel"], "ts": answer["ts"] });
                Ok(Receipt {
                    line: one_line(&format!("posted {}", answer["ts"].as_str().unwrap_or("")), 80),
                    reference,
                })
            }
        }
    }

    /// A webhook cannot be tried without posting; for a bot there is `auth.test`.
    async fn probe(&self) -> Result<(), DeliveryError> {
        match &self.way {
            Way::Webhook(_) => Ok(()),
            Way::Bot { token, api_url, .. } => {
                self.call(token, &format!("{api_url}/auth.test"), &json!({})).await.map(drop)
            }
        }
    }
}

impl Slack {
    async fn post_webhook(&self, url: &Secret, body: &Value) -> Result<Receipt, DeliveryError> {
        let answer = send(self.http.post(url.expose()).json(body), self.timeout).await?;
        let said = one_line(&url.redact(&answer.body), 200);
        if answer.status.as_u16() == 400 && (said.contains("token") || said.contains("no_team")) {
            return Err(DeliveryError::permanent_channel(
                Reason::Auth,
                format!("HTTP {}: {said}", answer.status),
            ));
        }
        check_status(&answer, &said, Utc::now())?;
        match said.as_str() {
            "ok" => Ok(Receipt::line("ok")),
            other => Err(DeliveryError::transient(
                Reason::UnexpectedAnswer,
                format!("HTTP {} with \"{other}\" in place of \"ok\"", answer.status),
            )),
        }
    }

    /// One call of the Web API, which says most of its errors under HTTP 200.
    async fn call(&self, token: &Secret, url: &str, body: &Value) -> Result<Value, DeliveryError> {
        let request = self.http.post(url).bearer_auth(token.expose()).json(body);
        let answer = send(request, self.timeout).await?;
        check_status(&answer, &token.redact(&answer.body), Utc::now())?;
        let said: Value = serde_json::from_str(&answer.body).unwrap_or_default();
        match (said["ok"].as_bool(), said["error"].as_str()) {
            (Some(true), _) => Ok(said),
            (Some(false), Some(code)) => Err(api_error(&one_line(&token.redact(code), 80), &answer)),
            _ => Err(DeliveryError::transient(
                Reason::UnexpectedAnswer,
                "the answer is not what Slack documents",
            )),
        }
    }
}

/// What an error code of the Web API means. A code that is not known is about the message: others
/// may go through.
fn api_error(code: &str, answer: &Answer) -> DeliveryError {
    let detail = format!("Slack says {code}");
    match code {
        "ratelimited" | "rate_limited" | "message_limit_exceeded" => DeliveryError::Transient {
            reason: Reason::RateLimited,
            detail,
            retry_after: retry_after(&answer.headers, Utc::now()),
        },
        "internal_error"
        | "fatal_error"
        | "request_timeout"
        | "service_unavailable"
        | "team_added_to_org" => DeliveryError::transient(Reason::Server, detail),
        "invalid_auth"
        | "not_authed"
        | "account_inactive"
        | "token_revoked"
        | "token_expired"
        | "no_permission"
        | "missing_scope"
        | "not_allowed_token_type"
        | "ekm_access_denied"
        | "access_denied" => DeliveryError::permanent_channel(Reason::Auth, detail),
        "channel_not_found" | "not_in_channel" | "is_archived" | "restricted_action" => {
            DeliveryError::permanent_channel(Reason::Gone, detail)
        }
        "msg_too_long" | "msg_blocks_too_long" => DeliveryError::permanent_message(Reason::TooLarge, detail),
        _ => DeliveryError::permanent_message(Reason::Rejected, detail),
    }
}

/// The message: title alone in the short form, else blocks as well.
#[must_use]
pub fn message(notification: &Notification) -> Value {
    let text = safe(&one_line(&notification.title, 300));
    if notification.short {
        return json!({ "text": text, "mrkdwn": false });
    }
    json!({ "text": text, "mrkdwn": false, "blocks": blocks(notification) })
}

fn blocks(notification: &Notification) -> Vec<Value> {
    let mark = match notification.kind {
        MessageKind::Firing => "🔴 ",
        MessageKind::Reminder => "🟠 ",
        MessageKind::Resolved => "🟢 ",
        MessageKind::Notice => "🔵 ",
    };
    let title = within(&format!("{mark}{}", one_line(&notification.title, MAX_HEADER)), MAX_HEADER);
    let mut blocks = vec![json!({ "type": "header", "text": plain(&title) })];
    blocks.extend(
        sections(&notification.text(SECTION * MAX_SECTIONS))
            .map(|text| json!({ "type": "section", "text": plain(&text) })),
    );
    let time = notification.created_at.format("%Y-%m-%d %H:%M:%S UTC");
    let attempt =
        if notification.attempt > 1 { format!(", try {}", notification.attempt) } else { String::new() };
    let context =
        safe(&one_line(&format!("log-monitor on {}, {time}{attempt}", notification.installation), 200));
    blocks.push(json!({ "type": "context", "elements": [plain(&context)] }));
    blocks
}

fn plain(text: &str) -> Value {
    json!({ "type": "plain_text", "text": text, "emoji": false })
}

/// The body in pieces that fit a section each.
fn sections(body: &str) -> impl Iterator<Item = String> {
    let letters: Vec<char> = body.chars().collect();
    let pieces: Vec<String> =
        letters.chunks(SECTION).map(|piece| safe(&piece.iter().collect::<String>())).collect();
    pieces.into_iter().filter(|piece| !piece.trim().is_empty())
}

/// Escaped, and cut so that the escaped text is within `max` characters.
fn within(text: &str, max: usize) -> String {
    (0..=max)
        .rev()
        .map(|length| safe(&shorten(text, length)))
        .find(|safe| safe.chars().count() <= max)
        .unwrap_or_default()
}

/// Nothing in it mentions, links or formats: Slack's three characters are escaped and mass
/// mentions are broken.
fn safe(text: &str) -> String {
    defuse_mentions(text).replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conformance::{self, HttpSuite};
    use crate::testing::{HttpServer, Reply, Request};

    const HOOK: &str = "/services/T0SECRET/B0SECRET/s3cret-of-the-hook";

    /// Nothing that Slack would act on, in any field.
    fn harmless(request: &Request) -> Result<(), String> {
        let body = request.json();
        let text = String::from_utf8_lossy(&request.body);
        for act in ["<!", "<@", "<#", "@everyone", "@channel", "mrkdwn\":true", "\"mrkdwn\"}"] {
            if text.contains(act) {
                return Err(format!("{act} in {text}"));
            }
        }
        match body["text"].as_str() {
            Some(line) if !line.contains('\n') => Ok(()),
            other => Err(format!("text is {other:?}")),
        }
    }

    #[tokio::test]
    async fn the_webhook_conforms() {
        conformance::http::<Slack>(&HttpSuite {
            config: &|base| format!("webhook_url = \"{base}{HOOK}\""),
            secrets: &["s3cret-of-the-hook", "B0SECRET"],
            accepts: Reply::new(200, "ok"),
            idempotency: None,
            harmless: &harmless,
        })
        .await;
    }

    fn bot(base: &str) -> String {
        format!("token = \"xoxb-s3cret\"\nchannel = \"#soc\"\napi_url = \"{base}/api\"")
    }

    fn posted() -> Reply {
        Reply::json(200, &json!({ "ok": true, "channel": "C1", "ts": "1503435956.000247" }))
    }

    #[tokio::test]
    async fn the_bot_conforms() {
        conformance::http::<Slack>(&HttpSuite {
            config: &bot,
            secrets: &["xoxb-s3cret"],
            accepts: posted(),
            idempotency: None,
            harmless: &harmless,
        })
        .await;
    }

    #[tokio::test]
    async fn a_200_that_is_not_ok_is_no_success() {
        let server = HttpServer::start(|_| Reply::new(200, "<html>proxy login</html>")).await.unwrap();
        let hook = conformance::build::<Slack>(&format!("webhook_url = \"{}\"", server.url(HOOK)));
        assert_eq!(hook.notify(&conformance::sample()).await.unwrap_err().reason(), Reason::UnexpectedAnswer);
        let bot = conformance::build::<Slack>(&bot(&server.url("")));
        assert_eq!(bot.notify(&conformance::sample()).await.unwrap_err().reason(), Reason::UnexpectedAnswer);
    }

    #[tokio::test]
    async fn the_bots_errors_under_200_are_told_apart() {
        let outcome = |code: &'static str| async move {
            let reply = Reply::json(200, &json!({ "ok": false, "error": code })).header("retry-after", "7");
            let server = HttpServer::start(move |_| reply.clone()).await.unwrap();
            conformance::build::<Slack>(&bot(&server.url("")))
                .notify(&conformance::sample())
                .await
                .unwrap_err()
        };
        assert!(matches!(
            outcome("ratelimited").await,
            DeliveryError::Transient { retry_after: Some(wait), .. } if wait.as_secs() == 7
        ));
        assert!(matches!(outcome("token_revoked").await, DeliveryError::PermanentChannel { .. }));
        assert!(matches!(outcome("is_archived").await, DeliveryError::PermanentChannel { .. }));
        assert!(matches!(outcome("msg_too_long").await, DeliveryError::PermanentMessage { .. }));
    }

    #[tokio::test]
    async fn a_resolution_answers_in_the_thread_of_its_firing() {
        let server = HttpServer::start(|_| posted()).await.unwrap();
        let notifier = conformance::build::<Slack>(&bot(&server.url("")));
        let receipt = notifier.notify(&conformance::sample()).await.unwrap();
        let end =
            Notification { kind: MessageKind::Resolved, in_reply_to: Some(receipt), ..conformance::sample() };
        notifier.notify(&end).await.unwrap();
        let request = &server.received()[1];
        assert_eq!(request.path, "/api/chat.postMessage");
        assert_eq!(request.header("authorization"), "Bearer xoxb-s3cret");
        assert_eq!(request.json()["thread_ts"], "1503435956.000247");
        assert_eq!(request.json()["channel"], "#soc");
    }

    #[test]
    fn every_text_is_within_slacks_limits_even_when_all_of_it_is_escaped() {
        let huge =
            Notification { title: "<".repeat(1000), body: "&".repeat(100_000), ..conformance::sample() };
        let message = message(&huge);
        let blocks = message["blocks"].as_array().unwrap();
        assert!(blocks.len() <= 50);
        let length = |block: &Value| block["text"]["text"].as_str().unwrap_or_default().chars().count();
        assert!(length(&blocks[0]) <= MAX_HEADER && length(&blocks[1]) <= MAX_SECTION);
    }

    #[test]
    fn one_way_in_is_needed_and_only_one() {
        let problems = |text: &str| Slack::validate(&toml::from_str(text).unwrap()).len();
        assert_eq!(problems("webhook_url = \"https://hooks.example/x\""), 0);
        assert_eq!(problems("token = \"x\"\nchannel = \"#soc\""), 0);
        assert_eq!(problems("channel = \"#soc\""), 1);
        assert_eq!(problems("token = \"x\""), 1);
        assert_eq!(problems("token = \"x\"\nchannel = \"y\"\nwebhook_url = \"https://hooks.example/x\""), 1);
        assert_eq!(problems("webhook_url = \"http://hooks.example/x\""), 1);
    }
}
