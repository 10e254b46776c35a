//! Durations as people write and read them.

use std::time::Duration;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{self, Deserialize, Deserializer, Visitor};
use serde::ser::{Serialize, Serializer};

/// The longest that a configuration may ask for. Beyond it a unit was mistaken, and sums with dates
/// stay far from where calendars end.
pub const LONGEST: Duration = Duration::from_secs(366 * 86400);

/// A duration in the configuration: a string with a unit, such as `15m` or `1h 30m`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span(pub Duration);

/// A [`Span`] that is longer than nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Positive(pub Duration);

impl Serialize for Span {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&written(self.0))
    }
}

impl Serialize for Positive {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Span(self.0).serialize(serializer)
    }
}

impl JsonSchema for Positive {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        Span::schema_name()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        Span::json_schema(generator)
    }
}

impl<'de> Deserialize<'de> for Positive {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Span::deserialize(deserializer)? {
            Span(Duration::ZERO) => Err(de::Error::custom("it must be longer than zero")),
            Span(duration) => Ok(Self(duration)),
        }
    }
}

impl JsonSchema for Span {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Duration".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "description": "a number with a unit: 500ms, 30s, 15m, 1h 30m, 7d" })
    }
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(SpanVisitor)
    }
}

struct SpanVisitor;

impl Visitor<'_> for SpanVisitor {
    type Value = Span;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a duration with a unit, such as \"15m\"")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Span, E> {
        parse(text).map(Span).map_err(E::custom)
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<Span, E> {
        Err(E::custom(format!(
            "a duration needs a unit: write \"{number}s\", \"{number}m\" or \"{number}h\""
        )))
    }
}

/// Reads a duration with a unit.
///
/// # Errors
/// A sentence that shows how to write one.
pub fn parse(text: &str) -> Result<Duration, String> {
    let duration = humantime::parse_duration(text).map_err(|_| {
        format!("`{text}` is not a duration: write a number with a unit, such as \"30s\", \"15m\" or \"24h\"")
    })?;
    if duration > LONGEST {
        return Err(format!("`{text}` is too long: a year (366 days) is the most"));
    }
    Ok(duration)
}

/// At most two units, as one says it: `16 min`, `2 h 34 min`, `3 d 4 h`.
#[must_use]
pub fn human(duration: Duration) -> String {
    let seconds = duration.as_secs();
    let two = |big: u64, unit: &str, small: u64, small_unit: &str| match small {
        0 => format!("{big} {unit}"),
        small => format!("{big} {unit} {small} {small_unit}"),
    };
    match seconds {
        0..60 => format!("{seconds} s"),
        60..600 => two(seconds / 60, "min", seconds % 60, "s"),
        600..3600 => format!("{} min", seconds / 60),
        3600..86400 => two(seconds / 3600, "h", seconds % 3600 / 60, "min"),
        _ => two(seconds / 86400, "d", seconds % 86400 / 3600, "h"),
    }
}

/// As the configuration writes it: `15m`, `1h 30m`, `30d`.
#[must_use]
pub fn written(duration: Duration) -> String {
    humantime::format_duration(duration).to_string().replace("days", "d").replace("day", "d")
}

/// Serde form for what the program writes for itself.
pub mod seconds {
    use std::time::Duration;

    use serde::{Deserialize, Deserializer, Serializer};

    /// Writes seconds.
    ///
    /// # Errors
    /// As the serializer.
    pub fn serialize<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_f64(duration.as_secs_f64())
    }

    /// Reads seconds.
    ///
    /// # Errors
    /// On anything that is no duration.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
        Duration::try_from_secs_f64(f64::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_read_as_they_are_said() {
        let said = |seconds| human(Duration::from_secs(seconds));
        assert_eq!(said(5), "5 s");
        assert_eq!(said(90), "1 min 30 s");
        assert_eq!(said(965), "16 min");
        assert_eq!(said(9240), "2 h 34 min");
        assert_eq!(said(3 * 86400 + 4 * 3600 + 59), "3 d 4 h");
    }

    #[test]
    fn a_number_without_a_unit_says_how_to_write_it() {
        assert_eq!(parse("1h 30m").unwrap(), Duration::from_secs(5400));
        assert!(parse("15").unwrap_err().contains("\"15m\""));
        assert!(parse("999999999999 years").is_err() && parse("367d").is_err());
    }
}
