//! What is asked of the journal and of the configuration by commands, beside a daemon or without one.

mod support;

use serde_json::Value;
use support::{World, eventually};

/// What a command printed as JSON.
async fn json(world: &World, args: &[&str]) -> Value {
    let ended = world.run(&[args, &["--json"]].concat()).await;
    assert_eq!(ended.code, 0, "{ended:?}");
    serde_json::from_str(&ended.stdout).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_silence_holds_back_what_matches_is_listed_and_lets_it_go_when_it_is_ended() {
    let world = World::new().await;
    let add = ["silence", "add", "name=db-*", "--for", "2h", "--reason", "patching", "--author", "eve"];
    let added = world.run(&add).await;
    assert!(added.code == 0 && added.stdout.starts_with("silence 1 holds until "), "{added:?}");
    world.log(&["001"]);
    world.run(&["run", "--once"]).await;
    assert!(world.slack_texts().is_empty(), "{:?}", world.slack_texts());
    let listed = &json(&world, &["silence", "list"]).await[0];
    assert_eq!((&listed["author"], &listed["matchers"][0]), (&"eve".into(), &"name=db-*".into()));
    assert_eq!((&listed["holds_back"], &listed["in_force"]), (&1.into(), &true.into()));

    let daemon = world.daemon();
    assert_eq!(world.run(&["silence", "expire", "1"]).await.code, 0);
    eventually("what it held back", || !world.slack_texts().is_empty()).await;
    assert_eq!(world.slack_texts(), ["Silent: 002 db-01 has never been seen logging"]);
    assert_eq!(daemon.stop().await, 0);
    assert_eq!(world.run(&["silence", "list"]).await.stdout, "no silence is in force\n");
    assert_eq!(json(&world, &["silence", "list", "--all"]).await[0]["in_force"], false);
    let again = world.run(&["silence", "expire", "1"]).await;
    assert!(again.code == 1 && again.stderr.contains("no silence of that number is in force"), "{again:?}");
    let misspelt = world.run(&["silence", "add", "nmae=db-*", "--for", "2h", "--reason", "x"]).await;
    assert!(misspelt.code == 0 && misspelt.stderr.contains("did you mean `name`?"), "{misspelt:?}");
    let never = world.run(&["silence", "add", "cause!=disconected", "--for", "2h", "--reason", "x"]).await;
    let meant = "unknown cause `disconected`; did you mean `disconnected`?";
    assert!(never.code == 2 && never.stderr.contains(meant), "{never:?}");
    let nonsense = world.run(&["silence", "add", "db-*", "--for", "2h", "--reason", "x"]).await;
    assert!(nonsense.code == 2 && nonsense.stderr.contains("write KEY=GLOB"), "{nonsense:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_takes_care_of_an_incident_is_taken_down_and_of_no_incident_refused() {
    let world = World::new().await;
    world.log(&["001"]);
    assert_eq!(world.run(&["run", "--once"]).await.code, 0);
    let taken = world.run(&["ack", "1", "--for", "3h", "--author", "bob", "--reason", "new disk"]).await;
    assert!(taken.code == 0 && taken.stdout.starts_with("no reminder of incident 1 until "), "{taken:?}");
    let explained = world.run(&["explain", "002"]).await.stdout;
    assert!(
        explained.contains("bob takes care of it until") && explained.contains("new disk"),
        "{explained}"
    );
    let unknown = world.run(&["ack", "9"]).await;
    assert!(unknown.code == 1 && unknown.stderr.contains("no incident 9 is open"), "{unknown:?}");
}

const ROUTES: &str = r#"
[[watches.default.classes]]
match = { name = "web-*" }
labels = { severity = "high", site = "MIL" }
[[routes]]
name = "milan"
match = { site = "MIL", severity = "high" }
steps = [{ to = ["slack"] }]
[[routes]]
name = "named"
match = { name = "*" }
steps = [{ to = ["slack"] }]
[catch_all]
steps = [{ to = ["email"] }]
"#;

#[tokio::test(flavor = "multi_thread")]
async fn route_knows_of_an_agent_what_its_class_says_and_of_a_source_that_it_is_no_agent() {
    let world = World::new().await;
    world.write("config/log-monitor.toml", ROUTES);
    let used = async |args: &[&str]| {
        let shown = json(&world, &[&["route"], args].concat()).await;
        let names = shown["routes"].as_array().unwrap().iter().filter(|route| route["used"] == true);
        let names: Vec<String> = names.map(|route| route["name"].as_str().unwrap().to_owned()).collect();
        (shown["severity"].as_str().unwrap().to_owned(), names)
    };
    let both = |severity: &str| (severity.to_owned(), vec!["milan".to_owned(), "named".to_owned()]);
    let only = |severity: &str, name: &str| (severity.to_owned(), vec![name.to_owned()]);
    assert_eq!(used(&["--labels", "id=001"]).await, both("high"));
    assert_eq!(used(&["--labels", "name=web-99"]).await, both("high"), "nobody knows it yet");
    assert_eq!(used(&["--labels", "id=001,severity=low"]).await, only("low", "named"));
    assert_eq!(used(&["--labels", "id=002"]).await, only("medium", "named"));
    assert_eq!(used(&["--event", "source_down"]).await, only("high", "catch_all"));
    let said = world.run(&["route", "--event", "source_down", "--at", "2026-11-29 03:00"]).await.stdout;
    assert!(said.starts_with("source_down (high) at Sun 2026-11-29 03:00 UTC\n"), "{said}");
    let refused = world.run(&["route", "--event", "source_down", "--labels", "name=x"]).await;
    assert!(refused.code == 1 && refused.stderr.contains("is about no agent"), "{refused:?}");
    let unknown = world.run(&["route", "--labels", "id=001,cause=disconected"]).await;
    assert!(unknown.code == 1 && unknown.stderr.contains("did you mean `disconnected`?"), "{unknown:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn templates_are_listed_with_who_uses_them_and_an_unknown_one_is_not_shown() {
    let world = World::new().await;
    let toml = "[channels.slack]\ntemplate = \"short\"\n[templates.short]\ntitle = \"{{ title }}\"\n\
                [templates.spare]\nbody = \"{{ body }}\"\n";
    world.write("config/log-monitor.toml", toml);
    let listed = json(&world, &["templates", "list"]).await;
    assert_eq!((&listed[0]["name"], &listed[0]["channels"][0]), (&"short".into(), &"slack".into()));
    assert_eq!((&listed[1]["name"], &listed[1]["title"]), (&"spare".into(), &false.into()));
    for (args, said) in [
        (
            ["templates", "preview", "shor"].as_slice(),
            "no template `shor` is configured; did you mean `short`?",
        ),
        (
            &["templates", "preview", "--channel", "slak"],
            "no channel `slak` is configured; did you mean `slack`?",
        ),
    ] {
        let refused = world.run(args).await;
        assert!(refused.code == 1 && refused.stderr.contains(said), "{refused:?}");
    }
}
