//! The two traits of a channel kind.

use std::time::Duration;

use async_trait::async_trait;
use schemars::JsonSchema;
use serde::de::DeserializeOwned;

use crate::error::{BuildError, DeliveryError};
use crate::notification::{Notification, Receipt};

/// A built channel, ready to send.
///
/// ```
/// use log_monitor_channels::{DeliveryError, Notification, Notifier, Reason, Receipt, async_trait};
///
/// /// Lights a lamp that has a colour for each severity but one.
/// struct Lamp;
///
/// #[async_trait]
/// impl Notifier for Lamp {
///     async fn notify(&self, notification: &Notification) -> Result<Receipt, DeliveryError> {
///         match notification.tone().color() {
///             "#1565c0" => Err(DeliveryError::permanent_message(Reason::Rejected, "the lamp has no blue")),
///             color => Ok(Receipt::line(format!("the lamp is {color}"))),
///         }
///     }
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let firing = log_monitor_channels::conformance::sample();
/// assert_eq!(Lamp.notify(&firing).await.unwrap().line, "the lamp is #ef6c00");
/// assert!(Lamp.probe().await.is_ok(), "there is nothing to try without sending");
/// # }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` sends nothing: it is no notifier",
    note = "write `#[async_trait] impl Notifier for {Self}` with `notify` (see examples/custom_channel.rs)"
)]
#[async_trait]
pub trait Notifier: Send + Sync + 'static {
    /// Makes **one try**: no loop, no retry, no sleep. The framework repeats it where that helps.
    ///
    /// # Errors
    /// Says what kind of failure it was; see [`DeliveryError`]. No text in it may hold a URL, a
    /// token or an address.
    async fn notify(&self, notification: &Notification) -> Result<Receipt, DeliveryError>;

    /// Checks address and credentials without sending anything, where the vendor has a way to.
    ///
    /// # Errors
    /// As for [`notify`](Self::notify).
    async fn probe(&self) -> Result<(), DeliveryError> {
        Ok(())
    }
}

/// A kind of channel: its name, its configuration, and how to build a [`Notifier`] from it.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a channel kind",
    note = "implement `ChannelKind` for it: KIND, Config, validate and build (see examples/custom_channel.rs)"
)]
pub trait ChannelKind: 'static {
    /// The word after `kind =`, unique among all kinds.
    const KIND: &'static str;

    /// The keys of its table, `kind` excepted. Give every field a doc comment (it becomes the
    /// documentation), and write `#[serde(deny_unknown_fields)]` on the struct; use neither
    /// `tag`, `flatten` nor `untagged`, which lose the line and column of a mistake.
    type Config: DeserializeOwned + JsonSchema + Send + 'static;

    /// What it can do beyond sending plain text.
    #[must_use]
    fn capabilities() -> Capabilities {
        Capabilities::default()
    }

    /// What templates of its channels can say of their configuration, as `{{ channel.NAME }}`. Whatever is here
    /// is shown to people, so it must hold no secret.
    #[must_use]
    fn variables() -> Vec<Variable<Self::Config>> {
        Vec::new()
    }

    /// Finds what the types cannot say. Pure: no I/O, so that `check-config` can call it anywhere.
    #[must_use]
    fn validate(_config: &Self::Config) -> Vec<Problem> {
        Vec::new()
    }

    /// The one host without which nothing is delivered, in lower case, such as that of its address; `None`
    /// where there is none, or more than one. Channels of one host are no fallback of each other, which
    /// `check-config` says. Pure.
    #[must_use]
    fn host(_config: &Self::Config) -> Option<String> {
        None
    }

    /// Who runs the hosts of this kind, where it is one vendor whatever their names, such as `Atlassian`; `None`
    /// for any other host. Channels of one provider are no fallback of each other either. Pure.
    #[must_use]
    fn provider(_host: &str) -> Option<&'static str> {
        None
    }

    /// Whether the end of what a message told takes the place of that message, as it is configured: only a kind that
    /// has [`Capabilities::edit`] may say so. Pure.
    #[must_use]
    fn edits(_config: &Self::Config) -> bool {
        false
    }

    /// Builds the notifier. Opens no connection and spawns nothing.
    ///
    /// # Errors
    /// When a part of it cannot be made, such as a TLS configuration from a certificate file.
    fn build(config: Self::Config, context: &Context) -> Result<Box<dyn Notifier>, BuildError>;
}

/// What a kind can do. The framework asks this instead of matching on kinds; `thread`, `edit` and `idempotent`
/// are for people alone (`channels kinds`). The conformance suite holds a kind to what it says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub struct Capabilities {
    /// Somebody reads what it takes. `false` where it only goes to a log, or to a program of which nobody
    /// knows what it does: `max_time_to_notify` counts until a person is told.
    pub reaches_people: bool,
    /// A resolution answers its firing in a thread.
    pub thread: bool,
    /// A resolution can take the place of its firing, where the channel is configured so: it has a key
    /// `on_resolve`, and [`ChannelKind::edits`] says what that says.
    pub edit: bool,
    /// The vendor keeps a state of its own, which a resolution closes.
    pub resolve: bool,
    /// The vendor recognises a repeated idempotency key.
    pub idempotent: bool,
    /// The most characters of a body that arrive. The framework shortens to it; what else limits a message, such
    /// as bytes or escapes, is for the kind to keep.
    pub max_body: Option<usize>,
    /// It sends [`Notification::payload`] as it is, where there is one.
    pub payload: bool,
    /// The vendor wants messages one after the other.
    pub ordered: bool,
    /// The vendor takes a firing for over unless it hears of it again this often: until its end the
    /// framework repeats it, with the same idempotency key.
    pub keep_alive: Option<Duration>,
}

impl Default for Capabilities {
    fn default() -> Self {
        Self {
            reaches_people: true,
            thread: false,
            edit: false,
            resolve: false,
            idempotent: false,
            max_body: None,
            payload: false,
            ordered: false,
            keep_alive: None,
        }
    }
}

/// A word that a kind adds for templates.
///
/// ```
/// use log_monitor_channels::Variable;
///
/// struct BellConfig { volume: u8 }
///
/// let volume = Variable::<BellConfig> {
///     name: "volume",
///     about: "how loud it rings, from 1 to 10",
///     value: |config| config.volume.to_string(),
/// };
/// assert_eq!((volume.value)(&BellConfig { volume: 7 }), "7");
/// ```
#[derive(Debug)]
pub struct Variable<C> {
    /// Its name below `channel.`: letters, digits and `_`.
    pub name: &'static str,
    /// What it is, for `templates variables`.
    pub about: &'static str,
    /// What it says for a channel of that configuration.
    pub value: fn(&C) -> String,
}

/// A problem in a channel's table that [`ChannelKind::validate`] found.
///
/// ```
/// use log_monitor_channels::Problem;
///
/// let problem = Problem::at("volume", "must be from 1 to 10").help("7 is usual").warning();
/// assert_eq!(problem.key, Some("volume"));
/// assert!(problem.warning);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The key it is about; `None` for the table as a whole.
    pub key: Option<&'static str>,
    /// What is wrong, in lower case, without the key's location.
    pub message: String,
    /// What to do about it.
    pub help: Option<String>,
    /// It works, but somebody should know.
    pub warning: bool,
}

impl Problem {
    /// An error at `key`.
    pub fn at(key: &'static str, message: impl Into<String>) -> Self {
        Self { key: Some(key), message: message.into(), help: None, warning: false }
    }

    /// An error of the whole table, such as two keys of which one is needed.
    pub fn table(message: impl Into<String>) -> Self {
        Self { key: None, message: message.into(), help: None, warning: false }
    }

    /// The same with advice.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// The same as a warning.
    #[must_use]
    pub fn warning(mut self) -> Self {
        self.warning = true;
        self
    }
}

/// What the framework lends to [`ChannelKind::build`]. Never the configuration of others.
#[derive(Debug, Clone)]
pub struct Context {
    /// The channel's name in the configuration.
    pub name: String,
    /// The shared client: TLS verified, no redirects. Bound each request with `timeout`.
    pub http: reqwest::Client,
    /// Name of this installation, for message ids.
    pub installation: String,
    /// How long one try may take.
    pub timeout: Duration,
}
