//! Kind `syslog`: messages of RFC 5424 for a syslog server or a SIEM, by UDP, TCP or TLS.
//!
//! ```toml
//! [channels.siem]
//! kind = "syslog"
//! host = "siem.example"
//! transport = "tls"
//! ca_file = "certs/root-ca.pem"
//! ```
//!
//! Each event is a message of its own. Its structured data holds the facts, under
//! `log-monitor@32473` (`kind`, `key`, `event`, `severity`, `scope`, `entity_id`, …) and `labels@32473`; its
//! text tells them on one line. MSGID is the event's name, HOSTNAME the installation.
//!
//! No server answers a syslog message. By UDP (RFC 5426) nobody knows whether it arrived; the receipt
//! says `sent`. By TCP (RFC 6587, octet counting) and TLS (RFC 5425) the server must have taken the
//! connection, and a break that shows within a second after the last octet counts as a failure.

mod message;
mod wire;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use rustls::pki_types::ServerName;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::error::{BuildError, DeliveryError};
use crate::host;
use crate::notification::{Notification, Receipt};
use crate::notifier::{Capabilities, ChannelKind, Context, Notifier, Problem};
use crate::tls::{self, CaFile, Identity, PemFile};

use message::Form;
use wire::Wire;

/// The keys of a `syslog` channel.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SyslogConfig {
    /// Name or address of the server. With `tls` its certificate must be for this name.
    pub host: String,
    /// How messages go there: `udp`, `tcp` or `tls`.
    pub transport: Transport,
    /// Its port; by default 514, or 6514 for `tls`.
    #[schemars(example = 514)]
    pub port: Option<u16>,
    /// The facility: `user`, `daemon`, `auth`, `authpriv` or `local0` to `local7`.
    #[serde(default)]
    pub facility: Facility,
    /// APP-NAME: 1 to 48 visible characters of ASCII.
    #[serde(default = "usual_name")]
    pub app_name: String,
    /// PEM file with certificates of authorities to trust besides the system's.
    pub ca_file: Option<CaFile>,
    /// PEM file with a certificate of ours, for a server that wants one (mTLS), and those between it and its
    /// authority. The key may be in it, too.
    pub client_certificate: Option<PemFile>,
    /// PEM file with the key of `client_certificate`, without a password.
    pub client_key: Option<PemFile>,
    /// Allows plain text to another machine.
    #[serde(default)]
    pub insecure: bool,
}

impl SyslogConfig {
    fn identity(&self) -> Result<Option<Identity>, Problem> {
        Identity::of(self.client_certificate.as_ref(), self.client_key.as_ref())
    }
}

fn usual_name() -> String {
    "log-monitor".to_owned()
}

/// How messages go to the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Transport {
    /// A datagram for each.
    Udp,
    /// Octet counting, in plain text.
    Tcp,
    /// Octet counting over TLS.
    Tls,
}

impl Transport {
    const fn port(self) -> u16 {
        match self {
            Self::Udp | Self::Tcp => 514,
            Self::Tls => 6514,
        }
    }

    /// The most bytes of a message: what a receiver should take (RFC 5424 §6.1, RFC 5425 §4.3.1).
    const fn max_bytes(self) -> usize {
        match self {
            Self::Udp => 2048,
            Self::Tcp | Self::Tls => 8192,
        }
    }
}

/// The facilities for programs such as this one (RFC 5424 §6.2.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, serde::Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "their names are all there is to say")]
pub enum Facility {
    User = 1,
    Daemon = 3,
    Auth = 4,
    Authpriv = 10,
    #[default]
    Local0 = 16,
    Local1,
    Local2,
    Local3,
    Local4,
    Local5,
    Local6,
    Local7,
}

/// Sends messages to a syslog server.
pub struct Syslog {
    form: Form,
    wire: Wire,
    timeout: Duration,
}

impl ChannelKind for Syslog {
    const KIND: &'static str = "syslog";
    type Config = SyslogConfig;

    fn capabilities() -> Capabilities {
        Capabilities {
            reaches_people: false,
            max_body: Some(Transport::Tls.max_bytes()),
            ..Capabilities::default()
        }
    }

    fn validate(config: &SyslogConfig) -> Vec<Problem> {
        let name = config.app_name.as_str();
        let name = (!(1..=48).contains(&name.len()) || !name.bytes().all(|byte| byte.is_ascii_graphic()))
            .then(|| Problem::at("app_name", "must have 1 to 48 visible characters of ASCII"));
        let of_tls = [
            ("ca_file", config.ca_file.is_some()),
            ("client_certificate", config.client_certificate.is_some()),
            ("client_key", config.client_key.is_some()),
        ];
        let of_tls = of_tls.into_iter().find(|(_, set)| *set && config.transport != Transport::Tls);
        let of_tls = of_tls.map(|(key, _)| Problem::at(key, "is for `transport = \"tls\"` alone"));
        let host = host::problem("host", &config.host);
        [host, name, of_tls, config.identity().err(), plain_text_problem(config)]
            .into_iter()
            .flatten()
            .collect()
    }

    fn build(config: SyslogConfig, context: &Context) -> Result<Box<dyn Notifier>, BuildError> {
        let host = config.host.trim_matches(['[', ']']).to_owned();
        let tls = match config.transport {
            Transport::Tls => {
                let name = ServerName::try_from(host.clone());
                let name = name.map_err(|_| BuildError("`host` is no name for TLS".to_owned()))?;
                let identity = config.identity().map_err(|problem| BuildError(problem.message))?;
                let tls = tls::client_config(config.ca_file.as_ref(), identity.as_ref())?;
                Some((Arc::new(tls).into(), name))
            }
            Transport::Udp | Transport::Tcp => None,
        };
        let port = config.port.unwrap_or(config.transport.port());
        let max_bytes = config.transport.max_bytes();
        Ok(Box::new(Self {
            form: Form { facility: config.facility, app_name: config.app_name, max_bytes },
            wire: Wire { host, port, transport: config.transport, tls },
            timeout: context.timeout,
        }))
    }
}

fn plain_text_problem(config: &SyslogConfig) -> Option<Problem> {
    if config.transport == Transport::Tls || host::is_loopback(&config.host) {
        return None;
    }
    Some(match config.insecure {
        true => Problem::at("transport", "plain text to another machine: anybody on the way can read it")
            .warning(),
        false => Problem::at("transport", "plain text to another machine is refused")
            .help("use `tls`, or accept the risk with `insecure = true`"),
    })
}

#[async_trait]
impl Notifier for Syslog {
    async fn notify(&self, notification: &Notification) -> Result<Receipt, DeliveryError> {
        let messages = self.form.messages(notification);
        let sending = self.wire.send(&messages);
        tokio::time::timeout(self.timeout, sending).await.map_err(|_| wire::timeout())??;
        Ok(Receipt::line(match messages.len() {
            1 => "sent".to_owned(),
            count => format!("sent as {count} messages"),
        }))
    }

    async fn probe(&self) -> Result<(), DeliveryError> {
        tokio::time::timeout(self.timeout, self.wire.send(&[])).await.map_err(|_| wire::timeout())?
    }
}

#[cfg(test)]
mod tests;
