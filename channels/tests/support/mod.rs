//! Programs that judge what a kind sends, a message on each line of their standard input.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

/// A path in the repository.
pub fn root(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path)
}

/// Whether the judge takes all of them, and what it says; `missing` is what it says without its part.
pub fn judged(judge: &mut Command, missing: &str, messages: &[Value]) -> (bool, String) {
    let mut judge = judge
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("{judge:?}: {error}: see tests/README.md"));
    let mut stdin = judge.stdin.take().unwrap();
    for message in messages {
        // A judge that is gone says why below.
        let _ = writeln!(stdin, "{message}");
    }
    drop(stdin);
    let output = judge.wait_with_output().unwrap();
    let said =
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(!said.contains(missing), "the judge's library is not installed: see tests/README.md");
    (output.status.success(), said)
}
