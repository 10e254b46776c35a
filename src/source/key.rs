//! The key of an entity that several fields tell apart: their values with a `|` between them, such as
//! `001|/var/log/auth.log`. The last value stands as it is; in those before it `%` is `%25` and `|` is
//! `%7C`, so that no two entities share a key.

use std::borrow::Cow;

use compact_str::{CompactString, format_compact};

/// The longest key of an entity, in bytes. A longer one is no agent and no host.
pub const LONGEST: usize = 512;

/// Between two values.
const SEPARATOR: char = '|';

/// The key of these values, in the order of the fields.
#[must_use]
pub fn join(values: &[Cow<'_, str>]) -> String {
    let Some((last, before)) = values.split_last() else { return String::new() };
    let mut key: String = before.iter().map(|value| escaped(value) + "|").collect();
    key.push_str(last);
    key
}

/// How a value stands in a key, if it is not the last one there.
#[must_use]
pub fn escaped(value: &str) -> String {
    value.replace('%', "%25").replace(SEPARATOR, "%7C")
}

/// The values of a key of so many fields; `None` when it has fewer.
#[must_use]
pub fn split(key: &str, fields: usize) -> Option<Vec<Cow<'_, str>>> {
    let mut values: Vec<Cow<'_, str>> = key.splitn(fields, SEPARATOR).map(Cow::Borrowed).collect();
    if values.len() < fields {
        return None;
    }
    let before = values.len().saturating_sub(1);
    for value in values.iter_mut().take(before).filter(|value| value.contains('%')) {
        *value = Cow::Owned(unescaped(value));
    }
    Some(values)
}

/// The value that stands so in a key, if it is not the last one there.
#[must_use]
pub fn unescaped(value: &str) -> String {
    value.replace("%7C", "|").replace("%25", "%")
}

/// The name of an entity whose first value has this name. With several fields others share it: what
/// the key says more is added.
#[must_use]
pub fn named(name: CompactString, key: &str, fields: usize) -> CompactString {
    match key.split_once(SEPARATOR) {
        Some((_, rest)) if fields > 1 && !name.is_empty() => format_compact!("{name} {rest}"),
        _ => name,
    }
}

/// The first value of a key of so many fields, as it stands there.
#[must_use]
pub fn first(key: &str, fields: usize) -> &str {
    if fields > 1 { key.split(SEPARATOR).next().unwrap_or(key) } else { key }
}

/// What an entity of so many fields is a part of: its first value. One of a single field is a part of nothing.
#[must_use]
pub fn whole(key: &str, fields: usize) -> Option<&str> {
    (fields > 1).then(|| first(key, fields))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_key_reads_as_its_values_do() {
        let command = ["001", "df -P | sort"].map(Cow::Borrowed);
        assert_eq!(join(&command), "001|df -P | sort");
        assert_eq!(split("001|df -P | sort", 2).unwrap(), command);
        assert_eq!(split("001", 2), None);
        assert_eq!(named("web-01".into(), "001|a|b", 3), "web-01 a|b");
        assert_eq!(
            (named("web-01".into(), "a|b", 1), named("".into(), "001|a", 2)),
            ("web-01".into(), "".into())
        );
    }

    proptest! {
        #[test]
        fn no_two_entities_share_a_key(values in prop::collection::vec("[a%|257C]{0,6}", 1..4)) {
            let values: Vec<Cow<'_, str>> = values.iter().map(|value| Cow::Borrowed(value.as_str())).collect();
            let key = join(&values);
            prop_assert_eq!(split(&key, values.len()).unwrap(), values);
        }
    }
}
