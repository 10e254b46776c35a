//! The commented files are right: what they show loads, is complete, and shows the real defaults.

use std::collections::BTreeSet;

use log_monitor_channels::default_channels;
use serde_json::Value;
use toml::Table;

use super::Place;
use crate::config::schema::Schema;
use crate::config::{REFERENCE, document, original, tables};
use crate::source::default_sources;

/// The file with every key set. Explanations have a space behind their `#`, keys have none, and
/// lists go on with two.
fn uncommented() -> String {
    let set = |line: &str| match line.strip_prefix('#') {
        Some(rest) if !rest.starts_with(' ') || rest.starts_with("  ") => format!("{rest}\n"),
        _ => String::new(),
    };
    REFERENCE.lines().map(set).collect()
}

#[test]
fn as_shipped_it_sets_nothing() {
    assert_eq!(toml::from_str::<Table>(REFERENCE).unwrap(), Table::new());
}

#[test]
fn every_key_of_the_framework_is_in_it_and_no_other_default_is_shown() {
    let shown: Table = toml::from_str(&uncommented()).unwrap();
    let shown = serde_json::to_value(shown).unwrap();
    let sections: [(&str, Value); 9] = [
        ("", tables::schema_of::<tables::Top>()),
        ("/watches/default", tables::schema_of::<tables::Watch>()),
        ("/routes/0", tables::schema_of::<tables::Route>()),
        ("/routes/0/steps/2", tables::schema_of::<tables::Step>()),
        ("/catch_all", tables::schema_of::<tables::CatchAll>()),
        ("/health", tables::schema_of::<tables::Health>()),
        ("/journal", tables::schema_of::<tables::Journal>()),
        ("/log", tables::schema_of::<tables::Log>()),
        ("/channels/log", tables::schema_of::<tables::Channel>()),
    ];
    for (at, schema) in &sections {
        let table = shown.pointer(at).unwrap_or_else(|| panic!("{at} is not in the file"));
        complete(at, Schema::new(schema), table);
    }
}

/// Every kind of channel and source has one or more tables that show all its keys.
#[test]
fn every_key_of_every_kind_is_in_it() {
    let shown: Table = toml::from_str(&uncommented()).unwrap();
    let shown = serde_json::to_value(shown).unwrap();
    let (channels, sources) = (default_channels(), default_sources());
    let channels = channels.iter().map(|kind| ("channels", kind.name(), kind.schema()));
    let kinds = channels.chain(sources.iter().map(|kind| ("sources", kind.name(), kind.schema())));
    for (section, kind, schema) in kinds {
        let tables: Vec<&Value> =
            shown[section].as_object().unwrap().values().filter(|table| table["kind"] == kind).collect();
        assert!(!tables.is_empty(), "no table of {section} shows kind {kind}");
        complete(&format!("{section} {kind}"), Schema::new(&schema), &together(&tables));
    }
}

#[test]
fn every_key_of_a_template_is_in_it() {
    let shown: Table = toml::from_str(&uncommented()).unwrap();
    let shown = serde_json::to_value(shown).unwrap();
    let tables: Vec<&Value> = shown["templates"].as_object().unwrap().values().collect();
    let schema = tables::schema_of::<tables::Template>();
    complete("templates", Schema::new(&schema), &together(&tables));
}

fn together(tables: &[&Value]) -> Value {
    let mut all = serde_json::Map::new();
    tables.iter().for_each(|table| all.extend(table.as_object().unwrap().clone()));
    Value::Object(all)
}

fn complete(at: &str, schema: Schema<'_>, table: &Value) {
    for (key, schema) in schema.properties() {
        let shown = table.get(key).unwrap_or_else(|| panic!("{at}: `{key}` is not in the file"));
        if let Some(default) = schema.default().filter(|default| !is_empty(default)) {
            assert_eq!(shown, default, "{at}: `{key}` shows another default than the code has");
        }
        assert!(schema.description().is_some(), "{at}: `{key}` has no doc comment");
        if shown.is_object() && !schema.is_secret() {
            complete(&format!("{at}.{key}"), schema, shown);
        }
    }
}

fn is_empty(value: &Value) -> bool {
    value.as_array().is_some_and(Vec::is_empty) || value.as_object().is_some_and(serde_json::Map::is_empty)
}

/// Files and variables that it names are made first.
#[test]
fn with_every_key_set_it_loads() {
    let references = to_the_file(&uncommented());
    let place = Place::new()
        .with("secret", "https://hooks.example/services/T00/B00/abcdefgh")
        .with_authority("ca.pem")
        .with_identity("client.pem", "client-key.pem")
        .with("title.j2", "{{ event.who }}")
        .with("body.j2", "{{ event.detail }}")
        .with("payload.j2", "{ \"who\": {{ event.who }} }")
        .with("holidays.txt", "2026-12-25 # Christmas\n")
        .toml(
            &references
                .replace("\"config/agents.csv\"", "\"@/agents.csv\"")
                .replace("\"certs/root-ca.pem\"", "\"@/ca.pem\"")
                .replace("\"certs/api.pem\"", "\"@/ca.pem\"")
                .replace("\"certs/client", "\"@/client")
                .replace("\"config/title.j2\"", "\"@/title.j2\"")
                .replace("\"config/body.j2\"", "\"@/body.j2\"")
                .replace("\"config/payload.j2\"", "\"@/payload.j2\"")
                .replace("\"config/holidays.txt\"", "\"@/holidays.txt\""),
        );
    let loaded = place.load_with(&default_channels(), &default_sources());
    assert!(loaded.settings.is_some(), "{}", place.shown(&loaded));
}

/// An editor that knows the schema finds nothing wrong in it, and what is wrong elsewhere.
#[test]
fn the_schema_takes_it_and_refuses_mistakes() {
    let schema = document::schema(&default_channels(), &default_sources());
    let schema = jsonschema::draft202012::new(&schema).unwrap();
    let problems = |text: &str| -> Vec<String> {
        let table = serde_json::to_value(toml::from_str::<Table>(text).unwrap()).unwrap();
        schema.iter_errors(&table).map(|problem| problem.to_string()).collect()
    };
    let none: Vec<String> = Vec::new();
    assert_eq!(problems(&uncommented()), none);
    assert_eq!(problems(REFERENCE), none);
    for wrong in [
        "chanels = {}",
        "[channels.soc]\nkind = \"slak\"",
        "[channels.soc]\nkind = \"slack\"\nwebhook = \"https://x\"",
        "[channels.soc]\nwebhook_url = \"https://x\"",
        "[watches.default]\ninterval = 15",
        "[[routes]]\nname = \"all\"",
    ] {
        assert_ne!(problems(wrong), none, "{wrong}");
    }
}

/// Every reference to a secret as one to the file `secret`.
fn to_the_file(text: &str) -> String {
    let mut out = String::new();
    for line in text.lines() {
        let refers = ["{ env = ", "{ file = ", "{ credential = "]
            .iter()
            .find_map(|kind| Some((line.find(kind)?, line.rfind('}')?)));
        match refers {
            Some((from, to)) => {
                out.push_str(&format!("{}{{ file = \"@/secret\" {}\n", &line[..from], &line[to..]));
            }
            None => out.push_str(&format!("{line}\n")),
        }
    }
    out
}

#[test]
fn the_env_examples_show_every_key_and_are_read_without_a_warning() {
    let examples = [
        include_str!("../../../env-files/log_counter.env.example"),
        include_str!("../../../env-files/slack.env.example"),
        include_str!("../../../env-files/smtp.env.example"),
    ];
    let names = |text: &str| -> BTreeSet<String> {
        crate::config::dotenv::parse(text).0.iter().map(|entry| entry.key.to_owned()).collect()
    };
    let shown: BTreeSet<String> = examples.iter().flat_map(|text| names(text)).collect();
    let known: BTreeSet<String> = original::KEYS.iter().map(|key| key.name.to_owned()).collect();
    assert_eq!(shown, known);
    let mut place = Place::new().with_authority("ca.pem");
    for (file, text) in original::FILES.iter().zip(examples) {
        let filled = text
            .replace("PASSWORD= ", "PASSWORD=secret ")
            .replace("PASSWORD=\n", "PASSWORD=secret\n")
            .replace("SLACK_TOKEN= ", "SLACK_TOKEN=xoxb-1 ")
            .replace("certs/root-ca.pem", "@/ca.pem")
            .replace("config/agents.csv", "@/agents.csv");
        place = place.with(&format!("env-files/{file}"), filled);
    }
    let loaded = place.load_with(&default_channels(), &default_sources());
    assert!(loaded.settings.is_some(), "{}", place.shown(&loaded));
    assert_eq!(place.lines(&loaded), Vec::<String>::new());
}

#[test]
fn the_shipped_agent_list_is_one() {
    let (agents, warnings) = crate::config::agents::parse(include_str!("../../../config/agents.csv"));
    assert_eq!((agents.len(), warnings.len()), (2, 0));
}
