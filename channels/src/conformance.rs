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

use std::time::Duration;

use serde::de::Deserialize;

use crate::error::DeliveryError;
use crate::notification::{Link, MessageKind, Notification, Receipt, Written};
use crate::notifier::{ChannelKind, Context, Notifier};
use crate::text::shorten;

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
    let rules = Rules { kind: K::KIND, far_end, notifier, secrets };
    rules.success().await;
    rules.failures().await;
    rules.hostile_texts().await;
    rules.oversize_texts(K::capabilities().max_body).await;
    let can = K::capabilities();
    if can.payload {
        rules.a_payload_goes_out_as_it_is().await;
    }
    if can.thread {
        rules.an_end_answers_its_firing().await;
    }
    rules.same_key_each_time(can.idempotent).await;
    if can.resolve && can.idempotent {
        rules.an_end_names_its_firing().await;
    }
}

fn templates_are_told_no_secret<K: ChannelKind>(config: &str, secrets: &[&str]) {
    let config = read::<K>(config);
    for variable in K::variables() {
        let word = |c: char| c.is_ascii_alphanumeric() || c == '_';
        assert!(variable.name.chars().all(word), "{}: a template cannot say {:?}", K::KIND, variable.name);
        assert_tells_none(&(variable.value)(&config), secrets);
    }
}

struct Rules<'a, F> {
    kind: &'static str,
    far_end: &'a F,
    notifier: Box<dyn Notifier>,
    secrets: &'a [&'a str],
}

impl<F: FarEnd> Rules<'_, F> {
    /// One try, which must end and tell no secret.
    async fn attempt(&self, notification: &Notification, when: &str) -> Result<Receipt, DeliveryError> {
        let attempt = tokio::time::timeout(TIMEOUT * 4, self.notifier.notify(notification));
        let result = attempt.await.unwrap_or_else(|_| panic!("{}: no end at {when}", self.kind));
        match &result {
            Ok(receipt) => assert_tells_none(&format!("{receipt:?}"), self.secrets),
            Err(error) => assert_no_secret(error, self.secrets),
        }
        result
    }

    /// Sends to a far end that takes it.
    async fn sent(&self, notification: &Notification, what: &str) -> (Receipt, Vec<Arrival>) {
        self.far_end.accept();
        self.far_end.arrived();
        let result = self.attempt(notification, what).await;
        let receipt = result.unwrap_or_else(|error| panic!("{}: {what} gave {error:?}", self.kind));
        let arrived = self.far_end.arrived();
        assert!(!arrived.is_empty(), "{}: {what} counts as accepted, and nothing arrived", self.kind);
        (receipt, arrived)
    }

    async fn success(&self) {
        let (receipt, _) = self.sent(&sample(), "an everyday message").await;
        let size = receipt.reference.to_string().len();
        assert!(size <= 1024, "{}: a receipt of {size} bytes, at most 1 KiB is kept", self.kind);
        assert!(!receipt.line.contains('\n'), "{}: the receipt's line is more than one", self.kind);
    }

    async fn failures(&self) {
        let scenes = self.far_end.scenes();
        for expect in [Expect::Transient, Expect::PermanentMessage, Expect::PermanentChannel] {
            let played = scenes.is_empty() || scenes.iter().any(|scene| scene.expect == expect);
            assert!(played, "{}: its far end has no scene for {expect:?}", self.kind);
        }
        for scene in scenes {
            (scene.set)();
            self.far_end.arrived();
            let result = self.attempt(&sample(), &scene.name).await;
            let logins = self.far_end.arrived().into_iter().map(|arrival| arrival.login);
            let logins: Vec<String> = logins.filter(|login| !login.is_empty()).collect();
            assert_tells_none(&format!("{result:?}"), &logins);
            if let Err(instead) = check(scene.expect, &result) {
                panic!("{}: {} {instead}", self.kind, scene.name);
            }
        }
    }

    async fn hostile_texts(&self) {
        for short in [false, true] {
            let (_, arrived) = self.sent(&Notification { short, ..hostile() }, "a hostile name").await;
            if let Some(harm) = arrived.into_iter().find_map(|arrival| arrival.harm) {
                panic!("{}: a hostile name reaches the vendor: {harm}", self.kind);
            }
        }
    }

    /// No more of a body arrives than the kind says; nor does what is beyond that change anything.
    async fn oversize_texts(&self, max: Option<usize>) {
        self.sent(&oversize(), "far too much text").await;
        self.a_cut_keeps_the_links().await;
        let Some(max) = max else { return };
        let size = |arrived: &[Arrival]| arrived.iter().map(|arrival| arrival.size).sum::<usize>();
        let body = "жжжжжжжжж\n".repeat(30_000);
        let cut = Notification { body: shorten(&body, max), ..sample() };
        let (_, at_most) = self.sent(&cut, "as much text as it takes").await;
        let (_, arrived) = self.sent(&Notification { body, ..sample() }, "far too much text").await;
        let count = arrived.iter().map(|one| one.text.matches('ж').count()).max().unwrap_or_default();
        assert!((1..=max).contains(&count), "{}: {count} characters of a body arrive, {max} may", self.kind);
        let (size, limit) = (size(&arrived), size(&at_most) + 64);
        assert!(size <= limit, "{}: {size} bytes arrive of a body that is too long, {limit} else", self.kind);
    }

    /// A kind that shows links shows them also below a text that is too long.
    async fn a_cut_keeps_the_links(&self) {
        let shown = async |notification: Notification| {
            let (_, arrived) = self.sent(&with_link(notification), "a message with a link").await;
            arrived.iter().any(|one| one.text.contains(LINK))
        };
        let (usual, cut) = (shown(sample()).await, shown(oversize()).await);
        assert_eq!(usual, cut, "{}: the link of a text that is too long is cut off", self.kind);
    }

    async fn a_payload_goes_out_as_it_is(&self) {
        let text = "[\"written by a template\", 1]".to_owned();
        let payload = Some(Written { content_type: "application/json".to_owned(), text: text.clone() });
        let (_, arrived) = self.sent(&Notification { payload, ..sample() }, "a payload of its own").await;
        let whole = |one: &Arrival| one.size == text.len() && one.text.ends_with(&text);
        assert!(arrived.iter().any(whole), "{}: takes payloads, and sends another", self.kind);
    }

    /// A kind that has threads refers to the firing, where the answer to it gave something to refer to.
    async fn an_end_answers_its_firing(&self) {
        let (firing, _) = self.sent(&sample(), "a firing").await;
        if firing.reference.is_null() {
            return;
        }
        let idempotency_key = "other-4".to_owned();
        let end = Notification { kind: MessageKind::Resolved, idempotency_key, ..sample() };
        let (_, alone) = self.sent(&end, "an end").await;
        let (_, answer) = self.sent(&Notification { in_reply_to: Some(firing), ..end }, "an end").await;
        let texts = |arrived: &[Arrival]| arrived.iter().map(|one| one.text.clone()).collect::<Vec<_>>();
        assert_ne!(texts(&alone), texts(&answer), "{}: has threads, and answers in none", self.kind);
    }

    async fn same_key_each_time(&self, idempotent: bool) {
        let first = self.keys(&sample()).await;
        if first.iter().all(Option::is_none) {
            assert!(!idempotent, "{}: says that it is idempotent, and sends no key", self.kind);
            return;
        }
        let again = Notification { attempt: 2, possible_duplicate: true, ..sample() };
        assert_eq!(first, self.keys(&again).await, "{}: the key changed with the try", self.kind);
        let other = Notification { idempotency_key: "other-2".to_owned(), ..sample() };
        assert_ne!(first, self.keys(&other).await, "{}: two messages share a key", self.kind);
    }

    /// What the vendor keeps is closed by the end, also where the answer to the firing was lost.
    async fn an_end_names_its_firing(&self) {
        self.far_end.accept();
        self.far_end.arrived();
        let end = Notification {
            kind: MessageKind::Resolved,
            idempotency_key: "other-3".to_owned(),
            answers: Some(sample().idempotency_key),
            all_over: true,
            ..sample()
        };
        // It may fail: what a vendor answers to a question is not what it answers to a firing.
        let _ = self.attempt(&end, "the end of a firing whose answer was lost").await;
        let named = self.far_end.arrived().iter().any(|one| one.text.contains(&sample().idempotency_key));
        assert!(named, "{}: the end of a firing whose answer was lost does not name it", self.kind);
    }

    async fn keys(&self, notification: &Notification) -> Vec<Option<String>> {
        let (_, arrived) = self.sent(notification, "an everyday message").await;
        arrived.into_iter().map(|arrival| arrival.key).collect()
    }
}

/// An address that has nothing to escape.
const LINK: &str = "https://dashboard.example/agent/007";

fn with_link(notification: Notification) -> Notification {
    let links = vec![Link { title: "Dashboard".to_owned(), url: LINK.to_owned() }];
    Notification { links, ..notification }
}

/// Whether a try came to what was expected; else, what it came to instead.
fn check(expect: Expect, result: &Result<Receipt, DeliveryError>) -> Result<(), String> {
    let as_expected = match (expect, result) {
        (Expect::AnEnd, _)
        | (Expect::Transient, Err(DeliveryError::Transient { .. }))
        | (Expect::PermanentMessage, Err(DeliveryError::PermanentMessage { .. }))
        | (Expect::PermanentChannel, Err(DeliveryError::PermanentChannel { .. })) => true,
        (Expect::RetryAfter(wanted), Err(DeliveryError::Transient { retry_after: Some(wait), .. })) => {
            (wanted.saturating_sub(5)..=wanted).contains(&wait.as_secs())
        }
        _ => false,
    };
    match result {
        _ if as_expected => Ok(()),
        Ok(_) => Err(format!("counted as accepted, not as {expect:?}")),
        Err(error) => Err(format!("gave {error:?}, not {expect:?}")),
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
