//! The notifier behind both kinds: Opsgenie's alert API, which Jira Service Management took over.

use std::time::Duration;

use async_trait::async_trait;
use chrono::Utc;
use reqwest::{Client, Method, RequestBuilder, StatusCode, Url};
use serde_json::{Value, json};
use tokio::time::Instant;

use super::alert;
use crate::error::{BuildError, DeliveryError, Reason};
use crate::http::{Answer, check_status, send, unexpected};
use crate::notification::{MessageKind, Notification, Receipt};
use crate::notifier::Notifier;
use crate::secret::Secret;
use crate::text::one_line;

/// The limits are per minute.
const WAIT: Duration = Duration::from_secs(60);

/// After which pauses it is asked what became of a request. Most are processed by the first.
const LOOKS: [Duration; 2] = [Duration::from_millis(300), Duration::from_secs(2)];

/// Raises alerts, notes what changes, and closes them.
pub(crate) struct Desk {
    vendor: &'static str,
    base: Url,
    login: Login,
    http: Client,
    timeout: Duration,
}

/// The two ways in, which differ in what an alert is called by, too.
pub(crate) enum Login {
    /// The key of an integration. Alerts are called by their alias.
    Key(Secret),
    /// User name and API token of an account. Alerts are called by an id, which must be asked for.
    Token(String, Secret),
}

impl Desk {
    /// Below `path` of the API at `base`.
    ///
    /// # Errors
    /// When `base` is no address.
    pub(crate) fn new(
        vendor: &'static str,
        base: &str,
        path: &[&str],
        login: Login,
        http: Client,
        timeout: Duration,
    ) -> Result<Self, BuildError> {
        let mut base = Url::parse(base).map_err(|error| BuildError(error.to_string()))?;
        extend(&mut base, path);
        Ok(Self { vendor, base, login, http, timeout })
    }
}

/// Each part of `path` is escaped. An address that cannot have a path is refused before.
fn extend(url: &mut Url, path: &[&str]) {
    if let Ok(mut segments) = url.path_segments_mut() {
        segments.pop_if_empty().extend(path);
    }
}

#[async_trait]
impl Notifier for Desk {
    async fn notify(&self, notification: &Notification) -> Result<Receipt, DeliveryError> {
        let deadline = Instant::now() + self.timeout;
        let answers = notification.follows();
        let line = match (notification.kind, notification.all_over) {
            (MessageKind::Resolved, true) if answers => self.change("close", notification, deadline).await?,
            (MessageKind::Resolved, false) if answers => self.change("notes", notification, deadline).await?,
            // An alert of it would stay open for ever.
            (MessageKind::Resolved, _) => return Ok(Receipt::untold("nothing to close")),
            _ => self.raise(notification, deadline).await?,
        };
        let receipt = match line {
            Taken::Later(request) => self.what_became_of(&request, answers, deadline).await?,
            Taken::Now(line) => Receipt::line(line),
            Taken::Gone => Receipt::untold("it is closed there already"),
        };
        Ok(Receipt { reference: json!({ "alias": alert::alias(notification) }), ..receipt })
    }

    /// With a key nothing can be asked without changing something.
    async fn probe(&self) -> Result<(), DeliveryError> {
        let Login::Token(..) = self.login else { return Ok(()) };
        let request = self.request(Method::GET, &["alerts"], &[("size", "1")]);
        self.check(&send(request, self.timeout).await?).map(drop)
    }
}

/// How something was taken.
enum Taken {
    /// It is done, in words.
    Now(&'static str),
    /// There is nothing that it could change.
    Gone,
    /// It is processed later, as the request of this id.
    Later(String),
}

impl Desk {
    async fn raise(&self, notification: &Notification, deadline: Instant) -> Result<Taken, DeliveryError> {
        let mut body = alert::alert(notification);
        let details = if matches!(self.login, Login::Key(_)) { "details" } else { "extraProperties" };
        body[details] = json!(alert::details(notification));
        self.post(&["alerts"], &[], Some(&body), deadline).await
    }

    /// `close` or `notes`, by the alias where that is possible.
    async fn change(
        &self,
        what: &str,
        notification: &Notification,
        deadline: Instant,
    ) -> Result<Taken, DeliveryError> {
        let alias = alert::alias(notification);
        let body = json!({ "note": alert::text(notification) });
        match self.login {
            Login::Key(_) => {
                let by = [("identifierType", "alias")];
                self.post(&["alerts", &alias, what], &by, Some(&body), deadline).await
            }
            Login::Token(..) => match self.find(&alias, deadline).await? {
                // To close, that API takes no body.
                Some(id) => {
                    self.post(&["alerts", &id, what], &[], (what != "close").then_some(&body), deadline).await
                }
                None => Ok(Taken::Gone),
            },
        }
    }

    /// The id of the open alert with this alias.
    async fn find(&self, alias: &str, deadline: Instant) -> Result<Option<String>, DeliveryError> {
        let request = self.request(Method::GET, &["alerts", "alias"], &[("alias", alias)]);
        let answer = send(request, deadline - Instant::now()).await?;
        if answer.status == StatusCode::NOT_FOUND {
            return Ok(None);
        }
        let found = self.check(&answer)?;
        found["id"].as_str().map(|id| Some(id.to_owned())).ok_or_else(|| unexpected(self.vendor))
    }

    async fn post(
        &self,
        path: &[&str],
        query: &[(&str, &str)],
        body: Option<&Value>,
        deadline: Instant,
    ) -> Result<Taken, DeliveryError> {
        let mut request = self.request(Method::POST, path, query);
        if let Some(body) = body {
            request = request.json(body);
        }
        let said = self.check(&send(request, deadline - Instant::now()).await?)?;
        // What is processed later has the id of the request; a note of Jira's has its own.
        match (said["requestId"].as_str(), said["id"].as_str()) {
            (Some(id), _) => Ok(Taken::Later(id.to_owned())),
            (None, Some(_)) => Ok(Taken::Now("noted")),
            (None, None) => Err(unexpected(self.vendor)),
        }
    }

    /// How a request was processed, as far as that can be known soon; `answers` where it is about an alert that
    /// may be gone.
    async fn what_became_of(
        &self,
        request: &str,
        answers: bool,
        deadline: Instant,
    ) -> Result<Receipt, DeliveryError> {
        let accepted = format!("accepted for processing as {}", self.shown(request, 80));
        for pause in LOOKS {
            if deadline.saturating_duration_since(Instant::now()) <= pause {
                break;
            }
            tokio::time::sleep(pause).await;
            let look = self.request(Method::GET, &["alerts", "requests", request], &[]);
            // It was accepted: a question that fails takes nothing from that, nor does a key that may not ask.
            let Ok(answer) = send(look, deadline - Instant::now()).await else { break };
            match (answer.status, processed(&answer.json())) {
                (StatusCode::OK, Some((done, status))) => return self.outcome(done, &status, answers),
                (StatusCode::NOT_FOUND, _) => {}
                _ => break,
            }
        }
        Ok(Receipt::line(accepted))
    }

    fn outcome(&self, done: bool, status: &str, answers: bool) -> Result<Receipt, DeliveryError> {
        let told = self.shown(status, 200);
        // What there is no alert of needs no end.
        let gone =
            answers && ["not exist", "not found", "already"].iter().any(|words| status.contains(words));
        if done {
            return Ok(Receipt::line(told));
        }
        if gone {
            return Ok(Receipt::untold(told));
        }
        let detail = format!("accepted, but not processed: {told}");
        Err(DeliveryError::permanent_message(Reason::Rejected, detail))
    }

    fn request(&self, method: Method, path: &[&str], query: &[(&str, &str)]) -> RequestBuilder {
        let mut url = self.base.clone();
        extend(&mut url, path);
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        let request = self.http.request(method, url);
        match &self.login {
            Login::Key(key) => request.header("authorization", format!("GenieKey {}", key.expose())),
            Login::Token(user, token) => request.basic_auth(user, Some(token.expose())),
        }
    }

    fn check(&self, answer: &Answer) -> Result<Value, DeliveryError> {
        check_status(answer, &self.shown(&answer.body, usize::MAX), Utc::now())
            .map_err(|error| error.or_wait(WAIT))?;
        Ok(answer.json())
    }

    fn shown(&self, text: &str, max: usize) -> String {
        let (Login::Key(secret) | Login::Token(_, secret)) = &self.login;
        one_line(&secret.redact(text), max)
    }
}

/// Whether a request was processed well, and the words for it.
fn processed(said: &Value) -> Option<(bool, String)> {
    let said = if said["data"].is_object() { &said["data"] } else { said };
    Some((said["isSuccess"].as_bool()?, said["status"].as_str()?.to_owned()))
}
