//! The suite for a kind that speaks HTTP: each class of status, limits, and answers that break.

use std::sync::{Arc, Mutex, PoisonError};

use chrono::{TimeDelta, Utc};

use super::{Arrival, Expect, FarEnd, Scene, conforms};
use crate::notifier::ChannelKind;
use crate::testing::{Fault, HEADERS, HttpServer, Reply, Request};

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

const STATUSES: [(u16, Expect); 12] = [
    (301, Expect::PermanentChannel),
    (400, Expect::PermanentMessage),
    (401, Expect::PermanentChannel),
    (403, Expect::PermanentChannel),
    (404, Expect::PermanentChannel),
    (408, Expect::Transient),
    (410, Expect::PermanentChannel),
    (413, Expect::PermanentMessage),
    (422, Expect::PermanentMessage),
    (425, Expect::Transient),
    (500, Expect::Transient),
    (503, Expect::Transient),
];

/// Runs every rule against a kind that speaks HTTP.
///
/// # Panics
/// When a rule is broken.
pub async fn http<K: ChannelKind>(suite: &HttpSuite<'_>) {
    let reply = Arc::new(Mutex::new(suite.accepts.clone()));
    let answer = reply.clone();
    let server = HttpServer::start(move |_| answer.lock().unwrap_or_else(PoisonError::into_inner).clone())
        .await
        .expect("a loopback port");
    let config = (suite.config)(&server.url(""));
    conforms::<K>(&Vendor { suite, server, reply }, &config, suite.secrets).await;
}

struct Vendor<'a> {
    suite: &'a HttpSuite<'a>,
    server: HttpServer,
    reply: Arc<Mutex<Reply>>,
}

impl FarEnd for Vendor<'_> {
    fn accept(&self) {
        self.answer(self.suite.accepts.clone());
    }

    fn scenes(&self) -> Vec<Scene<'_>> {
        // A vendor's error page likes to repeat what it was asked for.
        let page = format!("<html>no: {}</html>", self.suite.secrets.join(" "));
        let statuses = STATUSES.into_iter().map(|(status, expect)| {
            self.scene(format!("HTTP {status}"), expect, Reply::new(status, page.clone()))
        });
        statuses.chain(self.repeats()).chain(self.limits()).chain(self.breaks()).collect()
    }

    fn arrived(&self) -> Vec<Arrival> {
        self.server.take_received().iter().map(|request| self.arrival(request)).collect()
    }
}

impl Vendor<'_> {
    fn answer(&self, reply: Reply) {
        *self.reply.lock().unwrap_or_else(PoisonError::into_inner) = reply;
    }

    fn scene(&self, name: impl Into<String>, expect: Expect, reply: Reply) -> Scene<'_> {
        Scene { name: name.into(), expect, set: Box::new(move || self.answer(reply.clone())) }
    }

    /// Error pages that repeat the request, its login too.
    fn repeats(&self) -> impl Iterator<Item = Scene<'_>> {
        [(401, Expect::PermanentChannel), (400, Expect::PermanentMessage)].into_iter().map(
            |(status, expect)| {
                self.scene(
                    format!("HTTP {status} that repeats the headers"),
                    expect,
                    Reply::new(status, HEADERS),
                )
            },
        )
    }

    fn limits(&self) -> Vec<Scene<'_>> {
        let date = Utc::now() + TimeDelta::seconds(90);
        let limits = [(30, "30".to_owned()), (90, date.format("%a, %d %b %Y %H:%M:%S GMT").to_string())];
        let scene = |(seconds, value): (u64, String)| {
            let reply = Reply::new(429, "slow down").header("retry-after", &value);
            self.scene(format!("429 with Retry-After {value}"), Expect::RetryAfter(seconds), reply)
        };
        limits.into_iter().map(scene).collect()
    }

    fn breaks(&self) -> Vec<Scene<'_>> {
        let drip = Reply::new(200, "x".repeat(60)).but(Fault::Drip);
        let half = self.suite.accepts.clone().but(Fault::Truncate);
        let flood = Reply::new(200, "x".repeat(1000)).but(Fault::Flood(50_000_000));
        vec![
            self.scene("a reset connection", Expect::Transient, Reply::fault(Fault::Reset)),
            self.scene("no answer", Expect::Transient, Reply::fault(Fault::Hang)),
            self.scene("an answer of a byte a second", Expect::Transient, drip),
            self.scene("half an answer", Expect::AnEnd, half),
            self.scene("an endless answer", Expect::AnEnd, flood),
        ]
    }

    fn arrival(&self, request: &Request) -> Arrival {
        let key = self.suite.idempotency.map(|key| key(request));
        let harm = injected(request).or_else(|| (self.suite.harmless)(request).err());
        let text = format!("{} {}", request.path, String::from_utf8_lossy(&request.body));
        Arrival { size: request.body.len(), key, text, harm, login: request.login().to_owned() }
    }
}

/// A header that a text of the message made.
fn injected(request: &Request) -> Option<String> {
    let breaks = |value: &hyper::header::HeaderValue| value.as_bytes().iter().any(u8::is_ascii_control);
    let broken = request.headers.iter().find(|(_, value)| breaks(value)).map(|(name, _)| name.as_str());
    let bcc = request.headers.contains_key("bcc").then_some("bcc");
    broken.or(bcc).map(|name| format!("header {name}"))
}
