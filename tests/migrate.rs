//! `migrate` with the program: a directory of the original script becomes a TOML that tells the same
//! people, and no file is ever written over.

mod support;

use std::process::Command;

use serde_json::Value;
use support::{Ended, HOOK, PASSWORD, SMTP_PASSWORD, World};

/// The program without the `.env` files, with their secrets in its environment.
async fn run_without_files(world: &World, args: &'static [&'static str]) -> Ended {
    let mut command = Command::new(env!("CARGO_BIN_EXE_log-monitor"));
    command.args(args).args(["--env-dir", "nowhere"]).current_dir(world.folder.path()).env_clear();
    command.env("LOG_MONITOR__WATCHES__DEFAULT__POLL", "1s");
    command.env("WAZUH_PASSWORD", PASSWORD).env("SMTP_PASSWORD", SMTP_PASSWORD);
    command.env("SLACK_WEBHOOK_URL", world.slack.url(HOOK));
    Ended::from(tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap())
}

/// Paths and values; a secret is a secret, wherever it is kept.
fn values(ended: &Ended) -> Vec<(String, String)> {
    let answer: Value = serde_json::from_str(&ended.stdout).unwrap_or_else(|_| panic!("{ended:?}"));
    let text = |value: &Value, key: &str| value[key].as_str().unwrap_or_default().to_owned();
    let values = answer["values"].as_array().unwrap().iter();
    let mut values: Vec<_> = values.map(|value| (text(value, "path"), text(value, "value"))).collect();
    values.iter_mut().filter(|(_, value)| value.starts_with("****")).for_each(|(_, value)| value.truncate(4));
    values.sort();
    values
}

#[tokio::test(flavor = "multi_thread")]
async fn the_toml_of_a_directory_does_what_the_directory_did() {
    let world = World::new().await;
    let before = world.run(&["check-config", "--json"]).await;
    let migrated = world.run(&["migrate", "-o", "new.toml"]).await;
    assert_eq!((migrated.code, migrated.stdout.as_str()), (0, ""), "{migrated:?}");
    let toml = world.read("new.toml");
    assert!(![PASSWORD, HOOK, SMTP_PASSWORD].iter().any(|secret| toml.contains(secret)), "{toml}");

    let after = run_without_files(&world, &["-c", "new.toml", "check-config", "--json"]).await;
    assert_eq!(values(&after), values(&before));
    let sent = run_without_files(&world, &["-c", "new.toml", "channels", "test", "slack"]).await;
    assert_eq!(sent.code, 0, "{sent:?}");
    assert_eq!(world.slack.received()[0].path, HOOK);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_is_there_is_left_as_it_is() {
    let world = World::new().await;
    world.write("mine.toml", "# mine\n");
    let refused = world.run(&["migrate", "-o", "mine.toml"]).await;
    assert_eq!(refused.code, 1);
    assert!(refused.stderr.contains("cannot write mine.toml"), "{}", refused.stderr);
    assert_eq!(world.read("mine.toml"), "# mine\n");

    world.write("ossec.conf", "<integration><name>slack</name></integration>");
    let refused = world.run(&["migrate", "--ossec-conf", "ossec.conf"]).await;
    assert_eq!((refused.code, refused.stdout.as_str()), (78, ""));
    assert!(refused.stderr.contains("ossec.conf:1:14"), "{}", refused.stderr);
}
