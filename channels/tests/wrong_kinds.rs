//! What the compiler says to somebody whose kind of channel is not one yet. rustc is asked with the
//! library that this test was built with, so that it costs a second and no further build.

use std::path::{Path, PathBuf};
use std::process::Command;

const BEFORE: &str = "use log_monitor_channels::{BuildError, ChannelKind, Context, DeliveryError, Notification, \
                      Notifier, Receipt, Registry, Secret, async_trait};\npub struct Pager;\n";

/// The newest `log_monitor_channels` among the parts of this build.
fn library(parts: &Path) -> PathBuf {
    let files = std::fs::read_dir(parts).unwrap().map(|entry| entry.unwrap().path());
    let is_ours = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        name.starts_with("liblog_monitor_channels-") && name.ends_with(".rlib")
    };
    files
        .filter(is_ours)
        .max_by_key(|path| path.metadata().unwrap().modified().unwrap())
        .expect("the library")
}

/// Whether rustc takes the program, and what it says.
fn compiled(program: &str) -> (bool, String) {
    let folder = tempfile::tempdir().unwrap();
    let source = folder.path().join("kind.rs");
    std::fs::write(&source, format!("{BEFORE}{program}")).unwrap();
    let tests = std::env::current_exe().unwrap();
    let parts = tests.parent().unwrap();
    let mut rustc = Command::new("rustc");
    rustc.args([
        "--edition",
        "2024",
        "--crate-type",
        "lib",
        "--emit",
        "metadata",
        "--color",
        "never",
        "-A",
        "warnings",
    ]);
    rustc.arg("-L").arg(format!("dependency={}", parts.display()));
    rustc.arg("--extern").arg(format!("log_monitor_channels={}", library(parts).display()));
    let done = rustc.arg("--out-dir").arg(folder.path()).arg(source).output().expect("rustc");
    (done.status.success(), String::from_utf8_lossy(&done.stderr).into_owned())
}

fn refused(program: &str, wanted: &[&str]) {
    let (taken, said) = compiled(program);
    assert!(!taken, "it compiles:\n{program}");
    for part in wanted {
        assert!(said.contains(part), "{part:?} is not in\n{said}");
    }
}

const KIND: &str = "impl ChannelKind for Pager {\n    const KIND: &'static str = \"pager\";\n    type Config = Secret;\n    \
                    fn build(_: Secret, _: &Context) -> Result<Box<dyn Notifier>, BuildError> { Ok(Box::new(Pager)) }\n}\n";
const NOTIFIER: &str = "#[async_trait]\nimpl Notifier for Pager {\n    \
                        async fn notify(&self, _: &Notification) -> Result<Receipt, DeliveryError> { Ok(Receipt::line(\"ok\")) }\n}\n";
const REGISTERED: &str = "pub fn kinds() -> Registry { Registry::new().with::<Pager>() }\n";

#[test]
fn a_whole_kind_compiles() {
    let (taken, said) = compiled(&format!("{KIND}{NOTIFIER}{REGISTERED}"));
    assert!(taken, "{said}");
}

#[test]
fn a_type_that_is_no_kind_is_told_what_to_implement() {
    refused(
        REGISTERED,
        &[
            "`Pager` is not a channel kind",
            "implement `ChannelKind` for it: KIND, Config, validate and build",
        ],
    );
}

#[test]
fn a_kind_that_builds_what_cannot_send_is_told_what_is_missing() {
    refused(
        KIND,
        &[
            "`Pager` sends nothing: it is no notifier",
            "write `#[async_trait] impl Notifier for Pager` with `notify`",
        ],
    );
}

#[test]
fn a_configuration_that_cannot_be_documented_is_named() {
    let config = KIND
        .replace("type Config = Secret", "type Config = std::time::Instant")
        .replace("_: Secret", "_: std::time::Instant");
    refused(
        &format!("{config}{NOTIFIER}"),
        &[
            "JsonSchema` is not satisfied",
            "required by a bound in `log_monitor_channels::ChannelKind::Config`",
        ],
    );
}

#[test]
fn a_part_that_is_left_out_is_named() {
    let without = KIND.replace("const KIND: &'static str = \"pager\";", "");
    refused(&format!("{without}{NOTIFIER}"), &["not all trait items implemented, missing: `KIND`"]);
}
