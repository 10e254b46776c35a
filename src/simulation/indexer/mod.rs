//! An indexer that answers searches by evaluating them over documents in memory, as a real one
//! would, and misbehaves when told to.
//!
//! It understands the part of the query language that source `indexer` speaks and refuses
//! everything else with 400, so that a test cannot pass on a query that no server was asked.

mod aggregate;
mod document;
mod errors;
mod filter_path;
mod inside;
mod query;
mod serve;

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chrono::{DateTime, Utc};
use log_monitor_channels::testing::{Fault, HttpServer, Reply};

pub use document::Document;

/// The one index there is. A pattern that does not match it finds nothing.
pub const INDEX: &str = "wazuh-alerts-4.x-simulated";

/// How many documents of one agent are kept, the newest; a demo may run for days.
const MAX_DOCUMENTS: usize = 4096;

/// What the server does with a search.
#[derive(Debug, Clone, Default)]
pub enum Mode {
    /// Answers it.
    #[default]
    Normal,
    /// Refuses every login: 401 with a plain text, as OpenSearch does.
    Unauthorized,
    /// Knows the user and lets them read nothing: 403.
    Forbidden,
    /// Answers 200 although a shard failed.
    FailedShards,
    /// Answers 200 although it gave up on the way.
    TimedOut,
    /// Answers 200 although no index was searched.
    NoShards,
    /// Sends the page of a proxy, with status 200.
    Html,
    /// Sends JSON that ends in the middle, as a whole answer.
    Truncated,
    /// Has no capacity left: 503.
    Overloaded,
    /// Sends this, whatever was asked.
    Reply(Reply),
    /// Breaks on the way.
    Fault(Fault),
}

/// The server. Dropping it closes the port.
pub struct SimulatedIndexer {
    address: SocketAddr,
    server: Mutex<Option<HttpServer>>,
    state: Arc<Mutex<State>>,
}

/// What a search sees.
#[derive(Debug, Default)]
struct State {
    /// By agent id, each agent's documents in the order of time.
    documents: BTreeMap<String, Vec<Document>>,
    /// `Authorization` headers that are let in; none = everybody is.
    logins: Vec<String>,
    mode: Mode,
    max_buckets: usize,
    searches: usize,
}

impl SimulatedIndexer {
    /// Listens on a free loopback port, for these users and passwords; for everybody when there are
    /// none.
    ///
    /// # Errors
    /// When no port can be opened.
    pub async fn start(users: &[(&str, &str)]) -> io::Result<Self> {
        let logins = users.iter().map(|(name, password)| serve::login(name, password)).collect();
        // `search.max_buckets` of a server that nobody has tuned.
        let state = State { logins, max_buckets: 65_535, ..State::default() };
        let state = Arc::new(Mutex::new(state));
        let server = listen("127.0.0.1:0", state.clone()).await?;
        Ok(Self { address: server.address(), server: Mutex::new(Some(server)), state })
    }

    /// Its base URL.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// An ordinary log line of `agent`.
    pub fn log(&self, agent: &str, at: DateTime<Utc>) {
        self.push(Document::log(agent, at));
    }

    /// Any document.
    pub fn push(&self, document: Document) {
        let mut state = lock(&self.state);
        let documents = state.documents.entry(document.agent.clone()).or_default();
        let place = documents.partition_point(|other| other.at <= document.at);
        documents.insert(place, document);
        if documents.len() > MAX_DOCUMENTS {
            documents.remove(0);
        }
    }

    /// What it does from now on.
    pub fn set_mode(&self, mode: Mode) {
        lock(&self.state).mode = mode;
    }

    /// `search.max_buckets`: an answer of more buckets is refused.
    pub fn set_max_buckets(&self, limit: usize) {
        lock(&self.state).max_buckets = limit;
    }

    /// Closes the port and every connection.
    pub fn go_down(&self) {
        self.server.lock().unwrap_or_else(PoisonError::into_inner).take();
    }

    /// Opens the same port again, with the documents it had.
    ///
    /// # Errors
    /// When somebody else has taken the port.
    pub async fn come_back(&self) -> io::Result<()> {
        self.go_down();
        let address = self.address.to_string();
        // The old listener is closed by its task, which may need a moment.
        let mut server = listen(&address, self.state.clone()).await;
        for _ in 0..100 {
            if server.is_ok() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
            server = listen(&address, self.state.clone()).await;
        }
        *self.server.lock().unwrap_or_else(PoisonError::into_inner) = Some(server?);
        Ok(())
    }

    /// How many searches have arrived, refused ones too.
    #[must_use]
    pub fn searches(&self) -> usize {
        lock(&self.state).searches
    }
}

async fn listen(address: &str, state: Arc<Mutex<State>>) -> io::Result<HttpServer> {
    HttpServer::listen(address, move |request| serve::answer(&mut lock(&state), request)).await
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}
