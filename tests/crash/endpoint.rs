//! The far ends: two webhooks, of which the first may fail, and what each of them got.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use log_monitor_channels::testing::{Fault, HttpServer, Reply};

/// What the first webhook does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum First {
    Accepts,
    /// 404, for good.
    IsGone,
    /// It reads the first message and closes the connection.
    HangsUpOnce,
}

pub struct Endpoint {
    server: HttpServer,
    accepts: bool,
    /// How often a message may come.
    most: usize,
}

impl Endpoint {
    pub async fn start(kind: First) -> Self {
        let hung_up = Arc::new(AtomicBool::new(kind != First::HangsUpOnce));
        let answer = move |_: &_| match kind {
            First::IsGone => Reply::new(404, "no such hook"),
            _ if !hung_up.swap(true, Ordering::Relaxed) => Reply::fault(Fault::Reset),
            _ => Reply::new(200, "ok"),
        };
        Self {
            server: HttpServer::start(answer).await.unwrap(),
            accepts: kind != First::IsGone,
            most: 2 + usize::from(kind == First::HangsUpOnce),
        }
    }

    pub fn url(&self) -> String {
        self.server.url("/hook")
    }

    /// What it got of the agent's silence and its end, in order, each as (kind, key, marked).
    fn got(&self) -> Vec<(String, String, bool)> {
        let all = self.server.received().into_iter().map(|request| request.json());
        let about = all.filter(|json| json["events"][0]["entity"]["id"] == "002");
        let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
        about
            .map(|json| {
                let marked = json["possible_duplicate"].as_bool().unwrap();
                (text(&json["kind"]), text(&json["idempotency_key"]), marked)
            })
            .collect()
    }

    /// Whether somebody here has read a message of this kind.
    pub fn has(&self, kind: &str) -> bool {
        self.accepts && self.got().iter().any(|(of, ..)| of == kind)
    }

    /// Each message came at most twice (and once more where an answer was lost besides), from the second time
    /// on marked, and none after the end of all.
    pub fn judge(&self, story: &str) {
        let got = self.got();
        let mut times: BTreeMap<&str, usize> = BTreeMap::new();
        for (kind, key, marked) in &got {
            let time = times.entry(key).or_default();
            *time += 1;
            assert!(*time <= self.most, "{story}: {kind} came {time} times: {got:?}");
            assert!(*marked || *time == 1, "{story}: the second {kind} is not marked: {got:?}");
        }
        let resolved = got.iter().position(|(kind, ..)| kind == "resolved");
        let firing = got.iter().rposition(|(kind, ..)| kind == "firing");
        assert!(resolved.is_none() || firing < resolved, "{story}: the end came first: {got:?}");
    }
}
