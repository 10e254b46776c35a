//! The example of a source of one's own: the program that has it documents, checks and asks it like any
//! other, and never takes an answer that it cannot read for silence.

mod support;

use chrono::{TimeDelta, Utc};
use log_monitor_channels::testing::Reply;
use support::{Ended, World};

/// Must never be seen anywhere.
const TOKEN: &str = "s3cret-of-the-doors";

/// The example as a program; `cargo test` builds it beside the tests.
fn program() -> std::path::PathBuf {
    let tests = std::env::current_exe().unwrap();
    let program = tests.parent().unwrap().parent().unwrap().join("examples/custom_source");
    assert!(
        program.exists(),
        "{} is not built: `cargo test` builds it, `cargo test --test` does not",
        program.display()
    );
    program
}

async fn run(world: &World, args: &'static [&'static str]) -> Ended {
    let mut command = std::process::Command::new(program());
    command.args(args).args(["--env-dir", "nowhere"]).current_dir(world.folder.path());
    command.env("DOORS_TOKEN", TOKEN);
    let ended = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    let ended = Ended::from(ended);
    assert!(!format!("{ended:?}").contains(TOKEN), "{ended:?}");
    ended
}

fn configure(world: &World, kind: &str, url: &str) {
    world.write("agents.csv", "front,front door\nback,back door\n");
    world.write(
        "config/log-monitor.toml",
        &format!(
            "[sources.doors]\nkind = \"{kind}\"\nurl = \"{url}\"\ntoken = {{ env = \"DOORS_TOKEN\" }}\n\
             [watches.doors]\nagent_file = \"agents.csv\"\n"
        ),
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_program_that_has_it_knows_it_everywhere() {
    let world = World::new().await;
    let schema = run(&world, &["schema"]).await;
    assert!(schema.stdout.contains("\"heartbeats\""), "{schema:?}");
    assert!(schema.stdout.contains("each machine with the time"), "{schema:?}");

    configure(&world, "heartbeat", "https://doors.example");
    let refused = run(&world, &["check-config"]).await;
    assert_eq!(refused.code, 78);
    assert!(refused.stderr.contains("did you mean `heartbeats`?"), "{}", refused.stderr);

    configure(&world, "heartbeats", "http://doors.example");
    let refused = run(&world, &["check-config"]).await;
    assert!(refused.stderr.contains("config/log-monitor.toml:3:7"), "{}", refused.stderr);
    assert!(refused.stderr.contains("plain http to another machine is refused"), "{}", refused.stderr);
}

#[tokio::test(flavor = "multi_thread")]
async fn it_says_who_is_silent_and_nobody_is_when_it_cannot_be_read() {
    let world = World::new().await;
    configure(&world, "heartbeats", &world.slack.url("/heard"));
    let heard = |ago: i64| (Utc::now() - TimeDelta::minutes(ago)).to_rfc3339();
    world.set_slack(Reply::new(200, format!("{{\"front\": \"{}\", \"back\": \"{}\"}}", heard(1), heard(60))));
    let checked = run(&world, &["check", "--json"]).await;
    assert_eq!(checked.code, 2, "{checked:?}");
    let received = world.slack.received();
    assert_eq!(received[0].headers["authorization"], format!("Bearer {TOKEN}"));

    for broken in [Reply::new(500, "{}"), Reply::new(200, "<html>log in</html>"), Reply::new(401, TOKEN)] {
        world.set_slack(broken);
        let checked = run(&world, &["check"]).await;
        assert_eq!(checked.code, 3, "{checked:?}");
    }
}
