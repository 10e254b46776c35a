//! The tables of the TOML that are the framework's own. Their schemas and doc comments are what the
//! commented default file is tested against.

mod globs;
mod group_key;
mod patterns;
mod watch;

use std::collections::BTreeMap;
use std::num::{NonZeroU32, NonZeroUsize};
use std::path::PathBuf;
use std::time::Duration;

use log_monitor_channels::Severity;
use schemars::JsonSchema;
use serde::de::{self, Deserialize, Deserializer};
use toml::Spanned;

pub use globs::Globs;
pub use group_key::GroupKey;
pub use patterns::Patterns;
pub use watch::{Class, ClassMatch, Dependency, Discover, Maintenance, Watch, Window};

use super::budget::Budget;
use super::duration::{Positive, Span};
use super::model::{self, Level, Need, Unless};
use crate::wording::language::Language;

/// The keys at the top, tables excepted.
#[derive(Debug, serde::Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Top {
    /// The version of this format.
    #[serde(default = "one")]
    pub schema: u64,
    /// The name of this installation in messages; the host name if it is absent.
    pub installation: Option<String>,
}

/// The keys of a `[channels.NAME]` table that every kind has.
#[derive(Debug, Default, serde::Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Channel {
    /// What it is.
    #[schemars(with = "String", required)]
    pub kind: Option<Spanned<String>>,
    /// How many messages may be under way at once: 4, or 1 where the vendor wants order.
    pub max_in_flight: Option<NonZeroUsize>,
    /// How many it is sent at most, such as `["1 per 1s", "20 per 10m"]`; no limit if there is none.
    #[serde(default)]
    pub budget: Vec<Budget>,
    /// The `[templates.NAME]` that its messages are written by; the built-in words if there is none.
    #[schemars(with = "Option<String>")]
    pub template: Option<Spanned<String>>,
    /// The language of the built-in words: `en` (English) or `it` (Italian); English by default.
    pub language: Option<Language>,
}

/// What each of these keys must be.
pub type Match = BTreeMap<Spanned<String>, Spanned<Patterns>>;

/// A `[[routes]]` table.
#[derive(Debug, serde::Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Route {
    /// Its name, by which what was sent is remembered.
    #[schemars(with = "String", required)]
    pub name: Option<Spanned<String>>,
    /// Which events: `event`, `severity`, `cause`, `watch`, `source`, `id`, `name`, `group`, `node`,
    /// or any label. Absent = all of them.
    #[serde(default)]
    #[schemars(with = "BTreeMap<String, Patterns>")]
    pub r#match: Match,
    /// Only in these times; always, if there is none.
    #[serde(default)]
    pub active: Vec<Window>,
    /// The time zone of `active`, such as `Europe/Rome`.
    #[schemars(with = "Option<String>")]
    pub time_zone: Option<Spanned<String>>,
    /// Who is told, in this order. A later step is the fallback of the one before.
    #[schemars(with = "Vec<Step>", required)]
    pub steps: Option<Spanned<Vec<Step>>>,
    /// When to say again that it goes on.
    #[serde(default)]
    pub reminders: Reminders,
    /// How many messages at most.
    #[serde(default)]
    pub group: Group,
    /// When what is not severe waits for the end of the night.
    pub quiet: Option<Quiet>,
    /// Later routes are not used for an event that this one matches.
    #[serde(default)]
    pub stop: bool,
}

/// Quiet hours: what is not severe enough waits for their end, and is one message then.
#[derive(Debug, serde::Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Quiet {
    /// When.
    pub windows: Vec<Window>,
    /// The time zone of `windows`, such as `Europe/Rome`.
    #[schemars(with = "String", required)]
    pub time_zone: Option<Spanned<String>>,
    /// What is at least this severe goes out all the same.
    #[serde(default = "high")]
    #[schemars(with = "String")]
    pub below: Severity,
}

/// The `[catch_all]` table: what no route took.
#[derive(Debug, serde::Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CatchAll {
    /// Who is told, in this order. A later step is the fallback of the one before.
    #[schemars(with = "Vec<Step>", required)]
    pub steps: Option<Spanned<Vec<Step>>>,
    /// When to say again that it goes on.
    #[serde(default)]
    pub reminders: Reminders,
    /// How many messages at most.
    #[serde(default)]
    pub group: Group,
    /// When what is not severe waits for the end of the night.
    pub quiet: Option<Quiet>,
}

/// The `[health]` table: channels that do not work, and a configuration that was refused.
#[derive(Debug, serde::Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Health {
    /// Names of channels that are told of either first; the steps of the catch-all are their fallback.
    #[schemars(with = "Vec<String>", required)]
    pub tell: Option<Spanned<Vec<Spanned<String>>>>,
}

/// One of the `steps` of a route.
#[derive(Debug, serde::Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// Names of channels that are told together.
    #[schemars(with = "Vec<String>", required)]
    pub to: Option<Spanned<Vec<Spanned<String>>>>,
    /// How many of them must accept.
    #[serde(default)]
    pub need: Need,
    /// The next step begins after this long without it.
    #[serde(default = "fallback_after")]
    pub fallback_after: Positive,
    /// It is told this long after the first message, although an earlier step was accepted.
    #[schemars(with = "Option<Positive>")]
    pub after: Option<Spanned<Positive>>,
    /// `"acked"`: only if nobody takes care of it by then.
    #[schemars(with = "Option<Unless>")]
    pub unless: Option<Spanned<Unless>>,
}

/// When to say again that it goes on.
#[derive(Debug, serde::Serialize, serde::Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Reminders {
    /// From the first message to the first reminder.
    pub first: Positive,
    /// Each wait is this many times the one before; at least 1.
    #[serde(deserialize_with = "factor")]
    pub factor: f64,
    /// The longest wait between two.
    pub max: Positive,
}

/// Keeps a route from flooding: what goes over waits and is sent as one message.
#[derive(Debug, serde::Serialize, serde::Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Group {
    /// What is alike in all of these, keys as in `match`, is a group of its own. None: all of the route is one.
    #[schemars(with = "Vec<String>")]
    pub by: Vec<Spanned<GroupKey>>,
    /// A message waits this long for others of its group.
    pub wait: Span,
    /// At most this many messages of a group …
    pub burst: NonZeroU32,
    /// … within this time.
    pub interval: Positive,
    /// More messages than this within `interval` are a storm: what follows is one message of all groups.
    pub storm: NonZeroU32,
    /// How many agents a message lists before "+N more".
    pub max_items: NonZeroUsize,
}

/// The `[links]` table: where people see more, by the word that messages show for it.
#[derive(Debug, serde::Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct Links(
    #[schemars(with = "BTreeMap<String, String>")] pub BTreeMap<Spanned<String>, Spanned<String>>,
);

/// A `[templates.NAME]` table: words of one's own, in the syntax of Jinja.
#[derive(Debug, serde::Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Template {
    /// The title, one line; the built-in one if it is absent.
    #[schemars(with = "Option<String>")]
    pub title: Option<Spanned<String>>,
    /// The same from a file.
    #[schemars(with = "Option<PathBuf>")]
    pub title_file: Option<Spanned<PathBuf>>,
    /// The text below the title; the built-in one if it is absent.
    #[schemars(with = "Option<String>")]
    pub body: Option<Spanned<String>>,
    /// The same from a file.
    #[schemars(with = "Option<PathBuf>")]
    pub body_file: Option<Spanned<PathBuf>>,
    /// All that is sent, for a kind that takes one (`webhook`); what the kind makes of a message if it is absent.
    #[schemars(with = "Option<String>")]
    pub payload: Option<Spanned<String>>,
    /// The same from a file.
    #[schemars(with = "Option<PathBuf>")]
    pub payload_file: Option<Spanned<PathBuf>>,
    /// What the payload is; `application/json` if it is absent. Of JSON, each value brings its own quotes, and what
    /// comes out must be JSON.
    #[schemars(with = "Option<String>")]
    pub content_type: Option<Spanned<String>>,
}

/// The `[journal]` table.
#[derive(Debug, serde::Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Journal {
    /// The database file, in which everything is remembered.
    #[serde(default = "journal")]
    pub path: PathBuf,
}

/// The `[log]` table.
#[derive(Debug, serde::Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Log {
    /// The log file; standard error only if it is absent.
    pub file: Option<PathBuf>,
    /// How much is written.
    #[serde(default)]
    pub level: Level,
}

impl From<&Reminders> for model::Reminders {
    fn from(table: &Reminders) -> Self {
        Self { first: table.first.0, factor: table.factor, max: table.max.0 }
    }
}

impl Default for Reminders {
    fn default() -> Self {
        let model::Reminders { first, factor, max } = model::Reminders::default();
        Self { first: Positive(first), factor, max: Positive(max) }
    }
}

impl From<&Group> for model::Group {
    fn from(table: &Group) -> Self {
        Self {
            by: table.by.iter().map(|key| key.get_ref().0.clone()).collect(),
            wait: table.wait.0,
            burst: table.burst.get(),
            interval: table.interval.0,
            storm: table.storm.get(),
            max_items: table.max_items.get(),
        }
    }
}

impl Default for Group {
    fn default() -> Self {
        let model::Group { burst, interval, storm, max_items, wait, .. } = model::Group::default();
        Self {
            by: Vec::new(),
            wait: Span(wait),
            burst: NonZeroU32::new(burst).unwrap_or(NonZeroU32::MIN),
            interval: Positive(interval),
            storm: NonZeroU32::new(storm).unwrap_or(NonZeroU32::MIN),
            max_items: NonZeroUsize::new(max_items).unwrap_or(NonZeroUsize::MIN),
        }
    }
}

fn factor<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
    let factor = f64::deserialize(deserializer)?;
    if (1.0..=1000.0).contains(&factor) {
        return Ok(factor);
    }
    Err(de::Error::custom("the factor must be from 1 to 1000"))
}

const fn high() -> Severity {
    Severity::High
}

const fn one() -> u64 {
    1
}

/// How long a step has before the next one begins.
pub const fn fallback_after() -> Positive {
    Positive(Duration::from_secs(30))
}

/// Where the journal is unless the configuration says otherwise.
#[must_use]
pub fn journal() -> PathBuf {
    PathBuf::from("state/log-monitor.db")
}

/// The JSON Schema of one of these tables.
#[must_use]
pub fn schema_of<T: JsonSchema>() -> serde_json::Value {
    schemars::generate::SchemaSettings::draft2020_12().into_generator().into_root_schema_for::<T>().to_value()
}
