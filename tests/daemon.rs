//! The real program in a directory as the Python script had it, against a simulated outside.

mod support;

use chrono::{Datelike, TimeDelta, Timelike, Utc};
use log_monitor::simulation::{SimulatedAgent, SimulatedServerApi};
use log_monitor_channels::testing::{Fault, Reply};
use support::{HOOK, PASSWORD, SMTP_PASSWORD, World, all_bytes, eventually};

#[tokio::test(flavor = "multi_thread")]
async fn an_original_directory_starts_with_run_and_nothing_else() {
    let world = World::new().await;
    world.log(&["001"]);
    let daemon = world.daemon();
    eventually("the silence of 002 on Slack", || !world.slack_texts().is_empty()).await;
    assert_eq!(world.slack_texts(), ["Silent: 002 db-01 has never been seen logging"]);
    world.log(&["002"]);
    eventually("its recovery", || world.slack_texts().len() == 2).await;
    assert!(world.slack_texts()[1].starts_with("Recovered: 002 db-01"), "{:?}", world.slack_texts());
    assert!(world.subjects().is_empty(), "email is the fallback");
    let asked = world.slack.received()[0].path.clone();
    assert_eq!(asked, HOOK);
    assert_eq!(daemon.stop().await, 0);
    assert!(!world.path("state/log-monitor.db-wal").exists(), "the journal is closed, and its file whole");
    let log = world.read("log-files/log_monitoring.log");
    let line = log.lines().find(|line| line.contains("agent_silent 002")).unwrap_or_else(|| panic!("{log}"));
    assert!(chrono::NaiveDateTime::parse_from_str(&line[..19], "%Y/%m/%d %H:%M:%S").is_ok(), "{line}");
    assert!(line[19..].starts_with(" App: WARNING - "), "{line}");
}

#[tokio::test(flavor = "multi_thread")]
async fn slack_gone_means_email_and_the_mail_says_why() {
    let world = World::new().await;
    world.set_slack(Reply::new(404, format!("no_service at {HOOK}")));
    world.log(&["001"]);
    let _daemon = world.daemon();
    eventually("two mails", || world.subjects().len() == 2).await;
    let mut subjects = world.subjects();
    subjects.sort();
    assert_eq!(
        subjects,
        ["Channel unhealthy: slack (gone)", "Silent: 002 db-01 has never been seen logging"]
    );
    let mails = world.mail.received();
    let silent = mails.iter().find(|mail| mail.header("Subject").unwrap().starts_with("Silent")).unwrap();
    let text = silent.text().unwrap();
    assert!(text.contains("Sent this way because slack failed: HTTP 404 Not Found"), "{text}");
    assert_eq!(silent.to, ["soc@example.org", "oncall@example.org"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn kill_9_loses_nothing_and_repeats_only_what_it_must() {
    let world = World::new().await;
    world.log(&["001"]);
    world.set_slack(Reply::fault(Fault::Hang));
    let daemon = world.daemon();
    eventually("a try under way", || world.slack.count() == 1).await;
    daemon.kill_9();

    world.set_slack(Reply::new(200, "ok"));
    let daemon = world.daemon();
    eventually("the same message again", || world.slack.count() == 2).await;
    let again = world.slack.received()[1].json();
    assert!(again.to_string().contains("Possible duplicate"), "{again}");
    eventually("its acceptance is written down", || {
        let deliveries = std::process::Command::new(env!("CARGO_BIN_EXE_log-monitor"))
            .args(["deliveries", "--json"])
            .current_dir(world.folder.path())
            .output()
            .unwrap();
        String::from_utf8_lossy(&deliveries.stdout).contains("\"state\": \"accepted\"")
    })
    .await;
    daemon.kill_9();

    let daemon = world.daemon();
    world.log(&["002"]);
    eventually("the recovery, after another kill", || world.slack.count() == 3).await;
    assert!(world.slack_texts()[2].starts_with("Recovered: 002"), "{:?}", world.slack_texts());
    assert_eq!(daemon.stop().await, 0);
    assert_eq!(world.slack.count(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn after_hours_away_it_says_so_once_and_accuses_nobody() {
    let world = World::new().await;
    world.log(&["001", "002"]);
    let daemon = world.daemon();
    eventually("the first rounds", || world.indexer.searches() > 2).await;
    assert_eq!(daemon.stop().await, 0);
    // The machine was off for three hours; agents logged all the time.
    let journal = rusqlite::Connection::open(world.path("state/log-monitor.db")).unwrap();
    let moved = "UPDATE meta SET value = value - 3 * 3600 * 1000 WHERE key = 'alive'";
    assert_eq!(journal.execute(moved, []).unwrap(), 1);
    journal.execute("UPDATE entity SET last_seen = last_seen - 3 * 3600 * 1000", []).unwrap();
    drop(journal);
    world.log(&["001", "002"]);
    let daemon = world.daemon();
    eventually("the note", || !world.slack_texts().is_empty()).await;
    let before = world.indexer.searches();
    eventually("some rounds", || world.indexer.searches() > before + 2).await;
    assert_eq!(world.slack_texts(), ["Monitoring resumed: log-monitor was away for 3 h"]);
    assert_eq!(daemon.stop().await, 0);
    let daemon = world.daemon();
    let before = world.indexer.searches();
    eventually("some rounds", || world.indexer.searches() > before + 2).await;
    assert_eq!(world.slack_texts().len(), 1, "a restart is no news");
    drop(daemon);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lag_that_a_daemon_has_measured_is_shown_and_warned_of() {
    let world = World::new().await;
    world.log(&["001", "002"]);
    let daemon = world.daemon();
    eventually("the first rounds", || world.indexer.searches() > 2).await;
    assert_eq!(daemon.stop().await, 0);
    let shown: serde_json::Value =
        serde_json::from_str(&world.run(&["check", "--json"]).await.stdout).unwrap();
    assert!(shown["nodes"][0]["lag_seconds"].as_f64().is_some_and(|lag| lag < 60.0), "{shown}");
    assert!(!world.run(&["check-config"]).await.stderr.contains("late"));
    let journal = rusqlite::Connection::open(world.path("state/log-monitor.db")).unwrap();
    let lags = r#"{"at":AT,"lags":{"node01":{"known":2000000000,"at_most":2000060000}}}"#;
    let lags = lags.replace("AT", &chrono::Utc::now().timestamp_millis().to_string());
    assert_eq!(journal.execute("UPDATE meta SET value = ?1 WHERE key = 'round default'", [lags]).unwrap(), 1);
    let warned = world.run(&["check-config"]).await.stderr;
    assert!(warned.contains("logs of node node01 come 23 d 3 h late"), "{warned}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_agent_list_is_read_again_when_it_changes_and_a_bad_one_is_refused() {
    let world = World::new().await;
    world.log(&["001", "002"]);
    let daemon = world.daemon();
    eventually("the first rounds", || world.indexer.searches() > 2).await;
    world.write("agents.csv", "001,web-01\n002,db-01\n003,new-01\n");
    eventually("the newcomer", || world.slack_texts().iter().any(|text| text.contains("003 new-01"))).await;
    world.write("agents.csv", "001,web-01\n002,db-01\n");
    eventually("its leaving", || {
        world.slack_texts().iter().any(|text| text.starts_with("No longer watched: 003"))
    })
    .await;
    world.write("agents.csv", "# nobody\n");
    daemon.signal("HUP");
    eventually("the refusal", || world.slack_texts().iter().any(|text| text.starts_with("Setup failed")))
        .await;
    let before = world.indexer.searches();
    eventually("the old list goes on", || world.indexer.searches() > before + 2).await;
    assert_eq!(world.slack_texts().len(), 3, "{:?}", world.slack_texts());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_one_on_the_same_journal_is_refused() {
    let world = World::new().await;
    world.log(&["001", "002"]);
    let _daemon = world.daemon();
    eventually("the first rounds", || world.indexer.searches() > 2).await;
    let second = world.run(&["run", "--once"]).await;
    assert_eq!(second.code, 1);
    assert!(second.stderr.contains("another log-monitor works with the journal"), "{}", second.stderr);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_indexer_outage_is_one_message_and_no_silence() {
    let world = World::new().await;
    world.log(&["001", "002"]);
    let _daemon = world.daemon();
    eventually("the first rounds", || world.indexer.searches() > 2).await;
    world.indexer.go_down();
    eventually("the outage", || !world.slack_texts().is_empty()).await;
    world.indexer.come_back().await.unwrap();
    eventually("its end", || world.slack_texts().len() == 2).await;
    let texts = world.slack_texts();
    assert!(
        texts[0].starts_with("Source down: wazuh") && texts[1].starts_with("Source up: wazuh"),
        "{texts:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn no_secret_is_in_any_output_log_journal_or_message() {
    let world = World::new().await;
    world.set_slack(Reply::new(403, format!("invalid_token for POST {HOOK}")));
    world.log(&["001"]);
    let daemon = world.daemon();
    eventually("the mails", || world.subjects().len() == 2).await;
    assert_eq!(daemon.stop().await, 0);
    let commands = [
        "check-config --json",
        "explain 002",
        "route",
        "agents --json",
        "incidents --json",
        "channels list",
        "channels test slack",
        "channels test email",
        "templates preview",
        "migrate",
        "check --json",
        "run --once",
        "deliveries --attempts",
    ];
    let mut seen: Vec<(String, Vec<u8>)> = Vec::new();
    for indexer_is_up in [true, false] {
        for command in commands {
            let printed = world.run(&[&["-v"], &*command.split(' ').collect::<Vec<_>>()].concat()).await;
            let printed = printed.stdout + &printed.stderr;
            assert!(!printed.contains("Usage:"), "{command}: {printed}");
            seen.push((command.to_owned(), printed.into_bytes()));
        }
        if indexer_is_up {
            world.indexer.go_down();
        }
    }
    seen.extend(world.mail.received().into_iter().map(|mail| ("mail".to_owned(), mail.data.into_bytes())));
    let files = all_bytes(world.folder.path()).into_iter();
    seen.extend(
        files
            .filter(|(path, _)| !path.to_string_lossy().contains("env-files"))
            .map(|(path, bytes)| (path.display().to_string(), bytes)),
    );
    assert!(seen.iter().any(|(name, _)| name.ends_with("log-monitor.db")), "the journal was looked at");
    for (name, bytes) in seen {
        for secret in [PASSWORD, SMTP_PASSWORD, "hook-of-the-slack", "B0SECRET"] {
            let found = bytes.windows(secret.len()).any(|window| window == secret.as_bytes());
            assert!(!found, "{secret} is in {name}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn once_is_a_whole_round_with_its_messages_sent() {
    let world = World::new().await;
    world.log(&["001"]);
    let ended = world.run(&["run", "--once"]).await;
    assert_eq!(ended.code, 0, "{ended:?}");
    assert_eq!(world.slack_texts().len(), 1);
    let ended = world.run(&["run", "--once"]).await;
    assert_eq!((ended.code, world.slack_texts().len()), (0, 1), "the next one repeats nothing");
    world.log(&["002"]);
    world.run(&["run", "--once"]).await;
    assert_eq!(world.slack_texts().len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn check_is_a_nagios_plugin() {
    let world = World::new().await;
    world.log(&["001", "002"]);
    let ended = world.run(&["check"]).await;
    assert_eq!((ended.code, ended.stdout.lines().next().unwrap()), (0, "OK: 0 of 2 agents silent, 0 late"));

    let world = World::new().await;
    world.log(&["001"]);
    let ended = world.run(&["check", "--json"]).await;
    let report: serde_json::Value = serde_json::from_str(&ended.stdout).unwrap();
    assert_eq!(ended.code, 2);
    assert_eq!(report["agents"][1]["state"], "silent");

    world.indexer.go_down();
    let ended = world.run(&["check"]).await;
    assert_eq!(ended.code, 3, "{ended:?}");
    assert!(ended.stdout.starts_with("UNKNOWN: ") && ended.stdout.contains("source wazuh"), "{ended:?}");
    assert!(world.slack_texts().is_empty() && !world.path("state").exists(), "it sends and writes nothing");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_configuration_is_78_and_is_told_through_what_works() {
    let world = World::new().await;
    world.write("env-files/slack.env", "SLACK_TOKEN=xoxb-1\n");
    world.write("env-files/log_counter.env", "WAZUH_URL=https://127.0.0.1:1\nUSRNAME=x\n");
    let ended = world.run(&["run"]).await;
    assert_eq!(ended.code, 78, "{ended:?}");
    for missing in ["USERNAME", "PASSWORD", "AGENT_LIST_FILE"] {
        let named = format!("missing `{missing}` in env-files/log_counter.env");
        assert!(ended.stderr.contains(&named), "{named}:\n{}", ended.stderr);
    }
    assert!(ended.stderr.contains("SLACK_CHANNEL"), "{}", ended.stderr);
    assert_eq!(world.subjects(), ["Setup failed: configuration"]);
    let text = world.mail.received()[0].text().unwrap();
    assert!(text.contains("missing `PASSWORD` in env-files/log_counter.env"), "{text}");

    // A service manager that starts it over and over makes no storm; what is new is told.
    world.run(&["run"]).await;
    assert_eq!(world.subjects().len(), 1);
    world.write("env-files/log_counter.env", "WAZUH_URL=https://127.0.0.1:1\nUSERNAME=x\n");
    world.run(&["run"]).await;
    assert_eq!(world.subjects().len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_journal_of_a_later_version_is_left_alone_and_that_is_told() {
    let world = World::new().await;
    std::fs::create_dir_all(world.path("state")).unwrap();
    let later = rusqlite::Connection::open(world.path("state/log-monitor.db")).unwrap();
    later.pragma_update(None, "user_version", 99).unwrap();
    let ended = world.run(&["run"]).await;
    assert_eq!(ended.code, 1, "{ended:?}");
    assert!(ended.stderr.contains("use the newer version"), "{}", ended.stderr);
    assert!(world.slack_texts()[0].starts_with("Setup failed: journal"), "{:?}", world.slack_texts());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_lists_show_what_happened() {
    let world = World::new().await;
    world.log(&["001"]);
    world.run(&["run", "--once"]).await;
    let agents = world.run(&["agents"]).await.stdout;
    let row = |id: &str| agents.lines().find(|line| line.contains(id)).unwrap_or_default().to_owned();
    assert!(row("001").contains("logging") && row("001").contains("10m + 1m"), "{agents}");
    assert!(row("002").contains("silent") && row("002").contains("30m + 1m"), "{agents}");
    let explained = world.run(&["explain", "002"]).await.stdout;
    for said in [
        "silent, incident 1",
        "interval     30m",
        "catch_all: slack; after 30s: email",
        "32m 1s  in all, if slack accepts; if not, up to 30s more until email",
    ] {
        assert!(explained.contains(said), "{said} is not in\n{explained}");
    }
    let unknown = world.run(&["explain", "2"]).await;
    assert_eq!((unknown.code, unknown.stderr.contains("did you mean `002`?")), (1, true), "{unknown:?}");
    let incidents = world.run(&["incidents", "--json"]).await.stdout;
    let incidents: serde_json::Value = serde_json::from_str(&incidents).unwrap();
    assert_eq!((&incidents[0]["agent"], &incidents[0]["cause"]), (&"002".into(), &"never_seen".into()));
    let deliveries = world.run(&["deliveries"]).await.stdout;
    assert!(deliveries.contains("slack") && deliveries.contains("accepted"), "{deliveries}");
    let test = world.run(&["channels", "test", "slack"]).await;
    assert_eq!(test.code, 0, "{test:?}");
    assert!(world.slack_texts()[1].starts_with("[TEST] Silent: 001 example"), "{:?}", world.slack_texts());
    assert_eq!(world.run(&["channels", "test", "nobody"]).await.code, 1);
    assert_eq!(world.run(&["no-such-command"]).await.code, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_the_wazuh_server_lists_is_watched_beside_the_agent_file() {
    let world = World::new().await;
    let api = SimulatedServerApi::start("reader", PASSWORD).await.unwrap();
    let agent = |(id, name): (&str, &str)| SimulatedAgent {
        id: id.to_owned(),
        name: name.to_owned(),
        groups: vec!["default", if name.starts_with("lab") { "lab" } else { "prod" }],
        received: (0, 0),
        status: "active",
        code: 0,
        keepalive: Some(chrono::Utc::now()),
        node: "node01",
    };
    let fleet = [("000", "manager"), ("002", "db-01"), ("003", "fw-milan"), ("004", "lab-01")];
    api.state().agents = fleet.into_iter().map(agent).collect();
    world.write(
        "config/log-monitor.toml",
        &format!(
            "[sources.api]\nkind = \"server_api\"\nurl = {:?}\nusername = \"reader\"\npassword = {{ file = \"api-password\" }}\n\
             [watches.default]\nsource = [\"wazuh\", \"api\"]\ndiscover = {{ include = [{{ group = \"prod\" }}] }}",
            api.url()
        ),
    );
    world.write("api-password", PASSWORD);
    world.log(&["001", "002"]);
    let check = world.run(&["check"]).await;
    assert_eq!(check.code, 2, "{}{}", check.stdout, check.stderr);
    assert!(check.stdout.contains("fw-milan") && !check.stdout.contains("lab-01"), "{}", check.stdout);
    let daemon = world.daemon();
    eventually("the silence of 003", || !world.slack_texts().is_empty()).await;
    assert_eq!(
        world.slack_texts(),
        ["Silent: 003 fw-milan has never been seen logging (connected but silent)"]
    );
    let known = world.run(&["agents", "--json"]).await;
    assert!(known.stdout.contains("fw-milan"), "the journal knows whom the server listed: {}", known.stdout);
    let agents = world.run(&["agents"]).await.stdout;
    let version = |id: &str| agents.lines().find(|line| line.contains(id)).unwrap().split_whitespace().last();
    assert_eq!(
        [version("LABEL"), version("001"), version("003")],
        [Some("VERSION"), Some("-"), Some("v4.14.5")]
    );
    let explained = world.run(&["explain", "fw-milan"]).await;
    assert_eq!(explained.code, 0, "{}", explained.stderr);
    for said in [
        "003 fw-milan of watch default, agent v4.14.5",
        "silent, incident 1",
        "wazuh (indexer: decides who is silent)\n    last answer",
        "lists who is watched)\n    last answer",
    ] {
        assert!(explained.stdout.contains(said), "{said}: {}", explained.stdout);
    }
    let before = world.run(&["explain", "fw-milan", "--at", "2026-01-01 03:00"]).await;
    assert!(before.stdout.contains("not known: the journal begins at"), "{}", before.stdout);
    let odd = world.run(&["explain", "fw-milan", "--at", "tomorrow"]).await;
    assert!(odd.code != 0 && odd.stderr.contains("write it like `2026-11-24 03:00`"), "{}", odd.stderr);
    assert_eq!(daemon.stop().await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_indexer_and_the_managers_file_are_looked_at_together_and_neither_alone() {
    let world = World::new().await;
    let file = "[sources.alerts]\nkind = \"file\"\npath = \"alerts.json\"\n\
                [watches.default]\nsource = [\"wazuh\", \"alerts\"]\n";
    world.write("config/log-monitor.toml", file);
    world.log(&["001"]);
    let now = Utc::now().format("%Y-%m-%dT%H:%M:%S%.3f%z");
    let alert = format!(
        r#"{{"timestamp":"{now}","rule":{{"level":3,"id":"5501"}},"agent":{{"id":"002"}},"location":"x"}}"#
    );
    world.write("alerts.json", &(alert + "\n"));
    let both = world.run(&["check"]).await;
    assert_eq!(both.code, 0, "001 is in the index, 002 in the file: {}{}", both.stdout, both.stderr);
    std::fs::remove_file(world.path("alerts.json")).unwrap();
    let one = world.run(&["check"]).await;
    assert_eq!(one.code, 3, "{}", one.stdout);
    assert!(
        one.stdout.starts_with("UNKNOWN: 0 of 0 agents silent, 0 late; source alerts cannot be read"),
        "{}",
        one.stdout
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn backtest_tells_what_the_history_would_have_told_and_sends_nothing() {
    let world = World::new().await;
    let now = Utc::now();
    // 001 may be quiet for 10 minutes and was for two hours; 002 was not.
    let quiet = 300..420;
    for ago in (0..1500).step_by(5).map(|minutes| minutes + 1) {
        let at = now - TimeDelta::minutes(ago);
        world.indexer.log("002", at);
        if !quiet.contains(&ago) {
            world.indexer.log("001", at);
        }
    }
    let ended = world.run(&["backtest", "--days", "1"]).await;
    assert_eq!(ended.code, 0, "{ended:?}");
    let row = ended.stdout.lines().find(|line| line.contains("001 web-01")).unwrap_or_default();
    assert!(row.contains("2 h 5 min") && row.ends_with("no"), "{}", ended.stdout);
    assert!(ended.stdout.contains("1 silence told, 0 of them false"), "{}", ended.stdout);
    assert!(world.slack_texts().is_empty() && !world.path("state").exists(), "it sends and writes nothing");
}

#[tokio::test(flavor = "multi_thread")]
async fn suggest_prints_a_patch_that_can_be_put_in_place() {
    let world = World::new().await;
    let now = Utc::now();
    for ago in (0..14 * 1440).step_by(5).map(|minutes| minutes + 1) {
        let at = now - TimeDelta::minutes(ago);
        world.indexer.log("001", at);
        if (8..18).contains(&at.hour()) && at.weekday().num_days_from_monday() < 5 {
            world.indexer.log("002", at);
        }
    }
    let ended = world.run(&["suggest"]).await;
    assert_eq!(ended.code, 0, "{ended:?}");
    world.write("config/log-monitor.toml", &format!("{}\n[watches.default]\nmin_events = 3\n", ended.stdout));
    let explained = world.run(&["explain", "002"]).await;
    for said in [
        "interval     5m",
        "hours        mon-fri 08:00-18:00 UTC class 1, config/log-monitor.toml",
        "min_events   3 ",
    ] {
        assert!(explained.stdout.contains(said), "{said} is not in\n{explained:?}\n{}", ended.stdout);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn report_and_explain_know_of_a_silence_that_is_over() {
    let world = World::new().await;
    world.log(&["001"]);
    world.run(&["run", "--once"]).await;
    let silent = Utc::now();
    world.log(&["002"]);
    world.run(&["run", "--once"]).await;
    let month = silent.format("%Y-%m").to_string();
    let report = world.run(&["report", "--month", &month]).await;
    assert_eq!(report.code, 0, "{report:?}");
    let silences = |id: &str| {
        let row = report.stdout.lines().find(|line| line.contains(&format!(" {id} ")));
        row.and_then(|row| row.split('|').nth(7)).map(|cell| cell.trim().to_owned())
    };
    assert_eq!(
        [silences("001"), silences("002")],
        ["0", "1"].map(|count| Some(count.to_owned())),
        "{report:?}"
    );
    let csv = world.run(&["report", "--month", &month, "--format", "csv"]).await;
    assert!(csv.stdout.contains("\r\nagent,default,002,db-01,1,"), "{csv:?}");
    assert!(csv.stderr.contains("note: The journal reaches back to"), "{csv:?}");
    let then = silent.to_rfc3339();
    for (args, said) in [
        (&["explain", "002"][..], "logging; last log"),
        (&["explain", "002", "--at", &then], "silent, incident 1 (never_seen)"),
    ] {
        let explained = world.run(args).await.stdout;
        assert!(explained.contains(said), "{said} is not in\n{explained}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_test_is_sent_and_signed_as_a_real_message_is_but_for_its_mark() {
    let world = World::new().await;
    let toml = format!(
        "[channels.hook]\nkind = \"webhook\"\nurl = \"{}\"\nsecret = \"k3y\"\n[catch_all]\nsteps = [{{ to = [\"hook\"] }}]\n",
        world.slack.url("/hook")
    );
    world.write("config/log-monitor.toml", &toml);
    assert_eq!(world.run(&["channels", "test", "hook"]).await.code, 0);
    world.log(&["001"]);
    let daemon = world.daemon();
    eventually("a real message", || world.slack.count() == 2).await;
    assert_eq!(daemon.stop().await, 0);
    let [test, real] = world.slack.received().try_into().unwrap();
    for sent in [&test, &real] {
        let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, b"k3y");
        let signed = [sent.header("x-log-monitor-timestamp").as_bytes(), b":", &sent.body].concat();
        let signature = ring::hmac::sign(&key, &signed);
        let hex: String = signature.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(sent.header("x-log-monitor-signature"), format!("sha256={hex}"));
    }
    let names = |sent: &log_monitor_channels::testing::Request| {
        sent.headers.keys().map(ToString::to_string).collect::<Vec<_>>()
    };
    assert_eq!(names(&test), names(&real));
    let ([test, real], marks) = ([test.json(), real.json()], ["[TEST] Silent: 001", "Silent: 002"]);
    assert_eq!([&test["test"], &real["test"]], [true, false]);
    for (json, mark) in [&test, &real].into_iter().zip(marks) {
        assert!(json["title"].as_str().unwrap().starts_with(mark), "{json}");
    }
    let keys = |json: &serde_json::Value| json.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    assert_eq!(keys(&test), keys(&real));
}
