//! What holds for an agent, and where each value was set.

use log_monitor_channels::Event;
use log_monitor_channels::text::one_line;

use crate::config::duration::written;
use crate::config::windows::sentence;
use crate::config::{Agent, Class, Loaded, Policy, Watch};
use crate::journal::incidents::IncidentRow;

/// Key, value, and where it was set. `silence` is as it is told; its incident, if it is `open`, may be worse than
/// what is configured.
pub fn values(
    loaded: &Loaded,
    watch: &Watch,
    agent: &Agent,
    policy: &Policy,
    (silence, open): (&Event, Option<&IncidentRow>),
) -> Vec<[String; 3]> {
    let origins = Origins { loaded, base: format!("watches.{}", watch.name), number: policy.class };
    let class = policy.class.map(|number| &watch.classes[number - 1]);
    let row = |key: &str, value: String, origin: String| [key.to_owned(), value, origin];
    let by_id = watch.intervals.contains_key(&agent.id).then(|| format!("intervals.{}", agent.id));
    let interval = match by_id {
        Some(key) => origins.of(&key),
        None => origins.of_class_or("interval", class.is_some_and(|class| class.interval.is_some())),
    };
    let grace = origins.of_class_or("grace", class.is_some_and(|class| class.grace.is_some()));
    let mut severity =
        if policy.labels.contains_key("severity") { origins.of_class() } else { DEFAULT.to_owned() };
    if let Some(open) = open.filter(|_| silence.severity != policy.severity) {
        severity = format!("incident {}, else {} ({severity})", open.id, policy.severity.name());
    }
    let mut rows = vec![
        row("interval", written(policy.interval), interval),
        row("grace", written(policy.grace), grace),
        row("severity", silence.severity.name().to_owned(), severity),
    ];
    rows.extend(policy.min_events.map(|least| {
        let of_class = class.is_some_and(|class| class.min_events.is_some());
        row("min_events", least.to_string(), origins.of_class_or("min_events", of_class))
    }));
    rows.extend(class.and_then(hours).map(|hours| row("hours", hours, origins.of_class())));
    if policy.calendar.as_ref().is_some_and(|calendar| !calendar.pauses.is_empty()) {
        rows.push(row("maintenance", "planned".to_owned(), origins.of("maintenance")));
    }
    let labels = policy.labels.iter().filter(|(key, _)| *key != "severity");
    rows.extend(labels.map(|(key, value)| row(key, one_line(value, 80), origins.of_class())));
    rows
}

/// When logs are expected.
fn hours(class: &Class) -> Option<String> {
    let calendar = class.calendar.as_ref()?;
    let holidays = if calendar.holidays.is_empty() { "" } else { ", but on no holiday" };
    Some(format!("{} {}{holidays}", sentence(&calendar.windows), calendar.zone))
}

const DEFAULT: &str = "default";

/// Where the values of a watch were set.
struct Origins<'a> {
    loaded: &'a Loaded,
    base: String,
    /// The agent's class.
    number: Option<usize>,
}

impl Origins<'_> {
    fn of(&self, key: &str) -> String {
        let path = format!("{}.{key}", self.base);
        let found = self.loaded.resolved.iter().find(|value| value.path == path);
        let set = found.and_then(|value| value.origin.as_ref()).map(ToString::to_string);
        set.unwrap_or_else(|| DEFAULT.to_owned())
    }

    fn of_class(&self) -> String {
        format!("class {}, {}", self.number.unwrap_or_default(), self.of("classes"))
    }

    fn of_class_or(&self, key: &str, class_sets_it: bool) -> String {
        if class_sets_it { self.of_class() } else { self.of(key) }
    }
}
