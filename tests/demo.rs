//! The demo is the README's first promise: no configuration, no network, under a minute, exit 0.

use std::process::Command;
use std::time::{Duration, Instant};

#[test]
fn the_demo_shows_every_message_and_ends_by_itself() {
    let folder = tempfile::tempdir().unwrap();
    let started = Instant::now();
    let output = Command::new(env!("CARGO_BIN_EXE_log-monitor"))
        .arg("demo")
        .current_dir(folder.path())
        .output()
        .unwrap();
    let shown = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{shown}\n{}", String::from_utf8_lossy(&output.stderr));
    assert!(started.elapsed() < Duration::from_secs(60));
    for message in [
        "Silent: 007 db-02, no logs for",
        "Subject: Silent: 12 agents of default",
        "Sent this way because slack failed: HTTP 503",
        "Recovered: 007 db-02 logs again after",
        "Subject: Recovered: 12 agents of default log again",
        "In-Reply-To: <",
        "Pipeline stalled: node=node02 (",
        "Pipeline recovered: node=node02",
        "Source down: wazuh cannot be read",
        "Source up: wazuh can be read again",
    ] {
        assert!(shown.contains(message), "{message} is not in:\n{shown}");
    }
    let (before, after) = shown.split_once("Pipeline stalled: node=node02").unwrap();
    let act = before.rsplit_once("Act 4.").unwrap().1;
    assert!(
        !act.contains("Silent:") && !after.contains("Pipeline stalled:"),
        "half the fleet, one message: {shown}"
    );
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "it leaves nothing behind");
}
