//! The query of a search: `bool` of `filter` and `must_not`, in them `range`, `terms` and `term`.

use std::collections::HashSet;

use serde_json::Value;

use super::document::{Document, Mapping, mapping};

/// A query that was understood.
#[derive(Debug, Default)]
pub(super) struct Filter<'a> {
    from: Option<i64>,
    to: Option<i64>,
    must: Vec<Terms<'a>>,
    must_not: Vec<Terms<'a>>,
    /// It asks for the range of something that is no date: no document has it.
    nothing: bool,
}

#[derive(Debug)]
struct Terms<'a> {
    field: &'a str,
    values: HashSet<&'a str>,
}

impl<'a> Filter<'a> {
    /// Reads the query.
    ///
    /// # Errors
    /// Names what was not understood.
    pub(super) fn read(query: &'a Value) -> Result<Self, String> {
        let bool = only_key(query, "bool")?.as_object().ok_or("[bool] must be an object")?;
        let mut filter = Self::default();
        for (occurrence, clauses) in bool {
            for clause in clauses.as_array().ok_or("clauses must be a list")? {
                filter.add(occurrence, clause)?;
            }
        }
        Ok(filter)
    }

    fn add(&mut self, occurrence: &str, clause: &'a Value) -> Result<(), String> {
        let (kind, field, argument) = parts(clause)?;
        match (occurrence, kind) {
            ("filter", "range") => self.add_range(field, argument),
            ("filter", "terms" | "term") => terms(field, argument).map(|terms| self.must.push(terms)),
            ("must_not", "terms" | "term") => terms(field, argument).map(|terms| self.must_not.push(terms)),
            _ => Err(format!("unknown query [{kind}] in [{occurrence}]")),
        }
    }

    fn add_range(&mut self, field: &str, argument: &Value) -> Result<(), String> {
        if argument["format"] != "epoch_millis" {
            return Err("a range needs the format epoch_millis".to_owned());
        }
        let bound = |key: &str| argument[key].as_i64();
        (self.from, self.to) = (bound("gte"), bound("lte"));
        self.nothing |= mapping(field) != Some(Mapping::Date);
        Ok(())
    }

    /// Those of one agent's documents, in the order of time, that match.
    pub(super) fn select<'d>(&self, documents: &'d [Document]) -> impl Iterator<Item = &'d Document> {
        let start = self.from.map_or(0, |from| documents.partition_point(|document| document.at < from));
        let end =
            self.to.map_or(documents.len(), |to| documents.partition_point(|document| document.at <= to));
        let window = if self.nothing { &[] } else { documents.get(start..end).unwrap_or_default() };
        window.iter().filter(|document| {
            self.must.iter().all(|terms| terms.match_any(document))
                && !self.must_not.iter().any(|terms| terms.match_any(document))
        })
    }
}

impl Terms<'_> {
    fn match_any(&self, document: &Document) -> bool {
        document.keywords(self.field).iter().any(|value| self.values.contains(value))
    }
}

fn terms<'a>(field: &'a str, argument: &'a Value) -> Result<Terms<'a>, String> {
    let values = match argument {
        Value::Array(list) => list.iter().map(Value::as_str).collect::<Option<HashSet<_>>>(),
        single => single.as_str().map(|value| HashSet::from([value])),
    };
    Ok(Terms { field, values: values.ok_or("terms must be texts")? })
}

/// A clause `{KIND: {FIELD: ARGUMENT}}`.
fn parts(clause: &Value) -> Result<(&str, &str, &Value), String> {
    let single = |value: &'_ Value| value.as_object().is_some_and(|object| object.len() == 1);
    let (kind, inner) = clause.as_object().and_then(|object| object.iter().next()).ok_or("empty clause")?;
    if !single(clause) || !single(inner) {
        return Err(format!("[{kind}] is malformed"));
    }
    let (field, argument) =
        inner.as_object().and_then(|object| object.iter().next()).ok_or("a clause needs a field")?;
    Ok((kind, field, argument))
}

/// The only order of documents that is known: `[{DATE: {"order": "desc", …}}]`.
pub(super) fn check_newest_first(sort: &Value) -> Result<(), String> {
    let by = sort[0].as_object().and_then(|by| by.iter().next());
    match by {
        Some((field, how)) if mapping(field) == Some(Mapping::Date) && how["order"] == "desc" => Ok(()),
        _ => Err("only the order by a date, the newest first, is known".to_owned()),
    }
}

/// The value of the only key that an object may have.
pub(super) fn only_key<'a>(value: &'a Value, key: &str) -> Result<&'a Value, String> {
    match value.as_object() {
        Some(object) if object.len() == 1 => object.get(key).ok_or(format!("expected [{key}]")),
        _ => Err(format!("expected [{key}] alone")),
    }
}
