//! Kinds with the keys of the real ones, so that this folder tests the framework alone.

#![expect(dead_code, reason = "what the fields are read into matters, not what is built of them")]

use async_trait::async_trait;
use log_monitor_channels::{
    BuildError, Capabilities, ChannelKind, Context, Notifier, Problem, Registry, Secret, http, log, testing,
};
use schemars::JsonSchema;
use serde::Deserialize;

use crate::source::{Answer, Listed, Query, Source, SourceContext, SourceError, SourceKind, SourceRegistry};

pub fn channels() -> Registry {
    Registry::new().with::<Slack>().with::<Email>().with::<log::Log>()
}

pub fn sources() -> SourceRegistry {
    SourceRegistry::new().with::<Indexer>()
}

pub struct Slack;

/// Keys.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SlackConfig {
    /// Webhook.
    pub webhook_url: Option<Secret>,
    /// Bot token.
    pub token: Option<Secret>,
    /// Where the bot writes.
    pub channel: Option<String>,
    /// Address of the API.
    #[serde(default = "slack_api")]
    pub api_url: String,
}

fn slack_api() -> String {
    "https://slack.com/api".into()
}

impl ChannelKind for Slack {
    const KIND: &'static str = "slack";
    type Config = SlackConfig;

    fn capabilities() -> Capabilities {
        Capabilities { ordered: true, ..Capabilities::default() }
    }

    fn validate(config: &SlackConfig) -> Vec<Problem> {
        let mut problems: Vec<Problem> =
            http::check_url("api_url", &config.api_url, false).into_iter().collect();
        if config.webhook_url.is_some() == config.token.is_some() {
            problems.push(Problem::table("one of `webhook_url` and `token` is needed"));
        }
        problems
    }

    fn build(_: SlackConfig, _: &Context) -> Result<Box<dyn Notifier>, BuildError> {
        Ok(Box::new(testing::Recorder::new()))
    }
}

pub struct Email;

/// Keys.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EmailConfig {
    /// Server.
    pub host: String,
    /// Port.
    #[serde(default = "smtp_port")]
    pub port: u16,
    /// User.
    pub username: Option<String>,
    /// Its password.
    pub password: Option<Secret>,
    /// Sender.
    pub from: String,
    /// Recipients.
    pub to: Vec<String>,
    /// Secrets in a map.
    #[serde(default)]
    pub headers: std::collections::BTreeMap<String, Secret>,
}

const fn smtp_port() -> u16 {
    587
}

impl ChannelKind for Email {
    const KIND: &'static str = "email";
    type Config = EmailConfig;

    fn validate(config: &EmailConfig) -> Vec<Problem> {
        let bad = config.to.iter().any(|to| !to.contains('@'));
        bad.then(|| Problem::at("to", "that is no address")).into_iter().collect()
    }

    fn build(_: EmailConfig, _: &Context) -> Result<Box<dyn Notifier>, BuildError> {
        Ok(Box::new(testing::Recorder::new()))
    }
}

pub struct Indexer;

/// Keys.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct IndexerConfig {
    /// Address.
    pub url: String,
    /// Index pattern.
    #[serde(default = "index")]
    pub index: String,
    /// User.
    pub username: Option<String>,
    /// Password.
    pub password: Option<Secret>,
    /// CA.
    pub ca_file: Option<std::path::PathBuf>,
}

fn index() -> String {
    "wazuh-alerts-*".into()
}

impl SourceKind for Indexer {
    const KIND: &'static str = "indexer";
    type Config = IndexerConfig;

    fn validate(config: &IndexerConfig) -> Vec<Problem> {
        http::check_url("url", &config.url, false).into_iter().collect()
    }

    fn build(config: IndexerConfig, _: &SourceContext) -> Result<Box<dyn Source>, BuildError> {
        if let Some(path) = config.ca_file {
            let failed = |error| BuildError(format!("CA file {}: {error}", path.display()));
            let text = std::fs::read_to_string(&path).map_err(|error| failed(error.to_string()))?;
            if !text.contains("BEGIN CERTIFICATE") {
                return Err(failed("it holds no certificate".into()));
            }
        }
        Ok(Box::new(Never))
    }
}

struct Never;

#[async_trait]
impl Source for Never {
    async fn inventory(&self, _: &Query<'_>) -> Result<Vec<Listed>, SourceError> {
        Ok(vec![Listed { key: "001".into(), name: "web-01".into(), ..Listed::default() }])
    }

    async fn newest(&self, _: &Query<'_>) -> Result<Answer, SourceError> {
        Ok(Answer::default())
    }

    async fn probe(&self) -> Result<(), SourceError> {
        Ok(())
    }
}
