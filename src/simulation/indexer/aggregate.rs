//! The aggregation of a search: `terms` or `composite` by one keyword, with the `max` of a date.

use std::collections::BTreeMap;
use std::ops::Bound;

use serde_json::{Value, json};

use super::document::{Document, Mapping, mapping};
use super::errors::Refusal;
use super::query::{Filter, only_key};

/// Evaluates `{"entities": {…}}` over the documents that `filter` selects.
pub(super) fn evaluate(
    aggregations: &Value,
    filter: &Filter<'_>,
    documents: &BTreeMap<String, Vec<Document>>,
    max_buckets: usize,
) -> Result<Value, Refusal> {
    let entities = only_key(aggregations, "entities")?;
    check_metric(&entities["aggs"])?;
    let answer = match (&entities["terms"], &entities["composite"]) {
        (Value::Null, composite) => Composite::read(composite, max_buckets)?.evaluate(filter, documents),
        (terms, Value::Null) => evaluate_terms(terms, filter, documents, max_buckets)?,
        _ => return Err("expected one of [terms] and [composite]".into()),
    };
    Ok(json!({ "entities": answer }))
}

/// The aggregation inside each bucket must be `{"last": {"max": {"field": DATE}}}`.
fn check_metric(aggregations: &Value) -> Result<(), Refusal> {
    let max = only_key(only_key(aggregations, "last")?, "max")?;
    let field = only_key(max, "field")?.as_str().unwrap_or_default();
    match mapping(field) {
        Some(Mapping::Date) | None => Ok(()),
        Some(_) => Err(Refusal::argument(format!(
            "Field [{field}] of type [keyword] is not supported for aggregation [max]"
        ))),
    }
}

/// Count and newest time by value.
type Buckets<'d> = BTreeMap<&'d str, (u64, i64)>;

fn buckets<'d>(
    field: &str,
    filter: &Filter<'_>,
    documents: &'d BTreeMap<String, Vec<Document>>,
) -> Buckets<'d> {
    let mut buckets = Buckets::new();
    for document in documents.values().flat_map(|of_agent| filter.select(of_agent)) {
        for value in document.keywords(field) {
            let (count, newest) = buckets.entry(value).or_insert((0, document.at));
            *count += 1;
            *newest = document.at.max(*newest);
        }
    }
    buckets
}

fn bucket(key: &Value, (count, newest): (u64, i64)) -> Value {
    json!({ "key": key, "doc_count": count, "last": { "value": newest as f64 } })
}

/// The field to group by. A text field cannot be grouped by; a field that no index knows has no
/// values, and that is no error.
fn keyword(value: &Value) -> Result<&str, Refusal> {
    let field = value.as_str().ok_or("[field] must be a text")?;
    match mapping(field) {
        Some(Mapping::Text) => Err(Refusal::argument(format!(
            "Text fields are not optimised for operations that require per-document field data like \
             aggregations and sorting, so these operations are disabled by default. Please use a keyword \
             field instead. Alternatively, set fielddata=true on [{field}] in order to load field data"
        ))),
        _ => Ok(field),
    }
}

fn evaluate_terms(
    terms: &Value,
    filter: &Filter<'_>,
    documents: &BTreeMap<String, Vec<Document>>,
    max_buckets: usize,
) -> Result<Value, Refusal> {
    let field = keyword(&terms["field"])?;
    let size = terms["size"].as_u64().map_or(10, |size| usize::try_from(size).unwrap_or(usize::MAX));
    if terms["order"] != json!({ "_key": "asc" }) {
        return Err("only the order by _key is known".into());
    }
    let all = buckets(field, filter, documents);
    if all.len().min(size) > max_buckets {
        return Err(Refusal::TooManyBuckets(max_buckets));
    }
    let left_out: u64 = all.values().skip(size).map(|(count, _)| count).sum();
    let listed: Vec<Value> =
        all.into_iter().take(size).map(|(key, found)| bucket(&Value::from(key), found)).collect();
    Ok(json!({ "doc_count_error_upper_bound": 0, "sum_other_doc_count": left_out, "buckets": listed }))
}

/// One page of a `composite` with one source.
struct Composite<'a> {
    name: &'a str,
    field: &'a str,
    size: usize,
    after: Option<&'a str>,
}

impl<'a> Composite<'a> {
    fn read(composite: &'a Value, max_buckets: usize) -> Result<Self, Refusal> {
        let source = match composite["sources"].as_array().map(Vec::as_slice) {
            Some([source]) => source.as_object().and_then(|object| object.iter().next()),
            _ => None,
        };
        let (name, source) = source.ok_or("[composite] needs one source")?;
        let field = keyword(only_key(only_key(source, "terms")?, "field")?)?;
        let size = composite["size"].as_u64().map_or(10, |size| usize::try_from(size).unwrap_or(usize::MAX));
        if size > max_buckets {
            return Err(Refusal::TooManyBuckets(max_buckets));
        }
        Ok(Self { name, field, size, after: composite["after"][name.as_str()].as_str() })
    }

    fn evaluate(&self, filter: &Filter<'_>, documents: &BTreeMap<String, Vec<Document>>) -> Value {
        let all = buckets(self.field, filter, documents);
        let start = self.after.map_or(Bound::Unbounded, Bound::Excluded);
        let page = all.range::<str, _>((start, Bound::Unbounded)).take(self.size);
        let listed: Vec<Value> =
            page.map(|(key, found)| bucket(&json!({ self.name: *key }), *found)).collect();
        match listed.last().map(|last| last["key"].clone()) {
            Some(last) => json!({ "after_key": last, "buckets": listed }),
            None => json!({ "buckets": listed }),
        }
    }
}
