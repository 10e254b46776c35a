//! The tables below `[watches.NAME]`.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use log_monitor_channels::Severity;
use schemars::JsonSchema;
use serde::de::{self, Deserialize, Deserializer};
use toml::Spanned;
use wildmatch::WildMatch;

use super::{Globs, Patterns};
use crate::config::duration::{Positive, Span};
use crate::config::{self, model};

/// A `[watches.NAME]` table.
#[derive(Debug, serde::Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Watch {
    /// The source it reads, or a list: one of documents, which decides, and others that tell why; of several
    /// of documents, what any has was logged. It may be left out where there is one of each only.
    #[schemars(with = "Option<Globs>")]
    pub source: Option<Spanned<Globs>>,
    /// The file with its agents, one `id,label` on each line. It may be left out where they are
    /// discovered.
    #[schemars(with = "Option<PathBuf>")]
    pub agent_file: Option<Spanned<PathBuf>>,
    /// Watches whoever a source lists, too.
    #[schemars(with = "Option<Discover>")]
    pub discover: Option<Spanned<Discover>>,
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
    /// Agents that cannot log while others do not, such as those behind a gateway.
    #[serde(default)]
    pub dependencies: Vec<Dependency>,
    /// When agents that fall silent together are one stall of the pipeline, told once.
    #[serde(default)]
    pub pipeline: Pipeline,
    /// What makes a silence suspicious: its message names what came before it, and is more severe.
    #[serde(default)]
    pub suspicion: Suspicion,
    /// At least so many logs are expected in each interval; any number if it is absent.
    pub min_events: Option<u64>,
}

/// The `[watches.NAME.discover]` table.
#[derive(Debug, serde::Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Discover {
    /// The source that lists them: one of connections, if there is one and `entity_field` names the ids of
    /// agents, else that of documents.
    #[schemars(with = "Option<String>")]
    pub source: Option<Spanned<String>>,
    /// Which of them; one of the list is enough. All, if there is none.
    #[serde(default)]
    pub include: Vec<ClassMatch>,
    /// Which of them not. Agent 000, the manager itself, is not either, unless `include` has its id.
    #[serde(default)]
    pub exclude: Vec<ClassMatch>,
    /// How often the list is read.
    #[serde(default = "ten_minutes")]
    pub every: Positive,
    /// Who appears later is silent at the earliest after this long.
    #[serde(default = "hour")]
    pub probation: Span,
    /// Who is on the list only as long as it logs, and has been silent for this long, is forgotten.
    #[serde(default = "month")]
    pub forget_after: Positive,
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

/// A `[[watches.NAME.dependencies]]` table.
#[derive(Debug, serde::Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Dependency {
    /// Which agents depend, as for a class. All of the watch but `on`, if it is absent.
    #[schemars(with = "Option<ClassMatch>")]
    pub r#match: Option<Spanned<ClassMatch>>,
    /// On which agents, as for a class.
    #[schemars(with = "ClassMatch")]
    pub on: Spanned<ClassMatch>,
    /// How many of those have to log: a number, or a part such as `"50%"`. Each of them, if it is
    /// absent.
    #[schemars(with = "Option<Count>")]
    pub need: Option<Spanned<Count>>,
}

/// A number of agents, or a part of them.
#[derive(Debug, Clone, serde::Deserialize, JsonSchema)]
#[serde(untagged, expecting = "a number from 1, or a part such as \"50%\", is expected")]
pub enum Count {
    /// So many.
    Number(usize),
    /// Such as `50%`.
    Part(String),
}

impl Count {
    /// What it means; `None` where it means nothing.
    #[must_use]
    pub fn quorum(&self) -> Option<model::Quorum> {
        match self {
            Self::Number(count) => (*count > 0).then_some(model::Quorum::Count(*count)),
            Self::Part(text) => {
                let percent: f64 = text.trim().strip_suffix('%')?.trim().parse().ok()?;
                (percent > 0.0 && percent <= 100.0).then_some(model::Quorum::Share(percent / 100.0))
            }
        }
    }
}

/// The `[watches.NAME.suspicion]` table.
#[derive(Debug, serde::Serialize, serde::Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Suspicion {
    /// Rules of Wazuh, by id. A text is a glob.
    pub rules: Vec<String>,
    /// Rules of Wazuh, by group.
    pub groups: Vec<String>,
    /// Rules of this level or a higher one, up to 16; 0 = none.
    #[serde(deserialize_with = "level")]
    pub level: u8,
    /// An alert of them counts if it came at most so long before the last log.
    pub within: Positive,
    /// The least severity of a suspicious silence.
    #[schemars(with = "String")]
    pub severity: Severity,
}

/// A `[[watches.NAME.classes]]` table.
#[derive(Debug, serde::Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Class {
    /// Which agents. A text is a glob; of a list one is enough; of several keys each must match.
    #[schemars(with = "ClassMatch", required)]
    pub r#match: Option<Spanned<ClassMatch>>,
    /// Replaces the watch's interval.
    pub interval: Option<Positive>,
    /// Replaces the watch's grace.
    pub grace: Option<Span>,
    /// Replaces the watch's `min_events`.
    pub min_events: Option<u64>,
    /// When logs are expected; at other times nobody is silent. Always, if there is none.
    #[serde(default)]
    pub windows: Vec<Window>,
    /// The time zone of `windows`, such as `Europe/Rome`.
    #[schemars(with = "Option<String>")]
    pub time_zone: Option<Spanned<String>>,
    /// A file of days on which no window begins, one `YYYY-MM-DD` on each line.
    #[schemars(with = "Option<PathBuf>")]
    pub holidays_file: Option<Spanned<PathBuf>>,
    /// Refuses a configuration that may take longer than this from a last log to the first person, in time
    /// in which logs are expected.
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
    #[schemars(with = "Option<ClassMatch>")]
    pub r#match: Option<Spanned<ClassMatch>>,
    /// On which days it begins: `sun`, `mon-fri`, `2nd tue`, `last fri`. Every day if there is none;
    /// refused where `from` and `to` name the days.
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
    #[schemars(with = "Option<Patterns>")]
    pub id: Option<Spanned<Patterns>>,
    /// The agent's name: its label, where the agents come from a file.
    #[schemars(with = "Option<Patterns>")]
    pub name: Option<Spanned<Patterns>>,
    /// The agent's group in Wazuh.
    #[schemars(with = "Option<Patterns>")]
    pub group: Option<Spanned<Patterns>>,
    /// Another word for `name`. Wazuh's own labels of an agent are in no list.
    #[schemars(with = "Option<Patterns>")]
    pub label: Option<Spanned<Patterns>>,
    /// The cluster node that the agent reports to.
    #[schemars(with = "Option<Patterns>")]
    pub node: Option<Spanned<Patterns>>,
}

impl ClassMatch {
    /// The keys that it asks for, with what each must be.
    pub fn keys(&self) -> impl Iterator<Item = (&'static str, &Spanned<Patterns>)> {
        let keys = [
            ("id", &self.id),
            ("name", &self.name),
            ("group", &self.group),
            ("label", &self.label),
            ("node", &self.node),
        ];
        keys.into_iter().filter_map(|(key, patterns)| Some((key, patterns.as_ref()?)))
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

impl From<Suspicion> for config::Suspicion {
    fn from(table: Suspicion) -> Self {
        let globs = |texts: Vec<String>| texts.iter().map(|text| WildMatch::new(text)).collect();
        Self {
            rules: globs(table.rules),
            groups: globs(table.groups),
            level: table.level,
            within: table.within.0,
            severity: table.severity,
        }
    }
}

impl Default for Suspicion {
    fn default() -> Self {
        let config::Suspicion { rules, groups, level, within, severity } = config::Suspicion::default();
        let texts = |globs: Vec<WildMatch>| globs.iter().map(ToString::to_string).collect();
        Self { rules: texts(rules), groups: texts(groups), level, within: Positive(within), severity }
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

/// The highest level of a rule is 16 (Wazuh, "Rules classification").
fn level<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u8, D::Error> {
    match u64::deserialize(deserializer)? {
        level @ 0..=16 => Ok(level as u8),
        _ => Err(de::Error::custom("the levels of Wazuh's rules go up to 16")),
    }
}

const fn interval() -> Positive {
    Positive(Duration::from_secs(15 * 60))
}

const fn grace() -> Span {
    Span(Duration::from_secs(60))
}

const fn ten_minutes() -> Positive {
    Positive(Duration::from_secs(600))
}

const fn hour() -> Span {
    Span(Duration::from_secs(3600))
}

const fn month() -> Positive {
    Positive(Duration::from_secs(30 * 86_400))
}
