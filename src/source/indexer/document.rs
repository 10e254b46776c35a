//! What a document says, taken with care: a field may be missing, be a list, or hold anything.

use compact_str::CompactString;
use log_monitor_channels::text::one_line;
use serde_json::Value;

use super::bucket::Hit;
use crate::source::Word;

/// The fields that are the last words of an entity.
pub const OF_WORDS: [&str; 4] = ["rule.id", "rule.level", "rule.groups", "rule.description"];

/// The longest text that is taken, in characters.
const LONGEST: usize = 512;

/// The most texts of a list that are taken.
const MOST: usize = 64;

/// A document as one of the last words; `None` when it does not tell its time. Wazuh 5 writes rules into
/// findings only: an event without one is a word, too.
#[must_use]
pub fn word(hit: &Hit, until: i64) -> Option<Word> {
    // A document with several times may have one beyond the last.
    let at = hit.sort.first()?.as_f64()? as i64;
    let text_of = |path| text(&hit.source, path).unwrap_or_default().into();
    Some(Word {
        at: at.min(until),
        rule: text_of("rule.id"),
        level: level(&hit.source),
        groups: texts(&hit.source, "rule.groups").into_iter().map(Into::into).collect(),
        description: text_of("rule.description"),
    })
}

fn level(source: &Value) -> u8 {
    let level = text(source, "rule.level").and_then(|level| level.parse::<f64>().ok());
    // `as` ends at the bounds of the type.
    level.unwrap_or_default() as u8
}

/// The text of a field, the first of a list.
#[must_use]
pub fn text(source: &Value, path: &str) -> Option<CompactString> {
    texts(source, path).into_iter().next()
}

/// The texts of a field: none, one, or the first of a list.
#[must_use]
pub fn texts(source: &Value, path: &str) -> Vec<CompactString> {
    match field(source, path) {
        Some(Value::Array(list)) => list.iter().take(MOST).filter_map(scalar).collect(),
        Some(single) => scalar(single).into_iter().collect(),
        None => Vec::new(),
    }
}

fn scalar(value: &Value) -> Option<CompactString> {
    let text = match value {
        Value::String(text) => one_line(text, LONGEST),
        Value::Number(number) => number.to_string(),
        _ => return None,
    };
    (!text.is_empty()).then(|| text.into())
}

/// The value at a dotted path. A document may nest it, or write (a part of) the path as one name.
fn field<'v>(source: &'v Value, path: &str) -> Option<&'v Value> {
    let whole = source.get(path);
    let dots = || path.match_indices('.').map(|(at, _)| (&path[..at], &path[at + 1..]));
    whole.or_else(|| dots().find_map(|(first, rest)| field(source.get(first)?, rest)))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn hit(at: Value, source: Value) -> Hit {
        Hit { source, sort: vec![at] }
    }

    #[test]
    fn a_word_is_read_from_a_document_as_the_manager_writes_it() {
        let rule =
            json!({ "id": "506", "level": 3, "groups": ["wazuh", "ossec"], "description": "Agent stopped." });
        let expected = Word {
            at: 5,
            rule: "506".into(),
            level: 3,
            groups: vec!["wazuh".into(), "ossec".into()],
            description: "Agent stopped.".into(),
        };
        assert_eq!(word(&hit(json!(5), json!({ "rule": rule })), 9), Some(expected.clone()));
        let dotted = json!({ "rule.id": 506, "rule": { "level": "3", "groups": "wazuh" },
                             "rule.description": ["Agent\r\nstopped."] });
        let one_group =
            Word { groups: vec!["wazuh".into()], description: "Agent stopped.".into(), ..expected };
        assert_eq!(word(&hit(json!(5.0), dotted), 9), Some(one_group));
    }

    #[test]
    fn an_event_without_a_rule_is_a_word_and_one_without_a_time_is_none() {
        let silent = Word { at: 9, rule: "".into(), level: 0, groups: vec![], description: "".into() };
        for source in
            [json!({}), Value::Null, json!({ "rule": [] }), json!({ "rule": { "id": {}, "level": null } })]
        {
            assert_eq!(word(&hit(json!(12), source), 9), Some(silent.clone()));
        }
        assert_eq!(word(&Hit { source: json!({}), sort: vec![] }, 9), None);
        assert_eq!(word(&hit(json!("soon"), json!({})), 9), None);
    }

    #[test]
    fn hostile_texts_are_short_and_plain_and_numbers_end_at_their_bounds() {
        let source = json!({ "rule": { "id": "\u{202e}1\u{0}\n2", "level": 1e300,
            "groups": vec![json!("x".repeat(9999)); 9999], "description": "\u{1b}[31mred" } });
        let word = word(&hit(json!(-1e300), source), 9).unwrap();
        assert_eq!((word.at, word.rule.as_str(), word.level), (i64::MIN, "1 2", 255));
        assert_eq!((word.groups.len(), word.description.as_str()), (MOST, "[31mred"));
        assert!(word.groups.iter().all(|group| group.chars().count() == LONGEST));
        let low = hit(json!(1), json!({ "rule": { "level": -7 } }));
        assert_eq!(super::word(&low, 9).unwrap().level, 0);
        let paths = json!({ "a": { "b.c": { "d": "deep" } }, "a.b": 7 });
        assert_eq!(text(&paths, "a.b.c.d").as_deref(), Some("deep"));
        assert_eq!(text(&paths, "..").as_deref(), None);
    }
}
