//! The parameter `filter_path`: only the named parts of an answer are sent, and a part that is left
//! empty vanishes.

use serde_json::{Map, Value};

/// What is left of `value` by a list of dotted paths with commas between them; `*` stands for any
/// one key.
pub(super) fn apply(value: &Value, paths: &str) -> Value {
    let paths: Vec<Vec<&str>> = paths.split(',').map(|path| path.split('.').collect()).collect();
    let paths: Vec<&[&str]> = paths.iter().map(Vec::as_slice).collect();
    keep(value, &paths).unwrap_or_else(|| Value::Object(Map::new()))
}

fn keep(value: &Value, paths: &[&[&str]]) -> Option<Value> {
    if paths.iter().any(|path| path.is_empty()) {
        return Some(value.clone());
    }
    match value {
        Value::Object(object) => {
            let kept: Map<String, Value> = object
                .iter()
                .filter_map(|(key, inner)| Some((key.clone(), keep(inner, &below(paths, key))?)))
                .collect();
            (!kept.is_empty()).then_some(Value::Object(kept))
        }
        Value::Array(list) => {
            let kept: Vec<Value> = list.iter().filter_map(|inner| keep(inner, paths)).collect();
            (!kept.is_empty()).then_some(Value::Array(kept))
        }
        _ => None,
    }
}

/// The rests of the paths that lead through `key`.
fn below<'a>(paths: &[&'a [&'a str]], key: &str) -> Vec<&'a [&'a str]> {
    let rest = |path: &&'a [&'a str]| match path {
        [first, rest @ ..] if *first == key || *first == "*" => Some(rest),
        _ => None,
    };
    paths.iter().filter_map(rest).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_left_empty_vanishes() {
        let answer = json!({ "took": 1, "hits": {}, "a": { "b": { "buckets": [], "n": 0 } } });
        assert_eq!(apply(&answer, "took,a.b.buckets.key"), json!({ "took": 1 }));
        let answer = json!({ "a": { "buckets": [{ "key": 1, "n": 2 }, { "key": { "x": 3 }, "n": 4 }] } });
        let expected = json!({ "a": { "buckets": [{ "key": 1 }, { "key": { "x": 3 } }] } });
        assert_eq!(apply(&answer, "a.*.key"), expected);
    }
}
