//! One bucket of an answer: an entity, or an entity within a step of time.

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, Error, IgnoredAny, MapAccess, Visitor};
use serde_json::Value;

use super::query::{ENTITY, STEP};
use crate::source::key;

/// A bucket as far as anything of it was asked for.
#[derive(Deserialize)]
pub struct Bucket<'a> {
    /// Whom it is about.
    #[serde(borrow)]
    pub key: Key<'a>,
    /// How many documents are in it.
    #[serde(default)]
    pub doc_count: u64,
    /// The newest time of them.
    pub last: Option<Max>,
    /// The newest of them itself.
    pub newest: Option<TopHits>,
}

/// `max` over dates comes as a float of milliseconds, or `null` when there was none.
#[derive(Deserialize)]
pub struct Max {
    /// Milliseconds since 1970, UTC.
    pub value: Option<f64>,
}

/// The documents of a bucket.
#[derive(Deserialize)]
pub struct TopHits {
    /// The list around the list.
    pub hits: Hits,
}

/// A list of documents.
#[derive(Default, Deserialize)]
pub struct Hits {
    /// The documents.
    #[serde(default)]
    pub hits: Vec<Hit>,
}

/// A document.
#[derive(Deserialize)]
pub struct Hit {
    /// What of it was asked for.
    #[serde(rename = "_source", default)]
    pub source: Value,
    /// What it was sorted by: a date is a number of milliseconds.
    #[serde(default)]
    pub sort: Vec<Value>,
}

/// A text, a number, or a page's `{"entity": …}` around them.
#[derive(Default)]
pub struct Key<'a> {
    /// The entity; `None` is no key.
    pub entity: Option<Cow<'a, str>>,
    /// When the step of time begins, in milliseconds.
    pub step: Option<i64>,
}

impl<'a> Key<'a> {
    const fn of(entity: Cow<'a, str>) -> Self {
        Self { entity: Some(entity), step: None }
    }

    /// The key of the values of several fields, which come in the order of their names.
    fn of_parts(mut parts: Vec<(Cow<'a, str>, Option<Cow<'a, str>>)>, step: Option<i64>) -> Self {
        parts.sort_by(|a, b| a.0.cmp(&b.0));
        let values: Option<Vec<Cow<'a, str>>> = parts.into_iter().map(|(_, value)| value).collect();
        let entity = values.and_then(|mut values| match values.len() {
            0 | 1 => values.pop(),
            _ => Some(Cow::Owned(key::join(&values))),
        });
        Self { entity, step }
    }
}

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
        Ok(Key::of(Cow::Borrowed(text)))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Key<'de>, E> {
        Ok(Key::of(Cow::Owned(text.to_owned())))
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Key<'de>, E> {
        Ok(Key::of(Cow::Owned(number.to_string())))
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Key<'de>, E> {
        Ok(Key::of(Cow::Owned(number.to_string())))
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<Key<'de>, E> {
        Ok(Key::of(Cow::Owned(number.to_string())))
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Key<'de>, E> {
        Ok(Key::of(Cow::Owned(value.to_string())))
    }

    fn visit_unit<E: Error>(self) -> Result<Key<'de>, E> {
        Ok(Key::default())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Key<'de>, A::Error> {
        let (mut parts, mut step) = (Vec::new(), None);
        while let Some(name) = map.next_key::<Cow<'de, str>>()? {
            match &*name {
                STEP => step = map.next_value::<Option<f64>>()?.map(|step| step as i64),
                _ if name.starts_with(ENTITY) => parts.push((name, map.next_value::<Key<'de>>()?.entity)),
                _ => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        Ok(Key::of_parts(parts, step))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> (Option<String>, Option<i64>) {
        let key: Key<'_> = serde_json::from_str(text).unwrap();
        (key.entity.map(Cow::into_owned), key.step)
    }

    #[test]
    fn values_of_several_fields_are_one_key_in_the_order_of_the_fields() {
        let several = r#"{"entity1":"/var/log/a|b","x":[{}],"step":1767225600000.0,"entity0":"0|1"}"#;
        assert_eq!(read(several), (Some("0%7C1|/var/log/a|b".into()), Some(1_767_225_600_000)));
        assert_eq!(read(r#"{"entity0":7,"entity1":true}"#), (Some("7|true".into()), None));
    }

    #[test]
    fn what_lacks_a_value_is_nobody() {
        for nobody in
            ["null", "{}", r#"{"entity":null}"#, r#"{"entity0":"a","entity1":null}"#, r#"{"step":1}"#]
        {
            assert_eq!(read(nobody).0, None, "{nobody}");
        }
    }

    #[test]
    fn absurd_steps_and_depths_do_no_harm() {
        assert_eq!(read(r#"{"step":1e300,"entity":"a"}"#).1, Some(i64::MAX));
        let deep = format!("{}1{}", r#"{"entity":"#.repeat(10_000), "}".repeat(10_000));
        assert!(serde_json::from_str::<Key<'_>>(&deep).is_err());
    }
}
