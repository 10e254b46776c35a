//! A source of your own in one file: a kind `heartbeats` that reads at an address when each machine was
//! heard last.
//!
//! ```sh
//! cargo run --example custom_source -- schema       # `heartbeats` is in it
//! cargo run --example custom_source -- -c doors.toml check
//! ```
//!
//! ```toml
//! [sources.doors]
//! kind = "heartbeats"
//! url = "https://doors.example/heard"      # {"door-3": "2026-11-23T02:13:05Z", …}
//! token = { env = "DOORS_TOKEN" }
//!
//! [watches.doors]
//! agent_file = "config/doors.csv"          # door-3,back door
//! ```

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::time::Duration;

use chrono::{DateTime, Utc};
use log_monitor::App;
use log_monitor::source::wire::{Wire, parsed};
use log_monitor::source::{
    Answer, Entities, Keys, Observation, Query, Source, SourceContext, SourceError, SourceKind, SourceReason,
};
use log_monitor_channels::http::{check_url, client_builder};
use log_monitor_channels::{BuildError, Problem, Secret, async_trait};

/// The keys of a `[sources.NAME]` table with `kind = "heartbeats"`.
#[derive(serde::Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HeartbeatsConfig {
    /// The address of a JSON object: each machine with the time at which it was heard last.
    url: String,
    /// Sent as `Authorization: Bearer …`.
    token: Secret,
}

/// Machines that somebody else listens to.
pub struct Heartbeats {
    wire: Wire,
    token: Secret,
}

impl SourceKind for Heartbeats {
    const KIND: &'static str = "heartbeats";
    type Config = HeartbeatsConfig;

    fn validate(config: &HeartbeatsConfig) -> Vec<Problem> {
        check_url("url", &config.url, false).into_iter().collect()
    }

    /// Machines here are no agents of Wazuh.
    fn keys(_: &HeartbeatsConfig) -> Keys {
        Keys::Fields(1)
    }

    fn build(config: HeartbeatsConfig, _: &SourceContext) -> Result<Box<dyn Source>, BuildError> {
        let (base, timeout) = (parsed(&config.url)?, Duration::from_secs(30));
        let mut wire = Wire::new("list of heartbeats", client_builder(), base, timeout)?;
        wire.hide([config.token.clone()]);
        Ok(Box::new(Self { wire, token: config.token }))
    }
}

impl Heartbeats {
    /// Whatever is not the whole list is an error: whoever is not in it would be taken for silent.
    async fn heard(&self) -> Result<BTreeMap<String, DateTime<Utc>>, SourceError> {
        let request = self.wire.client.get(self.wire.base.clone()).bearer_auth(self.token.expose());
        let reply = self.wire.send(request).await?;
        let failed = |reason, detail: String| self.wire.told(&SourceError::new(reason, detail));
        match reply.status {
            200 => serde_json::from_slice(&reply.body)
                .map_err(|error| failed(SourceReason::Malformed, format!("sent no list of times ({error})"))),
            401 | 403 => Err(failed(SourceReason::Auth, "refuses the token".to_owned())),
            status => Err(failed(SourceReason::Overloaded, format!("answered HTTP {status}"))),
        }
    }
}

#[async_trait]
impl Source for Heartbeats {
    async fn newest(&self, query: &Query<'_>) -> Result<Answer, SourceError> {
        let wanted = |key: &str| match query.entities {
            Entities::All(_) => true,
            Entities::Only(keys) => keys.contains(&key),
        };
        let mut answer = Answer::default();
        for (key, at) in self.heard().await? {
            if (query.from..=query.to).contains(&at) && wanted(&key) {
                answer.newest.push(Observation { key: key.into(), last_seen: at.timestamp_millis() });
            }
        }
        Ok(answer)
    }

    async fn probe(&self) -> Result<(), SourceError> {
        self.heard().await.map(drop)
    }
}

fn main() -> ExitCode {
    App::new().with_default_channels().source::<Heartbeats>().run()
}
