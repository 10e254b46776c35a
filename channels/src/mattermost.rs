//! Kind `mattermost`: an attachment in a channel, by an incoming webhook.
//!
//! ```toml
//! [channels.soc]
//! kind = "mattermost"
//! webhook_url = { env = "MATTERMOST_WEBHOOK_URL" }
//! ```
//!
//! Mattermost reads what Slack's webhooks take, `<!channel>` and `<address|text>` included, and then
//! Markdown: the one is kept out by entities, the other by backslashes.
//! Sources: Mattermost's documentation of incoming webhooks and message attachments; its server's source for
//! the ids of errors and the size of a post's properties.

use std::time::Duration;

use async_trait::async_trait;
use chrono::Utc;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::error::{BuildError, DeliveryError, Reason};
use crate::http::{Answer, Proxy, check_status, check_url, client_with, said_ok, send};
use crate::notification::{Medium, Notification, Receipt};
use crate::notifier::{Capabilities, ChannelKind, Context, Notifier, Problem};
use crate::secret::Secret;
use crate::text::{defuse_mentions, escape_markdown, json_length, one_line};
use crate::tls::CaFile;

/// The most bytes of the text as JSON. Servers before version 6 keep 8,000 characters of all properties of a
/// post, of which title and frame take a part.
const MAX_TEXT: usize = 6_000;

const MEDIUM: Medium = Medium { safe, strong: "**", length: json_length, max: MAX_TEXT };

/// The keys of a `mattermost` channel.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MattermostConfig {
    /// The address of an incoming webhook. Its last part is a key.
    pub webhook_url: Secret,
    /// PEM file with certificates of authorities to trust besides the system's.
    pub ca_file: Option<CaFile>,
    /// The proxy that its requests go through: `http://HOST:PORT`, `https://…`, `socks5://…` or `socks5h://…`,
    /// with `USER:PASSWORD@` before the host where it wants them. By default as HTTPS_PROXY and NO_PROXY say.
    pub proxy: Option<Proxy>,
    /// Allows plain http to another machine.
    #[serde(default)]
    pub insecure: bool,
}

/// Posts to Mattermost.
pub struct Mattermost {
    url: Secret,
    http: reqwest::Client,
    timeout: Duration,
}

impl ChannelKind for Mattermost {
    const KIND: &'static str = "mattermost";
    type Config = MattermostConfig;

    fn capabilities() -> Capabilities {
        Capabilities { max_body: Some(MAX_TEXT), ..Capabilities::default() }
    }

    fn validate(config: &MattermostConfig) -> Vec<Problem> {
        check_url("webhook_url", config.webhook_url.expose(), config.insecure).into_iter().collect()
    }

    fn host(config: &MattermostConfig) -> Option<String> {
        crate::http::host_of(config.webhook_url.expose())
    }

    fn build(config: MattermostConfig, context: &Context) -> Result<Box<dyn Notifier>, BuildError> {
        let http = client_with(config.ca_file.as_ref(), config.proxy.as_ref(), context)?;
        Ok(Box::new(Self { url: config.webhook_url, http, timeout: context.timeout }))
    }
}

#[async_trait]
impl Notifier for Mattermost {
    async fn notify(&self, notification: &Notification) -> Result<Receipt, DeliveryError> {
        let request = self.http.post(self.url.expose()).json(&message(notification));
        self.check(&send(request, self.timeout).await?)
    }
}

impl Mattermost {
    fn check(&self, answer: &Answer) -> Result<Receipt, DeliveryError> {
        let error = answer.json();
        let told = error["message"].as_str().unwrap_or(&answer.body);
        let said = one_line(&self.url.redact(told), 200);
        // Of a webhook that is not there the server says 400, where all are switched off 501.
        let id = error["id"].as_str().unwrap_or_default();
        if ["incoming_webhook.invalid.", "incoming_webhook.disabled."].iter().any(|part| id.contains(part)) {
            return Err(DeliveryError::permanent_channel(
                Reason::Gone,
                format!("HTTP {}: {said}", answer.status),
            ));
        }
        check_status(answer, &said, Utc::now())?;
        said_ok(answer, &said)
    }
}

fn message(notification: &Notification) -> Value {
    // The fallback, for notifications, is shown as it is, after Slack's mentions were looked for.
    let fallback = defuse_mentions(&one_line(&notification.title, 300)).replace('<', "<\u{200b}");
    json!({
        "attachments": [{
            "fallback": fallback,
            "color": notification.tone().color(),
            "text": notification.in_one(&MEDIUM),
        }],
    })
}

fn safe(text: &str) -> String {
    let text = defuse_mentions(text).replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    escape_markdown(&text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conformance::{self, HttpSuite, oversize, sample};
    use crate::testing::{HttpServer, Reply, Request};

    const HOOK: &str = "/hooks/s3cret0key0of0the0hook";

    fn config(base: &str) -> String {
        format!("webhook_url = \"{base}{HOOK}\"")
    }

    /// Nothing that Slack's syntax, Markdown or a mention would make more of than text.
    fn harmless(request: &Request) -> Result<(), String> {
        let attachment = &request.json()["attachments"][0];
        let [fallback, text] = ["fallback", "text"].map(|key| attachment[key].as_str().unwrap_or_default());
        let slack = ["<!", "<@", "<http", "@everyone"].map(|act| (act, fallback));
        let markdown = ["<", "@everyone", " *b", " _i", " `c"].map(|act| (act, text));
        let acts = slack.into_iter().chain(markdown).find(|(act, text)| text.contains(act));
        acts.map_or(Ok(()), |(act, text)| Err(format!("{act} in {text}")))
    }

    #[tokio::test]
    async fn it_conforms() {
        conformance::http::<Mattermost>(&HttpSuite {
            config: &config,
            secrets: &["s3cret0key0of0the0hook"],
            accepts: Reply::new(200, "ok"),
            idempotency: None,
            harmless: &harmless,
        })
        .await;
    }

    #[tokio::test]
    async fn a_webhook_that_is_gone_or_switched_off_needs_repair_and_another_200_is_no_success() {
        let outcome = |reply: Reply| async move {
            let server = HttpServer::start(move |_| reply.clone()).await.unwrap();
            let channel = conformance::build::<Mattermost>(&config(&server.url("")));
            channel.notify(&sample()).await.unwrap_err()
        };
        let refusal =
            |status, id: &str| Reply::json(status, &json!({ "id": id, "message": "Invalid webhook" }));
        for (status, id) in [(400, "invalid"), (501, "disabled")] {
            let error = outcome(refusal(status, &format!("web.incoming_webhook.{id}.app_error"))).await;
            assert!(
                matches!(error, DeliveryError::PermanentChannel { reason: Reason::Gone, .. }),
                "{error:?}"
            );
            assert!(error.to_string().contains("Invalid webhook"), "{error}");
        }
        let text = outcome(refusal(400, "web.incoming_webhook.text.app_error")).await;
        assert!(matches!(text, DeliveryError::PermanentMessage { .. }), "{text:?}");
        assert_eq!(outcome(Reply::new(200, "<html>")).await.reason(), Reason::UnexpectedAnswer);
    }

    #[test]
    fn a_post_is_small_enough_for_the_oldest_servers() {
        let escaped = Notification { title: "<\"".repeat(900), body: "<\"\n".repeat(9_000), ..sample() };
        for notification in [oversize(), escaped] {
            assert!(message(&notification).to_string().chars().count() < 7_600);
        }
        let everyday = message(&sample());
        assert_eq!(everyday["attachments"][0]["color"], "#ef6c00");
        let text = everyday["attachments"][0]["text"].as_str().unwrap();
        assert!(text.starts_with("**🔴 Silent: 007 db-03, no logs for 16 min**\n\nNo logs"), "{text}");
    }
}
