//! A world around the real binary: a simulated indexer, an endpoint like Slack, a mail server, and
//! a directory as the Python script had it.

#![allow(dead_code, reason = "each test binary uses its own part of it")]

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use log_monitor::simulation::SimulatedIndexer;
use log_monitor_channels::testing::{HttpServer, Reply, SmtpReplies, SmtpServer};

/// Must never be seen anywhere.
pub const PASSWORD: &str = "p$ss#w0rd-of-the-indexer";
/// Must never be seen anywhere.
pub const HOOK: &str = "/services/T0SECRET/B0SECRET/hook-of-the-slack";
/// Must never be seen anywhere.
pub const SMTP_PASSWORD: &str = "smtp-p4ssword";

pub struct World {
    pub folder: tempfile::TempDir,
    pub indexer: SimulatedIndexer,
    pub slack: HttpServer,
    pub slack_reply: Arc<Mutex<Reply>>,
    pub mail: SmtpServer,
}

impl World {
    /// The outside, and an original directory that points at it: `env-files/` and `agents.csv`.
    pub async fn new() -> Self {
        let slack_reply = Arc::new(Mutex::new(Reply::new(200, "ok")));
        let reply = slack_reply.clone();
        let world = Self {
            folder: tempfile::tempdir().unwrap(),
            indexer: SimulatedIndexer::start(&[("monitor", PASSWORD)]).await.unwrap(),
            slack: HttpServer::start(move |_| reply.lock().unwrap().clone()).await.unwrap(),
            slack_reply,
            mail: SmtpServer::start(SmtpReplies::default()).await.unwrap(),
        };
        world.write("agents.csv", "\u{feff}# id,label\r\n001,web-01\r\n\r\n002,db-01\r\n");
        world.write(
            "env-files/log_counter.env",
            &format!(
                "# the indexer\nWAZUH_URL={}/wazuh-alerts*/_count   # as the script had it\nUSERNAME=monitor\n\
                 PASSWORD={PASSWORD}\nAGENT_LIST_FILE=agents.csv\nDEFAULT_CHECK_INTERVAL=15\n\
                 AGENT_CHECK_INTERVALS=001:10,002:30\nLOG_FILE_PATH=log-files/log_monitoring.log\nLOGGING_LEVEL=3\n",
                world.indexer.url()
            ),
        );
        world.write(
            "env-files/slack.env",
            &format!("SLACK_WEBHOOK_URL={}\nSLACK_CHANNEL=#soc", world.slack.url(HOOK)),
        );
        world.write(
            "env-files/smtp.env",
            &format!(
                "SMTP_USER=log-monitor\nSMTP_PASSWORD={SMTP_PASSWORD}\nSMTP_SERVER=127.0.0.1\nSMTP_PORT={}\n\
                 SENDER=log-monitor@example.org\nRECIPIENTS=soc@example.org, oncall@example.org\n",
                world.mail.address().port()
            ),
        );
        world
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn write(&self, name: &str, text: &str) {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    pub fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap_or_default()
    }

    pub fn set_slack(&self, reply: Reply) {
        *self.slack_reply.lock().unwrap() = reply;
    }

    /// These agents log now.
    pub fn log(&self, ids: &[&str]) {
        ids.iter().for_each(|id| self.indexer.log(id, chrono::Utc::now()));
    }

    /// The first lines of what Slack was sent.
    pub fn slack_texts(&self) -> Vec<String> {
        let text = |json: serde_json::Value| json["text"].as_str().unwrap_or_default().to_owned();
        self.slack.received().iter().map(|request| text(request.json())).collect()
    }

    pub fn subjects(&self) -> Vec<String> {
        self.mail.received().iter().filter_map(|mail| mail.header("Subject")).collect()
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_log-monitor"));
        command.args(args).current_dir(self.folder.path()).env_clear();
        // Short rounds; everything else as the original directory says.
        command.env("LOG_MONITOR__WATCHES__DEFAULT__POLL", "1s");
        command.env("USERNAME", "somebody-at-this-shell");
        command
    }

    /// Runs a command to its end.
    pub async fn run(&self, args: &[&str]) -> Ended {
        let mut command = self.command(args);
        let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
        Ended::from(output)
    }

    /// Starts the daemon. It is killed when the test ends.
    pub fn daemon(&self) -> Daemon {
        self.daemon_with(&[])
    }

    /// The same with further variables.
    pub fn daemon_with(&self, variables: &[(&str, &str)]) -> Daemon {
        let log = std::fs::File::options().create(true).append(true).open(self.path("stderr")).unwrap();
        let mut command = self.command(&["-v", "run"]);
        command.envs(variables.iter().copied());
        Daemon(command.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log).spawn().unwrap())
    }
}

/// How a command ended.
#[derive(Debug)]
pub struct Ended {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

impl From<Output> for Ended {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}

pub struct Daemon(Child);

impl Daemon {
    /// As the power going out.
    pub fn kill_9(mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }

    /// Whether it has ended by itself.
    pub fn is_dead(&mut self) -> bool {
        self.0.try_wait().unwrap().is_some()
    }

    pub fn signal(&self, name: &str) {
        let sent =
            Command::new("kill").args([&format!("-{name}"), &self.0.id().to_string()]).status().unwrap();
        assert!(sent.success());
    }

    /// Asks it to stop and returns its exit code.
    pub async fn stop(mut self) -> i32 {
        self.signal("TERM");
        let deadline = Instant::now() + Duration::from_secs(20);
        loop {
            if let Some(status) = self.0.try_wait().unwrap() {
                return status.code().unwrap_or(-1);
            }
            assert!(Instant::now() < deadline, "it does not stop");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Waits until something holds that another process brings about.
pub async fn eventually(what: &str, holds: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while !holds() {
        assert!(Instant::now() < deadline, "never came: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Every file below a folder, as bytes.
pub fn all_bytes(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
        match entry.path() {
            path if path.is_dir() => files.extend(all_bytes(&path)),
            path => files.push((path.clone(), std::fs::read(path).unwrap())),
        }
    }
    files
}
