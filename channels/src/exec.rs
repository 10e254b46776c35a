//! Kind `exec`: a program of yours, with the message as JSON on its standard input.
//!
//! There is no shell: `command` is the program and its arguments. Exit code 0 means accepted, 75
//! (`EX_TEMPFAIL`) means try again later, any other means that it will never take this message.
//! The program gets a group of its own, which is killed when the time is up, and an environment of
//! `PATH`, `HOME`, `LANG` and what `env` says: the daemon's secrets do not leak into it.

use std::collections::BTreeMap;
use std::process::Stdio;
use std::time::Duration;

use async_trait::async_trait;
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use schemars::JsonSchema;
use serde::Deserialize;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, Command};

use crate::duration::Span;
use crate::error::{BuildError, DeliveryError, Reason};
use crate::notification::{Notification, Receipt};
use crate::notifier::{Capabilities, ChannelKind, Context, Notifier, Problem};
use crate::payload::Payload;
use crate::text::one_line;

/// `EX_TEMPFAIL` of sysexits.h.
const TRY_AGAIN: i32 = 75;

/// The most of a program's output that is kept, in bytes.
const MAX_OUTPUT: u64 = 16 * 1024;

/// The keys of an `exec` channel.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ExecConfig {
    /// The program and its arguments. No shell is involved.
    pub command: Vec<String>,
    /// How long it may take.
    #[serde(default = "usual_timeout")]
    pub timeout: Span,
    /// Variables of its environment, beside PATH, HOME and LANG.
    #[serde(default)]
    pub env: BTreeMap<String, String>,
}

const fn usual_timeout() -> Span {
    Span(Duration::from_secs(30))
}

/// Runs a program.
pub struct Exec {
    config: ExecConfig,
}

impl ChannelKind for Exec {
    const KIND: &'static str = "exec";
    type Config = ExecConfig;

    fn capabilities() -> Capabilities {
        Capabilities { idempotent: true, ordered: true, ..Capabilities::default() }
    }

    fn validate(config: &ExecConfig) -> Vec<Problem> {
        let program = config.command.first().is_none_or(String::is_empty);
        let program =
            program.then(|| Problem::at("command", "names no program").help("write [\"/path/to/program\"]"));
        let zero = config.timeout.0.is_zero().then(|| Problem::at("timeout", "must be longer than nothing"));
        program.into_iter().chain(zero).collect()
    }

    fn build(config: ExecConfig, _: &Context) -> Result<Box<dyn Notifier>, BuildError> {
        Ok(Box::new(Self { config }))
    }
}

impl Exec {
    fn start(&self) -> Result<Group, DeliveryError> {
        let [program, arguments @ ..] = self.config.command.as_slice() else {
            return Err(DeliveryError::permanent_channel(Reason::Local, "`command` names no program"));
        };
        let mut command = Command::new(program);
        command.args(arguments).env_clear().envs(&self.config.env);
        for name in ["PATH", "HOME", "LANG"] {
            if let (false, Some(value)) = (self.config.env.contains_key(name), std::env::var_os(name)) {
                command.env(name, value);
            }
        }
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0);
        command.spawn().map(Group).map_err(|error| {
            DeliveryError::permanent_channel(Reason::Local, format!("the program cannot be started: {error}"))
        })
    }
}

/// A running program and whatever it starts. Dropping it kills the whole group.
struct Group(Child);

impl Drop for Group {
    fn drop(&mut self) {
        if let Some(id) = self.0.id().and_then(|id| i32::try_from(id).ok()) {
            // It may just have ended by itself, which is as good.
            let _ = killpg(Pid::from_raw(id), Signal::SIGKILL);
        }
    }
}

/// How a program ended.
struct Ended {
    code: Option<i32>,
    stdout: String,
    stderr: String,
}

impl Group {
    async fn run(&mut self, input: &[u8]) -> std::io::Result<Ended> {
        let stdin = self.0.stdin.take();
        let (stdout, stderr) = (self.0.stdout.take(), self.0.stderr.take());
        let feed = async {
            if let Some(mut stdin) = stdin {
                // A program need not read what it does not care for.
                let _ = stdin.write_all(input).await;
            }
        };
        let ((), stdout, stderr, status) = tokio::join!(feed, drain(stdout), drain(stderr), self.0.wait());
        Ok(Ended { code: status?.code(), stdout, stderr })
    }
}

/// Reads to the end, so that the program never blocks on a full pipe, and keeps the beginning.
async fn drain(pipe: Option<impl AsyncRead + Unpin>) -> String {
    let Some(mut pipe) = pipe else { return String::new() };
    let mut kept = Vec::new();
    let _ = (&mut pipe).take(MAX_OUTPUT).read_to_end(&mut kept).await;
    let _ = tokio::io::copy(&mut pipe, &mut tokio::io::sink()).await;
    String::from_utf8_lossy(&kept).into_owned()
}

#[async_trait]
impl Notifier for Exec {
    async fn notify(&self, notification: &Notification) -> Result<Receipt, DeliveryError> {
        let local = |error: String| DeliveryError::transient(Reason::Local, error);
        let input = Payload::of(notification).json().map_err(|error| local(error.to_string()))?;
        let mut group = self.start()?;
        let ended = match tokio::time::timeout(self.config.timeout.0, group.run(&input)).await {
            Err(_) => {
                return Err(DeliveryError::transient(Reason::Timeout, "the program did not end in time"));
            }
            Ok(ended) => ended.map_err(|error| local(error.to_string()))?,
        };
        let said = one_line(&ended.stderr, 200);
        match ended.code {
            Some(0) => Ok(Receipt::line(one_line(&format!("exit 0 {}", ended.stdout), 200))),
            Some(TRY_AGAIN) => Err(local(format!("exit {TRY_AGAIN}: {said}"))),
            Some(code) => {
                Err(DeliveryError::permanent_message(Reason::Local, format!("exit {code}: {said}")))
            }
            None => Err(local(format!("killed by a signal: {said}"))),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;
    use crate::conformance::{build, hostile, oversize, sample};

    fn shell(script: &str) -> Box<dyn Notifier> {
        build::<Exec>(&format!("command = [\"/bin/sh\", \"-c\", {script:?}]\ntimeout = \"5s\""))
    }

    #[tokio::test]
    async fn the_message_is_json_on_standard_input() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("got");
        let notifier = shell(&format!("cat > {}; echo thanks", path.display()));
        for notification in [sample(), hostile()] {
            let receipt = notifier.notify(&notification).await.unwrap();
            assert_eq!(receipt.line, "exit 0 thanks");
            let got: serde_json::Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
            assert_eq!(got["title"], notification.title);
            assert_eq!(got["idempotency_key"], notification.idempotency_key);
        }
    }

    #[tokio::test]
    async fn the_exit_code_says_what_kind_of_failure_it_was() {
        let outcome = |script| async move { shell(script).notify(&sample()).await.unwrap_err() };
        assert!(matches!(outcome("exit 75").await, DeliveryError::Transient { .. }));
        assert!(matches!(outcome("kill -9 $$").await, DeliveryError::Transient { .. }));
        let refused = outcome("echo no such desk >&2; exit 3").await;
        assert!(matches!(refused, DeliveryError::PermanentMessage { .. }));
        assert_eq!(refused.to_string(), "exit 3: no such desk");
        let missing = build::<Exec>("command = [\"/no/such/program\"]").notify(&sample()).await.unwrap_err();
        assert!(matches!(missing, DeliveryError::PermanentChannel { .. }));
    }

    #[tokio::test]
    async fn a_program_that_hangs_is_killed_with_its_children() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("pid");
        let script = format!("sleep 60 & echo $! > {}; wait", path.display());
        let notifier =
            build::<Exec>(&format!("command = [\"/bin/sh\", \"-c\", {script:?}]\ntimeout = \"300ms\""));
        let started = Instant::now();
        let error = notifier.notify(&sample()).await.unwrap_err();
        assert_eq!(error.reason(), Reason::Timeout);
        assert!(started.elapsed() < Duration::from_secs(30));
        let child: i32 = std::fs::read_to_string(&path).unwrap().trim().parse().unwrap();
        // A killed orphan is gone, or a zombie until its new parent looks.
        let gone = || {
            let status = std::fs::read_to_string(format!("/proc/{child}/status")).unwrap_or_default();
            status.is_empty() || status.contains("State:\tZ")
        };
        for _ in 0..500 {
            if gone() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("the child lives on");
    }

    #[tokio::test]
    async fn a_program_may_ignore_its_input_and_talk_without_end() {
        shell("exit 0").notify(&oversize()).await.unwrap();
        shell("exec 0<&-; head -c 10000000 /dev/zero | tr '\\0' x; exit 0")
            .notify(&oversize())
            .await
            .unwrap();
    }

    #[tokio::test]
    async fn the_environment_is_small() {
        let notifier = build::<Exec>("command = [\"/usr/bin/env\"]\nenv = { DESK = \"soc\" }");
        let receipt = notifier.notify(&sample()).await.unwrap();
        let names: Vec<&str> =
            receipt.line.split(' ').filter_map(|word| word.split_once('=')).map(|(n, _)| n).collect();
        assert!(names.contains(&"DESK"), "{names:?}");
        assert!(names.iter().all(|name| ["DESK", "PATH", "HOME", "LANG"].contains(name)), "{names:?}");
    }
}
