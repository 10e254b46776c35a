//! Kind `pagerduty`: an alert through PagerDuty's Events API v2, which its end resolves.
//!
//! ```toml
//! [channels.oncall]
//! kind = "pagerduty"
//! routing_key = { file = "/run/secrets/pagerduty" }
//! ```
//!
//! A firing and all that follows it share one `dedup_key`. A reminder, and the recovery of some of a
//! group, trigger it once more, which adds to the open alert and notifies nobody anew; only the end of
//! all of it resolves. What nothing ends (a notice) stays open until somebody resolves it.
//!
//! Fields, limits and answers: PagerDuty's "Events API v2 Overview" and "Send an Alert Event"
//! (summary of at most 1,024 characters, `dedup_key` of at most 255, 512 KB in all, 202 for
//! accepted, 400 for never, 429 for later).

use std::collections::BTreeMap;
use std::time::Duration;

use async_trait::async_trait;
use chrono::Utc;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::error::{BuildError, DeliveryError, Reason};
use crate::event::Severity;
use crate::facts;
use crate::http::{Answer, Proxy, check_status, check_url, client_with, send, unexpected};
use crate::notification::{MessageKind, Notification, Receipt};
use crate::notifier::{Capabilities, ChannelKind, Context, Notifier, Problem};
use crate::secret::Secret;
use crate::text::one_line;
use crate::tls::CaFile;

/// The most characters of a summary.
const MAX_SUMMARY: usize = 1024;
/// The most characters of the text among the details: far within 512 KB even at four bytes each.
const MAX_TEXT: usize = 16_000;
/// The most events whose facts are listed among the details.
const MAX_EVENTS: usize = 20;
/// The most characters of any other field.
const MAX_FIELD: usize = 255;
/// The most links.
const MAX_LINKS: usize = 10;
/// PagerDuty's own client waits as long at 429, which names no time.
const WAIT: Duration = Duration::from_secs(30);
/// How long an integration key is.
const KEY_LENGTH: usize = 32;

/// The keys of a `pagerduty` channel.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PagerDutyConfig {
    /// The integration key of a service's or a global orchestration's "Events API v2" integration: 32
    /// characters.
    pub routing_key: Secret,
    /// The address of the Events API: `https://events.eu.pagerduty.com` in the EU service region, or
    /// that of a proxy.
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
    "https://events.pagerduty.com".to_owned()
}

/// Sends events to PagerDuty.
pub struct PagerDuty {
    routing_key: Secret,
    url: String,
    http: reqwest::Client,
    timeout: Duration,
}

impl ChannelKind for PagerDuty {
    const KIND: &'static str = "pagerduty";
    type Config = PagerDutyConfig;

    fn capabilities() -> Capabilities {
        Capabilities { resolve: true, idempotent: true, max_body: Some(MAX_TEXT), ..Capabilities::default() }
    }

    fn validate(config: &PagerDutyConfig) -> Vec<Problem> {
        let length = config.routing_key.expose().len();
        let key = (length != KEY_LENGTH).then(|| {
            Problem::at("routing_key", format!("has {length} characters, not {KEY_LENGTH}"))
                .help("take the integration key of an \"Events API v2\" integration, not an API token")
                .warning()
        });
        key.into_iter().chain(check_url("api_url", &config.api_url, config.insecure)).collect()
    }

    fn host(config: &PagerDutyConfig) -> Option<String> {
        crate::http::host_of(&config.api_url)
    }

    fn provider(host: &str) -> Option<&'static str> {
        crate::host::is_of(host, "pagerduty.com").then_some("PagerDuty")
    }

    fn build(config: PagerDutyConfig, context: &Context) -> Result<Box<dyn Notifier>, BuildError> {
        Ok(Box::new(Self {
            url: format!("{}/v2/enqueue", config.api_url.trim_end_matches('/')),
            routing_key: config.routing_key,
            http: client_with(config.ca_file.as_ref(), config.proxy.as_ref(), context)?,
            timeout: context.timeout,
        }))
    }
}

#[async_trait]
impl Notifier for PagerDuty {
    async fn notify(&self, notification: &Notification) -> Result<Receipt, DeliveryError> {
        if notification.kind == MessageKind::Resolved && !notification.follows() {
            // A trigger of it would stay open for ever.
            return Ok(Receipt::untold("nothing to resolve"));
        }
        let mut body = event(notification);
        body["routing_key"] = json!(self.routing_key.expose());
        let answer = send(self.http.post(&self.url).json(&body), self.timeout).await?;
        let said = answer.json();
        self.check(&answer, &said)?;
        let message = one_line(&self.routing_key.redact(said["message"].as_str().unwrap_or_default()), 200);
        let line = format!("{}: {message}", body["event_action"].as_str().unwrap_or_default());
        Ok(Receipt::keeping(&body, &["dedup_key"], line))
    }
}

impl PagerDuty {
    fn check(&self, answer: &Answer, said: &Value) -> Result<(), DeliveryError> {
        let quote = self.routing_key.redact(&answer.body);
        // The one mistake of ours that only the channel's owner can mend.
        if answer.status.as_u16() == 400 && (quote.contains("routing_key") || quote.contains("routing key")) {
            let detail = format!("HTTP {}: {}", answer.status, one_line(&quote, 200));
            return Err(DeliveryError::permanent_channel(Reason::Auth, detail));
        }
        check_status(answer, &quote, Utc::now()).map_err(|error| error.or_wait(WAIT))?;
        if said["status"] == "success" { Ok(()) } else { Err(unexpected("PagerDuty")) }
    }
}

/// The event, without the routing key.
#[must_use]
pub fn event(notification: &Notification) -> Value {
    let dedup_key = notification.key_of_firing("dedup_key");
    if notification.kind == MessageKind::Resolved && notification.all_over {
        return json!({ "event_action": "resolve", "dedup_key": dedup_key });
    }
    let links = notification.links.iter().take(MAX_LINKS);
    let links = links.map(|link| json!({ "href": link.url, "text": one_line(&link.title, MAX_FIELD) }));
    json!({
        "event_action": "trigger",
        "dedup_key": dedup_key,
        "payload": payload(notification),
        "client": "log-monitor",
        "links": links.collect::<Vec<_>>(),
    })
}

fn payload(notification: &Notification) -> Value {
    let event = notification.events.first();
    let field = |text: &str| one_line(text, MAX_FIELD);
    json!({
        "summary": one_line(&notification.title, MAX_SUMMARY),
        "source": field(&notification.installation),
        "severity": severity(notification.severity),
        "timestamp": facts::time(notification.created_at),
        "component": field(event.map_or("", |event| &event.scope)),
        "class": event.map_or("", |event| event.kind.name()),
        "custom_details": if notification.short { json!({}) } else { details(notification) },
    })
}

fn details(notification: &Notification) -> Value {
    let facts = |event| BTreeMap::from_iter(facts::of(event, MAX_FIELD));
    let events: Vec<_> = notification.events.iter().take(MAX_EVENTS).map(facts).collect();
    json!({ "text": notification.text(MAX_TEXT), "events": events })
}

const fn severity(severity: Severity) -> &'static str {
    match severity {
        Severity::Critical => "critical",
        Severity::High => "error",
        Severity::Medium => "warning",
        Severity::Low | Severity::Info => "info",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conformance::{self, HttpSuite, sample};
    use crate::testing::{HttpServer, Reply, Request};

    const KEY: &str = "r0uting-key-of-thirty-two-letter";

    fn config(base: &str) -> String {
        format!("routing_key = \"{KEY}\"\napi_url = \"{base}/\"")
    }

    fn accepted() -> Reply {
        Reply::json(202, &json!({ "status": "success", "message": "Event processed", "dedup_key": "x" }))
    }

    /// What PagerDuty would refuse or cut.
    fn harmless(request: &Request) -> Result<(), String> {
        let payload = &request.json()["payload"];
        match payload["summary"].as_str() {
            Some(line) if line.chars().count() <= MAX_SUMMARY && !line.contains('\n') => Ok(()),
            other => Err(format!("summary is {other:?}")),
        }
    }

    #[tokio::test]
    async fn it_conforms() {
        conformance::http::<PagerDuty>(&HttpSuite {
            config: &config,
            secrets: &[KEY],
            accepts: accepted(),
            idempotency: Some(&|request| request.json()["dedup_key"].to_string()),
            harmless: &harmless,
        })
        .await;
    }

    #[tokio::test]
    async fn what_follows_a_firing_has_its_key_and_only_the_end_of_all_resolves() {
        let server = HttpServer::start(|_| accepted()).await.unwrap();
        let notifier = conformance::build::<PagerDuty>(&config(&server.url("")));
        let firing = notifier.notify(&sample()).await.unwrap();
        for (kind, all_over) in
            [(MessageKind::Reminder, false), (MessageKind::Resolved, false), (MessageKind::Resolved, true)]
        {
            let in_reply_to = Some(firing.clone());
            let idempotency_key = "another-2".to_owned();
            let next = Notification { kind, all_over, in_reply_to, idempotency_key, ..sample() };
            notifier.notify(&next).await.unwrap();
        }
        let events: Vec<Value> = server.received().iter().map(Request::json).collect();
        let actions: Vec<_> = events.iter().map(|event| event["event_action"].as_str().unwrap()).collect();
        assert_eq!(actions, ["trigger", "trigger", "trigger", "resolve"]);
        assert!(events.iter().all(|event| event["dedup_key"] == sample().idempotency_key), "{events:?}");
        assert!(events.iter().all(|event| event["routing_key"] == KEY));
        assert_eq!(server.received()[0].path, "/v2/enqueue");
    }

    #[tokio::test]
    async fn an_end_of_nothing_opens_no_alert() {
        let server = HttpServer::start(|_| accepted()).await.unwrap();
        let end = Notification { kind: MessageKind::Resolved, ..sample() };
        let receipt = conformance::build::<PagerDuty>(&config(&server.url(""))).notify(&end).await.unwrap();
        assert_eq!((receipt.untold, server.count()), (true, 0), "{receipt:?}");
    }

    #[tokio::test]
    async fn refusals_are_told_apart() {
        let outcome = |reply: Reply| async move {
            let server = HttpServer::start(move |_| reply.clone()).await.unwrap();
            conformance::build::<PagerDuty>(&config(&server.url(""))).notify(&sample()).await.unwrap_err()
        };
        let invalid = |what: &str| {
            Reply::json(
                400,
                &json!({ "status": "invalid event", "message": "Event object is invalid", "errors": [what] }),
            )
        };
        let key = outcome(invalid("Length of 'routing_key' is incorrect (should be 32 characters)")).await;
        assert!(matches!(key, DeliveryError::PermanentChannel { reason: Reason::Auth, .. }), "{key:?}");
        let field = outcome(invalid("'payload.severity' is invalid")).await;
        assert!(matches!(field, DeliveryError::PermanentMessage { .. }), "{field:?}");
        let limit = outcome(Reply::new(429, "")).await;
        assert!(matches!(limit, DeliveryError::Transient { retry_after: Some(WAIT), .. }), "{limit:?}");
        let proxy = outcome(Reply::new(200, "<html>log in</html>")).await;
        assert_eq!(proxy.reason(), Reason::UnexpectedAnswer);
    }

    #[test]
    fn the_largest_event_is_far_below_half_a_megabyte() {
        let long = "🔥".repeat(400_000);
        let mut huge = Notification { title: long.clone(), body: long.clone(), ..conformance::hostile() };
        huge.events = vec![crate::Event { scope: long.clone(), cause: long, ..huge.events.remove(0) }; 1000];
        assert!(event(&huge).to_string().len() < 256 * 1024);
    }

    #[test]
    fn a_key_of_another_length_is_a_warning() {
        let problems = |text: &str| PagerDuty::validate(&toml::from_str(text).unwrap());
        assert_eq!(problems(&format!("routing_key = \"{KEY}\"")), []);
        assert!(problems("routing_key = \"u+token\"")[0].warning);
        assert_eq!(problems(&format!("routing_key = \"{KEY}\"\napi_url = \"http://a.example\"")).len(), 1);
    }
}
