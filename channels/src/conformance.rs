//! The suite that every kind passes, and the pieces to test one with. A kind outside this crate runs
//! it from its own tests; one that speaks HTTP says little more than how its vendor says yes:
//!
//! ```no_run
//! # async fn run<Bell: log_monitor_channels::ChannelKind>() {
//! use log_monitor_channels::conformance::{HttpSuite, http};
//! use log_monitor_channels::testing::Reply;
//!
//! http::<Bell>(&HttpSuite {
//!     config: &|base| format!("url = \"{base}/ring/s3cret-token\""),
//!     secrets: &["s3cret-token"],
//!     accepts: Reply::new(200, "ok"),
//!     idempotency: None,
//!     harmless: &|_| Ok(()),
//! })
//! .await;
//! # }
//! ```
//!
//! For any other kind, write its [`FarEnd`] and call [`conforms`]. A rule that is broken panics with
//! a sentence that names it.

mod http;
mod messages;
mod rules;

use std::time::Duration;

use serde::de::Deserialize;

use crate::error::DeliveryError;
use crate::notifier::{ChannelKind, Context, Notifier};
use rules::Rules;

pub use http::{HttpSuite, http};
pub use messages::{hostile, oversize, sample};

/// How long one try may take in the suite.
pub const TIMEOUT: Duration = Duration::from_secs(2);

/// The other side of a channel, played by its test: it answers as it is told to, and remembers what
/// arrived.
pub trait FarEnd {
    /// Takes every message from now on.
    fn accept(&self);

    /// Every way in which it can fail, with what that means. A far end that can fail at all has a
    /// scene for each kind of error.
    fn scenes(&self) -> Vec<Scene<'_>>;

    /// What arrived since this was last asked, oldest first.
    fn arrived(&self) -> Vec<Arrival>;
}

/// One way in which a far end can behave.
pub struct Scene<'a> {
    /// For the sentence that names a broken rule: `HTTP 503`.
    pub name: String,
    /// What a try must come to then.
    pub expect: Expect,
    /// Makes the far end behave so.
    pub set: Box<dyn Fn() + 'a>,
}

/// What a try must come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expect {
    /// An error worth another try.
    Transient,
    /// An error worth another try, not before this many seconds (five less are forgiven: a date is
    /// in whole seconds, and some have passed).
    RetryAfter(u64),
    /// This message will never be taken.
    PermanentMessage,
    /// No message will be taken until somebody mends the channel.
    PermanentChannel,
    /// Any end: whether it counts as taken is the vendor's contract.
    AnEnd,
}

/// One message (or one call of several that make up a message) as it arrived.
#[derive(Debug, Clone, Default)]
pub struct Arrival {
    /// In bytes.
    pub size: usize,
    /// The idempotency key that it carried, where there is a place for one.
    pub key: Option<String>,
    /// Whatever in it can name the firing that it goes on with, such as address and body.
    pub text: String,
    /// What in it would make the vendor do more than show a text.
    pub harm: Option<String>,
    /// The login that it carried, in the form in which it did; empty when there was none.
    pub login: String,
}

/// Runs every rule against kind `K`, whose table (`config`, as TOML) leads to `far_end`; `secrets`
/// are texts of that table that must never show.
///
/// # Panics
/// When a rule is broken.
pub async fn conforms<K: ChannelKind>(far_end: &impl FarEnd, config: &str, secrets: &[&str]) {
    templates_are_told_no_secret::<K>(config, secrets);
    let notifier = build_with::<K>(config, &context(TIMEOUT));
    Rules { kind: K::KIND, far_end, notifier, secrets }.all(K::capabilities()).await;
}

fn templates_are_told_no_secret<K: ChannelKind>(config: &str, secrets: &[&str]) {
    let config = read::<K>(config);
    for variable in K::variables() {
        let word = |c: char| c.is_ascii_alphanumeric() || c == '_';
        assert!(variable.name.chars().all(word), "{}: a template cannot say {:?}", K::KIND, variable.name);
        assert_tells_none(&(variable.value)(&config), secrets);
    }
}

/// A secret in no form of an error.
///
/// # Panics
/// When there is one.
pub fn assert_no_secret(error: &DeliveryError, secrets: &[&str]) {
    assert_tells_none(&format!("{error} {error:?}"), secrets);
}

fn assert_tells_none(shown: &str, secrets: &[impl AsRef<str>]) {
    for secret in secrets {
        assert!(!shown.contains(secret.as_ref()), "a secret shows: {shown}");
    }
}

/// A notifier of kind `K` from its table as TOML.
///
/// # Panics
/// When the table is not valid.
#[must_use]
pub fn build<K: ChannelKind>(config: &str) -> Box<dyn Notifier> {
    build_with::<K>(config, &context(Duration::from_secs(10)))
}

/// The same in a given context.
///
/// # Panics
/// When the table is not valid.
#[must_use]
pub fn build_with<K: ChannelKind>(config: &str, context: &Context) -> Box<dyn Notifier> {
    let config = read::<K>(config);
    let problems: Vec<_> = K::validate(&config).into_iter().filter(|problem| !problem.warning).collect();
    assert!(problems.is_empty(), "{}: {problems:?}", K::KIND);
    K::build(config, context).unwrap_or_else(|error| panic!("{}: {error}", K::KIND))
}

fn read<K: ChannelKind>(config: &str) -> K::Config {
    let table = toml::Deserializer::parse(config).expect("a table of TOML");
    K::Config::deserialize(table).unwrap_or_else(|error| panic!("{}: {error}", K::KIND))
}

/// A context for tests.
///
/// # Panics
/// When the system's certificates cannot be read.
#[must_use]
pub fn context(timeout: Duration) -> Context {
    Context {
        name: "tested".to_owned(),
        http: crate::http::client().expect("an HTTP client"),
        installation: "test".to_owned(),
        timeout,
    }
}
