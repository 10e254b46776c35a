//! Slack's two ways in, and what their answers mean.

use chrono::Utc;
use serde_json::{Value, json};

use super::{Slack, message};
use crate::error::{DeliveryError, Reason};
use crate::http::{Answer, check_status, retry_after, said_ok, send, unexpected};
use crate::notification::{MessageKind, Notification, OnResolve, Receipt};
use crate::secret::Secret;
use crate::text::one_line;

/// A bot, and where it posts.
pub(super) struct Bot {
    pub(super) token: Secret,
    /// `#name` or an id.
    pub(super) channel: String,
    /// Of the Web API, without a `/` at its end.
    pub(super) api_url: String,
    pub(super) on_resolve: OnResolve,
}

impl Bot {
    /// The method of the Web API and its arguments that show this notification.
    fn request(&self, notification: &Notification) -> (&'static str, Value) {
        let mut body = message(notification);
        if let Some(firing) = notification.to_edit(self.on_resolve).filter(|firing| firing["ts"].is_string())
        {
            // Only the receipt has the channel's id, and `chat.update` takes no name.
            body["channel"] = firing["channel"].clone();
            body["ts"] = firing["ts"].clone();
            return ("chat.update", body);
        }
        body["channel"] = json!(self.channel);
        if let Some(firing) = notification.to_answer().filter(|firing| firing["ts"].is_string()) {
            body["thread_ts"] = firing["ts"].clone();
            // The end should be seen by those who do not follow the thread.
            body["reply_broadcast"] = json!(notification.kind == MessageKind::Resolved);
        }
        ("chat.postMessage", body)
    }
}

impl Slack {
    pub(super) async fn post_webhook(&self, url: &Secret, body: &Value) -> Result<Receipt, DeliveryError> {
        let answer = send(self.http.post(url.expose()).json(body), self.timeout).await?;
        let said = one_line(&url.redact(&answer.body), 200);
        if answer.status.as_u16() == 400 && (said.contains("token") || said.contains("no_team")) {
            return Err(DeliveryError::permanent_channel(
                Reason::Auth,
                format!("HTTP {}: {said}", answer.status),
            ));
        }
        check_status(&answer, &said, Utc::now())?;
        said_ok(&answer, &said)
    }

    pub(super) async fn post_by_bot(
        &self,
        bot: &Bot,
        notification: &Notification,
    ) -> Result<Receipt, DeliveryError> {
        let (method, body) = bot.request(notification);
        let answer = self.call(bot, method, &body).await?;
        let done = if method == "chat.update" { "edited" } else { "posted" };
        let line = one_line(&format!("{done} {}", answer["ts"].as_str().unwrap_or("")), 80);
        Ok(Receipt::keeping(&answer, &["channel", "ts"], line))
    }

    /// One call of the Web API, which says most of its errors under HTTP 200.
    pub(super) async fn call(&self, bot: &Bot, method: &str, body: &Value) -> Result<Value, DeliveryError> {
        let request = self.http.post(format!("{}/{method}", bot.api_url)).bearer_auth(bot.token.expose());
        let answer = send(request.json(body), self.timeout).await?;
        check_status(&answer, &bot.token.redact(&answer.body), Utc::now())?;
        let said = answer.json();
        match (said["ok"].as_bool(), said["error"].as_str()) {
            (Some(true), _) => Ok(said),
            (Some(false), Some(code)) => Err(api_error(&one_line(&bot.token.redact(code), 80), &answer)),
            _ => Err(unexpected("Slack")),
        }
    }
}

/// What an error code of the Web API means. A code that is not known is about the message: others
/// may go through. So are those that forbid an edit (`message_not_found`, `cant_update_message`,
/// `edit_window_closed`): its short form is a message of its own.
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
