//! How many calls a channel may be sent within a time, as one writes it: `20 per 10m`.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{self, Deserialize, Deserializer, Visitor};

use super::duration::{parse, written};

/// The most calls of a window: so many are looked at whenever something is to be sent.
const MOST: u32 = 10_000;

/// The longest window: what was sent before is forgotten some time.
const LONGEST: Duration = Duration::from_secs(30 * 86_400);

/// At most so many calls within a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Budget {
    /// So many, from 1 …
    pub count: usize,
    /// … within this time, whenever it begins.
    pub per: Duration,
}

impl FromStr for Budget {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (count, per) = text.split_once(" per ").ok_or_else(|| {
            format!("`{text}` is not a budget: write a number and a time, such as \"20 per 10m\"")
        })?;
        let count: u32 = count.trim().parse().map_err(|_| format!("`{count}` is not a whole number"))?;
        let per = parse(per.trim())?;
        if !(1..=MOST).contains(&count) {
            return Err(format!("a budget is of 1 to {MOST} messages"));
        }
        if per.is_zero() || per > LONGEST {
            return Err("the time of a budget is longer than zero, and 30 days at most".to_owned());
        }
        Ok(Self { count: count as usize, per })
    }
}

impl fmt::Display for Budget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} per {}", self.count, written(self.per))
    }
}

impl JsonSchema for Budget {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Budget".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "description": "so many messages within a time: 20 per 10m" })
    }
}

impl<'de> Deserialize<'de> for Budget {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(BudgetVisitor)
    }
}

/// What it refuses is told at its own place.
struct BudgetVisitor;

impl Visitor<'_> for BudgetVisitor {
    type Value = Budget;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a budget, such as \"20 per 10m\"")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Budget, E> {
        text.parse().map_err(E::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_budget_reads_as_it_is_written() {
        let budget: Budget = "20 per 10m".parse().unwrap();
        assert_eq!(
            (budget.count, budget.per.as_secs(), budget.to_string()),
            (20, 600, "20 per 10m".to_owned())
        );
        for wrong in ["20", "20/10m", "x per 10m", "0 per 10m", "20 per 10", "20 per 0s", "20 per 90d"] {
            assert!(wrong.parse::<Budget>().is_err(), "{wrong}");
        }
    }
}
