//! The `[templates.NAME]`: every mistake of a text is told where it stands.

use log_monitor_channels::{EventKind, default_channels};

use super::Place;
use crate::source::default_sources;
use crate::wording::language::Language;
use crate::wording::{Subject, samples};

const WATCH: &str = "[sources.wazuh]\nkind = \"indexer\"\nurl = \"https://indexer:9200\"\n\
                     [watches.default]\nagent_file = \"@/agents.csv\"\n\
                     [channels.oncall]\nkind = \"email\"\nhost = \"mail.example.org\"\nfrom = \"a@example.org\"\n\
                     to = [\"b@example.org\"]\n";

#[test]
fn every_mistake_is_told_at_its_line_and_column_in_the_toml_and_in_files() {
    let place = Place::new()
        .with("body.j2", "{{ event.who }}\n  {{ event.whoo }}\n{{ kind | uper }}\n")
        .toml(&format!(
            "[templates.short]\ntitle = \"\\u00e9 {{{{ titel }}}}\"\nbody_file = \"@/body.j2\"\n\
         [templates.long]\nbody = \"\"\"\nfirst\n  {{{{ event.knd }}}} and {{{{ event.causes }}}}\n\"\"\"\n\
         [templates.none]\n[templates.both]\ntitle = \"x\"\ntitle_file = \"@/body.j2\"\n\
         body_file = \"@/absent.j2\"\n{WATCH}template = \"shorts\"\n"
        ));
    let lines: Vec<String> = place.lines(&place.load());
    assert_eq!(
        lines,
        [
            "error: m.toml:2:20: `title`: `titel` is not defined (did you mean `title`?)",
            "error: m.toml:7:6: `body`: `event.knd` is not defined (did you mean `event.kind`?)",
            "error: m.toml:7:26: `body`: `event.causes` is not defined (did you mean `event.cause`?)",
            "error: m.toml:9:1: template `none` has no title, no body and no payload",
            "error: m.toml:12:14: `title_file` beside `title`: which one is it?",
            "error: m.toml:13:13: cannot read the template absent.j2: No such file or directory (os error 2)",
            "error: m.toml:24:12: unknown template `shorts` (did you mean `short`?)",
            "error: body.j2:2:6: `body` of template `short`: `event.whoo` is not defined (did you mean `event.who`?)",
            "error: body.j2:3:11: `body` of template `short`: filter uper is unknown",
        ]
    );
}

#[test]
fn a_text_that_is_no_template_hides_no_mistake_of_another() {
    let place = Place::new().toml(&format!(
        "[templates.one]\ntitle = \"{{% if x\"\nbody = \"{{{{ kid }}}}\"\n[templates.two]\nbody = \"{{{{ titel }}}}\"\n{WATCH}"
    ));
    let lines = place.lines(&place.load());
    assert_eq!(
        lines,
        [
            "error: m.toml:2:16: `title`: unexpected end of input, expected end of block",
            "error: m.toml:3:12: `body`: `kid` is not defined (did you mean `kind`?)",
            "error: m.toml:5:12: `body`: `titel` is not defined (did you mean `title`?)",
        ]
    );
}

#[test]
fn a_channel_speaks_by_a_template_that_is_in_order_and_in_its_language() {
    let place = Place::new().with("body.j2", "{{ event.detail }}\n").toml(&format!(
        "[templates.short]\ntitle = \"{{{{ event.who }}}}: {{{{ kind }}}}\"\nbody_file = \"@/body.j2\"\n{WATCH}\
         template = \"short\"\nlanguage = \"it\"\n"
    ));
    let loaded = place.load();
    let settings = loaded.settings.as_ref().unwrap_or_else(|| panic!("{}", place.shown(&loaded)));
    assert_eq!(settings.wording.templates.names(), ["short"]);
    let voice = &settings.wording.voices["oncall"];
    assert_eq!((voice.template.as_deref(), voice.language), (Some("short"), Language::It));
}

const HOOK: &str = "[channels.siem]\nkind = \"webhook\"\nurl = \"https://siem.example/in\"\n";

#[test]
fn a_payload_is_tried_as_what_it_is_to_be_and_is_for_kinds_that_take_one() {
    let place = Place::new().with("own.j2", "{ \"a\": \"{{ title }}\" }\n").toml(&format!(
        "[templates.file]\npayload_file = \"@/own.j2\"\n[templates.list]\npayload = '{{\"all\": {{{{ evnts }}}}}}'\n\
         [templates.csv]\npayload = '{{{{ event.who }}}},\"{{{{ title }}}}\"'\ncontent_type = \"text/csv\"\n\
         [templates.odd]\npayload = \"x\"\ncontent_type = \"a\\nb\"\n[templates.lone]\ntitle = \"x\"\ncontent_type = \"text/csv\"\n\
         {HOOK}template = \"csv\"\n{WATCH}template = \"csv\"\n"
    ));
    let lines = place.lines(&place.load_with(&default_channels(), &default_sources()));
    let of_json = lines.iter().find(|line| {
        line.starts_with("error: own.j2:1:1: `payload` of template `file`: no JSON comes out (expected ")
    });
    assert!(of_json.is_some_and(|line| line.contains("a value brings its own quotes")), "{lines:#?}");
    for wanted in [
        "error: m.toml:4:23: `payload`: `evnts` is not defined (did you mean `events`?)",
        "error: m.toml:10:16: `content_type`: holds characters that no header can have",
        "error: m.toml:13:16: `content_type` without `payload`",
        "template `csv` has a payload, which kind `email` does not take (use it for a channel of kind `webhook`)",
    ] {
        assert!(lines.iter().any(|line| line.contains(wanted)), "{wanted}\n{lines:#?}");
    }
    assert_eq!(lines.iter().filter(|line| line.starts_with("error")).count(), 5, "{lines:#?}");
}

#[test]
fn every_message_to_a_channel_has_the_payload_of_its_template() {
    let place = Place::new().toml(&format!(
        "[templates.own]\npayload = '{{\"text\": {{{{ title ~ \": \" ~ kind }}}}, \"who\": {{{{ events | map(attribute=\"who\") | list }}}}}}'\n\
         {HOOK}template = \"own\"\n{WATCH}"
    ));
    let loaded = place.load_with(&default_channels(), &default_sources());
    let settings = loaded.settings.as_ref().unwrap_or_else(|| panic!("{}", place.shown(&loaded)));
    let sample = samples::sample(EventKind::AgentSilent, chrono::Utc::now());
    let facts = &sample.facts();
    let subject = Subject { events: &sample.events, facts, links: &[], installation: "soc" };
    let payload = |channel| settings.wording.payload(Some(channel), &subject, "Two \"are\" silent", "…");
    let written = payload("siem").unwrap();
    let json: serde_json::Value = serde_json::from_str(&written.text).unwrap();
    assert_eq!(json, serde_json::json!({ "text": "Two \"are\" silent: firing", "who": ["001 web-01"] }));
    assert_eq!((written.content_type.as_str(), payload("oncall")), ("application/json", None));
}
