//! Notification channels, and the contract for adding one.
//!
//! A *kind* (`slack`, `email`, …) is one file of code that implements [`ChannelKind`]; a *channel* is
//! a named table of that kind in the configuration; a *notifier* is the object built from it. The
//! framework around this crate decides what to send, to whom, when, and what to do when it fails;
//! a notifier makes **one try** and says truthfully how it ended.
//!
//! This crate knows nothing of Wazuh, schedules, journals, routes or retries, and Cargo keeps it so:
//! the daemon depends on it, never the reverse.
//!
//! A kind of one's own, from its table to a message that its vendor has taken:
//!
//! ```
//! use log_monitor_channels::http::{check_status, check_url, send};
//! use log_monitor_channels::testing::{HttpServer, Reply};
//! use log_monitor_channels::{
//!     BuildError, ChannelKind, Context, DeliveryError, Notification, Notifier, Problem, Receipt, Registry, Secret,
//!     async_trait, conformance,
//! };
//!
//! /// The keys of its table: each doc comment is the documentation of a key.
//! #[derive(serde::Deserialize, schemars::JsonSchema)]
//! #[serde(deny_unknown_fields)]
//! struct BellConfig {
//!     /// Where to ring.
//!     url: Secret,
//! }
//!
//! struct Bell(Secret, reqwest::Client, std::time::Duration);
//!
//! impl ChannelKind for Bell {
//!     const KIND: &'static str = "bell";
//!     type Config = BellConfig;
//!
//!     fn validate(config: &BellConfig) -> Vec<Problem> {
//!         check_url("url", config.url.expose(), false).into_iter().collect()
//!     }
//!
//!     fn build(config: BellConfig, context: &Context) -> Result<Box<dyn Notifier>, BuildError> {
//!         Ok(Box::new(Self(config.url, context.http.clone(), context.timeout)))
//!     }
//! }
//!
//! #[async_trait]
//! impl Notifier for Bell {
//!     async fn notify(&self, notification: &Notification) -> Result<Receipt, DeliveryError> {
//!         let request = self.1.post(self.0.expose()).body(notification.title.clone());
//!         let answer = send(request, self.2).await?;
//!         check_status(&answer, &self.0.redact(&answer.body), chrono::Utc::now())?;
//!         Ok(Receipt::line("the bell rang"))
//!     }
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() {
//! let kinds = log_monitor_channels::default_channels().with::<Bell>();
//! assert_eq!(kinds.get("bell").unwrap().schema()["properties"]["url"]["description"], "Where to ring.");
//!
//! let vendor = HttpServer::start(|_| Reply::new(200, "ding")).await.unwrap();
//! let bell = conformance::build::<Bell>(&format!("url = \"{}\"", vendor.url("/ring")));
//! let receipt = bell.notify(&conformance::sample()).await.unwrap();
//! assert_eq!(receipt.line, "the bell rang");
//! assert_eq!(vendor.received()[0].body, b"Silent: 007 db-03, no logs for 16 min");
//! # }
//! ```
//!
//! Before it is used, [`conformance`] should have tried it with everything that vendors and strangers do.

pub mod alertmanager;
pub mod conformance;
pub mod discord;
pub mod duration;
pub mod email;
pub mod error;
pub mod event;
pub mod exec;
pub mod facts;
pub mod google_chat;
pub mod host;
pub mod http;
pub mod jira_service_management;
pub mod log;
pub mod matrix;
pub mod mattermost;
pub mod notification;
pub mod notifier;
pub mod ntfy;
pub mod opsgenie;
pub mod pagerduty;
pub mod payload;
pub mod registry;
mod schema;
pub mod secret;
pub mod slack;
pub mod syslog;
pub mod teams;
pub mod telegram;
pub mod testing;
pub mod text;
pub mod thehive;
pub mod tls;
pub mod wazuh;
pub mod webhook;

pub use error::{BuildError, DeliveryError, Reason};
pub use event::{Entity, Event, EventKind, Severity};
pub use notification::{Link, Medium, MessageKind, Notification, OnResolve, Receipt, Tone, Written};
pub use notifier::{Capabilities, ChannelKind, Context, Notifier, Problem, Variable};
pub use registry::Registry;
pub use secret::Secret;

/// Re-exported so that a kind outside this crate needs no second copy of it.
pub use async_trait::async_trait;

/// The registry with every kind that this crate brings.
#[must_use]
pub fn default_channels() -> Registry {
    add_defaults(Registry::new())
}

/// The same kinds, added to a registry that has others already.
///
/// # Panics
/// When one of them is there already.
#[must_use]
pub fn add_defaults(registry: Registry) -> Registry {
    registry
        .with::<slack::Slack>()
        .with::<email::Email>()
        .with::<teams::Teams>()
        .with::<discord::Discord>()
        .with::<mattermost::Mattermost>()
        .with::<google_chat::GoogleChat>()
        .with::<telegram::Telegram>()
        .with::<ntfy::Ntfy>()
        .with::<matrix::Matrix>()
        .with::<webhook::Webhook>()
        .with::<exec::Exec>()
        .with::<log::Log>()
        .with::<pagerduty::PagerDuty>()
        .with::<alertmanager::Alertmanager>()
        .with::<thehive::TheHive>()
        .with::<opsgenie::Opsgenie>()
        .with::<jira_service_management::JiraServiceManagement>()
        .with::<syslog::Syslog>()
        .with::<wazuh::Wazuh>()
}
