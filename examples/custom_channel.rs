//! A channel of your own in one file: a kind `bell` that posts a line of text to an address.
//!
//! ```sh
//! cargo run --example custom_channel -- channels kinds      # `bell` is in the list
//! cargo run --example custom_channel -- -c bell.toml run
//! ```
//!
//! ```toml
//! [channels.desk]
//! kind = "bell"
//! url = { env = "BELL_URL" }
//! volume = 7
//! template = "loud"                         # may say `{{ channel.volume }}`
//! ```

use std::process::ExitCode;
use std::time::Duration;

use log_monitor::App;
use log_monitor_channels::http::{check_status, check_url, send};
use log_monitor_channels::{
    BuildError, ChannelKind, Context, DeliveryError, Notification, Notifier, Problem, Receipt, Secret,
    Variable, async_trait,
};

/// The keys of a `[channels.NAME]` table with `kind = "bell"`.
#[derive(serde::Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BellConfig {
    /// Where to ring. It holds a token, so it is a secret.
    url: Secret,
    /// How loud, from 1 to 10.
    #[serde(default = "usual_volume")]
    volume: u8,
}

fn usual_volume() -> u8 {
    5
}

/// Posts the title, with a volume.
pub struct Bell {
    config: BellConfig,
    http: reqwest::Client,
    timeout: Duration,
}

impl ChannelKind for Bell {
    const KIND: &'static str = "bell";
    type Config = BellConfig;

    fn variables() -> Vec<Variable<BellConfig>> {
        let value = |config: &BellConfig| config.volume.to_string();
        vec![Variable { name: "volume", about: "how loud it rings, from 1 to 10", value }]
    }

    fn validate(config: &BellConfig) -> Vec<Problem> {
        let volume =
            (!(1..=10).contains(&config.volume)).then(|| Problem::at("volume", "must be from 1 to 10"));
        check_url("url", config.url.expose(), false).into_iter().chain(volume).collect()
    }

    fn build(config: BellConfig, context: &Context) -> Result<Box<dyn Notifier>, BuildError> {
        Ok(Box::new(Self { config, http: context.http.clone(), timeout: context.timeout }))
    }
}

#[async_trait]
impl Notifier for Bell {
    async fn notify(&self, notification: &Notification) -> Result<Receipt, DeliveryError> {
        let request = self
            .http
            .post(self.config.url.expose())
            .body(format!("volume {}: {}", self.config.volume, notification.title));
        let answer = send(request, self.timeout).await?;
        check_status(&answer, &self.config.url.redact(&answer.body), chrono::Utc::now())?;
        Ok(Receipt::line("the bell rang"))
    }
}

fn main() -> ExitCode {
    App::new().with_default_channels().channel::<Bell>().run()
}
