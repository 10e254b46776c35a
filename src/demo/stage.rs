//! The outside of the demo: a Wazuh with a few dozen agents, Slack, a mail server; and the real
//! product, watching them.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use chrono::Utc;
use log_monitor_channels::testing::{HttpServer, Mail, Reply, SmtpReplies, SmtpServer};
use tokio::task::JoinHandle;

use super::Error;
use crate::app::App;
use crate::app::daemon::Daemon;
use crate::app::parts::Parts;
use crate::clock::SystemClock;
use crate::config::{self, Inputs};
use crate::journal::{Journal, spool_path};
use crate::simulation::{Document, SimulatedIndexer};

/// How many agents there are.
pub const AGENTS: usize = 36;

/// What the Slack-like endpoint does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Slack {
    /// Accepts.
    Works = 0,
    /// Says 429 once, with `Retry-After: 2`, then fails.
    RateLimits = 1,
    /// Answers 503.
    Fails = 2,
}

/// Everything that runs during the demo.
pub struct Stage {
    /// The simulated Wazuh indexer.
    pub indexer: Arc<SimulatedIndexer>,
    slack: HttpServer,
    slack_mode: Arc<AtomicU8>,
    slack_accepted: Arc<Mutex<Vec<serde_json::Value>>>,
    mail: SmtpServer,
    logging: Arc<Mutex<BTreeSet<String>>>,
    heart: JoinHandle<()>,
    daemon: Daemon,
    folder: tempfile::TempDir,
}

/// Id and name of the `number`-th agent.
pub fn agent(number: usize) -> (String, String) {
    let role = ["web", "db", "fw", "mail", "file", "vpn"][number % 6];
    (format!("{number:03}"), format!("{role}-{:02}", number / 6 + 1))
}

/// The node of the cluster that an agent sends through: odd and even ones.
pub fn node(id: &str) -> &'static str {
    if id.ends_with(['1', '3', '5', '7', '9']) { "node01" } else { "node02" }
}

impl Stage {
    /// Starts the outside, then the product on it.
    pub async fn build(app: &App) -> Result<Self, Error> {
        let folder = tempfile::Builder::new().prefix("log-monitor-demo-").tempdir()?;
        let indexer = Arc::new(SimulatedIndexer::start(&[("log-monitor", "demo")]).await?);
        let slack_mode = Arc::new(AtomicU8::new(Slack::Works as u8));
        let slack_accepted = Arc::default();
        let slack = slack(slack_mode.clone(), Arc::clone(&slack_accepted)).await?;
        let mail = SmtpServer::start(SmtpReplies::default()).await?;
        let logging = Arc::new(Mutex::new((1..=AGENTS).map(|number| agent(number).0).collect()));
        let heart = tokio::spawn(beat(indexer.clone(), Arc::clone(&logging)));
        let config = write_config(folder.path(), &indexer.url(), &slack, &mail)?;
        let daemon = start(app, config).await?;
        Ok(Self { indexer, slack, slack_mode, slack_accepted, mail, logging, heart, daemon, folder })
    }

    /// These agents stop logging.
    pub fn silence(&self, numbers: impl IntoIterator<Item = usize>) {
        let mut logging = self.logging.lock().unwrap_or_else(PoisonError::into_inner);
        for number in numbers {
            logging.remove(&agent(number).0);
        }
    }

    /// These agents log again.
    pub fn revive(&self, numbers: impl IntoIterator<Item = usize>) {
        let mut logging = self.logging.lock().unwrap_or_else(PoisonError::into_inner);
        logging.extend(numbers.into_iter().map(|number| agent(number).0));
    }

    /// Slack behaves like this from now on.
    pub fn set_slack(&self, mode: Slack) {
        self.slack_mode.store(mode as u8, Ordering::SeqCst);
    }

    /// What Slack accepted.
    pub fn slack_messages(&self) -> Vec<serde_json::Value> {
        self.slack_accepted.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// How often Slack was asked.
    pub fn slack_tries(&self) -> usize {
        self.slack.count()
    }

    /// What is in the mailbox.
    pub fn mails(&self) -> Vec<Mail> {
        self.mail.received()
    }

    /// Where the demo's configuration, journal and log are.
    pub fn folder(&self) -> &std::path::Path {
        self.folder.path()
    }

    /// Stops the product, then the outside.
    pub async fn tear_down(self) {
        self.daemon.stop().await;
        self.heart.abort();
    }
}

/// Every agent that is alive logs four times a second.
async fn beat(indexer: Arc<SimulatedIndexer>, logging: Arc<Mutex<BTreeSet<String>>>) {
    loop {
        let alive = logging.lock().unwrap_or_else(PoisonError::into_inner).clone();
        for id in &alive {
            indexer.push(Document { node: Some(node(id).to_owned()), ..Document::log(id, Utc::now()) });
        }
        tokio::time::sleep(Duration::from_millis(250)).await;
    }
}

async fn slack(
    mode: Arc<AtomicU8>,
    accepted: Arc<Mutex<Vec<serde_json::Value>>>,
) -> std::io::Result<HttpServer> {
    HttpServer::counting(move |request| {
        let limits = Slack::RateLimits as u8;
        if mode.compare_exchange(limits, Slack::Fails as u8, Ordering::SeqCst, Ordering::SeqCst).is_ok() {
            return Reply::new(429, "rate_limited").header("retry-after", "2");
        }
        if mode.load(Ordering::SeqCst) == Slack::Fails as u8 {
            return Reply::new(503, "rollup_error");
        }
        accepted.lock().unwrap_or_else(PoisonError::into_inner).push(request.json());
        Reply::new(200, "ok")
    })
    .await
}

fn write_config(
    folder: &std::path::Path,
    indexer: &str,
    slack: &HttpServer,
    mail: &SmtpServer,
) -> std::io::Result<PathBuf> {
    let agents: String = (1..=AGENTS).map(agent).map(|(id, name)| format!("{id},{name}\n")).collect();
    std::fs::write(folder.join("agents.csv"), agents)?;
    let secret = folder.join("slack-webhook");
    std::fs::write(&secret, slack.url("/services/T0DEMO/B0DEMO/demodemodemo"))?;
    let password = folder.join("indexer-password");
    std::fs::write(&password, "demo")?;
    let path = folder.join("log-monitor.toml");
    let config = format!(
        r#"schema = 1
installation = "demo"

[sources.wazuh]
kind = "indexer"
url = "{indexer}"
username = "log-monitor"
password = {{ file = {password:?} }}

[watches.default]
source = "wazuh"
agent_file = {agents:?}
interval = "4s"
grace = "1s"
poll = "1s"

[channels.slack]
kind = "slack"
webhook_url = {{ file = {secret:?} }}

[channels.email]
kind = "email"
host = "127.0.0.1"
port = {port}
tls = "none"
from = "log-monitor@demo.example"
to = ["soc@demo.example"]

[catch_all]
steps = [{{ to = ["slack"], fallback_after = "5s" }}, {{ to = ["email"] }}]

[journal]
path = {journal:?}

[log]
file = {log:?}
"#,
        agents = folder.join("agents.csv"),
        port = mail.address().port(),
        journal = folder.join("log-monitor.db"),
        log = folder.join("log-monitor.log"),
    );
    std::fs::write(&path, config)?;
    Ok(path)
}

async fn start(app: &App, file: PathBuf) -> Result<Daemon, Error> {
    let inputs = Inputs {
        config: Some(file),
        env_dir: PathBuf::from("no-env-files-in-the-demo"),
        variables: Vec::new(),
        flags: Vec::new(),
        host: "demo".to_owned(),
    };
    let loaded = config::load(&inputs, app.channels(), app.sources());
    let settings = loaded.settings.ok_or_else(|| loaded.diagnostics.render(false))?;
    let parts = Parts::build(settings)?;
    let journal = Journal::open(&parts.journal)?;
    let spool = spool_path(&parts.journal);
    Ok(Daemon::start(&parts, journal, Arc::new(SystemClock), Some(spool)).await?)
}
