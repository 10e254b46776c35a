//! No secret is ever printed, wherever it stands and whatever is wrong around it.

use log_monitor_channels::default_channels;
use proptest::prelude::*;

use super::Place;
use crate::source::default_sources;

const SECRET: &str = "xyzzy-s3cret-xyzzy";

/// Everything that could be printed of a configuration.
fn printed(place: &Place) -> String {
    let loaded = place.load_with(&default_channels(), &default_sources());
    let resolved: Vec<String> =
        loaded.resolved.iter().map(|value| format!("{} = {}", value.path, value.value)).collect();
    format!(
        "{}\n{}\n{:#}",
        loaded.diagnostics.render(true),
        resolved.join("\n"),
        loaded.diagnostics.to_json()
    )
}

#[test]
fn secrets_in_toml_are_hidden_even_by_the_mistakes_around_them() {
    let base =
        "[sources.w]\nkind = \"indexer\"\nurl = \"https://h\"\n[watches.d]\nagent_file = \"@/agents.csv\"\n";
    let cases = [
        // In place, in a map, of the wrong type, in an inline table with a mistake beside it.
        "[channels.s]\nkind = \"slack\"\ntoken = \"S\"\nchannel = \"#c\"\n",
        "[channels]\ns = { kind = \"slack\", token = \"S\", chanel = \"#c\" }\n",
        "[channels]\ns = { kind = \"slak\", token = \"S\" }\n",
        "[channels]\n\"\" = { kind = \"slack\", token = \"S\" }\n",
        "[channels]\ns = { token = \"S\" }\n",
        "[channels]\ns = { kind = \"slack\", tokn = \"S\" }\n",
        "[channels.s]\nkind = \"slack\"\ntoken = [\"S\"]\n",
        "[channels.s]\nkind = \"slack\"\ntoken = { plain = \"S\" }\n",
        "[channels]\ne = { kind = \"email\", host = 5, from = \"a\", to = [\"a@b\"], headers = { x = \"S\" } }\n",
        "[channels]\ne = { kind = \"email\", host = \"h\", from = \"a@b\", to = [\"a@b\"], headers = [\"x: S\"] }\n",
        "[chanels]\ns = { kind = \"slack\", token = \"S\" }\n",
        "[channels]\ns = \"S\"\n",
        // Repeated where none belongs.
        "[channels]\ns = { kind = \"slack\", token = \"S\" }\nt = { kind = \"slack\", tokn = 1, channel = \"#S\" }\n",
        "[channels]\ns = { kind = \"webhook\", url = \"https://h\", bearer = \"S\" }\nt = { kind = \"webhook\", url = \"https://h\", method = \"S\" }\n",
        "[channels]\ns = { kind = \"slack\", token = \"S\" }\nt = { kind = \"exec\", command = \"echo S\" }\n",
        // Text that cannot be parsed.
        "[channels.s]\nkind = \"slack\"\ntoken = \"S\n",
        "[channels.s]\nkind = \"slack\"\ntoken = S\n",
        "[channels]\ns = { kind = \"slack\", token = \"S\", channel = }\n",
        "[channels.s]\nwebhook_url = \"\"\"https://h/S\nmore=S\n",
        "[channels.s]\nkind = \"slack\"\napi_url = \"https://u:S@h\"\ntoken = \"S\"\n",
    ];
    for case in cases {
        let place = Place::new().toml(&format!("{base}{}", case.replace('S', SECRET)));
        let shown = printed(&place);
        assert!(!shown.contains(SECRET), "{case}\n{shown}");
    }
}

#[test]
fn what_only_holds_a_short_password_or_a_word_of_an_address_is_shown() {
    let place = Place::new().toml(
        "[sources.admin]\nkind = \"indexer\"\nurl = \"https://h\"\nusername = \"u\"\npassword = \"admin\"\n\
         [watches.d]\nsource = \"admin\"\nagent_file = \"@/agents.csv\"\n[channels]\n\
         administration = { kind = \"webhook\", url = \"https://h/hook\" }\n\
         s = { kind = \"slack\", webhook_url = \"https://hooks.slack.com/services/T0/B0/abcdefghij1\" }\n\
         e = { kind = \"exec\", command = [\"/services/hook\"] }\n\
         [catch_all]\nsteps = [{ to = [\"administratio\"] }]\n[journal]\npath = \"/g/hook/j.db\"\n",
    );
    let shown = printed(&place);
    for text in [
        "did you mean `administration`?",
        "steps = [{ to = [\"administratio\"] }]",
        "watches.d.source = \"admin\"",
        "/services/hook",
        "journal.path = \"/g/hook/j.db\"",
        "sources.admin.password = ****",
    ] {
        assert!(shown.contains(text), "{text}\n{shown}");
    }
    assert!(!shown.contains("abcdefghij1"), "{shown}");
}

#[test]
fn a_proxy_is_a_secret_to_warn_of_only_where_it_holds_a_password() {
    let said = |proxy: &str| {
        let url = "{ env = \"CARGO_PKG_NAME\" }";
        let place = Place::new()
            .toml(&format!("[channels.soc]\nkind = \"teams\"\nurl = {url}\nproxy = \"{proxy}\"\n"));
        let loaded = place.load_with(&default_channels(), &default_sources());
        let shown = format!("{:?} {:#}", loaded.resolved, loaded.diagnostics.to_json());
        assert!(!shown.contains(SECRET), "{shown}");
        place.lines(&loaded).into_iter().filter(|line| line.contains("`proxy`")).collect::<Vec<_>>()
    };
    assert_eq!(said("http://proxy.example:3128/"), [""; 0]);
    let plain = said(&format!("http://lm:{SECRET}@proxy.example:3128"));
    assert!(plain.len() == 1 && plain[0].contains("is a secret in plain text"), "{plain:?}");
    let wrong = said(&format!("lm:{SECRET}@proxy.example:3128"));
    assert!(
        wrong.iter().any(|line| line.contains("m.toml:4:9: `proxy`: not the address of a proxy")),
        "{wrong:?}"
    );
}

#[test]
fn secrets_in_env_files_and_variables_are_hidden_and_draw_no_warning() {
    let place = Place::new()
        .with(
            "env-files/log_counter.env",
            format!("WAZUH_URL=https://user:{SECRET}@h\nUSERNAME=u\nPASSWORD={SECRET}\nPASWORD={SECRET}\nAGENT_LIST_FILE=@/agents.csv\n"),
        )
        .with("env-files/slack.env", format!("SLACK_WEBHOOK_URL=https://h/{SECRET}"))
        .variable("LOG_MONITOR__CHANNELS__EMAIL__PASSWORD", SECRET)
        .variable("LOG_MONITOR__CHANNELS__EMAIL__PASWORD", SECRET);
    let shown = printed(&place);
    assert!(!shown.contains(SECRET), "{shown}");
    assert!(shown.contains("https://****@h") && shown.contains("sources.wazuh.password = ****"), "{shown}");
    assert!(!shown.contains("plain text"), "{shown}");
}

#[test]
#[cfg(unix)]
fn a_secret_in_plain_text_or_open_to_others_is_a_warning_at_its_place() {
    use std::os::unix::fs::PermissionsExt;
    let place = Place::new().with("key", SECRET).toml(
        "[sources.w]\nkind = \"indexer\"\nurl = \"https://h\"\npassword = \"hunter22\"\n[watches.d]\n\
         agent_file = \"@/agents.csv\"\n[channels.s]\nkind = \"slack\"\nwebhook_url = { file = \"@/key\" }\n",
    );
    let key = place.dir.path().join("key");
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o640)).unwrap();
    let loaded = place.load();
    assert!(loaded.settings.is_some(), "warnings are no errors");
    let lines = place.lines(&loaded);
    assert!(lines[0].starts_with("warning: m.toml:4:12: `password` is a secret in plain text"), "{lines:?}");
    assert!(lines[1].starts_with("warning: m.toml:9:24: `webhook_url`: others can read"), "{lines:?}");
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o600)).unwrap();
    assert_eq!(place.load().diagnostics.warnings(), 1);
}

/// A configuration with secrets in every shape, for damage.
const HOLDING: &str = "[sources.w]\nkind = \"indexer\"\nurl = \"https://h\"\npassword = \"S\"\n[watches.d]\n\
agent_file = \"a\"\n[channels.s]\nkind = \"slack\"\ntoken = 'S'\nchannel = \"#c\"\n[channels]\n\
e = { kind = \"email\", host = \"h\", from = \"a\", password = \"S\", to = [\"a@b\"], headers = { key = \"S\" } }\n\
[catch_all]\nsteps = [{ to = [\"s\"] }]\n";

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn no_damage_to_the_text_makes_it_panic_or_show_a_secret(
        from in 0..HOLDING.len(), length in 0usize..12, insert in "[\"'=\\[\\]{}#,\n a5]{0,2}",
    ) {
        let mut text = HOLDING.to_owned();
        text.replace_range(from..(from + length).min(HOLDING.len()), &insert);
        let place = Place::new().with("m.toml", text.replace('S', SECRET));
        let shown = printed(&place);
        prop_assert!(!shown.contains(SECRET), "{text}\n{shown}");
    }
}
