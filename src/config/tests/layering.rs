//! Layers: who wins, and where a value says it came from.

use std::time::Duration;

use log_monitor_channels::{Registry, default_channels, discord};

use super::{Flag, Place, kinds, resolved};
use crate::config::Level;

const ENV: &str = "WAZUH_URL=https://indexer:9200\nUSERNAME=wazuh\nPASSWORD=p$w#d\n\
                   AGENT_LIST_FILE=@/agents.csv\nDEFAULT_CHECK_INTERVAL=10\nLOGGING_LEVEL=1\n";

const FULL: &str = r#"
[sources.main]
kind = "indexer"
url = "https://indexer:9200"

[watches.all]
agent_file = "@/agents.csv"
"#;

#[test]
fn each_layer_wins_over_the_one_below_and_keeps_the_rest() {
    let mut place = Place::new()
        .with("env-files/log_counter.env", ENV)
        .toml("[sources.wazuh]\nusername = \"reader\"\n[watches.default]\ngrace = \"2m\"\n[log]\nfile = \"x.log\"\n")
        .variable("LOG_MONITOR__SOURCES__WAZUH__USERNAME", "from-env")
        .variable("LOG_MONITOR__WATCHES__DEFAULT__INTERVAL", "7m")
        .variable("UNRELATED__LOG__LEVEL", "x");
    place.flags.push(Flag { name: "--state".into(), path: "journal.path".into(), value: "s.db".into() });
    let loaded = place.load();
    let settings = loaded.settings.as_ref().unwrap_or_else(|| panic!("{}", place.shown(&loaded)));
    assert_eq!(settings.watches[0].interval, Duration::from_secs(420));
    assert_eq!(settings.watches[0].grace, Duration::from_secs(120));
    assert_eq!((settings.log.level, settings.journal.to_str()), (Level::Error, Some("s.db")));
    let at = |path| resolved(&loaded, path);
    let text = |value: &str, origin: &str| (value.to_owned(), origin.to_owned());
    assert_eq!(at("sources.wazuh.username"), text("\"from-env\"", "LOG_MONITOR__SOURCES__WAZUH__USERNAME"));
    assert_eq!(at("sources.wazuh.url"), text("\"https://indexer:9200\"", "log_counter.env:1:1"));
    assert_eq!(at("sources.wazuh.password"), text("****", "log_counter.env:3:1"));
    assert_eq!(at("watches.default.grace"), text("\"2m\"", "m.toml:4:1"));
    assert_eq!(at("sources.wazuh.index"), text("\"wazuh-alerts-*\"", "default"));
    assert_eq!(at("log.file"), text("\"x.log\"", "m.toml:6:1"));
    assert_eq!(at("log.level"), text("\"error\"", "log_counter.env:6:1"));
    assert_eq!(at("journal.path"), text("\"s.db\"", "--state"));
}

#[test]
fn a_full_toml_needs_no_env_file_and_has_the_documented_defaults() {
    let place =
        Place::new().toml(&format!("{FULL}[channels.b]\nkind = \"log\"\n[channels.email]\nkind = \"log\"\n"));
    let loaded = place.load();
    let settings = loaded.settings.as_ref().unwrap_or_else(|| panic!("{}", place.shown(&loaded)));
    let watch = &settings.watches[0];
    assert_eq!((watch.source.as_str(), watch.agents.len()), ("main", 2));
    assert_eq!(watch.interval, Duration::from_secs(900));
    assert_eq!((watch.grace, watch.poll), (Duration::from_secs(60), Duration::from_secs(60)));
    assert_eq!(settings.journal.to_str(), Some("state/log-monitor.db"));
    assert_eq!((settings.log.level, &settings.log.file), (Level::Info, &None));
    assert_eq!(settings.installation, "host-1");
    let [route] = &settings.routes[..] else { panic!("one catch-all") };
    assert!(route.matcher.is_empty());
    let to: Vec<_> =
        route.steps.iter().map(|step| (step.to.join(","), step.fallback_after.as_secs())).collect();
    assert_eq!(to, [("email".to_owned(), 30), ("b".to_owned(), 30)]);
    assert_eq!(settings.channels[0].max_in_flight, 4);
    assert_eq!(loaded.diagnostics.summary(), None);
}

#[test]
fn without_a_channel_messages_go_to_the_log_with_a_warning() {
    let place = Place::new().toml(FULL);
    let loaded = place.load();
    let settings = loaded.settings.as_ref().unwrap();
    assert_eq!((settings.channels[0].name.as_str(), settings.channels[0].kind), ("log", "log"));
    assert_eq!(settings.routes[0].steps[0].to, ["log"]);
    assert!(place.lines(&loaded)[0].starts_with("warning: no channel is configured"));
}

#[test]
fn the_shortest_interval_sets_the_poll() {
    let place = Place::new().toml(&format!(
        "{FULL}[watches.all.intervals]\n002 = \"30s\"\n[[watches.all.classes]]\nmatch = {{ name = \"web-*\" }}\ninterval = \"2m\"\n"
    ));
    let settings = place.load().settings.unwrap();
    let watch = &settings.watches[0];
    assert_eq!(watch.poll, Duration::from_secs(10));
    let by = |at: usize| watch.policy(&watch.agents[at]).interval.as_secs();
    assert_eq!((by(0), by(1)), (120, 30));
}

#[test]
fn a_whole_configuration_of_routes_is_read() {
    let place = Place::new().toml(&format!(
        r##"{FULL}
[channels.soc]
kind = "log"
[channels.oncall]
kind = "log"
max_in_flight = 2
[[routes]]
name = "firewalls"
match = {{ severity = "high", event = ["agent_silent", "agent_rec*"], site = "berlin" }}
steps = [{{ to = ["soc", "oncall"], need = "all", fallback_after = "3m" }}, {{ to = ["oncall"] }}]
reminders = {{ first = "15m", factor = 2 }}
group = {{ burst = 1 }}
stop = true
[catch_all]
steps = [{{ to = ["soc"] }}]
"##
    ));
    let loaded = place.load();
    let settings = loaded.settings.as_ref().unwrap_or_else(|| panic!("{}", place.shown(&loaded)));
    let [route, last] = &settings.routes[..] else { panic!("two routes") };
    assert_eq!((route.name.as_str(), last.name.as_str(), route.stop), ("firewalls", "catch_all", true));
    assert_eq!(route.matcher.to_string(), "event=agent_silent|agent_rec* severity=high site=berlin");
    assert_eq!(route.steps[0].fallback_after, Duration::from_secs(180));
    assert_eq!(route.steps[0].need, crate::config::Need::All);
    assert_eq!((route.reminders.first.as_secs(), route.reminders.max.as_secs()), (900, 86400));
    assert_eq!((route.group.burst, route.group.max_items), (1, 20));
    assert_eq!(settings.channels[1].max_in_flight, 2);
}

/// What is warned of with these two routes.
fn warned(first: &str, second: &str) -> String {
    let route = |name: &str, rest: &str| {
        format!("[[routes]]\nname = \"{name}\"\nsteps = [{{ to = [\"soc\"] }}]\n{rest}\n")
    };
    let routes = route("first", first) + &route("second", second);
    let class = "[[watches.all.classes]]\nmatch = { name = \"web-*\" }\nlabels = { site = \"MIL\" }\n";
    let toml = format!(
        "{FULL}\n{class}[channels.soc]\nkind = \"log\"\n{routes}[catch_all]\nsteps = [{{ to = [\"soc\"] }}]\n"
    );
    let place = Place::new().toml(&toml);
    let loaded = place.load();
    assert!(loaded.settings.is_some(), "{}", place.shown(&loaded));
    place.lines(&loaded).join("\n")
}

#[test]
fn a_route_is_hidden_by_wider_globs_the_rest_of_a_closed_set_and_longer_hours() {
    let stop = |matches: &str| format!("match = {{ {matches} }}\nstop = true");
    let only = |matches: &str| format!("match = {{ {matches} }}");
    let hours = |from: &str, to: &str| {
        format!("stop = true\ntime_zone = \"UTC\"\nactive = [{{ from = \"{from}\", to = \"{to}\" }}]")
    };
    for (first, second) in [
        (stop("name = \"fw-*\""), only("name = \"fw-mil-*\"")),
        (stop("severity = { not = [\"info\", \"low\"] }"), only("severity = \"high\"")),
        (hours("08:00", "18:00"), hours("09:00", "18:00")),
        (hours("20:00", "08:00"), hours("23:00", "07:00")),
    ] {
        let hidden = warned(&first, &second);
        assert!(hidden.contains("never used: route `first` at "), "{first}\n{second}\n{hidden}");
        assert_eq!(warned(&second, &first), "", "{second}");
    }
}

#[test]
fn a_route_for_what_cannot_be_is_a_warning_and_a_key_that_nothing_gives_is_another() {
    let alone = |matches: &str| warned(&format!("match = {{ {matches} }}"), "");
    let both = alone("id = { any = [\"001\"], not = [\"001\"] }");
    assert!(both.contains("never used: what a key of `match` must be it must not be either"), "{both}");
    let nobody = alone("event = \"source_down\", name = \"x\"");
    assert!(nobody.contains("never used: these events are about no agent"), "{nobody}");
    assert_eq!(alone("event = \"source_down\", name = { not = \"x\" }"), "");
    for (wrong, right) in [("sevrity", "severity"), ("nmae", "name"), ("sites", "site")] {
        let misspelt = alone(&format!("{wrong} = \"high\""));
        assert!(misspelt.contains(&format!("nothing else here gives `{wrong}` to an event")), "{misspelt}");
        assert!(misspelt.contains(&format!("did you mean `{right}`?")), "{misspelt}");
    }
    assert_eq!(alone("site = \"MIL\", rack = \"7\""), "", "a source of one's own may give any label");
}

#[test]
fn a_route_that_is_never_used_is_a_warning_that_names_what_hides_it() {
    let hidden = warned(
        "match = { name = \"fw-*\" }\nstop = true",
        "match = { name = \"fw-1\", severity = \"high\" }",
    );
    assert!(hidden.contains("never used: route `first` at ") && hidden.contains("says `stop`"), "{hidden}");
    assert_eq!(warned("match = { name = \"fw-*\" }", "match = { name = \"fw-1\" }"), "", "no stop");
    assert_eq!(warned("match = { name = { not = \"fw-*\" } }\nstop = true", ""), "");
    let sometimes = "stop = true\ntime_zone = \"UTC\"\nactive = [{ from = \"08:00\", to = \"18:00\" }]";
    assert_eq!(warned(sometimes, ""), "", "at other times it is used");
    assert!(warned(sometimes, sometimes).contains("never used: route `first` at "), "both at the same times");
    assert_eq!(warned(sometimes, &sometimes.replace("08", "07")), "", "it has an hour of its own");
    let ends = warned("match = { event = [\"*_recovered\", \"agent_still_silent\"] }", "");
    assert!(ends.contains("never used: ends and reminders go to whoever was told"), "{ends}");
    let nobodys = warned("match = { watch = \"defualt\" }", "match = { watch = [\"dmz\", \"al*\"] }");
    assert!(nobodys.contains("never used: there is no watch of that name"), "{nobodys}");
    assert_eq!(nobodys.matches("never used").count(), 1, "{nobodys}");
}

#[test]
fn ends_take_the_place_of_what_they_end_where_the_table_says_so() {
    let discord = |name: &str, more: &str| {
        let url = "https://discord.example/api/webhooks/1/x";
        format!("[channels.{name}]\nkind = \"discord\"\nwebhook_url = \"{url}\"\n{more}")
    };
    let channels = discord("edits", "on_resolve = \"edit\"\n") + &discord("replies", "");
    let place = Place::new().toml(&(FULL.to_owned() + &channels));
    let loaded = place.load_with(&Registry::new().with::<discord::Discord>(), &kinds::sources());
    let settings = loaded.settings.as_ref().unwrap_or_else(|| panic!("{:?}", place.lines(&loaded)));
    let edits = settings.channels.iter().map(|channel| (channel.name.as_str(), channel.edit));
    assert_eq!(edits.collect::<Vec<_>>(), [("edits", true), ("replies", false)]);
}

#[test]
fn the_files_that_are_read_with_a_configuration_are_known_and_none_that_is_written() {
    let place = Place::new()
        .with("title.txt", "{{ title }}")
        .with("holidays.txt", "2026-12-25\n")
        .with("hook", "https://hooks.slack.com/services/T0/B0/x")
        .with_identity("our.pem", "our.key")
        .toml(&format!(
            "{FULL}[[watches.all.classes]]\nmatch = {{ name = \"fw-*\" }}\ntime_zone = \"UTC\"\n\
             windows = [{{ from = \"08:00\", to = \"18:00\" }}]\nholidays_file = \"@/holidays.txt\"\n\
             [templates.mine]\ntitle_file = \"@/title.txt\"\n\
             [channels.slack]\nkind = \"slack\"\nwebhook_url = {{ file = \"@/hook\" }}\n\
             [channels.own]\nkind = \"webhook\"\nurl = \"https://desk.example/\"\n\
             client_certificate = \"@/our.pem\"\nclient_key = \"@/our.key\"\n[log]\nfile = \"@/x.log\"\n"
        ));
    let loaded = place.load_with(&default_channels(), &kinds::sources());
    assert!(loaded.settings.is_some(), "{}", place.shown(&loaded));
    let mut names: Vec<_> = loaded.files.iter().filter_map(|path| path.file_name()?.to_str()).collect();
    names.sort_unstable();
    assert_eq!(names, ["agents.csv", "holidays.txt", "hook", "our.key", "our.pem", "title.txt"]);
}
