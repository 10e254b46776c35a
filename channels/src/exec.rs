//! Kind `exec`: a program of yours, with the message as JSON on its standard input.
//!
//! There is no shell: `command` is the program and its arguments. Exit code 0 means accepted, 75
//! (`EX_TEMPFAIL`) means try again later, any other means that it will never take this message.
//! The program gets a group of its own, which is killed when the time is up, and an environment of
//! `PATH`, `HOME`, `LANG` and what `env` says: the daemon's secrets do not leak into it.

mod process;

use std::collections::BTreeMap;
use std::process::Stdio;
use std::time::Duration;

use async_trait::async_trait;
use schemars::JsonSchema;
use serde::Deserialize;
use tokio::process::Command;

use crate::duration::Span;
use crate::error::{BuildError, DeliveryError, Reason};
use crate::notification::{Notification, Receipt};
use crate::notifier::{Capabilities, ChannelKind, Context, Notifier, Problem};
use crate::payload::Payload;
use crate::secret::Secret;
use crate::text::{end_of_line, one_line};
use process::Group;

/// `EX_TEMPFAIL` of sysexits.h.
const TRY_AGAIN: i32 = 75;

/// The keys of an `exec` channel.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ExecConfig {
    /// The program and its arguments. No shell is involved.
    pub command: Vec<String>,
    /// How long it may take, at most 30 s: a program that needs longer should go on by itself.
    #[serde(default = "usual_timeout")]
    pub timeout: Span,
    /// Variables of its environment, beside PATH, HOME and LANG.
    #[serde(default)]
    pub env: BTreeMap<String, Secret>,
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
        Capabilities { reaches_people: false, idempotent: true, ordered: true, ..Capabilities::default() }
    }

    fn validate(config: &ExecConfig) -> Vec<Problem> {
        let program = config.command.first().is_none_or(String::is_empty);
        let program =
            program.then(|| Problem::at("command", "names no program").help("write [\"/path/to/program\"]"));
        let allowed = !config.timeout.0.is_zero() && config.timeout.0 <= usual_timeout().0;
        let timeout =
            (!allowed).then(|| Problem::at("timeout", "must be longer than nothing and at most 30s"));
        program.into_iter().chain(timeout).collect()
    }

    fn build(config: ExecConfig, _: &Context) -> Result<Box<dyn Notifier>, BuildError> {
        Ok(Box::new(Self { config }))
    }
}

impl Exec {
    fn redact(&self, text: &str) -> String {
        self.config.env.values().fold(text.to_owned(), |text, value| value.redact(&text))
    }

    fn start(&self) -> Result<Group, DeliveryError> {
        let [program, arguments @ ..] = self.config.command.as_slice() else {
            return Err(DeliveryError::permanent_channel(Reason::Local, "`command` names no program"));
        };
        let mut command = Command::new(program);
        command.args(arguments).env_clear();
        command.envs(self.config.env.iter().map(|(name, value)| (name, value.expose())));
        for name in ["PATH", "HOME", "LANG"] {
            if let (false, Some(value)) = (self.config.env.contains_key(name), std::env::var_os(name)) {
                command.env(name, value);
            }
        }
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0);
        command.spawn().map(Group::of).map_err(|error| {
            DeliveryError::permanent_channel(Reason::Local, format!("the program cannot be started: {error}"))
        })
    }
}

#[async_trait]
impl Notifier for Exec {
    async fn notify(&self, notification: &Notification) -> Result<Receipt, DeliveryError> {
        let local = |error: String| DeliveryError::transient(Reason::Local, error);
        let input = Payload::of(notification).json().map_err(|error| local(error.to_string()))?;
        let mut group = self.start()?;
        let ended = match tokio::time::timeout(self.config.timeout.0, group.run(input)).await {
            Err(_) => {
                return Err(DeliveryError::transient(Reason::Timeout, "the program did not end in time"));
            }
            Ok(ended) => ended.map_err(|error| local(error.to_string()))?,
        };
        let said = end_of_line(&self.redact(&ended.stderr), 200);
        match ended.code {
            Some(0) => Ok(Receipt::line(one_line(&format!("exit 0 {}", self.redact(&ended.stdout)), 200))),
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
    use crate::conformance::{Arrival, Expect, FarEnd, Scene, build, conforms, hostile, oversize, sample};

    fn shell(script: &str) -> Box<dyn Notifier> {
        build::<Exec>(&format!("command = [\"/bin/sh\", \"-c\", {script:?}]\ntimeout = \"5s\""))
    }

    /// A folder with a program that is another one in each scene, and with what it was given.
    struct Desk(tempfile::TempDir);

    impl Desk {
        fn path(&self, name: &str) -> String {
            self.0.path().join(name).display().to_string()
        }

        fn hire(&self, script: &str) {
            let _ = std::os::unix::fs::symlink("/bin/sh", self.path("shell"));
            std::fs::write(self.path("script"), script).unwrap();
        }

        fn scene(&self, expect: Expect, script: &'static str) -> Scene<'_> {
            Scene { name: script.to_owned(), expect, set: Box::new(move || self.hire(script)) }
        }
    }

    impl FarEnd for Desk {
        fn accept(&self) {
            self.hire(&format!("cat > {0}/$$.new && mv {0}/$$.new {0}/$$.json", self.path("")));
        }

        fn scenes(&self) -> Vec<Scene<'_>> {
            use Expect::{AnEnd, PermanentChannel, PermanentMessage, Transient};
            let leave = Box::new(|| std::fs::remove_file(self.path("shell")).unwrap());
            vec![
                self.scene(Transient, "echo \"later, $TOKEN\" >&2; exit 75"),
                self.scene(Transient, "kill -9 $$"),
                self.scene(Transient, "sleep 60"),
                self.scene(PermanentMessage, "echo \"no, $TOKEN\" >&2; exit 1"),
                self.scene(PermanentMessage, "cat; echo \"$TOKEN\"; exit 3"),
                self.scene(AnEnd, "echo \"$TOKEN\"; head -c 50000000 /dev/zero"),
                Scene { name: "no program".to_owned(), expect: PermanentChannel, set: leave },
            ]
        }

        fn arrived(&self) -> Vec<Arrival> {
            let files = std::fs::read_dir(self.0.path()).unwrap().map(|entry| entry.unwrap().path());
            let received = files.filter(|path| path.extension().is_some_and(|extension| extension == "json"));
            received.map(|path| arrival(&path)).collect()
        }
    }

    fn arrival(path: &std::path::Path) -> Arrival {
        let input = std::fs::read(path).unwrap();
        std::fs::remove_file(path).unwrap();
        match serde_json::from_slice::<serde_json::Value>(&input) {
            Ok(message) => {
                let key = message["idempotency_key"].as_str().map(str::to_owned);
                Arrival { size: input.len(), key, ..Arrival::default() }
            }
            Err(error) => {
                Arrival { harm: Some(format!("not one JSON value: {error}")), ..Arrival::default() }
            }
        }
    }

    #[tokio::test]
    async fn it_conforms() {
        let desk = Desk(tempfile::tempdir().unwrap());
        let config = format!(
            "command = [{:?}, {:?}]\ntimeout = \"2s\"\nenv = {{ TOKEN = \"hunter2-token\" }}",
            desk.path("shell"),
            desk.path("script")
        );
        conforms::<Exec>(&desk, &config, &["hunter2-token"]).await;
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
    async fn of_a_long_trace_the_end_is_quoted() {
        let script = "i=0; while [ $i -lt 2000 ]; do echo \"  File line $i in frame\" >&2; i=$((i+1)); done; \
                      echo 'ValueError: no such desk' >&2; exit 1";
        let error = shell(script).notify(&sample()).await.unwrap_err().to_string();
        assert!(error.starts_with("exit 1: …") && error.ends_with("ValueError: no such desk"), "{error}");
        assert!(error.chars().count() <= 220, "{error}");
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
    async fn what_a_program_leaves_in_the_background_does_not_delay_its_answer() {
        let started = Instant::now();
        let receipt = shell("echo taken; sleep 20 & exit 0").notify(&sample()).await.unwrap();
        assert_eq!(receipt.line, "exit 0 taken");
        assert!(started.elapsed() < Duration::from_secs(4), "within its own timeout of 5 s");
    }

    #[tokio::test]
    async fn a_secret_of_the_environment_is_in_no_answer() {
        let table = |script: &str| {
            format!("command = [\"/bin/sh\", \"-c\", {script:?}]\nenv = {{ TOKEN = \"hunter2-token\" }}")
        };
        let receipt = build::<Exec>(&table("echo $TOKEN")).notify(&sample()).await.unwrap();
        assert_eq!(receipt.line, "exit 0 ****");
        let error = build::<Exec>(&table("echo $TOKEN >&2; exit 1")).notify(&sample()).await.unwrap_err();
        assert_eq!(error.to_string(), "exit 1: ****");
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
