//! Kind `teams`: a card in a channel or chat of Microsoft Teams, through a flow of Workflows ("Post to a
//! channel when a webhook request is received").
//!
//! ```toml
//! [channels.soc]
//! kind = "teams"
//! url = { env = "TEAMS_WORKFLOW_URL" }
//! ```
//!
//! The flow says yes to any JSON and shows nothing of what is no card, so that the card's form is ours to
//! get right: an Adaptive Card 1.4 whose texts are all text runs, which know no Markdown. That the flow
//! accepted is all there is to know; what becomes of the card is in the flow's own history.
//! Sources: Microsoft's documentation of incoming webhooks with Workflows, of the formatting of cards (Markdown
//! is for text blocks and facts) and of the schema of Adaptive Cards.

mod card;

use std::time::Duration;

use async_trait::async_trait;
use chrono::Utc;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::error::{BuildError, DeliveryError, Reason};
use crate::http::{Answer, Proxy, check_status, check_url, client_with, send, unexpected};
use crate::notification::{Notification, Receipt};
use crate::notifier::{Capabilities, ChannelKind, Context, Notifier, Problem};
use crate::secret::Secret;
use crate::text::one_line;
use crate::tls::CaFile;

pub use card::message;

/// The keys of a `teams` channel.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TeamsConfig {
    /// The address that the flow was given. Its `sig` lets anybody post, so it is a secret.
    pub url: Secret,
    /// PEM file with certificates of authorities to trust besides the system's.
    pub ca_file: Option<CaFile>,
    /// The proxy that its requests go through: `http://HOST:PORT`, `https://…`, `socks5://…` or `socks5h://…`,
    /// with `USER:PASSWORD@` before the host where it wants them. By default as HTTPS_PROXY and NO_PROXY say.
    pub proxy: Option<Proxy>,
}

/// Posts cards.
pub struct Teams {
    url: Secret,
    http: reqwest::Client,
    timeout: Duration,
}

impl ChannelKind for Teams {
    const KIND: &'static str = "teams";
    type Config = TeamsConfig;

    fn capabilities() -> Capabilities {
        Capabilities { max_body: Some(card::MAX_BYTES), ..Capabilities::default() }
    }

    fn validate(config: &TeamsConfig) -> Vec<Problem> {
        check_url("url", config.url.expose(), false).into_iter().collect()
    }

    fn host(config: &TeamsConfig) -> Option<String> {
        crate::http::host_of(config.url.expose())
    }

    /// Flows have addresses of Azure Logic Apps, newer ones of the Power Platform.
    fn provider(host: &str) -> Option<&'static str> {
        let domains = ["logic.azure.com", "api.powerplatform.com"];
        domains.iter().any(|domain| crate::host::is_of(host, domain)).then_some("Microsoft")
    }

    fn build(config: TeamsConfig, context: &Context) -> Result<Box<dyn Notifier>, BuildError> {
        let http = client_with(config.ca_file.as_ref(), config.proxy.as_ref(), context)?;
        Ok(Box::new(Self { url: config.url, http, timeout: context.timeout }))
    }
}

#[async_trait]
impl Notifier for Teams {
    async fn notify(&self, notification: &Notification) -> Result<Receipt, DeliveryError> {
        let message = message(notification);
        card::check_size(&message)?;
        let answer = send(self.http.post(self.url.expose()).json(&message), self.timeout).await?;
        self.check(&answer)?;
        Ok(Receipt::line(format!("HTTP {}", answer.status)))
    }
}

impl Teams {
    fn check(&self, answer: &Answer) -> Result<(), DeliveryError> {
        let said = answer.json();
        let [code, told] = ["code", "message"].map(|key| said["error"][key].as_str().unwrap_or_default());
        let quote = if code.is_empty() { answer.body.clone() } else { format!("{code}: {told}") };
        let quote = self.url.redact(&quote);
        // A flow that was switched off says so under 400.
        if code == "WorkflowTriggerIsNotEnabled" {
            return Err(DeliveryError::permanent_channel(Reason::Gone, one_line(&quote, 200)));
        }
        check_status(answer, &quote, Utc::now())?;
        let page = answer.body.trim_start().starts_with('<');
        if page { Err(unexpected("Microsoft")) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests;
