//! What an answer of the server says, as a pure reading of its bytes. Borrowed and linear: a list
//! of 10,000 agents is read in a few milliseconds.

use compact_str::CompactString;
use std::borrow::Cow;
use std::collections::HashSet;
use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, IgnoredAny, MapAccess, Visitor};
use serde_json::Value;

use crate::source::{Entities, Observation, Query, SourceError, SourceReason};

/// The longest key of an entity, in bytes. A longer one is no agent and no host.
pub const MAX_KEY: usize = 512;

/// Which part of an answer is wanted.
pub struct Wanted<'a> {
    keys: Option<HashSet<&'a str>>,
    to: i64,
}

impl<'a> Wanted<'a> {
    /// What `query` asks for.
    #[must_use]
    pub fn by(query: &Query<'a>) -> Self {
        let keys = match query.entities {
            Entities::All(_) => None,
            Entities::Only(keys) => Some(keys.iter().copied().collect()),
        };
        Self { keys, to: query.to.timestamp_millis() }
    }

    fn observation(&self, bucket: Bucket<'_>) -> Option<Observation> {
        let key = bucket.key.0?;
        let newest = bucket.last.and_then(|last| last.value)?;
        let wanted = key.len() <= MAX_KEY && self.keys.as_ref().is_none_or(|keys| keys.contains(&*key));
        // A document with several times may have one beyond the window.
        wanted
            .then(|| Observation { key: CompactString::from(&*key), last_seen: (newest as i64).min(self.to) })
    }
}

/// One list or page that is known to be whole.
#[derive(Debug, Default, PartialEq)]
pub struct Page {
    /// What it says of the wanted entities.
    pub newest: Vec<Observation>,
    /// How many entities it lists, wanted or not.
    pub listed: usize,
    /// How many documents belong to entities that had no room in it.
    pub left_out: u64,
    /// Where the next page begins.
    pub after: Option<Value>,
}

/// Reads an answer with status 200.
///
/// # Errors
/// When it is not whole ([`SourceReason::Incomplete`]), when no index was searched
/// ([`SourceReason::NoIndex`]), or when it is not what a server documents
/// ([`SourceReason::Malformed`]). The text is the end of a sentence that begins with the server.
pub fn read(body: &[u8], wanted: &Wanted<'_>) -> Result<Page, SourceError> {
    let answer: Body<'_> = serde_json::from_slice(body).map_err(|error| unreadable(body, &error))?;
    answer.check_whole()?;
    let Some(list) = answer.aggregations.and_then(|aggregations| aggregations.entities) else {
        // A filtered answer leaves out what is empty: nobody logged.
        return Ok(Page::default());
    };
    let listed = list.buckets.len();
    let newest = list.buckets.into_iter().filter_map(|bucket| wanted.observation(bucket)).collect();
    Ok(Page { newest, listed, left_out: list.sum_other_doc_count, after: list.after_key })
}

fn unreadable(body: &[u8], error: &serde_json::Error) -> SourceError {
    let detail = match body.trim_ascii_start().first() {
        None => "sent an empty answer".to_owned(),
        Some(b'<') => "sent a web page instead of JSON: does `url` lead to the indexer itself?".to_owned(),
        Some(_) if error.is_eof() => "sent an answer that is cut off".to_owned(),
        // The text of a type error quotes the answer; its position does not.
        Some(_) => {
            let (line, column) = (error.line(), error.column());
            format!("sent an answer that no indexer documents (line {line}, column {column})")
        }
    };
    SourceError::new(SourceReason::Malformed, detail)
}

#[derive(serde::Deserialize)]
struct Body<'a> {
    timed_out: bool,
    #[serde(rename = "_shards")]
    shards: Shards,
    #[serde(rename = "_clusters", default)]
    clusters: Clusters,
    #[serde(borrow)]
    aggregations: Option<Aggregations<'a>>,
}

impl Body<'_> {
    /// Anything less than every shard of every cluster is no evidence of silence.
    fn check_whole(&self) -> Result<(), SourceError> {
        let Shards { total, failed } = self.shards;
        let incomplete = |detail: String| Err(SourceError::new(SourceReason::Incomplete, detail));
        if self.timed_out {
            return incomplete("gave up before it had searched everything (timed_out)".to_owned());
        }
        if failed > 0 {
            return incomplete(format!("could not search {failed} of {total} shards"));
        }
        if self.clusters.skipped > 0 {
            return incomplete(format!("left out {} remote clusters", self.clusters.skipped));
        }
        if total == 0 {
            // With security on, it is also the answer to a user who may read none of the indices.
            let detail = "has no index of that name that the user may see: check `index` and the user's role";
            return Err(SourceError::new(SourceReason::NoIndex, detail));
        }
        Ok(())
    }
}

#[derive(serde::Deserialize)]
struct Shards {
    total: u64,
    failed: u64,
}

#[derive(Default, serde::Deserialize)]
struct Clusters {
    #[serde(default)]
    skipped: u64,
}

#[derive(serde::Deserialize)]
struct Aggregations<'a> {
    #[serde(borrow)]
    entities: Option<List<'a>>,
}

#[derive(serde::Deserialize)]
struct List<'a> {
    #[serde(default)]
    sum_other_doc_count: u64,
    after_key: Option<Value>,
    #[serde(borrow, default)]
    buckets: Vec<Bucket<'a>>,
}

#[derive(serde::Deserialize)]
struct Bucket<'a> {
    #[serde(borrow)]
    key: Key<'a>,
    last: Option<Max>,
}

/// `max` over dates comes as a float of milliseconds, or `null` when there was none.
#[derive(serde::Deserialize)]
struct Max {
    value: Option<f64>,
}

/// A text, a number, or a page's `{"entity": …}` around one of them. `None` is no key.
struct Key<'a>(Option<Cow<'a, str>>);

impl<'de: 'a, 'a> Deserialize<'de> for Key<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(KeyVisitor)
    }
}

struct KeyVisitor;

impl<'de> Visitor<'de> for KeyVisitor {
    type Value = Key<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the key of a bucket")
    }

    fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Key<'de>, E> {
        Ok(Key(Some(Cow::Borrowed(text))))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Key<'de>, E> {
        Ok(Key(Some(Cow::Owned(text.to_owned()))))
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Key<'de>, E> {
        Ok(Key(Some(Cow::Owned(number.to_string()))))
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Key<'de>, E> {
        Ok(Key(Some(Cow::Owned(number.to_string()))))
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<Key<'de>, E> {
        Ok(Key(Some(Cow::Owned(number.to_string()))))
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Key<'de>, E> {
        Ok(Key(Some(Cow::Owned(value.to_string()))))
    }

    fn visit_unit<E: Error>(self) -> Result<Key<'de>, E> {
        Ok(Key(None))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Key<'de>, A::Error> {
        let mut key = Key(None);
        while let Some(name) = map.next_key::<Cow<'de, str>>()? {
            match &*name {
                "entity" => key = map.next_value()?,
                _ => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        Ok(key)
    }
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use serde_json::json;

    use super::*;

    const TO: i64 = 1_767_226_200_000;

    fn query(entities: Entities<'_>) -> Query<'_> {
        let at = |millis| DateTime::from_timestamp_millis(millis).unwrap();
        Query { from: at(TO - 600_000), to: at(TO), entities }
    }

    fn all(body: &[u8]) -> Result<Page, SourceError> {
        read(body, &Wanted::by(&query(Entities::All(10))))
    }

    fn with_buckets(buckets: &Value) -> Vec<u8> {
        json!({ "took": 3, "timed_out": false, "_shards": { "total": 3, "successful": 3, "failed": 0 },
                "aggregations": { "entities": { "sum_other_doc_count": 0, "buckets": buckets } } })
        .to_string()
        .into_bytes()
    }

    fn seen(key: &str, last_seen: i64) -> Observation {
        Observation { key: key.into(), last_seen }
    }

    #[test]
    fn keys_come_as_text_as_number_and_inside_a_page() {
        let buckets = json!([
            { "key": "001", "doc_count": 9, "last": { "value": 1.767_226_1e12, "value_as_string": "…" } },
            { "key": "web\"1\\", "last": { "value": 1_767_226_000_000_i64 } },
            { "key": 42, "last": { "value": 1_767_226_000_000.0 } },
            { "key": { "entity": "009" }, "last": { "value": 1_767_226_000_001.0 } },
        ]);
        let at = 1_767_226_000_000;
        let expected =
            [seen("001", 1_767_226_100_000), seen("web\"1\\", at), seen("42", at), seen("009", at + 1)];
        assert_eq!(all(&with_buckets(&buckets)).unwrap().newest, expected);
    }

    #[test]
    fn a_bucket_without_a_time_or_with_an_absurd_key_is_skipped() {
        let buckets = json!([
            { "key": "001", "last": { "value": null } },
            { "key": "002" },
            { "key": null, "last": { "value": 1.0 } },
            { "key": "x".repeat(MAX_KEY + 1), "last": { "value": 1.0 } },
        ]);
        let page = all(&with_buckets(&buckets)).unwrap();
        assert_eq!((page.newest.as_slice(), page.listed), ([].as_slice(), 4));
    }

    #[test]
    fn no_time_lies_beyond_the_window() {
        let buckets = json!([{ "key": "001", "last": { "value": 9e15 } }]);
        assert_eq!(all(&with_buckets(&buckets)).unwrap().newest, [seen("001", TO)]);
    }

    #[test]
    fn entities_that_nobody_asked_for_are_left_out() {
        let buckets =
            json!([{ "key": "001", "last": { "value": 5.0 } }, { "key": "002", "last": { "value": 6.0 } }]);
        let page =
            read(&with_buckets(&buckets), &Wanted::by(&query(Entities::Only(&["002", "003"])))).unwrap();
        assert_eq!(page.newest, [seen("002", 6)]);
    }

    #[test]
    fn searched_everything_and_found_nothing_is_a_complete_answer() {
        let body = br#"{"took":1,"timed_out":false,"_shards":{"total":3,"successful":3,"failed":0}}"#;
        assert_eq!(all(body).unwrap(), Page::default());
    }

    #[test]
    fn anything_less_than_everything_is_no_evidence() {
        let reason = |text: &str| all(text.as_bytes()).unwrap_err().reason;
        let shards = r#""_shards":{"total":3,"failed":0}"#;
        assert_eq!(reason(&format!(r#"{{"timed_out":true,{shards}}}"#)), SourceReason::Incomplete);
        assert_eq!(
            reason(r#"{"timed_out":false,"_shards":{"total":3,"failed":1}}"#),
            SourceReason::Incomplete
        );
        assert_eq!(reason(r#"{"timed_out":false,"_shards":{"total":0,"failed":0}}"#), SourceReason::NoIndex);
        let skipped = format!(r#"{{"timed_out":false,{shards},"_clusters":{{"total":2,"skipped":1}}}}"#);
        assert_eq!(reason(&skipped), SourceReason::Incomplete);
    }

    #[test]
    fn what_no_server_documents_is_refused_without_a_panic() {
        let deep = format!("{}1{}", "[".repeat(100_000), "]".repeat(100_000));
        let wrong_list = String::from_utf8(with_buckets(&json!("none"))).unwrap();
        let whole =
            String::from_utf8(with_buckets(&json!([{ "key": "1", "last": { "value": 1 } }]))).unwrap();
        let cut = &whole[..whole.len() - 9];
        for body in ["", "null", "[]", "{}", "{\"took\": 1}", "<html>", "\u{0}", cut, &deep, &wrong_list] {
            let error = all(body.as_bytes()).unwrap_err();
            assert_eq!(error.reason, SourceReason::Malformed, "{body:.40}");
        }
        assert!(all(b" <!doctype html>").unwrap_err().detail.contains("web page"));
        assert!(all(cut.as_bytes()).unwrap_err().detail.contains("cut off"));
        assert!(all(&[0xff, 0xfe, b'{']).is_err());
    }

    #[test]
    fn a_page_tells_where_the_next_one_begins() {
        let body = json!({ "timed_out": false, "_shards": { "total": 1, "failed": 0 }, "aggregations": {
            "entities": { "after_key": { "entity": 7 }, "sum_other_doc_count": 3, "buckets": [] } } });
        let page = all(body.to_string().as_bytes()).unwrap();
        assert_eq!((page.after, page.left_out), (Some(json!({ "entity": 7 })), 3));
    }
}
