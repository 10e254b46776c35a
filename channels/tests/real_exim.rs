//! Kind `email` against a real exim4.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use log_monitor_channels::conformance::{build, sample};
use log_monitor_channels::email::Email;
use log_monitor_channels::{DeliveryError, MessageKind, Notification, Notifier, Reason};

/// A running exim4, stopped on drop.
struct Exim {
    folder: tempfile::TempDir,
    port: u16,
}

fn script() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/real/exim.sh")
}

/// Two neighbouring ports that are free now.
fn free_ports() -> u16 {
    loop {
        let first = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = first.local_addr().unwrap().port();
        if port < u16::MAX && TcpListener::bind(("127.0.0.1", port + 1)).is_ok() {
            return port;
        }
    }
}

impl Exim {
    fn start() -> Self {
        let exim = Self { folder: tempfile::tempdir().unwrap(), port: free_ports() };
        exim.again();
        exim
    }

    fn again(&self) {
        let started =
            Command::new(script()).arg("start").arg(self.folder.path()).arg(self.port.to_string()).status();
        assert!(started.unwrap().success(), "exim4 did not start: see tests/README.md");
    }

    fn stop(&self) {
        let stopped = Command::new(script()).arg("stop").arg(self.folder.path()).status();
        assert!(stopped.unwrap().success(), "exim4 did not stop");
    }

    fn table(&self, port: u16, password: &str, to: &[&str]) -> String {
        let ca = self.folder.path().join("ca.pem");
        format!(
            "host = \"127.0.0.1\"\nport = {port}\ntls = \"{}\"\nusername = \"lm\"\npassword = {password:?}\n\
             from = \"log-monitor@example.org\"\nto = {to:?}\nca_file = {ca:?}\n",
            if port == self.port { "starttls" } else { "implicit" }
        )
    }

    fn channel(&self, to: &[&str]) -> Box<dyn Notifier> {
        build::<Email>(&self.table(self.port, "s3cret", to))
    }

    /// The mailbox, once it holds so many mails.
    async fn mailbox(&self, mails: usize) -> Vec<String> {
        let deadline = Instant::now() + Duration::from_secs(20);
        loop {
            let text = std::fs::read_to_string(self.folder.path().join("mail/box")).unwrap_or_default();
            let found: Vec<String> =
                text.split("\nFrom ").filter(|mail| !mail.trim().is_empty()).map(str::to_owned).collect();
            if found.len() >= mails {
                return found;
            }
            assert!(Instant::now() < deadline, "{mails} mails never came:\n{text}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

impl Drop for Exim {
    fn drop(&mut self) {
        self.stop();
    }
}

fn header<'a>(mail: &'a str, name: &str) -> &'a str {
    let line = mail.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
    line.unwrap_or_else(|| panic!("no {name} in\n{mail}"))
}

#[tokio::test]
#[ignore = "needs exim4: see tests/README.md"]
async fn firing_reminder_and_resolution_are_one_thread_in_the_mailbox() {
    let exim = Exim::start();
    let channel = exim.channel(&["soc@example.org", "oncall@example.org"]);
    channel.probe().await.unwrap();
    let receipt = channel.notify(&sample()).await.unwrap();
    for (key, kind) in [("k-2", MessageKind::Reminder), ("k-3", MessageKind::Resolved)] {
        let answer = Notification {
            idempotency_key: key.to_owned(),
            kind,
            in_reply_to: Some(receipt.clone()),
            ..sample()
        };
        channel.notify(&answer).await.unwrap();
    }
    let mails = exim.mailbox(6).await;
    assert!(mails.iter().all(|mail| mail.contains("text/plain") && mail.contains("text/html")), "both parts");
    let firing = mails.iter().find(|mail| !mail.contains("\nReferences: ")).unwrap();
    assert_eq!(header(firing, "Subject"), sample().title);
    assert_eq!(header(firing, "Auto-Submitted"), "auto-generated");
    let answers: Vec<&String> = mails.iter().filter(|mail| mail.contains("\nReferences: ")).collect();
    assert_eq!(answers.len(), 4, "reminder and resolution, for two recipients");
    for answer in answers {
        assert_eq!(header(answer, "References"), header(firing, "Message-ID"));
        assert_eq!(header(answer, "In-Reply-To"), header(firing, "Message-ID"));
    }
}

#[tokio::test]
#[ignore = "needs exim4: see tests/README.md"]
async fn tls_from_the_start_works_as_well() {
    let exim = Exim::start();
    let channel = build::<Email>(&exim.table(exim.port + 1, "s3cret", &["soc@example.org"]));
    channel.notify(&sample()).await.unwrap();
    exim.mailbox(1).await;
}

#[tokio::test]
#[ignore = "needs exim4: see tests/README.md"]
async fn a_wrong_password_needs_repair_and_is_not_shown() {
    let exim = Exim::start();
    let channel = build::<Email>(&exim.table(exim.port, "wr0ng-password", &["soc@example.org"]));
    for error in [channel.notify(&sample()).await.unwrap_err(), channel.probe().await.unwrap_err()] {
        assert!(matches!(error, DeliveryError::PermanentChannel { reason: Reason::Auth, .. }), "{error:?}");
        let shown = format!("{error:?}");
        assert!(!shown.contains("wr0ng-password") && !shown.contains("soc@example.org"), "{shown}");
    }
}

#[tokio::test]
#[ignore = "needs exim4: see tests/README.md"]
async fn refusals_for_now_and_for_good_are_told_apart() {
    let exim = Exim::start();
    let later = exim.channel(&["defer@example.org"]).notify(&sample()).await.unwrap_err();
    assert!(matches!(later, DeliveryError::Transient { .. }), "{later:?}");
    let never = exim.channel(&["deny@example.org"]).notify(&sample()).await.unwrap_err();
    assert!(matches!(never, DeliveryError::PermanentChannel { reason: Reason::Gone, .. }), "{never:?}");
    assert!(!format!("{never:?}").contains("deny@example.org"), "{never:?}");
    let some = exim.channel(&["deny@example.org", "soc@example.org"]).notify(&sample()).await.unwrap();
    assert!(some.line.contains("1 of 2"), "{some:?}");
    assert_eq!(exim.mailbox(1).await.len(), 1, "the other recipient has it");
}

#[tokio::test]
#[ignore = "needs exim4: see tests/README.md"]
async fn a_certificate_of_an_unknown_authority_is_refused() {
    let exim = Exim::start();
    let table = exim.table(exim.port, "s3cret", &["soc@example.org"]);
    let without: String = table
        .lines()
        .filter(|line| !line.starts_with("ca_file"))
        .fold(String::new(), |all, line| all + line + "\n");
    let error = build::<Email>(&without).notify(&sample()).await.unwrap_err();
    let expected = "TLS: the server's certificate is from an unknown authority; name it with `ca_file`";
    assert_eq!(error, DeliveryError::transient(Reason::Tls, expected));
}

#[tokio::test]
#[ignore = "needs exim4: see tests/README.md"]
async fn a_server_that_was_restarted_does_not_fail_the_next_mail() {
    let exim = Exim::start();
    let channel = exim.channel(&["soc@example.org"]);
    channel.notify(&sample()).await.unwrap();
    exim.stop();
    let error = channel.notify(&sample()).await.unwrap_err();
    assert!(matches!(error, DeliveryError::Transient { .. }), "{error:?}");
    exim.again();
    channel.notify(&sample()).await.unwrap();
}
