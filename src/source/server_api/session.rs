//! Logging in, and asking with the token that this gives.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::Utc;
use log_monitor_channels::{BuildError, Secret};
use reqwest::{Method, RequestBuilder};
use serde_json::Value;
use tokio::sync::Mutex;
use tokio::time::Instant;

use super::budget::MINUTE;
use super::config::ServerApiConfig;
use super::refusals::{Credential, credential};
use super::shared::Shared;
use crate::config::duration::human;
use crate::source::wire::{self, Reply, Wire};
use crate::source::{SourceError, SourceReason};

/// How long a token is good for when it does not say so itself; the server's default is 900 s.
const USUAL: Duration = Duration::from_secs(600);

/// A difference of clocks below this, in milliseconds, is the time that an answer takes, and no matter.
const SAME: i64 = 30_000;

/// Why there is no body.
#[derive(Debug)]
pub struct Refused {
    /// In words for people.
    pub error: SourceError,
    /// Wazuh's own number of the reason.
    pub code: Option<i64>,
}

impl From<SourceError> for Refused {
    fn from(error: SourceError) -> Self {
        Self { error, code: None }
    }
}

impl From<Refused> for SourceError {
    fn from(refused: Refused) -> Self {
        refused.error
    }
}

/// A server that somebody may log in to.
#[derive(Debug)]
pub struct Session {
    wire: Wire,
    config: ServerApiConfig,
    credential: Credential,
    /// A token and when to get another one.
    token: Mutex<Option<(Secret, Instant)>>,
    shared: Arc<Shared>,
    /// How far the server's clock was ahead of ours in its last answer, in milliseconds.
    ahead: AtomicI64,
}

impl Session {
    /// Connects to nothing.
    ///
    /// # Errors
    /// When the client cannot be built.
    pub fn new(config: ServerApiConfig) -> Result<Self, BuildError> {
        let base = wire::parsed(&config.url)?;
        let client = config.tls().client(&base)?;
        let mut wire = Wire::new("Wazuh API", client, base, config.timeout.0)?;
        wire.hide([config.password.clone()]);
        let shared = Shared::of(&wire.place());
        let credential = credential(&config.username, config.password.expose());
        let (token, ahead) = (Mutex::default(), AtomicI64::default());
        Ok(Self { wire, config, credential, token, shared, ahead })
    }

    /// The same with the server in front and without secrets.
    pub fn told(&self, error: &SourceError) -> SourceError {
        self.wire.told(error)
    }

    /// Whether there is room for a question that others can do without.
    pub fn has_room(&self) -> bool {
        self.shared.budget.has_room()
    }

    /// How far the server's clock is ahead of ours, in milliseconds, by its last answer; 0 where it does not say.
    pub fn ahead(&self) -> i64 {
        let ahead = self.ahead.load(Ordering::Relaxed);
        if ahead.abs() < SAME { 0 } else { ahead }
    }

    /// The body of a `GET`. A token that is no longer taken is replaced once.
    ///
    /// # Errors
    /// When there is no login, or the answer's status is not 200.
    pub async fn get(&self, path: &str, parameters: &[(&str, &str)]) -> Result<Vec<u8>, Refused> {
        let mut reply = self.ask(path, parameters).await?;
        if reply.status == 401 {
            *self.token.lock().await = None;
            reply = self.ask(path, parameters).await?;
        }
        match reply.status {
            200 => Ok(reply.body),
            401 => Err(self.told(&token_refused()).into()),
            _ => Err(self.refused(&reply)),
        }
    }

    fn refused(&self, reply: &Reply) -> Refused {
        let code = code(&reply.body);
        Refused { error: self.told(&refusal(reply.status, code)), code }
    }

    async fn ask(&self, path: &str, parameters: &[(&str, &str)]) -> Result<Reply, SourceError> {
        let token = self.token().await?;
        let mut url = self.url(path);
        url.query_pairs_mut().extend_pairs(parameters);
        self.send(self.wire.client.request(Method::GET, url).bearer_auth(token.expose())).await
    }

    /// Sends one request within the budget. The server's own "too many" comes without a time to wait;
    /// its window is a minute (Wazuh 4.x, `api/api/middlewares.py`). A proxy may name one.
    async fn send(&self, request: RequestBuilder) -> Result<Reply, SourceError> {
        self.shared.budget.take().await.map_err(|left| self.told(&held(left)))?;
        let reply = self.wire.send(request).await?;
        if let Some(date) = reply.date {
            self.ahead.store((date - Utc::now()).num_milliseconds(), Ordering::Relaxed);
        }
        if reply.status == 429 {
            self.shared.budget.hold(reply.retry_after.unwrap_or(MINUTE));
        }
        Ok(reply)
    }

    fn url(&self, path: &str) -> reqwest::Url {
        let mut url = self.wire.base.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(path.split('/'));
        }
        url
    }

    /// The token, got anew when it is about to end.
    async fn token(&self) -> Result<Secret, SourceError> {
        let mut known = self.token.lock().await;
        if let Some((token, until)) = &*known
            && Instant::now() < *until
        {
            return Ok(token.clone());
        }
        if let Some(refusal) = self.shared.refusals.standing(&self.credential) {
            return Err(refusal);
        }
        let (token, life) = self.log_in().await?;
        self.shared.refusals.forget(&self.credential);
        *known = Some((token.clone(), Instant::now() + life));
        Ok(token)
    }

    /// 4.3 knows no POST here (405), 5.0 no GET.
    async fn log_in(&self) -> Result<(Secret, Duration), SourceError> {
        let mut reply = self.authenticate(Method::POST).await?;
        if reply.status == 405 {
            reply = self.authenticate(Method::GET).await?;
        }
        if reply.status != 200 {
            let error = self.refused(&reply).error;
            if [401, 403].contains(&reply.status) {
                self.shared.refusals.note(self.credential, error.clone(), reply.status == 401);
            }
            return Err(error);
        }
        let body: Value = serde_json::from_slice(&reply.body).unwrap_or_default();
        match body["data"]["token"].as_str().filter(|token| !token.is_empty()) {
            Some(token) => Ok((Secret::new(token), lifetime(token).unwrap_or(USUAL))),
            None => {
                let detail = "answered the login without a token: does `url` lead to the Wazuh API itself?";
                Err(self.told(&SourceError::new(SourceReason::Malformed, detail)))
            }
        }
    }

    async fn authenticate(&self, method: Method) -> Result<Reply, SourceError> {
        let request = self.wire.client.request(method, self.url("security/user/authenticate"));
        self.send(request.basic_auth(&self.config.username, Some(self.config.password.expose()))).await
    }
}

/// Four fifths of what the token says of itself, by its own clock.
fn lifetime(token: &str) -> Option<Duration> {
    let claims = URL_SAFE_NO_PAD.decode(token.split('.').nth(1)?).ok()?;
    let claims: Value = serde_json::from_slice(&claims).ok()?;
    let (from, to) = (claims["nbf"].as_u64().or(claims["iat"].as_u64())?, claims["exp"].as_u64()?);
    Some(Duration::from_secs(to.checked_sub(from)?.min(86_400)) * 4 / 5)
}

/// Nothing is sent for so long.
fn held(left: Duration) -> SourceError {
    let left = human(left);
    let detail =
        format!("has had too many requests of all its clients, and is left alone for another {left}");
    SourceError::new(SourceReason::Overloaded, detail)
}

/// The login was taken, and what it gave was not.
fn token_refused() -> SourceError {
    let detail = "took the login, and then refused its token: is it a balancer in front of several managers, or is \
                  the manager's clock wrong? (HTTP 401)";
    SourceError::new(SourceReason::Auth, detail)
}

/// The number of an error, which a body calls `error` (Wazuh 4.x, `api/api/error_handler.py`) or, by the
/// examples of the specification, `code`.
fn code(body: &[u8]) -> Option<i64> {
    let body: Value = serde_json::from_slice(body).unwrap_or_default();
    body["error"].as_i64().or(body["code"].as_i64())
}

/// What a status means.
fn refusal(status: u16, code: Option<i64>) -> SourceError {
    use SourceReason as Why;
    let said = code.map_or_else(String::new, |code| format!(", error {code}"));
    let (reason, detail) = match (status, code) {
        (401, _) => (Why::Auth, "refused the login: check `username` and `password`"),
        (403, Some(6000)) => (Why::Auth, "has blocked this address after too many refused logins"),
        (403, _) => (Why::Rights, "does not let this user read agents: give it the role `agents_readonly`"),
        (404, _) => (Why::NoIndex, "knows no such page: does `url` lead to the Wazuh API itself?"),
        (429, _) => (Why::Overloaded, "has had too many requests of all its clients in this minute"),
        (500.., _) => (Why::Overloaded, "has trouble of its own"),
        _ => (Why::Malformed, "refused the question"),
    };
    SourceError::new(reason, format!("{detail} (HTTP {status}{said})"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_used_for_four_fifths_of_its_life() {
        let claims = URL_SAFE_NO_PAD.encode(r#"{"nbf":1767225600,"exp":1767226500,"sub":"log-monitor"}"#);
        assert_eq!(lifetime(&format!("eyJh.{claims}.sig")), Some(Duration::from_secs(720)));
        for odd in ["", "a.b", "a.!!.c", "generated_token"] {
            assert_eq!(lifetime(odd), None, "{odd}");
        }
    }
}
