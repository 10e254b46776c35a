//! Whatever stands in the files, reading ends, and every finding is at a place that there is.

use proptest::prelude::*;
use proptest::test_runner::Config;

use super::Place;
use crate::config::matcher::{Condition, Matcher, Pattern};

const GOOD: &str = "schema = 1\n[sources.w]\nkind = \"indexer\"\nurl = \"https://h:9200\"\n\
password = { env = \"NO_SUCH_VARIABLE\" }\n[watches.d]\nsource = [\"w\"]\nagent_file = \"@/agents.csv\"\ninterval = \"15m\"\n\
intervals = { 001 = \"10m\" }\n[[watches.d.classes]]\nmatch = { name = [\"fw-*\", \"gw\"] }\nlabels = { severity = \"high\" }\n\
windows = [{ days = [\"mon-fri\"], from = \"08:00\", to = \"18:00\" }]\ntime_zone = \"Europe/Rome\"\n[channels.s]\nkind = \"slack\"\n\
webhook_url = 'https://h/x'\n[[routes]]\nname = \"r\u{e9}\"\nmatch = { site = { not = \"M\", regex = \"a+\" } }\n\
steps = [{ to = [\"s\"], need = \"all\", fallback_after = \"3m\" }]\n[catch_all]\nsteps = [{ to = [\"s\"] }]\n";

/// What damages a text most.
fn piece() -> impl Strategy<Value = String> {
    let hard = [
        "", "[[", "]]", "[", "]", "{", "}", "=", "\"", "'''", "\\", "\0", "\r", "\n", "#", ".", ",", "\u{e9}",
    ];
    let values = [
        "1",
        "-9e999",
        "nan",
        "true",
        "1979-05-27T07:32:00Z",
        "[routes]",
        "a.b.c = 1\n",
        "kind = \"email\"\n",
    ];
    prop::sample::select([&hard[..], &values[..]].concat()).prop_map(str::to_owned)
}

/// Every finding stands within its file: in a line that there is, at most one column behind its end.
fn all_is_located(place: &Place, file: &str) -> Result<(), TestCaseError> {
    let text = std::fs::read_to_string(place.dir.path().join(file)).unwrap();
    let loaded = place.load();
    prop_assert!(loaded.settings.is_some() || loaded.diagnostics.errors() > 0, "refused without a word");
    let lines: Vec<&str> = text.split('\n').collect();
    for found in loaded.diagnostics.iter() {
        let Some(origin) = loaded.diagnostics.origin(found) else {
            let known = [
                "nothing to watch is configured",
                "there is no `[watches.NAME]`",
                "no channel is configured",
            ];
            prop_assert!(known.iter().any(|known| found.message.starts_with(known)), "{found:?} is nowhere");
            continue;
        };
        prop_assert!(origin.name.ends_with(file), "{found:?} is in {}", origin.name);
        let Some(number) = origin.line else { continue };
        let line = lines.get(number - 1);
        prop_assert!(line.is_some(), "{found:?} is in line {number} of {}", lines.len());
        let width = line.map_or(0, |line| line.chars().count());
        prop_assert!(
            origin.column.is_some_and(|column| (1..=width + 1).contains(&column)),
            "{found:?} {origin}"
        );
    }
    // Nor may showing it fail.
    prop_assert_eq!(loaded.diagnostics.render(true).is_empty(), loaded.diagnostics.iter().next().is_none());
    Ok(())
}

proptest! {
    #![proptest_config(Config { cases: 64, failure_persistence: None, ..Config::default() })]

    #[test]
    fn any_toml_is_read_or_refused_with_places(text in prop::collection::vec(prop_oneof![piece(), "(?s).{0,9}"], 0..20)) {
        let text = text.concat();
        all_is_located(&Place::new().toml(&text), "m.toml")?;
    }

    #[test]
    fn a_damaged_toml_is_read_or_refused_with_places(
        damages in prop::collection::vec((0..GOOD.len(), 0usize..30, piece()), 1..4),
    ) {
        let mut text = GOOD.to_owned();
        for (from, length, piece) in damages {
            let within = |at: usize| (0..=at.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
            let range = within(from)..within(from + length);
            text.replace_range(range, &piece);
        }
        all_is_located(&Place::new().toml(&text), "m.toml")?;
    }

    #[test]
    fn any_env_file_is_read_or_refused_with_places(
        lines in prop::collection::vec(
            prop_oneof![
                (prop::sample::select(vec!["WAZUH_URL", "USERNAME", "PASSWORD", "AGENT_LIST_FILE", "LOGGING_LEVEL",
                    "DEFAULT_CHECK_INTERVAL", "AGENT_CHECK_INTERVALS", "LOG_FILE_PATH", "WHAT"]), "[ -~\u{e9}]{0,12}")
                    .prop_map(|(key, value)| format!("{key}={value}")),
                "(?s).{0,12}",
            ],
            0..12,
        ),
    ) {
        let text = lines.join("\n");
        all_is_located(&Place::new().with("env-files/log_counter.env", &text), "env-files/log_counter.env")?;
    }
}

/// `*` any text, `?` one character, by the definition.
fn naive(glob: &[char], text: &[char]) -> bool {
    match (glob, text) {
        ([], []) => true,
        (['*', rest @ ..], _) => (0..=text.len()).any(|at| naive(rest, &text[at..])),
        (['?', glob @ ..], [_, text @ ..]) => naive(glob, text),
        ([one, glob @ ..], [other, text @ ..]) => one == other && naive(glob, text),
        _ => false,
    }
}

/// A condition as plain data: its key, what it may be, what it must not be; a regex is some text found anywhere.
type Plain = (&'static str, Vec<String>, Vec<String>, Option<String>);

fn plain() -> impl Strategy<Value = Plain> {
    let of = |glob: &'static str| prop::collection::vec(glob, 0..3);
    let globs = || of("[ab\u{e9}*?]{0,4}");
    let open = (
        prop::sample::select(vec!["name", "group"]),
        globs(),
        globs(),
        prop::option::weighted(0.2, "[ab]{1,2}"),
    );
    let severities = || of("info|low|medium|high|critical|[*]|[*]i[*]|[*]h|m[*]|l[?]w");
    let closed = (Just("severity"), severities(), severities(), prop::option::weighted(0.1, "i|h"));
    prop_oneof![3 => open, 1 => closed]
}

fn built(conditions: &[Plain]) -> Matcher {
    let globs = |globs: &[String]| globs.iter().map(|glob| Pattern::glob(glob)).collect::<Vec<_>>();
    let one = |(key, any, none, regex): &Plain| {
        let mut any = globs(any);
        any.extend(regex.iter().map(|text| Pattern::Regex(regex_lite::Regex::new(text).unwrap())));
        Condition { key: (*key).to_owned(), any, none: globs(none) }
    };
    conditions.iter().map(one).collect()
}

fn by_definition(conditions: &[Plain], facts: &dyn Fn(&str) -> Vec<String>) -> bool {
    let chars = |text: &str| text.chars().collect::<Vec<_>>();
    conditions.iter().all(|(key, any, none, regex)| {
        let facts = facts(key);
        let is = |fact: &String, globs: &[String]| globs.iter().any(|glob| naive(&chars(glob), &chars(fact)));
        let found = |fact: &String| regex.as_ref().is_some_and(|text| fact.contains(text.as_str()));
        let wanted =
            any.is_empty() && regex.is_none() || facts.iter().any(|fact| is(fact, any) || found(fact));
        wanted && !facts.iter().any(|fact| is(fact, none))
    })
}

proptest! {
    #![proptest_config(Config { cases: 2000, failure_persistence: None, ..Config::default() })]

    #[test]
    fn matchers_do_what_their_definition_says_and_cover_nothing_that_they_do_not_match(
        one in prop::collection::vec(plain(), 0..3),
        other in prop::collection::vec(plain(), 0..3),
        name in "[ab\u{e9}]{0,5}",
        groups in prop::collection::vec("[ab]{0,3}", 0..3),
        severity in prop::sample::select(log_monitor_channels::Severity::ALL.to_vec()),
    ) {
        let severity = severity.name().to_owned();
        let facts = |key: &str| match key {
            "name" => vec![name.clone()],
            "severity" => vec![severity.clone()],
            _ => groups.clone(),
        };
        let held: [(&str, Vec<String>); 3] = ["name", "severity", "group"].map(|key| (key, facts(key)));
        let borrowed = |key: &str| {
            let of_key = held.iter().filter(|(known, _)| *known == key).flat_map(|(_, values)| values);
            of_key.map(String::as_str).collect::<Vec<_>>()
        };
        let [matcher, wider] = [&one, &other].map(|conditions| built(conditions));
        prop_assert_eq!(matcher.matches(borrowed), by_definition(&one, &facts), "{}", matcher);
        prop_assert!(!matcher.contradicts_itself() || !matcher.matches(borrowed), "{}", matcher);
        if wider.covers(&matcher) && matcher.matches(borrowed) {
            prop_assert!(wider.matches(borrowed), "{} covers {}", wider, matcher);
        }
    }
}
