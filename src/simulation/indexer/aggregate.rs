//! The aggregation of a search: `terms` by one keyword, or `composite` by several and by steps of time.
//! In each bucket there are the count and, when asked for, the newest time and the newest document.

use std::collections::BTreeMap;
use std::ops::Bound;

use serde_json::{Map, Value, json};

use super::document::{Document, Mapping, mapping};
use super::errors::Refusal;
use super::inside::{Found, Inside};
use super::query::{Filter, only_key};

/// Evaluates `{"entities": {…}}` over the documents that `filter` selects.
pub(super) fn evaluate(
    aggregations: &Value,
    filter: &Filter<'_>,
    documents: &BTreeMap<String, Vec<Document>>,
    max_buckets: usize,
) -> Result<Value, Refusal> {
    let entities = only_key(aggregations, "entities")?;
    let inside = Inside::read(&entities["aggs"])?;
    let answer = match (&entities["terms"], &entities["composite"]) {
        (Value::Null, composite) => {
            Composite::read(composite, max_buckets)?.evaluate(filter, documents, &inside)
        }
        (terms, Value::Null) => evaluate_terms(terms, filter, documents, &inside, max_buckets)?,
        _ => return Err("expected one of [terms] and [composite]".into()),
    };
    Ok(json!({ "entities": answer }))
}

/// What a bucket is known by: of several sources, the values in their order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Part<'d> {
    Step(i64),
    Text(&'d str),
}

impl Part<'_> {
    fn json(self) -> Value {
        match self {
            Self::Step(at) => at.into(),
            Self::Text(text) => text.into(),
        }
    }
}

/// Where the values of a key come from.
enum Source<'a> {
    Field(&'a str),
    /// So many milliseconds.
    Steps(i64),
}

impl Source<'_> {
    fn values<'d>(&self, document: &'d Document) -> Vec<Part<'d>> {
        match self {
            Self::Field(field) => document.keywords(field).into_iter().map(Part::Text).collect(),
            Self::Steps(step) => vec![Part::Step(document.at.div_euclid(*step) * step)],
        }
    }
}

type Buckets<'d> = BTreeMap<Vec<Part<'d>>, Found<'d>>;

/// A document is in a bucket for each combination of its values.
fn buckets<'d>(
    sources: &[Source<'_>],
    filter: &Filter<'_>,
    documents: &'d BTreeMap<String, Vec<Document>>,
) -> Buckets<'d> {
    let mut buckets = Buckets::new();
    for document in documents.values().flat_map(|of_agent| filter.select(of_agent)) {
        let longer = |keys: Vec<Vec<Part<'d>>>, source: &Source<'_>| {
            let values = source.values(document);
            keys.iter().flat_map(|key| values.iter().map(move |value| [&**key, &[*value]].concat())).collect()
        };
        for key in sources.iter().fold(vec![Vec::new()], longer) {
            let found = buckets.entry(key).or_insert(Found { count: 0, newest: document });
            found.count += 1;
            if found.newest.at < document.at {
                found.newest = document;
            }
        }
    }
    buckets
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

fn size_of(aggregation: &Value) -> usize {
    aggregation["size"].as_u64().map_or(10, |size| usize::try_from(size).unwrap_or(usize::MAX))
}

fn evaluate_terms(
    terms: &Value,
    filter: &Filter<'_>,
    documents: &BTreeMap<String, Vec<Document>>,
    inside: &Inside<'_>,
    max_buckets: usize,
) -> Result<Value, Refusal> {
    let (field, size) = (keyword(&terms["field"])?, size_of(terms));
    if terms["order"] != json!({ "_key": "asc" }) {
        return Err("only the order by _key is known".into());
    }
    let all = buckets(&[Source::Field(field)], filter, documents);
    if all.len().min(size) > max_buckets {
        return Err(Refusal::TooManyBuckets(max_buckets));
    }
    let left_out: u64 = all.values().skip(size).map(|found| found.count).sum();
    let listed = all.iter().take(size).map(|(key, found)| inside.bucket(&key[0].json(), found));
    let listed: Vec<Value> = listed.collect();
    Ok(json!({ "doc_count_error_upper_bound": 0, "sum_other_doc_count": left_out, "buckets": listed }))
}

/// One page of a `composite`.
struct Composite<'a> {
    names: Vec<&'a str>,
    sources: Vec<Source<'a>>,
    size: usize,
    after: Option<Vec<Part<'a>>>,
}

impl<'a> Composite<'a> {
    fn read(composite: &'a Value, max_buckets: usize) -> Result<Self, Refusal> {
        let (mut names, mut sources) = (Vec::new(), Vec::new());
        for source in composite["sources"].as_array().ok_or("[composite] needs sources")? {
            let (name, source) =
                source.as_object().and_then(|object| object.iter().next()).ok_or("empty source")?;
            names.push(name.as_str());
            sources.push(Source::read(source)?);
        }
        let size = size_of(composite);
        if size > max_buckets {
            return Err(Refusal::TooManyBuckets(max_buckets));
        }
        let part = |name: &&str| match &composite["after"][*name] {
            Value::String(text) => Some(Part::Text(text)),
            number => number.as_i64().map(Part::Step),
        };
        let after = names.iter().map(part).collect();
        Ok(Self { names, sources, size, after })
    }

    fn evaluate(
        &self,
        filter: &Filter<'_>,
        documents: &BTreeMap<String, Vec<Document>>,
        inside: &Inside<'_>,
    ) -> Value {
        let all = buckets(&self.sources, filter, documents);
        let start = self.after.as_deref().map_or(Bound::Unbounded, Bound::Excluded);
        let page = all.range::<[Part<'_>], _>((start, Bound::Unbounded)).take(self.size);
        let listed: Vec<Value> = page.map(|(key, found)| inside.bucket(&self.key(key), found)).collect();
        match listed.last().map(|last| last["key"].clone()) {
            Some(last) => json!({ "after_key": last, "buckets": listed }),
            None => json!({ "buckets": listed }),
        }
    }

    fn key(&self, parts: &[Part<'_>]) -> Value {
        let values = parts.iter().map(|part| part.json());
        self.names.iter().map(|name| (*name).to_owned()).zip(values).collect::<Map<_, _>>().into()
    }
}

impl<'a> Source<'a> {
    fn read(source: &'a Value) -> Result<Self, Refusal> {
        if let Ok(terms) = only_key(source, "terms") {
            return Ok(Self::Field(keyword(only_key(terms, "field")?)?));
        }
        let histogram = only_key(source, "date_histogram")?;
        let interval = histogram["fixed_interval"].as_str().and_then(|text| text.strip_suffix("ms"));
        let step = interval.and_then(|text| text.parse().ok()).filter(|step| *step > 0);
        Ok(Self::Steps(step.ok_or("only a fixed_interval in ms is known")?))
    }
}
