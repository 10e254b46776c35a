//! The way by the server's API.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use chrono::Utc;
use reqwest::StatusCode;
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::error::{DeliveryError, Reason};
use crate::http::{Answer, check_status, send, unexpected};
use crate::secret::Secret;
use crate::text::one_line;

/// The most events of a request.
const MAX_EVENTS: usize = 100;
/// Its limits are per minute, and no answer says so.
const WAIT: Duration = Duration::from_secs(60);
/// A token is good for 900 s unless the API is configured otherwise; then it is asked for anew at 401.
const TOKEN_AGE: Duration = Duration::from_secs(600);

/// A user of the API, with the token of the last login: each login counts against the limits, which all
/// clients of the API share.
pub struct Api {
    base: String,
    username: String,
    password: Secret,
    http: reqwest::Client,
    token: Mutex<Option<(Secret, Instant)>>,
}

impl Api {
    /// Opens nothing yet.
    pub fn new(url: &str, username: String, password: Secret, http: reqwest::Client) -> Self {
        let base = url.trim_end_matches('/').to_owned();
        Self { base, username, password, http, token: Mutex::default() }
    }

    /// Hands them over, a hundred at a time.
    ///
    /// # Errors
    /// As the API says; when it took only some, all are worth another try.
    pub async fn ingest(&self, events: &[String], timeout: Duration) -> Result<(), DeliveryError> {
        let deadline = Instant::now() + timeout;
        for some in events.chunks(MAX_EVENTS) {
            let answer = self.post(&json!({ "events": some }), deadline).await?;
            self.taken(&self.check(&answer)?)?;
        }
        Ok(())
    }

    /// With the token of an earlier login, if it is still good.
    async fn post(&self, body: &Value, deadline: Instant) -> Result<Answer, DeliveryError> {
        if let Some((token, _)) = self.known().filter(|(_, until)| *until > Instant::now()) {
            let answer = self.post_with(&token, body, deadline).await?;
            if answer.status != StatusCode::UNAUTHORIZED {
                return Ok(answer);
            }
        }
        let token = self.login(deadline - Instant::now()).await?;
        self.post_with(&token, body, deadline).await
    }

    /// Asks for a token, and keeps it.
    ///
    /// # Errors
    /// When the login is refused, or the answer holds no token.
    pub async fn login(&self, timeout: Duration) -> Result<Secret, DeliveryError> {
        let request = self.http.post(format!("{}/security/user/authenticate", self.base));
        let request = request.basic_auth(&self.username, Some(self.password.expose()));
        let said = self.check(&send(request, timeout).await?)?;
        let token = said["data"]["token"].as_str().ok_or_else(|| unexpected("Wazuh"))?;
        let token = Secret::new(token);
        let until = Instant::now() + TOKEN_AGE;
        *self.token.lock().unwrap_or_else(PoisonError::into_inner) = Some((token.clone(), until));
        Ok(token)
    }

    async fn post_with(
        &self,
        token: &Secret,
        body: &Value,
        deadline: Instant,
    ) -> Result<Answer, DeliveryError> {
        let request = self.http.post(format!("{}/events", self.base)).bearer_auth(token.expose()).json(body);
        send(request, deadline - Instant::now()).await
    }

    fn check(&self, answer: &Answer) -> Result<Value, DeliveryError> {
        check_status(answer, &self.shown(&answer.body), Utc::now()).map_err(|error| error.or_wait(WAIT))?;
        Ok(answer.json())
    }

    fn known(&self) -> Option<(Secret, Instant)> {
        self.token.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Under HTTP 200 it says by `error` that some events were not forwarded: 0 none, 1 all, 2 some.
    fn taken(&self, said: &Value) -> Result<(), DeliveryError> {
        match said["error"].as_i64() {
            Some(0) => Ok(()),
            Some(_) => {
                let message = self.shown(said["message"].as_str().unwrap_or_default());
                let detail = format!("Wazuh says: {}", one_line(&message, 200));
                Err(DeliveryError::transient(Reason::Server, detail))
            }
            None => Err(unexpected("Wazuh")),
        }
    }

    /// Without the password, and without a token, were it an old one.
    fn shown(&self, text: &str) -> String {
        let shown = self.password.redact(text);
        self.known().map_or(shown.clone(), |(token, _)| token.redact(&shown))
    }
}
