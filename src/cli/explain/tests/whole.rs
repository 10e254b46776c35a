//! A whole explanation, from a configuration and a journal.

use super::*;
use crate::config::{Inputs, load};
use crate::source::default_sources;
use log_monitor_channels::default_channels;

const TABLES: &str = "[sources.wazuh]\nkind = \"indexer\"\nurl = \"http://127.0.0.1:9200\"\n\
    [watches.default]\nagent_file = \"@/agents.csv\"\n[journal]\npath = \"@/journal.db\"\n\
    [channels.siem]\nkind = \"log\"\n[channels.soc]\nkind = \"webhook\"\nurl = \"https://soc.example/\"\n\
    budget = [\"2 per 1h\"]\n[channels.boss]\nkind = \"webhook\"\nurl = \"https://boss.example/\"\n";

fn loaded(folder: &std::path::Path) -> Loaded {
    let inputs = Inputs {
        config: Some(folder.join("m.toml")),
        env_dir: folder.join("env-files"),
        variables: Vec::new(),
        flags: Vec::new(),
        host: "host-1".into(),
    };
    load(&inputs, &default_channels(), &default_sources())
}

/// What is said of 001 at so many minutes after [`start`]. `routes` are the last of the tables.
async fn said(routes: &str, minutes: i64, fill: fn(&Connection) -> rusqlite::Result<()>) -> String {
    said_with(&format!("{TABLES}{routes}"), minutes, fill).await
}

/// The same of these tables.
async fn said_with(tables: &str, minutes: i64, fill: fn(&Connection) -> rusqlite::Result<()>) -> String {
    let folder = tempfile::tempdir().unwrap();
    let root = format!("{}/", folder.path().display());
    let file = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    file("agents.csv", "001,web\nfw.example.org,fw\n");
    file("m.toml", &tables.replace("@/", &root));
    journal(&folder.path().join("journal.db"), fill).await;
    let loaded = loaded(folder.path());
    let settings = loaded.settings.as_ref().unwrap_or_else(|| panic!("{}", loaded.diagnostics.render(false)));
    let at = start() + TimeDelta::minutes(minutes);
    let found = find(&loaded, settings, "001", at, start() + TimeDelta::days(1)).unwrap();
    text::text(&found[0]).replace(&root, "@/")
}

fn is_in(said: &str, expected: &[&str]) {
    expected.iter().for_each(|part| assert!(said.contains(part), "{part} is not in\n{said}"));
}

#[tokio::test]
async fn an_escalation_to_a_person_is_part_of_the_sum_and_so_is_the_budget_of_its_channel() {
    let steps = "{ to = [\"siem\"] }, { to = [\"soc\"], after = \"5m\", fallback_after = \"2m\" }, { to = [\"boss\"] }";
    let told = said(&format!("[catch_all]\nsteps = [{steps}]\n"), 0, |_| Ok(())).await;
    is_in(
        &told,
        &[
            "\n        5m  until the escalation to soc\n",
            "\n        1h  if channel soc has been sent more than 2 per 1h (budget)\n",
            "  1h 23m  in all, if soc accepts; if not, up to 2m more until boss\n",
        ],
    );
    let fallback =
        said("[catch_all]\nsteps = [{ to = [\"siem\"] }, { to = [\"soc\"] }]\n", 0, |_| Ok(())).await;
    is_in(&fallback, &["in all, but no person is certain to be told"]);
}

#[tokio::test]
async fn who_is_silent_takes_the_routes_of_its_incident() {
    fn fill(connection: &Connection) -> rusqlite::Result<()> {
        let labels = [("site".to_owned(), "MIL".to_owned())].into();
        let event = agent_silent("001", "web");
        let event = Event { severity: Severity::Critical, cause: "never_seen".to_owned(), labels, ..event };
        incident(connection, Subject::Agent, event, Some(40)).map(drop)
    }
    let routes = "[[routes]]\nname = \"worst\"\nsteps = [{ to = [\"boss\"] }]\n\
        match = { severity = \"critical\", cause = \"never_seen\", site = \"MIL\" }\n\
        [catch_all]\nsteps = [{ to = [\"soc\"] }]\n";
    let open = said(routes, 20, fill).await;
    is_in(
        &open,
        &["severity     critical   incident 1, else medium (default)\n", "  worst: boss (webhook)\n"],
    );
    let over = said(routes, 41, fill).await;
    is_in(&over, &["severity     medium     default\n", "  catch_all: soc"]);
}

#[tokio::test]
async fn another_time_has_its_own_routes_and_quiet_hours() {
    let routes = "[[routes]]\nname = \"day\"\nactive = [{ from = \"08:00\", to = \"18:00\" }]\ntime_zone = \"UTC\"\n\
        steps = [{ to = [\"boss\"] }]\n[catch_all]\nsteps = [{ to = [\"soc\"] }]\n\
        quiet = { windows = [{ from = \"22:00\", to = \"06:00\" }], time_zone = \"UTC\" }\n";
    let night = said(routes, 60, |_| Ok(())).await;
    let until = "catch_all waits: quiet hours until 2026-01-01 06:00:00 UTC";
    is_in(&night, &[until, "        5h  until the quiet hours of catch_all are over\n", "  catch_all: soc"]);
    let day = said(routes, 10 * 60, |_| Ok(())).await;
    is_in(&day, &["  day: boss (webhook)\n", "in all, if boss accepts"]);
    assert!(!day.contains("quiet hours"), "{day}");
}

#[tokio::test]
async fn each_value_is_said_to_be_from_where_it_stands_also_below_names_in_quotes() {
    let tables = TABLES.replace("watches.default", "watches.\"dmz north\"");
    let rules = "intervals = { \"001\" = \"8m\", \"fw.example.org\" = \"9m\" }\n\
        [[watches.\"dmz north\".classes]]\nmatch = { name = \"db-*\" }\n\
        [[watches.\"dmz north\".classes]]\nmatch = { name = \"web*\" }\ngrace = \"2m\"\n\
        max_time_to_notify = \"1h\"\nlabels = { site = \"MIL\", severity = \"high\" }\n\
        [[watches.\"dmz north\".maintenance]]\nmatch = { name = \"fw\" }\n\
        from = \"02:00\"\nto = \"03:00\"\ntime_zone = \"UTC\"\n\
        [[watches.\"dmz north\".maintenance]]\ndays = [\"2nd tue\", \"sun\"]\n\
        from = \"22:00\"\nto = \"24:00\"\ntime_zone = \"Europe/Rome\"\n[journal]";
    let tables = tables.replacen("[journal]", rules, 1) + "[catch_all]\nsteps = [{ to = [\"boss\"] }]\n";
    let told = said_with(&tables, 0, |_| Ok(())).await;
    let line = |key: &str| {
        let mut lines = told.lines().filter_map(|line| line.strip_prefix("  ")?.strip_prefix(key));
        let line = lines.next().unwrap_or_else(|| panic!("no {key} in\n{told}"));
        line.split_whitespace().collect::<Vec<_>>().join(" ")
    };
    assert_eq!(line("class "), "2: name=web* class 2, @/m.toml:9:1");
    assert_eq!(line("interval "), "8m @/m.toml:6:15");
    assert_eq!(line("grace "), "2m class 2, @/m.toml:11:1");
    assert_eq!(line("severity "), "high class 2, @/m.toml:13:26");
    assert_eq!(line("max_time_to_notify "), "1h class 2, @/m.toml:12:1");
    assert_eq!(line("site "), "MIL class 2, @/m.toml:13:12");
    let second = "2nd tue 22:00-24:00, sun 22:00-24:00 Europe/Rome @/m.toml:21:1";
    assert_eq!(line("maintenance "), second, "the first one is that of others");
    assert!(!told.contains("02:00-03:00"), "{told}");
}

#[test]
fn of_whom_a_list_may_name_that_was_not_read_yet_it_is_not_said_that_nobody_watches_it() {
    let folder = tempfile::tempdir().unwrap();
    let tables = TABLES.replace("agent_file = \"@/agents.csv\"", "discover = {}");
    std::fs::write(
        folder.path().join("m.toml"),
        tables.replace("@/", &format!("{}/", folder.path().display())),
    )
    .unwrap();
    let loaded = loaded(folder.path());
    let settings = loaded.settings.as_ref().unwrap_or_else(|| panic!("{}", loaded.diagnostics.render(false)));
    let said = "no watch has an agent `001`; of watch `default` nobody whom a list names is in the journal: run \
                log-monitor, or `check-config --probe` if it runs";
    assert_eq!(unknown(settings, "001"), said);
}
