//! What holds for an agent, and where each value was set.

use log_monitor_channels::Event;
use log_monitor_channels::text::one_line;

use crate::config::duration::written;
use crate::config::resolved;
use crate::config::source_map::Origin;
use crate::config::windows::{maintenance, sentence};
use crate::config::{Agent, Class, Loaded, Policy, Watch};
use crate::journal::incidents::IncidentRow;

/// Of a value no more is shown, in characters.
const LONGEST: usize = 80;

/// Key, value, and where it was set. `silence` is as it is told; its incident, if it is `open`, may be worse than
/// what is configured.
pub fn values(
    loaded: &Loaded,
    watch: &Watch,
    agent: &Agent,
    policy: &Policy,
    (silence, open): (&Event, Option<&IncidentRow>),
) -> Vec<[String; 3]> {
    let class = policy.class.map(|number| &watch.classes[number - 1]);
    let origins = Origins { loaded, watch, class: class.zip(policy.class) };
    let is_labelled = policy.labels.contains_key("severity");
    let mut severity = if is_labelled { origins.of_label("severity") } else { DEFAULT.to_owned() };
    if let Some(open) = open.filter(|_| silence.severity != policy.severity) {
        severity = format!("incident {}, else {} ({severity})", open.id, policy.severity.name());
    }
    let mut rows = Vec::from_iter(origins.class.map(|(class, number)| {
        row("class", one_line(&format!("{number}: {}", class.matcher), LONGEST), origins.of_class(&[]))
    }));
    rows.extend([
        row("interval", written(policy.interval), interval(&origins, agent)),
        row("grace", written(policy.grace), origins.of_class_or("grace", |class| class.grace.is_some())),
        row("severity", silence.severity.name().to_owned(), severity),
    ]);
    rows.extend(policy.min_events.map(|least| {
        let origin = origins.of_class_or("min_events", |class| class.min_events.is_some());
        row("min_events", least.to_string(), origin)
    }));
    rows.extend(class.and_then(hours).map(|hours| row("hours", hours, origins.of_class(&["windows"]))));
    rows.extend(class.and_then(|class| class.max_time_to_notify.as_ref()).map(|limit| {
        row("max_time_to_notify", written(*limit.get_ref()), origins.of_class(&["max_time_to_notify"]))
    }));
    rows.extend(pauses(&origins, agent));
    let labels = policy.labels.iter().filter(|(key, _)| *key != "severity");
    rows.extend(labels.map(|(key, value)| row(key, one_line(value, LONGEST), origins.of_label(key))));
    rows
}

fn row(key: &str, value: String, origin: String) -> [String; 3] {
    [key.to_owned(), value, origin]
}

fn interval(origins: &Origins<'_>, agent: &Agent) -> String {
    match agent.ids().find(|id| origins.watch.intervals.contains_key(*id)) {
        Some(id) => origins.of(&["intervals", id]),
        None => origins.of_class_or("interval", |class| class.interval.is_some()),
    }
}

/// When logs are expected.
fn hours(class: &Class) -> Option<String> {
    let calendar = class.calendar.as_ref()?;
    let holidays = if calendar.holidays.is_empty() { "" } else { ", but on no holiday" };
    Some(format!("{} {}{holidays}", sentence(&calendar.windows), calendar.zone))
}

/// The maintenance of this agent.
fn pauses(origins: &Origins<'_>, agent: &Agent) -> Vec<[String; 3]> {
    let all = (1..).zip(&origins.watch.maintenance);
    let mine = all.filter(|(_, one)| one.holds_for(agent));
    mine.map(|(number, one)| {
        row("maintenance", maintenance(&one.pauses), origins.of_item("maintenance", number, &["from"]))
    })
    .collect()
}

/// Where the values of a watch were set.
struct Origins<'a> {
    loaded: &'a Loaded,
    watch: &'a Watch,
    /// The agent's class, and its number.
    class: Option<(&'a Class, usize)>,
}

impl Origins<'_> {
    fn of(&self, keys: &[&str]) -> String {
        said(resolved::origin(&self.loaded.resolved, &resolved::path(&self.base(), keys)))
    }

    /// Of what stands in the so-manieth table of a list.
    fn of_item(&self, list: &str, number: usize, keys: &[&str]) -> String {
        let item = format!("{}[{number}]", resolved::path(&self.base(), &[list]));
        said(self.loaded.items.get(&resolved::path(&item, keys)))
    }

    fn of_class(&self, keys: &[&str]) -> String {
        let number = self.class.map_or(0, |(_, number)| number);
        format!("class {number}, {}", self.of_item("classes", number, keys))
    }

    fn of_class_or(&self, key: &str, sets_it: fn(&Class) -> bool) -> String {
        if self.class.is_some_and(|(class, _)| sets_it(class)) {
            self.of_class(&[key])
        } else {
            self.of(&[key])
        }
    }

    /// Of a label: one that no class puts on it the list of agents has.
    fn of_label(&self, label: &str) -> String {
        match (self.class, &self.watch.discover) {
            (Some((class, _)), _) if class.labels.contains_key(label) => self.of_class(&["labels", label]),
            (_, Some(discover)) => format!("the list of {}", discover.source),
            _ => DEFAULT.to_owned(),
        }
    }

    fn base(&self) -> String {
        resolved::path("watches", &[&self.watch.name])
    }
}

const DEFAULT: &str = "default";

fn said(origin: Option<&Origin>) -> String {
    origin.map_or_else(|| DEFAULT.to_owned(), ToString::to_string)
}
