//! What is inside a bucket: the count and, when asked for, the newest time and the newest document.

use serde_json::{Value, json};

use super::document::{Document, Mapping, mapping};
use super::errors::Refusal;
use super::filter_path;
use super::query::{check_newest_first, only_key};

/// What is in a bucket.
pub(super) struct Found<'d> {
    pub(super) count: u64,
    pub(super) newest: &'d Document,
}

/// What is asked for inside each bucket.
pub(super) struct Inside<'a> {
    /// `{"last": {"max": {"field": DATE}}}`.
    last: bool,
    /// `{"newest": {"top_hits": …}}` of one document: the fields of it.
    newest: Option<Vec<&'a str>>,
}

impl<'a> Inside<'a> {
    pub(super) fn read(aggregations: &'a Value) -> Result<Self, Refusal> {
        let mut inside = Self { last: false, newest: None };
        for (name, aggregation) in aggregations.as_object().ok_or("[aggs] must be an object")? {
            match name.as_str() {
                "last" => inside.last = is_max_of_a_date(aggregation)?,
                "newest" => inside.newest = Some(fields_of_the_newest(aggregation)?),
                _ => return Err(format!("unknown aggregation [{name}]").into()),
            }
        }
        Ok(inside)
    }

    pub(super) fn bucket(&self, key: &Value, found: &Found<'_>) -> Value {
        let mut bucket = json!({ "key": key, "doc_count": found.count });
        if self.last {
            bucket["last"] = json!({ "value": found.newest.at as f64 });
        }
        if let Some(fields) = &self.newest {
            let source = filter_path::apply(&found.newest.json(), &fields.join(","));
            bucket["newest"] = json!({ "hits": { "hits": [{ "_source": source }] } });
        }
        bucket
    }
}

fn is_max_of_a_date(aggregation: &Value) -> Result<bool, Refusal> {
    let field = only_key(only_key(aggregation, "max")?, "field")?.as_str().unwrap_or_default();
    match mapping(field) {
        Some(Mapping::Date) | None => Ok(true),
        Some(_) => Err(Refusal::argument(format!(
            "Field [{field}] of type [keyword] is not supported for aggregation [max]"
        ))),
    }
}

fn fields_of_the_newest(aggregation: &Value) -> Result<Vec<&str>, Refusal> {
    let top_hits = only_key(aggregation, "top_hits")?;
    check_newest_first(&top_hits["sort"])?;
    let fields = top_hits["_source"].as_array().filter(|_| top_hits["size"] == 1);
    let fields = fields.ok_or("only [top_hits] of one document with named fields are known")?;
    Ok(fields.iter().filter_map(Value::as_str).collect())
}
