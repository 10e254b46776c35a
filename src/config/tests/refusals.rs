//! What is refused: where it is told, and what is proposed instead.

use log_monitor_channels::EventKind;

use super::Place;

/// A configuration without a mistake, for tests to make one in.
const GOOD: &str = r#"schema = 1
installation = "soc"

[sources.wazuh]
kind = "indexer"
url = "https://indexer:9200"
ca_file = "@/ca.pem"

[watches.default]
source = "wazuh"
agent_file = "@/agents.csv"
interval = "15m"
classes = [{ match = { name = "web-*" }, interval = "5m", labels = { severity = "high" } }]

[channels.soc]
kind = "slack"
webhook_url = { file = "@/hook" }
max_in_flight = 2

[channels.oncall]
kind = "email"
host = "mail.example.org"
port = 587
from = "a@example.org"
to = ["b@example.org"]

[[routes]]
name = "all"
match = { event = "agent_silent", severity = ["high", "crit*"] }
steps = [{ to = ["soc"], fallback_after = "3m" }, { to = ["oncall"] }]
reminders = { first = "15m", factor = 2, max = "24h" }

[catch_all]
steps = [{ to = ["oncall"] }]

[journal]
path = "state/x.db"

[log]
level = "info"
"#;

fn place(toml: &str) -> Place {
    let place = Place::new().with("hook", "https://hooks.example/services/T/B/xyzzyxyzzy").toml(toml);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let hook = place.dir.path().join("hook");
        std::fs::set_permissions(hook, std::fs::Permissions::from_mode(0o600)).unwrap();
    }
    place
}

#[test]
fn the_good_one_is_good() {
    let place = place(GOOD);
    let loaded = place.load();
    assert!(loaded.settings.is_some(), "{}", place.shown(&loaded));
    assert_eq!(place.lines(&loaded), Vec::<String>::new());
}

#[test]
fn each_mistake_is_told_at_its_own_place_with_the_right_word() {
    // What is replaced, by what, the text that the message must point at, and the message.
    let cases: &[(&str, &str, &str, &str)] = &[
        ("kind = \"slack\"", "kind = \"slak\"", "\"slak\"", "unknown kind `slak` (did you mean `slack`?)"),
        (
            "kind = \"indexer\"",
            "kind = \"indxer\"",
            "\"indxer\"",
            "unknown kind `indxer` (did you mean `indexer`?)",
        ),
        ("kind = \"email\"\n", "", "[channels.oncall]", "missing key `kind` in `channels.oncall`"),
        (
            "interval = \"15m\"",
            "intervall = \"15m\"",
            "intervall",
            "unknown key `intervall` (did you mean `interval`?)",
        ),
        ("[journal]", "[jurnal]", "jurnal", "unknown key `jurnal` (did you mean `journal`?)"),
        (
            "\"soc\"], fallback",
            "\"sco\"], fallback",
            "\"sco\"",
            "unknown channel `sco` (did you mean `soc`?)",
        ),
        ("= \"wazuh\"", "= \"wazu\"", "\"wazu\"", "unknown source `wazu` (did you mean `wazuh`?)"),
        (
            "agent_silent",
            "agent_silnt",
            "\"agent_silnt\"",
            "unknown event `agent_silnt` (did you mean `agent_silent`?)",
        ),
        (
            "\"crit*\"",
            "\"critcal*\"",
            "\"critcal*\"",
            "unknown severity `critcal*` (did you mean `critical`?)",
        ),
        (
            "\"crit*\"] }",
            "\"crit*\"], cause = \"disconected\" }",
            "\"disconected\"",
            "unknown cause `disconected` (did you mean `disconnected`?)",
        ),
        ("y = \"high\"", "y = \"hgih\"", "\"hgih\"", "unknown severity `hgih` (did you mean `high`?)"),
        ("{ name = \"web-*\"", "{ nmae = \"web-*\"", "nmae", "unknown key `nmae` (did you mean `name`?)"),
        ("\"15m\"\nclass", "\"15 mm\"\nclass", "\"15 mm\"", "`interval`: `15 mm` is not a duration"),
        ("\"15m\"\nclass", "15\nclass", "15\n", "`interval`: a duration needs a unit: write \"15s\""),
        ("\"15m\"\nclass", "\"0s\"\nclass", "\"0s\"", "`interval`: it must be longer than zero"),
        ("\"15m\"\nclass", "\"9999y\"\nclass", "\"9999y\"", "`interval`: `9999y` is too long"),
        (
            "\"15m\"\nclass",
            "\"15m\"\nsuspicion.level = 17\nclass",
            "17\n",
            "`level`: the levels of Wazuh's rules go up to 16",
        ),
        ("factor = 2", "factor = 0.5", "0.5", "`factor`: the factor must be from 1 to 1000"),
        (
            "[journal]",
            "quiet = [{ windows = [{ from = \"22:00\", to = \"06:00\" }], time_zone = \"UTC\" }]\n[journal]",
            "[{ windows",
            "`quiet`: expected a table, found a list",
        ),
        ("to = [\"soc\"]", "to = []", "[], fallback", "`to` is empty"),
        ("steps = [{ to = [\"oncall\"] }]", "steps = []", "[]\n", "`steps` is empty"),
        (
            "[journal]",
            "[health]\ntell = [\"oncal\"]\n[journal]",
            "\"oncal\"",
            "unknown channel `oncal` (did you mean `oncall`?)",
        ),
        ("[journal]", "[health]\ntell = []\n[journal]", "[]\n[jour", "`tell` is empty"),
        (
            "[journal]",
            "[health]\ntell = [{ to = [\"soc\"] }]\n[journal]",
            "{ to = [\"soc\"] }]\n[jour",
            "expected a string, found a table",
        ),
        ("schema = 1", "schema = 1\nlinks = [1]", "[1]", "`links`: expected a table, found a list"),
        (
            "[journal]",
            "[[routes]]\nname = 'health'\nsteps = [{ to = [\"soc\"] }]\n[health]\ntell = [\"soc\"]\n[journal]",
            "[\"soc\"]\n[journal]",
            "a route is named `health`",
        ),
        ("fallback_after = \"3m\"", "after = \"3m\"", "\"3m\"", "the first step is told at once"),
        (
            "{ to = [\"oncall\"] }]\nrem",
            "{ to = [\"oncall\"], unless = \"acked\" }]\nrem",
            "\"acked\"",
            "`unless` is for a step that has an `after`",
        ),
        (
            "{ to = [\"oncall\"] }]\nrem",
            "{ to = [\"oncall\"], after = \"2h\" }, { to = [\"soc\"], after = \"90m\" }]\nrem",
            "\"90m\"",
            "it is not later than an `after` above it",
        ),
        (
            "[catch_all]\nsteps = [{ to = [\"oncall\"] }]\n",
            "",
            "[[routes]]",
            "there are routes, but no `[catch_all]`",
        ),
        (
            "[journal]",
            "[[routes]]\nname = 'all'\nsteps = [{ to = [\"soc\"] }]\n[journal]",
            "'all'",
            "a second route is named `all`",
        ),
        ("name = \"all\"\n", "", "[[routes]]", "missing key `name` in `routes[1]`"),
        (
            "severity = [\"high\", \"crit*\"]",
            "name = { regex = \"fw-(\" }",
            "\"fw-(\"",
            "`regex`: not a regular expression: ",
        ),
        (
            "severity = [\"high\", \"crit*\"]",
            "name = { nott = \"fw\" }",
            "nott",
            "unknown key `nott` (did you mean `not`?)",
        ),
        (
            "severity = [\"high\", \"crit*\"] }",
            "name = { not = \"fw-*\" } }\nactive = [{ from = \"08:00\", to = \"18:00\" }]",
            "\"08:00\"",
            "windows of no time zone",
        ),
        ("[journal]", "[channels.'soc']\n[journal]", "'soc'", "duplicate key"),
        (
            "{ file = \"@/hook\" }",
            "{ env = \"LOG_MONITOR_UNSET\" }",
            "{ env",
            "`webhook_url`: environment variable `LOG_MONITOR_UNSET` is not set",
        ),
        (
            "{ file = \"@/hook\" }",
            "{ file = \"@/no\" }",
            "{ file",
            "`webhook_url`: secret file no: No such file",
        ),
        ("https://indexer", "http://indexer", "\"http:", "`url`"),
        ("https://indexer", "indexer", "\"indexer:9200", "`url`"),
        (
            "port = 587",
            "port = 99999",
            "99999",
            "`port`: expected a whole number from 0 to 65535, found integer `99999`",
        ),
        ("[\"b@example.org\"]", "[\"b\"]", "[\"b\"]", "`to`: that is no address"),
        (
            "[journal]",
            "group = { by = [\"site\", \"\"] }\n[journal]",
            "\"\"",
            "a key has 1 to 64 characters, and no control characters",
        ),
        (
            "max_in_flight = 2",
            "budget = [\"1 per 1s\", \"20 in 10m\"]",
            "\"20 in",
            "`20 in 10m` is not a budget: write a number and a time, such as \"20 per 10m\"",
        ),
        (
            "max_in_flight = 2",
            "max_in_flight = 0",
            "0\n\n[channels.oncall",
            "`max_in_flight`: expected a whole number above 0",
        ),
        (
            "max_in_flight = 2",
            "max_in_flght = 2",
            "max_in_flght",
            "unknown key `max_in_flght` (did you mean `max_in_flight`?)",
        ),
        ("max_in_flight = 2", "budgt = []", "budgt", "unknown key `budgt` (did you mean `budget`?)"),
        (
            "max_in_flight = 2",
            "tempalte = \"x\"",
            "tempalte",
            "unknown key `tempalte` (did you mean `template`?)",
        ),
        (
            "max_in_flight = 2",
            "langage = \"it\"",
            "langage",
            "unknown key `langage` (did you mean `language`?)",
        ),
        ("@/ca.pem", "@/ca.pme", "\"@/ca.pme", "CA file ca.pme: No such file"),
        ("@/ca.pem", "@/./agents.csv", "\"@/./agents", "CA file ./agents.csv: it holds no certificate"),
        ("@/agents.csv", "@/agent.csv", "\"@/agent.csv", "cannot read the agent file agent.csv"),
        ("schema = 1", "schema = 2", "2", "schema 2 is not known"),
        ("\"info\"", "\"inf\"", "\"inf\"", "`level`: unknown value `inf` (did you mean `info`?)"),
        ("from = \"a@example.org\"\n", "", "[channels.oncall]", "missing key `from` in `channels.oncall`"),
        ("path = \"state/x.db\"", "path = 5", "5\n\n[log]", "`path`: expected a path, found integer `5`"),
    ];
    for (good, bad, marker, message) in cases {
        assert!(GOOD.contains(good), "{good}");
        let text = GOOD.replacen(good, bad, 1);
        let place = place(&text);
        let loaded = place.load();
        let lines = place.lines(&loaded);
        assert!(loaded.settings.is_none(), "{bad} passed");
        let wanted = format!("error: m.toml:{}: {message}", position(&text, marker));
        assert!(lines.iter().any(|line| line.starts_with(&wanted)), "{wanted}\n{lines:#?}");
        assert_eq!(lines.len(), 1, "one mistake, one message: {lines:#?}");
    }
}

#[test]
fn a_kind_under_another_key_is_told_with_the_right_one() {
    for kind in ["\"slack\"", "\"indexer\""] {
        let text = GOOD.replacen(&format!("kind = {kind}"), &format!("knd = {kind}"), 1);
        let place = place(&text);
        let wanted =
            format!("error: m.toml:{}: unknown key `knd` (did you mean `kind`?)", position(&text, "knd"));
        let lines = place.lines(&place.load());
        assert!(lines.iter().any(|line| line.starts_with(&wanted)), "{wanted}\n{lines:#?}");
    }
}

/// `LINE:COLUMN` of a text in another.
fn position(text: &str, marker: &str) -> String {
    let at = text.find(marker).unwrap_or_else(|| panic!("{marker}"));
    let line = text[..at].matches('\n').count() + 1;
    let column = at - text[..at].rfind('\n').map_or(0, |newline| newline + 1) + 1;
    format!("{line}:{column}")
}

#[test]
fn all_mistakes_of_all_tables_are_told_in_one_run() {
    let text = GOOD
        .replace("ca_file", "cafile")
        .replace("interval = \"15m\"", "interval = 15\ngrace = \"x\"\nagents = 3")
        .replace("port = 587", "port = \"y\"\nhots = \"z\"")
        .replace("host = \"mail.example.org\"\n", "")
        .replace(
            "[\"soc\"], fallback_after = \"3m\"",
            "[\"sco\", \"onkall\"], fallback_after = 7, ned = \"any\"",
        )
        .replace("level = \"info\"", "level = 8\nfiel = \"x\"");
    let place = place(&text);
    let loaded = place.load();
    let markers = [
        "cafile",
        "15\n",
        "\"x\"",
        "agents = 3",
        "[channels.oncall]",
        "\"y\"",
        "hots",
        "\"sco\"",
        "\"onkall\"",
        "7,",
        "ned",
        "8\n",
        "fiel",
    ];
    let wanted: Vec<_> = markers.iter().map(|marker| position(&text, marker)).collect();
    let lines = place.lines(&loaded);
    let found: Vec<_> = lines
        .iter()
        .map(|line| {
            line.trim_start_matches("error: m.toml:").split(':').take(2).collect::<Vec<_>>().join(":")
        })
        .collect();
    assert_eq!(found, wanted, "{}", place.shown(&loaded));
}

#[test]
fn all_syntax_errors_are_told_at_once_and_a_channel_that_works_is_kept() {
    let place = place("[channels.soc]\nkind = \"log\"\n[log]\na = \nb = 1\nb = 2\n");
    let loaded = place.load();
    let lines = place.lines(&loaded);
    assert_eq!(lines.len(), 2, "{lines:#?}");
    assert!(lines[0].starts_with("error: m.toml:4:5") && lines[1].starts_with("error: m.toml:6:1"));
    assert_eq!(loaded.usable_channels.len(), 1);
}

#[test]
fn a_misspelt_key_of_a_route_is_told_at_its_own_place() {
    let text = GOOD.replace(
        "severity = [\"high\", \"crit*\"] }",
        "sevrity = \"high\" }\ngroup = { by = [\"site\", \"nod\"] }",
    );
    let place = place(&text);
    let lines = place.lines(&place.load());
    for (marker, key, meant) in [("sevrity", "sevrity", "severity"), ("\"nod\"", "nod", "node")] {
        let at = position(&text, marker);
        let wanted = format!(
            "warning: m.toml:{at}: no class and nothing else here gives `{key}` to an event (did you mean `{meant}`?)"
        );
        assert!(lines.contains(&wanted), "{wanted}\n{lines:#?}");
    }
}

#[test]
fn channels_in_order_can_tell_of_a_failure_elsewhere() {
    let place = place(&GOOD.replace("agents.csv", "gone.csv").replace("port = 587", "prot = 587"));
    let loaded = place.load();
    assert!(loaded.settings.is_none());
    let usable: Vec<_> = loaded.usable_channels.iter().map(|channel| channel.name.as_str()).collect();
    assert_eq!(usable, ["soc"]);
}

#[test]
fn nothing_configured_says_what_is_needed_and_names_the_demo() {
    let place = Place::new();
    let loaded = place.load();
    assert!(loaded.settings.is_none());
    let shown = place.shown(&loaded);
    for word in
        ["WAZUH_URL", "USERNAME", "PASSWORD", "AGENT_LIST_FILE", "log_counter.env", "log-monitor demo"]
    {
        assert!(shown.contains(word), "{word} is not in {shown}");
    }
}

#[test]
fn variables_and_files_that_cannot_be_read_are_named() {
    let place = place(GOOD)
        .variable("LOG_MONITOR__LOG__LEVL", "info")
        .variable("LOG_MONITOR__CHANNELS__ONCALL__PORT", "many")
        .variable("LOG_MONITOR__", "x")
        .with("env-files/slack.env", b"SLACK_CHANNEL=\xff\n");
    let lines = place.lines(&place.load());
    for wanted in [
        "error: LOG_MONITOR__LOG__LEVL: unknown key `levl` (did you mean `level`?)",
        "error: LOG_MONITOR__CHANNELS__ONCALL__PORT: `port`: expected a whole number from 0 to 65535, found string \"many\"",
        "error: LOG_MONITOR__: this variable names no key (write LOG_MONITOR__SECTION__KEY)",
        "error: env-files/slack.env: cannot read env-files/slack.env: line 1 is not UTF-8",
    ] {
        assert!(lines.iter().any(|line| line == wanted), "{wanted}\n{lines:#?}");
    }
}

#[test]
fn hostile_files_are_refused_without_a_panic() {
    let deep = format!("a = {}{}", "[".repeat(100_000), "]".repeat(100_000));
    let dotted = format!("{} = 1", vec!["a"; 100_000].join("."));
    let header = format!("[{}]", vec!["a"; 100_000].join("."));
    let many = format!("[catch_all]\nsteps = [{}]", "5,".repeat(20_000));
    let wide = vec![b'#'; 50 << 20];
    let cases: [&[u8]; 8] = [
        deep.as_bytes(),
        dotted.as_bytes(),
        header.as_bytes(),
        many.as_bytes(),
        &wide,
        b"\xff\xfe\x00",
        b"\0\0\0",
        b"sources = 1\nwatches = []\nchannels = \"x\"\nroutes = {}\ncatch_all = [1]\nlog = 1\njournal = true",
    ];
    for case in cases {
        let place = Place::new().with("m.toml", case);
        let loaded = place.load();
        assert!(loaded.settings.is_none());
        assert!(!place.shown(&loaded).is_empty());
    }
}

#[test]
fn the_owner_of_a_channel_is_told_first_and_whoever_else_the_catch_all_has_is_the_fallback() {
    let steps = |to: &str| GOOD.replace("[{ to = [\"oncall\"] }]", to);
    let text = steps("[{ to = [\"soc\"] }, { to = [\"soc\", \"oncall\"] }]");
    let place = place(&text.replace("[journal]", "[health]\ntell = [\"soc\"]\n\n[journal]"));
    let loaded = place.load();
    let settings = loaded.settings.unwrap_or_else(|| panic!("{}", loaded.diagnostics.render(false)));
    let about = |kind, cause: &str| log_monitor_channels::Event {
        kind,
        cause: cause.to_owned(),
        ..crate::dispatch::fixtures::agent_silent("001", "web-01")
    };
    let told = |kind, cause| {
        let routes = crate::dispatch::router::select(&settings.routes, &about(kind, cause));
        let steps = routes.iter().flat_map(|route| &route.steps).map(|step| step.to.join("+"));
        steps.collect::<Vec<_>>()
    };
    assert_eq!(told(EventKind::ChannelUnhealthy, "auth"), ["soc", "oncall"]);
    assert_eq!(told(EventKind::SetupFailed, "setup"), ["soc", "oncall"], "a reload that was refused");
    assert_eq!(told(EventKind::SetupFailed, "crashed"), ["soc", "soc+oncall"], "a watch that ended");
    assert_eq!(told(EventKind::SourceDown, "network"), ["soc", "soc+oncall"]);
}
