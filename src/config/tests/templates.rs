//! The `[templates.NAME]`: every mistake of a text is told where it stands.

use super::Place;
use crate::wording::language::Language;

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
            "error: m.toml:9:1: template `none` has neither a title nor a body",
            "error: m.toml:12:14: `title_file` beside `title`: which one is it?",
            "error: m.toml:13:13: cannot read the template absent.j2: No such file or directory (os error 2)",
            "error: m.toml:24:12: unknown template `shorts` (did you mean `short`?)",
            "error: body.j2:2:6: `body`: `event.whoo` is not defined (did you mean `event.who`?)",
            "error: body.j2:3:11: `body`: filter uper is unknown",
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
