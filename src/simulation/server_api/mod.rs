//! A Wazuh server's API in memory: login with a token, lists of agents in pages. It refuses what the
//! real one refuses: unknown parameters, a wrong password, a token that has ended.

mod list;

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use chrono::{DateTime, Utc};
use log_monitor_channels::testing::{HttpServer, Reply, Request};
use reqwest::Url;
use serde_json::{Value, json};

/// An agent as its manager sees it.
#[derive(Debug, Clone)]
pub struct SimulatedAgent {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Its groups.
    pub groups: Vec<&'static str>,
    /// How many events its manager has received from it, and how many of them were logs.
    pub received: (u64, u64),
    /// `active`, `disconnected`, `never_connected` or `pending`.
    pub status: &'static str,
    /// 3 = it said that it stops, 4 = it vanished.
    pub code: i64,
    /// Its last keepalive; the real server says 9999 for its own agent 000.
    pub keepalive: Option<DateTime<Utc>>,
    /// Where it sends to.
    pub node: &'static str,
}

/// What the server does.
#[derive(Debug, Clone, Default)]
pub struct State {
    /// Whom it knows.
    pub agents: Vec<SimulatedAgent>,
    /// Logs in by GET only and has no code of how a link ended, as 4.3.
    pub old: bool,
    /// Has no counters, as 4.3 and 5.0.
    pub counts_nothing: bool,
    /// How often somebody tried to log in.
    pub logins: usize,
    /// Tokens with another number than this are no longer taken.
    pub generation: usize,
    /// Whom the user may not read.
    pub forbidden: Vec<&'static str>,
    /// What becomes of the agents after each page of all of them, in this order.
    pub meanwhile: VecDeque<fn(&mut Vec<SimulatedAgent>)>,
    /// Answers every question with this instead.
    pub instead: Option<Reply>,
}

/// The server. Dropping it closes the port.
pub struct SimulatedServerApi {
    server: HttpServer,
    state: Arc<Mutex<State>>,
}

impl SimulatedServerApi {
    /// Listens on a free loopback port; lets this user in with this password.
    ///
    /// # Errors
    /// When no port can be opened.
    pub async fn start(user: &str, password: &str) -> std::io::Result<Self> {
        let state: Arc<Mutex<State>> = Arc::default();
        let (known, login) = (state.clone(), STANDARD.encode(format!("{user}:{password}")));
        let server = HttpServer::start(move |request| answer(&mut lock(&known), &login, request)).await?;
        Ok(Self { server, state })
    }

    /// Its base URL.
    #[must_use]
    pub fn url(&self) -> String {
        self.server.url("")
    }

    /// What it does from now on.
    pub fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }

    /// The paths asked for so far.
    #[must_use]
    pub fn asked(&self) -> Vec<String> {
        self.server.received().into_iter().map(|request| request.path).collect()
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

fn answer(state: &mut State, login: &str, request: &Request) -> Reply {
    let Ok(url) = Url::parse("http://localhost").and_then(|base| base.join(&request.path)) else {
        return problem(400, 0, "Bad Request");
    };
    match url.path() {
        "/security/user/authenticate" => authenticate(state, login, request),
        path if path.starts_with("/agents")
            && request.header("authorization") != format!("Bearer {}", token(state.generation)) =>
        {
            problem(401, 0, "Unauthorized")
        }
        "/agents" => state.instead.clone().unwrap_or_else(|| list::answer(state, &url)),
        path => match path.strip_prefix("/agents/").and_then(|rest| rest.strip_suffix("/daemons/stats")) {
            Some(id) if state.forbidden.contains(&id) => problem(403, 4000, "Permission Denied"),
            Some(id) if !state.counts_nothing => counters(state, id),
            _ => problem(404, 0, "Not Found"),
        },
    }
}

fn problem(status: u16, code: i64, title: &str) -> Reply {
    Reply::json(status, &json!({ "title": title, "detail": title, "error": code }))
}

fn authenticate(state: &mut State, login: &str, request: &Request) -> Reply {
    if state.old != (request.method == "GET") {
        return problem(405, 0, "Method Not Allowed");
    }
    state.logins += 1;
    if request.header("authorization") != format!("Basic {login}") {
        return problem(401, 0, "Unauthorized");
    }
    Reply::json(200, &json!({ "data": { "token": token(state.generation) }, "error": 0 }))
}

/// A token of 900 s.
fn token(generation: usize) -> String {
    let claims = json!({ "nbf": 1_767_225_600, "exp": 1_767_226_500, "sub": generation });
    format!("eyJhbGciOiJFUzUxMiJ9.{}.sig", URL_SAFE_NO_PAD.encode(claims.to_string()))
}

/// Of an agent that is not connected nothing is counted.
fn counters(state: &State, id: &str) -> Reply {
    let Some(agent) = state.agents.iter().find(|agent| agent.id == id && agent.status == "active") else {
        let failed = json!([{ "error": { "code": 1707 }, "id": [id] }]);
        return Reply::json(
            200,
            &json!({ "data": { "affected_items": [], "failed_items": failed }, "error": 1 }),
        );
    };
    let (received, logs) = agent.received;
    let remoted = json!({ "messages": { "received_breakdown": { "control": 9, "event": received } } });
    let modules = json!({ "sca": received - logs, "logcollector_breakdown": { "others": logs } });
    let decoded = json!({ "decoded_breakdown": { "modules_breakdown": modules } });
    let analysisd = json!({ "events": { "processed": received, "received_breakdown": decoded } });
    let daemon = |name: &str, metrics: &Value| json!({ "name": name, "agents": [{ "metrics": metrics }] });
    let daemons = json!([daemon("wazuh-remoted", &remoted), daemon("wazuh-analysisd", &analysisd)]);
    Reply::json(200, &json!({ "data": { "affected_items": daemons, "failed_items": [] }, "error": 0 }))
}
