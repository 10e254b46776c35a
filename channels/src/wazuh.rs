//! Kind `wazuh`: the event back into a Wazuh 4 manager, where rules make alerts of it.
//!
//! ```toml
//! [channels.manager]
//! kind = "wazuh"
//! socket = "/var/ossec/queue/sockets/queue"
//! ```
//!
//! On the manager itself log-monitor writes to analysisd's socket; its user must be a member of the
//! group `wazuh`. From elsewhere the server's API takes events (`url`, `username`, `password`; Wazuh 4.6
//! to 4.14), from a user with the policy `events_ingest`. Wazuh 5 has neither.
//!
//! Each event is a JSON object with all it says under `log_monitor` (`event`, `kind`, `severity`, `scope`,
//! `entity_id`, `entity_label`, `title`, `text`, `labels`, …), which Wazuh's decoder `json` takes apart. It
//! becomes an alert by rules such as these, in `/var/ossec/etc/rules/log_monitor_rules.xml`:
//!
//! ```xml
//! <group name="log_monitor,">
//!   <rule id="100900" level="3">
//!     <decoded_as>json</decoded_as>
//!     <field name="log_monitor.event">\.+</field>
//!     <description>log-monitor: $(log_monitor.title)</description>
//!   </rule>
//!   <rule id="100901" level="10">
//!     <if_sid>100900</if_sid>
//!     <field name="log_monitor.event">^agent_silent$|^pipeline_stalled$|^source_down$</field>
//!     <description>log-monitor: $(log_monitor.title)</description>
//!   </rule>
//! </group>
//! ```
//!
//! The group must be `log_monitor`: by it log-monitor knows its own alerts, which are no sign of life of
//! any agent.
//!
//! Sources: Wazuh 4.14's "Standard Wazuh message format" (`1:LOCATION:EVENT`, a local datagram socket),
//! `src/headers/defs.h` (65,536 bytes), `framework/wazuh/event.py` and the specification of its API
//! (100 events per request, 30 requests a minute, 429 with error 6005).

mod api;
mod event;
mod socket;

use std::path::PathBuf;
use std::time::Duration;

use async_trait::async_trait;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::error::{BuildError, DeliveryError};
use crate::http::{Proxy, check_url, client_with};
use crate::notification::{Notification, Receipt};
use crate::notifier::{Capabilities, ChannelKind, Context, Notifier, Problem};
use crate::secret::Secret;
use crate::tls::CaFile;

use api::Api;

/// The keys of a `wazuh` channel: `socket`, or `url`, `username` and `password`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WazuhConfig {
    /// The socket of analysisd on this machine, usually `/var/ossec/queue/sockets/queue`.
    pub socket: Option<PathBuf>,
    /// The address of the server's API: `https://manager.example:55000`.
    pub url: Option<String>,
    /// A user of the API.
    pub username: Option<String>,
    /// Password of `username`.
    pub password: Option<Secret>,
    /// PEM file with certificates of authorities to trust besides the system's. The certificate that the
    /// API makes for itself is for `localhost` alone.
    pub ca_file: Option<CaFile>,
    /// The proxy that its requests go through: `http://HOST:PORT`, `https://…`, `socks5://…` or `socks5h://…`,
    /// with `USER:PASSWORD@` before the host where it wants them. By default as HTTPS_PROXY and NO_PROXY say.
    pub proxy: Option<Proxy>,
    /// Allows plain http to another machine.
    #[serde(default)]
    pub insecure: bool,
}

const NEEDS: &str = "needs `socket`, or `url`, `username` and `password`";

/// Hands events to Wazuh.
pub struct Wazuh {
    way: Way,
    timeout: Duration,
}

/// The two ways in.
enum Way {
    Socket(PathBuf),
    Api(Box<Api>),
}

impl ChannelKind for Wazuh {
    const KIND: &'static str = "wazuh";
    type Config = WazuhConfig;

    fn capabilities() -> Capabilities {
        Capabilities { reaches_people: false, max_body: Some(event::MAX_TEXT), ..Capabilities::default() }
    }

    fn validate(config: &WazuhConfig) -> Vec<Problem> {
        let api = [config.url.is_some(), config.username.is_some(), config.password.is_some()];
        let way = match (&config.socket, api) {
            (Some(_), [false, false, false]) | (None, [true, true, true]) => None,
            (Some(_), _) => Some(
                Problem::at("socket", "the API is configured, too")
                    .help("keep one: `socket`, or `url`, `username` and `password`"),
            ),
            (None, _) => Some(Problem::table(NEEDS)),
        };
        let url = config.url.as_ref().and_then(|url| check_url("url", url, config.insecure));
        way.into_iter().chain(url).collect()
    }

    fn build(config: WazuhConfig, context: &Context) -> Result<Box<dyn Notifier>, BuildError> {
        let way = match (config.socket, config.url, config.username, config.password) {
            (Some(path), ..) => Way::Socket(path),
            (None, Some(url), Some(username), Some(password)) => {
                let http = client_with(config.ca_file.as_ref(), config.proxy.as_ref(), context)?;
                Way::Api(Box::new(Api::new(&url, username, password, http)))
            }
            _ => return Err(BuildError(NEEDS.to_owned())),
        };
        Ok(Box::new(Self { way, timeout: context.timeout }))
    }
}

#[async_trait]
impl Notifier for Wazuh {
    async fn notify(&self, notification: &Notification) -> Result<Receipt, DeliveryError> {
        let events = event::events(notification);
        let count = events.len();
        match &self.way {
            Way::Socket(path) => socket::send(path, &events, self.timeout).await?,
            Way::Api(api) => api.ingest(&events, self.timeout).await?,
        }
        Ok(Receipt::line(match count {
            1 => "handed to analysisd".to_owned(),
            count => format!("handed to analysisd as {count} events"),
        }))
    }

    async fn probe(&self) -> Result<(), DeliveryError> {
        match &self.way {
            Way::Socket(path) => socket::send(path, &[], self.timeout).await,
            Way::Api(api) => api.login(self.timeout).await.map(drop),
        }
    }
}

#[cfg(test)]
mod tests;
