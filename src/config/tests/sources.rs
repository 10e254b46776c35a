//! Which sources a watch reads, when its classes expect logs, and whether it can keep what they promise.

use super::Place;
use crate::config::latency;
use crate::source::default_sources;
use log_monitor_channels::default_channels;

const TABLES: &str = "[sources.wazuh]\nkind = \"indexer\"\nurl = \"https://indexer.example:9200\"\n\
    [sources.api]\nkind = \"server_api\"\nurl = \"https://manager.example:55000\"\nusername = \"u\"\n\
    password = { env = \"API_PASSWORD\" }\n[watches.default]\nagent_file = \"@/agents.csv\"\n";

fn sources(line: &str) -> Result<(String, Vec<String>), Vec<String>> {
    // Cargo's own variable stands in for a secret.
    let tables = TABLES.replace("API_PASSWORD", "CARGO_PKG_NAME");
    let place = Place::new().toml(&format!("{tables}{line}\n"));
    let loaded = place.load_with(&default_channels(), &default_sources());
    match &loaded.settings {
        Some(settings) => Ok((settings.watches[0].source.clone(), settings.watches[0].beside.clone())),
        None => Err(place.lines(&loaded).into_iter().filter(|line| line.starts_with("error")).collect()),
    }
}

#[test]
fn the_one_with_documents_decides_and_the_others_tell_why() {
    let both = Ok(("wazuh".to_owned(), vec!["api".to_owned()]));
    assert_eq!(sources(""), both, "one of each needs no name");
    assert_eq!(sources("source = [\"api\", \"wazuh\"]"), both);
    assert_eq!(sources("source = \"wazuh\""), Ok(("wazuh".to_owned(), Vec::new())));
}

#[test]
fn a_watch_without_documents_is_refused_at_its_place() {
    let errors = sources("source = \"api\"").unwrap_err();
    assert_eq!(errors.len(), 1, "{errors:?}");
    assert!(errors[0].contains("m.toml:11:10: none of these sources sees what agents log"), "{errors:?}");
    let errors = sources("source = [\"wazuh\", \"wazuh\"]").unwrap_err();
    assert!(errors[0].ends_with("m.toml:11:20: source `wazuh` is named twice"), "{errors:?}");
}

#[test]
fn several_sources_of_documents_are_read_together_if_they_tell_the_same_apart() {
    let file = |entity: &str| {
        format!(
            "source = [\"wazuh\", \"api\", \"alerts\"]\n[sources.alerts]\nkind = \"file\"\npath = \"a.json\"\n{entity}"
        )
    };
    let tables = TABLES.replace("API_PASSWORD", "CARGO_PKG_NAME");
    let loaded = Place::new()
        .toml(&format!("{tables}{}", file("")))
        .load_with(&default_channels(), &default_sources());
    let watch = &loaded.settings.unwrap().watches[0];
    assert_eq!(watch.documents().collect::<Vec<_>>(), ["wazuh", "alerts"]);
    assert_eq!(watch.beside, ["api"]);
    let errors = sources(&file("entity_field = \"predecoder.hostname\"")).unwrap_err();
    let said = "m.toml:11:10: `wazuh` knows agents by their ids, and `entity_field` of `alerts` names others";
    assert!(errors.len() == 1 && errors[0].contains(said), "{errors:?}");
    let parts = tables.replace(":9200\"\n", ":9200\"\nentity_field = [\"agent.id\", \"location\"]\n");
    let place = Place::new().toml(&format!("{parts}{}", file("entity_field = \"location\"")));
    let errors = place.lines(&place.load_with(&default_channels(), &default_sources())).join("\n");
    assert!(
        errors.contains("`entity_field` of `wazuh` names 2 fields, and that of `alerts` 1 field"),
        "{errors}"
    );
}

const DESK: &str =
    "[channels.desk]\nkind = \"webhook\"\nurl = \"https://desk.example/\"\n[channels.log]\nkind = \"log\"\n";

/// A promise about `001 web-01`, and who is told.
fn promise(limit: &str, rest: &str) -> String {
    format!(
        "source = \"wazuh\"\n[[watches.default.classes]]\nmatch = {{ name = \"web-*\" }}\ninterval = \"5m\"\n\
         max_time_to_notify = {limit:?}\n{rest}"
    )
}

#[test]
fn a_pinned_certificate_that_nobody_would_compare_is_refused_at_its_place() {
    let other = "source = \"wazuh\"\n[sources.other]\nkind = \"indexer\"\nurl = \"https://b.example:9200\"";
    let errors =
        sources(&format!("{other}\npinned_sha256 = \"{}\"\nverify_certificates = false", "00".repeat(32)));
    let errors = errors.unwrap_err();
    assert_eq!(errors.len(), 1, "{errors:?}");
    let expected = "m.toml:16:23: `verify_certificates`: `false` would take any certificate, not only that of `pinned_sha256`";
    assert!(errors[0].contains(expected), "{errors:?}");
    assert!(sources(&format!("{other}\nverify_certificates = false")).is_ok(), "by itself it is a warning");
}

#[test]
fn a_promise_that_cannot_be_kept_is_refused_with_the_sum() {
    assert!(sources(&promise("8m", DESK)).is_ok());
    let errors = sources(&promise("7m", DESK)).unwrap_err();
    assert_eq!(errors.len(), 1, "{errors:?}");
    let expected =
        "the first message about agent `001` may take 8m (5m interval + 1m grace + 1m poll + 1m group)";
    assert!(errors[0].ends_with(expected), "{errors:?}");
    let hours = "windows = [{ from = \"08:00\", to = \"18:00\" }]\ntime_zone = \"Europe/Rome\"\n";
    let errors = sources(&promise("7m", &format!("{hours}{DESK}"))).unwrap_err();
    assert!(
        errors[0].contains("may take 8m of the time in which logs are expected (5m interval +"),
        "{errors:?}"
    );
    let discovers = promise("7m", DESK).replacen('\n', "\ndiscover = {}\n", 1).replace("web-*", "new-*");
    let errors = sources(&discovers).unwrap_err();
    let expected =
        "about an agent of this class may take 14m (5m interval + 1m grace + 1m poll + 6m pipeline + 1m";
    assert!(errors[0].contains(expected), "{errors:?}");
}

#[test]
fn a_promise_counts_on_whoever_is_told_first_although_a_budget_may_be_used_up() {
    let routes = "[channels.boss]\nkind = \"webhook\"\nurl = \"https://boss.example/\"\nbudget = [\"2 per 1h\"]\n\
                  [[routes]]\nname = \"a\"\nsteps = [{ to = [\"log\"] }, { to = [\"boss\"], after = \"2m\" }]\n\
                  [[routes]]\nname = \"b\"\nsteps = [{ to = [\"desk\"] }]\ngroup = { interval = \"10m\" }\n\
                  [catch_all]\nsteps = [{ to = [\"desk\"] }]\n";
    let told = sources(&promise("20m", &format!("{DESK}{routes}")));
    assert!(told.is_ok(), "desk has no budget: {told:?}");
}

#[test]
fn a_promise_is_about_the_soonest_route_that_tells_a_person_first() {
    let route = |name: &str, steps: &str, rest: &str| {
        format!("[[routes]]\nname = {name:?}\nsteps = [{steps}]\n{rest}\n")
    };
    let to = |routes: &str| {
        sources(&promise("8m", &format!("{DESK}{routes}[catch_all]\nsteps = [{{ to = [\"desk\"] }}]\n")))
    };
    // What the log accepts goes no further.
    let log_first = route("log", "{ to = [\"log\"] }, { to = [\"desk\"] }", "");
    let errors = to(&log_first).unwrap_err();
    assert!(errors[0].contains("no person is certain to be told about agent `001`"), "{errors:?}");
    let slow = route("slow", "{ to = [\"log\", \"desk\"] }", "group.interval = \"5m\"");
    let errors = to(&format!("{log_first}{slow}")).unwrap_err();
    assert!(errors[0].contains("may take 12m (5m interval + 1m grace + 1m poll + 5m group)"), "{errors:?}");
    assert!(to(&format!("{log_first}{slow}{}", route("quick", "{ to = [\"desk\"] }", ""))).is_ok());
}

#[test]
fn an_escalation_tells_a_person_for_certain_and_after_its_time() {
    let to = |limit: &str, unless: &str| {
        let steps = format!("{{ to = [\"log\"] }}, {{ to = [\"desk\"], after = \"5m\"{unless} }}");
        sources(&promise(limit, &format!("{DESK}[catch_all]\nsteps = [{steps}]\n")))
    };
    assert!(to("13m", "").is_ok(), "{:?}", to("13m", ""));
    assert!(to("13m", ", unless = \"acked\"").is_ok(), "only a person acknowledges");
    let errors = to("12m", "").unwrap_err();
    assert!(
        errors[0]
            .contains("may take 13m (5m interval + 1m grace + 1m poll + 1m group + 5m escalation to desk)"),
        "{errors:?}"
    );
}

#[test]
fn a_budget_breaks_a_promise_where_no_other_channel_of_the_step_is_without_one() {
    let to = |names: &str| {
        let desks =
            "budget = [\"2 per 1h\"]\n[channels.other]\nkind = \"webhook\"\nurl = \"https://o.example/\"\n";
        let desks = DESK.replacen("[channels.log]", &format!("{desks}[channels.log]"), 1);
        sources(&promise("8m", &format!("{desks}[catch_all]\nsteps = [{{ to = [{names}] }}]\n")))
    };
    assert!(to("\"desk\", \"other\"").is_ok());
    let errors = to("\"desk\"").unwrap_err();
    assert!(
        errors[0]
            .contains("may take 1h 8m (5m interval + 1m grace + 1m poll + 1m group + 1h budget of desk)"),
        "{errors:?}"
    );
}

#[test]
fn a_promise_holds_at_all_hours_at_which_logs_are_expected() {
    let day = "[[routes]]\nname = \"day\"\nactive = [{ days = [\"mon-fri\"], from = \"08:00\", to = \"18:00\" }]\n\
               time_zone = \"UTC\"\nsteps = [{ to = [\"desk\"] }]\n[catch_all]\nsteps = [{ to = [\"log\"] }]\n";
    let errors = sources(&promise("8m", &format!("{DESK}{day}"))).unwrap_err();
    assert_eq!(errors.len(), 1, "{errors:?}");
    assert!(errors[0].contains("is certain to be told about agent `001` (Mon 00:00 UTC)"), "{errors:?}");
    let hours = |days: &str| {
        format!(
            "windows = [{{ days = [{days:?}], from = \"09:00\", to = \"17:00\" }}]\ntime_zone = \"UTC\"\n"
        )
    };
    assert!(sources(&promise("8m", &format!("{}{DESK}{day}", hours("mon-fri")))).is_ok());
    let errors = sources(&promise("8m", &format!("{}{DESK}{day}", hours("mon-sat")))).unwrap_err();
    assert!(errors[0].contains("(Sat 09:00 UTC)"), "{errors:?}");
}

#[test]
fn quiet_hours_of_a_route_break_a_promise_unless_it_is_severe_enough() {
    let quiet = |severity: &str| {
        let routes = "[catch_all]\nsteps = [{ to = [\"desk\"] }]\n\
                      quiet = { windows = [{ from = \"22:00\", to = \"07:00\" }], time_zone = \"UTC\", below = \"high\" }\n";
        sources(&promise("8m", &format!("labels.severity = {severity:?}\n{DESK}{routes}")))
    };
    assert!(quiet("high").is_ok());
    let errors = quiet("medium").unwrap_err();
    let expected =
        "may take 9h 7m (Mon 22:00 UTC) (5m interval + 1m grace + 1m poll + 9h quiet hours of catch_all)";
    assert!(errors[0].ends_with(expected), "{errors:?}");
}

#[test]
fn the_sum_says_whose_acceptance_it_hangs_on() {
    let said = |steps: &str| {
        let tables = TABLES.replace("API_PASSWORD", "CARGO_PKG_NAME");
        let desks = format!("{DESK}[channels.other]\nkind = \"webhook\"\nurl = \"https://other.example/\"\n");
        let place = Place::new().toml(&format!("{tables}{desks}[catch_all]\nsteps = [{steps}]\n"));
        let loaded = place.load_with(&default_channels(), &default_sources());
        let settings = loaded.settings.unwrap_or_else(|| panic!("{}", loaded.diagnostics.render(false)));
        latency::condition(latency::Sure { route: &settings.routes[0], at: 0 }, &settings.channels)
    };
    let desk = "{ to = [\"desk\"] }, { to = [\"other\", \"desk\"] }";
    assert_eq!(said(desk), "if desk accepts; if not, up to 30s more until other");
    assert_eq!(
        said("{ to = [\"other\", \"desk\"] }"),
        "if other or desk accepts; if not, no other person is told"
    );
    // The log always accepts.
    let step = "{ to = [\"desk\", \"log\"] }, { to = [\"other\"] }";
    assert_eq!(said(step), "if desk accepts; if not, no other person is told");
    let all = step.replacen(" }", ", need = \"all\" }", 1);
    assert_eq!(said(&all), "if desk accepts; if not, up to 30s more until other");
    let escalation = step.replacen("[\"other\"]", "[\"other\"], after = \"2h\"", 1);
    assert_eq!(said(&escalation), "if desk accepts; if not, up to 2h more until other");
}

#[test]
fn hours_of_a_class_are_read_and_each_mistake_in_them_is_told() {
    let class = |rest: &str| {
        format!("source = \"wazuh\"\n[[watches.default.classes]]\nmatch = {{ name = \"web-*\" }}\n{rest}")
    };
    let good = "windows = [{ days = [\"mon-fri\", \"sun\"], from = \"22:00\", to = \"24:00\" }]";
    assert!(sources(&class(&format!("{good}\ntime_zone = \"Europe/Rome\""))).is_ok());
    let bad = "windows = [{ days = [\"mon-fir\"], from = \"8\", to = \"25:00\" }]\ntime_zone = \"Europe/Roma\"\n\
               holidays_file = \"none.txt\"";
    let errors = sources(&class(bad)).unwrap_err().join("\n");
    for said in [
        "`mon-fir` is no day of the week",
        "`8` is no time of the day",
        "`25:00` is no time of the day",
        "unknown time zone `Europe/Roma` (did you mean `Europe/Rome`?)",
        "cannot read the holidays file none.txt",
    ] {
        assert!(errors.contains(said), "{said} is not in\n{errors}");
    }
    let errors = sources(&class(good)).unwrap_err();
    assert!(errors[0].contains("windows of no time zone"), "{errors:?}");
}

#[test]
fn maintenance_is_read_and_each_mistake_in_it_is_told() {
    let table = |rest: &str| {
        format!("source = \"wazuh\"\n[[watches.default.maintenance]]\ntime_zone = \"Europe/Rome\"\n{rest}")
    };
    for good in [
        "from = \"2026-03-01 22:00\"\nto = \"2026-03-02 04:00\"",
        "days = [\"sat-sun\"]\nfrom = \"22:00\"\nto = \"04:00\"",
        "days = [\"2nd tue\", \"last fri\"]\nfrom = \"22:00\"\nto = \"04:00\"\nmatch = { name = \"web-*\" }",
    ] {
        assert!(sources(&table(good)).is_ok(), "{good}: {:?}", sources(&table(good)));
    }
    for (bad, said) in [
        ("from = \"2026-03-01 22:00\"\nto = \"2026-03-01 04:00\"", "it ends before it begins"),
        ("days = [\"6th tue\"]\nfrom = \"22:00\"\nto = \"04:00\"", "`6th tue` is no day"),
        ("from = \"2026-03-01 22:00\"\nto = \"04:00\"", "`2026-03-01 22:00` is no time of the day"),
        (
            "days = [\"sun\"]\nfrom = \"2026-03-01 22:00\"\nto = \"2026-03-02 04:00\"",
            "m.toml:14:9: `days` means nothing where `from` and `to` name the days",
        ),
        ("from = \"22:00\"", "missing key `to`"),
    ] {
        let errors = sources(&table(bad)).unwrap_err().join("\n");
        assert!(errors.contains(said), "{said} is not in\n{errors}");
    }
}

#[test]
fn a_time_zone_or_holidays_without_windows_are_a_warning_at_their_place() {
    let tables = TABLES.replace("API_PASSWORD", "CARGO_PKG_NAME");
    let class = "[[watches.default.classes]]\nmatch = { name = \"web-*\" }\ntime_zone = \"Europe/Rome\"\n\
                 holidays_file = \"@/agents.csv\"\n";
    let place = Place::new().toml(&format!("{tables}{class}"));
    let told = place.lines(&place.load_with(&default_channels(), &default_sources()));
    for (at, key) in [("m.toml:13:13", "time_zone"), ("m.toml:14:17", "holidays_file")] {
        let warning = format!("warning: {at}: `{key}` changes nothing without `windows`");
        assert!(told.iter().any(|line| line.starts_with(&warning)), "{told:#?}");
    }
}

#[test]
fn overlapping_windows_are_a_warning_with_their_line() {
    let tables = TABLES.replace("API_PASSWORD", "CARGO_PKG_NAME");
    let told = |windows: &str| {
        let class = format!(
            "[[watches.default.classes]]\nmatch = {{ name = \"web-*\" }}\ntime_zone = \"Europe/Rome\"\nwindows = [\n\
             {{ from = \"08:00\", to = \"12:00\" }},\n{windows}\n]\n"
        );
        let place = Place::new().toml(&format!("{tables}{class}"));
        place.lines(&place.load_with(&default_channels(), &default_sources())).join("\n")
    };
    for (window, said) in [
        (
            "{ days = [\"sat\"], from = \"11:59\", to = \"13:00\" }",
            "m.toml:16:26: this window overlaps another one",
        ),
        (
            "{ days = [\"sat\"], from = \"07:00\", to = \"08:01\" }",
            "m.toml:16:26: this window overlaps another one",
        ),
        (
            "{ from = \"08:00\", to = \"12:00\" }",
            "m.toml:16:10: the window mon-sun 08:00-12:00 stands here twice",
        ),
    ] {
        let told = told(window);
        assert!(told.contains(&format!("warning: {said}")), "{said} is not in\n{told}");
    }
    let beside = told("{ from = \"12:00\", to = \"24:00\" }, { from = \"24:00\", to = \"08:00\" }");
    assert!(!beside.contains("this window") && !beside.contains("twice"), "{beside}");
    let night = told("{ days = [\"mon-fri\"], from = \"18:00\", to = \"09:00\" }");
    assert!(!night.contains("this window"), "a night may reach into another day's window: {night}");
}

#[test]
fn rules_of_suspicion_are_read_and_each_mistake_in_them_is_told() {
    let of = |keys: &str| format!("[watches.default.suspicion]\n{keys}");
    let good = "rules = [\"1000*\"]\ngroups = []\nlevel = 0\nwithin = \"1h\"\nseverity = \"critical\"";
    assert!(sources(&of(good)).is_ok());
    for (bad, place, said) in [
        ("severity = \"hgh\"", "12:12", "hgh"),
        ("level = 17", "12:9", "up to 16"),
        ("level = \"high\"", "12:9", "level"),
        ("rules = \"505\"", "12:9", "rules"),
        ("within = \"0s\"", "12:10", "within"),
        ("groups = [\"a\"]\nrule = [\"505\"]", "13:1", "unknown key `rule`"),
    ] {
        let errors = sources(&of(bad)).unwrap_err();
        assert_eq!(errors.len(), 1, "{bad}: {errors:?}");
        assert!(
            errors[0].contains(&format!("m.toml:{place}")) && errors[0].contains(said),
            "{bad}: {errors:?}"
        );
    }
}

#[test]
fn dependencies_are_read_and_a_number_that_means_nothing_is_told() {
    let of = |need: &str| {
        format!(
            "[[watches.default.dependencies]]\nmatch = {{ name = \"db-*\" }}\non = {{ name = \"web-*\" }}\nneed = {need}"
        )
    };
    assert!(sources(&of("1")).is_ok() && sources(&of("\"50%\"")).is_ok());
    for bad in ["0", "\"half\"", "\"0%\"", "\"120%\"", "-1"] {
        let errors = sources(&of(bad)).unwrap_err();
        assert_eq!(errors.len(), 1, "{bad}: {errors:?}");
        assert!(errors[0].contains("number"), "{bad}: {errors:?}");
    }
}

#[test]
fn only_those_that_depend_on_others_wait_for_these() {
    let of = |id: &str| {
        let class = format!(
            "[[watches.default.classes]]\nmatch = {{ id = \"{id}\" }}\nmax_time_to_notify = \"20m\"\n"
        );
        let behind = "[[watches.default.dependencies]]\nmatch = { id = \"002\" }\non = { id = \"001\" }\n";
        sources(&[&class, behind, DESK].concat())
    };
    assert!(of("001").is_ok(), "{:?}", of("001"));
    let errors = of("002").unwrap_err();
    assert!(errors[0].contains("the first message about agent `002` may take"), "{errors:?}");
}

#[test]
fn agents_that_depend_on_each_other_are_refused_at_their_place() {
    let of = |who: &str, on: &str| {
        format!("[[watches.default.dependencies]]\nmatch = {{ id = \"{who}\" }}\non = {{ id = \"{on}\" }}\n")
    };
    assert!(sources(&[of("001", "002"), of("002", "003")].concat()).is_ok());
    let errors = sources(&[of("001", "002"), of("002", "001")].concat()).unwrap_err();
    let said = |id: &str| format!("by this and others agent `{id}` depends on itself");
    assert_eq!(errors.len(), 2, "{errors:?}");
    assert!(errors[0].contains(&said("001")) && errors[1].contains(&said("002")), "{errors:?}");
    assert!(errors[0].contains("m.toml:13:6"), "{errors:?}");
}

#[test]
fn a_watch_may_discover_its_agents_instead_of_naming_them() {
    let tables =
        TABLES.replace("API_PASSWORD", "CARGO_PKG_NAME").replace("agent_file = \"@/agents.csv\"\n", "");
    let load_of = |tables: &str, line: &str| {
        let place = Place::new().toml(&format!("{tables}{line}\n"));
        let loaded = place.load_with(&default_channels(), &default_sources());
        let lister = loaded.settings.as_ref().map(|settings| {
            settings.watches[0].discover.as_ref().map(|discover| discover.source.clone()).unwrap_or_default()
        });
        lister.ok_or_else(|| place.lines(&loaded).join("\n"))
    };
    let load = |line: &str| load_of(&tables, line);
    assert_eq!(load("discover = {}"), Ok("api".to_owned()), "a list of agents, not of who logs");
    assert_eq!(load("source = \"wazuh\"\ndiscover = {}"), Ok("wazuh".to_owned()));
    let hosts = "[sources.wazuh]\nentity_field = \"predecoder.hostname\"\n";
    let of_hosts = tables.replacen("[sources.wazuh]\n", hosts, 1);
    assert_ne!(of_hosts, tables);
    let load_hosts = |line: &str| load_of(&of_hosts, line);
    assert_eq!(load_hosts("discover = {}"), Ok("wazuh".to_owned()), "the API knows no hosts");
    let errors = load_hosts("discover = { source = \"api\" }").unwrap_err();
    assert!(
        errors.contains("`api` knows agents by their ids, and `entity_field` of `wazuh` names others"),
        "{errors}"
    );
    assert!(errors.starts_with("error: m.toml:11:23: "), "{errors}");
    let errors = load("").unwrap_err();
    assert!(errors.contains("missing key `agent_file` in `watches.default`"), "{errors}");
    let errors = load("discover = { source = \"apo\", exclude = [{ grup = \"x\" }] }").unwrap_err();
    assert!(errors.contains("unknown source `apo`") && errors.contains("unknown key `grup`"), "{errors}");
}

/// What is told of these lines of a watch, whose tables are `tables`.
fn told(tables: &str, lines: &str) -> Vec<String> {
    let place = Place::new().toml(&format!("{}{lines}\n", tables.replace("API_PASSWORD", "CARGO_PKG_NAME")));
    place.lines(&place.load_with(&default_channels(), &default_sources()))
}

#[test]
fn a_rule_for_no_agent_of_the_file_is_a_warning_at_its_place() {
    let window = "from = \"22:00\"\nto = \"04:00\"\ntime_zone = \"UTC\"";
    for (table, rest) in [("classes", ""), ("maintenance", window), ("dependencies", "on = { id = \"001\" }")]
    {
        let of = |name: &str| {
            let rule = format!("[[watches.default.{table}]]\nmatch = {{ name = {name:?} }}\n{rest}");
            told(TABLES, &rule).into_iter().filter(|line| line.contains("m.toml:12")).collect::<Vec<_>>()
        };
        assert_eq!(of("nix"), ["warning: m.toml:12:9: this matches no agent of the agent file"], "{table}");
        assert_eq!(of("db-*"), [""; 0], "{table}");
    }
}

#[test]
fn a_rule_about_what_the_list_of_agents_does_not_tell_is_a_warning_at_its_key() {
    let discovers = TABLES.replace("agent_file = \"@/agents.csv\"\n", "source = \"wazuh\"\n");
    let with = |tables: &str, lines: &str| {
        let about = |line: &String| line.contains(" tells no ");
        told(tables, lines).into_iter().filter(about).collect::<Vec<_>>()
    };
    let prod = "discover = { include = [{ group = \"prod\" }], exclude = [{ node = \"n2\" }, { name = \"lab-*\" }] }";
    let no_group =
        "warning: m.toml:11:35: the list of source `wazuh` tells no `group`, so this matches no agent";
    assert_eq!(with(&discovers, prod), [no_group]);
    let class = "discover = {}\n[[watches.default.classes]]\nmatch = { group = { not = \"lab\" } }";
    let excepts =
        "warning: m.toml:13:19: the list of source `wazuh` tells no `group`, so this excepts no agent";
    assert_eq!(with(&discovers, class), [excepts]);
    let lists = discovers.replacen("\n", "\ninventory_index = \"wazuh-monitoring-*\"\n", 1);
    assert_eq!(with(&lists, prod), [""; 0]);
    let api = discovers.replace("source = \"wazuh\"\n", "");
    assert_eq!(with(&api, prod), [""; 0], "the API lists them");
    let file = "[sources.wazuh]\nkind = \"file\"\npath = \"/var/ossec/logs/archives/archives.json\"\n\
                entity_field = \"location\"\n[watches.default]\n";
    let told = with(file, prod);
    assert_eq!(told.len(), 2, "{told:#?}");
    assert!(told[0].contains("m.toml:6:35: ") && told[1].contains("m.toml:6:83: "), "{told:#?}");
}
