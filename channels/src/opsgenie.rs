//! Kind `opsgenie`: an alert in Opsgenie, which its end closes. Its maker ends Opsgenie on 2027-04-05;
//! what replaces it is kind [`jira_service_management`](crate::jira_service_management).
//!
//! ```toml
//! [channels.oncall]
//! kind = "opsgenie"
//! api_key = { file = "/run/secrets/opsgenie" }
//! api_url = "https://api.eu.opsgenie.com"
//! ```
//!
//! A firing and all that follows it share one `alias`, by which Opsgenie counts repetitions of an open
//! alert instead of opening another: a reminder is one. The recovery of some of a group is a note; only
//! the end of all of it closes the alert. What nothing ends (a notice) stays open until somebody closes it.
//!
//! Sources: Opsgenie's "Alert API" and "Alerts and alert fields" (message of at most 130 characters,
//! alias 512, description 15,000, source 100, 20 tags of 50 each, details 8,000; 202 with a
//! `requestId`: it is processed later, and `GET …/alerts/requests/{requestId}` says how that went, 404 as long
//! as it waits).

mod alert;
mod desk;

use schemars::JsonSchema;
use serde::Deserialize;

use crate::error::BuildError;
use crate::http::{Proxy, check_header, check_url, client_with};
use crate::notifier::{Capabilities, ChannelKind, Context, Notifier, Problem};
use crate::secret::Secret;
use crate::tls::CaFile;

pub(crate) use alert::MAX_TEXT;
pub use alert::alert;
pub(crate) use desk::{Desk, Login};

/// The keys of an `opsgenie` channel.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OpsgenieConfig {
    /// The key of an API integration that may create and update.
    pub api_key: Secret,
    /// The address of the API: `https://api.eu.opsgenie.com` in the EU, or that of a proxy.
    #[serde(default = "usual_api")]
    pub api_url: String,
    /// PEM file with certificates of authorities to trust besides the system's.
    pub ca_file: Option<CaFile>,
    /// The proxy that its requests go through: `http://HOST:PORT`, `https://…`, `socks5://…` or `socks5h://…`,
    /// with `USER:PASSWORD@` before the host where it wants them. By default as HTTPS_PROXY and NO_PROXY say.
    pub proxy: Option<Proxy>,
    /// Allows plain http to another machine.
    #[serde(default)]
    pub insecure: bool,
}

fn usual_api() -> String {
    "https://api.opsgenie.com".to_owned()
}

/// The kind; what it builds is shared with its successor.
pub struct Opsgenie;

impl ChannelKind for Opsgenie {
    const KIND: &'static str = "opsgenie";
    type Config = OpsgenieConfig;

    fn capabilities() -> Capabilities {
        capabilities()
    }

    fn validate(config: &OpsgenieConfig) -> Vec<Problem> {
        let end = Problem::table("Opsgenie ends on 2027-04-05")
            .help("move to `kind = \"jira_service_management\"`, which takes the same kind of `api_key`")
            .warning();
        let key = check_header("api_key", config.api_key.expose());
        let url = check_url("api_url", &config.api_url, config.insecure);
        [Some(end), key, url].into_iter().flatten().collect()
    }

    fn host(config: &OpsgenieConfig) -> Option<String> {
        crate::http::host_of(&config.api_url)
    }

    fn provider(host: &str) -> Option<&'static str> {
        crate::host::is_of(host, "opsgenie.com").then_some("Atlassian")
    }

    fn build(config: OpsgenieConfig, context: &Context) -> Result<Box<dyn Notifier>, BuildError> {
        let http = client_with(config.ca_file.as_ref(), config.proxy.as_ref(), context)?;
        let login = Login::Key(config.api_key);
        Ok(Box::new(Desk::new("Opsgenie", &config.api_url, &["v2"], login, http, context.timeout)?))
    }
}

/// What both kinds can do.
pub(crate) fn capabilities() -> Capabilities {
    Capabilities { resolve: true, idempotent: true, max_body: Some(MAX_TEXT), ..Capabilities::default() }
}

#[cfg(test)]
pub(crate) mod tests;
