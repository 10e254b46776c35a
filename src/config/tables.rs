//! The tables of the TOML that are the framework's own. Their schemas and doc comments are what the
//! commented default file is tested against.

use std::collections::BTreeMap;
use std::fmt;
use std::num::{NonZeroU32, NonZeroUsize};
use std::path::PathBuf;
use std::time::Duration;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{self, Deserialize, Deserializer, SeqAccess, Visitor};
use toml::Spanned;

use super::duration::{Positive, Span};
use super::model::{self, Level, Need};

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
}

/// A `[watches.NAME]` table.
#[derive(Debug, serde::Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Watch {
    /// The source it reads, or a list: one of documents, which decides, and others that tell why. It
    /// may be left out where there is one of each only.
    #[schemars(with = "Option<Globs>")]
    pub source: Option<Spanned<Globs>>,
    /// The file with its agents, one `id,label` on each line.
    #[schemars(with = "PathBuf", required)]
    pub agent_file: Option<Spanned<PathBuf>>,
    /// Silent after this much time without a log.
    #[serde(default = "interval")]
    pub interval: Positive,
    /// Plus this, for the way from agent to indexer.
    #[serde(default = "grace")]
    pub grace: Span,
    /// The longest time between two rounds; a third of the shortest interval if it is absent, but
    /// not under 1 s and not over 60 s.
    pub poll: Option<Positive>,
    /// Intervals by agent id. They win over classes.
    #[serde(default)]
    #[schemars(with = "BTreeMap<String, Positive>")]
    pub intervals: BTreeMap<Spanned<String>, Positive>,
    /// Policies for some of the agents; the first that matches holds.
    #[serde(default)]
    pub classes: Vec<Class>,
    /// When silence of some of the agents does not count, such as on a night of patches.
    #[serde(default)]
    pub maintenance: Vec<Maintenance>,
    /// When agents that fall silent together are one stall of the pipeline, told once.
    #[serde(default)]
    pub pipeline: Pipeline,
}

/// When many silences are one stall of the pipeline.
#[derive(Debug, serde::Serialize, serde::Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Pipeline {
    /// At least so many agents of the watch, of a node, or with the same label …
    #[serde(deserialize_with = "several")]
    pub count: usize,
    /// … and this part of them …
    #[serde(deserialize_with = "share")]
    pub share: f64,
    /// … within this time.
    pub window: Positive,
}

/// A `[[watches.NAME.classes]]` table.
#[derive(Debug, serde::Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Class {
    /// Which agents. A text is a glob; of a list one is enough; of several keys each must match.
    #[schemars(required)]
    pub r#match: Option<ClassMatch>,
    /// Replaces the watch's interval.
    pub interval: Option<Positive>,
    /// Replaces the watch's grace.
    pub grace: Option<Span>,
    /// When logs are expected; at other times nobody is silent. Always, if there is none.
    #[serde(default)]
    pub windows: Vec<Window>,
    /// The time zone of `windows`, such as `Europe/Rome`.
    #[schemars(with = "Option<String>")]
    pub time_zone: Option<Spanned<String>>,
    /// A file of days on which no window begins, one `YYYY-MM-DD` on each line.
    #[schemars(with = "Option<PathBuf>")]
    pub holidays_file: Option<Spanned<PathBuf>>,
    /// Refuses a configuration that may take longer than this from a last log to the first message.
    #[schemars(with = "Option<Positive>")]
    pub max_time_to_notify: Option<Spanned<Positive>>,
    /// Put on every event of these agents, for routes; `severity` sets the severity.
    #[serde(default)]
    #[schemars(with = "BTreeMap<String, String>")]
    pub labels: BTreeMap<String, Spanned<String>>,
}

/// A `[[watches.NAME.maintenance]]` table.
#[derive(Debug, serde::Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Maintenance {
    /// Which agents, as for a class. All of the watch, if it is absent.
    pub r#match: Option<ClassMatch>,
    /// On which days it begins: `sun`, `mon-fri`, `2nd tue`, `last fri`. Every day if there is none;
    /// not used where `from` and `to` name the days.
    #[serde(default)]
    #[schemars(with = "Vec<String>")]
    pub days: Vec<Spanned<String>>,
    /// When it begins: `02:00`, or once: `2026-03-01 22:00`.
    #[schemars(with = "String")]
    pub from: Spanned<String>,
    /// When it ends, in the same form.
    #[schemars(with = "String")]
    pub to: Spanned<String>,
    /// The time zone of both, such as `Europe/Rome`.
    #[schemars(with = "String")]
    pub time_zone: Spanned<String>,
}

/// A window of the week.
#[derive(Debug, serde::Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Window {
    /// On which days it begins, such as `["mon-fri"]`. Every day if it is absent.
    #[serde(default)]
    #[schemars(with = "Vec<String>")]
    pub days: Vec<Spanned<String>>,
    /// When it begins, such as `08:00`.
    #[schemars(with = "String")]
    pub from: Spanned<String>,
    /// When it ends, such as `18:00`; the next day unless it is after `from`.
    #[schemars(with = "String")]
    pub to: Spanned<String>,
}

/// What a class can match on.
#[derive(Debug, Default, serde::Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ClassMatch {
    /// The agent's id.
    pub id: Option<Globs>,
    /// The agent's name: its label, where the agents come from a file.
    pub name: Option<Globs>,
    /// The agent's group in Wazuh.
    #[schemars(with = "Option<Globs>")]
    pub group: Option<Spanned<Globs>>,
    /// The agent's label.
    pub label: Option<Globs>,
    /// The cluster node that the agent reports to.
    #[schemars(with = "Option<Globs>")]
    pub node: Option<Spanned<Globs>>,
}

/// A `[[routes]]` table.
#[derive(Debug, serde::Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Route {
    /// Its name, by which what was sent is remembered.
    #[schemars(with = "String", required)]
    pub name: Option<Spanned<String>>,
    /// Which events: `event`, `severity`, `watch`, `source`, `id`, `label`, or any label. Absent =
    /// all of them.
    #[serde(default)]
    #[schemars(with = "BTreeMap<String, Globs>")]
    pub r#match: BTreeMap<String, Spanned<Globs>>,
    /// Who is told, in this order. A later step is the fallback of the one before.
    #[schemars(with = "Vec<Step>", required)]
    pub steps: Option<Spanned<Vec<Step>>>,
    /// When to say again that it goes on.
    #[serde(default)]
    pub reminders: Reminders,
    /// How many messages at most.
    #[serde(default)]
    pub group: Group,
    /// Later routes are not used for an event that this one matches.
    #[serde(default)]
    pub stop: bool,
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
    /// At most this many messages …
    pub burst: NonZeroU32,
    /// … within this time.
    pub interval: Positive,
    /// How many agents a message lists before "+N more".
    pub max_items: NonZeroUsize,
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

/// One glob or several, of which one is enough.
#[derive(Debug)]
pub struct Globs(Vec<Spanned<String>>);

impl Globs {
    /// The globs as texts.
    pub fn texts(&self) -> Vec<&str> {
        self.0.iter().map(|glob| glob.get_ref().as_str()).collect()
    }

    /// The globs with their places; `whole` is the place of all.
    pub fn placed(
        &self,
        whole: std::ops::Range<usize>,
    ) -> impl Iterator<Item = (&str, std::ops::Range<usize>)> {
        self.0.iter().map(move |glob| {
            let own = glob.span();
            (glob.get_ref().as_str(), if own.end == 0 { whole.clone() } else { own })
        })
    }
}

impl JsonSchema for Globs {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Globs".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "a glob (* any text, ? one character), or a list of them",
            "oneOf": [{ "type": "string" }, { "type": "array", "items": { "type": "string" } }]
        })
    }
}

impl<'de> Deserialize<'de> for Globs {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(GlobsVisitor)
    }
}

struct GlobsVisitor;

impl<'de> Visitor<'de> for GlobsVisitor {
    type Value = Globs;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string or a list of strings")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Globs, E> {
        // A visitor is not told where it is; the caller knows.
        Ok(Globs(vec![Spanned::new(0..0, text.to_owned())]))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Globs, A::Error> {
        let mut globs = Vec::new();
        while let Some(glob) = seq.next_element()? {
            globs.push(glob);
        }
        if globs.is_empty() {
            return Err(de::Error::custom("an empty list matches nothing"));
        }
        Ok(Globs(globs))
    }
}

impl From<&Reminders> for model::Reminders {
    fn from(table: &Reminders) -> Self {
        Self { first: table.first.0, factor: table.factor, max: table.max.0 }
    }
}

impl From<Pipeline> for model::Pipeline {
    fn from(table: Pipeline) -> Self {
        Self { count: table.count, share: table.share, window: table.window.0 }
    }
}

impl Default for Pipeline {
    fn default() -> Self {
        let model::Pipeline { count, share, window } = model::Pipeline::default();
        Self { count, share, window: Positive(window) }
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
        Self { burst: table.burst.get(), interval: table.interval.0, max_items: table.max_items.get() }
    }
}

impl Default for Group {
    fn default() -> Self {
        let model::Group { burst, interval, max_items } = model::Group::default();
        Self {
            burst: NonZeroU32::new(burst).unwrap_or(NonZeroU32::MIN),
            interval: Positive(interval),
            max_items: NonZeroUsize::new(max_items).unwrap_or(NonZeroUsize::MIN),
        }
    }
}

fn several<'de, D: Deserializer<'de>>(deserializer: D) -> Result<usize, D::Error> {
    match usize::deserialize(deserializer)? {
        count @ 2.. => Ok(count),
        _ => Err(de::Error::custom("must be at least 2: one agent is no pipeline")),
    }
}

fn share<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
    let share = f64::deserialize(deserializer)?;
    if share > 0.0 && share <= 1.0 {
        return Ok(share);
    }
    Err(de::Error::custom("the share must be above 0 and at most 1"))
}

fn factor<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
    let factor = f64::deserialize(deserializer)?;
    if (1.0..=1000.0).contains(&factor) {
        return Ok(factor);
    }
    Err(de::Error::custom("the factor must be from 1 to 1000"))
}

const fn one() -> u64 {
    1
}

const fn interval() -> Positive {
    Positive(Duration::from_secs(15 * 60))
}

const fn grace() -> Span {
    Span(Duration::from_secs(60))
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
