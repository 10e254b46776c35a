//! The suite that every kind passes, and the pieces to test one with. A kind outside this crate runs
//! it from its own tests:
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
//! A rule that is broken panics with a sentence that names it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use serde::de::Deserialize;

use crate::error::DeliveryError;
use crate::event::{Entity, Event, EventKind, Severity};
use crate::notification::{MessageKind, Notification};
use crate::notifier::{ChannelKind, Context, Notifier};
use crate::testing::{Fault, HttpServer, Reply, Request};

/// What an HTTP kind says of itself.
pub struct HttpSuite<'a> {
    /// Its table, as TOML, for a server at this base address.
    pub config: &'a dyn Fn(&str) -> String,
    /// Texts of that table that must never show.
    pub secrets: &'a [&'a str],
    /// How the vendor says yes.
    pub accepts: Reply,
    /// Where a request carries the idempotency key, if the vendor takes one.
    pub idempotency: Option<&'a dyn Fn(&Request) -> String>,
    /// Whether a request holds nothing that the vendor would act on; else, what.
    pub harmless: &'a dyn Fn(&Request) -> Result<(), String>,
}

/// The classes of failure, as the suite expects them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Class {
    Transient,
    Message,
    Channel,
}

const STATUSES: [(u16, Class); 12] = [
    (301, Class::Channel),
    (400, Class::Message),
    (401, Class::Channel),
    (403, Class::Channel),
    (404, Class::Channel),
    (408, Class::Transient),
    (410, Class::Channel),
    (413, Class::Message),
    (422, Class::Message),
    (425, Class::Transient),
    (500, Class::Transient),
    (503, Class::Transient),
];

/// Runs every rule against a kind that speaks HTTP.
///
/// # Panics
/// When a rule is broken.
pub async fn http<K: ChannelKind>(suite: &HttpSuite<'_>) {
    let stage = Stage::<K>::new(suite).await;
    stage.success().await;
    stage.statuses().await;
    stage.rate_limit().await;
    stage.broken_answers().await;
    stage.hostile_texts().await;
    stage.oversize_texts().await;
    stage.same_key_each_time().await;
}

struct Stage<'a, K> {
    suite: &'a HttpSuite<'a>,
    server: HttpServer,
    reply: Arc<Mutex<Reply>>,
    notifier: Box<dyn Notifier>,
    kind: std::marker::PhantomData<K>,
}

impl<'a, K: ChannelKind> Stage<'a, K> {
    async fn new(suite: &'a HttpSuite<'a>) -> Self {
        let reply = Arc::new(Mutex::new(suite.accepts.clone()));
        let answer = reply.clone();
        let server =
            HttpServer::start(move |_| answer.lock().unwrap_or_else(PoisonError::into_inner).clone())
                .await
                .expect("a loopback port");
        let notifier = build_with::<K>(&(suite.config)(&server.url("")), &context(Duration::from_secs(2)));
        Self { suite, server, reply, notifier, kind: std::marker::PhantomData }
    }

    async fn answered(&self, reply: Reply) -> Result<crate::Receipt, DeliveryError> {
        *self.reply.lock().unwrap_or_else(PoisonError::into_inner) = reply;
        let result = self.notifier.notify(&sample()).await;
        if let Err(error) = &result {
            assert_no_secret(error, self.suite.secrets);
        }
        result
    }

    async fn expect(&self, reply: Reply, class: Class, rule: &str) {
        match self.answered(reply).await {
            Ok(_) => panic!("{}: {rule} counted as accepted", K::KIND),
            Err(error) => assert_eq!(class_of(&error), class, "{}: {rule} gave {error:?}", K::KIND),
        }
    }

    async fn success(&self) {
        let receipt = self.answered(self.suite.accepts.clone()).await;
        let receipt =
            receipt.unwrap_or_else(|error| panic!("{}: the vendor said yes, it says {error}", K::KIND));
        let size = receipt.reference.to_string().len();
        assert!(size <= 1024, "{}: a receipt of {size} bytes, at most 1 KiB is kept", K::KIND);
        assert!(!receipt.line.contains('\n'), "{}: the receipt's line is more than one", K::KIND);
    }

    async fn statuses(&self) {
        // A vendor's error page likes to repeat what it was asked for.
        let page = format!("<html>no: {}</html>", self.suite.secrets.join(" "));
        for (status, class) in STATUSES {
            self.expect(Reply::new(status, page.clone()), class, &format!("HTTP {status}")).await;
        }
    }

    async fn rate_limit(&self) {
        let date = (Utc::now() + TimeDelta::seconds(30)).format("%a, %d %b %Y %H:%M:%S GMT").to_string();
        for value in ["30", date.as_str()] {
            let limited = self.answered(Reply::new(429, "slow down").header("retry-after", value)).await;
            match limited {
                Err(DeliveryError::Transient { retry_after: Some(wait), .. }) => {
                    let seconds = wait.as_secs();
                    assert!(
                        (25..=30).contains(&seconds),
                        "{}: Retry-After {value} read as {seconds} s",
                        K::KIND
                    );
                }
                other => panic!("{}: 429 with Retry-After {value} gave {other:?}", K::KIND),
            }
        }
    }

    async fn broken_answers(&self) {
        self.expect(Reply::fault(Fault::Reset), Class::Transient, "a reset connection").await;
        self.expect(Reply::fault(Fault::Hang), Class::Transient, "no answer").await;
        let drip = Reply::new(200, "x".repeat(60)).but(Fault::Drip);
        self.expect(drip, Class::Transient, "an answer of a byte a second").await;
        // These must end; whether they count as accepted is the vendor's contract.
        let _ = self.answered(self.suite.accepts.clone().but(Fault::Truncate)).await;
        let _ = self.answered(Reply::new(200, "x".repeat(1000)).but(Fault::Flood(50_000_000))).await;
    }

    async fn sent(&self, notification: &Notification) -> Vec<Request> {
        *self.reply.lock().unwrap_or_else(PoisonError::into_inner) = self.suite.accepts.clone();
        let before = self.server.count();
        let result = self.notifier.notify(notification).await;
        assert!(
            result.is_ok(),
            "{}: {result:?} for {}",
            K::KIND,
            notification.title.chars().take(60).collect::<String>()
        );
        self.server.received().split_off(before)
    }

    async fn hostile_texts(&self) {
        for short in [false, true] {
            for request in self.sent(&Notification { short, ..hostile() }).await {
                for (name, value) in &request.headers {
                    let clean = !value.as_bytes().iter().any(u8::is_ascii_control);
                    assert!(clean, "{}: a line break in header {name}", K::KIND);
                }
                assert!(!request.headers.contains_key("bcc"), "{}: a header was injected", K::KIND);
                if let Err(act) = (self.suite.harmless)(&request) {
                    panic!("{}: a hostile name reaches the vendor: {act}", K::KIND);
                }
            }
        }
    }

    async fn oversize_texts(&self) {
        let requests = self.sent(&oversize()).await;
        let size: usize = requests.iter().map(|request| request.body.len()).sum();
        if let Some(max) = K::capabilities().max_body {
            assert!(
                size < max * 8 + 65_536,
                "{}: {size} bytes sent, {max} characters are the limit",
                K::KIND
            );
        }
    }

    async fn same_key_each_time(&self) {
        assert_eq!(
            K::capabilities().idempotent,
            self.suite.idempotency.is_some(),
            "{}: say in both places whether the vendor takes an idempotency key",
            K::KIND
        );
        let Some(key) = self.suite.idempotency else { return };
        let keys = |requests: Vec<Request>| requests.iter().map(key).collect::<Vec<_>>();
        let first = keys(self.sent(&sample()).await);
        let again = Notification { attempt: 2, possible_duplicate: true, ..sample() };
        assert_eq!(first, keys(self.sent(&again).await), "{}: the key changed with the try", K::KIND);
        let other = Notification { idempotency_key: "other-2".to_owned(), ..sample() };
        assert_ne!(first, keys(self.sent(&other).await), "{}: two messages share a key", K::KIND);
    }
}

const fn class_of(error: &DeliveryError) -> Class {
    match error {
        DeliveryError::Transient { .. } => Class::Transient,
        DeliveryError::PermanentMessage { .. } => Class::Message,
        DeliveryError::PermanentChannel { .. } => Class::Channel,
    }
}

/// A secret in no form of an error.
///
/// # Panics
/// When there is one.
pub fn assert_no_secret(error: &DeliveryError, secrets: &[&str]) {
    let shown = format!("{error} {error:?}");
    for secret in secrets {
        assert!(!shown.contains(secret), "a secret is in the error: {shown}");
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
    let table = toml::Deserializer::parse(config).expect("a table of TOML");
    let config = K::Config::deserialize(table).unwrap_or_else(|error| panic!("{}: {error}", K::KIND));
    let problems: Vec<_> = K::validate(&config).into_iter().filter(|problem| !problem.warning).collect();
    assert!(problems.is_empty(), "{}: {problems:?}", K::KIND);
    K::build(config, context).unwrap_or_else(|error| panic!("{}: {error}", K::KIND))
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

/// A message as it comes every day: agent `007 db-03` fell silent.
#[must_use]
pub fn sample() -> Notification {
    let at = DateTime::from_timestamp(1_767_225_600, 0).unwrap_or_default();
    let event = Event {
        id: 42,
        incident: Some(7),
        kind: EventKind::AgentSilent,
        at,
        severity: Severity::Medium,
        scope: "default".to_owned(),
        entity: Some(Entity { id: "007".to_owned(), label: "db-03".to_owned() }),
        since: Some(at - TimeDelta::minutes(16)),
        threshold_seconds: Some(960),
        cause: "no_documents".to_owned(),
        detail: "No logs for 16 min.".to_owned(),
        labels: BTreeMap::from([("site".to_owned(), "MIL".to_owned())]),
    };
    Notification {
        idempotency_key: "0123456789abcdef-1".to_owned(),
        kind: MessageKind::Firing,
        test: false,
        severity: Severity::Medium,
        title: "Silent: 007 db-03, no logs for 16 min".to_owned(),
        body: "No logs for 16 min.\n\nAgent: 007 db-03".to_owned(),
        installation: "test".to_owned(),
        created_at: at,
        events: vec![event],
        attempt: 1,
        possible_duplicate: false,
        fallback_reason: None,
        in_reply_to: None,
        short: false,
    }
}

/// The same about an agent that somebody named with intent.
#[must_use]
pub fn hostile() -> Notification {
    const NAME: &str = "<!channel> <@U1> <https://evil.example|click> @everyone *b* _i_ `c` \r\nBcc: x@evil.example\u{0}\u{202e}<script>&";
    let mut notification = sample();
    notification.title = format!("Silent: 007 {NAME}");
    notification.body = format!("Agent: {NAME}\n{NAME}");
    notification.fallback_reason = Some(NAME.to_owned());
    notification.installation = NAME.to_owned();
    for event in &mut notification.events {
        event.entity = Some(Entity { id: NAME.to_owned(), label: NAME.to_owned() });
        event.labels.insert(NAME.to_owned(), NAME.to_owned());
        event.detail = NAME.to_owned();
    }
    notification
}

/// The same with far more text than any vendor takes.
#[must_use]
pub fn oversize() -> Notification {
    Notification { title: "long ".repeat(1000), body: "a line of text\n".repeat(20_000), ..sample() }
}
