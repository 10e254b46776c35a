//! The keys of a `[sources.NAME]` table of kind `server_api`.

use std::time::Duration;

use log_monitor_channels::http::check_url;
use log_monitor_channels::{Problem, Secret};
use schemars::JsonSchema;
use serde::Deserialize;

use crate::config::duration::Span;
use crate::source::ca_file::CaFile;
use crate::source::tls;

/// The API of a Wazuh server. It tells why an agent is silent: whether it is connected.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ServerApiConfig {
    /// Base URL, such as `https://manager.example:55000`.
    pub url: String,
    /// User of the API; the role `agents_readonly` is enough.
    pub username: String,
    /// Their password.
    pub password: Secret,
    /// PEM file with the CA of the API's certificate; trusted beside the system's authorities.
    pub ca_file: Option<CaFile>,
    /// The name that the certificate must be for, if not the host of `url`. Wazuh's own certificate
    /// is for `localhost`.
    pub tls_server_name: Option<String>,
    /// The SHA-256 of the server's certificate in hex: that one is trusted and no other.
    pub pinned_sha256: Option<String>,
    /// `false` accepts any certificate: anybody on the way can read the password.
    #[serde(default = "yes")]
    pub verify_certificates: bool,
    /// `true` allows plain http to another machine.
    #[serde(default)]
    pub insecure: bool,
    /// How long one request may take, its answer included.
    #[serde(default = "half_a_minute")]
    pub timeout: Span,
}

const fn yes() -> bool {
    true
}

const fn half_a_minute() -> Span {
    Span(Duration::from_secs(30))
}

impl ServerApiConfig {
    /// What it says about certificates.
    #[must_use]
    pub fn tls(&self) -> tls::Keys<'_> {
        tls::Keys {
            ca_file: self.ca_file.as_ref(),
            server_name: self.tls_server_name.as_deref(),
            pinned: self.pinned_sha256.as_deref(),
            verify: self.verify_certificates,
        }
    }

    /// What the types cannot say.
    pub(super) fn problems(&self) -> Vec<Problem> {
        let mut problems: Vec<Problem> = check_url("url", &self.url, self.insecure).into_iter().collect();
        if self.username.is_empty() || self.username.contains(':') {
            problems.push(Problem::at("username", "must be a name without a colon"));
        }
        let allowed = Duration::from_secs(1)..=Duration::from_secs(600);
        if !allowed.contains(&self.timeout.0) {
            problems.push(Problem::at("timeout", "must be between 1s and 10m"));
        }
        problems.extend(self.tls().problems());
        problems
    }
}
