//! The scanner and the full parser agree on every line that both can read.

use std::borrow::Cow;

use proptest::prelude::*;
use serde_json::Value;

use super::super::line::{Document, Line, Reader};

/// The rule as what it means: its text may be written in more than one way.
fn meaning(line: Line<'_>) -> (Line<'_>, Option<Value>) {
    match line {
        Line::Document(Document { rule, at, key, name, node }) => {
            let means = rule.map(|raw: Cow<'_, [u8]>| serde_json::from_slice(&raw).unwrap());
            (Line::Document(Document { rule: None, at, key, name, node }), means)
        }
        Line::OfManager(document) => meaning(Line::Document(document)),
        line => (line, None),
    }
}

/// By one field, or by several with a `|` between them.
fn reader(fields: &str) -> Reader {
    Reader::new(&fields.split('|').map(str::to_owned).collect::<Vec<_>>(), false)
}

fn agree(fields: &str, line: &str) {
    let mut reader = reader(fields);
    let full = reader.in_full(line.as_bytes());
    // What the full parser refuses because of something that the scanner skips is its own business.
    if full != Line::Junk {
        assert_eq!(meaning(reader.read(line.as_bytes())), meaning(full), "{fields} in {line}");
    }
}

const TIME: &str = "\"timestamp\":\"2026-01-07T10:00:00.123+0000\"";

#[test]
fn text_that_looks_like_an_agent_is_none() {
    let id = |line: &str| match reader("agent.id").read(line.as_bytes()) {
        Line::Document(document) => document.key.into_owned(),
        other => format!("{other:?}"),
    };
    for (rest, expected) in [
        (r#""full_log":"x\",\"agent\":{\"id\":\"999\"}","agent":{"id":"001"}"#, "001"),
        (r#""data":{"agent":{"id":"999"}},"agent":{"id":"001"}"#, "001"),
        (r#""agent":{"id":"001"},"data":{"agent":{"id":"999"}}"#, "001"),
        (r#""data":[{"agent":{"id":"999"}}],"agent":{"ip":"x","id":"001"}"#, "001"),
        (r#""data":{"x":"\\"},"agent":{"x":{"id":"999"},"id":"001"}"#, "001"),
        (r#""data":{"agent":{"id":"999"}}"#, "Nobody"),
        (r#""agent":[{"id":"999"}]"#, "Nobody"),
        (r#""agent":{"id":1}"#, "Nobody"),
        (r#""agent":"x","agent.id":"999""#, "Nobody"),
        (r#""\u0061gent":{"id":"001"}"#, "001"),
        (r#""agent":{"id":"0\u003001"}"#, "0001"),
        // Which of two holds is what the full parser says.
        (r#""agent":{"id":"999"},"agent":{"id":"001"}"#, "001"),
        (r#""agent":{"id":"001"} , "x":[ 1 ]"#, "001"),
        // A line that was torn, and another behind it.
        (r#""agent":{"id":"00{"timestamp":"2026-01-07T10:00:00.123+0000","agent":{"id":"999"}"#, "Junk"),
        (r#""rule":{"level":5,{"timestamp":"2026-01-07T10:00:00.123+0000","agent":{"id":"999"}"#, "Junk"),
        (r#""agent":{"id":"999"}}{"agent":{"id":"999"}"#, "Junk"),
        (r#""agent":{"id":"999"},"x":[{"#, "Junk"),
    ] {
        assert_eq!(id(&format!("{{{TIME},{rest}}}")), expected, "{rest}");
    }
}

/// Words that are looked for, some with an escape in them, and hostile ones.
fn word() -> impl Strategy<Value = String> {
    prop::sample::select(vec![
        "agent",
        "id",
        "name",
        "rule",
        "groups",
        "location",
        "cluster",
        "node",
        "timestamp",
        "001",
        "504",
        "a.b",
        "log_monitor",
        "wazuh-monitord",
        "wazuh\\u002dmonitord",
        "\\u0061gent",
        "agent\\\":{\\\"id\\\":\\\"999",
        "\\\\",
        "\\\"",
        "}",
        "]",
        "{",
        "[",
        "",
        "é",
        "2026-01-07T10:00:00.123+0000",
        "2026-01-07T10:00:00Z",
        "a text that is longer than one block of the scanner, with {brackets}, [others] and a \\\" in it",
    ])
    .prop_map(|word| format!("\"{word}\""))
}

fn object(member: impl Strategy<Value = String>) -> impl Strategy<Value = String> {
    prop::collection::vec(member, 0..6).prop_map(|members| format!("{{{}}}", members.join(",")))
}

fn value() -> impl Strategy<Value = String> {
    let scalar = prop::sample::select(vec!["0", "-1.5e3", "true", "null"]).prop_map(str::to_owned);
    prop_oneof![3 => word(), 1 => scalar].prop_recursive(4, 40, 5, |inner| {
        let list = prop::collection::vec(inner.clone(), 0..4).prop_map(|all| format!("[{}]", all.join(",")));
        prop_oneof![1 => list, 2 => object((word(), inner).prop_map(|(key, value)| format!("{key}:{value}")))]
    })
}

/// A document with what is wanted in about the right places, and anything else anywhere.
fn document() -> impl Strategy<Value = String> {
    let agent = prop_oneof![Just("\"id\""), Just("\"name\""), Just("\"ip\"")];
    let agent = object((agent, word()).prop_map(|(key, value)| format!("{key}:{value}")));
    let any = (word(), value()).prop_map(|(key, value)| format!("{key}:{value}"));
    let member = prop_oneof![
        2 => Just(TIME.to_owned()),
        2 => agent.prop_map(|agent| format!("\"agent\":{agent}")),
        1 => value().prop_map(|rule| format!("\"rule\":{rule}")),
        1 => word().prop_map(|location| format!("\"location\":{location}")),
        3 => any,
    ];
    object(member).prop_map(|object| object.replacen('{', &format!("{{{TIME},"), 1).replace(",}", "}"))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn both_read_the_same(line in document()) {
        for fields in ["agent.id", "location", "rule.id", "agent.name", "a.b", "agent.id|location", "rule.id|a.b|agent.id"] {
            agree(fields, &line);
        }
    }

    #[test]
    fn both_read_the_same_of_a_line_that_is_damaged(line in document(), at: prop::sample::Index, with in "[\"{}\\[\\],:\\\\ ]?") {
        let mut characters: Vec<char> = line.chars().collect();
        let at = at.index(characters.len());
        characters.splice(at..=at, with.chars());
        agree("agent.id", &characters.into_iter().collect::<String>());
    }
}
