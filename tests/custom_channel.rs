//! The example of a channel of one's own: it conforms, and the program that has it lists, checks
//! and delivers through it like through any other.

mod support;

#[path = "../examples/custom_channel.rs"]
#[expect(dead_code, reason = "the example's main is run as a program")]
mod example;

use log_monitor_channels::conformance::{HttpSuite, http};
use log_monitor_channels::testing::Reply;
use support::World;

#[tokio::test]
async fn the_example_conforms() {
    http::<example::Bell>(&HttpSuite {
        config: &|base| format!("url = \"{base}/ring/s3cret-bell\""),
        secrets: &["s3cret-bell"],
        accepts: Reply::new(200, "ding"),
        idempotency: None,
        harmless: &|_| Ok(()),
    })
    .await;
}

/// The example as a program; `cargo test` builds it beside the tests.
fn program() -> std::path::PathBuf {
    let tests = std::env::current_exe().unwrap();
    let program = tests.parent().unwrap().parent().unwrap().join("examples/custom_channel");
    assert!(
        program.exists(),
        "{} is not built: `cargo test` builds it, `cargo test --test` does not",
        program.display()
    );
    program
}

#[tokio::test(flavor = "multi_thread")]
async fn the_program_that_has_it_treats_it_like_any_other() {
    let world = World::new().await;
    let toml = |kind: &str, volume: u8| {
        format!(
            "[channels.desk]\nkind = \"{kind}\"\nurl = \"{}\"\nvolume = {volume}\n",
            world.slack.url("/ring/s3cret-bell")
        )
    };
    let run = |args: &'static [&'static str]| {
        let mut command = std::process::Command::new(program());
        command.args(args).current_dir(world.folder.path());
        async move {
            support::Ended::from(
                tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap(),
            )
        }
    };
    let kinds = run(&["channels", "kinds"]).await;
    assert!(kinds.stdout.contains("bell") && kinds.stdout.contains("How loud, from 1 to 10."), "{kinds:?}");

    let schema = serde_json::from_str(&run(&["schema"]).await.stdout).unwrap();
    let schema = jsonschema::draft202012::new(&schema).unwrap();
    let takes = |text: String| {
        let table = toml::from_str::<toml::Table>(&text).unwrap();
        schema.is_valid(&serde_json::to_value(table).unwrap())
    };
    assert!(takes(toml("bell", 7)) && !takes(toml("bel", 7)) && !takes(toml("bell", 7) + "pitch = 1\n"));

    world.write("config/log-monitor.toml", &toml("bel", 7));
    let refused = run(&["check-config"]).await;
    assert_eq!(refused.code, 78);
    assert!(refused.stderr.contains("did you mean `bell`?"), "{}", refused.stderr);

    world.write("config/log-monitor.toml", &toml("bell", 11));
    let refused = run(&["check-config"]).await;
    assert!(refused.stderr.contains("config/log-monitor.toml:4:10"), "{}", refused.stderr);
    assert!(refused.stderr.contains("must be from 1 to 10"), "{}", refused.stderr);

    let words = run(&["templates", "variables"]).await;
    assert!(words.stdout.contains("channel.volume") && words.stdout.contains("of kind bell"), "{words:?}");
    let spoken = |kind: &str, says: &str| {
        let title =
            format!("[templates.loud]\ntitle = \"{{{{ channel.{says} }}}} times {{{{ event.who }}}}\"\n");
        toml(kind, 7) + "template = \"loud\"\n" + &title
    };
    world.write("config/log-monitor.toml", &spoken("bell", "pitch"));
    let refused = run(&["check-config"]).await;
    let why = "template `loud` says `channel.pitch`, which kind `bell` does not have";
    assert!(refused.stderr.contains(why) && refused.stderr.contains("toml:5:12"), "{}", refused.stderr);

    world.write("config/log-monitor.toml", &spoken("bell", "volume"));
    let rang = run(&["channels", "test", "desk"]).await;
    assert_eq!(rang.code, 0, "{rang:?}");
    let heard = String::from_utf8(world.slack.received()[0].body.clone()).unwrap();
    assert!(heard.starts_with("volume 7: [TEST] 7 times 001"), "{heard}");
}
