//! What an answer of the server says, as a pure reading of its bytes. Borrowed and linear: a list
//! of 10,000 agents is read in a few milliseconds.

use serde_json::Value;

use super::bucket::{Bucket, Hit, Hits};
use crate::source::{SourceError, SourceReason};

/// One list or page that is known to be whole.
#[derive(Debug, PartialEq)]
pub struct Page<T> {
    /// What was wanted of it.
    pub found: Vec<T>,
    /// How many buckets it lists, wanted or not.
    pub listed: usize,
    /// How many documents belong to entities that had no room in it.
    pub left_out: u64,
    /// Where the next page begins.
    pub after: Option<Value>,
}

impl<T> Default for Page<T> {
    fn default() -> Self {
        Self { found: Vec::new(), listed: 0, left_out: 0, after: None }
    }
}

/// Reads an answer with status 200, and of each bucket what `pick` wants.
///
/// # Errors
/// When it is not whole ([`SourceReason::Incomplete`]), when no index was searched
/// ([`SourceReason::NoIndex`]), or when it is not what a server documents
/// ([`SourceReason::Malformed`]). The text is the end of a sentence that begins with the server.
pub fn read<T>(body: &[u8], pick: impl Fn(&Bucket<'_>) -> Option<T>) -> Result<Page<T>, SourceError> {
    let Some(list) = whole(body)?.aggregations.and_then(|aggregations| aggregations.entities) else {
        // A filtered answer leaves out what is empty: nobody logged.
        return Ok(Page::default());
    };
    let found = list.buckets.iter().filter_map(pick).collect();
    Ok(Page { found, listed: list.buckets.len(), left_out: list.sum_other_doc_count, after: list.after_key })
}

/// Reads an answer with status 200 that lists documents.
///
/// # Errors
/// As [`read`].
pub fn documents(body: &[u8]) -> Result<Vec<Hit>, SourceError> {
    Ok(whole(body)?.hits.unwrap_or_default().hits)
}

fn whole(body: &[u8]) -> Result<Body<'_>, SourceError> {
    let answer: Body<'_> = serde_json::from_slice(body).map_err(|error| unreadable(body, &error))?;
    answer.check_whole()?;
    Ok(answer)
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
    hits: Option<Hits>,
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

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use serde_json::json;

    use super::super::wanted::Wanted;
    use super::*;
    use crate::source::{Entities, Observation, Query, key};

    const TO: i64 = 1_767_226_200_000;

    fn query(entities: Entities<'_>) -> Query<'_> {
        let at = |millis| DateTime::from_timestamp_millis(millis).unwrap();
        Query { from: at(TO - 600_000), to: at(TO), entities }
    }

    fn all(body: &[u8]) -> Result<Page<Observation>, SourceError> {
        wanted(body, Entities::All(10))
    }

    fn wanted(body: &[u8], entities: Entities<'_>) -> Result<Page<Observation>, SourceError> {
        let wanted = Wanted::by(&query(entities));
        read(body, |bucket| wanted.observation(bucket))
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
        assert_eq!(all(&with_buckets(&buckets)).unwrap().found, expected);
    }

    #[test]
    fn a_bucket_without_a_time_or_with_an_absurd_key_is_skipped() {
        let buckets = json!([
            { "key": "001", "last": { "value": null } },
            { "key": "002" },
            { "key": null, "last": { "value": 1.0 } },
            { "key": "x".repeat(key::LONGEST + 1), "last": { "value": 1.0 } },
        ]);
        let page = all(&with_buckets(&buckets)).unwrap();
        assert_eq!((page.found.as_slice(), page.listed), ([].as_slice(), 4));
    }

    #[test]
    fn no_time_lies_beyond_the_window() {
        let buckets = json!([{ "key": "001", "last": { "value": 9e15 } }]);
        assert_eq!(all(&with_buckets(&buckets)).unwrap().found, [seen("001", TO)]);
    }

    #[test]
    fn entities_that_nobody_asked_for_are_left_out() {
        let buckets =
            json!([{ "key": "001", "last": { "value": 5.0 } }, { "key": "002", "last": { "value": 6.0 } }]);
        let page = wanted(&with_buckets(&buckets), Entities::Only(&["002", "003"])).unwrap();
        assert_eq!(page.found, [seen("002", 6)]);
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

    #[test]
    fn buckets_may_lack_anything_but_their_form() {
        let bare = with_buckets(&json!([{}, { "key": "1", "newest": { "hits": {} } }, { "key": "2" }]));
        assert_eq!(read(&bare, |_| Some(())).unwrap_err().reason, SourceReason::Malformed, "no key at all");
        let bare = with_buckets(&json!([{ "key": "1", "newest": { "hits": {} } }, { "key": "2" }]));
        let wanted = Wanted::by(&query(Entities::All(1)));
        let volumes = read(&bare, |bucket| wanted.volume(bucket)).unwrap().found;
        assert_eq!(volumes.iter().map(|volume| volume.count).collect::<Vec<_>>(), [0, 0]);
        assert_eq!(read(&bare, |bucket| wanted.heard(bucket)).unwrap().found, []);
        for odd in [json!({ "doc_count": -1 }), json!({ "doc_count": "9" }), json!({ "newest": [{}, {}] })] {
            let mut bucket = odd.clone();
            bucket["key"] = json!("1");
            let error = read(&with_buckets(&json!([bucket])), |_| Some(())).unwrap_err();
            assert_eq!(error.reason, SourceReason::Malformed, "{odd}");
        }
    }

    #[test]
    fn documents_are_read_only_from_whole_answers() {
        let whole = r#""timed_out":false,"_shards":{"total":3,"failed":0}"#;
        let found = |rest: &str| documents(format!("{{{whole}{rest}}}").as_bytes());
        assert_eq!(found("").unwrap().len(), 0);
        assert_eq!(found(r#","hits":{"hits":[{},{"_source":{"a":1},"sort":[7]}]}"#).unwrap().len(), 2);
        for odd in [
            r#","hits":7"#,
            r#","hits":{"hits":{}}"#,
            r#","hits":{"hits":[7]}"#,
            r#","hits":{"hits":[{"sort":7}]}"#,
        ] {
            assert_eq!(found(odd).err().unwrap().reason, SourceReason::Malformed, "{odd}");
        }
        let broken = br#"{"timed_out":false,"_shards":{"total":3,"failed":1},"hits":{"hits":[{}]}}"#;
        assert_eq!(documents(broken).err().unwrap().reason, SourceReason::Incomplete);
    }
}
